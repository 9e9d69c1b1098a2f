/* See world.h. Lenient where only the router can know the moment: a user counts as there from the
 * answer to the join on, and as away from when leaving was said or the grace can have run out. What
 * clients are told may be as old as the network is slow. */
#include "common/mem.h"
#include "tests/sim/world.h"

#include <string.h>

enum {
    NOTICED_MS = 18000, /* dead + grace + what a drain adds, and some */
    MASS_MS = MASS_GRACE_MS + MASS_SPREAD_MS - GRACE_MS,
    SLOW_MS = 14000, /* age of what is told where links are cut or edges stand still */
    QUICK_MS = 1500,
    HELD_MS = 12000, /* longer: so much later an edge may come to the router after the next */
    PASTS_MAX = 8    /* more than end within SLOW_MS */
};

/* The last times that something was so. */
struct past {
    struct {
        uint64_t from_ms;
        uint64_t to_ms;
    } times[PASTS_MAX];
    size_t next;
};

struct truth {
    /* [ROOMS]: online at all */
    uint64_t held_until[USERS][ROOMS + 1]; /* the grace of the last loss */
    uint64_t away_at[USERS][ROOMS + 1];    /* last moment of being away */
    uint64_t asked_at[USERS][ROOMS + 1];   /* when a connection last asked to come in */
    uint64_t shown_since[USERS][ROOMS + 1];
    struct past was_shown[USERS][ROOMS + 1];
    uint64_t there_at[USERS][ROOMS + 1]; /* last moment of being there, as leniently as can be */
    bool lost[EDGES][USERS][ROOMS + 1];  /* while the router did not know the edge */
};

struct truth *truth_new(void)
{
    return mem_new(1, sizeof(struct truth));
}

void truth_free(struct truth **truth)
{
    mem_free(*truth);
    *truth = NULL;
}

static bool is_leaving(const struct sim_client *client, uint32_t room)
{
    for (size_t i = 0; i < client->pending_count; i++) {
        if (client->pending[i].kind == COMMAND_LEAVE && client->pending[i].room == room) {
            return true;
        }
    }
    return false;
}

/* An edge that the present router does not know yet speaks for its users until the rebuild ends. */
static bool stands(const struct world *world, const struct sim_client *client)
{
    return client->open && client->welcomed && client->ending_at == 0 && !client->given_up &&
           !client->kicked &&
           (world->edges[client->edge].known ||
            world->now_ms < world->router_started_ms + REBUILD_MS);
}

static bool is_in(const struct sim_client *client, uint32_t room)
{
    return room == ROOMS || (client->rooms[room].joined && !is_leaving(client, room));
}

static bool is_there(const struct world *world, uint32_t user, uint32_t room)
{
    for (uint32_t i = 0; i < CLIENTS; i++) {
        const struct sim_client *client = &world->clients[i];
        if (client->user == user && stands(world, client) && is_in(client, room)) {
            return true;
        }
    }
    return false;
}

/* There, and the router must know. */
static bool is_shown(const struct world *world, uint32_t user, uint32_t room)
{
    if (world->plane != NULL && world->now_ms < world->truth->held_until[user][room]) {
        return true;
    }
    for (uint32_t i = 0; i < CLIENTS; i++) {
        const struct sim_client *client = &world->clients[i];
        if (client->user == user && stands(world, client) && is_in(client, room) &&
            world->edges[client->edge].synced) {
            return true;
        }
    }
    return false;
}

static bool has_connection(const struct world *world, uint32_t user)
{
    for (uint32_t i = 0; i < CLIENTS; i++) {
        if (world->clients[i].user == user && world->clients[i].open) {
            return true;
        }
    }
    return false;
}

static void shown_ends(struct world *world, uint32_t user, uint32_t room)
{
    uint64_t *since = &world->truth->shown_since[user][room];
    struct past *past = &world->truth->was_shown[user][room];
    if (*since != 0) {
        past->times[past->next].from_ms = *since;
        past->times[past->next].to_ms = world->now_ms;
        past->next = (past->next + 1) % PASTS_MAX;
        *since = 0;
    }
}

