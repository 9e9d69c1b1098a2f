/* See world.h. */
#include "common/mem.h"
#include "router/registry.h"
#include "tests/sim/world.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    UNHEARD_MS_MAX = 15000,
    /* edges stand still for nine seconds, links are cut for eight */ DEATH_MS_MAX = 6000,
    QUEUE_BYTES_MAX = 1 << 26,
    QUEUE_BYTES_LITTLE = 1 << 18,
    TICKET_PERIOD_MS = 3000
};

static enum status router_transmit(void *owner, struct bytes peer, struct bytes header,
                                   struct bytes body)
{
    struct world *world = owner;
    size_t len = 0;
    uint8_t *fresh =
        world->skips && !world->calm && body.len != 0 ? skip_one(world, body, &len) : NULL;
    enum status status = net_send_down(&world->net, peer, header,
                                       fresh == NULL ? body : bytes_of(fresh, len), world->now_ms);
    mem_free(fresh);
    return status;
}

/* The users of a lost edge are there for the grace. */
static void lose_edge(struct world *world, struct sim_edge *edge)
{
    uint64_t cursor = 0;
    struct registry_edge known;
    while (registry_edge_next(router_plane_core(world->plane), &cursor, &known)) {
        if (last_digit(known.id) == edge->number) {
            world_fail(world, "the core keeps a dead edge", NULL);
        }
    }
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct sim_client *client = &world->clients[i];
        if (client->open && client->edge == edge->number) {
            if (edge->synced) {
                truth_lost(world, client);
            }
            client->given_up = true;
        }
    }
    edge->known = false;
    edge->synced = false;
}

static void gain_edge(struct world *world, struct sim_edge *edge)
{
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct sim_client *client = &world->clients[i];
        client->given_up = client->given_up && client->edge != edge->number;
    }
    edge->known = true;
}

