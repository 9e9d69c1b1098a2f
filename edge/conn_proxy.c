/* What a load balancer says about the client before the client's own bytes (--proxy-protocol).
 * conn.c never reads further than the header goes: what follows may be for TLS. */
#include "common/log.h"
#include "common/mem.h"
#include "edge/conn.h"
#include "edge/edge_state.h"
#include "edge/proxy_protocol.h"

static void log_refused(const struct conn *conn, const char *why)
{
    char address[ADDRESS_TEXT_MAX];
    address_text(&conn->address, address);
    log_event(LOG_CONN_REFUSED, LOG_S("address", address), LOG_S("why", why));
}

/* The client is counted from here on, unless it is another proxy that will say more. */
static bool count_client(struct conn *conn)
{
    struct edge *edge = conn->edge;
    uint64_t max = (uint64_t)edge->options->max_connections_per_ip;
    if (max == 0 || address_in(&conn->address, edge->proxies, edge->proxy_count)) {
        return true;
    }
    conn->ip_counted = ip_counts_take(&edge->ip_counts, &conn->address, max);
    return conn->ip_counted;
}

static void end_of_header(struct conn *conn, const struct proxy_header *header)
{
    struct edge *edge = conn->edge;
    if (header->known) {
        conn->address = header->source;
    }
    bool proxy = address_in(&conn->address, edge->proxies, edge->proxy_count);
    if (header->known && !proxy && edge_is_banned(edge, &conn->address)) {
        metrics_add(edge->metrics, EDGE_METRIC_REFUSED, EDGE_REFUSED_BANNED, 1);
        log_refused(conn, "banned");
        conn_abort(conn, WS_REASON_NETWORK);
        return;
    }
    if (!count_client(conn)) {
        metrics_add(edge->metrics, EDGE_METRIC_REFUSED, EDGE_REFUSED_PER_IP, 1);
        log_refused(conn, "too many connections from this address");
        conn_abort(conn, WS_REASON_NETWORK);
        return;
    }
    conn_enter_handshake(conn);
}

size_t conn_proxy_wanted(const struct conn *conn)
{
    struct proxy_header header;
    (void)proxy_protocol_parse(conn->head == NULL ? BYTES_EMPTY : buf_bytes(conn->head), &header);
    return header.wanted;
}

void conn_proxy_input(struct conn *conn, uint8_t *data, size_t len)
{
    struct proxy_header header;
    if (conn->head == NULL) {
        conn->head = mem_new(1, sizeof(*conn->head));
        buf_init(conn->head, PROXY_HEADER_MAX);
    }
    buf_append(conn->head, bytes_of(data, len));
    enum proxy_verdict verdict = proxy_protocol_parse(buf_bytes(conn->head), &header);
    if (verdict == PROXY_INCOMPLETE) {
        return;
    }
    conn_drop_head(conn);
    if (verdict == PROXY_DONE) {
        end_of_header(conn, &header);
    } else {
        metrics_add(conn->edge->metrics, EDGE_METRIC_REFUSED, EDGE_REFUSED_PROXY, 1);
        log_refused(conn, "no PROXY header of version 2");
        conn_abort(conn, WS_REASON_NETWORK);
    }
}
