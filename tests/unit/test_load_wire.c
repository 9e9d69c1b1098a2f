#include "edge/ws_frame.h"
#include "tests/bench/load/wire.h"
#include "tests/support/check_main.h"

#include <check.h>

#define GOOD_ANSWER                                                                                \
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"            \
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

static const struct {
    const char *answer;
    enum wire_result result;
    unsigned status;
} answers[] = {
    {"", WIRE_MORE, 0},
    {"HTTP/1.1 101 Switching Protocols\r\n", WIRE_MORE, 0},
    {GOOD_ANSWER, WIRE_DONE, 101},
    {GOOD_ANSWER "\x81\x01x", WIRE_DONE, 101},
    {"HTTP/1.1 101 X\r\nsec-websocket-accept:s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n", WIRE_DONE, 101},
    {"HTTP/1.1 101 X\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOO=\r\n\r\n", WIRE_BAD, 101},
    {"HTTP/1.1 101 X\r\n\r\n", WIRE_BAD, 101},
    {"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\n\r\n", WIRE_BAD, 503},
    {"nonsense\r\n\r\n", WIRE_BAD, 0},
    {"\r\n\r\n", WIRE_BAD, 0},
};

START_TEST(only_an_upgrade_for_our_key_is_one)
{
    size_t len = 0;
    unsigned status = 0;
    ck_assert_int_eq(wire_answer(bytes_of_str(answers[_i].answer), &len, &status),
                     answers[_i].result);
    ck_assert_uint_eq(status, answers[_i].status);
    ck_assert(answers[_i].result != WIRE_DONE || len <= strlen(answers[_i].answer));
}
END_TEST

static const size_t lengths[] = {0, 1, 125, 126, 127, 65535, 65536, 100000};

/* The server's own code writes the header, whole frames alone are taken. */
START_TEST(a_frame_of_any_length_is_taken_when_it_is_whole)
{
    size_t len = lengths[_i];
    uint8_t header[WS_FRAME_HEADER_MAX];
    size_t header_len = ws_frame_header(header, WS_OP_TEXT, len);
    struct buf frame;
    buf_init(&frame, 0);
    buf_append(&frame, bytes_of(header, header_len));
    memset(buf_extend(&frame, len + 1), 'x', len + 1); /* and a byte of the next one */
    struct wire_frame got;
    for (size_t cut = 0; cut < header_len + len; cut += cut < 12 ? 1 : 997) {
        ck_assert_int_eq(wire_parse(bytes_of(frame.data, cut), 200000, &got), WIRE_MORE);
    }
    ck_assert_int_eq(wire_parse(buf_bytes(&frame), 200000, &got), WIRE_DONE);
    ck_assert(got.fin);
    ck_assert_uint_eq(got.opcode, WIRE_TEXT);
    ck_assert_uint_eq(got.payload.len, len);
    ck_assert_uint_eq(got.total, header_len + len);
    buf_fini(&frame);
}
END_TEST

START_TEST(what_the_client_writes_the_server_unmasks)
{
    size_t len = lengths[_i];
    struct buf payload;
    struct buf frame;
    buf_init(&payload, 0);
    buf_init(&frame, 0);
    memset(buf_extend(&payload, len), 'y', len);
    wire_append(&frame, WIRE_TEXT, buf_bytes(&payload), 0x01020304);
    ck_assert_uint_eq(frame.data[0], 0x81);
    ck_assert_uint_eq(frame.data[1] & 0x80, 0x80);
    uint8_t *start = frame.data + frame.len - len;
    const uint8_t mask[4] = {1, 2, 3, 4};
    ck_assert_mem_eq(start - 4, mask, 4);
    ws_frame_unmask(start, len, mask, 0);
    ck_assert_mem_eq(start, payload.data, len);
    buf_fini(&payload);
    buf_fini(&frame);
}
END_TEST

START_TEST(what_no_server_may_send_is_refused)
{
    struct wire_frame got;
    ck_assert_int_eq(wire_parse(BYTES_LIT("\x81\x80"), 100, &got), WIRE_BAD);         /* masked */
    ck_assert_int_eq(wire_parse(BYTES_LIT("\xC1\x01"), 100, &got), WIRE_BAD);         /* RSV1 */
    ck_assert_int_eq(wire_parse(BYTES_LIT("\x81\x7E\x00\x65"), 100, &got), WIRE_BAD); /* long */
    ck_assert_int_eq(wire_parse(BYTES_LIT("\x81\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), 100, &got),
                     WIRE_BAD);
}
END_TEST

START_TEST(a_close_frame_says_its_code)
{
    ck_assert_uint_eq(wire_close_code(BYTES_EMPTY), 1005);
    ck_assert_uint_eq(wire_close_code(BYTES_LIT("\x03\xF4")), 1012);
    ck_assert_uint_eq(wire_close_code(BYTES_LIT("\x0F\xA1 why")), 4001);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("load_wire");
    TCase *tcase = tcase_create("all");
    tcase_add_loop_test(tcase, only_an_upgrade_for_our_key_is_one, 0,
                        sizeof(answers) / sizeof(answers[0]));
    tcase_add_loop_test(tcase, a_frame_of_any_length_is_taken_when_it_is_whole, 0,
                        sizeof(lengths) / sizeof(lengths[0]));
    tcase_add_loop_test(tcase, what_the_client_writes_the_server_unmasks, 0,
                        sizeof(lengths) / sizeof(lengths[0]));
    tcase_add_test(tcase, what_no_server_may_send_is_refused);
    tcase_add_test(tcase, a_close_frame_says_its_code);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