void truth_step(struct world *world)
{
    for (uint32_t user = 0; user < USERS; user++) {
        for (uint32_t room = 0; room <= ROOMS; room++) {
            if (world->now_ms >= world->truth->held_until[user][room] &&
                !is_there(world, user, room)) {
                world->truth->away_at[user][room] = world->now_ms;
            }
            if (!is_shown(world, user, room)) {
                shown_ends(world, user, room);
            } else if (world->truth->shown_since[user][room] == 0) {
                world->truth->shown_since[user][room] = world->now_ms;
            }
            if (has_connection(world, user)) {
                world->truth->there_at[user][room] = world->now_ms;
            }
        }
    }
}

static void hold_until(struct world *world, uint32_t user, uint32_t room, uint64_t until_ms)
{
    uint64_t *held = &world->truth->held_until[user][room];
    *held = until_ms > *held ? until_ms : *held;
}

/* A connection that the router may take for one of a client that is back from the loss of now. */
static bool looks_back(const struct world *world, uint32_t user)
{
    enum { UNHEARD_MS = DEAD_MS + 3 * BEAT_MS };
    for (uint32_t i = 0; i < CLIENTS; i++) {
        const struct sim_client *client = &world->clients[i];
        if (client->open && client->user == user &&
            client->opened_ms + UNHEARD_MS > world->now_ms) {
            return true;
        }
    }
    return false;
}

void truth_edge_dies(struct world *world, uint32_t edge)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < CLIENTS; i++) {
        const struct sim_client *client = &world->clients[i];
        count += client->edge == edge && stands(world, client);
    }
    if (!world->masses || !world->edges[edge].synced || count < MASS_MIN) {
        return;
    }
    for (uint32_t i = 0; i < CLIENTS; i++) {
        const struct sim_client *client = &world->clients[i];
        for (uint32_t room = 0; room <= ROOMS; room++) {
            if (client->edge == edge && stands(world, client) && is_in(client, room) &&
                !looks_back(world, client->user)) {
                hold_until(world, client->user, room, world->now_ms + MASS_GRACE_MS);
            }
        }
    }
}

void truth_returned(struct world *world, uint32_t user)
{
    for (uint32_t room = 0; room <= ROOMS; room++) {
        uint64_t *held = &world->truth->held_until[user][room];
        uint64_t ordinary = world->now_ms + GRACE_MS;
        *held = ordinary < *held ? ordinary : *held;
    }
}

void truth_lost(struct world *world, const struct sim_client *client)
{
    for (uint32_t room = 0; room <= ROOMS; room++) {
        if (!stands(world, client) || !is_in(client, room)) {
            continue;
        }
        if (world->edges[client->edge].synced) {
            hold_until(world, client->user, room, world->now_ms + GRACE_MS);
        } else {
            world->truth->lost[client->edge][client->user][room] = true;
        }
    }
}

/* What was said while the edge had no router is heard only now; and whom it brings the router may
 * take for back from another edge's loss. */
static void hear_now(struct world *world, uint32_t edge)
{
    for (uint32_t i = 0; i < CLIENTS; i++) {
        const struct sim_client *client = &world->clients[i];
        if (!client->open || client->edge != edge) {
            continue;
        }
        truth_returned(world, client->user);
        if (!client->welcomed) {
            truth_asked(world, client->user, ROOMS);
        }
        for (size_t j = 0; j < client->pending_count; j++) {
            if (client->pending[j].kind == COMMAND_JOIN) {
                truth_asked(world, client->user, client->pending[j].room);
            }
        }
    }
}

void truth_synced(struct world *world, uint32_t edge)
{
    for (uint32_t user = 0; user < USERS; user++) {
        for (uint32_t room = 0; room <= ROOMS; room++) {
            if (world->truth->lost[edge][user][room]) {
                hold_until(world, user, room, world->now_ms + GRACE_MS);
            }
        }
    }
    hear_now(world, edge);
    truth_edge_lost(world, edge);
}

