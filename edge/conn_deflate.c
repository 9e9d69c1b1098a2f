/* --compression-memory: what compression holds per connection. Counted are contexts, at their price
 * from the handshake to the end whether they are in use yet or not, and the inflaters lent to
 * messages that are incomplete. So what was agreed to can always be kept. */
#include "edge/conn.h"
#include "edge/edge_state.h"

#include <assert.h>
#include <stddef.h>

/* Contexts leave a part of the memory to the messages of clients that have none. */
enum { CONTEXTS_NUMERATOR = 3, CONTEXTS_DENOMINATOR = 4 };

static uint64_t memory_max(const struct edge *edge)
{
    return (uint64_t)edge->options->compression_memory;
}

static uint64_t price(const struct ws_deflate_terms *terms)
{
    uint64_t bytes = 0;
    if (!terms->agreed) {
        return 0;
    }
    if (!terms->client_stands_alone) {
        bytes += ws_inflater_price(terms->client_window_bits);
    }
    if (!terms->server_stands_alone) {
        bytes += ws_deflater_price(terms->window_bits);
    }
    return bytes;
}

void conn_deflate_bound(struct edge *edge, struct ws_deflate_terms *terms)
{
    uint64_t bytes = price(terms);
    uint64_t max = memory_max(edge) / CONTEXTS_DENOMINATOR * CONTEXTS_NUMERATOR;
    if (bytes != 0 && edge->context_bytes + bytes > max) {
        terms->agreed = false;
        metrics_add(edge->metrics, EDGE_METRIC_COMPRESSION_LIMIT, EDGE_COMPRESSION_DECLINED, 1);
    }
}

void conn_deflate_start(struct conn *conn, const struct ws_deflate_terms *terms)
{
    if (!terms->agreed) {
        return;
    }
    conn->edge->context_bytes += price(terms);
    conn->window_bits = terms->window_bits & 15U;
    if (!terms->server_stands_alone) {
        conn->deflater = ws_deflater_new(conn->edge->deflaters, terms->window_bits);
    }
    ws_session_enable_deflate(&conn->session,
                              terms->client_stands_alone ? 0 : terms->client_window_bits);
}

void conn_deflate_end(struct conn *conn)
{
    uint8_t client_bits = conn->session.context_bits;
    const struct ws_deflate_terms terms = {
        .agreed = conn->window_bits != 0,
        .window_bits = conn->window_bits,
        .server_stands_alone = conn->deflater == NULL,
        .client_stands_alone = client_bits == 0,
        .client_window_bits = client_bits,
    };
    conn->edge->context_bytes -= price(&terms);
    ws_deflater_free(&conn->deflater);
}

static struct conn *conn_of(struct ws_session *session)
{
    return (struct conn *)(void *)((char *)session - offsetof(struct conn, session));
}

void conn_deflate_shed(struct edge *edge)
{
    struct ws_session *oldest = ws_inflaters_oldest(edge->inflaters);
    while (oldest != NULL &&
           edge->context_bytes + ws_inflaters_lent_bytes(edge->inflaters) > memory_max(edge)) {
        struct conn *conn = conn_of(oldest);
        assert(conn->state == CONN_OPEN &&
               "our close frame, or the peer's, gives the inflater back");
        metrics_add(edge->metrics, EDGE_METRIC_COMPRESSION_LIMIT, EDGE_COMPRESSION_CLOSED, 1);
        conn_close(conn, WS_REASON_DEFLATE_MEMORY, 0, BYTES_EMPTY);
        oldest = ws_inflaters_oldest(edge->inflaters);
    }
}
