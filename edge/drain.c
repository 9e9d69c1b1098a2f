#include "edge/drain.h"

#include "common/log.h"
#include "edge/conn.h"
#include "edge/edge_state.h"
#include "edge/listener.h"
#include "edge/notices.h"

enum {
    SLICE_MS = 10,
    SLICE_NOTICES = 500,
    DELAY_MIN_MS = 100,
    SILENT_HANDSHAKE_MS = 1000, /* who has not sent its request by then is cut off */
    GOODBYE_MIN_MS = 20,        /* the transport sends in its own time and drops at close */
    GOODBYE_MAX_MS = 1000,
    LOOK_AGAIN_MS = 10
};

static void tell(struct conn *conn, uint64_t now_ms)
{
    struct edge *edge = conn->edge;
    if (conn->state <= CONN_HANDSHAKE) {
        conn_plan_close(conn, WS_REASON_DRAIN, now_ms + SILENT_HANDSHAKE_MS);
    } else if (conn->state == CONN_OPEN) {
        uint64_t delay_ms = edge_random(DELAY_MIN_MS, edge->drain.delay_ms);
        buf_clear(&edge->request);
        notice_server_shutdown(&edge->request, delay_ms);
        conn_send(conn, buf_bytes(&edge->request), false);
        conn_plan_close(conn, WS_REASON_DRAIN, now_ms + delay_ms);
    }
}

static bool is_telling(const struct edge *edge)
{
    return edge->drain.cursor < edge->conns.used;
}

static void tell_slice(struct edge *edge, uint64_t now_ms)
{
    struct drain *drain = &edge->drain;
    uint32_t told = 0;
    while (is_telling(edge) && told < SLICE_NOTICES) {
        struct conn *conn = slotmap_at(&edge->conns, drain->cursor++);
        if (conn != NULL) {
            tell(conn, now_ms);
            told++;
        }
    }
    drain->next_slice_ms = now_ms + SLICE_MS;
}

/* The time is over: a close frame to everybody, as far as the sockets take it, and the end. */
static void close_rest(struct edge *edge)
{
    for (uint32_t slot = 0; slot < edge->conns.used; slot++) {
        struct conn *conn = conn_at(edge, slot);
        if (conn != NULL) {
            conn_close(conn, WS_REASON_DRAIN, 0, BYTES_EMPTY);
        }
    }
    out_batch_flush(edge->out);
    for (uint32_t slot = 0; slot < edge->conns.used; slot++) {
        struct conn *conn = slotmap_at(&edge->conns, slot);
        if (conn != NULL) {
            conn_abort(conn, WS_REASON_DRAIN);
        }
    }
    edge->drain.forced = true;
}

static void say_goodbye(struct edge *edge, uint64_t now_ms)
{
    bool up = uplink_state(edge->uplink) == UPLINK_UP;
    uplink_goodbye(edge->uplink);
    edge->drain.said_goodbye = true;
    edge->drain.end_after_ms = now_ms + (up ? GOODBYE_MIN_MS : 0);
    edge->drain.end_latest_ms = now_ms + (up ? GOODBYE_MAX_MS : 0);
    log_event(LOG_DRAIN_DONE, LOG_S("how", edge->drain.forced ? "deadline" : "empty"));
}

void drain_begin(struct edge *edge)
{
    uint64_t now_ms = edge_now(edge);
    if (edge->drain.active) {
        return;
    }
    edge->drain.active = true;
    edge->drain.deadline_ms = now_ms + (uint64_t)edge->options->drain_timeout;
    edge->drain.next_slice_ms = now_ms;
    log_event(LOG_DRAIN_START, LOG_U("connections", edge->conns.count),
              LOG_I("timeout_ms", edge->options->drain_timeout));
    edge->drain.delay_ms = admission_move_ms(&edge->admission, edge->state_counts[EDGE_STATE_OPEN],
                                             (uint64_t)edge->options->reconnect_delay);
    listener_close(edge);
    uplink_drain(edge->uplink, edge->drain.delay_ms);
}

void drain_step(struct edge *edge)
{
    struct drain *drain = &edge->drain;
    uint64_t now_ms = edge_now(edge);
    if (!drain->active || edge->stopping) {
        return;
    }
    if (drain->said_goodbye) {
        bool idle = now_ms >= drain->end_after_ms && uplink_idle(edge->uplink);
        if (idle || now_ms >= drain->end_latest_ms) {
            edge_stop(edge, edge->exit_code);
        }
    } else if (edge->conns.count == 0) {
        say_goodbye(edge, now_ms);
    } else if (now_ms >= drain->deadline_ms) {
        close_rest(edge);
    } else if (is_telling(edge) && now_ms >= drain->next_slice_ms) {
        tell_slice(edge, now_ms);
    }
}

uint64_t drain_deadline(struct edge *edge)
{
    const struct drain *drain = &edge->drain;
    if (!drain->active) {
        return UINT64_MAX;
    }
    if (drain->said_goodbye) {
        return edge_now(edge) + LOOK_AGAIN_MS;
    }
    if (edge->conns.count == 0) {
        return 0;
    }
    return is_telling(edge) && drain->next_slice_ms < drain->deadline_ms ? drain->next_slice_ms
                                                                         : drain->deadline_ms;
}
