/* The rows are frames and the events they must give; each is fed at every split point and byte by
 * byte, every piece against a guard page. */
#include "common/buf.h"
#include "edge/ws_frame.h"
#include "edge/ws_session.h"
#include "tests/support/check_main.h"
#include "tests/support/guard_page.h"
#include "tests/support/split.h"

#include <check.h>
#include <string.h>

enum { FRAMES_MAX = 8, LIMIT = 1000, FRAGMENTS = 4 };

struct frame {
    int first; /* first header byte; RAW: `data` goes out as it is */
    const char *data;
    size_t len;
};

enum { RAW = -1, UNMASKED = 0x100 };

struct row {
    const char *name; /* section of RFC 6455 and what the row shows */
    struct frame frames[FRAMES_MAX];
    const char *events;
};

#define F(first, text)                                                                             \
    {                                                                                              \
        first, text, sizeof(text) - 1                                                              \
    }
#define FIN 0x80
#define TEXT 1
#define BINARY 2
#define CLOSE (FIN | 8)
#define PING (FIN | 9)
#define PONG (FIN | 10)
#define T10 "0123456789"
#define T50 T10 T10 T10 T10 T10
#define T100 T50 T50
#define T125 T100 T10 T10 "01234"
#define T126 T125 "5"
#define T500 T100 T100 T100 T100 T100
#define T1000 T500 T500

/* Raw headers end with a mask of zeros, so the payload behind them is plain. */
#define MASK0 "\0\0\0\0"