void truth_edge_lost(struct world *world, uint32_t edge)
{
    memset(world->truth->lost[edge], 0, sizeof(world->truth->lost[edge]));
}

/* The router may not know yet that its edge died: then there is one less of those whom it loses
 * together, and perhaps too few for the long grace. */
static void shorten_holds(struct world *world)
{
    for (uint32_t user = 0; user < USERS; user++) {
        for (uint32_t room = 0; room <= ROOMS; room++) {
            uint64_t *held = &world->truth->held_until[user][room];
            uint64_t ordinary = world->now_ms + GRACE_MS;
            *held = ordinary < *held ? ordinary : *held;
        }
    }
}

void truth_kicked(struct world *world, uint32_t user)
{
    if (world->truth->held_until[user][ROOMS] > world->now_ms) {
        shorten_holds(world);
    }
    for (uint32_t room = 0; room <= ROOMS; room++) {
        world->truth->held_until[user][room] = 0;
        world->truth->away_at[user][room] = world->now_ms;
        shown_ends(world, user, room);
    }
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct sim_client *client = &world->clients[i];
        client->kicked = client->kicked || (client->open && client->user == user);
    }
}

void truth_restarted(struct world *world)
{
    memset(world->truth->held_until, 0, sizeof(world->truth->held_until));
    for (uint32_t user = 0; user < USERS; user++) {
        for (uint32_t room = 0; room <= ROOMS; room++) {
            shown_ends(world, user, room);
        }
    }
}

void truth_asked(struct world *world, uint32_t user, uint32_t room)
{
    world->truth->asked_at[user][room] = world->now_ms;
}

/* What is told now may be so old. */
static uint64_t age_max_ms(const struct world *world)
{
    bool slow = (world->faults & (FAULTS_NETWORK | FAULTS_EDGE)) != 0 || world->skips;
    return slow ? SLOW_MS : QUICK_MS;
}

static bool is_fresh(const struct world *world, uint64_t at_ms)
{
    return at_ms != 0 && world->now_ms <= at_ms + age_max_ms(world);
}

bool truth_may_leave(const struct world *world, uint32_t user, uint32_t room)
{
    return is_fresh(world, world->truth->away_at[user][room]);
}

/* While the router does not know everybody yet, one who comes in may be taken for the first of his
 * user. */
bool truth_may_come(const struct world *world, uint32_t user, uint32_t room)
{
    uint64_t asked_ms = world->truth->asked_at[user][room];
    uint64_t held_ms = (world->faults & FAULTS_REBUILD) != 0 ? HELD_MS : 0;
    bool rebuilt = world->now_ms > world->router_started_ms + REBUILD_MS + age_max_ms(world);
    return is_fresh(world, world->truth->away_at[user][room]) ||
           (!rebuilt && asked_ms != 0 && world->now_ms <= asked_ms + SLOW_MS + held_ms);
}

bool truth_is_shown_since(const struct world *world, uint32_t user, uint32_t room, uint64_t ms)
{
    uint64_t since = world->truth->shown_since[user][room];
    return since != 0 && since < ms;
}

static bool is_past(const struct past *past, uint64_t at_ms)
{
    for (size_t i = 0; i < PASTS_MAX; i++) {
        if (past->times[i].from_ms < at_ms && at_ms <= past->times[i].to_ms) {
            return true;
        }
    }
    return false;
}

bool truth_was_shown(const struct world *world, uint32_t user, uint32_t room, uint64_t at_ms)
{
    return truth_is_shown_since(world, user, room, at_ms + 1) ||
           (is_past(&world->truth->was_shown[user][room], at_ms) && is_fresh(world, at_ms));
}

bool truth_is_long_gone(const struct world *world, uint32_t user, uint32_t room)
{
    uint64_t mass_ms = world->masses ? MASS_MS : 0;
    return world->settled_ms != 0 && world->now_ms > world->settled_ms + NOTICED_MS / 2 + mass_ms &&
           world->now_ms > world->truth->there_at[user][room] + NOTICED_MS + mass_ms;
}
