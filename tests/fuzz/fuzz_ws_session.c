/* One input given whole and in random pieces, each in memory of just its size: the events must be
 * the same, memory stays inside the limit, and all input is consumed.
 * Input: seed of the pieces (4), message limit (1), fragment limit (1), event after which we send
 * our own close frame (1), then what a client sends. */
#include "common/buf.h"
#include "common/mem.h"
#include "edge/ws_session.h"
#include "tests/support/fuzz.h"
#include "tests/support/rng.h"

#include <assert.h>
#include <string.h>

enum { PREFIX = 7, PIECE_MAX = 40 };

struct run {
    struct ws_session session;
    struct ws_limits limits;
    unsigned close_after; /* events; 0 = never */
    unsigned event_count;
    struct buf trace;
    struct buf sent;
};

static void run_init(struct run *run, const uint8_t *prefix)
{
    *run = (struct run){
        .limits = {.message_bytes_max = prefix[4] * UINT64_C(8), .fragments_max = prefix[5]},
        .close_after = prefix[6]};
    ws_session_init(&run->session);
    buf_init(&run->trace, 0);
    buf_init(&run->sent, 0);
}

static void run_fini(struct run *run)
{
    ws_session_fini(&run->session);
    buf_fini(&run->trace);
    buf_fini(&run->sent);
}

static void on_event(struct run *run, const struct ws_event *event)
{
    if (event->kind == WS_EVENT_MESSAGE) {
        assert(event->data.len <= run->limits.message_bytes_max);
        assert(event->binary || ws_utf8_valid(event->data));
        assert(!ws_session_close_sent(&run->session));
    }
    buf_append_byte(&run->trace, (uint8_t)event->kind);
    buf_append_byte(&run->trace, (uint8_t)event->binary);
    buf_append_byte(&run->trace, (uint8_t)event->reason);
    buf_append_u64(&run->trace, event->close_code);
    buf_append_u64(&run->trace, event->data.len);
    buf_append(&run->trace, event->data);
    if (++run->event_count == run->close_after) {
        ws_session_close(&run->session, 1012, BYTES_LIT("bye"), &run->sent);
    }
}

static void give(struct run *run, struct bytes piece)
{
    uint8_t *exact = mem_copy(piece);
    uint8_t *data = exact;
    size_t len = piece.len;
    struct ws_event event;
    do {
        event = ws_session_receive(&run->session, &run->limits, &data, &len);
        assert(data + len == exact + piece.len);
        size_t held = ws_session_held(&run->session);
        assert(held <= sizeof(struct buf) + run->limits.message_bytes_max);
        if (event.kind != WS_EVENT_NONE) {
            on_event(run, &event);
        }
    } while (event.kind != WS_EVENT_NONE);
    assert(len == 0);
    mem_free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < PREFIX) {
        return 0;
    }
    struct bytes input = bytes_of(data + PREFIX, size - PREFIX);
    struct run whole;
    struct run pieces;
    struct rng rng = {0};
    memcpy(&rng.state, data, 4);
    run_init(&whole, data);
    run_init(&pieces, data);
    give(&whole, input);
    for (size_t at = 0; at < input.len;) {
        struct bytes piece = bytes_slice(input, at, rng_below(&rng, PIECE_MAX));
        give(&pieces, piece);
        at += piece.len;
    }
    assert(bytes_equal(buf_bytes(&whole.trace), buf_bytes(&pieces.trace)));
    assert(bytes_equal(buf_bytes(&whole.sent), buf_bytes(&pieces.sent)));
    run_fini(&whole);
    run_fini(&pieces);
    return 0;
}
