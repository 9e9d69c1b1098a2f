/* See plane.h. Links of edges: frames, liveness, flushing. The link itself is common/link. */
#include "router/plane.h"

#include "common/mem.h"
#include "router/plane_internal.h"

#include <assert.h>

enum { CHECKS_WAITING_MAX = 1 << 16, PEER_BYTES_MAX = 255 };

/* ---- life ---- */

struct secret {
    uint8_t *bytes;
    bool found;
};

static void take_secret(void *owner, const struct engine_value *value)
{
    struct secret *secret = owner;
    if (value->value.len == CORE_SECRET_BYTES &&
        bytes_equal(value->key, BYTES_LIT("epoch_secret"))) {
        memcpy(secret->bytes, value->value.data, CORE_SECRET_BYTES);
        secret->found = true;
    }
}

/* Drawn once for the life of the data. */
static void read_secret(struct router_plane *plane, uint8_t out[CORE_SECRET_BYTES])
{
    static const struct bytes table = {(const uint8_t *)"router", 6};
    const struct engine_ops *ops = plane->engine->ops;
    struct secret secret = {.bytes = out};
    ops->values(plane->engine, table, take_secret, &secret);
    if (!secret.found) {
        uint64_t halves[2] = {plane->config.core.seed, plane->incarnation};
        memcpy(out, halves, CORE_SECRET_BYTES);
        ops->put(plane->engine, &(struct engine_value){table, BYTES_LIT("epoch_secret"),
                                                       bytes_of(out, CORE_SECRET_BYTES)});
    }
}

struct router_plane *router_plane_new(const struct plane_config *config, struct engine **engine,
                                      const struct plane_callbacks *callbacks, void *owner,
                                      uint64_t now_ms)
{
    struct router_plane *plane = mem_new(1, sizeof(*plane));
    plane->config = *config;
    plane->config.router_id = bytes_of(mem_copy(config->router_id), config->router_id.len);
    plane->callbacks = *callbacks;
    plane->owner = owner;
    plane->engine = *engine;
    *engine = NULL;
    plane->incarnation = plane->engine->ops->incarnation(plane->engine);
    struct core_config core = config->core;
    core.inbox_durable = plane->engine->ops->durable(plane->engine);
    read_secret(plane, core.epoch_secret);
    plane->core = router_core_new(&core, now_ms);
    plane_bans_load(plane);
    uint64_t halves[2] = {config->core.seed, ~config->core.seed};
    uint8_t seed[16];
    memcpy(seed, halves, sizeof(seed));
    strmap_init(&plane->by_id, seed);
    strmap_init(&plane->by_peer, seed);
    arena_init(&plane->arena, (size_t)PLANE_FRAME_BYTES_MAX * 8);
    buf_init(&plane->scratch, 0);
    buf_init(&plane->token_scratch, 0);
    slotmap_init(&plane->waiting,
                 config->checks_waiting_max == 0 ? CHECKS_WAITING_MAX : config->checks_waiting_max);
    plane->auth_cache = auth_cache_new(config->tokens_cached_max, seed);
    buf_init(&plane->push, 0);
    plane_tickets_init(plane, now_ms);
    plane->stats.incarnation = plane->incarnation;
    return plane;
}

void plane_edge_free(struct plane_edge *edge)
{
    link_fini(&edge->link);
    plane_builder_fini(&edge->out);
    mem_free(edge->unfinished);
    mem_free(edge->done);
    mem_free((void *)(uintptr_t)edge->id.data);
    mem_free((void *)(uintptr_t)edge->peer.data);
    mem_free((void *)(uintptr_t)edge->key.data);
    mem_free(edge);
}

