/* Records go wrong by themselves, one at a time: at the router a membership is lost on the session
 * side, a connection appears that no edge has, one is taken for lost, one is out of its edge's
 * table; at an edge a membership is lost. Each must be found in bounded time; presence and
 * everything else are checked as in all histories. See world.h. */
#include "edge/uplink_down.h"
#include "router/core_internal.h"
#include "router/plane_internal.h"
#include "router/session.h"
#include "router/user.h"
#include "tests/sim/world.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    ONE_IN_STEPS = 200,
    ROUNDS_MAX = DIGEST_BUCKETS + 5, /* until every bucket was counted anew */
    ANSWER_MS_MAX = 50,
    GHOST_SLOT = 1000
};

static const struct plane_edge *plane_edge_of(const struct world *world, uint32_t edge)
{
    for (uint32_t i = 0; i < world->plane->edge_capacity; i++) {
        const struct plane_edge *found = world->plane->edges[i];
        if (found != NULL && last_digit(found->id) == edge) {
            return found;
        }
    }
    return NULL;
}

static struct conn *conn_of(const struct world *world, const struct sim_client *client)
{
    const struct plane_edge *edge = plane_edge_of(world, client->edge);
    return edge == NULL ? NULL
                        : conn_find(world->plane->core, (struct conn_ref){.edge = edge->index,
                                                                          .slot = client->slot,
                                                                          .gen = client->gen});
}

/* The session side forgets a room. */
static bool lose_place(struct world *world, struct sim_client *client)
{
    struct conn *conn = conn_of(world, client);
    if (conn == NULL || conn->rooms.count == 0) {
        return false;
    }
    conn_ids_remove(&conn->rooms, 0);
    return true;
}

static bool lose_slot(struct world *world, struct sim_client *client)
{
    const struct conn *conn = conn_of(world, client);
    if (conn == NULL) {
        return false;
    }
    router_edge_set_conn(edges_get(&world->plane->core->edges, conn->ref.edge), conn->ref.slot, 0);
    return true;
}

/* Taken for lost: after the grace its user would be reported as gone. */
static bool lose_conn(struct world *world, struct sim_client *client)
{
    struct conn *conn = conn_of(world, client);
    if (conn == NULL) {
        return false;
    }
    session_lose(world->plane->core, conn, world->now_ms + GRACE_MS);
    return true;
}

/* The edge forgets a room. */
static bool lose_place_at_edge(struct world *world, struct sim_client *client)
{
    struct groups *groups = &world->edges[client->edge].uplink->groups;
    struct edge_session *session = groups_current(groups, client->slot);
    if (conn_of(world, client) == NULL || session == NULL || session->group_count < 2) {
        return false;
    }
    struct edge_group *group =
        groups_at(groups, groups_of(session)[session->group_count - 1].local);
    world->corruption.lost_group[client->edge] |= group->count == 1 && group->holds == 0;
    groups_leave(groups, group, session);
    return true;
}

static bool add_ghost(struct world *world)
{
    const struct plane_edge *edge = plane_edge_of(world, 0);
    struct router_core *core = world->plane->core;
    struct user *user = user_ensure(core, BYTES_LIT("ghost"));
    struct router_edge *of_core = edge == NULL ? NULL : edges_get(&core->edges, edge->index);
    if (of_core == NULL || router_edge_conn(of_core, GHOST_SLOT) != 0 ||
        (user->inbox.durable && !user->inbox.loaded)) {
        user_settle(core, user);
        return false;
    }
    struct conn *conn =
        conn_new(core, user, (struct conn_ref){.edge = edge->index, .slot = GHOST_SLOT, .gen = 1},
                 &(struct session_info){.user = BYTES_LIT("ghost")});
    (void)conn_enter_inbox(core, conn);
    return true;
}

static bool make_wrong(struct world *world, struct sim_client *client)
{
    switch (rng_below(&world->rng, 5)) {
    case 0:
        return lose_place(world, client);
    case 1:
        return lose_slot(world, client);
    case 2:
        return lose_conn(world, client);
    case 3:
        return lose_place_at_edge(world, client);
    default:
        return false;
    }
}

void corrupt(struct world *world)
{
    struct sim_corruption *corruption = &world->corruption;
    uint32_t number = rng_below(&world->rng, CLIENTS + 2);
    if (world->plane == NULL || corruption->due_ms != 0 || world->settled_ms == 0 ||
        rng_below(&world->rng, ONE_IN_STEPS) != 0) {
        return;
    }
    bool done = false;
    if (number >= CLIENTS) {
        number = CLIENTS;
        done = add_ghost(world);
    } else {
        struct sim_client *client = &world->clients[number];
        done = client->open && client->welcomed && client->pending_count == 0 &&
               client->ending_at == 0 && !client->doomed && make_wrong(world, client);
        if (done) {
            truth_lost(world, client);
            client->doomed = true;
        }
        corruption->gen = client->gen;
    }
    if (done) {
        corruption->count++;
        corruption->client = number;
        uint64_t round_ms = world->plane->config.digest_ms + ANSWER_MS_MAX;
        corruption->due_ms = world->now_ms + ROUNDS_MAX * round_ms;
        corruption->found_before = world->plane->stats.divergences;
    }
}

static bool is_repaired(const struct world *world)
{
    const struct sim_corruption *corruption = &world->corruption;
    if (corruption->client < CLIENTS) {
        const struct sim_client *client = &world->clients[corruption->client];
        return !client->doomed || !client->open || client->gen != corruption->gen;
    }
    const struct plane_edge *edge = plane_edge_of(world, 0);
    return edge == NULL ||
           router_edge_conn(edges_get(&world->plane->core->edges, edge->index), GHOST_SLOT) == 0;
}

void check_corruption(struct world *world)
{
    struct sim_corruption *corruption = &world->corruption;
    if (world->plane == NULL) {
        return;
    }
    const struct plane_stats *stats = &world->plane->stats;
    world->compared =
        stats->buckets_compared > world->compared ? stats->buckets_compared : world->compared;
    if ((world->faults & FAULTS_REGISTRY) == 0) {
        if (stats->divergences != 0) {
            world_fail(world, "edge and router are said to differ", NULL);
        }
        return;
    }
    if (corruption->due_ms == 0) {
        return;
    }
    if (stats->divergences != corruption->found_before && is_repaired(world)) {
        corruption->due_ms = 0;
    } else if (world->now_ms > corruption->due_ms) {
        world_fail(world, "a wrong record was not found",
                   corruption->client < CLIENTS ? &world->clients[corruption->client] : NULL);
    }
}
