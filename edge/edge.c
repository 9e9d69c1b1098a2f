/* The loop of the edge. Callbacks only take in; what they caused leaves at the end of the turn, in
 * one fixed order (end_turn), so that everything of one turn goes up in one batch and out in one
 * write per client. */
#include "edge/edge.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "edge/conn.h"
#include "edge/descriptors.h"
#include "edge/door.h"
#include "edge/edge_http.h"
#include "edge/edge_state.h"
#include "edge/edge_tls.h"
#include "edge/heartbeat.h"
#include "edge/hop_traces.h"
#include "edge/listener.h"
#include "edge/router_link.h"
#include "edge/sockets.h"
#include "edge/tls.h"

#include <assert.h>
#include <event2/event.h>
#include <signal.h>

enum {
    SLEEP_MAX_MS = 60000,
    STALL_MS = 1000, /* woken this much too late: the process was stopped or starved */
    HEAD_FIELDS_MAX = 100
};

static uint32_t connection_limit(const struct edge_options *options)
{
    enum { CONNECTIONS_MIN = 1, CONNECTIONS_CEILING = 16000000 };
    uint64_t descriptors = descriptors_prepare();
    uint64_t possible = descriptors > EDGE_DESCRIPTOR_RESERVE
                            ? descriptors - EDGE_DESCRIPTOR_RESERVE
                            : CONNECTIONS_MIN;
    uint64_t wanted = (uint64_t)options->max_connections;
    uint64_t limit = wanted == 0 || wanted > possible ? possible : wanted;
    return (uint32_t)(limit > CONNECTIONS_CEILING ? CONNECTIONS_CEILING : limit);
}

static void derive_settings(struct edge *edge)
{
    const struct edge_options *options = edge->options;
    const struct option_list *origins = &options->allowed_origins;
    const struct option_list *proxies = &options->trusted_proxies;
    edge->origins = mem_new(origins->count, sizeof(edge->origins[0]));
    for (size_t i = 0; i < origins->count; i++) {
        edge->origins[i] = bytes_of_str(origins->items[i]);
    }
    edge->proxies = mem_new(proxies->count, sizeof(edge->proxies[0]));
    for (size_t i = 0; i < proxies->count; i++) {
        edge->proxy_count +=
            address_net_parse(bytes_of_str(proxies->items[i]), &edge->proxies[edge->proxy_count]);
    }
    edge->handshake = (struct ws_handshake_config){
        .path = bytes_of_str(options->path),
        .head_bytes_max = (size_t)options->max_head,
        .fields_max = HEAD_FIELDS_MAX,
        .origins = edge->origins,
        .origin_count = origins->count,
        .any_protocol = options->echo,
        .deflate = {.enabled = options->compression,
                    .context = (enum ws_context)options->compression_context,
                    .window_bits = (uint8_t)options->compression_window_bits},
    };
    if (options->compression) {
        edge->inflaters = ws_inflaters_new();
        edge->deflaters = ws_deflaters_new();
    }
    edge->connections_max = connection_limit(options);
}

