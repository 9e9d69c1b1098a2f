#include "edge/edge_http.h"

#include "common/log.h"
#include "common/mem.h"
#include "edge/conn.h"
#include "edge/edge_state.h"
#include "edge/tls.h"

#include <errno.h>
#include <string.h>

/* Alive is all it says: an edge that drains or waits for a router must not be restarted for it. */
static void health(void *owner, struct httpd_reply *reply)
{
    (void)owner;
    buf_append_str(&reply->body, "ok\n");
}

static void add_reason(struct buf *body, const char *reason, bool *any)
{
    buf_append_str(body, *any ? ",\"" : "\"");
    buf_append_str(body, reason);
    buf_append_str(body, "\"");
    *any = true;
}

/* No canary is back from the router's core in time: users' messages would not be either. */
static bool canary_overdue(struct edge *edge)
{
    return uplink_canary_overdue(edge->uplink, edge_now(edge),
                                 (uint64_t)edge->options->canary_timeout);
}

static void ready(void *owner, struct httpd_reply *reply)
{
    struct edge *edge = owner;
    struct buf reasons;
    enum edge_refusal refusal = EDGE_REFUSED_FULL;
    bool any = false;
    buf_init(&reasons, 0);
    if (edge_unready(edge, &refusal) != NULL) {
        add_reason(&reasons, refusal == EDGE_REFUSED_DRAINING ? "draining" : "no_router", &any);
    }
    if (canary_overdue(edge)) {
        add_reason(&reasons, "canary", &any);
    }
    if (edge_is_full(edge)) {
        add_reason(&reasons, "full", &any);
    }
    reply->code = any ? 503 : 200;
    reply->content_type = "application/json";
    buf_append_str(&reply->body,
                   any ? "{\"ready\":false,\"reasons\":[" : "{\"ready\":true,\"reasons\":[");
    buf_append(&reply->body, buf_bytes(&reasons));
    buf_append_str(&reply->body, "]}\n");
    buf_fini(&reasons);
}

static void set(struct edge *edge, enum edge_metric metric, size_t index, uint64_t value)
{
    metrics_set(edge->metrics, metric, index, (int64_t)value);
}

static void refresh_tls(struct edge *edge)
{
    const struct tls_stats *stats = tls_stats(edge->tls);
    set(edge, EDGE_METRIC_TLS_HANDSHAKES, EDGE_TLS_FULL, stats->full);
    set(edge, EDGE_METRIC_TLS_HANDSHAKES, EDGE_TLS_RESUMED, stats->resumed);
    for (size_t i = 0; i < TLS_FAILURE_COUNT; i++) { /* label values in the order of the enum */
        set(edge, EDGE_METRIC_TLS_FAILURES, i, stats->failures[i]);
    }
    set(edge, EDGE_METRIC_MEMORY_BYTES, EDGE_MEMORY_TLS, stats->open * TLS_CONNECTION_BYTES);
}

static void refresh_compression(struct edge *edge)
{
    set(edge, EDGE_METRIC_COMPRESSION_MEMORY, EDGE_COMPRESSION_CONTEXTS, edge->context_bytes);
    set(edge, EDGE_METRIC_COMPRESSION_MEMORY, EDGE_COMPRESSION_MESSAGES,
        edge->inflaters == NULL ? 0 : ws_inflaters_lent_bytes(edge->inflaters));
}

