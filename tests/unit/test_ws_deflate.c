/* RFC 7692 sections 6 and 7.2 at the session: compressed frames in, events out, fed at every split
 * point. Negotiation (section 7.1) is in test_ws_extensions.c. */
#include "common/mem.h"
#include "edge/ws_deflate.h"
#include "edge/ws_session.h"
#include "tests/support/check_main.h"
#include "tests/support/guard_page.h"
#include "tests/support/rng.h"
#include "tests/support/split.h"
#include "tests/support/ws_peer.h"

#include <check.h>
#include <string.h>
#include <zlib.h>

enum { FRAMES_MAX = 6, LIMIT = 1000, FRAGMENTS = 4, FIN = WS_PEER_FIN, RSV1 = WS_PEER_RSV1 };

struct frame {
    unsigned first;
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
#define DEFLATED (FIN | RSV1 | TEXT)
/* RFC 7692 section 7.2.3.1: "Hello" in one compressed block */
#define HELLO "\xF2\x48\xCD\xC9\xC9\x07\x00"

struct row {
    const char *name; /* section of RFC 7692 and what the row shows */
    struct frame frames[FRAMES_MAX];
    const char *events;
};

static const struct row rows[] = {
    {"7.2.3.1 one block", {F(DEFLATED, HELLO)}, "text(Hello)"},
    {"7.2.3.1 in two frames",
     {F(RSV1 | TEXT, "\xF2\x48\xCD"), F(FIN, "\xC9\xC9\x07\x00")},
     "text(Hello)"},
    {"7.2.3.3 a stored block", {F(DEFLATED, "\x00\x05\x00\xFA\xFFHello\x00")}, "text(Hello)"},
    {"7.2.3.4 a block marked as the last",
     {F(DEFLATED, "\xF3\x48\xCD\xC9\xC9\x07\x00\x00")},
     "text(Hello)"},
    {"7.2.3.4 the last, without the byte behind it",
     {F(DEFLATED, "\xF3\x48\xCD\xC9\xC9\x07\x00")},
     "text(Hello)"},
    {"7.2.3.4 blocks after the last",
     {F(DEFLATED, "\xF3\x48\xCD\xC9\xC9\x07\x00" HELLO)},
     "text(HelloHello)"},
    {"7.2.3.5 two blocks",
     {F(DEFLATED, "\xF2\x48\x05\x00\x00\x00\xFF\xFF\xCA\xC9\xC9\x07\x00")},
     "text(Hello)"},
    {"7.2.3.6 an empty message", {F(DEFLATED, "\x00")}, "text()"},
    {"7.2.3.6 an empty message of an empty block", {F(DEFLATED, "\x02\x00")}, "text()"},
    {"7.2.3.6 an empty message without its byte", {F(DEFLATED, "")}, "text()"},
    {"7.2.1 binary", {F(FIN | RSV1 | BINARY, HELLO)}, "binary(Hello)"},
    {"7.2.2 each message stands alone",
     {F(DEFLATED, HELLO), F(DEFLATED, HELLO)},
     "text(Hello)text(Hello)"},
    {"6 a message may come as it is",
     {F(FIN | TEXT, "plain"), F(DEFLATED, HELLO)},
     "text(plain)text(Hello)"},
    {"6.1 empty fragments around", {F(RSV1 | TEXT, ""), F(0, HELLO), F(FIN, "")}, "text(Hello)"},
    {"6.1 a ping between compressed fragments",
     {F(RSV1 | TEXT, "\xF2\x48"), F(PING, "p"), F(FIN, "\xCD\xC9\xC9\x07\x00")},
     "ping(p)text(Hello)"},
    {"6.1 a close between compressed fragments",
     {F(RSV1 | TEXT, "\xF2\x48"), F(CLOSE, "\x03\xE8")},
     "close(1000,)"},
    /* 6: RSV1 only on the first frame of a message */
    {"6.1 RSV1 on a continuation",
     {F(RSV1 | TEXT, "\xF2\x48"), F(FIN | RSV1, "\xCD\xC9\xC9\x07\x00")},
     "fail(1002)"},
    {"6.1 RSV1 on a continuation of a plain message",
     {F(TEXT, "a"), F(FIN | RSV1, "b")},
     "fail(1002)"},
    {"6.1 RSV1 on a ping", {F(RSV1 | PING, "")}, "fail(1002)"},
    {"6.1 RSV1 on a pong", {F(RSV1 | PONG, "")}, "fail(1002)"},
    {"6.1 RSV1 on a close", {F(RSV1 | CLOSE, "")}, "fail(1002)"},
    {"6455 5.2 RSV2 is no one's", {F(0x20 | DEFLATED, HELLO)}, "fail(1002)"},
    {"6455 5.2 RSV3 is no one's", {F(0x10 | DEFLATED, HELLO)}, "fail(1002)"},
    {"6455 5.2 RSV1 on an unknown opcode", {F(FIN | RSV1 | 3, HELLO)}, "fail(1002)"},
    /* what is not DEFLATE (RFC 1951) */
    {"7.2.2 reserved block type", {F(DEFLATED, "\x07")}, "fail(1007)"},
    {"7.2.2 lengths of a stored block that disagree",
     {F(DEFLATED, "\x00\x05\x00\xFA\x00Hello")},
     "fail(1007)"},
    {"7.2.2 broken off in a block", {F(DEFLATED, "\xF2\x48\xCD\xC9")}, "fail(1007)"},
    {"7.2.2 broken off in a stored block",
     {F(DEFLATED, "\x00\x09\x00\xF6\xFFHello")},
     "fail(1007)"},
    {"7.2.2 a distance before the message", {F(DEFLATED, "\x02\x13\x00\x00")}, "fail(1007)"},
    {"7.2.3.4 nonsense after the last block",
     {F(DEFLATED, "\xF3\x48\xCD\xC9\xC9\x07\x00\x07")},
     "fail(1007)"},
    {"7.2.2 found in an unfinished message", {F(RSV1 | TEXT, "\x07")}, "fail(1007)"},
    /* RFC 6455 section 8.1 holds for the inflated text */
    {"6455 8.1 stored FF", {F(DEFLATED, "\x00\x01\x00\xFE\xFF\xFF\x00")}, "fail(1007)"},
    {"6455 8.1 found in an unfinished message",
     {F(RSV1 | TEXT, "\x00\x02\x00\xFD\xFF\xFF")},
     "fail(1007)"},
    {"6455 8.1 message ends in a character",
     {F(DEFLATED, "\x00\x02\x00\xFD\xFF\xE2\x82\x00")},
     "fail(1007)"},
    {"6455 8.1 binary may hold anything",
     {F(FIN | RSV1 | BINARY, "\x00\x01\x00\xFE\xFF\xFF\x00")},
     "binary(\xFF)"},
    /* limits */
    {"6455 10.4 too many fragments",
     {F(RSV1 | TEXT, ""), F(0, ""), F(0, ""), F(0, ""), F(FIN, HELLO)},
     "fail(1009)"},
};

struct bed {
    struct ws_session session;
    struct ws_inflaters *inflaters;
    struct ws_limits limits;
    struct buf events;
};

static void bed_init(struct bed *bed)
{
    ws_session_init(&bed->session);
    ws_session_enable_deflate(&bed->session, 0);
    bed->inflaters = ws_inflaters_new();
    bed->limits = (struct ws_limits){LIMIT, FRAGMENTS, bed->inflaters};
    buf_init(&bed->events, 0);
}

static void bed_fini(struct bed *bed)
{
    ws_session_fini(&bed->session);
    ws_inflaters_free(&bed->inflaters);
    buf_fini(&bed->events);
}

static void give(struct bed *bed, struct bytes piece)
{
    struct guard_page page = {0};
    struct bytes copy = guard_page_copy(&page, piece);
    ws_peer_give(&bed->session, &bed->limits, (uint8_t *)(uintptr_t)copy.data, copy.len,
                 &bed->events);
    guard_page_free(&page);
}

static void give_frame(struct bed *bed, unsigned first, struct bytes payload)
{
    struct buf input;
    buf_init(&input, 0);
    ws_peer_frame(&input, first, payload);
    give(bed, buf_bytes(&input));
    buf_fini(&input);
}

static void expect(const struct bed *bed, const char *events, const char *name)
{
    ck_assert_msg(bytes_equal(buf_bytes(&bed->events), bytes_of_str(events)), "%s: %.*s", name,
                  (int)bed->events.len, (const char *)bed->events.data);
}

static void check_split(void *ctx, struct bytes head, struct bytes tail)
{
    const struct row *row = ctx;
    struct bed bed;
    bed_init(&bed);
    give(&bed, head);
    give(&bed, tail);
    expect(&bed, row->events, row->name);
    bed_fini(&bed);
}

START_TEST(each_row_gives_its_events_wherever_the_input_is_cut)
{
    struct row row = rows[_i];
    struct buf input;
    buf_init(&input, 0);
    for (size_t i = 0; i < FRAMES_MAX && row.frames[i].data != NULL; i++) {
        ws_peer_frame(&input, row.frames[i].first, bytes_of(row.frames[i].data, row.frames[i].len));
    }
    split_each(buf_bytes(&input), check_split, &row);
    buf_fini(&input);
}
END_TEST

START_TEST(without_the_extension_rsv1_is_refused)
{
    struct bed bed;
    bed_init(&bed);
    ws_session_init(&bed.session);
    give_frame(&bed, DEFLATED, BYTES_LIT(HELLO));
    expect(&bed, "fail(1002)", "5.2");
    bed_fini(&bed);
}
END_TEST

/* `len` bytes that compress well or not at all. */
static uint8_t *sample(size_t len, bool noise)
{
    struct rng rng = {len + 1};
    uint8_t *data = mem_new(len, 1);
    for (size_t i = 0; i < len; i++) {
        data[i] = noise ? (uint8_t)rng_u64(&rng) : (uint8_t) "abcdefg, "[(i + i / 100) % 9];
    }
    return data;
}

static struct bytes inflate_whole(struct ws_inflater *inflater, struct bytes payload,
                                  struct buf *out)
{
    struct bytes chunk = BYTES_EMPTY;
    for (int part = 0; part < 2; part++) {
        if (part == 0) {
            ws_inflater_feed(inflater, payload);
        } else {
            ws_inflater_feed_end(inflater);
        }
        do {
            ck_assert(ws_inflater_read(inflater, &chunk));
            buf_append(out, chunk);
        } while (chunk.len != 0);
    }
    ck_assert(ws_inflater_complete(inflater));
    return buf_bytes(out);
}

/* _i is the window. */
START_TEST(what_is_deflated_inflates_to_the_same_and_is_shorter)
{
    static const size_t lens[] = {1, 2, 10, 100, 256, 257, 1000, 33000, 70000, 300000};
    struct ws_deflaters *deflaters = ws_deflaters_new();
    struct ws_inflaters *inflaters = ws_inflaters_new();
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]) * 2; i++) {
        size_t len = lens[i / 2];
        uint8_t *data = sample(len, i % 2 == 1);
        struct bytes packed = BYTES_EMPTY;
        if (ws_deflate(deflaters, (unsigned)_i, bytes_of(data, len), &packed)) {
            struct ws_inflater *inflater = ws_inflater_take(inflaters, NULL);
            struct buf out;
            buf_init(&out, 0);
            ck_assert_uint_lt(packed.len, len);
            ck_assert(bytes_equal(inflate_whole(inflater, packed, &out), bytes_of(data, len)));
            buf_fini(&out);
            ws_inflater_give(&inflater);
        } else {
            ck_assert(i % 2 == 1 || len < 100 || (_i == 8 && len > 256));
        }
        mem_free(data);
    }
    ws_inflaters_free(&inflaters);
    ws_deflaters_free(&deflaters);
}
END_TEST