void router_plane_free(struct router_plane **plane)
{
    if (*plane == NULL) {
        return;
    }
    struct router_plane *gone = *plane;
    for (uint32_t i = 0; i < gone->edge_capacity; i++) {
        if (gone->edges[i] != NULL) {
            plane_verify_drop_edge(gone, gone->edges[i]);
            plane_pace_drop_edge(gone->edges[i]);
            plane_edge_free(gone->edges[i]);
        }
    }
    mem_free(gone->edges);
    strmap_fini(&gone->by_id);
    strmap_fini(&gone->by_peer);
    slotmap_fini(&gone->waiting);
    auth_cache_free(&gone->auth_cache);
    router_core_free(&gone->core);
    gone->engine->ops->close(&gone->engine);
    arena_fini(&gone->arena);
    buf_fini(&gone->scratch);
    buf_fini(&gone->token_scratch);
    buf_fini(&gone->push);
    plane_tickets_fini(gone);
    mem_free((void *)(uintptr_t)gone->config.router_id.data);
    mem_free(gone);
    *plane = NULL;
}

/* ---- sending ---- */

bool plane_transmit(struct router_plane *plane, struct bytes peer, struct bytes header,
                    struct bytes body)
{
    if (plane->callbacks.transmit(plane->owner, peer, header, body) != STATUS_OK) {
        return false;
    }
    plane->stats.frames_out++;
    plane->stats.bytes_out += header.len + body.len;
    return true;
}

void plane_pump(struct router_plane *plane, struct plane_edge *edge)
{
    uint64_t seq = 0;
    uint64_t ack = 0;
    struct bytes body;
    while (link_next(&edge->link, &seq, &ack, &body)) {
        uint8_t header[PLANE_HEADER_MAX];
        size_t len = plane_header_write(header, seq, ack);
        if (!plane_transmit(plane, edge->peer, bytes_of(header, len), body)) {
            return;
        }
        link_sent(&edge->link, plane->now_ms);
    }
}

static void speak(struct router_plane *plane, struct plane_edge *edge)
{
    uint8_t header[PLANE_HEADER_MAX];
    size_t len = plane_ack_write(header, link_sent_seq(&edge->link), link_control_ack(&edge->link));
    /* Not taken: the link's silence at the other side will tell. */
    (void)plane_transmit(plane, edge->peer, bytes_of(header, len), BYTES_EMPTY);
    link_spoke(&edge->link, plane->now_ms);
}

void plane_seal(struct plane_edge *edge)
{
    size_t len = 0;
    uint8_t *body = plane_builder_take(&edge->out, &len);
    link_push(&edge->link, body, len, 0);
}

/* ---- frames ---- */

static void reset_peer(struct router_plane *plane, struct bytes peer)
{
    buf_clear(&plane->push);
    plane_reset_write(plane->incarnation, &plane->push);
    (void)plane_transmit(plane, peer, buf_bytes(&plane->push), BYTES_EMPTY);
}

void plane_give_up(struct router_plane *plane, struct plane_edge *edge, const char *text)
{
    plane->stats.bad_frames++;
    plane_drop_edge(plane, edge, PLANE_EDGE_BAD_FRAME, text);
}

static void receive_data(struct router_plane *plane, struct plane_edge *edge,
                         const struct plane_frame *frame, struct bytes message)
{
    switch (link_receive(&edge->link, frame->seq, frame->sent, frame->ack, message.len,
                         plane->now_ms)) {
    case LINK_FRAME_NEW:
        break;
    case LINK_FRAME_CONTROL:
    case LINK_FRAME_REPEATED:
        return;
    case LINK_FRAME_HOLE:
        reset_peer(plane, edge->peer);
        return;
    case LINK_FRAME_IMPOSSIBLE:
        plane_give_up(plane, edge, "acknowledges what was never sent");
        return;
    }
    plane_pace_take(plane, edge, frame, message);
}

bool plane_edge_id_fits(struct bytes allowed, struct bytes id)
{
    if (allowed.len > 0 && allowed.data[allowed.len - 1] == '*') {
        return bytes_starts_with(id, bytes_slice(allowed, 0, allowed.len - 1));
    }
    return bytes_equal(id, allowed);
}

