/* See world.h. */
#include "tests/sim/world.h"

#include "common/mem.h"
#include "router/registry.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    STEP_MS = 5,
    BUSY_MS = 40000, /* actions and faults */
    CALM_MS = 25000, /* more than dead + grace + rebuild */
    GRACE_MS = 5000,
    REBUILD_MS = 5000
};

void world_fail(const struct world *world, const char *what, const struct sim_client *client)
{
    fprintf(stderr, "seed %" PRIu64 " faults %u at %" PRIu64 " ms", world->seed, world->faults,
            world->now_ms);
    if (client != NULL) {
        fprintf(stderr, ", client %u on edge %u", client->number, client->edge);
    }
    fprintf(stderr, ": %s\n", what);
    abort();
}

/* ---- edges ---- */

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

static void edge_send(void *owner, uint32_t slot, struct bytes payload, bool binary)
{
    struct sim_edge *edge = owner;
    (void)binary;
    if (edge->slots[slot] == NULL) {
        world_fail(edge->world, "a push for a slot that is not open", NULL);
    }
    client_hear(edge->world, edge->slots[slot], payload);
}

static void edge_deliver(void *owner, const struct uplink_delivery *delivery)
{
    struct sim_edge *edge = owner;
    for (size_t i = 0; i < delivery->slot_count; i++) {
        uint32_t slot = delivery->slots[i];
        if (slot == delivery->except || edge->slots[slot] == NULL) {
            continue; /* ended inside this turn */
        }
        for (size_t j = 0; j < delivery->payload_count; j++) {
            client_hear(edge->world, edge->slots[slot], delivery->payloads[j]);
        }
    }
}

static void edge_close(void *owner, uint32_t slot, uint16_t code, struct bytes text)
{
    struct sim_edge *edge = owner;
    (void)text;
    fprintf(stderr, "close code %u\n", code);
    world_fail(edge->world, "the router closed a connection", edge->slots[slot]);
}

static void edge_fenced(void *owner)
{
    struct sim_edge *edge = owner;
    if ((edge->world->faults & (FAULTS_NETWORK | FAULTS_EDGE)) == 0) {
        world_fail(edge->world, "an edge was fenced without a fault of its own", NULL);
    }
    for (uint32_t slot = 0; slot < CLIENTS; slot++) {
        if (edge->slots[slot] != NULL) {
            edge->world->closes++;
            client_end(edge->world, edge->slots[slot], false);
        }
    }
}

static void edge_state(void *owner, enum uplink_state state)
{
    (void)owner;
    (void)state;
}

static void edge_refused(void *owner, struct bytes text)
{
    struct sim_edge *edge = owner;
    (void)text;
    world_fail(edge->world, "an edge was refused for good", NULL);
}

static uint64_t edge_random(void *owner)
{
    struct sim_edge *edge = owner;
    return rng_u64(&edge->world->rng);
}

static void edge_start(struct sim_edge *edge)
{
    static const struct uplink_callbacks callbacks = {.transmit = edge_transmit,
                                                      .reconnect = edge_reconnect,
                                                      .send = edge_send,
                                                      .deliver = edge_deliver,
                                                      .close = edge_close,
                                                      .on_state = edge_state,
                                                      .fenced = edge_fenced,
                                                      .refused = edge_refused,
                                                      .random = edge_random};
    char id[16];
    snprintf(id, sizeof(id), "edge-%u", edge->number);
    struct uplink_config config = {.edge_id = bytes_of_str(id),
                                   .hold_bytes_max = 1 << 26,
                                   .credit_bytes = 1 << 20,
                                   .slots_max = CLIENTS,
                                   .reconnect_delay_ms = 5000};
    net_reconnect(&edge->world->net, edge->number);
    edge->uplink = uplink_new(&config, &callbacks, edge, edge->world->now_ms);
}

static void edge_die(struct sim_edge *edge)
{
    for (uint32_t slot = 0; slot < CLIENTS; slot++) {
        if (edge->slots[slot] != NULL) {
            client_lost(edge->world, edge->slots[slot]);
            edge->slots[slot] = NULL;
        }
    }
    uplink_free(&edge->uplink);
    edge->up_again_at = edge->world->now_ms + rng_below(&edge->world->rng, 8000);
}

static void edge_step(struct world *world, struct sim_edge *edge)
{
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
}

/* ---- the router ---- */

static enum status router_transmit(void *owner, struct bytes peer, struct bytes header,
                                   struct bytes body)
{
    struct world *world = owner;
    return net_send_down(&world->net, peer, header, body, world->now_ms);
}