/* 7.1.2.1: a peer with a window of that size can inflate it. */
START_TEST(the_window_is_not_larger_than_agreed)
{
    struct ws_deflaters *deflaters = ws_deflaters_new();
    uint8_t *data = sample(40000, true);
    memcpy(data + 20000, data, 20000); /* so far back that only a large window sees it */
    memset(data + 1000, 'x', 1000);
    struct bytes packed = BYTES_EMPTY;
    ck_assert(ws_deflate(deflaters, (unsigned)_i, bytes_of(data, 40000), &packed));
    uint8_t *out = mem_new(40000, 1);
    z_stream stream = {.next_in = (uint8_t *)(uintptr_t)packed.data,
                       .avail_in = (unsigned)packed.len,
                       .next_out = out,
                       .avail_out = 40000};
    ck_assert_int_eq(inflateInit2(&stream, -_i), Z_OK);
    while (stream.avail_in != 0 && stream.avail_out != 0) {
        /* small steps, so that zlib's window matters and not its output buffer */
        unsigned left = stream.avail_out;
        stream.avail_out = left < 64 ? left : 64;
        unsigned step = stream.avail_out;
        int result = inflate(&stream, Z_SYNC_FLUSH);
        ck_assert(result == Z_OK || result == Z_BUF_ERROR);
        stream.avail_out = left - (step - stream.avail_out);
    }
    ck_assert_mem_eq(out, data, 40000);
    (void)inflateEnd(&stream);
    mem_free(out);
    mem_free(data);
    ws_deflaters_free(&deflaters);
}
END_TEST

