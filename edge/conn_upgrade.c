/* The HTTP part of a connection: collects the request head, decides about the upgrade and tells the
 * uplink about the new client. The head is copied only when it comes in pieces. */
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "edge/conn.h"
#include "edge/edge_state.h"
#include "edge/forwarded.h"

/* Who is refused for these is told this to three times this. */
enum { RETRY_FULL_MS = 5000, RETRY_NO_ROUTER_MS = 2000 };

static struct buf *head_new(size_t max)
{
    struct buf *head = mem_new(1, sizeof(*head));
    buf_init(head, max);
    return head;
}

static void head_free(struct buf **head)
{
    if (*head != NULL) {
        buf_fini(*head);
        mem_free(*head);
        *head = NULL;
    }
}

unsigned conn_retry_after_s(const struct edge *edge, enum edge_refusal refusal)
{
    uint64_t wait_ms = 0;
    if (refusal == EDGE_REFUSED_DRAINING) {
        wait_ms = edge_random(1, edge->drain.delay_ms);
    } else if (refusal == EDGE_REFUSED_NO_ROUTER) {
        wait_ms = edge_random(RETRY_NO_ROUTER_MS, UINT64_C(3) * RETRY_NO_ROUTER_MS);
    } else if (refusal == EDGE_REFUSED_FULL) {
        wait_ms = edge_random(RETRY_FULL_MS, UINT64_C(3) * RETRY_FULL_MS);
    }
    return (unsigned)((wait_ms + 999) / 1000);
}

static void refuse(struct conn *conn, int status, const char *text, enum edge_refusal refusal,
                   unsigned retry_after_s)
{
    struct edge *edge = conn->edge;
    char address[ADDRESS_TEXT_MAX];
    address_text(&conn->address, address);
    metrics_add(edge->metrics, EDGE_METRIC_REFUSED, refusal, 1);
    log_event(LOG_CONN_REFUSED, LOG_S("address", address), LOG_I("status", status),
              LOG_S("why", text));
    buf_clear(&edge->reply);
    ws_handshake_refuse(status, text, retry_after_s, &edge->reply);
    conn_answer(conn, buf_bytes(&edge->reply));
}

void conn_refuse(struct conn *conn, int status, const char *text, enum edge_refusal refusal)
{
    refuse(conn, status, text, refusal, conn_retry_after_s(conn->edge, refusal));
}

/* False: it was told when to come again. Not asked with --echo, which has no router. */
static bool take_place(struct conn *conn)
{
    struct edge *edge = conn->edge;
    uint64_t wait_ms = 0;
    if (admission_take(&edge->admission, edge_now_us(edge), edge_random_bits(), &wait_ms)) {
        return true;
    }
    refuse(conn, 503, "too many clients at once", EDGE_REFUSED_STORM,
           (unsigned)((wait_ms + 999) / 1000));
    return false;
}

static void answer_health(struct conn *conn, bool head_only)
{
    struct edge *edge = conn->edge;
    enum edge_refusal refusal;
    const char *why = edge_unready(edge, &refusal);
    buf_clear(&edge->reply);
    ws_handshake_health(why == NULL ? 200 : 503, why == NULL ? "ok" : why, head_only, &edge->reply);
    conn_answer(conn, buf_bytes(&edge->reply));
}

/* Behind a trusted proxy the client's address is known, and counted, only now. False: refused. */
static bool learn_address(struct conn *conn, const struct ws_request *request)
{
    struct edge *edge = conn->edge;
    uint64_t max = (uint64_t)edge->options->max_connections_per_ip;
    if (!address_in(&conn->address, edge->proxies, edge->proxy_count)) {
        return true;
    }
    conn->address = forwarded_or_x_client(&conn->address, request->forwarded,
                                          request->forwarded_for, edge->proxies, edge->proxy_count);
    if (edge_is_banned(edge, &conn->address)) {
        conn_refuse(conn, 403, "banned", EDGE_REFUSED_BANNED);
        return false;
    }
    if (max != 0) {
        conn->ip_counted = ip_counts_take(&edge->ip_counts, &conn->address, max);
    }
    if (max != 0 && !conn->ip_counted) {
        conn_refuse(conn, 429, "too many connections from this address", EDGE_REFUSED_PER_IP);
        return false;
    }
    return true;
}

static void tell_uplink(struct conn *conn, const struct ws_request *request)
{
    char address[ADDRESS_TEXT_MAX];
    size_t address_len = address_text(&conn->address, address);
    const struct uplink_open open = {
        .token = request->token,
        .token_source = (uint8_t)request->token_source,
        .subprotocol = request->subprotocol,
        .address = bytes_of(address, address_len),
        .agent = request->agent,
        .connected_at_ms = clock_wall_ms(),
    };
    if (!conn->edge->options->echo) {
        uplink_opened(conn->edge->uplink, conn->slot, slot_id_gen(conn_id(conn)), &open);
    }
    log_event(LOG_CONN_OPEN, LOG_U("slot", conn->slot), LOG_U("gen", slot_id_gen(conn_id(conn))),
              LOG_S("address", address));
}

static void upgrade(struct conn *conn, struct ws_request *request)
{
    struct edge *edge = conn->edge;
    enum edge_refusal refusal;
    const char *why = edge_unready(edge, &refusal);
    if (why != NULL) {
        conn_refuse(conn, 503, why, refusal);
        return;
    }
    if (!learn_address(conn, request)) {
        return;
    }
    if (!take_place(conn)) {
        return;
    }
    conn_deflate_bound(edge, &request->deflate);
    buf_clear(&edge->reply);
    ws_handshake_accept(request, &edge->reply);
    conn_enter_open(conn, buf_bytes(&edge->reply));
    conn_deflate_start(conn, &request->deflate);
    tell_uplink(conn, request);
}

static void act(struct conn *conn, enum ws_handshake_verdict verdict, struct ws_request *request)
{
    switch (verdict) {
    case WS_HANDSHAKE_INCOMPLETE:
        conn_refuse(conn, 431, "request head too large", EDGE_REFUSED_HEAD_TOO_LARGE);
        break;
    case WS_HANDSHAKE_UPGRADE:
        upgrade(conn, request);
        break;
    case WS_HANDSHAKE_HEALTH:
        answer_health(conn, request->head_only);
        break;
    case WS_HANDSHAKE_REFUSED:
        conn_refuse(conn, request->status, request->refusal,
                    edge_metrics_refusal_of_status(request->status));
        break;
    }
}

void conn_upgrade_input(struct conn *conn, uint8_t *data, size_t len)
{
    struct edge *edge = conn->edge;
    size_t head_max = edge->handshake.head_bytes_max;
    struct ws_request request;
    if (conn->head != NULL) {
        buf_append(conn->head, bytes_of(data, len));
        data = conn->head->data;
        len = conn->head->len;
    }
    enum ws_handshake_verdict verdict =
        ws_handshake_parse(bytes_of(data, len), &edge->handshake, &edge->request, &request);
    if (verdict == WS_HANDSHAKE_INCOMPLETE && len <= head_max) {
        if (conn->head == NULL) {
            conn->head = head_new(head_max + EDGE_SCRATCH_BYTES);
            buf_append(conn->head, bytes_of(data, len));
        }
        return;
    }
    struct buf *head = conn->head; /* `request` and the rest point into it */
    conn->head = NULL;
    act(conn, verdict, &request);
    if (conn->state == CONN_OPEN && request.consumed < len) {
        conn_message_input(conn, data + request.consumed, len - request.consumed);
    }
    head_free(&head);
}
