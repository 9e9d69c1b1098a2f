/* Each MUST of RFC 6455 sections 4 to 7 that binds a server, as a row that cites its section and
 * the words. What the pure engine decides is here; what only the socket shows (an echoed pong, the
 * end of the TCP connection, nothing after the close frame) is in tests/e2e/test_conformance.py,
 * and the rows below that end in an event name the handler's duty. The many forms of a broken
 * handshake are in test_ws_handshake.c. */
#include "edge/ws_frame.h"
#include "edge/ws_handshake.h"
#include "edge/ws_session.h"
#include "tests/support/check_main.h"
#include "tests/support/ws_peer.h"

#include <check.h>
#include <string.h>

/* ---- section 4: the opening handshake ---- */

#define LINE "GET /ws HTTP/1.1\r\n"
#define HOST "Host: a.example\r\n"
#define UP "Upgrade: websocket\r\n"
#define CONN "Connection: Upgrade\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VER "Sec-WebSocket-Version: 13\r\n"
#define GOOD LINE HOST UP CONN KEY VER
#define END "\r\n"

struct handshake_row {
    const char *must;
    const char *request;
    int status;
    const char *holds; /* in the answer; NULL = not looked at */
    const char *lacks;
};

static const struct handshake_row handshake_rows[] = {
    {"4.2.1 (1) an HTTP/1.1 or higher GET request", "GET /ws HTTP/1.0\r\n" HOST UP CONN KEY VER END,
     400, NULL, NULL},
    {"4.2.1 (1) the method MUST be GET (4.1 (2))", "POST /ws HTTP/1.1\r\n" HOST UP CONN KEY VER END,
     405, NULL, NULL},
    {"4.2.1 (2) a Host header field", LINE UP CONN KEY VER END, 400, NULL, NULL},
    {"4.2.1 (3) an Upgrade header field", LINE HOST CONN KEY VER END, 400, NULL, NULL},
    {"4.2.1 (3) containing the value websocket", LINE HOST "Upgrade: h2c\r\n" CONN KEY VER END, 400,
     NULL, NULL},
    {"4.2.1 (3) treated as an ASCII case-insensitive value",
     LINE HOST "Upgrade: WebSocket\r\n" CONN KEY VER END, 101, NULL, NULL},
    {"4.2.1 (4) a Connection header field", LINE HOST UP KEY VER END, 400, NULL, NULL},
    {"4.2.1 (4) that includes the token Upgrade",
     LINE HOST UP "Connection: keep-alive\r\n" KEY VER END, 400, NULL, NULL},
    {"4.2.1 (4) treated as an ASCII case-insensitive value",
     LINE HOST UP "Connection: keep-alive, uPGRADE\r\n" KEY VER END, 101, NULL, NULL},
    {"4.2.1 (5) a Sec-WebSocket-Key header field", LINE HOST UP CONN VER END, 400, NULL, NULL},
    {"4.2.1 (5) that, when decoded, is 16 bytes in length",
     LINE HOST UP CONN VER "Sec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\n" END, 400, NULL, NULL},
    {"11.3.1 the key MUST NOT appear more than once", GOOD KEY END, 400, NULL, NULL},
    {"4.2.1 (6) a Sec-WebSocket-Version header field", LINE HOST UP CONN KEY END, 400, NULL, NULL},
    {"4.2.1 (6) with a value of 13", LINE HOST UP CONN KEY "Sec-WebSocket-Version: 8\r\n" END, 426,
     NULL, NULL},
    {"4.2.2 (4) an unknown version is aborted with 426 and the version understood",
     LINE HOST UP CONN KEY "Sec-WebSocket-Version: 14\r\n" END, 426,
     "\r\nSec-WebSocket-Version: 13\r\n", NULL},
    {"4.4 all versions it is willing to use",
     LINE HOST UP CONN KEY "Sec-WebSocket-Version: 7\r\n" END, 426,
     "\r\nSec-WebSocket-Version: 13\r\n", NULL},
    {"11.3.5 the version MUST NOT appear more than once", GOOD VER END, 400, NULL, NULL},
    {"4.2.2 (4) an origin that is not accepted: an appropriate HTTP error code (403)",
     GOOD "Origin: https://evil.example\r\n" END, 403, "HTTP/1.1 403", NULL},
    {"4.2.1 a handshake that does not match: stop, and an HTTP error code (400)",
     LINE "nonsense\r\n", 400, "HTTP/1.1 400", NULL},
    {"4.2.2 (5.1) a status line with a 101 response code", GOOD END, 101,
     "HTTP/1.1 101 Switching Protocols\r\n", NULL},
    {"4.2.2 (5.2) an Upgrade header field with value websocket", GOOD END, 101,
     "\r\nUpgrade: websocket\r\n", NULL},
    {"4.2.2 (5.3) a Connection header field with value Upgrade", GOOD END, 101,
     "\r\nConnection: Upgrade\r\n", NULL},
    {"4.2.2 (5.4) Sec-WebSocket-Accept made of the key", GOOD END, 101,
     "\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", NULL},
    {"4.2.2 (5.5) a sub-protocol that was offered",
     GOOD "Sec-WebSocket-Protocol: x, splitrail.v1.json\r\n" END, 101,
     "\r\nSec-WebSocket-Protocol: splitrail.v1.json\r\n", NULL},
    {"4.2.2 (4) no field when none of the client's is agreed to",
     GOOD "Sec-WebSocket-Protocol: x\r\n" END, 101, NULL, "Sec-WebSocket-Protocol"},
    {"4.2.2 (4) no field when none was offered", GOOD END, 101, NULL, "Sec-WebSocket-Protocol"},
    {"4.2.2 (5.6) no extension that was not offered", GOOD END, 101, NULL,
     "Sec-WebSocket-Extensions"},
    {"4.2.2 (5.6) an extension that was offered",
     GOOD "Sec-WebSocket-Extensions: permessage-deflate\r\n" END, 101,
     "\r\nSec-WebSocket-Extensions: permessage-deflate", NULL},
    {"4.2.2 (4) an extension that is not supported is not acknowledged",
     GOOD "Sec-WebSocket-Extensions: mux\r\n" END, 101, NULL, "Sec-WebSocket-Extensions"},
    {"9.1 a value that is not of the ABNF fails it", GOOD "Sec-WebSocket-Extensions: a b\r\n" END,
     400, NULL, NULL},
    {"11.3.4 the sub-protocol MUST NOT appear more than once in the response",
     GOOD "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: splitrail.v1.json\r\n" END, 101,
     "\r\nSec-WebSocket-Protocol: splitrail.v1.json\r\n\r\n", NULL},
};