static const struct row rows[] = {
    /* whole messages */
    {"5.6 text", {F(FIN | TEXT, "Hello")}, "text(Hello)"},
    {"5.6 binary", {F(FIN | BINARY, "\xFF\xFE")}, "binary(\xFF\xFE)"},
    {"5.6 empty text", {F(FIN | TEXT, "")}, "text()"},
    {"5.6 empty binary", {F(FIN | BINARY, "")}, "binary()"},
    {"5.2 length 125", {F(FIN | TEXT, T125)}, "text(" T125 ")"},
    {"5.2 length 126", {F(FIN | TEXT, T126)}, "text(" T126 ")"},
    {"5.2 length 1000 is the limit", {F(FIN | TEXT, T1000)}, "text(" T1000 ")"},
    {"5.6 two messages", {F(FIN | TEXT, "a"), F(FIN | BINARY, "b")}, "text(a)binary(b)"},
    {"8.1 text of several bytes per character",
     {F(FIN | TEXT, "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80")},
     "text(\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80)"},
    /* fragments */
    {"5.4 two fragments", {F(TEXT, "Hel"), F(FIN, "lo")}, "text(Hello)"},
    {"5.4 four fragments", {F(BINARY, "a"), F(0, "b"), F(0, "c"), F(FIN, "d")}, "binary(abcd)"},
    {"5.4 empty fragments around", {F(TEXT, ""), F(0, "x"), F(FIN, "")}, "text(x)"},
    {"5.4 only empty fragments", {F(TEXT, ""), F(0, ""), F(FIN, "")}, "text()"},
    {"5.4 last fragment alone has the bytes", {F(TEXT, ""), F(FIN, "abc")}, "text(abc)"},
    {"5.4 ping between fragments", {F(TEXT, "a"), F(PING, "p"), F(FIN, "b")}, "ping(p)text(ab)"},
    {"5.4 pong between empty fragments", {F(TEXT, ""), F(PONG, ""), F(FIN, "")}, "pong()text()"},
    {"5.4 close between fragments", {F(TEXT, "a"), F(CLOSE, "\x03\xE8")}, "close(1000,)"},
    {"8.1 character cut by a fragment",
     {F(TEXT, "\xE2"), F(0, "\x82"), F(FIN, "\xAC")},
     "text(\xE2\x82\xAC)"},
    {"8.1 character cut with a ping in between",
     {F(TEXT, "\xE2\x82"), F(PING, "\xFF"), F(FIN, "\xAC")},
     "ping(\xFF)text(\xE2\x82\xAC)"},
    {"5.4 a message after a fragmented one",
     {F(TEXT, "a"), F(FIN, "b"), F(FIN | TEXT, "c")},
     "text(ab)text(c)"},
    /* control frames */
    {"5.5.2 empty ping", {F(PING, "")}, "ping()"},
    {"5.5.2 ping of 125", {F(PING, T125)}, "ping(" T125 ")"},
    {"5.5.3 unasked pong", {F(PONG, "x")}, "pong(x)"},
    {"5.5 pings in a row", {F(PING, "1"), F(PING, "22"), F(PONG, "3")}, "ping(1)ping(22)pong(3)"},
    {"5.5.1 empty close", {F(CLOSE, "")}, "close(1005,)"},
    {"7.4 close 1000", {F(CLOSE, "\x03\xE8")}, "close(1000,)"},
    {"5.5.1 close with a reason",
     {F(CLOSE, "\x03\xE9"
               "bye")},
     "close(1001,bye)"},
    {"7.4 close 1003", {F(CLOSE, "\x03\xEB")}, "close(1003,)"},
    {"7.4 close 1007", {F(CLOSE, "\x03\xEF")}, "close(1007,)"},
    {"7.4 close 1014", {F(CLOSE, "\x03\xF6")}, "close(1014,)"},
    {"7.4.2 close 3000", {F(CLOSE, "\x0B\xB8")}, "close(3000,)"},
    {"7.4.2 close 4999", {F(CLOSE, "\x13\x87")}, "close(4999,)"},
    {"5.5.1 close of 125",
     {F(CLOSE, "\x03\xE8" T100 T10 T10 "012")},
     "close(1000," T100 T10 T10 "012)"},
    {"1.4 after the close nothing counts",
     {F(CLOSE, ""), F(FIN | TEXT, "x"), F(PING, "y"), F(CLOSE, "")},
     "close(1005,)"},
    /* header violations */
    {"5.2 RSV1", {F(FIN | 0x40 | TEXT, "x")}, "fail(PROTOCOL)"},
    {"5.2 RSV2", {F(FIN | 0x20 | TEXT, "x")}, "fail(PROTOCOL)"},
    {"5.2 RSV3", {F(FIN | 0x10 | BINARY, "x")}, "fail(PROTOCOL)"},
    {"5.2 RSV1 on a control frame", {F(0x40 | PING, "")}, "fail(PROTOCOL)"},
    {"5.2 RSV1 on a continuation", {F(TEXT, "a"), F(FIN | 0x40, "b")}, "fail(PROTOCOL)"},
    {"5.2 opcode 3", {F(FIN | 3, "")}, "fail(PROTOCOL)"},
    {"5.2 opcode 4", {F(FIN | 4, "")}, "fail(PROTOCOL)"},
    {"5.2 opcode 5", {F(FIN | 5, "")}, "fail(PROTOCOL)"},
    {"5.2 opcode 6", {F(FIN | 6, "")}, "fail(PROTOCOL)"},
    {"5.2 opcode 7", {F(FIN | 7, "")}, "fail(PROTOCOL)"},
    {"5.2 opcode B", {F(FIN | 11, "")}, "fail(PROTOCOL)"},
    {"5.2 opcode C", {F(FIN | 12, "")}, "fail(PROTOCOL)"},
    {"5.2 opcode D", {F(FIN | 13, "")}, "fail(PROTOCOL)"},
    {"5.2 opcode E", {F(FIN | 14, "")}, "fail(PROTOCOL)"},
    {"5.2 opcode F", {F(FIN | 15, "")}, "fail(PROTOCOL)"},
    {"5.1 no mask", {F(UNMASKED | FIN | TEXT, "x")}, "fail(PROTOCOL)"},
    {"5.1 no mask, empty", {F(UNMASKED | FIN | TEXT, "")}, "fail(PROTOCOL)"},
    {"5.1 no mask on a ping", {F(UNMASKED | PING, "x")}, "fail(PROTOCOL)"},
    {"5.1 no mask on a close", {F(UNMASKED | CLOSE, "")}, "fail(PROTOCOL)"},
    {"5.2 16-bit length 0", {F(RAW, "\x81\xFE\x00\x00" MASK0)}, "fail(PROTOCOL)"},
    {"5.2 16-bit length 125", {F(RAW, "\x81\xFE\x00\x7D" MASK0)}, "fail(PROTOCOL)"},
    {"5.2 64-bit length 0", {F(RAW, "\x81\xFF\0\0\0\0\0\0\0\0" MASK0)}, "fail(PROTOCOL)"},
    {"5.2 64-bit length 125", {F(RAW, "\x81\xFF\0\0\0\0\0\0\0\x7D" MASK0)}, "fail(PROTOCOL)"},
    {"5.2 64-bit length 126", {F(RAW, "\x81\xFF\0\0\0\0\0\0\0\x7E" MASK0)}, "fail(PROTOCOL)"},
    {"5.2 64-bit length 65535", {F(RAW, "\x81\xFF\0\0\0\0\0\0\xFF\xFF" MASK0)}, "fail(PROTOCOL)"},
    {"5.2 64-bit length with the high bit",
     {F(RAW, "\x81\xFF\x80\0\0\0\0\0\0\0" MASK0)},
     "fail(PROTOCOL)"},
    {"5.2 all length bits",
     {F(RAW, "\x82\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF" MASK0)},
     "fail(PROTOCOL)"},
    {"5.5 ping of 126", {F(PING, T126)}, "fail(PROTOCOL)"},
    {"5.5 pong of 126", {F(PONG, T126)}, "fail(PROTOCOL)"},
    {"5.5 close of 126", {F(CLOSE, "\x03\xE8" T100 T10 T10 "0123")}, "fail(PROTOCOL)"},
    {"5.5 ping with a 64-bit length", {F(RAW, "\x89\xFF\0\0\0\0\0\1\0\0" MASK0)}, "fail(PROTOCOL)"},
    {"5.5 fragmented ping", {F(9, "x")}, "fail(PROTOCOL)"},
    {"5.5 fragmented pong", {F(10, "")}, "fail(PROTOCOL)"},
    {"5.5 fragmented close", {F(8, "")}, "fail(PROTOCOL)"},
    {"9 the answer to nonsense", {F(RAW, "GET / HTTP/1.1\r\n\r\n")}, "fail(PROTOCOL)"},
    /* order of fragments */
    {"5.4 continuation of nothing", {F(FIN, "x")}, "fail(PROTOCOL)"},
    {"5.4 unfinished continuation of nothing", {F(0, "x")}, "fail(PROTOCOL)"},
    {"5.4 continuation after a whole message",
     {F(FIN | TEXT, "a"), F(FIN, "b")},
     "text(a)fail(PROTOCOL)"},
    {"5.4 continuation after the last fragment",
     {F(TEXT, "a"), F(FIN, "b"), F(0, "c")},
     "text(ab)fail(PROTOCOL)"},
    {"5.4 text inside text", {F(TEXT, "a"), F(FIN | TEXT, "b")}, "fail(PROTOCOL)"},
    {"5.4 binary inside text", {F(TEXT, "a"), F(BINARY, "b")}, "fail(PROTOCOL)"},
    {"5.4 text inside empty binary", {F(BINARY, ""), F(TEXT, "")}, "fail(PROTOCOL)"},
    {"5.4 a ping does not end a message",
     {F(TEXT, "a"), F(PING, ""), F(FIN | TEXT, "b")},
     "ping()fail(PROTOCOL)"},
    /* close frames */
    {"5.5.1 close of one byte", {F(CLOSE, "\x03")}, "fail(PROTOCOL)"},
    {"7.4.2 close 0", {F(CLOSE, "\x00\x00")}, "fail(PROTOCOL)"},
    {"7.4.2 close 999", {F(CLOSE, "\x03\xE7")}, "fail(PROTOCOL)"},
    {"7.4.1 close 1004", {F(CLOSE, "\x03\xEC")}, "fail(PROTOCOL)"},
    {"7.4.1 close 1005", {F(CLOSE, "\x03\xED")}, "fail(PROTOCOL)"},
    {"7.4.1 close 1006", {F(CLOSE, "\x03\xEE")}, "fail(PROTOCOL)"},
    {"7.4.1 close 1015", {F(CLOSE, "\x03\xF7")}, "fail(PROTOCOL)"},
    {"7.4.2 close 1016", {F(CLOSE, "\x03\xF8")}, "fail(PROTOCOL)"},
    {"7.4.2 close 2999", {F(CLOSE, "\x0B\xB7")}, "fail(PROTOCOL)"},
    {"7.4.2 close 5000", {F(CLOSE, "\x13\x88")}, "fail(PROTOCOL)"},
    {"7.4.2 close 65535",
     {F(CLOSE, "\xFF\xFF"
               "x")},
     "fail(PROTOCOL)"},
    {"5.5.1 close reason not UTF-8", {F(CLOSE, "\x03\xE8\xFF")}, "fail(BAD_UTF8)"},
    {"5.5.1 close reason cut in a character", {F(CLOSE, "\x03\xE8\xE2\x82")}, "fail(BAD_UTF8)"},
    {"5.5.1 bad reason inside a message",
     {F(TEXT, "abc"), F(CLOSE, "\x03\xE8\xED\xA0\x80")},
     "fail(BAD_UTF8)"},
    /* text that is not UTF-8 */
    {"8.1 bad byte",
     {F(FIN | TEXT, "a\xFF"
                    "b")},
     "fail(BAD_UTF8)"},
    {"8.1 message ends in a character", {F(FIN | TEXT, "a\xE2\x82")}, "fail(BAD_UTF8)"},
    {"8.1 fragments end in a character", {F(TEXT, "\xE2"), F(FIN, "\x82")}, "fail(BAD_UTF8)"},
    {"8.1 last fragment empty in a character", {F(TEXT, "\xE2\x82"), F(FIN, "")}, "fail(BAD_UTF8)"},
    {"8.1 bad byte in a first fragment", {F(TEXT, "\xFF")}, "fail(BAD_UTF8)"},
    {"8.1 bad byte in an unfinished frame",
     {F(RAW, "\x81\xFE\x01\x00" MASK0 "ok\xC0")},
     "fail(BAD_UTF8)"},
    {"8.1 surrogate across fragments", {F(TEXT, "\xED"), F(FIN, "\xA0\x80")}, "fail(BAD_UTF8)"},
    {"8.1 overlong form", {F(FIN | TEXT, "\xC0\xAF")}, "fail(BAD_UTF8)"},
    {"8.1 good message, then a bad one",
     {F(FIN | TEXT, "a"), F(FIN | TEXT, "\x80")},
     "text(a)fail(BAD_UTF8)"},
    /* limits, known from the header */
    {"10.4 one byte too many", {F(RAW, "\x82\xFE\x03\xE9" MASK0)}, "fail(TOO_BIG)"},
    {"10.4 a gigabyte announced", {F(RAW, "\x82\xFF\0\0\0\0\x40\0\0\0" MASK0)}, "fail(TOO_BIG)"},
    {"10.4 the largest length of all",
     {F(RAW, "\x82\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF" MASK0)},
     "fail(TOO_BIG)"},
    {"10.4 fragments together too big",
     {F(BINARY, T1000), F(RAW, "\x80\x81" MASK0)},
     "fail(TOO_BIG)"},
    {"10.4 sum that would overflow",
     {F(BINARY, "x"), F(RAW, "\x80\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF" MASK0)},
     "fail(TOO_BIG)"},
    {"10.4 fragments together at the limit", {F(BINARY, T500), F(FIN, T500)}, "binary(" T1000 ")"},
    {"10.4 too many fragments",
     {F(TEXT, ""), F(0, ""), F(0, ""), F(0, ""), F(FIN, "")},
     "fail(TOO_BIG)"},
    {"10.4 the fragments are counted for each message",
     {F(TEXT, "a"), F(0, "b"), F(FIN, "c"), F(TEXT, "d"), F(0, "e"), F(FIN, "f")},
     "text(abc)text(def)"},
    {"10.4 the limit is for each message",
     {F(BINARY, T1000), F(FIN, ""), F(BINARY, T500), F(FIN, T500)},
     "binary(" T1000 ")binary(" T1000 ")"},
};

