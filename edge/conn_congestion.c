/* Connections that are not read from because the router does not keep up. Remembered by id: some
 * may be gone when it does again. */
#include "common/mem.h"
#include "edge/conn.h"
#include "edge/edge_state.h"

enum { CAPACITY_MIN = 64 };

void conn_stop_for_congestion(struct conn *conn)
{
    struct edge *edge = conn->edge;
    if (edge->paused_count == edge->paused_capacity) {
        edge->paused_capacity =
            edge->paused_capacity == 0 ? CAPACITY_MIN : edge->paused_capacity * 2;
        edge->paused = mem_resize(edge->paused, edge->paused_capacity, sizeof(edge->paused[0]));
    }
    edge->paused[edge->paused_count++] = conn_id(conn);
    conn_pause(conn, CONN_PAUSE_CONGESTION);
}

void conn_resume_congested(struct edge *edge)
{
    for (size_t i = 0; i < edge->paused_count; i++) {
        struct conn *conn = slotmap_get(&edge->conns, edge->paused[i]);
        if (conn != NULL) {
            conn_resume(conn, CONN_PAUSE_CONGESTION);
        }
    }
    mem_free(edge->paused);
    edge->paused = NULL;
    edge->paused_count = 0;
    edge->paused_capacity = 0;
}
