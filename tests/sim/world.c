/* See world.h. */
#include "tests/sim/world.h"

#include "common/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    STEP_MS = 5,
    BUSY_MS = 40000, /* actions and faults */
    CALM_MS = 25000, /* more than dead + grace + rebuild */
    WORD_MS = 8000,  /* before the end of it */
    MASS_MS = MASS_GRACE_MS + MASS_SPREAD_MS - GRACE_MS,
    PROBE_MS = 2000, /* the last word: does everybody hear it? */
    FLOOD_CREDIT = 20000
};

_Noreturn void world_fail(const struct world *world, const char *what,
                          const struct sim_client *client)
{
    fprintf(stderr, "seed %" PRIu64 " faults %u at %" PRIu64 " ms", world->seed, world->faults,
            world->now_ms);
    if (client != NULL) {
        fprintf(stderr, ", client %u on edge %u", client->number, client->edge);
    }
    fprintf(stderr, ": %s\n", what);
    abort();
}

uint32_t last_digit(struct bytes name)
{
    return name.len == 0 ? 0 : (uint32_t)(name.data[name.len - 1] - '0') % 10;
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
    world->net.double_per_10k = 20;
    world->net.slow_sockets = world->credit_bytes >= 1 << 20; /* else it takes for ever */
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

/* Half of the drains are asked for at the router, if it knows the edge. */
static bool drain_by_router(struct world *world, const struct sim_edge *edge)
{
    char id[16];
    snprintf(id, sizeof(id), "edge-%u", edge->number);
    return world->plane != NULL && world->now_ms % 2 == 0 &&
           router_plane_drain(world->plane, bytes_of_str(id), world->now_ms) == PLANE_DRAIN_OK;
}

static void edge_faults(struct world *world)
{
    struct sim_edge *edge = &world->edges[rng_below(&world->rng, EDGES)];
    if (edge->uplink == NULL || world->now_ms < edge->paused_until) {
        return;
    }
    switch (rng_below(&world->rng, 3)) {
    case 0:
        edge_die(edge);
        break;
    case 1:
        edge->paused_until = world->now_ms + rng_below(&world->rng, 9000);
        break;
    default:
        if (!edge->draining && !drain_by_router(world, edge)) {
            edge_drain(edge);
        }
        break;
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
    if ((world->faults & FAULTS_EDGE) != 0 && rng_below(&world->rng, 2000) == 0) {
        edge_faults(world);
    }
    if (world->floods && rng_below(&world->rng, 300) == 0) {
        flood(world);
    }
    if (world->plane != NULL && rng_below(&world->rng, 4000) == 0) {
        router_set_gaps(world, !world->gaps);
    }
    if ((world->faults & FAULTS_REGISTRY) != 0) {
        corrupt(world);
    } else if (world->plane != NULL && rng_below(&world->rng, world->forgetful ? 250 : 2000) == 0) {
        router_kick(world, rng_below(&world->rng, USERS));
    }
}

/* ---- time ---- */

static void step(struct world *world)
{
    world->now_ms += STEP_MS;
    world->steps++;
    heal_cuts(world);
    if (world->calm) {
        world->net.loss_per_10k = 0;
        world->net.double_per_10k = 0;
        net_calm(&world->net);
    } else {
        make_faults(world);
        bans_act(world);
        reports_act(world);
        struct sim_client *client = &world->clients[rng_below(&world->rng, CLIENTS)];
        if (rng_below(&world->rng, 3) == 0) {
            client_act(world, client);
        }
    }
    for (uint32_t i = 0; i < CLIENTS; i++) {
        client_step(world, &world->clients[i]);
    }
    truth_step(world);
    for (uint32_t i = 0; i < EDGES; i++) {
        edge_step(&world->edges[i]);
    }
    router_step(world);
    check_corruption(world);
    check_bounds(world);
}

static struct world *world_new(uint64_t seed, unsigned faults, bool trace)
{
    struct world *world = mem_new(1, sizeof(*world));
    world->seed = seed;
    world->rng.state = seed * 1000003 + faults;
    world->ban_rng.state = world->rng.state + 1;
    world->ask_rng.state = world->rng.state + 2;
    world->faults = faults;
    world->trace = trace;
    world->now_ms = 1000;
    world->router_incarnation = 100;
    uint64_t kind = seed / 8; /* the fault set goes by the rest */
    world->history_count = kind % 2 == 0 ? 1000 : 20;
    /* Some histories live with little: frames above the credit, a hold buffer that is full. */
    world->credit_bytes = kind % 5 == 0 ? 2000 : 1 << 20;
    world->hold_bytes = kind % 7 == 0 ? 2000 : 1 << 26;
    world->forgetful = kind % 4 == 1;
    world->floods = kind % 11 == 2 || kind % 11 == 3 || kind % 11 == 10;
    if (world->floods) {
        world->credit_bytes =
            world->credit_bytes < FLOOD_CREDIT ? world->credit_bytes : FLOOD_CREDIT;
        world->hold_bytes = 1 << 26;
    }
    verify_init(world);
    if ((faults & FAULTS_DISK) != 0 || kind % 6 == 3) {
        world->disk = disk_new(seed);
    }
    world->gaps = kind % 3 != 2;
    world->masses = kind % 5 < 2;
    world->skips = kind % 5 == 3;
    world->asks = kind % 10 == 4 || kind % 13 == 5; /* no kind of a seed that once failed */
    reports_init(world);
    world->repair_bytes = seed % 3 == 0 ? 400 : 1 << 20;
    world->book = judge_book_new(world->disk != NULL);
    world->truth = truth_new();
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
    return world;
}

static void world_free(struct world *world)
{
    for (uint32_t i = 0; i < EDGES; i++) {
        uplink_free(&world->edges[i].uplink);
    }
    router_plane_free(&world->plane);
    verify_router_died(world);
    net_fini(&world->net);
    judge_book_free(&world->book);
    if (world->disk != NULL) {
        disk_free(&world->disk);
    }
    truth_free(&world->truth);
    reports_fini(world);
    mem_free(world);
}

static void calm_down(struct world *world)
{
    enum { BACK_MS = 2000 };
    world->calm = true;
    for (uint32_t i = 0; i < EDGES; i++) {
        struct sim_edge *edge = &world->edges[i];
        if (edge->uplink == NULL && edge->up_again_at > world->now_ms + BACK_MS) {
            edge->up_again_at = world->now_ms + BACK_MS;
        }
    }
}

static struct sim_farewell end_user(struct world *world, uint32_t user)
{
    struct sim_farewell farewell = {.user = user};
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct sim_client *client = &world->clients[i];
        if (!client->open || client->user != user) {
            continue;
        }
        farewell.online = true;
        for (uint32_t room = 0; room < ROOMS; room++) {
            farewell.rooms[room] = farewell.rooms[room] || client->rooms[room].joined;
        }
        client_end(world, client, true, BYTES_LIT("client"));
    }
    return farewell;
}

static void tell_repairs(const struct world *world)
{
    for (uint32_t i = 0; world->trace && world->skips && i < EDGES; i++) {
        struct uplink_stats stats;
        uplink_stats(world->edges[i].uplink, &stats);
        fprintf(stderr,
                "edge %u: %" PRIu64 " holes, %" PRIu64 " asked, %" PRIu64 " repaired, %" PRIu64
                " given up, %" PRIu64 " held back, %" PRIu64 " repeated\n",
                i, stats.offset_holes, stats.repairs_asked, stats.repaired, stats.repairs_given_up,
                stats.held_back, stats.repeated);
    }
}

uint64_t world_run(uint64_t seed, unsigned faults, bool trace)
{
    struct world *world = world_new(seed, faults, trace);
    while (world->now_ms < BUSY_MS) {
        step(world);
    }
    calm_down(world);
    uint64_t calm_until = BUSY_MS + CALM_MS + (world->masses ? MASS_MS : 0);
    while (world->now_ms < calm_until - WORD_MS) {
        step(world);
    }
    if (world->skips) {
        skip_last_word(world);
    }
    while (world->now_ms < calm_until) {
        step(world);
    }
    check_end(world);
    struct sim_farewell farewell = end_user(world, (uint32_t)seed % USERS);
    while (world->now_ms < calm_until + PROBE_MS) {
        step(world);
    }
    check_end(world);
    check_farewell(world, &farewell);
    check_end(world);
    tell_repairs(world);
    uint64_t steps = world->steps;
    world_free(world);
    return steps;
}