static void router_on_edge(void *owner, enum plane_edge_event event, struct bytes edge_id,
                           const char *text)
{
    struct world *world = owner;
    if (world->trace) {
        fprintf(stderr, "%8" PRIu64 " router: edge %.*s event %d %s\n", world->now_ms,
                (int)edge_id.len, (const char *)edge_id.data, (int)event, text);
    }
    if (event == PLANE_EDGE_BAD_FRAME || event == PLANE_EDGE_OVERFLOW) {
        world_fail(world, "the router gave an honest edge up", NULL);
    }
}

static void router_on_auth_failed(void *owner, struct bytes edge_id, struct bytes address,
                                  const char *why)
{
    (void)edge_id;
    (void)address;
    (void)why;
    world_fail(owner, "a good token was refused", NULL);
}

static void router_on_admin_done(void *owner, const struct core_effect *done)
{
    (void)owner;
    (void)done;
}

static struct plane_config router_config(struct world *world)
{
    return (struct plane_config){
        .router_id = BYTES_LIT("router"),
        .core = {.seed = rng_u64(&world->rng),
                 .start_wall_ms = world->now_ms,
                 .rebuild_ms = REBUILD_MS,
                 .grace_ms = GRACE_MS,
                 .message_bytes = 65536,
                 .rooms_per_connection_max = 100,
                 .watches_per_connection_max = 100,
                 .default_class = world->seed % 3 == 0 ? ROOM_DURABLE : ROOM_MEMORY,
                 .rooms_max = 1000,
                 .users_max = 1000,
                 .members_max = 1000,
                 .history_count = world->seed % 2 == 0 ? 1000 : 20,
                 .history_bytes = 1 << 20,
                 .history_total_bytes = 1 << 24,
                 .idle_channel_ms = 3600000,
                 .key_window = 100,
                 .key_window_ms = 600000},
        .auth = {.mode = AUTH_INSECURE},
        .token_in_query = true,
        .credit_bytes = 1 << 20,
        .queue_bytes_max = 1 << 26,
        .heartbeat_ms = 500,
        .suspect_ms = 1500,
        .dead_ms = 3000,
        .edges_max = 16};
}

static void router_start(struct world *world)
{
    static const struct plane_callbacks callbacks = {.transmit = router_transmit,
                                                     .on_edge = router_on_edge,
                                                     .on_auth_failed = router_on_auth_failed,
                                                     .on_admin_done = router_on_admin_done};
    struct plane_config config = router_config(world);
    struct engine *engine = engine_memory_new(++world->router_incarnation);
    world->plane = router_plane_new(&config, &engine, &callbacks, world, world->now_ms);
    world->net.router_alive = true;
}

static void router_die(struct world *world)
{
    bool polite = rng_below(&world->rng, 3) == 0;
    if (polite) {
        router_plane_hold(world->plane, world->now_ms);
    }
    router_plane_free(&world->plane);
    net_router_died(&world->net);
    world->router_deaths++;
    world->router_up_again_at = world->now_ms + rng_below(&world->rng, 6000);
}

static void router_step(struct world *world)
{
    if (world->plane == NULL) {
        if (world->now_ms >= world->router_up_again_at) {
            router_start(world);
        }
        return;
    }
    struct net_message message;
    for (uint32_t i = 0; i < EDGES; i++) {
        while (net_take_up(&world->net, i, world->now_ms, &message)) {
            char peer[16];
            router_plane_receive(world->plane, net_peer(i, message.socket, peer),
                                 bytes_of(message.data, message.len), world->now_ms, world->now_ms);
            mem_free(message.data);
        }
    }
    if (world->now_ms >= router_plane_deadline(world->plane)) {
        router_plane_tick(world->plane, world->now_ms, world->now_ms);
    }
    router_plane_flush(world->plane, world->now_ms);
}

/* ---- faults ---- */

static void network_faults(struct world *world)
{
    uint32_t edge = rng_below(&world->rng, EDGES);
    struct net_edge *at = &world->net.edges[edge];
    if (rng_below(&world->rng, 2500) == 0 && world->cut_until[edge] == 0) {
        uint32_t way = rng_below(&world->rng, 3);
        at->cut_up = way != 0;
        at->cut_down = way != 1;
        world->cut_until[edge] = world->now_ms + 200 + rng_below(&world->rng, 8000);
    }
    world->net.loss_per_10k = 20;
}

static void heal_cuts(struct world *world)
{
    for (uint32_t i = 0; i < EDGES; i++) {
        if (world->cut_until[i] != 0 && (world->calm || world->now_ms >= world->cut_until[i])) {
            world->net.edges[i].cut_up = false;
            world->net.edges[i].cut_down = false;
            world->cut_until[i] = 0;
        }
    }
}