START_TEST(an_empty_message_is_never_compressed)
{
    struct ws_deflaters *deflaters = ws_deflaters_new();
    struct bytes packed = BYTES_EMPTY;
    ck_assert(!ws_deflate(deflaters, 15, BYTES_EMPTY, &packed));
    ws_deflaters_free(&deflaters);
}
END_TEST

static struct buf packed_zeros(size_t len)
{
    struct ws_deflaters *deflaters = ws_deflaters_new();
    uint8_t *zeros = mem_new(len, 1);
    struct bytes packed = BYTES_EMPTY;
    struct buf payload;
    buf_init(&payload, 0);
    ck_assert(ws_deflate(deflaters, 15, bytes_of(zeros, len), &packed));
    buf_append(&payload, packed);
    mem_free(zeros);
    ws_deflaters_free(&deflaters);
    return payload;
}

START_TEST(a_bomb_is_stopped_at_the_limit_and_never_held)
{
    struct buf payload = packed_zeros(1000000);
    struct bed bed;
    bed_init(&bed);
    bed.limits.message_bytes_max = 20000;
    struct buf input;
    buf_init(&input, 0);
    ws_peer_frame(&input, FIN | RSV1 | BINARY, buf_bytes(&payload));
    for (size_t i = 0; i < input.len; i++) {
        give(&bed, bytes_of(input.data + i, 1));
        /* the message's bytes doubled at most, and the inflater */
        ck_assert_uint_le(ws_session_held(&bed.session), 20000 + 64 + 50000);
    }
    expect(&bed, "fail(1009)", "bomb");
    ck_assert_uint_eq(ws_session_held(&bed.session), 0);
    buf_fini(&input);
    buf_fini(&payload);
    bed_fini(&bed);
}
END_TEST

