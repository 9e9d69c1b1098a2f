#include "edge/heartbeat.h"

#include "common/clock.h"
#include "edge/conn.h"
#include "edge/edge_state.h"
#include "edge/ws_frame.h"

#include <assert.h>

enum { PING_PAYLOAD = 8, SLICE_MS = 10, SLICE_CLOSES = 500 };

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t interval_ms(const struct conn *conn)
{
    return (uint64_t)conn->edge->options->heartbeat_interval;
}

/* With pings switched off the entry is looked at now and then, since the option is live. */
static uint64_t next_ping_ms(const struct conn *conn, uint64_t from_ms)
{
    enum { LOOK_AGAIN_MS = 60000 };
    uint64_t interval = interval_ms(conn);
    return from_ms + (interval == 0 ? LOOK_AGAIN_MS : interval);
}

static void send_ping(struct conn *conn, uint64_t now_ms)
{
    uint8_t frame[WS_FRAME_HEADER_MAX + PING_PAYLOAD];
    uint64_t stamp = clock_mono_us();
    size_t len = ws_frame_header(frame, WS_OP_PING, PING_PAYLOAD);
    for (unsigned i = 0; i < PING_PAYLOAD; i++) {
        frame[len++] = (uint8_t)(stamp >> (56 - 8 * i));
    }
    conn->ping_stamp_us = stamp;
    conn->ping_pending = true;
    conn->due_ms = now_ms + (uint64_t)conn->edge->options->heartbeat_timeout;
    /* Not sent when a whole lot of control frames waits already: then it is silence that counts. */
    (void)out_batch_put_urgent(conn->edge->out, &conn->out, bytes_of(frame, len));
}

/* Silence counts only while we were able to hear: not while reading is paused. */
static void judge_pong(struct conn *conn, uint64_t now_ms)
{
    uint64_t timeout = (uint64_t)conn->edge->options->heartbeat_timeout;
    uint64_t pinged_ms = conn->ping_stamp_us / 1000;
    uint64_t forgiven_until = conn->edge->judged_from_ms + timeout;
    if (conn->last_seen_ms >= pinged_ms) {
        conn->ping_pending = false;
        uint64_t next = next_ping_ms(conn, pinged_ms);
        conn->due_ms = next > now_ms ? next : now_ms;
    } else if (conn->paused != 0) {
        conn->due_ms = now_ms + timeout;
    } else if (conn->edge->judged_from_ms != 0 && forgiven_until > now_ms) {
        conn->due_ms = forgiven_until;
    } else {
        conn_close(conn, WS_REASON_HEARTBEAT, 0, BYTES_EMPTY);
    }
}

static void heartbeat_due(struct conn *conn, uint64_t now_ms)
{
    if (conn->ping_pending) {
        judge_pong(conn, now_ms);
    }
    if (conn->state != CONN_OPEN || conn->ping_pending || now_ms < conn->due_ms) {
        return;
    }
    if (interval_ms(conn) == 0) {
        conn->due_ms = next_ping_ms(conn, now_ms);
    } else {
        send_ping(conn, now_ms);
    }
}

/* Planned closes happen in slices, so that a mass of them cannot hold up the loop or the network.
 */
static bool slice_has_room(struct edge *edge, uint64_t now_ms)
{
    if (now_ms >= edge->close_slice_ms + SLICE_MS) {
        edge->close_slice_ms = now_ms;
        edge->close_slice_used = 0;
    }
    return edge->close_slice_used++ < SLICE_CLOSES;
}

static uint64_t idle_due_ms(const struct conn *conn)
{
    uint64_t timeout = (uint64_t)conn->edge->options->idle_timeout;
    return timeout == 0 ? UINT64_MAX : conn->last_message_ms + timeout;
}