bool plane_sender_may_be(const struct router_plane *plane, struct bytes edge_id)
{
    return plane->sender->key.len == 0 || plane_edge_id_fits(plane->sender->edge_id, edge_id);
}

/* It took that edge's routing id: not its fault. */
static bool is_impostor(struct router_plane *plane, const struct plane_edge *edge)
{
    if (edge == NULL || plane_sender_may_be(plane, edge->id)) {
        return false;
    }
    plane->stats.impostors++;
    plane->callbacks.on_edge(plane->owner, PLANE_EDGE_IMPOSTOR, edge->id,
                             "from a connection with another edge's key");
    return true;
}

static void receive_frame(struct router_plane *plane, struct plane_edge *edge,
                          const struct plane_frame *frame, struct bytes message)
{
    if (frame->kind == PLANE_FRAME_HELLO) {
        plane_receive_hello(plane, plane->sender->peer, &frame->greeting);
    } else if (edge == NULL) {
        reset_peer(plane, plane->sender->peer);
    } else if (frame->kind == PLANE_FRAME_DATA || frame->kind == PLANE_FRAME_ACK) {
        receive_data(plane, edge, frame, message);
    } else {
        plane_give_up(plane, edge, "the router's own words");
    }
}

static void receive_message(struct router_plane *plane, struct bytes message)
{
    struct plane_frame frame;
    struct bytes peer = plane->sender->peer;
    struct plane_edge *edge = strmap_get(&plane->by_peer, peer);
    if (is_impostor(plane, edge)) {
        return;
    }
    if (peer.len == 0 || peer.len > PEER_BYTES_MAX ||
        !plane_frame_read(&plane->arena, message, &frame)) {
        plane->stats.bad_frames++;
        plane->callbacks.on_edge(plane->owner, PLANE_EDGE_BAD_FRAME,
                                 edge == NULL ? BYTES_EMPTY : edge->id, "not a frame");
        return;
    }
    receive_frame(plane, edge, &frame, message);
}

void router_plane_receive_from(struct router_plane *plane, const struct plane_sender *sender,
                               struct bytes message, uint64_t now_ms, uint64_t wall_ms)
{
    if (plane->holding) {
        return; /* not acknowledged: the next router gets it again */
    }
    plane->now_ms = now_ms;
    plane->wall_ms = wall_ms;
    plane->stats.frames_in++;
    plane->stats.bytes_in += message.len;
    arena_reset(&plane->arena);
    plane->sender = sender;
    receive_message(plane, message);
    plane->sender = NULL;
}

void router_plane_receive(struct router_plane *plane, struct bytes peer, struct bytes frame,
                          uint64_t now_ms, uint64_t wall_ms)
{
    router_plane_receive_from(plane, &(struct plane_sender){.peer = peer}, frame, now_ms, wall_ms);
}

void router_plane_expel(struct router_plane *plane, uint32_t edge, uint64_t now_ms,
                        uint64_t wall_ms)
{
    plane->now_ms = now_ms;
    plane->wall_ms = wall_ms;
    if (!plane->holding && edge < plane->edge_capacity && plane->edges[edge] != NULL) {
        plane_drop_edge(plane, plane->edges[edge], PLANE_EDGE_EXPELLED,
                        "its key is not allowed any more");
    }
}

/* ---- the turn ---- */

static void flush_edge(struct router_plane *plane, struct plane_edge *edge)
{
    /* The batch that carries the last answers to a frame carries its acknowledgement too. */
    link_finish(&edge->link, plane_frames_finished(edge));
    plane_frames_tell_done(edge);
    if (edge->out.count != 0) {
        plane_seal(edge);
    }
    plane_pump(plane, edge);
    if (edge->goodbye && edge->link.finished == edge->link.received) {
        speak(plane, edge);
        plane_drop_edge(plane, edge, PLANE_EDGE_GONE, "");
        return;
    }
    if (edge->link.queued_bytes > plane->config.queue_bytes_max) {
        plane_drop_edge(plane, edge, PLANE_EDGE_OVERFLOW, "does not take its deliveries");
    }
}