static const struct ws_limits limits = {LIMIT, FRAGMENTS, NULL};

static void append_frame(struct buf *out, const struct frame *frame)
{
    static const uint8_t mask[4] = {0x12, 0xFE, 0x00, 0x8D};
    if (frame->first == RAW) {
        buf_append(out, bytes_of(frame->data, frame->len));
        return;
    }
    bool masked = (frame->first & UNMASKED) == 0;
    uint8_t header[WS_FRAME_HEADER_MAX];
    size_t header_len = ws_frame_header(header, WS_OP_TEXT, frame->len);
    header[0] = (uint8_t)frame->first;
    header[1] |= masked ? 0x80 : 0;
    buf_append(out, bytes_of(header, header_len));
    buf_append(out, masked ? bytes_of(mask, 4) : BYTES_EMPTY);
    size_t start = out->len;
    buf_append(out, bytes_of(frame->data, frame->len));
    if (masked) {
        ws_frame_unmask(out->data + start, frame->len, mask, 0);
    }
}

static void append_frames(struct buf *out, const struct frame *frames, size_t max)
{
    for (size_t i = 0; i < max && frames[i].data != NULL; i++) {
        append_frame(out, &frames[i]);
    }
}

static void trace(struct buf *out, const struct ws_event *event)
{
    static const char *const names[] = {"none(", "text(", "ping(", "pong(", "close(", "fail("};
    buf_append_str(out, event->binary ? "binary(" : names[event->kind]);
    if (event->kind == WS_EVENT_FAIL) {
        buf_append_str(out, event->reason == WS_REASON_PROTOCOL   ? "PROTOCOL"
                            : event->reason == WS_REASON_BAD_UTF8 ? "BAD_UTF8"
                            : event->reason == WS_REASON_TOO_BIG  ? "TOO_BIG"
                                                                  : "other");
    }
    if (event->kind == WS_EVENT_CLOSE) {
        buf_append_u64(out, event->close_code);
        buf_append_str(out, ",");
    }
    buf_append(out, event->data);
    buf_append_str(out, ")");
}

