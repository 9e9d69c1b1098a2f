/* See world.h. */
#include "common/mem.h"
#include "edge/uplink_down.h"
#include "proto/plane_wire.h"
#include "tests/sim/world.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    CLOSE_OVERLOADED = 1013, /* the inbox could not be read */
    CLOSE_RESTART = 1012,    /* edge and router did not agree */
    CLOSE_KICKED = 4003,
    DRAIN_MS_MAX = 4000,
    GOODBYE_WAIT_MS = 2000,
    SHORT_MS_MAX = 8000,
    LONG_MS_MAX = 40000
};

static enum status edge_transmit(void *owner, struct bytes header, struct bytes body)
{
    struct sim_edge *edge = owner;
    return net_send_up(&edge->world->net, edge->number, header, body, edge->world->now_ms);
}

static void edge_reconnect(void *owner)
{
    struct sim_edge *edge = owner;
    net_reconnect(&edge->world->net, edge->number);
}

static void put(const struct sim_edge *edge, uint32_t slot, struct bytes payload)
{
    struct sim_client *client = edge->slots[slot];
    bool reads = client != NULL && client->ending_at == 0; /* else it ended inside this turn */
    if (reads && !client->doomed) {
        client_hear(edge->world, client, payload);
    }
}

static void edge_send(void *owner, uint32_t slot, struct bytes payload, bool binary)
{
    struct sim_edge *edge = owner;
    if (binary || edge->slots[slot] == NULL) {
        world_fail(edge->world, "a push for a slot that is not open", NULL);
    }
    put(edge, slot, payload);
}

static void edge_deliver(void *owner, const struct uplink_delivery *delivery)
{
    struct sim_edge *edge = owner;
    reports_delivered(edge, delivery);
    for (size_t i = 0; i < delivery->slot_count; i++) {
        for (size_t j = 0; delivery->slots[i] != delivery->except && j < delivery->payload_count;
             j++) {
            put(edge, delivery->slots[i], delivery->payloads[j]);
        }
    }
}

static bool edge_is_slow(void *owner, uint32_t slot)
{
    const struct sim_edge *edge = owner;
    struct sim_client *client = edge->slots[slot];
    bool slow = client != NULL && edge->world->now_ms < client->stalled_until;
    if (slow) {
        client->behind = true;
    }
    return slow;
}

static void edge_close(void *owner, uint32_t slot, uint16_t code, struct bytes text)
{
    struct sim_edge *edge = owner;
    struct sim_client *client = edge->slots[slot];
    (void)text;
    bool unread = code == CLOSE_OVERLOADED && (edge->world->faults & FAULTS_DISK) != 0;
    bool repaired = code == CLOSE_RESTART && client != NULL &&
                    (client->doomed || edge->world->corruption.lost_place[edge->number]);
    if (client != NULL && !unread && !repaired &&
        (code != CLOSE_KICKED || !edge->world->kicked[client->user])) {
        fprintf(stderr, "close code %u\n", code);
        world_fail(edge->world, "the router closed a connection", client);
    }
    if (client != NULL && client->ending_at == 0) {
        client->doomed = false;
        client_closing(edge->world, client);
    }
}

static void end_all(struct sim_edge *edge, struct bytes reason)
{
    for (uint32_t slot = 0; slot < CLIENTS; slot++) {
        if (edge->slots[slot] != NULL) {
            client_end(edge->world, edge->slots[slot], false, reason);
        }
    }
}

static void edge_fenced(void *owner)
{
    struct sim_edge *edge = owner;
    if ((edge->world->faults & (FAULTS_NETWORK | FAULTS_EDGE)) == 0) {
        world_fail(edge->world, "an edge was fenced without a fault of its own", NULL);
    }
    end_all(edge, BYTES_LIT("fenced"));
    truth_edge_lost(edge->world, edge->number);
}

static void edge_state(void *owner, enum uplink_state state)
{
    (void)owner;
    (void)state;
}

static void edge_refused(void *owner, struct bytes text)
{
    struct sim_edge *edge = owner;
    bool successor = memmem(text.data, text.len, "in use", strlen("in use")) != NULL;
    if (!successor || (edge->world->faults & FAULTS_EDGE) == 0) {
        world_fail(edge->world, "an edge was refused", NULL);
    }
}

static void edge_ticket_keys(void *owner, const struct plane_ticket_keys *keys)
{
    struct sim_edge *edge = owner;
    edge->ticket_key = keys->current.data[0];
}

static void edge_admission(void *owner, uint64_t rate, uint64_t cluster_rate)
{
    struct sim_edge *edge = owner;
    if (rate == 0 || rate > CONNECT_RATE || cluster_rate != CONNECT_RATE) {
        world_fail(edge->world, "an edge may take more clients than all", NULL);
    }
    edge->connect_rate = rate;
}

static void edge_canary(void *owner, uint64_t took_us)
{
    struct sim_edge *edge = owner;
    edge->canaries += took_us != 0;
}

static uint64_t edge_clock_us(void *owner)
{
    struct sim_edge *edge = owner;
    return edge->world->now_ms * 1000;
}

static uint64_t edge_random(void *owner)
{
    struct sim_edge *edge = owner;
    return rng_u64(&edge->world->rng);
}

static void edge_drain_asked(void *owner)
{
    struct sim_edge *edge = owner;
    if (!edge->draining) {
        edge_drain(edge);
    }
}

