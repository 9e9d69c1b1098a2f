/* What an open connection's frames lead to: one handler per event of the session. */
#include "edge/conn.h"
#include "edge/edge_state.h"
#include "edge/heartbeat.h"
#include "edge/notices.h"
#include "edge/ws_frame.h"

#include <stddef.h>

static void on_nothing(struct conn *conn, const struct ws_event *event)
{
    (void)conn;
    (void)event;
}

static void say_unavailable(struct conn *conn)
{
    struct edge *edge = conn->edge;
    metrics_add(edge->metrics, EDGE_METRIC_UNAVAILABLE, 0, 1);
    buf_clear(&edge->reply);
    notice_unavailable(&edge->reply);
    conn_send(conn, buf_bytes(&edge->reply), false);
}

static void count_inflated(struct edge *edge, const struct ws_event *event)
{
    metrics_add(edge->metrics, EDGE_METRIC_COMPRESSED_MESSAGES, EDGE_DIRECTION_IN, 1);
    metrics_add(edge->metrics, EDGE_METRIC_COMPRESSED_BYTES_PLAIN, EDGE_DIRECTION_IN,
                (int64_t)event->data.len);
    metrics_add(edge->metrics, EDGE_METRIC_COMPRESSED_BYTES_WIRE, EDGE_DIRECTION_IN,
                (int64_t)event->wire_bytes);
}

static void on_message(struct conn *conn, const struct ws_event *event)
{
    struct edge *edge = conn->edge;
    if (conn->state != CONN_OPEN) {
        return;
    }
    conn->last_message = ticks_of(edge_now(edge));
    metrics_add(edge->metrics, EDGE_METRIC_MESSAGES_RECEIVED,
                event->binary ? EDGE_TYPE_BINARY : EDGE_TYPE_TEXT, 1);
    metrics_observe(edge->metrics, EDGE_METRIC_MESSAGE_SIZE, EDGE_DIRECTION_IN,
                    (double)event->data.len);
    if (event->deflated) {
        count_inflated(edge, event);
    }
    if (edge->options->echo) {
        conn_send(conn, event->data, event->binary);
        return;
    }
    if (event->binary) { /* every sub-protocol of this version is JSON text */
        conn_close(conn, WS_REASON_BAD_KIND, 0, BYTES_EMPTY);
        return;
    }
    enum status status =
        uplink_message(edge->uplink, conn->slot, event->data, event->binary, edge_now(edge));
    if (status != STATUS_OK) {
        say_unavailable(conn);
    }
}

static void on_ping(struct conn *conn, const struct ws_event *event)
{
    uint8_t frame[WS_FRAME_HEADER_MAX + WS_CONTROL_PAYLOAD_MAX];
    struct edge *edge = conn->edge;
    if (conn->state != CONN_OPEN || event->data.len > WS_CONTROL_PAYLOAD_MAX) {
        return;
    }
    size_t len = ws_frame_header(frame, WS_OP_PONG, event->data.len);
    if (event->data.len != 0) {
        memcpy(frame + len, event->data.data, event->data.len);
    }
    if (!out_batch_put_urgent(edge->out, &conn->out, bytes_of(frame, len + event->data.len))) {
        metrics_add(edge->metrics, EDGE_METRIC_URGENT_DROPPED, 0, 1);
    }
}

static void on_pong(struct conn *conn, const struct ws_event *event)
{
    heartbeat_pong(conn, event->data);
}

static void on_close(struct conn *conn, const struct ws_event *event)
{
    if (conn->state == CONN_OPEN) {
        conn_close_echo(conn, event->close_code, event->data);
    } else if (out_queue_bytes(&conn->out) == 0) {
        conn_abort(conn, WS_REASON_CLIENT); /* both close frames have passed */
    }
}

static void on_fail(struct conn *conn, const struct ws_event *event)
{
    conn_close(conn, event->reason, 0, BYTES_EMPTY);
}

static void (*const ON_EVENT[])(struct conn *conn, const struct ws_event *event) = {
    [WS_EVENT_NONE] = on_nothing, [WS_EVENT_MESSAGE] = on_message, [WS_EVENT_PING] = on_ping,
    [WS_EVENT_PONG] = on_pong,    [WS_EVENT_CLOSE] = on_close,     [WS_EVENT_FAIL] = on_fail,
};

void conn_message_input(struct conn *conn, uint8_t *data, size_t len)
{
    struct edge *edge = conn->edge;
    const struct ws_limits limits = {
        .message_bytes_max = (uint64_t)edge->options->max_message,
        .fragments_max = (uint32_t)edge->options->max_frame_fragments,
        .inflaters = edge->inflaters,
    };
    struct ws_event event = {.kind = WS_EVENT_PONG};
    while (conn->state != CONN_DEAD && event.kind != WS_EVENT_NONE && event.kind != WS_EVENT_FAIL &&
           !conn_pace_hold(conn, bytes_of(data, len))) {
        size_t held = ws_session_held(&conn->session);
        size_t left = len;
        event = ws_session_receive(&conn->session, &limits, &data, &len);
        edge->message_bytes += ws_session_held(&conn->session) - held;
        conn_pace_charge(conn, event.frames, left - len + event.inflated);
        ON_EVENT[event.kind](conn, &event);
    }
    if (conn->window_bits != 0) {
        conn_deflate_shed(edge);
    }
}
