#include "edge/router_link.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/trim.h"
#include "edge/conn.h"
#include "edge/conn_state.h"
#include "edge/edge_state.h"
#include "edge/edge_tls.h"
#include "edge/frames.h"
#include "edge/heartbeat.h"
#include "edge/hop_traces.h"
#include "proto/plane_wire.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum { ROUTER_LOST_SPREAD_MS = 5000, ROUTING_ID_MAX = 64 + 1 + 16 };

static const uint32_t NO_SLOT = UINT32_MAX;

static enum status transmit(void *owner, struct bytes header, struct bytes body)
{
    struct edge *edge = owner;
    return zlink_send(edge->zlink, BYTES_EMPTY, header, body);
}

static void on_frame(void *owner, struct bytes peer, struct bytes body)
{
    struct edge *edge = owner;
    (void)peer;
    uplink_receive(edge->uplink, body, edge_now(edge));
}

/* What it caused is flushed at the end of the loop turn (edge.c). */
static void on_turn(void *owner)
{
    (void)edge_now(owner);
}

/* Each socket has a name of its own, so that what the router's transport still holds for the one
 * before can never come to this one. */
static enum status open_socket(struct edge *edge)
{
    static const struct zlink_callbacks CALLBACKS = {.on_message = on_frame, .on_turn = on_turn};
    struct buf routing_id;
    uint64_t nonce;
    clock_random(&nonce, sizeof(nonce));
    buf_init(&routing_id, ROUTING_ID_MAX);
    buf_append_str(&routing_id, edge->id);
    buf_append_byte(&routing_id, '/');
    buf_append_hex(&routing_id, nonce, 16);
    const struct zlink_config config = {
        .kind = ZLINK_DEALER,
        .routing_id = buf_bytes(&routing_id),
        .message_bytes_max = PLANE_FRAME_BYTES_MAX,
    };
    edge->zlink = zlink_new(edge->zlink_context, edge->base, &config, &CALLBACKS, edge);
    buf_fini(&routing_id);
    edge_curve_prepare(edge, edge->zlink);
    return zlink_connect(edge->zlink, edge->options->router.items[0]);
}

static void reconnect(void *owner)
{
    struct edge *edge = owner;
    zlink_free(&edge->zlink);
    /* The endpoint was good at the start. If the system refuses now, silence on the new socket
     * brings us here again. */
    if (open_socket(edge) != STATUS_OK) {
        log_event(LOG_LINK_LOST, LOG_S("router", edge->options->router.items[0]),
                  LOG_S("why", strerror(errno)));
    }
}

static void send_to(void *owner, uint32_t slot, struct bytes payload, bool binary)
{
    struct conn *conn = conn_at(owner, slot);
    if (conn != NULL) {
        conn_send(conn, payload, binary);
    }
}

static void deliver(void *owner, const struct uplink_delivery *delivery)
{
    struct edge *edge = owner;
    struct hop_trace *trace = delivery->trace == 0 ? NULL : hop_traces_begin(edge, delivery->trace);
    if (delivery->payload_count == 0 || delivery->slot_count == 0) {
        return;
    }
    struct frames frames;
    frames_init(&frames, edge, delivery->payloads, delivery->payload_count, delivery->binary);
    for (size_t i = 0; i < delivery->payload_count; i++) {
        metrics_observe(edge->metrics, EDGE_METRIC_MESSAGE_SIZE, EDGE_DIRECTION_OUT,
                        (double)delivery->payloads[i].len);
    }
    for (size_t i = 0; i < delivery->slot_count; i++) {
        uint32_t slot = delivery->slots[i];
        struct conn *conn =
            slot == delivery->except && slot != NO_SLOT ? NULL : conn_at(edge, slot);
        if (conn != NULL) {
            conn_put_frames(conn, &frames);
        }
        if (conn != NULL && trace != NULL) {
            hop_trace_queued(trace, slot);
        }
    }
    frames_fini(&frames);
}

static bool is_slow(void *owner, uint32_t slot)
{
    struct conn *conn = conn_at(owner, slot);
    return conn != NULL && conn_is_behind(conn);
}

static void close_one(void *owner, uint32_t slot, uint16_t code, struct bytes text)
{
    struct conn *conn = conn_at(owner, slot);
    if (conn != NULL) {
        conn_close(conn, ws_reason_of_code(code), code, text);
    }
}