static void feed(struct ws_session *session, struct bytes piece, struct buf *out)
{
    struct guard_page page = {0};
    struct bytes copy = guard_page_copy(&page, piece);
    uint8_t *data = (uint8_t *)copy.data;
    size_t len = copy.len;
    for (;;) {
        struct ws_event event = ws_session_receive(session, &limits, &data, &len);
        if (event.kind == WS_EVENT_NONE) {
            break;
        }
        trace(out, &event);
    }
    ck_assert_uint_eq(len, 0);
    ck_assert_uint_le(ws_session_held(session), sizeof(struct buf) + LIMIT);
    guard_page_free(&page);
}

static void check_split(void *ctx, struct bytes head, struct bytes tail)
{
    const struct row *row = ctx;
    struct ws_session session;
    struct buf events;
    ws_session_init(&session);
    buf_init(&events, 0);
    feed(&session, head, &events);
    feed(&session, tail, &events);
    struct bytes expected = bytes_of_str(row->events);
    if (!bytes_equal(buf_bytes(&events), expected)) {
        ck_abort_msg("%s, cut at %zu: %.*s", row->name, head.len, (int)events.len,
                     (const char *)events.data);
    }
    buf_fini(&events);
    ws_session_fini(&session);
}

START_TEST(each_row_gives_its_events_wherever_the_input_is_cut)
{
    struct row row = rows[_i];
    struct buf input;
    buf_init(&input, 0);
    append_frames(&input, row.frames, FRAMES_MAX);
    split_each(buf_bytes(&input), check_split, &row);
    buf_fini(&input);
}
END_TEST

