#include "router/unsure.h"

#include "router/core_internal.h"
#include "router/presence.h"
#include "router/room.h"
#include "router/roster.h"

enum { LOOKED_AT_PER_STEP = 4096, TOLD_PER_STEP = 256 };

static void settle(struct router_core *core, struct channel *channel, bool in_grace)
{
    bool unsure = in_grace || channel->was_unsure || channel->came_early;
    if (channel->unsure != unsure) {
        channel->unsure = unsure;
        channel_emit_unsure(core, channel, ALL_EDGES);
    }
}

void unsure_room(struct router_core *core, struct channel *channel, bool in_grace)
{
    settle(core, channel, in_grace);
}

bool unsure_user_now(const struct user *user)
{
    return (user->attached == 0 && user->detached != 0) || user->came_early || user->ended_early ||
           user->edge_lacked;
}

void unsure_user(struct router_core *core, struct user *user)
{
    if (user->watch != NULL) {
        settle(core, user->watch, unsure_user_now(user));
    }
}

void unsure_bound(struct router_core *core, const struct channel *channel, uint32_t edge)
{
    if (channel->unsure) {
        channel_emit_unsure(core, channel, edge);
    }
}

void unsure_announced(struct router_core *core, struct channel *channel)
{
    if (channel->kind != CHANNEL_INBOX) {
        channel->was_unsure = true;
        settle(core, channel, true);
    }
}

static void begin(struct unsure *unsure, bool all)
{
    unsure->all = all || (unsure->telling && unsure->all);
    unsure->telling = true;
    unsure->cursor = 0;
}

void unsure_announce_end(struct router_core *core, uint64_t incarnation, uint64_t others,
                         bool has_clients)
{
    struct unsure *unsure = &core->unsure;
    unsure->met ^= edges_mix(incarnation);
    if (!core->rebuilding) {
        if (others != 0 || has_clients) {
            begin(unsure, others != 0); /* late: its clients have heard nothing so far */
        }
        return;
    }
    unsure->differ = unsure->differ || (others != 0 && unsure->told != 0 && others != unsure->told);
    unsure->told = others != 0 ? others : unsure->told;
}

void unsure_rebuilt(struct router_core *core)
{
    struct unsure *unsure = &core->unsure;
    uint64_t met = unsure->met == 0 ? 1 : unsure->met;
    begin(unsure, unsure->differ || (unsure->told != 0 && unsure->told != met));
}

static void tell_room(struct router_core *core, struct room *room)
{
    if (room->channel.policy->presence_events != POLICY_ON) {
        return; /* its members are never told of each other */
    }
    struct push *gap = effects_push(&core->effects, PUSH_GAP);
    gap->room = channel_name(&room->channel);
    channel_deliver(core, &room->channel, gap, 0, NULL);
}

/* Who came early needs no word when there was no router before this one: then all edges were new.
 */
static bool is_owed(const struct router_core *core, const struct channel *channel, bool early)
{
    return core->unsure.all || channel->was_unsure || (early && core->unsure.told != 0);
}

static bool look_at_room(struct router_core *core, struct room *room)
{
    bool owed = is_owed(core, &room->channel, room->channel.came_early) ||
                roster_differs(core, &room->channel);
    room->channel.was_unsure = false;
    room->channel.came_early = false;
    room->channel.believed = 0;
    if (owed) {
        tell_room(core, room);
        roster_known(core, &room->channel, ALL_EDGES);
    }
    unsure_room(core, &room->channel, room->detached.count != 0);
    return owed;
}

static bool look_at_user(struct router_core *core, struct user *user)
{
    /* Who ended and is back was online all the time for this router alone. Who is not back is told
     * to leave in a moment. */
    bool early = user->came_early || (user->ended_early && user->attached != 0);
    bool owed = is_owed(core, user->watch, early) || roster_differs(core, user->watch);
    user->watch->was_unsure = false;
    user->watch->believed = 0;
    user->came_early = false;
    user->ended_early = false;
    if (owed) {
        presence_tell(core, user, user_online(user));
        user->told_offline = !user_online(user);
        user->edge_lacked = core->unsure.all && user->told_offline;
    }
    unsure_user(core, user);
    return owed;
}

/* True when there was something to tell. */
static bool look_at(struct router_core *core, struct channel *channel)
{
    bool owed = false;
    if (channel->kind == CHANNEL_ROOM) {
        owed = look_at_room(core, (struct room *)channel);
    } else if (channel->kind == CHANNEL_WATCH) {
        owed = look_at_user(core, user_find(core, channel_name(channel)));
    }
    core->counters.unsure += owed;
    return owed;
}

void unsure_tick(struct router_core *core)
{
    struct unsure *unsure = &core->unsure;
    if (!unsure->telling || !core_synced(core)) {
        return;
    }
    uint32_t told = 0;
    for (uint32_t i = 0; i < LOOKED_AT_PER_STEP && told < TOLD_PER_STEP; i++) {
        if (unsure->cursor == core->channels.used) {
            unsure->telling = false;
            unsure->all = false;
            return;
        }
        struct channel *channel = slotmap_at(&core->channels, unsure->cursor++);
        told += channel != NULL && look_at(core, channel);
    }
}

uint64_t unsure_deadline(const struct router_core *core)
{
    return core->unsure.telling && core_synced(core) ? 0 : UINT64_MAX;
}