/* Spreads the closing of all open connections over `least_ms`, or longer when the other edges
 * cannot take them so fast. */
static void plan_all(struct edge *edge, enum ws_reason reason, uint64_t least_ms, bool deaf)
{
    uint64_t now_ms = edge_now(edge);
    uint64_t spread_ms =
        admission_move_ms(&edge->admission, edge->state_counts[EDGE_STATE_OPEN], least_ms);
    for (uint32_t slot = 0; slot < edge->conns.used; slot++) {
        struct conn *conn = conn_at(edge, slot);
        if (conn != NULL) {
            conn_plan_close(conn, reason, now_ms + edge_random(0, spread_ms));
        }
        if (conn != NULL && deaf) {
            conn_pause(conn, CONN_PAUSE_FENCED);
        }
    }
}

static void unplan_router_lost(struct edge *edge)
{
    for (uint32_t slot = 0; slot < edge->conns.used; slot++) {
        struct conn *conn = conn_at(edge, slot);
        if (conn != NULL && conn->planned != 0 && conn->reason == WS_REASON_ROUTER_LOST) {
            conn->planned = 0; /* the wheel finds out when it fires */
        }
    }
}

static void on_state(void *owner, enum uplink_state state)
{
    struct edge *edge = owner;
    const char *router = edge->options->router.items[0];
    if (state == UPLINK_DOWN) {
        log_event(LOG_LINK_LOST, LOG_S("router", router));
        return;
    }
    log_event(edge->router_seen ? LOG_LINK_RESUMED : LOG_LINK_UP, LOG_S("router", router));
    edge->router_seen = true;
    trimmer_plan(&edge->trimmer, edge_now(edge));
    if (edge->router_lost) {
        edge->router_lost = false;
        unplan_router_lost(edge);
    }
}

static void fenced(void *owner)
{
    struct edge *edge = owner;
    metrics_add(edge->metrics, EDGE_METRIC_LINK_FENCED, 0, 1);
    log_event(LOG_LINK_FENCED, LOG_U("connections", edge->state_counts[EDGE_STATE_OPEN]));
    plan_all(edge, WS_REASON_FENCED, (uint64_t)edge->options->reconnect_delay, true);
}

/* Another version can never work: clients are asked to move to edges that fit, and the exit code
 * says that starting again is of no use. */
static void refused(void *owner, struct bytes text)
{
    struct edge *edge = owner;
    bool version = memmem(text.data, text.len, "version", strlen("version")) != NULL;
    log_event(version ? LOG_LINK_VERSION : LOG_LINK_REFUSED,
              LOG_S("router", edge->options->router.items[0]), LOG_B("why", text));
    if (version) {
        edge->exit_code = EDGE_EXIT_VERSION;
        drain_begin(edge);
    }
}

static void on_admission(void *owner, uint64_t rate, uint64_t cluster_rate)
{
    struct edge *edge = owner;
    admission_set(&edge->admission, rate, cluster_rate);
}

static void on_ticket_keys(void *owner, const struct plane_ticket_keys *keys)
{
    edge_tls_share_tickets(owner, keys);
}

static void on_canary(void *owner, uint64_t took_us)
{
    struct edge *edge = owner;
    metrics_observe(edge->metrics, EDGE_METRIC_CANARY_RTT, 0, (double)took_us / 1e6);
}

static void on_drain(void *owner)
{
    struct edge *edge = owner;
    log_event(LOG_STOP, LOG_S("signal", "drain asked for by the router"));
    drain_begin(edge);
}

static uint64_t clock_us(void *owner)
{
    return edge_now_us(owner);
}

static uint64_t random_bits(void *owner)
{
    uint64_t bits;
    (void)owner;
    clock_random(&bits, sizeof(bits));
    return bits;
}