static const struct bytes origins[] = {BYTES_INIT("https://a.example")};
static const struct ws_handshake_config config = {
    .path = BYTES_INIT("/ws"),
    .head_bytes_max = 2000,
    .fields_max = 20,
    .origins = origins,
    .origin_count = 1,
    .deflate = {.enabled = true, .window_bits = WS_WINDOW_BITS_MAX},
};

static bool holds(const struct buf *answer, const char *text)
{
    return memmem(answer->data, answer->len, text, strlen(text)) != NULL;
}

START_TEST(each_must_of_the_opening_handshake_is_kept)
{
    const struct handshake_row *row = &handshake_rows[_i];
    struct ws_request request;
    struct buf scratch;
    struct buf answer;
    buf_init(&scratch, 2000);
    buf_init(&answer, 0);
    enum ws_handshake_verdict verdict =
        ws_handshake_parse(bytes_of_str(row->request), &config, &scratch, &request);
    if (verdict == WS_HANDSHAKE_UPGRADE) {
        ws_handshake_accept(&request, &answer);
    } else {
        ck_assert_int_eq(verdict, WS_HANDSHAKE_REFUSED);
        ws_handshake_refuse(request.status, request.refusal, 0, &answer);
    }
    int status = verdict == WS_HANDSHAKE_UPGRADE ? 101 : request.status;
    ck_assert_msg(status == row->status, "%s: %d", row->must, status);
    ck_assert_msg(row->holds == NULL || holds(&answer, row->holds), "%s", row->must);
    ck_assert_msg(row->lacks == NULL || !holds(&answer, row->lacks), "%s", row->must);
    buf_fini(&scratch);
    buf_fini(&answer);
}
END_TEST