START_TEST(each_row_gives_its_events_byte_by_byte)
{
    struct buf input;
    struct buf events;
    struct ws_session session;
    buf_init(&input, 0);
    buf_init(&events, 0);
    ws_session_init(&session);
    append_frames(&input, rows[_i].frames, FRAMES_MAX);
    for (size_t i = 0; i < input.len; i++) {
        feed(&session, bytes_of(input.data + i, 1), &events);
    }
    ck_assert_msg(bytes_equal(buf_bytes(&events), bytes_of_str(rows[_i].events)), "%s",
                  rows[_i].name);
    ws_session_fini(&session);
    buf_fini(&events);
    buf_fini(&input);
}
END_TEST

/* A session, its trace and what it sent, for the tests below. */
struct fixture {
    struct ws_session session;
    struct buf events;
    struct buf sent;
};

static void setup(struct fixture *fixture)
{
    ws_session_init(&fixture->session);
    buf_init(&fixture->events, 0);
    buf_init(&fixture->sent, 0);
}

static void teardown(struct fixture *fixture)
{
    ws_session_fini(&fixture->session);
    buf_fini(&fixture->events);
    buf_fini(&fixture->sent);
}

static void give(struct fixture *fixture, int first, const char *text)
{
    struct frame frame = {first, text, strlen(text)};
    struct buf input;
    buf_init(&input, 0);
    append_frame(&input, &frame);
    feed(&fixture->session, buf_bytes(&input), &fixture->events);
    buf_fini(&input);
}