START_TEST(a_message_of_just_the_limit_passes)
{
    struct buf payload = packed_zeros(LIMIT);
    for (int more = 0; more < 2; more++) {
        struct bed bed;
        bed_init(&bed);
        bed.limits.message_bytes_max = LIMIT - (uint64_t)more;
        give_frame(&bed, FIN | RSV1 | BINARY, buf_bytes(&payload));
        ck_assert_uint_eq(bed.events.len,
                          more == 0 ? LIMIT + strlen("binary()") : strlen("fail(1009)"));
        bed_fini(&bed);
    }
    buf_fini(&payload);
}
END_TEST

START_TEST(blocks_that_hold_nothing_do_not_go_on_for_ever)
{
    struct bed bed;
    bed_init(&bed);
    bed.limits.fragments_max = 0;
    give_frame(&bed, RSV1 | TEXT, BYTES_LIT("\x00\x00\x00\xFF\xFF"));
    for (int i = 0; i < 1000 && bed.events.len == 0; i++) {
        give_frame(&bed, 0, BYTES_LIT("\x00\x00\x00\xFF\xFF"));
    }
    expect(&bed, "fail(1009)", "endless");
    bed_fini(&bed);
}
END_TEST

START_TEST(many_last_blocks_cost_no_more_than_their_bytes)
{
    struct bed bed;
    bed_init(&bed);
    struct buf payload;
    buf_init(&payload, 0);
    for (int i = 0; i < 500; i++) {
        buf_append(&payload, BYTES_LIT("\x03\x00")); /* an empty block marked as the last */
    }
    buf_append(&payload, BYTES_LIT(HELLO));
    give_frame(&bed, DEFLATED, buf_bytes(&payload));
    expect(&bed, "text(Hello)", "last blocks");
    buf_fini(&payload);
    bed_fini(&bed);
}
END_TEST