static void router_on_edge(void *owner, enum plane_edge_event event, struct bytes edge_id,
                           const char *text)
{
    struct world *world = owner;
    if (world->trace) {
        fprintf(stderr, "%8" PRIu64 " router: edge %.*s event %d %s\n", world->now_ms,
                (int)edge_id.len, (const char *)edge_id.data, (int)event, text);
    }
    switch (event) {
    case PLANE_EDGE_IMPOSTOR:
    case PLANE_EDGE_EXPELLED:
    case PLANE_EDGE_LIMITED:
    case PLANE_EDGE_BAD_FRAME:
    case PLANE_EDGE_OVERFLOW:
        world_fail(world, "the router gave an honest edge up", NULL);
    case PLANE_EDGE_UP:
        gain_edge(world, &world->edges[last_digit(edge_id)]);
        rebuild_met(world);
        break;
    case PLANE_EDGE_DEAD:
        if ((world->faults & (FAULTS_NETWORK | FAULTS_EDGE)) == 0) {
            world_fail(world, "the router gave a living edge up", NULL);
        }
        if (strstr(text, "silent") == NULL) {
            world_fail(world, "a link could not be taken up again", NULL);
        }
        lose_edge(world, &world->edges[last_digit(edge_id)]);
        break;
    case PLANE_EDGE_GONE: /* it had told everything, also whom it lost before: no other is told */
        truth_edge_lost(world, last_digit(edge_id));
        lose_edge(world, &world->edges[last_digit(edge_id)]);
        break;
    case PLANE_EDGE_REPLACED:
        lose_edge(world, &world->edges[last_digit(edge_id)]);
        break;
    case PLANE_EDGE_RESUMED:
    case PLANE_EDGE_SUSPECT:
    case PLANE_EDGE_DRAINING:
    case PLANE_EDGE_REFUSED:
        break;
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

static void router_random(void *owner, uint8_t *out, size_t len)
{
    struct world *world = owner;
    memset(out, ++world->ticket_keys, len);
}

static void router_canary(void *owner, uint64_t took_us)
{
    (void)owner;
    (void)took_us;
}

static void router_diverged(void *owner, struct bytes edge_id, const struct core_effect *diverged)
{
    const struct world *world = owner;
    if (world->trace) {
        fprintf(stderr, "%8" PRIu64 " router: %.*s slot %u user %.*s: %.*s\n", world->now_ms,
                (int)edge_id.len, (const char *)edge_id.data, diverged->conn.slot,
                (int)diverged->room.len, (const char *)diverged->room.data, (int)diverged->text.len,
                (const char *)diverged->text.data);
    }
}

/* Where little may be held, answers are not to fill it while a disk stands still. */
static uint64_t digest_ms(const struct world *world)
{
    bool seldom = world->hold_bytes < 1 << 20 && (world->faults & FAULTS_DISK) != 0;
    return seldom ? DIGEST_SELDOM_MS : DIGEST_MS;
}

static struct plane_config router_config(struct world *world)
{
    static struct policy_namespace whispers = {
        .name = {(const uint8_t *)"w", 1},
        .policy = {.class = ROOM_EPHEMERAL, .presence_events = POLICY_OFF}};
    return (struct plane_config){
        .router_id = BYTES_LIT("router"),
        .core = {.bans_max = 100,
                 .seed = rng_u64(&world->rng),
                 .start_wall_ms = world->now_ms,
                 .rebuild_ms = REBUILD_MS,
                 .grace_ms = GRACE_MS,
                 .mass_min = world->masses ? MASS_MIN : 0,
                 .mass_grace_ms = MASS_GRACE_MS,
                 .mass_spread_ms = MASS_SPREAD_MS,
                 .message_bytes = 65536,
                 .rooms_per_connection_max = 100,
                 .watches_per_connection_max = 100,
                 /* As policy_table_settle has it: nothing is durable without a store. */
                 .policy.fallback = {.class = world->disk != NULL ? ROOM_DURABLE : ROOM_MEMORY,
                                     .history_messages = world->history_count,
                                     .slow_reader =
                                         world->gaps ? SLOW_READER_GAP : SLOW_READER_DISCONNECT},
                 .policy.namespaces = &whispers,
                 .policy.count = 1,
                 .rooms_max = 1000,
                 .users_max = 1000,
                 .members_max = 1000,
                 .history_count = world->history_count,
                 .history_bytes = 1 << 20,
                 .history_total_bytes = 1 << 24,
                 .idle_channel_ms = world->forgetful ? 300 : 3600000,
                 .key_window = 100,
                 .key_window_ms = 600000},
        .auth = {.mode = world->costly ? AUTH_JWT : AUTH_INSECURE},
        .tokens_cached_max = 2,
        .token_in_query = true,
        .credit_bytes = world->credit_bytes,
        .queue_bytes_max = world->floods ? QUEUE_BYTES_LITTLE : QUEUE_BYTES_MAX,
        .heartbeat_ms = BEAT_MS,
        .suspect_ms = DEAD_MS / 2,
        .dead_ms = DEAD_MS,
        /* Not in all histories: what is told now and then mends what was lost. */
        .ticket_period_ms = world->seed % 7 < 2 ? TICKET_PERIOD_MS : 3600000,
        .canary_timeout_ms = CANARY_TIMEOUT_MS,
        .digest_ms = digest_ms(world),
        .edges_max = 16,
        .connect_rate = CONNECT_RATE};
}

void router_start(struct world *world)
{
    static const struct plane_callbacks callbacks = {.transmit = router_transmit,
                                                     .on_edge = router_on_edge,
                                                     .on_auth_failed = router_on_auth_failed,
                                                     .verify = verify_begin,
                                                     .on_admin_done = router_on_admin_done,
                                                     .random = router_random,
                                                     .on_canary = router_canary,
                                                     .on_tapped = reports_tapped,
                                                     .on_hop = reports_hop,
                                                     .on_conn_state = reports_conn_state,
                                                     .on_diverged = router_diverged};
    struct plane_config config = router_config(world);
    uint64_t incarnation = ++world->router_incarnation;
    struct engine *engine =
        world->disk != NULL ? disk_open(world, incarnation) : engine_memory_new(incarnation);
    world->plane = router_plane_new(&config, &engine, &callbacks, world, world->now_ms);
    world->router_started_ms = world->now_ms;
    world->net.router_alive = true;
    reports_router_started(world);
    truth_restarted(world);
}

void router_die(struct world *world)
{
    for (uint32_t user = 0; user < USERS; user++) {
        bool heard = world->now_ms > world->kicked_ms[user] + UNHEARD_MS_MAX;
        world->half_kicked[user] =
            world->half_kicked[user] || (world->kicked_ms[user] != 0 && !heard);
    }
    if (rng_below(&world->rng, 3) == 0) {
        router_plane_hold(world->plane, world->now_ms);
    }
    router_plane_free(&world->plane);
    verify_router_died(world);
    world->router_died_ms = world->now_ms;
    net_router_died(&world->net);
    world->settled_ms = 0;
    world->router_up_again_at = world->now_ms + rng_below(&world->rng, DEATH_MS_MAX);
    for (uint32_t i = 0; i < EDGES; i++) {
        world->edges[i].known = false;
        world->edges[i].synced = false;
    }
}

void router_kick(struct world *world, uint32_t user)
{
    char name[16];
    snprintf(name, sizeof(name), "user_u%u", user);
    world->kicked[user] = true;
    world->kicked_ms[user] = world->now_ms;
    truth_kicked(world, user);
    router_plane_admin(world->plane,
                       &(struct core_event){.kind = CORE_KICK,
                                            .target = bytes_of_str(name),
                                            .text = BYTES_LIT("kicked")},
                       1, world->now_ms, world->now_ms);
    struct registry_user found;
    if (world->settled_ms != 0 &&
        registry_user_find(router_plane_core(world->plane), bytes_of_str(name), &found) &&
        found.online) {
        world_fail(world, "a kicked user is still there", NULL);
    }
}

void router_set_gaps(struct world *world, bool gaps)
{
    world->gaps = gaps;
    struct plane_config config = router_config(world);
    router_plane_set_policy(world->plane, &config.core.policy, world->now_ms, world->now_ms);
}

static bool is_settled(const struct world *world)
{
    if (world->now_ms < world->router_started_ms + REBUILD_MS) {
        return false;
    }
    for (uint32_t i = 0; i < EDGES; i++) {
        if (world->edges[i].uplink != NULL && !world->edges[i].known) {
            return false;
        }
    }
    struct registry_totals totals;
    registry_totals(router_plane_core(world->plane), &totals);
    return totals.synced;
}

static void note_synced(struct world *world)
{
    uint64_t cursor = 0;
    struct registry_edge edge;
    while (registry_edge_next(router_plane_core(world->plane), &cursor, &edge)) {
        struct sim_edge *at = &world->edges[last_digit(edge.id)];
        bool news = edge.synced && !at->synced && at->known;
        at->synced = edge.synced && at->known;
        if (news) {
            truth_synced(world, at->number);
            truth_step(world); /* who is there is shown from now on, not from the next step */
        }
    }
}

void router_step(struct world *world)
{
    if (world->plane == NULL) {
        if (world->now_ms >= world->router_up_again_at) {
            router_start(world);
        }
        return;
    }
    verify_step(world);
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
    note_synced(world);
    if (!is_settled(world)) {
        world->settled_ms = 0;
    } else if (world->settled_ms == 0) {
        world->settled_ms = world->now_ms;
    }
}