static void expect_events(const struct fixture *fixture, const char *events)
{
    ck_assert_msg(bytes_equal(buf_bytes(&fixture->events), bytes_of_str(events)), "%.*s",
                  (int)fixture->events.len, (const char *)fixture->events.data);
}

static void expect_sent(const struct fixture *fixture, struct bytes sent)
{
    ck_assert(bytes_equal(buf_bytes(&fixture->sent), sent));
}

START_TEST(after_our_close_messages_pass_unseen_and_the_peers_close_ends_it)
{
    struct fixture fixture;
    setup(&fixture);
    give(&fixture, TEXT, "half");
    ck_assert_uint_gt(ws_session_held(&fixture.session), 0);
    ws_session_close(&fixture.session, 1012, BYTES_LIT("bye"), &fixture.sent);
    expect_sent(&fixture, BYTES_LIT("\x88\x05\x03\xF4"
                                    "bye"));
    ck_assert(ws_session_close_sent(&fixture.session));
    ck_assert(!ws_session_closed(&fixture.session));
    ck_assert_uint_eq(ws_session_held(&fixture.session), 0);
    give(&fixture, FIN, T1000);
    give(&fixture, FIN | BINARY, T1000 T1000);
    give(&fixture, FIN | TEXT, "\xFF");
    give(&fixture, PING, "p");
    ck_assert_uint_eq(ws_session_held(&fixture.session), 0);
    give(&fixture, CLOSE, "\x03\xF4");
    expect_events(&fixture, "ping(p)close(1012,)");
    ck_assert(ws_session_closed(&fixture.session));
    teardown(&fixture);
}
END_TEST

START_TEST(after_our_close_a_broken_frame_is_still_seen)
{
    struct fixture fixture;
    setup(&fixture);
    ws_session_close(&fixture.session, 1000, BYTES_EMPTY, &fixture.sent);
    give(&fixture, FIN, "x");
    expect_events(&fixture, "fail(PROTOCOL)");
    teardown(&fixture);
}
END_TEST

START_TEST(the_peers_close_is_answered_once)
{
    struct fixture fixture;
    setup(&fixture);
    give(&fixture, CLOSE, "\x0F\xA1");
    ck_assert(!ws_session_closed(&fixture.session));
    ws_session_close(&fixture.session, 4001, BYTES_EMPTY, &fixture.sent);
    ws_session_close(&fixture.session, 1000, BYTES_LIT("again"), &fixture.sent);
    expect_sent(&fixture, BYTES_LIT("\x88\x02\x0F\xA1"));
    ck_assert(ws_session_closed(&fixture.session));
    teardown(&fixture);
}
END_TEST

START_TEST(a_code_that_may_not_be_sent_gives_an_empty_close)
{
    static const uint16_t codes[] = {0, 999, 1004, 1005, 1006, 1015, 2999, 5000};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        struct fixture fixture;
        setup(&fixture);
        ws_session_close(&fixture.session, codes[i], BYTES_LIT("text"), &fixture.sent);
        expect_sent(&fixture, BYTES_LIT("\x88\x00"));
        teardown(&fixture);
    }
}
END_TEST

