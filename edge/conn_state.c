#include "edge/conn_state.h"

#include "edge/conn.h"
#include "edge/edge_state.h"
#include "edge/heartbeat.h"
#include "proto/plane_reports.h"

static uint64_t since(uint64_t now, uint64_t then)
{
    return now > then ? now - then : 0;
}

/* From the reasons of this edge to those of the plane, whose numbers stay. */
static uint32_t paused_bits(const struct conn *conn)
{
    return (uint32_t)(((conn->paused & CONN_PAUSE_CONGESTION) != 0 ? PLANE_PAUSED_CONGESTION : 0) |
                      ((conn->paused & CONN_PAUSE_OUTPUT) != 0 ? PLANE_PAUSED_OUTPUT : 0) |
                      ((conn->paused & CONN_PAUSE_PACE) != 0 ? PLANE_PAUSED_PACE : 0) |
                      ((conn->paused & (CONN_PAUSE_FENCED | CONN_PAUSE_END)) != 0
                           ? PLANE_PAUSED_ENDING
                           : 0));
}

/* The limit's timer runs from when it was passed; 1 ms at least, since 0 says that it was not. */
static uint64_t over_soft_ms(const struct conn *conn, uint64_t now_ms)
{
    uint64_t grace_ms = (uint64_t)conn->edge->options->soft_output_grace;
    if (conn->soft_due == 0) {
        return 0;
    }
    uint64_t over_ms = since(now_ms + grace_ms, ticks_due_ms(conn->soft_due, now_ms));
    return over_ms == 0 ? 1 : over_ms;
}

bool conn_state_fill(void *owner, uint32_t slot, struct plane_conn_state *ret_state)
{
    struct edge *edge = owner;
    const struct conn *conn = conn_at(edge, slot);
    if (conn == NULL) {
        return false;
    }
    uint64_t now_ms = edge_now(edge);
    uint64_t ping_ms = heartbeat_ping_age_ms(conn);
    bool unanswered = conn->ping_pending && conn->silent;
    *ret_state = (struct plane_conn_state){
        .queued_bytes = out_queue_bytes(&conn->out),
        .queued_messages = out_queue_count(&conn->out),
        .soft_bytes = (uint64_t)edge->options->soft_output,
        .hard_bytes = (uint64_t)edge->options->max_output,
        .over_soft_ms = over_soft_ms(conn, now_ms),
        .silent_ms = ticks_since_ms(conn->last_seen, now_ms),
        .message_ms = ticks_since_ms(conn->last_message, now_ms),
        .ping_ms = unanswered ? (ping_ms == 0 ? 1 : ping_ms) : 0,
        .closing_ms =
            conn->planned == 0 ? 0 : since(ticks_due_ms(conn->planned, now_ms), now_ms) + 1,
        .paused = paused_bits(conn),
        .behind = conn->behind,
    };
    return true;
}