/* ---- sections 5 to 7: what comes in ---- */

enum { FRAMES_MAX = 6, RAW = 0x1000, FIN = WS_PEER_FIN };

struct frame {
    unsigned first; /* RAW: the data goes out as it is */
    const char *data;
    size_t len;
};

#define F(first, text)                                                                             \
    {                                                                                              \
        first, text, sizeof(text) - 1                                                              \
    }
#define TEXT 1
#define BINARY 2
#define CLOSE (FIN | 8)
#define PING (FIN | 9)
#define PONG (FIN | 10)
#define T25 "1234567890123456789012345"
#define T125 T25 T25 T25 T25 T25
#define MASK0 "\0\0\0\0"

struct receive_row {
    const char *must;
    struct frame frames[FRAMES_MAX];
    struct bytes events;
};

#define E(text) BYTES_INIT(text)

static const struct receive_row receive_rows[] = {
    {"5.1 a server MUST close the connection upon receiving a frame that is not masked",
     {F(RAW, "\x81\x01x")},
     E("fail(1002)")},
    {"5.1 … also a control frame", {F(RAW, "\x89\x00")}, E("fail(1002)")},
    {"5.2 RSV1 MUST be 0 unless an extension is negotiated",
     {F(FIN | 0x40 | TEXT, "")},
     E("fail(1002)")},
    {"5.2 RSV2 MUST be 0", {F(FIN | 0x20 | TEXT, "")}, E("fail(1002)")},
    {"5.2 RSV3 MUST be 0", {F(FIN | 0x10 | TEXT, "")}, E("fail(1002)")},
    {"5.2 an unknown opcode MUST fail the connection: 3", {F(FIN | 3, "")}, E("fail(1002)")},
    {"5.2 an unknown opcode: 7", {F(FIN | 7, "")}, E("fail(1002)")},
    {"5.2 an unknown opcode: B", {F(FIN | 11, "")}, E("fail(1002)")},
    {"5.2 an unknown opcode: F", {F(FIN | 15, "")}, E("fail(1002)")},
    {"5.2 the most significant bit of a 64-bit length MUST be 0",
     {F(RAW, "\x82\xFF\x80\0\0\0\0\0\0\0" MASK0)},
     E("fail(1002)")},
    {"5.2 the minimal number of bytes MUST be used: 16 bits for 125",
     {F(RAW, "\x82\xFE\x00\x7D" MASK0)},
     E("fail(1002)")},
    {"5.2 the minimal number of bytes MUST be used: 64 bits for 65535",
     {F(RAW, "\x82\xFF\0\0\0\0\0\0\xFF\xFF" MASK0)},
     E("fail(1002)")},
    {"5.2 7, 16 and 64 bits are all read",
     {F(FIN | TEXT, "a"), F(FIN | TEXT, T125 "6")},
     E("text(a)text(" T125 "6)")},
    {"5.3 a masked payload is unmasked byte i with mask i modulo 4",
     {F(RAW, "\x81\x85\x37\xFA\x21\x3D\x7F\x9F\x4D\x51\x58")},
     E("text(Hello)")},
    {"5.4 fragments MUST be delivered in the order sent",
     {F(TEXT, "a"), F(0, "b"), F(FIN, "c")},
     E("text(abc)")},
    {"5.4 a control frame in the middle of a message MUST be handled",
     {F(TEXT, "a"), F(PING, "p"), F(FIN, "b")},
     E("ping(p)text(ab)")},
    {"5.4 control frames MUST NOT be fragmented", {F(9, "a"), F(FIN, "b")}, E("fail(1002)")},
    {"5.4 fragments of one message MUST NOT be interleaved with another's",
     {F(TEXT, "a"), F(FIN | TEXT, "b")},
     E("fail(1002)")},
    {"5.4 a continuation needs a message to continue", {F(FIN, "a")}, E("fail(1002)")},
    {"5.4 a message is of one type: its first fragment's",
     {F(BINARY, "\xFF"), F(FIN, "\xFF")},
     E("binary(\xFF\xFF)")},
    {"5.5 control frames MUST have a payload of 125 bytes or less",
     {F(PING, T125)},
     E("ping(" T125 ")")},
    {"5.5 … 126 is too much", {F(PING, T125 "6")}, E("fail(1002)")},
    {"5.5 control frames MUST NOT be fragmented: close", {F(8, "\x03\xE8")}, E("fail(1002)")},
    {"5.5.1 a body of a close frame MUST begin with a 2-byte code",
     {F(CLOSE, "\x03")},
     E("fail(1002)")},
    {"5.5.1 the rest of the body is UTF-8", {F(CLOSE, "\x03\xE8\xFF")}, E("fail(1007)")},
    {"5.5.1 a close frame MUST be answered when none was sent: handler of the event",
     {F(CLOSE, "\x03\xE8")},
     E("close(1000,)")},
    {"5.5.1 MUST NOT send data after a close: what comes is not looked at",
     {F(CLOSE, ""), F(FIN | TEXT, "x"), F(PING, "")},
     E("close(1005,)")},
    {"5.5.2 a ping MUST be answered by a pong: handler of the event",
     {F(PING, "hi")},
     E("ping(hi)")},
    {"5.5.2 unless a close frame was received", {F(CLOSE, ""), F(PING, "hi")}, E("close(1005,)")},
    {"5.5.3 a pong has the identical application data: given to the handler",
     {F(PING, "\0\xFF")},
     E("ping(\0\xFF)")},
    {"5.5.3 an unsolicited pong needs no answer",
     {F(PONG, "x"), F(FIN | TEXT, "a")},
     E("pong(x)text(a)")},
    {"5.6 the whole message MUST contain valid UTF-8, a fragment need not",
     {F(TEXT, "\xE2\x82"), F(FIN, "\xAC")},
     E("text(\xE2\x82\xAC)")},
    {"5.6 invalid UTF-8 (8.1: MUST fail the connection)",
     {F(FIN | TEXT, "\xC0\xAF")},
     E("fail(1007)")},
    {"5.6 arbitrary binary data", {F(FIN | BINARY, "\0\xFF\xC0")}, E("binary(\0\xFF\xC0)")},
    {"6.2 data that arrives is parsed as frames, masking removed",
     {F(FIN | TEXT, "abc")},
     E("text(abc)")},
    {"6.2 the fragments of a message are concatenated", {F(TEXT, "a"), F(FIN, "")}, E("text(a)")},
    {"7.1.7 after failing, MUST NOT process data from the peer",
     {F(FIN | 3, ""), F(FIN | TEXT, "x"), F(CLOSE, "")},
     E("fail(1002)")},
    {"7.4.1 1005 MUST NOT be set in a close frame", {F(CLOSE, "\x03\xED")}, E("fail(1002)")},
    {"7.4.1 1006 MUST NOT be set in a close frame", {F(CLOSE, "\x03\xEE")}, E("fail(1002)")},
    {"7.4.1 1015 MUST NOT be set in a close frame", {F(CLOSE, "\x03\xF7")}, E("fail(1002)")},
    {"7.4.2 0 to 999 are not used", {F(CLOSE, "\x03\xE7")}, E("fail(1002)")},
    {"7.4.2 1000 to 2999 need a definition", {F(CLOSE, "\x07\xD0")}, E("fail(1002)")},
    {"7.4.2 3000 to 3999 are registered", {F(CLOSE, "\x0B\xB8")}, E("close(3000,)")},
    {"7.4.2 4000 to 4999 are private", {F(CLOSE, "\x13\x87")}, E("close(4999,)")},
};