START_TEST(a_long_close_text_is_cut_between_characters)
{
    struct fixture fixture;
    setup(&fixture);
    /* 122 bytes, then a character of three that would end past 123 */
    struct bytes text = BYTES_LIT(T100 T10 T10 "01"
                                               "\xE2\x82\xAC"
                                               "more");
    ws_session_close(&fixture.session, 1000, text, &fixture.sent);
    ck_assert_uint_eq(fixture.sent.len, 2 + 2 + 122);
    ck_assert_uint_eq(fixture.sent.data[1], 124);
    teardown(&fixture);
    setup(&fixture);
    ws_session_close(&fixture.session, 1000, BYTES_LIT(T100 T10 T10 "012345"), &fixture.sent);
    ck_assert_uint_eq(fixture.sent.len, 2 + 125);
    teardown(&fixture);
}
END_TEST

START_TEST(memory_follows_the_bytes_that_came_and_not_the_announced_length)
{
    struct fixture fixture;
    struct ws_limits wide = {1U << 30, 0, NULL};
    setup(&fixture);
    uint8_t input[24] = "\x82\xFF\0\0\0\0\x30\0\0\0\0\0\0\0"
                        "abcdefgh";
    uint8_t *data = input;
    size_t len = 14;
    ck_assert_int_eq(ws_session_receive(&fixture.session, &wide, &data, &len).kind, WS_EVENT_NONE);
    ck_assert_uint_eq(ws_session_held(&fixture.session), 0);
    len = 8;
    ck_assert_int_eq(ws_session_receive(&fixture.session, &wide, &data, &len).kind, WS_EVENT_NONE);
    ck_assert_uint_gt(ws_session_held(&fixture.session), 0);
    ck_assert_uint_le(ws_session_held(&fixture.session), 256);
    teardown(&fixture);
}
END_TEST

/* Room for one fragment more at each of them would move the whole message every time. */
START_TEST(many_fragments_move_the_message_few_times)
{
    struct fixture fixture;
    struct ws_limits wide = {1U << 20, 0, NULL};
    size_t held = 0;
    unsigned moves = 0;
    setup(&fixture);
    for (unsigned i = 0; i < 10000; i++) {
        uint8_t input[] = "\x02\x84\0\0\0\0data";
        uint8_t *data = input;
        size_t len = sizeof(input) - 1;
        input[0] = i == 0 ? BINARY : 0;
        ws_session_receive(&fixture.session, &wide, &data, &len);
        moves += ws_session_held(&fixture.session) != held;
        held = ws_session_held(&fixture.session);
        ck_assert_uint_le(held, sizeof(struct buf) + 64 + (size_t)8 * (i + 1));
    }
    ck_assert_uint_le(moves, 12);
    teardown(&fixture);
}
END_TEST

START_TEST(a_collected_message_is_given_back_at_the_next_call)
{
    struct fixture fixture;
    setup(&fixture);
    give(&fixture, TEXT, "a");
    ck_assert_uint_gt(ws_session_held(&fixture.session), 0);
    give(&fixture, FIN, "b");
    expect_events(&fixture, "text(ab)");
    ck_assert_uint_eq(ws_session_held(&fixture.session), 0);
    ck_assert_ptr_null(fixture.session.part);
    teardown(&fixture);
}
END_TEST

START_TEST(a_message_whole_in_the_input_is_given_in_place)
{
    struct ws_session session;
    ws_session_init(&session);
    uint8_t input[] = "\x81\x83\1\2\3\4"
                      "```";
    uint8_t *data = input;
    size_t len = sizeof(input) - 1;
    struct ws_event event = ws_session_receive(&session, &limits, &data, &len);
    ck_assert_int_eq(event.kind, WS_EVENT_MESSAGE);
    ck_assert_ptr_eq(event.data.data, input + 6);
    ck_assert(bytes_equal(event.data, BYTES_LIT("abc")));
    ck_assert_uint_eq(ws_session_held(&session), 0);
    ws_session_fini(&session);
}
END_TEST

