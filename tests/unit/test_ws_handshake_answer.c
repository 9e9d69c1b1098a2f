#include "common/buf.h"
#include "edge/ws_handshake.h"
#include "tests/support/check_main.h"

#include <check.h>

static void expect_answer(struct buf *answer, const char *expected)
{
    ck_assert_msg(bytes_equal(buf_bytes(answer), bytes_of_str(expected)), "%.*s", (int)answer->len,
                  (const char *)answer->data);
    buf_clear(answer);
}

START_TEST(the_accept_key_is_that_of_the_rfc)
{
    /* RFC 6455 section 1.3 */
    struct ws_request request = {.key = BYTES_LIT("dGhlIHNhbXBsZSBub25jZQ==")};
    struct buf answer;
    buf_init(&answer, 0);
    ws_handshake_accept(&request, &answer);
    expect_answer(&answer, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                           "Connection: Upgrade\r\n"
                           "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
    request.subprotocol = BYTES_LIT("splitrail.v1.json");
    ws_handshake_accept(&request, &answer);
    expect_answer(&answer, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                           "Connection: Upgrade\r\n"
                           "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
                           "Sec-WebSocket-Protocol: splitrail.v1.json\r\n\r\n");
    request.subprotocol = BYTES_EMPTY;
    request.deflate = (struct ws_deflate_terms){.agreed = true,
                                                .window_bits = 15,
                                                .server_stands_alone = true,
                                                .client_stands_alone = true};
    ws_handshake_accept(&request, &answer);
    expect_answer(&answer, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                           "Connection: Upgrade\r\n"
                           "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
                           "Sec-WebSocket-Extensions: permessage-deflate; "
                           "server_no_context_takeover; client_no_context_takeover\r\n\r\n");
    buf_fini(&answer);
}
END_TEST

START_TEST(refusals_are_complete_answers_that_end_the_connection)
{
    struct buf answer;
    buf_init(&answer, 0);
    ws_handshake_refuse(400, "bad Host", 0, &answer);
    expect_answer(&answer, "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n"
                           "Content-Length: 9\r\nConnection: close\r\n\r\nbad Host\n");
    ws_handshake_refuse(405, "no", 0, &answer);
    expect_answer(&answer, "HTTP/1.1 405 Method Not Allowed\r\nContent-Type: text/plain\r\n"
                           "Content-Length: 3\r\nConnection: close\r\nAllow: GET\r\n\r\nno\n");
    ws_handshake_refuse(426, "old", 0, &answer);
    expect_answer(&answer, "HTTP/1.1 426 Upgrade Required\r\nContent-Type: text/plain\r\n"
                           "Content-Length: 4\r\nConnection: close, Upgrade\r\n"
                           "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\nold\n");
    ws_handshake_refuse(503, "full", 7, &answer);
    expect_answer(&answer, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\n"
                           "Content-Length: 5\r\nConnection: close\r\n"
                           "Cache-Control: no-store\r\nRetry-After: 7\r\n\r\nfull\n");
    buf_fini(&answer);
}
END_TEST

START_TEST(health_by_head_has_the_length_but_not_the_body)
{
    struct buf answer;
    buf_init(&answer, 0);
    ws_handshake_health(200, "ok", false, &answer);
    expect_answer(&answer, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n"
                           "Connection: close\r\nCache-Control: no-store\r\n\r\nok\n");
    ws_handshake_health(503, "draining", true, &answer);
    expect_answer(&answer, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\n"
                           "Content-Length: 9\r\nConnection: close\r\n"
                           "Cache-Control: no-store\r\n\r\n");
    buf_fini(&answer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ws_handshake_answer");
    TCase *tcase = tcase_create("answer");
    tcase_add_test(tcase, the_accept_key_is_that_of_the_rfc);
    tcase_add_test(tcase, refusals_are_complete_answers_that_end_the_connection);
    tcase_add_test(tcase, health_by_head_has_the_length_but_not_the_body);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
