/* One session under a fuzzer: input given in pieces, each in memory of just its size; what comes
 * out is written down, so that ways of cutting the same input can be compared. Whatever comes in:
 * - the events and our own frames do not depend on the cuts;
 * - nothing comes after a failure or after the peer's close frame;
 * - more events than frames, or more data than payload, cannot come out (compressed: no message is
 *   over the limit);
 * - we send at most one close frame;
 * - memory stays within the limit, and all input is consumed. */
#ifndef TESTS_FUZZ_SESSION_RUN_H
#define TESTS_FUZZ_SESSION_RUN_H

#include "common/buf.h"
#include "common/mem.h"
#include "edge/ws_deflate.h"
#include "edge/ws_extensions.h"
#include "edge/ws_session.h"
#include "tests/support/rng.h"

#include <assert.h>
#include <string.h>

/* SESSION_RUN_CONTEXT, in the number of events to close after: with the client's context takeover,
 * and the largest window, since zlib does not refuse what is too far back inside one output. */
enum {
    SESSION_RUN_PIECE_MAX = 40,
    SESSION_RUN_BYTEWISE_MAX = 1024, /* longer inputs are not given byte by byte */
    SESSION_RUN_INFLATER_MAX = 64 * 1024,
    SESSION_RUN_FRAME_MIN = 6, /* a client's header with its mask */
    SESSION_RUN_CLOSE_MAX = 127,
    SESSION_RUN_CONTEXT = 0x80
};

struct session_run {
    struct ws_session session;
    struct ws_limits limits; /* inflaters: NULL = without deflate */
    unsigned
        close_after; /* low 7 bits: events after which we send our own close frame; 0 = never */
    unsigned event_count;
    bool ended;          /* failed, or the peer's close frame came */
    uint64_t given;      /* input bytes */
    uint64_t data_bytes; /* of events, as they came over the wire */
    struct buf trace;
    struct buf sent;
};

static inline void session_run_init(struct session_run *run, const struct ws_limits *limits,
                                    unsigned close_after)
{
    *run = (struct session_run){.limits = *limits,
                                .close_after = close_after & (SESSION_RUN_CONTEXT - 1)};
    ws_session_init(&run->session);
    if (limits->inflaters != NULL) {
        ws_session_enable_deflate(
            &run->session, (close_after & SESSION_RUN_CONTEXT) != 0 ? WS_WINDOW_BITS_MAX : 0);
    }
    buf_init(&run->trace, 0);
    buf_init(&run->sent, 0);
}

static inline void session_run_fini(struct session_run *run)
{
    ws_session_fini(&run->session);
    buf_fini(&run->trace);
    buf_fini(&run->sent);
}

static inline void session_run_check(struct session_run *run, const struct ws_event *event)
{
    assert(!run->ended);
    run->ended = event->kind == WS_EVENT_FAIL || event->kind == WS_EVENT_CLOSE;
    run->data_bytes += event->deflated ? event->wire_bytes : event->data.len;
    assert(run->data_bytes + (uint64_t)run->event_count * SESSION_RUN_FRAME_MIN <= run->given);
    assert(event->kind != WS_EVENT_FAIL || ws_reason_code(event->reason) != 0);
    assert(event->kind == WS_EVENT_MESSAGE || event->data.len <= 125);
    if (event->kind == WS_EVENT_MESSAGE) {
        assert(event->data.len <= run->limits.message_bytes_max);
        assert(event->binary || ws_utf8_valid(event->data));
        assert(!ws_session_close_sent(&run->session));
        assert(!event->deflated || run->limits.inflaters != NULL);
    }
}

static inline void session_run_event(struct session_run *run, const struct ws_event *event)
{
    session_run_check(run, event);
    buf_append_byte(&run->trace, (uint8_t)event->kind);
    buf_append_byte(&run->trace, (uint8_t)event->binary);
    buf_append_byte(&run->trace, (uint8_t)event->reason);
    buf_append_u64(&run->trace, event->close_code);
    buf_append_u64(&run->trace, event->wire_bytes);
    buf_append_u64(&run->trace, event->data.len);
    buf_append(&run->trace, event->data);
    if (++run->event_count == run->close_after) {
        ws_session_close(&run->session, 1012, BYTES_LIT("bye"), &run->sent);
        ws_session_close(&run->session, 1000, BYTES_LIT("again"), &run->sent);
        assert(run->sent.len <= SESSION_RUN_CLOSE_MAX);
    }
}

static inline void session_run_give(struct session_run *run, struct bytes piece)
{
    size_t held_max = sizeof(struct buf) + (size_t)run->limits.message_bytes_max +
                      (run->limits.inflaters != NULL ? SESSION_RUN_INFLATER_MAX : 0);
    uint8_t *exact = mem_copy(piece);
    uint8_t *data = exact;
    size_t len = piece.len;
    struct ws_event event;
    run->given += piece.len;
    do {
        event = ws_session_receive(&run->session, &run->limits, &data, &len);
        assert(data + len == exact + piece.len);
        assert(ws_session_held(&run->session) <= held_max);
        if (event.kind != WS_EVENT_NONE) {
            session_run_event(run, &event);
        }
    } while (event.kind != WS_EVENT_NONE);
    assert(len == 0);
    mem_free(exact);
}

/* Gives `input` in pieces of at most `piece_max` bytes, empty ones among them when that is not 1.
 */
static inline void session_run_pieces(struct session_run *run, uint64_t seed, uint32_t piece_max,
                                      struct bytes input)
{
    struct rng rng = {seed};
    for (size_t at = 0; at < input.len;) {
        size_t len = piece_max == 1 ? 1 : rng_below(&rng, piece_max);
        struct bytes piece = bytes_slice(input, at, len);
        session_run_give(run, piece);
        at += piece.len;
    }
}

static inline void session_run_same(const struct session_run *a, const struct session_run *b)
{
    assert(bytes_equal(buf_bytes(&a->trace), buf_bytes(&b->trace)));
    assert(bytes_equal(buf_bytes(&a->sent), buf_bytes(&b->sent)));
}

/* Gives `input` whole to one session, in pieces to another, byte by byte to a third: the same must
 * come out. */
static inline void session_run_all(const struct ws_limits *limits, unsigned close_after,
                                   uint64_t seed, struct bytes input)
{
    struct session_run whole;
    struct session_run pieces;
    session_run_init(&whole, limits, close_after);
    session_run_give(&whole, input);
    session_run_init(&pieces, limits, close_after);
    session_run_pieces(&pieces, seed, SESSION_RUN_PIECE_MAX, input);
    session_run_same(&whole, &pieces);
    session_run_fini(&pieces);
    if (input.len <= SESSION_RUN_BYTEWISE_MAX) {
        session_run_init(&pieces, limits, close_after);
        session_run_pieces(&pieces, 0, 1, input);
        session_run_same(&whole, &pieces);
        session_run_fini(&pieces);
    }
    session_run_fini(&whole);
}

#endif
