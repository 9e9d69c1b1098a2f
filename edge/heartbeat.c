#include "edge/heartbeat.h"

#include "common/clock.h"
#include "edge/conn.h"
#include "edge/edge_state.h"
#include "edge/ws_frame.h"

#include <assert.h>

enum { PING_PAYLOAD = 4, SLICE_MS = 10, SLICE_CLOSES = 500 };

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t due_ms(const struct conn *conn, uint64_t now_ms)
{
    return ticks_due_ms(conn->due, now_ms);
}

/* UINT64_MAX: not at all. */
static uint64_t maybe_due_ms(uint32_t due, uint64_t now_ms)
{
    return due == 0 ? UINT64_MAX : ticks_due_ms(due, now_ms);
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
    uint32_t stamp = (uint32_t)clock_mono_us() | 1U; /* not 0 */
    size_t len = ws_frame_header(frame, WS_OP_PING, PING_PAYLOAD);
    for (unsigned i = 0; i < PING_PAYLOAD; i++) {
        frame[len++] = (uint8_t)(stamp >> (24 - 8 * i));
    }
    conn->ping_us = stamp;
    conn->ping_pending = true;
    conn->silent = true;
    conn->due = ticks_due(now_ms + (uint64_t)conn->edge->options->heartbeat_timeout);
    /* Not sent when a whole lot of control frames waits already: then it is silence that counts. */
    (void)out_batch_put_urgent(conn->edge->out, &conn->out, bytes_of(frame, len));
}

uint64_t heartbeat_ping_age_ms(const struct conn *conn)
{
    return ((uint32_t)clock_mono_us() - conn->ping_us) / 1000U;
}

/* Silence counts only while we were able to hear: not while reading is paused. */
static void judge_pong(struct conn *conn, uint64_t now_ms)
{
    uint64_t timeout = (uint64_t)conn->edge->options->heartbeat_timeout;
    uint64_t forgiven_until = conn->edge->judged_from_ms + timeout;
    if (!conn->silent) {
        conn->ping_pending = false;
        uint64_t next = next_ping_ms(conn, now_ms - heartbeat_ping_age_ms(conn));
        conn->due = ticks_due(next > now_ms ? next : now_ms);
    } else if (conn->paused != 0) {
        conn->due = ticks_due(now_ms + timeout);
    } else if (conn->edge->judged_from_ms != 0 && forgiven_until > now_ms) {
        conn->due = ticks_due(forgiven_until);
    } else {
        conn_close(conn, WS_REASON_HEARTBEAT, 0, BYTES_EMPTY);
    }
}

static void heartbeat_due(struct conn *conn, uint64_t now_ms)
{
    if (conn->ping_pending) {
        judge_pong(conn, now_ms);
    }
    if (conn->state != CONN_OPEN || conn->ping_pending || now_ms < due_ms(conn, now_ms)) {
        return;
    }
    if (interval_ms(conn) == 0) {
        conn->due = ticks_due(next_ping_ms(conn, now_ms));
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

static uint64_t idle_due_ms(const struct conn *conn, uint64_t now_ms)
{
    uint64_t timeout = (uint64_t)conn->edge->options->idle_timeout;
    uint64_t idle_ms = ticks_since_ms(conn->last_message, now_ms);
    return timeout == 0 ? UINT64_MAX : now_ms - min_u64(now_ms, idle_ms) + TICK_MS + timeout;
}

static void open_due(struct conn *conn, uint64_t now_ms)
{
    struct edge *edge = conn->edge;
    if (now_ms >= maybe_due_ms(conn->planned, now_ms)) {
        if (slice_has_room(edge, now_ms)) {
            conn_close(conn, (enum ws_reason)conn->reason, 0, BYTES_EMPTY);
            return;
        }
        conn->planned = ticks_due(now_ms + SLICE_MS);
    }
    if (now_ms >= maybe_due_ms(conn->soft_due, now_ms)) {
        metrics_add(edge->metrics, EDGE_METRIC_SLOW_CLOSES, EDGE_LIMIT_SOFT, 1);
        conn_close(conn, WS_REASON_SLOW, 0, BYTES_EMPTY);
        return;
    }
    if (now_ms >= idle_due_ms(conn, now_ms)) {
        conn_close(conn, WS_REASON_IDLE, 0, BYTES_EMPTY);
        return;
    }
    if (now_ms >= due_ms(conn, now_ms)) {
        heartbeat_due(conn, now_ms);
    }
}

static void conn_due(struct conn *conn, uint64_t now_ms)
{
    if (now_ms >= conn_pace_due_ms(conn)) {
        conn_resume(conn, CONN_PAUSE_PACE);
    }
    conn_pace_refresh(conn);
    if (conn->state == CONN_OPEN) {
        open_due(conn, now_ms);
    } else if (now_ms >= min_u64(due_ms(conn, now_ms), maybe_due_ms(conn->planned, now_ms))) {
        if (conn->state <= CONN_HANDSHAKE && now_ms >= due_ms(conn, now_ms)) {
            metrics_add(conn->edge->metrics, EDGE_METRIC_REFUSED, EDGE_REFUSED_TIMEOUT, 1);
        }
        conn_abort(conn, WS_REASON_NETWORK);
    }
}

void heartbeat_start(struct conn *conn)
{
    uint64_t now_ms = edge_now(conn->edge);
    uint64_t interval = interval_ms(conn);
    conn->due =
        ticks_due(interval == 0 ? next_ping_ms(conn, now_ms) : now_ms + edge_random(1, interval));
    conn->ping_pending = false;
    heartbeat_arm(conn);
}

void heartbeat_arm(struct conn *conn)
{
    uint64_t now_ms = edge_now(conn->edge);
    if (conn->state == CONN_DEAD) {
        return;
    }
    uint64_t first_ms = min_u64(due_ms(conn, now_ms), maybe_due_ms(conn->planned, now_ms));
    if (conn->state == CONN_OPEN) {
        first_ms = min_u64(first_ms, maybe_due_ms(conn->soft_due, now_ms));
        first_ms = min_u64(first_ms, idle_due_ms(conn, now_ms));
    }
    first_ms = min_u64(first_ms, conn_pace_due_ms(conn));
    wheel_set(conn->edge->wheel, conn->slot, first_ms);
}

void heartbeat_pong(struct conn *conn, struct bytes payload)
{
    uint32_t stamp = 0;
    if (payload.len != PING_PAYLOAD || conn->state != CONN_OPEN || conn->ping_us == 0) {
        return;
    }
    for (size_t i = 0; i < PING_PAYLOAD; i++) {
        stamp = stamp << 8 | payload.data[i];
    }
    if (stamp == conn->ping_us) {
        double latency_ms = (double)((uint32_t)clock_mono_us() - stamp) / 1000.0;
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
