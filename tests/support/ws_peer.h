/* The client's side of a WebSocket session for tests: frames that a client sends, and the events
 * that a session gives as one line of text. */
#ifndef TESTS_SUPPORT_WS_PEER_H
#define TESTS_SUPPORT_WS_PEER_H

#include "common/buf.h"
#include "edge/ws_frame.h"
#include "edge/ws_session.h"

#include <stddef.h>

enum { WS_PEER_RSV1 = 0x40, WS_PEER_FIN = 0x80 };

/* Appends a masked frame whose first byte is `first`. */
static inline void ws_peer_frame(struct buf *out, unsigned first, struct bytes payload)
{
    static const uint8_t mask[4] = {0x12, 0xFE, 0x00, 0x8D};
    uint8_t header[WS_FRAME_HEADER_MAX];
    size_t header_len = ws_frame_header(header, WS_OP_TEXT, payload.len);
    header[0] = (uint8_t)first;
    header[1] |= 0x80;
    buf_append(out, bytes_of(header, header_len));
    buf_append(out, bytes_of(mask, sizeof(mask)));
    size_t start = out->len;
    buf_append(out, payload);
    for (size_t i = 0; i < payload.len; i++) {
        out->data[start + i] ^= mask[i % 4];
    }
}

/* Appends "text(…)", "binary(…)", "ping(…)", "pong(…)", "close(CODE,…)" or "fail(CODE)". */
static inline void ws_peer_trace(struct buf *out, const struct ws_event *event)
{
    static const char *const names[] = {"none(", "text(", "ping(", "pong(", "close(", "fail("};
    buf_append_str(out, event->binary ? "binary(" : names[event->kind]);
    if (event->kind == WS_EVENT_FAIL) {
        buf_append_u64(out, ws_reason_code(event->reason));
    }
    if (event->kind == WS_EVENT_CLOSE) {
        buf_append_u64(out, event->close_code);
        buf_append_str(out, ",");
    }
    buf_append(out, event->data);
    buf_append_str(out, ")");
}

/* Gives `input` (changed in place) to the session, appends its events. */
static inline void ws_peer_give(struct ws_session *session, const struct ws_limits *limits,
                                uint8_t *data, size_t len, struct buf *events)
{
    for (;;) {
        struct ws_event event = ws_session_receive(session, limits, &data, &len);
        if (event.kind == WS_EVENT_NONE) {
            return;
        }
        ws_peer_trace(events, &event);
    }
}

#endif