START_TEST(each_must_about_what_comes_in_is_kept)
{
    const struct receive_row *row = &receive_rows[_i];
    const struct ws_limits limits = {1000, 0, NULL};
    struct ws_session session;
    struct buf input;
    struct buf events;
    buf_init(&input, 0);
    buf_init(&events, 0);
    ws_session_init(&session);
    for (size_t i = 0; i < FRAMES_MAX && row->frames[i].data != NULL; i++) {
        struct bytes data = bytes_of(row->frames[i].data, row->frames[i].len);
        if (row->frames[i].first == RAW) {
            buf_append(&input, data);
        } else {
            ws_peer_frame(&input, row->frames[i].first, data);
        }
    }
    ws_peer_give(&session, &limits, input.data, input.len, &events);
    ck_assert_msg(bytes_equal(buf_bytes(&events), row->events), "%s: %.*s", row->must,
                  (int)events.len, (const char *)events.data);
    ws_session_fini(&session);
    buf_fini(&input);
    buf_fini(&events);
}
END_TEST

/* ---- sections 5 to 7: what goes out ---- */

START_TEST(s5_1_a_server_masks_no_frame_and_s5_2_uses_the_shortest_length)
{
    static const uint64_t lens[] = {0, 125, 126, 65535, 65536, UINT64_C(1) << 40};
    static const size_t header_lens[] = {2, 2, 4, 4, 10, 10};
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        uint8_t header[WS_FRAME_HEADER_MAX];
        ck_assert_uint_eq(ws_frame_header(header, WS_OP_TEXT, lens[i]), header_lens[i]);
        ck_assert_uint_eq(header[1] & 0x80, 0);
        ck_assert_uint_eq(header[0], 0x81); /* 5.2: RSV bits are 0; 5.4: unfragmented is final */
    }
}
END_TEST

