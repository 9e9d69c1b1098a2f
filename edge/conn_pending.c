/* Connections whose opening is not finished (PROXY, HANDSHAKE), oldest first, and the limit over
 * them (--max-handshakes). A client that means it is through within a few round trips, so whoever
 * waits for longest is the one to let go: a crowd that never finishes only pushes out itself. */
#include "common/log.h"
#include "edge/conn.h"
#include "edge/edge_state.h"

/* At a full edge a place is taken from an opening only when it is older than this. */
enum { OPENING_OLD_MS = 1000 };

void conn_pending_add(struct conn *conn)
{
    struct edge *edge = conn->edge;
    conn->pending_older = edge->pending_newest;
    conn->pending_newer = CONN_NONE;
    if (edge->pending_newest != CONN_NONE) {
        conn_in(edge, edge->pending_newest)->pending_newer = conn->slot;
    } else {
        edge->pending_oldest = conn->slot;
    }
    edge->pending_newest = conn->slot;
}

void conn_pending_remove(struct conn *conn)
{
    struct edge *edge = conn->edge;
    if (conn->pending_older != CONN_NONE) {
        conn_in(edge, conn->pending_older)->pending_newer = conn->pending_newer;
    } else {
        edge->pending_oldest = conn->pending_newer;
    }
    if (conn->pending_newer != CONN_NONE) {
        conn_in(edge, conn->pending_newer)->pending_older = conn->pending_older;
    } else {
        edge->pending_newest = conn->pending_older;
    }
}

static void let_go_oldest(struct edge *edge, uint64_t age_ms)
{
    struct conn *conn = conn_in(edge, edge->pending_oldest);
    char address[ADDRESS_TEXT_MAX];
    address_text(&conn->address, address);
    metrics_add(edge->metrics, EDGE_METRIC_REFUSED, EDGE_REFUSED_HANDSHAKES, 1);
    log_event(LOG_HANDSHAKE_LIMIT, LOG_S("address", address), LOG_U("age_ms", age_ms),
              LOG_U("handshakes", edge->state_counts[EDGE_STATE_HANDSHAKE]));
    conn_abort(conn, WS_REASON_NETWORK);
}

static uint64_t oldest_age_ms(struct edge *edge)
{
    return ticks_since_ms(conn_in(edge, edge->pending_oldest)->since, edge_now(edge));
}

void conn_pending_limit(struct edge *edge)
{
    uint64_t max = (uint64_t)edge->options->max_handshakes;
    while (max != 0 && edge->state_counts[EDGE_STATE_HANDSHAKE] > max) {
        let_go_oldest(edge, oldest_age_ms(edge));
    }
}

bool conn_pending_make_room(struct edge *edge)
{
    if (edge->options->max_handshakes == 0 || edge->pending_oldest == CONN_NONE) {
        return false;
    }
    uint64_t age_ms = oldest_age_ms(edge);
    if (age_ms < OPENING_OLD_MS) {
        return false;
    }
    let_go_oldest(edge, age_ms);
    return true;
}
