/* A whole connection of an edge that answers with what it hears: request head, then frames,
 * compressed when that was agreed. Given whole, in random pieces and byte by byte, it must send the
 * same bytes; what it sends must be well-formed: an HTTP answer, then unmasked frames of the least
 * length, nothing behind a close frame; and not more than the limit allows for what came.
 * Input: seed of the pieces (4), message limit (1), then what a client sends. */
#include "common/mem.h"
#include "edge/ws_deflate.h"
#include "edge/ws_frame.h"
#include "edge/ws_handshake.h"
#include "edge/ws_session.h"
#include "tests/fuzz/mutate_frames.h"
#include "tests/fuzz/mutate_head.h"
#include "tests/support/fuzz.h"

#include <assert.h>

enum {
    PREFIX = 5,
    HEAD_BYTES_MAX = 1024,
    FIELDS_MAX = 12,
    PIECE_MAX = 60,
    BYTEWISE_MAX = 512,
    ANSWER_MAX = 512,
    DEFLATED_BIT = 0x40
};

static const struct ws_handshake_config config = {
    .path = {(const uint8_t *)"/ws", 3},
    .head_bytes_max = HEAD_BYTES_MAX,
    .fields_max = FIELDS_MAX,
    .deflate = {.enabled = true, .context = WS_CONTEXT_OFF, .window_bits = WS_WINDOW_BITS_MAX}};

enum state { STATE_HEAD, STATE_OPEN, STATE_DONE };

struct peer {
    enum state state;
    struct ws_session session;
    struct ws_limits limits;
    struct ws_deflaters *deflaters;
    struct ws_deflate_terms terms;
    struct buf head;
    struct buf sent;
    size_t answer_len; /* of the HTTP answer in `sent` */
    size_t event_count;
};

static void peer_init(struct peer *peer, const struct ws_limits *limits,
                      struct ws_deflaters *deflaters)
{
    *peer = (struct peer){.limits = *limits, .deflaters = deflaters};
    ws_session_init(&peer->session);
    buf_init(&peer->head, 0);
    buf_init(&peer->sent, 0);
}

static void peer_fini(struct peer *peer)
{
    ws_session_fini(&peer->session);
    buf_fini(&peer->head);
    buf_fini(&peer->sent);
}

static void send_frame(struct peer *peer, enum ws_opcode opcode, struct bytes payload)
{
    uint8_t header[WS_FRAME_HEADER_MAX];
    struct bytes packed = BYTES_EMPTY;
    bool deflated = peer->terms.agreed && (opcode == WS_OP_TEXT || opcode == WS_OP_BINARY) &&
                    ws_deflate(peer->deflaters, peer->terms.window_bits, payload, &packed);
    payload = deflated ? packed : payload;
    size_t len = ws_frame_header(header, opcode, payload.len);
    header[0] |= deflated ? DEFLATED_BIT : 0;
    buf_append(&peer->sent, bytes_of(header, len));
    buf_append(&peer->sent, payload);
}

static void on_event(struct peer *peer, const struct ws_event *event)
{
    assert(peer->state == STATE_OPEN);
    peer->event_count++;
    switch (event->kind) {
    case WS_EVENT_MESSAGE:
        assert(event->data.len <= peer->limits.message_bytes_max);
        send_frame(peer, event->binary ? WS_OP_BINARY : WS_OP_TEXT, event->data);
        break;
    case WS_EVENT_PING:
        send_frame(peer, WS_OP_PONG, event->data);
        break;
    case WS_EVENT_CLOSE:
        ws_session_close(&peer->session, event->close_code, BYTES_EMPTY, &peer->sent);
        peer->state = STATE_DONE;
        break;
    case WS_EVENT_FAIL:
        ws_session_close(&peer->session, ws_reason_code(event->reason), BYTES_EMPTY, &peer->sent);
        peer->state = STATE_DONE;
        break;
    case WS_EVENT_PONG:
    case WS_EVENT_NONE:
        break;
    }
}

static void give_frames(struct peer *peer, struct bytes piece)
{
    uint8_t *exact = mem_copy(piece);
    uint8_t *data = exact;
    size_t len = piece.len;
    struct ws_event event = {.kind = WS_EVENT_PONG};
    while (event.kind != WS_EVENT_NONE) {
        event = ws_session_receive(&peer->session, &peer->limits, &data, &len);
        if (event.kind != WS_EVENT_NONE) {
            on_event(peer, &event);
        }
    }
    assert(len == 0);
    mem_free(exact);
}

static void end_head(struct peer *peer, enum ws_handshake_verdict verdict,
                     const struct ws_request *request)
{
    if (verdict != WS_HANDSHAKE_UPGRADE) {
        peer->state = STATE_DONE;
        if (verdict == WS_HANDSHAKE_HEALTH) {
            ws_handshake_health(200, "ok", request->head_only, &peer->sent);
        } else {
            ws_handshake_refuse(request->status, request->refusal, 0, &peer->sent);
        }
        peer->answer_len = peer->sent.len;
        return;
    }
    ws_handshake_accept(request, &peer->sent);
    peer->answer_len = peer->sent.len;
    peer->terms = request->deflate;
    if (request->deflate.agreed) {
        assert(request->deflate.client_stands_alone && request->deflate.server_stands_alone);
        ws_session_enable_deflate(&peer->session, 0);
    }
    peer->state = STATE_OPEN;
    give_frames(peer, bytes_slice(buf_bytes(&peer->head), request->consumed, peer->head.len));
}