static void expect_close(uint16_t code, const char *text, const char *sent, size_t sent_len)
{
    struct ws_session session;
    struct buf out;
    ws_session_init(&session);
    buf_init(&out, 0);
    ws_session_close(&session, code, bytes_of_str(text), &out);
    ck_assert(bytes_equal(buf_bytes(&out), bytes_of(sent, sent_len)));
    ws_session_close(&session, 1000, BYTES_EMPTY, &out); /* 5.5.1: not a second one */
    ck_assert_uint_eq(out.len, sent_len);
    ws_session_fini(&session);
    buf_fini(&out);
}

START_TEST(s5_5_1_a_close_frame_begins_with_its_code_and_is_sent_once)
{
    expect_close(1001, "bye",
                 "\x88\x05\x03\xE9"
                 "bye",
                 7);
    expect_close(1000, "", "\x88\x02\x03\xE8", 4);
}
END_TEST

START_TEST(s7_4_1_codes_that_must_not_be_set_in_a_close_frame_are_not)
{
    static const uint16_t codes[] = {0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        expect_close(codes[i], "text", "\x88\x00", 2);
    }
}
END_TEST

START_TEST(s7_1_1_both_close_frames_end_it_in_either_order)
{
    for (int first = 0; first < 2; first++) {
        const struct ws_limits limits = {1000, 0, NULL};
        struct ws_session session;
        struct buf input;
        struct buf out;
        buf_init(&input, 0);
        buf_init(&out, 0);
        ws_session_init(&session);
        ws_peer_frame(&input, CLOSE, BYTES_LIT("\x03\xE8"));
        if (first == 0) {
            ws_session_close(&session, 1000, BYTES_EMPTY, &out);
        }
        ck_assert(!ws_session_closed(&session));
        ws_peer_give(&session, &limits, input.data, input.len, &out);
        if (first == 1) {
            ck_assert(!ws_session_closed(&session));
            ws_session_close(&session, 1000, BYTES_EMPTY, &out);
        }
        ck_assert(ws_session_closed(&session));
        ws_session_fini(&session);
        buf_fini(&input);
        buf_fini(&out);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rfc6455");
    TCase *tcase = tcase_create("all");
    tcase_add_loop_test(tcase, each_must_of_the_opening_handshake_is_kept, 0,
                        (int)(sizeof(handshake_rows) / sizeof(handshake_rows[0])));
    tcase_add_loop_test(tcase, each_must_about_what_comes_in_is_kept, 0,
                        (int)(sizeof(receive_rows) / sizeof(receive_rows[0])));
    tcase_add_test(tcase, s5_1_a_server_masks_no_frame_and_s5_2_uses_the_shortest_length);
    tcase_add_test(tcase, s5_5_1_a_close_frame_begins_with_its_code_and_is_sent_once);
    tcase_add_test(tcase, s7_4_1_codes_that_must_not_be_set_in_a_close_frame_are_not);
    tcase_add_test(tcase, s7_1_1_both_close_frames_end_it_in_either_order);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