START_TEST(between_messages_nothing_is_held)
{
    struct bed bed;
    bed_init(&bed);
    give_frame(&bed, RSV1 | TEXT, BYTES_LIT("\xF2\x48\xCD"));
    ck_assert_uint_gt(ws_session_held(&bed.session), 1000);
    ck_assert_ptr_nonnull(bed.session.inflater);
    give_frame(&bed, FIN, BYTES_LIT("\xC9\xC9\x07\x00"));
    expect(&bed, "text(Hello)", "fragments");
    ck_assert_uint_eq(ws_session_held(&bed.session), 0);
    ck_assert_ptr_null(bed.session.inflater);
    bed_fini(&bed);
}
END_TEST

START_TEST(a_broken_message_leaves_nothing_in_the_inflater)
{
    struct ws_inflaters *inflaters = ws_inflaters_new();
    static const char *const payloads[] = {"\x07garbage behind it", "\x06more"};
    for (int i = 0; i < 4; i++) {
        struct bed bed;
        bed_init(&bed);
        bed.limits.inflaters = inflaters;
        if (i % 2 == 0) {
            give_frame(&bed, DEFLATED, bytes_of_str(payloads[i / 2]));
            expect(&bed, "fail(1007)", "broken");
        } else {
            give_frame(&bed, DEFLATED, BYTES_LIT(HELLO));
            expect(&bed, "text(Hello)", "after a broken one");
        }
        bed_fini(&bed);
    }
    ws_inflaters_free(&inflaters);
}
END_TEST

START_TEST(our_close_gives_the_inflater_back_and_the_rest_passes_unseen)
{
    struct bed bed;
    struct buf sent;
    bed_init(&bed);
    buf_init(&sent, 0);
    give_frame(&bed, RSV1 | TEXT, BYTES_LIT("\xF2\x48\xCD"));
    ws_session_close(&bed.session, 1012, BYTES_EMPTY, &sent);
    ck_assert_ptr_null(bed.session.inflater);
    give_frame(&bed, FIN, BYTES_LIT("\x07\x07\x07"));
    give_frame(&bed, DEFLATED, BYTES_LIT("\x07"));
    give_frame(&bed, CLOSE, BYTES_LIT("\x03\xF4"));
    expect(&bed, "close(1012,)", "after our close");
    buf_fini(&sent);
    bed_fini(&bed);
}
END_TEST

START_TEST(sessions_share_the_pool_and_do_not_mix)
{
    enum { SESSIONS = 12 };
    struct ws_inflaters *inflaters = ws_inflaters_new();
    struct ws_limits limits = {LIMIT, 0, inflaters};
    struct ws_session sessions[SESSIONS];
    struct buf events[SESSIONS];
    struct buf input;
    buf_init(&input, 0);
    ws_peer_frame(&input, DEFLATED, BYTES_LIT(HELLO));
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < SESSIONS; i++) {
            ws_session_init(&sessions[i]);
            ws_session_enable_deflate(&sessions[i], 0);
            buf_init(&events[i], 0);
        }
        for (size_t at = 0; at < input.len; at++) {
            for (int i = 0; i < SESSIONS; i++) {
                uint8_t byte = input.data[at];
                ws_peer_give(&sessions[i], &limits, &byte, 1, &events[i]);
            }
        }
        for (int i = 0; i < SESSIONS; i++) {
            ck_assert(bytes_equal(buf_bytes(&events[i]), BYTES_LIT("text(Hello)")));
            ws_session_fini(&sessions[i]);
            buf_fini(&events[i]);
        }
    }
    buf_fini(&input);
    ws_inflaters_free(&inflaters);
}
END_TEST

/* --- context takeover --- */

static struct buf text_number(unsigned number)
{
    struct buf text;
    buf_init(&text, 0);
    buf_append_str(&text, "{\"type\":\"room_message\",\"number\":");
    buf_append_u64(&text, number);
    buf_append_str(&text, ",\"payload\":\"what every message repeats\"}");
    return text;
}

static void append_packed(struct buf *input, struct ws_deflater *deflater, struct bytes text)
{
    ws_peer_frame(input, DEFLATED, ws_deflater_next(deflater, text));
}