static void on_timer(evutil_socket_t fd, short what, void *owner)
{
    (void)fd;
    (void)what;
    (void)edge_now(owner); /* the work is done at the end of the turn */
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void arm_timer(struct edge *edge, uint64_t now_ms)
{
    uint64_t due_ms = min_u64(router_link_deadline(edge), wheel_deadline(edge->wheel));
    due_ms = min_u64(due_ms, min_u64(drain_deadline(edge), listener_deadline(edge)));
    due_ms = min_u64(due_ms, min_u64(hop_traces_deadline(edge), now_ms + SLEEP_MAX_MS));
    due_ms = due_ms < now_ms ? now_ms : due_ms;
    edge->timer_due_ms = due_ms;
    uint64_t delay_ms = due_ms - now_ms;
    const struct timeval delay = {.tv_sec = (time_t)(delay_ms / 1000),
                                  .tv_usec = (suseconds_t)(delay_ms % 1000 * 1000)};
    event_add(edge->timer, &delay);
}

/* The order matters: endings are told to the uplink before it is flushed, and nothing is freed
 * while the output list may point to it. */
static void end_turn(struct edge *edge)
{
    uint64_t now_ms = edge_now(edge);
    if (now_ms > edge->timer_due_ms + STALL_MS) {
        heartbeat_forgive(edge);
    }
    drain_step(edge);
    heartbeat_run(edge);
    router_link_step(edge);
    (void)conn_report_ended(edge);
    uplink_flush(edge->uplink, now_ms);
    out_batch_flush(edge->out);
    if (conn_shed_output(edge)) {
        out_batch_flush(edge->out);
    }
    bool reported = hop_traces_report(edge);
    if (conn_report_ended(edge) || edge->caught_up || reported) {
        edge->caught_up = false;
        uplink_flush(edge->uplink, now_ms);
    }
    conn_reap(edge);
    router_link_watch_congestion(edge);
    listener_step(edge);
    if (edge->tls != NULL) {
        tls_step(edge->tls, now_ms);
    }
    metrics_observe(edge->metrics, EDGE_METRIC_LOOP_TURN, 0,
                    (double)(clock_mono_us() - edge->now_us) / 1e6);
    arm_timer(edge, now_ms);
    edge->in_turn = false;
}

static void on_signal(evutil_socket_t signo, short what, void *owner)
{
    struct edge *edge = owner;
    (void)what;
    (void)edge_now(edge);
    if (signo == SIGHUP) {
        edge->on_hangup(edge->hangup_owner);
        edge_tls_reload(edge);
        edge_curve_reload(edge);
    } else if (edge->drain.active) {
        edge_stop(edge, 1);
    } else {
        drain_begin(edge);
    }
}

static enum status open_all(struct edge *edge, struct buf *error)
{
    enum status status = edge_tls_open(edge, error);
    if (status == STATUS_OK) {
        status = router_link_open(edge, error);
    }
    if (status == STATUS_OK) {
        status = listener_open(edge, error);
    }
    if (status == STATUS_OK) {
        status = edge_http_open(edge, error);
    }
    return status;
}

struct edge *edge_new(const struct edge_options *options, struct buf *error)
{
    static const struct out_callbacks OUT_CALLBACKS = {.on_written = hop_traces_on_written,
                                                       .on_breath = router_link_breathe};
    uint8_t seed[16];
    struct edge *edge = mem_new(1, sizeof(*edge));
    edge->options = options;
    edge->id = edge_options_id(options);
    edge->base = event_base_new();
    assert(edge->base != NULL && "no event loop without epoll or poll");
    edge->timer = event_new(edge->base, -1, 0, on_timer, edge);
    derive_settings(edge);
    clock_random(seed, sizeof(seed));
    ip_counts_init(&edge->ip_counts, seed);
    edge->metrics = edge_metrics_new(edge->id);
    edge->ended = CONN_NONE;
    edge->dead = CONN_NONE;
    edge->pending_oldest = CONN_NONE;
    edge->pending_newest = CONN_NONE;
    held_inputs_init(&edge->held_inputs);
    slotmap_init(&edge->conns, edge->connections_max + EDGE_DEAD_SLOTS);
    edge->wheel = wheel_new(HEARTBEAT_TICK_MS, HEARTBEAT_SLOTS, edge_now(edge));
    edge->sockets = sockets_new(edge->base, conn_on_ready, edge);
    edge->door = door_new(edge->base);
    edge->out = out_batch_new(&OUT_CALLBACKS, edge);
    edge->input = mem_new(EDGE_SCRATCH_BYTES, 1);
    buf_init(&edge->request, 0);
    buf_init(&edge->reply, 0);
    edge->timer_due_ms = edge_now(edge);
    if (edge->sockets == NULL) {
        buf_append_str(error, "no epoll descriptor");
    }
    if (edge->sockets == NULL || open_all(edge, error) != STATUS_OK) {
        edge_free(&edge);
        return NULL;
    }
    edge->in_turn = false;
    return edge;
}

void edge_watch_signals(struct edge *edge, void (*on_hangup)(void *owner), void *owner)
{
    static const int SIGNALS[] = {SIGTERM, SIGINT, SIGHUP};
    edge->on_hangup = on_hangup;
    edge->hangup_owner = owner;
    for (size_t i = 0; i < sizeof(SIGNALS) / sizeof(SIGNALS[0]); i++) {
        edge->signals[i] = evsignal_new(edge->base, SIGNALS[i], on_signal, edge);
        event_add(edge->signals[i], NULL);
    }
}

void edge_drain(struct edge *edge)
{
    drain_begin(edge);
}

int edge_run(struct edge *edge)
{
    log_event(LOG_READY, LOG_S("id", edge->id), LOG_U("max_connections", edge->connections_max));
    end_turn(edge);
    while (!edge->stopping) {
        /* Openings that waited come first in a turn, whose end must then not wait for an event. */
        int flags = conn_turns_run(edge) ? EVLOOP_ONCE | EVLOOP_NONBLOCK : EVLOOP_ONCE;
        if (event_base_loop(edge->base, flags) < 0) {
            edge_stop(edge, 1);
        }
        end_turn(edge);
    }
    log_event(LOG_STOP, LOG_I("exit", edge->exit_code));
    return edge->exit_code;
}

static void free_conns(struct edge *edge)
{
    for (uint32_t slot = 0; slot < edge->conns.used; slot++) {
        struct conn *conn = slotmap_at(&edge->conns, slot);
        if (conn != NULL) {
            conn_abort(conn, WS_REASON_DRAIN);
        }
    }
    if (edge->uplink != NULL) {
        (void)conn_report_ended(edge);
    }
    out_batch_flush(edge->out);
    conn_reap(edge);
}

void edge_free(struct edge **edge_at)
{
    struct edge *edge = *edge_at;
    if (edge == NULL) {
        return;
    }
    *edge_at = NULL;
    free_conns(edge);
    hop_traces_fini(&edge->traces);
    listener_close(edge);
    door_free(&edge->door);
    tls_free(&edge->tls);
    httpd_free(&edge->httpd);
    router_link_close(edge);
    out_batch_free(&edge->out);
    wheel_free(&edge->wheel);
    slotmap_fini(&edge->conns);
    held_inputs_fini(&edge->held_inputs);
    ip_counts_fini(&edge->ip_counts);
    metrics_free(&edge->metrics);
    buf_fini(&edge->request);
    buf_fini(&edge->reply);
    ws_inflaters_free(&edge->inflaters);
    ws_deflaters_free(&edge->deflaters);
    mem_free(edge->input);
    mem_free(edge->paused);
    mem_free(edge->turns.ids);
    mem_free(edge->origins);
    mem_free(edge->proxies);
    mem_free(edge->id);
    for (size_t i = 0; i < sizeof(edge->signals) / sizeof(edge->signals[0]); i++) {
        if (edge->signals[i] != NULL) {
            event_free(edge->signals[i]);
        }
    }
    sockets_free(&edge->sockets);
    event_free(edge->timer);
    event_base_free(edge->base);
    mem_free(edge);
}

uint64_t edge_now_us(struct edge *edge)
{
    if (!edge->in_turn) {
        edge->in_turn = true;
        edge->now_us = clock_mono_us();
    }
    return edge->now_us;
}

uint64_t edge_now(struct edge *edge)
{
    return edge_now_us(edge) / 1000;
}

uint64_t edge_random_bits(void)
{
    return clock_random_bits();
}

uint64_t edge_random(uint64_t from, uint64_t to)
{
    uint64_t bits = edge_random_bits();
    return to <= from ? from : from + bits % (to - from + 1);
}

const char *edge_unready(struct edge *edge, enum edge_refusal *ret_refusal)
{
    if (edge->drain.active) {
        *ret_refusal = EDGE_REFUSED_DRAINING;
        return "draining";
    }
    if (edge->options->echo) {
        return NULL;
    }
    bool away = uplink_state(edge->uplink) == UPLINK_DOWN &&
                edge_now(edge) > uplink_state_since(edge->uplink) + EDGE_ROUTER_AWAY_MS;
    if (!edge->router_seen || away) {
        *ret_refusal = EDGE_REFUSED_NO_ROUTER;
        return "no router";
    }
    return NULL;
}

bool edge_is_banned(struct edge *edge, const struct address *address)
{
    return edge->uplink != NULL && uplink_is_banned(edge->uplink, address, edge_now(edge));
}

bool edge_is_full(const struct edge *edge)
{
    uint64_t live = 0;
    for (size_t state = EDGE_STATE_HANDSHAKE; state <= EDGE_STATE_CLOSING; state++) {
        live += edge->state_counts[state];
    }
    return live >= edge->connections_max;
}

void edge_stop(struct edge *edge, int exit_code)
{
    edge->stopping = true;
    edge->exit_code = exit_code;
}