void edge_start(struct sim_edge *edge)
{
    static const struct uplink_callbacks callbacks = {.transmit = edge_transmit,
                                                      .reconnect = edge_reconnect,
                                                      .send = edge_send,
                                                      .deliver = edge_deliver,
                                                      .is_slow = edge_is_slow,
                                                      .close = edge_close,
                                                      .on_state = edge_state,
                                                      .fenced = edge_fenced,
                                                      .refused = edge_refused,
                                                      .on_ticket_keys = edge_ticket_keys,
                                                      .on_admission = edge_admission,
                                                      .on_canary = edge_canary,
                                                      .clock_us = edge_clock_us,
                                                      .drain = edge_drain_asked,
                                                      .conn_state = reports_fill,
                                                      .random = edge_random};
    char id[16];
    snprintf(id, sizeof(id), "edge-%u", edge->number);
    struct uplink_config config = {.edge_id = bytes_of_str(id),
                                   .hold_bytes_max = edge->world->hold_bytes,
                                   .credit_bytes = edge->world->credit_bytes,
                                   .repair_bytes_max = edge->world->repair_bytes,
                                   .repair_ms = 3000,
                                   .slots_max = CLIENTS,
                                   .canary_ms = CANARY_MS};
    net_reconnect(&edge->world->net, edge->number);
    edge->draining = false;
    edge->gone = false;
    edge->uplink = uplink_new(&config, &callbacks, edge, edge->world->now_ms);
}

static void stop(struct sim_edge *edge)
{
    struct rng *rng = &edge->world->rng;
    uplink_free(&edge->uplink);
    truth_edge_lost(edge->world, edge->number);
    uint32_t max = rng_below(rng, 4) == 0 && !edge->world->calm ? LONG_MS_MAX : SHORT_MS_MAX;
    edge->up_again_at = edge->world->now_ms + rng_below(rng, max);
}

void edge_die(struct sim_edge *edge)
{
    truth_edge_dies(edge->world, edge->number);
    for (uint32_t slot = 0; slot < CLIENTS; slot++) {
        if (edge->slots[slot] != NULL) {
            client_lost(edge->world, edge->slots[slot]);
            edge->slots[slot] = NULL;
        }
    }
    stop(edge);
}

void edge_drain(struct sim_edge *edge)
{
    uplink_drain(edge->uplink, 5000);
    edge->draining = true;
    edge->drained_at = edge->world->now_ms + rng_below(&edge->world->rng, DRAIN_MS_MAX);
}

static void drain_step(struct sim_edge *edge)
{
    const struct world *world = edge->world;
    if (!edge->gone && world->now_ms >= edge->drained_at) {
        end_all(edge, BYTES_LIT("drain"));
        uplink_goodbye(edge->uplink);
        edge->gone = true;
    } else if (!edge->gone) {
        struct sim_client *client = edge->slots[rng_below(&edge->world->rng, CLIENTS)];
        if (client != NULL && rng_below(&edge->world->rng, 50) == 0) {
            client_end(edge->world, client, false, BYTES_LIT("drain"));
        }
    } else if (uplink_idle(edge->uplink) || world->now_ms >= edge->drained_at + GOODBYE_WAIT_MS) {
        stop(edge);
    }
}

void edge_step(struct sim_edge *edge)
{
    struct world *world = edge->world;
    if (edge->uplink == NULL) {
        if (world->now_ms >= edge->up_again_at) {
            edge_start(edge);
        }
        return;
    }
    if (world->now_ms < edge->paused_until) {
        return;
    }
    struct net_message message;
    while (net_take_down(&world->net, edge->number, world->now_ms, &message)) {
        if (message.socket == world->net.edges[edge->number].socket) {
            uplink_receive(edge->uplink, bytes_of(message.data, message.len), world->now_ms);
        }
        mem_free(message.data);
    }
    if (world->now_ms >= uplink_deadline(edge->uplink)) {
        uplink_tick(edge->uplink, world->now_ms);
    }
    uplink_flush(edge->uplink, world->now_ms);
    if (edge->draining) {
        drain_step(edge);
    }
}

bool edge_is_ready(const struct sim_edge *edge)
{
    enum { AWAY_MS_MAX = 3000 }; /* then 503 */
    const struct world *world = edge->world;
    return edge->uplink != NULL && !edge->draining && world->now_ms >= edge->paused_until &&
           (uplink_state(edge->uplink) == UPLINK_UP ||
            world->now_ms - uplink_state_since(edge->uplink) <= AWAY_MS_MAX);
}

/* The group's record is not opaque to the simulator. */
static bool is_of_room(const struct edge_group *group, uint32_t room)
{
    struct plane_group_record record;
    struct arena arena;
    arena_init(&arena, 4096);
    bool found = plane_group_record_read(&arena, edge_group_record(group), &record) &&
                 record.kind == CHANNEL_ROOM && last_digit(record.name) == room;
    arena_fini(&arena);
    return found;
}

bool edge_lags(const struct world *world, const struct sim_client *client, uint32_t room)
{
    const struct groups *groups = &world->edges[client->edge].uplink->groups;
    const struct lag *lag = lags_first(&groups->lags, client->slot);
    while (lag != NULL && !is_of_room(groups_at(groups, lag->local), room)) {
        lag = lag->next;
    }
    return lag != NULL;
}

bool edge_holds_back(const struct world *world, const struct sim_client *client, uint32_t room)
{
    const struct groups *groups = &world->edges[client->edge].uplink->groups;
    const struct hole *hole = groups->holes.first;
    while (hole != NULL && !is_of_room(groups_at(groups, hole->local), room)) {
        hole = hole->next;
    }
    return hole != NULL;
}

uint64_t edge_router_life(const struct sim_edge *edge)
{
    struct uplink_stats stats;
    uplink_stats(edge->uplink, &stats);
    return stats.router_incarnation;
}