static void open_due(struct conn *conn, uint64_t now_ms)
{
    struct edge *edge = conn->edge;
    if (conn->planned_ms != 0 && now_ms >= conn->planned_ms) {
        if (slice_has_room(edge, now_ms)) {
            conn_close(conn, (enum ws_reason)conn->planned_reason, 0, BYTES_EMPTY);
            return;
        }
        conn->planned_ms = now_ms + SLICE_MS;
    }
    if (conn->soft_due_ms != 0 && now_ms >= conn->soft_due_ms) {
        metrics_add(edge->metrics, EDGE_METRIC_SLOW_CLOSES, EDGE_LIMIT_SOFT, 1);
        conn_close(conn, WS_REASON_SLOW, 0, BYTES_EMPTY);
        return;
    }
    if (now_ms >= idle_due_ms(conn)) {
        conn_close(conn, WS_REASON_IDLE, 0, BYTES_EMPTY);
        return;
    }
    if (now_ms >= conn->due_ms) {
        heartbeat_due(conn, now_ms);
    }
}

static void conn_due(struct conn *conn, uint64_t now_ms)
{
    if (now_ms >= conn_pace_due_ms(conn)) {
        conn_resume(conn, CONN_PAUSE_PACE);
    }
    if (conn->state == CONN_OPEN) {
        open_due(conn, now_ms);
    } else if (now_ms >=
               min_u64(conn->due_ms, conn->planned_ms == 0 ? UINT64_MAX : conn->planned_ms)) {
        if (conn->state <= CONN_HANDSHAKE && now_ms >= conn->due_ms) {
            metrics_add(conn->edge->metrics, EDGE_METRIC_REFUSED, EDGE_REFUSED_TIMEOUT, 1);
        }
        conn_abort(conn, WS_REASON_NETWORK);
    }
}

void heartbeat_start(struct conn *conn)
{
    uint64_t now_ms = edge_now(conn->edge);
    uint64_t interval = interval_ms(conn);
    conn->due_ms = interval == 0 ? next_ping_ms(conn, now_ms) : now_ms + edge_random(1, interval);
    conn->ping_pending = false;
    heartbeat_arm(conn);
}

void heartbeat_arm(struct conn *conn)
{
    uint64_t due_ms = conn->due_ms;
    if (conn->state == CONN_DEAD) {
        return;
    }
    if (conn->planned_ms != 0) {
        due_ms = min_u64(due_ms, conn->planned_ms);
    }
    if (conn->state == CONN_OPEN) {
        due_ms = min_u64(due_ms, conn->soft_due_ms == 0 ? UINT64_MAX : conn->soft_due_ms);
        due_ms = min_u64(due_ms, idle_due_ms(conn));
    }
    due_ms = min_u64(due_ms, conn_pace_due_ms(conn));
    wheel_set(conn->edge->wheel, slot_id_index(conn->id), due_ms);
}

void heartbeat_pong(struct conn *conn, struct bytes payload)
{
    uint64_t stamp = 0;
    if (payload.len != PING_PAYLOAD || conn->state != CONN_OPEN || conn->ping_stamp_us == 0) {
        return;
    }
    for (size_t i = 0; i < PING_PAYLOAD; i++) {
        stamp = stamp << 8 | payload.data[i];
    }
    if (stamp == conn->ping_stamp_us) {
        double latency_ms = (double)(clock_mono_us() - stamp) / 1000.0;
        metrics_observe(conn->edge->metrics, EDGE_METRIC_HEARTBEAT_LATENCY, 0, latency_ms);
    }
}

void heartbeat_run(struct edge *edge)
{
    uint64_t now_ms = edge_now(edge);
    uint32_t slot;
    while (wheel_pop(edge->wheel, now_ms, &slot)) {
        struct conn *conn = slotmap_at(&edge->conns, slot);
        assert(conn != NULL && "a deadline outlived its connection");
        conn_due(conn, now_ms);
        heartbeat_arm(conn);
    }
}

void heartbeat_forgive(struct edge *edge)
{
    edge->judged_from_ms = edge_now(edge);
}