void router_plane_flush(struct router_plane *plane, uint64_t now_ms)
{
    if (plane->holding) {
        return;
    }
    plane->now_ms = now_ms;
    plane_poll(plane);
    if (plane->engine_fenced) {
        return; /* neither answered nor acknowledged: the newer router gets it all again */
    }
    plane_pace_go_on(plane);
    for (uint32_t i = 0; i < plane->edge_capacity; i++) {
        if (plane->edges[i] != NULL) {
            flush_edge(plane, plane->edges[i]);
        }
    }
}

static void tick_edge(struct router_plane *plane, struct plane_edge *edge)
{
    enum link_tick tick = link_tick(&edge->link, plane->now_ms);
    if (tick == LINK_TICK_SUSPECT) {
        plane->callbacks.on_edge(plane->owner, PLANE_EDGE_SUSPECT, edge->id, "");
        tick = link_tick(&edge->link, plane->now_ms);
    }
    if (tick == LINK_TICK_DEAD) {
        plane_drop_edge(plane, edge, PLANE_EDGE_DEAD, "silent for --edge-dead");
    } else if (tick == LINK_TICK_SPEAK) {
        speak(plane, edge);
    }
}

void router_plane_tick(struct router_plane *plane, uint64_t now_ms, uint64_t wall_ms)
{
    if (plane->holding) {
        return;
    }
    plane->now_ms = now_ms;
    plane->wall_ms = wall_ms;
    for (uint32_t i = 0; i < plane->edge_capacity; i++) {
        if (plane->edges[i] != NULL) {
            tick_edge(plane, plane->edges[i]);
        }
    }
    plane_tickets_tick(plane);
    plane_admission_tick(plane);
    plane_truth_tick(plane);
    plane_poll(plane);
    if (now_ms >= router_core_deadline(plane->core)) {
        plane_step(plane, &(struct core_event){.kind = CORE_TICK});
    }
}

void router_plane_poll(struct router_plane *plane, uint64_t now_ms, uint64_t wall_ms)
{
    if (plane->holding) {
        return;
    }
    plane->now_ms = now_ms;
    plane->wall_ms = wall_ms;
    plane_poll(plane);
}

int router_plane_engine_fd(const struct router_plane *plane)
{
    return plane->engine->ops->fd(plane->engine);
}

bool router_plane_fenced(const struct router_plane *plane)
{
    return plane->engine_fenced;
}

uint64_t router_plane_deadline(const struct router_plane *plane)
{
    if (plane->holding) {
        return UINT64_MAX;
    }
    if (plane_pace_due(plane)) {
        return plane->now_ms;
    }
    uint64_t due = router_core_deadline(plane->core);
    uint64_t tickets_due = plane_tickets_deadline(plane);
    due = tickets_due < due ? tickets_due : due;
    uint64_t admission_due = plane_admission_deadline(plane);
    due = admission_due < due ? admission_due : due;
    uint64_t truth_due = plane_truth_deadline(plane);
    due = truth_due < due ? truth_due : due;
    for (uint32_t i = 0; i < plane->edge_capacity; i++) {
        if (plane->edges[i] != NULL) {
            uint64_t at = link_deadline(&plane->edges[i]->link);
            due = at < due ? at : due;
        }
    }
    return due;
}

void router_plane_hold(struct router_plane *plane, uint64_t now_ms)
{
    router_plane_flush(plane, now_ms);
    for (uint32_t i = 0; i < plane->edge_capacity; i++) {
        struct plane_edge *edge = plane->edges[i];
        if (edge != NULL) {
            buf_clear(&plane->push);
            plane_hold_write(link_sent_seq(&edge->link), link_control_ack(&edge->link),
                             &plane->push);
            (void)plane_transmit(plane, edge->peer, buf_bytes(&plane->push), BYTES_EMPTY);
        }
    }
    plane->holding = true;
}