static void give(struct peer *peer, struct bytes piece)
{
    struct ws_request request;
    struct buf scratch;
    if (peer->state != STATE_HEAD) {
        give_frames(peer, peer->state == STATE_OPEN ? piece : BYTES_EMPTY);
        return;
    }
    buf_init(&scratch, HEAD_BYTES_MAX);
    buf_append(&peer->head, piece);
    uint8_t *exact = mem_copy(buf_bytes(&peer->head));
    enum ws_handshake_verdict verdict =
        ws_handshake_parse(bytes_of(exact, peer->head.len), &config, &scratch, &request);
    assert(verdict != WS_HANDSHAKE_INCOMPLETE || peer->head.len < HEAD_BYTES_MAX + 1);
    if (verdict != WS_HANDSHAKE_INCOMPLETE) {
        end_head(peer, verdict, &request);
    }
    mem_free(exact);
    buf_fini(&scratch);
}

/* What we sent behind the answer is frames as a server may send them. */
static void check_sent(const struct peer *peer)
{
    struct bytes rest = bytes_slice(buf_bytes(&peer->sent), peer->answer_len, peer->sent.len);
    bool closed = false;
    while (rest.len != 0) {
        assert(!closed && rest.len >= 2 && (rest.data[1] & 0x80) == 0);
        size_t extended = rest.data[1] == 126 ? 2 : rest.data[1] == 127 ? 8 : 0;
        assert(rest.len >= 2 + extended);
        uint64_t len = extended == 0 ? rest.data[1] : 0;
        for (size_t i = 0; i < extended; i++) {
            len = len << 8 | rest.data[2 + i];
        }
        assert(extended == 0 || len >= (extended == 2 ? 126U : 65536U));
        assert(len <= rest.len - 2 - extended);
        assert((rest.data[0] & 0xB0) == 0x80); /* final, no RSV2, no RSV3 */
        assert((rest.data[0] & DEFLATED_BIT) == 0 || peer->terms.agreed);
        closed = (rest.data[0] & 0x0F) == WS_OP_CLOSE;
        assert(!closed || len != 1);
        rest = bytes_slice(rest, 2 + extended + (size_t)len, rest.len);
    }
}

static void check_bound(const struct peer *peer, size_t given)
{
    size_t each = peer->terms.agreed ? (size_t)peer->limits.message_bytes_max : 0;
    assert(peer->answer_len <= ANSWER_MAX);
    assert(peer->event_count <= given / 6);
    assert(peer->sent.len <= ANSWER_MAX + 2 * given + peer->event_count * (each + 10));
}

static void run(struct peer *peer, uint64_t seed, uint32_t piece_max, struct bytes input)
{
    struct rng rng = {seed};
    for (size_t at = 0; at < input.len;) {
        size_t len = piece_max == 0   ? input.len
                     : piece_max == 1 ? 1
                                      : 1 + rng_below(&rng, piece_max);
        struct bytes piece = bytes_slice(input, at, len);
        give(peer, piece);
        at += piece.len;
    }
    check_sent(peer);
    check_bound(peer, input.len);
}

static void compare(const struct peer *whole, uint64_t seed, uint32_t piece_max, struct bytes input)
{
    struct peer pieces;
    peer_init(&pieces, &whole->limits, whole->deflaters);
    run(&pieces, seed, piece_max, input);
    assert(pieces.state == whole->state && pieces.event_count == whole->event_count);
    assert(bytes_equal(buf_bytes(&pieces.sent), buf_bytes(&whole->sent)));
    peer_fini(&pieces);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    struct rng rng = {seed};
    struct buf made;
    if (size < PREFIX || rng_below(&rng, 8) == 0) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    struct bytes rest = bytes_of(data + PREFIX, size - PREFIX);
    const uint8_t *end = rest.len == 0 ? NULL : memmem(rest.data, rest.len, "\r\n\r\n", 4);
    buf_init(&made, 0);
    buf_append(&made, bytes_of(data, PREFIX));
    if (end == NULL || rng_below(&rng, 4) == 0) {
        mutate_head(&rng, &rest, &made);
        buf_append(&made, rest);
    } else {
        size_t head_len = (size_t)(end - rest.data) + 4;
        buf_append(&made, bytes_slice(rest, 0, head_len));
        mutate_frames(&rng, true, bytes_slice(rest, head_len, rest.len), &made);
    }
    size_t len = mutate_finish(&made, data, max_size);
    buf_fini(&made);
    return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < PREFIX) {
        return 0;
    }
    uint64_t seed = 0;
    memcpy(&seed, data, 4);
    struct bytes input = bytes_of(data + PREFIX, size - PREFIX);
    struct ws_inflaters *inflaters = ws_inflaters_new();
    const struct ws_limits limits = {.message_bytes_max = data[4] * UINT64_C(64),
                                     .inflaters = inflaters};
    struct peer whole;
    peer_init(&whole, &limits, ws_deflaters_new());
    run(&whole, 0, 0, input);
    compare(&whole, seed, PIECE_MAX, input);
    if (input.len <= BYTEWISE_MAX) {
        compare(&whole, 0, 1, input);
    }
    ws_deflaters_free(&whole.deflaters);
    peer_fini(&whole);
    ws_inflaters_free(&inflaters);
    return 0;
}