/* Values that somebody else counts are fetched when they are asked for. */
static void refresh(struct edge *edge)
{
    struct uplink_stats stats;
    uplink_stats(edge->uplink, &stats);
    uint64_t sockets = 0;
    for (size_t state = EDGE_STATE_HANDSHAKE; state <= EDGE_STATE_CLOSING; state++) {
        set(edge, EDGE_METRIC_EDGE_CONNECTIONS, state, edge->state_counts[state]);
        sockets += edge->state_counts[state];
    }
    set(edge, EDGE_METRIC_ACTIVE_CONNECTIONS, 0, edge->state_counts[EDGE_STATE_OPEN]);
    if (edge->tls != NULL) {
        refresh_tls(edge);
    }
    refresh_compression(edge);
    set(edge, EDGE_METRIC_OUTPUT_BYTES, 0, out_batch_bytes(edge->out));
    set(edge, EDGE_METRIC_HELD_BYTES, 0, stats.held_bytes);
    set(edge, EDGE_METRIC_HELD_FRAMES, 0, stats.held_frames);
    set(edge, EDGE_METRIC_CONNECT_RATE, 0, edge->admission.rate);
    set(edge, EDGE_METRIC_CONNECT_QUEUE, 0,
        admission_queue_ms(&edge->admission, edge_now_us(edge)) * 1000);
    set(edge, EDGE_METRIC_MAX_CONNECTIONS, 0, edge->connections_max);
    set(edge, EDGE_METRIC_LINK_UP, 0, uplink_state(edge->uplink) == UPLINK_UP);
    set(edge, EDGE_METRIC_CANARY_OVERDUE, 0, canary_overdue(edge));
    set(edge, EDGE_METRIC_LINK_RESUMES, 0, stats.resumes);
    set(edge, EDGE_METRIC_LINK_FRESH, 0, stats.fresh_sessions);
    set(edge, EDGE_METRIC_LINK_HOLES, 0, stats.holes);
    set(edge, EDGE_METRIC_LINK_BAD_FRAMES, 0, stats.bad_frames);
    set(edge, EDGE_METRIC_OFFSET_HOLES, 0, stats.offset_holes);
    set(edge, EDGE_METRIC_REPAIRS, 0, stats.repaired);
    set(edge, EDGE_METRIC_REPAIRS, 1, stats.repairs_given_up);
    set(edge, EDGE_METRIC_REPAIR_BYTES, 0, stats.held_back_bytes);
    set(edge, EDGE_METRIC_REPEATED, 0, stats.repeated);
    set(edge, EDGE_METRIC_UNKNOWN_GROUPS, 0, stats.unknown_groups);
    set(edge, EDGE_METRIC_LEFT_OUT, 0, stats.left_out);
    set(edge, EDGE_METRIC_LAGGING, 0, stats.lagging);
    set(edge, EDGE_METRIC_GROUPS, 0, stats.groups);
    set(edge, EDGE_METRIC_BANS, 0, stats.bans);
    set(edge, EDGE_METRIC_ALLOCATIONS, 0, mem_allocations());
    set(edge, EDGE_METRIC_MEMORY_BYTES, EDGE_MEMORY_CONNECTIONS, sockets * sizeof(struct conn));
    set(edge, EDGE_METRIC_MEMORY_BYTES, EDGE_MEMORY_OUTPUT, out_batch_bytes(edge->out));
    set(edge, EDGE_METRIC_MEMORY_BYTES, EDGE_MEMORY_MESSAGES, edge->message_bytes);
    set(edge, EDGE_METRIC_MEMORY_BYTES, EDGE_MEMORY_UPLINK, stats.memory_bytes);
    set(edge, EDGE_METRIC_MEMORY_BYTES, EDGE_MEMORY_HELD, stats.held_bytes);
}

static void metrics(void *owner, struct httpd_reply *reply)
{
    struct edge *edge = owner;
    refresh(edge);
    reply->content_type = "text/plain; version=0.0.4; charset=utf-8";
    metrics_expose(edge->metrics, &reply->body);
}

enum status edge_http_open(struct edge *edge, struct buf *error)
{
    static const struct httpd_route ROUTES[] = {
        {"/health", health}, {"/ready", ready}, {"/metrics", metrics}, {NULL, NULL}};
    const char *listen = edge->options->http_listen;
    if (strcmp(listen, "off") == 0) {
        return STATUS_OK;
    }
    edge->httpd = httpd_new(edge->base, listen, ROUTES, edge);
    if (edge->httpd == NULL) {
        buf_append_str(error, "cannot listen on --http-listen ");
        buf_append_str(error, listen);
        buf_append_str(error, ": ");
        buf_append_str(error, strerror(errno));
        return STATUS_IO;
    }
    log_event(LOG_LISTEN, LOG_S("for", "http"), LOG_S("address", listen));
    return STATUS_OK;
}