static void make_faults(struct world *world)
{
    if ((world->faults & FAULTS_ROUTER) != 0 && world->plane != NULL &&
        rng_below(&world->rng, 1500) == 0) {
        router_die(world);
    }
    if ((world->faults & FAULTS_NETWORK) != 0) {
        network_faults(world);
    }
    if ((world->faults & FAULTS_EDGE) != 0 && rng_below(&world->rng, 2500) == 0) {
        struct sim_edge *edge = &world->edges[rng_below(&world->rng, EDGES)];
        if (edge->uplink != NULL && world->now_ms >= edge->paused_until) {
            if (rng_below(&world->rng, 2) == 0) {
                edge_die(edge);
            } else {
                edge->paused_until = world->now_ms + rng_below(&world->rng, 9000);
            }
        }
    }
}

/* ---- the end ---- */

static uint32_t live_connections(const struct world *world, uint32_t user, uint32_t room)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < CLIENTS; i++) {
        const struct sim_client *client = &world->clients[i];
        if (client->open && client->user == user && (room == ROOMS || client->rooms[room].joined)) {
            count++;
        }
    }
    return count;
}

static uint32_t shown_connections(const struct world *world, uint32_t user, uint32_t room)
{
    char name[16];
    char room_name[16];
    snprintf(name, sizeof(name), "user_u%u", user);
    snprintf(room_name, sizeof(room_name), "r%u", room);
    const struct router_core *core = router_plane_core(world->plane);
    if (room == ROOMS) {
        struct registry_user found;
        bool known = registry_user_find(core, bytes_of_str(name), &found);
        return known && found.online ? found.connections : 0;
    }
    uint64_t cursor = 0;
    struct push_member member;
    while (registry_member_next(core, bytes_of_str(room_name), &cursor, &member)) {
        if (bytes_equal(member.user, bytes_of_str(name))) {
            return member.connections;
        }
    }
    return 0;
}

static void check_presence(const struct world *world)
{
    for (uint32_t user = 0; user < USERS; user++) {
        for (uint32_t room = 0; room <= ROOMS; room++) {
            uint32_t live = live_connections(world, user, room);
            uint32_t shown = shown_connections(world, user, room);
            if (live != shown) {
                fprintf(stderr, "user %u room %u: %u live, %u shown\n", user, room, live, shown);
                world_fail(world, "presence differs from the live connections", NULL);
            }
        }
    }
}

static void check_delivery(const struct world *world)
{
    for (uint32_t i = 0; i < CLIENTS; i++) {
        const struct sim_client *client = &world->clients[i];
        for (uint32_t room = 0; client->open && room < ROOMS; room++) {
            const struct sim_room_view *view = &client->rooms[room];
            struct registry_room found;
            char name[16];
            snprintf(name, sizeof(name), "r%u", room);
            if (!view->joined) {
                continue;
            }
            if (!registry_room_find(router_plane_core(world->plane), bytes_of_str(name), &found)) {
                world_fail(world, "a member's room is gone", client);
            }
            if (found.epoch != view->epoch || found.offset != view->last_offset) {
                fprintf(stderr, "room %u has %" PRIu64 ", client %" PRIu64 "\n", room, found.offset,
                        view->last_offset);
                world_fail(world, "a member lacks messages", client);
            }
        }
        if (client->open && (client->pending_count != 0 || !client->welcomed)) {
            world_fail(world, "a command without a reply", client);
        }
    }
}

static void step(struct world *world)
{
    world->now_ms += STEP_MS;
    heal_cuts(world);
    if (world->calm) {
        world->net.loss_per_10k = 0;
    } else {
        make_faults(world);
        struct sim_client *client = &world->clients[rng_below(&world->rng, CLIENTS)];
        if (rng_below(&world->rng, 3) == 0) {
            client_act(world, client);
        }
    }
    for (uint32_t i = 0; i < EDGES; i++) {
        edge_step(world, &world->edges[i]);
    }
    router_step(world);
}

void world_run(uint64_t seed, unsigned faults, bool trace)
{
    struct world *world = mem_new(1, sizeof(*world));
    world->seed = seed;
    world->rng.state = seed * 1000003 + faults;
    world->faults = faults;
    world->trace = trace;
    world->now_ms = 1000;
    world->router_incarnation = 100;
    net_init(&world->net, &world->rng);
    router_start(world);
    for (uint32_t i = 0; i < EDGES; i++) {
        world->edges[i].world = world;
        world->edges[i].number = i;
        edge_start(&world->edges[i]);
    }
    for (uint32_t i = 0; i < CLIENTS; i++) {
        client_init(&world->clients[i], i);
    }
    while (world->now_ms < BUSY_MS) {
        step(world);
    }
    world->calm = true;
    while (world->now_ms < BUSY_MS + CALM_MS) {
        step(world);
    }
    check_presence(world);
    check_delivery(world);
    if (world->messages == 0) {
        world_fail(world, "nothing was delivered at all", NULL);
    }
    for (uint32_t i = 0; i < EDGES; i++) {
        uplink_free(&world->edges[i].uplink);
    }
    router_plane_free(&world->plane);
    net_fini(&world->net);
    mem_free(world);
}