struct conversation {
    struct buf input;
    struct buf events;
};

/* Three messages that refer to each other, a plain one and a ping between them, an empty one. */
static struct conversation conversation_of(unsigned window_bits)
{
    struct conversation talk;
    struct ws_deflaters *deflaters = ws_deflaters_new();
    struct ws_deflater *deflater = ws_deflater_new(deflaters, window_bits);
    buf_init(&talk.input, 0);
    buf_init(&talk.events, 0);
    for (unsigned i = 0; i < 3; i++) {
        struct buf text = text_number(i);
        append_packed(&talk.input, deflater, buf_bytes(&text));
        buf_append_str(&talk.events, "text(");
        buf_append(&talk.events, buf_bytes(&text));
        buf_append_str(&talk.events, ")text(plain)ping(p)text()");
        ws_peer_frame(&talk.input, FIN | TEXT, BYTES_LIT("plain"));
        ws_peer_frame(&talk.input, PING, BYTES_LIT("p"));
        ws_peer_frame(&talk.input, DEFLATED, i == 0 ? BYTES_LIT("\x00") : BYTES_EMPTY);
        buf_fini(&text);
    }
    ws_deflater_free(&deflater);
    ws_deflaters_free(&deflaters);
    return talk;
}

struct context_case {
    struct conversation talk;
    uint8_t window_bits;
};

static void check_context_split(void *ctx, struct bytes head, struct bytes tail)
{
    struct context_case *each = ctx;
    struct bed bed;
    bed_init(&bed);
    ws_session_enable_deflate(&bed.session, each->window_bits);
    give(&bed, head);
    give(&bed, tail);
    ck_assert(bytes_equal(buf_bytes(&bed.events), buf_bytes(&each->talk.events)));
    bed_fini(&bed);
}

/* _i is the window. */
START_TEST(messages_that_refer_to_earlier_ones_are_understood_wherever_they_are_cut)
{
    struct context_case each = {conversation_of((unsigned)_i), (uint8_t)_i};
    split_each(buf_bytes(&each.talk.input), check_context_split, &each);
    buf_fini(&each.talk.input);
    buf_fini(&each.talk.events);
}
END_TEST

/* 7.1.1.2: what tornado 6.2 does although it was answered with client_no_context_takeover. */
START_TEST(without_a_context_such_messages_are_1007)
{
    struct conversation talk = conversation_of(15);
    struct bed bed;
    bed_init(&bed);
    give(&bed, buf_bytes(&talk.input));
    struct bytes end = bytes_slice(buf_bytes(&bed.events), bed.events.len - 10, bed.events.len);
    ck_assert(bytes_equal(end, BYTES_LIT("fail(1007)")));
    bed_fini(&bed);
    buf_fini(&talk.input);
    buf_fini(&talk.events);
}
END_TEST

START_TEST(a_context_goes_on_after_blocks_marked_as_the_last)
{
    struct bed bed;
    bed_init(&bed);
    ws_session_enable_deflate(&bed.session, 15);
    give_frame(&bed, DEFLATED, BYTES_LIT("\xF3\x48\xCD\xC9\xC9\x07\x00"));
    /* length 5, distance 5: the "Hello" of the message before; 7.2.3.2 */
    give_frame(&bed, DEFLATED, BYTES_LIT("\xF2\x00\x11\x00\x00"));
    give_frame(&bed, DEFLATED, BYTES_LIT("\x03\x00"));
    give_frame(&bed, DEFLATED, BYTES_LIT("\xF2\x00\x11\x00\x00"));
    expect(&bed, "text(Hello)text(Hello)text()text(Hello)", "7.2.3.2");
    bed_fini(&bed);
}
END_TEST