START_TEST(a_message_stays_readable_while_its_connection_is_closed_over_it)
{
    struct fixture fixture;
    setup(&fixture);
    give(&fixture, TEXT, "a");
    uint8_t input[] = "\x80\x81\0\0\0\0"
                      "b";
    uint8_t *data = input;
    size_t len = sizeof(input) - 1;
    struct ws_event event = ws_session_receive(&fixture.session, &limits, &data, &len);
    ws_session_close(&fixture.session, 1003, BYTES_EMPTY, &fixture.sent);
    ck_assert(bytes_equal(event.data, BYTES_LIT("ab")));
    teardown(&fixture);
}
END_TEST

START_TEST(a_lower_limit_counts_from_the_next_frame_on)
{
    struct fixture fixture;
    struct ws_limits narrow = {3, 0, NULL};
    setup(&fixture);
    uint8_t input[] = "\x02\x84\0\0\0\0"
                      "abcd"
                      "\x80\x81\0\0\0\0"
                      "e";
    uint8_t *data = input;
    size_t len = 8;
    ws_session_receive(&fixture.session, &limits, &data, &len);
    len = 2;
    struct ws_event event = ws_session_receive(&fixture.session, &narrow, &data, &len);
    ck_assert_int_eq(event.kind, WS_EVENT_NONE);
    len = 7;
    event = ws_session_receive(&fixture.session, &narrow, &data, &len);
    ck_assert_int_eq(event.kind, WS_EVENT_FAIL);
    ck_assert_int_eq(event.reason, WS_REASON_TOO_BIG);
    ck_assert_uint_eq(ws_session_held(&fixture.session), 0);
    teardown(&fixture);
}
END_TEST

START_TEST(fragments_have_no_limit_when_it_is_off)
{
    struct fixture fixture;
    struct ws_limits off = {LIMIT, 0, NULL};
    setup(&fixture);
    for (int i = 0; i < 5000; i++) {
        uint8_t input[] = "\x02\x80\0\0\0\0";
        input[0] = i == 0 ? 2 : 0;
        uint8_t *data = input;
        size_t len = 6;
        struct ws_event event = ws_session_receive(&fixture.session, &off, &data, &len);
        ck_assert_int_eq(event.kind, WS_EVENT_NONE);
    }
    ck_assert_uint_eq(ws_session_held(&fixture.session), 0);
    teardown(&fixture);
}
END_TEST

static TCase *close_cases(void)
{
    TCase *tcase = tcase_create("close");
    tcase_add_test(tcase, after_our_close_messages_pass_unseen_and_the_peers_close_ends_it);
    tcase_add_test(tcase, after_our_close_a_broken_frame_is_still_seen);
    tcase_add_test(tcase, the_peers_close_is_answered_once);
    tcase_add_test(tcase, a_code_that_may_not_be_sent_gives_an_empty_close);
    tcase_add_test(tcase, a_long_close_text_is_cut_between_characters);
    return tcase;
}

static TCase *memory_cases(void)
{
    TCase *tcase = tcase_create("memory");
    tcase_add_test(tcase, memory_follows_the_bytes_that_came_and_not_the_announced_length);
    tcase_add_test(tcase, many_fragments_move_the_message_few_times);
    tcase_add_test(tcase, a_collected_message_is_given_back_at_the_next_call);
    tcase_add_test(tcase, a_message_whole_in_the_input_is_given_in_place);
    tcase_add_test(tcase, a_message_stays_readable_while_its_connection_is_closed_over_it);
    tcase_add_test(tcase, a_lower_limit_counts_from_the_next_frame_on);
    tcase_add_test(tcase, fragments_have_no_limit_when_it_is_off);
    return tcase;
}

int main(void)
{
    enum { ROW_COUNT = sizeof(rows) / sizeof(rows[0]) };
    Suite *suite = suite_create("ws_session");
    TCase *tcase = tcase_create("rows");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, each_row_gives_its_events_wherever_the_input_is_cut, 0, ROW_COUNT);
    tcase_add_loop_test(tcase, each_row_gives_its_events_byte_by_byte, 0, ROW_COUNT);
    suite_add_tcase(suite, tcase);
    suite_add_tcase(suite, close_cases());
    suite_add_tcase(suite, memory_cases());
    return check_main(suite);
}
