/* --max-output-total: when all output queues together are too large, the largest ones pay for it.
 * Those who are closed are the slow readers; whoever reads has next to nothing waiting. */
#include "edge/conn.h"
#include "edge/edge_state.h"

/* After the limit was passed this part of it is freed, so that looking at all connections is not
 * needed again at once. */
enum { HEADROOM_DIVISOR = 16 };

static size_t largest_cost(struct edge *edge)
{
    size_t largest = 0;
    for (uint32_t slot = 0; slot < edge->conns.used; slot++) {
        const struct conn *conn = conn_at(edge, slot);
        size_t cost = conn == NULL ? 0 : out_queue_cost(&conn->out);
        largest = cost > largest ? cost : largest;
    }
    return largest;
}

/* Closes those whose queue is above `limit`, until the total is at `target`. */
static void close_above(struct edge *edge, size_t limit, uint64_t target)
{
    for (uint32_t slot = 0; slot < edge->conns.used; slot++) {
        struct conn *conn = conn_at(edge, slot);
        if (out_batch_cost(edge->out) <= target) {
            return;
        }
        if (conn != NULL && out_queue_cost(&conn->out) > limit) {
            metrics_add(edge->metrics, EDGE_METRIC_SLOW_CLOSES, EDGE_LIMIT_TOTAL, 1);
            conn_close(conn, WS_REASON_SLOW, 0, BYTES_EMPTY);
        }
    }
}

bool conn_shed_output(struct edge *edge)
{
    uint64_t max = (uint64_t)edge->options->max_output_total;
    if (max == 0 || out_batch_cost(edge->out) <= max) {
        return false;
    }
    uint64_t target = max - max / HEADROOM_DIVISOR;
    size_t largest = largest_cost(edge);
    /* Queues within half of the largest count as equal: two passes instead of a sort. */
    while (out_batch_cost(edge->out) > target && largest != 0) {
        close_above(edge, largest / 2, target);
        largest = largest_cost(edge);
    }
    return true;
}