START_TEST(a_context_is_kept_between_messages_and_given_back_at_every_end)
{
    for (int way = 0; way < 3; way++) {
        struct bed bed;
        struct buf sent;
        bed_init(&bed);
        buf_init(&sent, 0);
        ws_session_enable_deflate(&bed.session, 15);
        ck_assert_ptr_null(bed.session.inflater);
        give_frame(&bed, DEFLATED, BYTES_LIT(HELLO));
        ck_assert_ptr_nonnull(bed.session.inflater);
        ck_assert_uint_le(ws_session_held(&bed.session), 64 + sizeof(struct buf));
        ck_assert_uint_eq(ws_inflaters_lent_bytes(bed.inflaters), 0);
        if (way == 0) {
            ws_session_close(&bed.session, 1012, BYTES_EMPTY, &sent);
        } else if (way == 1) {
            give_frame(&bed, DEFLATED, BYTES_LIT("\x07"));
        } else {
            give_frame(&bed, CLOSE, BYTES_LIT("\x03\xE8"));
        }
        ck_assert_ptr_null(bed.session.inflater);
        buf_fini(&sent);
        bed_fini(&bed);
    }
}
END_TEST

START_TEST(no_stream_holds_more_than_its_price_nor_much_less)
{
    unsigned bits = (unsigned)_i;
    enum { LEN = 200000 };
    struct ws_deflaters *deflaters = ws_deflaters_new();
    struct ws_inflaters *inflaters = ws_inflaters_new();
    struct ws_deflater *deflater = ws_deflater_new(deflaters, bits);
    struct ws_inflater *inflater = ws_inflater_keep(inflaters, bits);
    uint8_t *data = sample(LEN, false);
    struct buf out;
    buf_init(&out, 0);
    struct bytes packed = ws_deflater_next(deflater, bytes_of(data, LEN));
    ck_assert(bytes_equal(inflate_whole(inflater, packed, &out), bytes_of(data, LEN)));
    ck_assert_uint_le(ws_deflater_held(deflater), ws_deflater_price(bits));
    ck_assert_uint_le(ws_inflater_held(inflater), ws_inflater_price(bits));
    ck_assert_uint_ge(ws_deflater_held(deflater) + 2500, ws_deflater_price(bits));
    ck_assert_uint_ge(ws_inflater_held(inflater) + 1500, ws_inflater_price(bits));
    buf_fini(&out);
    mem_free(data);
    ws_inflater_give(&inflater);
    ws_deflater_free(&deflater);
    ws_inflaters_free(&inflaters);
    ws_deflaters_free(&deflaters);
}
END_TEST

/* Compresses well, not at all, and by a few bytes, in turn. */
START_TEST(a_context_of_ours_survives_messages_of_every_kind)
{
    static const size_t lens[] = {1, 70000, 3, 300, 300, 40000, 257, 1000};
    struct ws_deflaters *deflaters = ws_deflaters_new();
    struct ws_inflaters *inflaters = ws_inflaters_new();
    struct ws_deflater *deflater = ws_deflater_new(deflaters, (unsigned)_i);
    struct ws_inflater *inflater = ws_inflater_keep(inflaters, (unsigned)_i);
    for (size_t i = 0; i < 2 * sizeof(lens) / sizeof(lens[0]); i++) {
        size_t len = lens[i / 2];
        uint8_t *data = sample(len, i % 2 == 1);
        struct buf out;
        buf_init(&out, 0);
        struct bytes packed = ws_deflater_next(deflater, bytes_of(data, len));
        ck_assert_uint_le(packed.len, len + len / 8 + 16);
        ck_assert(bytes_equal(inflate_whole(inflater, packed, &out), bytes_of(data, len)));
        ws_inflater_next_message(inflater);
        buf_fini(&out);
        mem_free(data);
    }
    ws_inflater_give(&inflater);
    ws_deflater_free(&deflater);
    ws_inflaters_free(&inflaters);
    ws_deflaters_free(&deflaters);
}
END_TEST

START_TEST(a_bomb_in_a_context_is_stopped_at_the_limit_message_by_message)
{
    struct buf payload = packed_zeros(20000);
    struct buf too_much = packed_zeros(20001);
    struct bed bed;
    bed_init(&bed);
    ws_session_enable_deflate(&bed.session, 15);
    bed.limits.message_bytes_max = 20000;
    bed.limits.fragments_max = 0;
    for (int i = 0; i < 3; i++) {
        buf_clear(&bed.events);
        give_frame(&bed, FIN | RSV1 | BINARY, buf_bytes(&payload));
        ck_assert_uint_eq(bed.events.len, 20000 + strlen("binary()"));
    }
    buf_clear(&bed.events);
    give_frame(&bed, RSV1 | BINARY, BYTES_EMPTY);
    for (size_t i = 0; i < too_much.len; i++) { /* a byte in each fragment */
        give_frame(&bed, 0, bytes_of(too_much.data + i, 1));
        ck_assert_uint_le(ws_session_held(&bed.session), 20000 + 64);
    }
    expect(&bed, "fail(1009)", "bomb in many fragments");
    buf_fini(&payload);
    buf_fini(&too_much);
    bed_fini(&bed);
}
END_TEST