/* ---- for the shell ---- */

void router_plane_admin(struct router_plane *plane, struct core_event *event, uint64_t admin,
                        uint64_t now_ms, uint64_t wall_ms)
{
    plane->now_ms = now_ms;
    plane->wall_ms = wall_ms;
    event->admin = admin;
    plane_step(plane, event);
}

enum plane_drain router_plane_drain(struct router_plane *plane, struct bytes edge_id,
                                    uint64_t now_ms)
{
    struct plane_edge *edge = strmap_get(&plane->by_id, edge_id);
    plane->now_ms = now_ms;
    if (edge == NULL) {
        return PLANE_DRAIN_NO_EDGE;
    }
    if (!edge->drains) {
        return PLANE_DRAIN_TOO_OLD;
    }
    plane_say(plane, edge, &(struct plane_op){.kind = OP_DRAIN});
    return PLANE_DRAIN_OK;
}

const struct router_core *router_plane_core(const struct router_plane *plane)
{
    return plane->core;
}

void router_plane_set_policy(struct router_plane *plane, const struct policy_table *policy,
                             uint64_t now_ms, uint64_t wall_ms)
{
    plane->now_ms = now_ms;
    plane->wall_ms = wall_ms;
    plane_step(plane, &(struct core_event){.kind = CORE_SET_POLICY, .policy = policy});
}

bool router_plane_tap(struct router_plane *plane, enum core_tap kind, struct bytes name)
{
    return router_core_tap(plane->core, kind, name);
}

void router_plane_untap(struct router_plane *plane, enum core_tap kind, struct bytes name)
{
    router_core_untap(plane->core, kind, name);
}

void router_plane_set_rates(struct router_plane *plane, const struct core_rates *rates)
{
    router_core_set_rates(plane->core, rates);
}

bool router_plane_edge_next(const struct router_plane *plane, uint64_t now_ms, uint64_t *cursor,
                            struct plane_edge_info *ret_info)
{
    while (*cursor < plane->edge_capacity) {
        const struct plane_edge *edge = plane->edges[(*cursor)++];
        if (edge == NULL) {
            continue;
        }
        *ret_info = (struct plane_edge_info){.edge = edge->index,
                                             .id = edge->id,
                                             .key = edge->key,
                                             .incarnation = edge->incarnation,
                                             .up = edge->link.phase == LINK_UP,
                                             .suspect = edge->link.phase == LINK_SUSPECT,
                                             .link_since_ms = edge->up_since_ms,
                                             .silent_ms = now_ms - edge->link.heard_ms,
                                             .unacked_bytes = edge->link.sent_bytes,
                                             .queued_bytes = edge->link.queued_bytes,
                                             .held = edge->pace.held,
                                             .kept_bytes = edge->pace.kept_bytes,
                                             .credit_bytes = edge->link.window,
                                             .canary_us = edge->truth.canary_us};
        return true;
    }
    return false;
}

void router_plane_stats(const struct router_plane *plane, struct plane_stats *ret_stats)
{
    *ret_stats = plane->stats;
    plane->engine->ops->stats(plane->engine, &ret_stats->engine);
    ret_stats->durable = plane->engine->ops->durable(plane->engine);
    ret_stats->checks_waiting = plane->waiting.count;
    ret_stats->tokens_cached = auth_cache_count(plane->auth_cache);
}

void router_plane_trim(struct router_plane *plane)
{
    arena_trim(&plane->arena);
    router_core_trim(plane->core);
    for (uint32_t i = 0; i < plane->edge_capacity; i++) {
        if (plane->edges[i] != NULL) {
            plane_builder_trim(&plane->edges[i]->out);
            spares_trim(&plane->edges[i]->link.spares);
        }
    }
}