enum status router_link_open(struct edge *edge, struct buf *error)
{
    static const struct uplink_callbacks CALLBACKS = {
        .transmit = transmit,
        .reconnect = reconnect,
        .send = send_to,
        .deliver = deliver,
        .is_slow = is_slow,
        .close = close_one,
        .on_state = on_state,
        .fenced = fenced,
        .refused = refused,
        .on_ticket_keys = on_ticket_keys,
        .on_admission = on_admission,
        .on_canary = on_canary,
        .drain = on_drain,
        .conn_state = conn_state_fill,
        .clock_us = clock_us,
        .random = random_bits,
    };
    const struct edge_options *options = edge->options;
    const struct uplink_config config = {
        .edge_id = bytes_of_str(edge->id),
        .hold_bytes_max = (uint64_t)options->hold_buffer,
        .credit_bytes = (uint64_t)options->link_credit,
        .repair_bytes_max = (uint64_t)options->repair_buffer,
        .repair_ms = (uint64_t)options->repair_timeout,
        .slots_max = edge->conns.max,
        .canary_ms = (uint64_t)options->canary_interval,
    };
    /* With --echo the uplink stands alone: nobody greets, so it stays down and says nothing. */
    if (options->echo) {
        edge->uplink = uplink_new(&config, &CALLBACKS, edge, edge_now(edge));
        return STATUS_OK;
    }
    if (edge_curve_read(edge, error) != STATUS_OK) {
        return STATUS_IO;
    }
    edge->zlink_context = zlink_context_new();
    if (open_socket(edge) != STATUS_OK) {
        buf_append_str(error, "cannot connect to --router ");
        buf_append_str(error, options->router.items[0]);
        buf_append_str(error, ": ");
        buf_append_str(error, strerror(errno));
        return STATUS_IO;
    }
    edge->uplink = uplink_new(&config, &CALLBACKS, edge, edge_now(edge));
    return STATUS_OK;
}

void router_link_close(struct edge *edge)
{
    uplink_free(&edge->uplink);
    zlink_free(&edge->zlink);
    edge_curve_wipe(edge);
    if (edge->zlink_context != NULL) {
        zlink_context_free(&edge->zlink_context);
    }
}

void router_link_breathe(void *owner)
{
    struct edge *edge = owner;
    if (edge->uplink != NULL) {
        uplink_alive(edge->uplink, clock_mono_ms());
    }
}

/* When the router has been away for --router-grace; UINT64_MAX when that is no question. */
static uint64_t grace_end_ms(const struct edge *edge)
{
    if (uplink_state(edge->uplink) == UPLINK_UP || edge->router_lost ||
        edge->state_counts[EDGE_STATE_OPEN] == 0) {
        return UINT64_MAX;
    }
    return uplink_state_since(edge->uplink) + (uint64_t)edge->options->router_grace;
}

void router_link_step(struct edge *edge)
{
    uint64_t now_ms = edge_now(edge);
    if (edge->options->echo) {
        return;
    }
    if (edge->curve.retry_ms != 0 && now_ms >= edge->curve.retry_ms) {
        reconnect(edge);
    }
    if (now_ms >= uplink_deadline(edge->uplink)) {
        uplink_tick(edge->uplink, now_ms);
    }
    if (trimmer_is_due(&edge->trimmer, edge->state_counts[EDGE_STATE_OPEN], now_ms)) {
        uplink_trim(edge->uplink);
        trim_memory();
    }
    if (now_ms >= grace_end_ms(edge)) {
        edge->router_lost = true;
        log_event(LOG_ROUTER_LOST, LOG_U("connections", edge->state_counts[EDGE_STATE_OPEN]),
                  LOG_U("away_ms", now_ms - uplink_state_since(edge->uplink)));
        plan_all(edge, WS_REASON_ROUTER_LOST, ROUTER_LOST_SPREAD_MS, false);
    }
}

uint64_t router_link_deadline(const struct edge *edge)
{
    if (edge->options->echo) {
        return UINT64_MAX;
    }
    uint64_t grace_ms = grace_end_ms(edge);
    uint64_t uplink_ms = uplink_deadline(edge->uplink);
    uint64_t due_ms = grace_ms < uplink_ms ? grace_ms : uplink_ms;
    uint64_t trim_ms = trimmer_deadline(&edge->trimmer);
    due_ms = trim_ms < due_ms ? trim_ms : due_ms;
    uint64_t retry_ms = edge->curve.retry_ms;
    return retry_ms != 0 && retry_ms < due_ms ? retry_ms : due_ms;
}

void router_link_watch_congestion(struct edge *edge)
{
    bool congested = uplink_congested(edge->uplink);
    if (edge->congested && !congested) {
        edge->congested = false;
        heartbeat_forgive(edge);
        conn_resume_congested(edge);
    }
    edge->congested = congested;
}