START_TEST(the_pool_tells_whose_message_is_incomplete_for_longest)
{
    struct ws_inflaters *inflaters = ws_inflaters_new();
    struct ws_inflater *lent[6];
    int owners[6];
    uint64_t price = ws_inflater_price(15);
    ck_assert_ptr_null(ws_inflaters_oldest(inflaters));
    for (int i = 0; i < 6; i++) {
        lent[i] = ws_inflater_take(inflaters, &owners[i]);
    }
    struct ws_inflater *kept = ws_inflater_keep(inflaters, 15);
    ck_assert_uint_eq(ws_inflaters_lent_bytes(inflaters), 6 * price);
    static const int order[] = {2, 0, 5, 1, 3, 4};
    static const int oldest[] = {0, 1, 1, 3, 4, -1};
    for (int i = 0; i < 6; i++) {
        ws_inflater_give(&lent[order[i]]);
        ck_assert_ptr_eq(ws_inflaters_oldest(inflaters),
                         oldest[i] < 0 ? NULL : (void *)&owners[oldest[i]]);
        ck_assert_uint_eq(ws_inflaters_lent_bytes(inflaters), (5 - (uint64_t)i) * price);
    }
    ws_inflater_give(&kept);
    ws_inflaters_free(&inflaters);
}
END_TEST

static TCase *context_cases(void)
{
    TCase *tcase = tcase_create("contexts");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(
        tcase, messages_that_refer_to_earlier_ones_are_understood_wherever_they_are_cut, 9, 16);
    tcase_add_test(tcase, without_a_context_such_messages_are_1007);
    tcase_add_test(tcase, a_context_goes_on_after_blocks_marked_as_the_last);
    tcase_add_test(tcase, a_context_is_kept_between_messages_and_given_back_at_every_end);
    tcase_add_loop_test(tcase, no_stream_holds_more_than_its_price_nor_much_less, 9, 16);
    tcase_add_loop_test(tcase, a_context_of_ours_survives_messages_of_every_kind, 9, 16);
    tcase_add_test(tcase, a_bomb_in_a_context_is_stopped_at_the_limit_message_by_message);
    tcase_add_test(tcase, the_pool_tells_whose_message_is_incomplete_for_longest);
    return tcase;
}

static TCase *limit_cases(void)
{
    TCase *tcase = tcase_create("limits");
    tcase_add_test(tcase, a_bomb_is_stopped_at_the_limit_and_never_held);
    tcase_add_test(tcase, a_message_of_just_the_limit_passes);
    tcase_add_test(tcase, blocks_that_hold_nothing_do_not_go_on_for_ever);
    tcase_add_test(tcase, many_last_blocks_cost_no_more_than_their_bytes);
    tcase_add_test(tcase, between_messages_nothing_is_held);
    tcase_add_test(tcase, a_broken_message_leaves_nothing_in_the_inflater);
    tcase_add_test(tcase, our_close_gives_the_inflater_back_and_the_rest_passes_unseen);
    tcase_add_test(tcase, sessions_share_the_pool_and_do_not_mix);
    return tcase;
}

int main(void)
{
    Suite *suite = suite_create("ws_deflate");
    TCase *tcase = tcase_create("rows");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, each_row_gives_its_events_wherever_the_input_is_cut, 0,
                        (int)(sizeof(rows) / sizeof(rows[0])));
    tcase_add_test(tcase, without_the_extension_rsv1_is_refused);
    tcase_add_loop_test(tcase, what_is_deflated_inflates_to_the_same_and_is_shorter, 8, 16);
    tcase_add_loop_test(tcase, the_window_is_not_larger_than_agreed, 9, 16);
    tcase_add_test(tcase, an_empty_message_is_never_compressed);
    suite_add_tcase(suite, tcase);
    suite_add_tcase(suite, limit_cases());
    suite_add_tcase(suite, context_cases());
    return check_main(suite);
}
