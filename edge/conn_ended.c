/* Connections that have ended in this turn: reported at its end, then freed (conn.h). */
#include "common/log.h"
#include "common/mem.h"
#include "edge/conn.h"
#include "edge/edge_state.h"

#include <assert.h>

static void report(struct conn *conn)
{
    struct edge *edge = conn->edge;
    enum ws_reason reason = (enum ws_reason)conn->reason;
    const char *label = ws_reason_label(reason);
    uint64_t life_ms = ticks_since_ms(conn->since, edge_now(edge));
    metrics_add(edge->metrics, EDGE_METRIC_DISCONNECTIONS, edge_metrics_reason_index(reason), 1);
    metrics_observe(edge->metrics, EDGE_METRIC_CONNECTION_DURATION, 0, (double)life_ms / 1000.0);
    if (!edge->options->echo) {
        uplink_closed(edge->uplink, conn->slot, conn->close_code, conn->clean, bytes_of_str(label));
    }
    log_event(LOG_CONN_CLOSE, LOG_U("slot", conn->slot), LOG_U("gen", slot_id_gen(conn_id(conn))),
              LOG_S("reason", label), LOG_U("code", conn->close_code), LOG_U("ms", life_ms));
}

bool conn_report_ended(struct edge *edge)
{
    bool some = edge->ended != CONN_NONE;
    while (edge->ended != CONN_NONE) {
        struct conn *conn = conn_in(edge, edge->ended);
        edge->ended = conn->next_ended;
        report(conn);
    }
    return some;
}

void conn_reap(struct edge *edge)
{
    while (edge->dead != CONN_NONE) {
        struct conn *conn = conn_in(edge, edge->dead);
        edge->dead = conn->next_dead;
        assert(conn->out.waiting == NULL && "freed while its output was on the list");
        slotmap_remove(&edge->conns, conn_id(conn));
        mem_free(conn);
    }
}
