/* The router core as one function: an event goes to the side that owns it, the messages between the
 * two sides are handled, the effects are handed out. */
#include "router/core.h"

#include "common/mem.h"
#include "router/announce.h"
#include "router/core_internal.h"
#include "router/load.h"
#include "router/post.h"
#include "router/repair.h"
#include "router/resent.h"
#include "router/room.h"
#include "router/session.h"
#include "router/truth.h"
#include "router/unsure.h"

#include <assert.h>
#include <string.h>

enum {
    GRACE_TICK_MS = 50,
    TOKEN_TICK_MS = 250,
    TOKEN_SLOTS = 1024,
    GRACE_SLOTS = 1024,
    IDLE_PER_STEP_MAX = 256 /* a mass of idle things is forgotten in slices */
};

int64_t core_age_of(const struct router_core *core, uint64_t timestamp_ms)
{
    uint64_t steady = core->config.start_wall_ms + (core->now_ms - core->started_ms);
    uint64_t wall = steady < core->wall_ms ? steady : core->wall_ms;
    return (int64_t)(wall - timestamp_ms);
}

/* splitmix64 */
uint64_t core_random(struct router_core *core)
{
    uint64_t z = core->random += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    z ^= z >> 31;
    return z == 0 ? 1 : z;
}

static struct bytes name_of_user(const void *owner, uint32_t number)
{
    return user_name(user_at(owner, number));
}

struct router_core *router_core_new(const struct core_config *config, uint64_t now_ms)
{
    struct router_core *core = mem_new(1, sizeof(*core));
    core->config = *config;
    core->config.parked_max = config->parked_max == 0 ? PARKED_MAX : config->parked_max;
    core->config.parked_bytes_max =
        config->parked_bytes_max == 0 ? PARKED_BYTES_MAX : config->parked_bytes_max;
    core->config.policy = policy_table_copy(&config->policy);
    core->inbox_policy = (struct namespace_policy){.history_messages = config->history_count};
    core->now_ms = now_ms;
    core->started_ms = now_ms;
    core->wall_ms = config->start_wall_ms;
    core->random = config->seed;
    core->rebuild_until_ms = now_ms + config->rebuild_ms;
    core->rebuilding = true;
    for (size_t i = 0; i < sizeof(core->hash_seed); i += sizeof(uint64_t)) {
        uint64_t word = core_random(core);
        memcpy(core->hash_seed + i, &word, sizeof(word));
    }
    effects_init(&core->effects);
    mailbox_init(&core->mailbox);
    edges_init(&core->edges);
    slotmap_init(&core->channels, UINT32_MAX - 1);
    slotmap_init(&core->users, UINT32_MAX - 1);
    slotmap_init(&core->conns, UINT32_MAX - 1);
    slotmap_init(&core->pending, PENDING_APPENDS_MAX);
    name_index_init(&core->users_by_name, core->hash_seed, name_of_user, core);
    strmap_init(&core->rooms_by_name, core->hash_seed);
    core->grace = wheel_new(GRACE_TICK_MS, GRACE_SLOTS, now_ms);
    core->token_ends = wheel_new(TOKEN_TICK_MS, TOKEN_SLOTS, now_ms);
    bans_init(&core->bans, core->hash_seed, now_ms);
    ip_counts_init(&core->addresses, core->hash_seed);
    agents_init(&core->agents, core->hash_seed);
    return core;
}

static void free_rooms(struct router_core *core)
{
    for (uint32_t i = 0; i < core->channels.used; i++) {
        struct channel *channel = slotmap_at(&core->channels, i);
        if (channel != NULL && channel->kind == CHANNEL_ROOM) {
            room_forget(core, (struct room *)channel);
        }
    }
}

static void free_session_side(struct router_core *core)
{
    for (uint32_t i = 0; i < core->conns.used; i++) {
        struct conn *conn = slotmap_at(&core->conns, i);
        if (conn != NULL) {
            conn->user->attached = 0;
            conn->user->detached = 0;
            conn_drop(core, conn);
        }
    }
    for (uint32_t i = 0; i < core->users.used; i++) {
        struct user *user = slotmap_at(&core->users, i);
        if (user != NULL) {
            user_forget(core, user);
        }
    }
}

void router_core_free(struct router_core **core_ptr)
{
    struct router_core *core = *core_ptr;
    if (core == NULL) {
        return;
    }
    free_rooms(core);
    free_session_side(core);
    assert(core->history_bytes == 0 && core->member_count == 0);
    name_index_fini(&core->users_by_name);
    strmap_fini(&core->rooms_by_name);
    slotmap_fini(&core->channels);
    slotmap_fini(&core->users);
    slotmap_fini(&core->conns);
    slotmap_fini(&core->pending);
    wheel_free(&core->grace);
    wheel_free(&core->token_ends);
    bans_fini(&core->bans);
    taps_fini(&core->taps);
    ip_counts_fini(&core->addresses);
    agents_fini(&core->agents);
    rates_fini(&core->rates);
    edges_fini(&core->edges);
    mailbox_fini(&core->mailbox);
    effects_fini(&core->effects);
    policy_table_fini(&core->config.policy);
    mem_free(core->holds);
    mem_free(core->failed_loads);
    mem_free(core->postponed);
    resent_fini(core);
    mem_free(core);
    *core_ptr = NULL;
}

bool core_synced(const struct router_core *core)
{
    return core->now_ms >= core->rebuild_until_ms && core->edges.unsynced == 0;
}

void core_drain(struct router_core *core)
{
    struct message message;
    while (mailbox_take(&core->mailbox, &message)) {
        if (message.kind <= ROOM_PRESENCE) {
            room_message(core, &message);
        } else {
            session_message(core, &message);
        }
    }
}

/* The older of two idle things; both may be missing. False when both are. */
static bool forget_older(struct router_core *core, struct idle_link *room, struct idle_link *user)
{
    if (room == NULL && user == NULL) {
        return false;
    }
    core->counters.evicted_channels++;
    if (user == NULL || (room != NULL && room->since_ms <= user->since_ms)) {
        room_forget(core, room->owner);
    } else {
        user_forget(core, user->owner);
    }
    return true;
}

bool core_evict_history(struct router_core *core)
{
    return forget_older(core, core->idle_rooms.keeping.oldest, core->idle_users.keeping.oldest);
}

static uint64_t idle_since(const struct router_core *core)
{
    const struct idle_link *room = idle_oldest(&core->idle_rooms);
    const struct idle_link *user = idle_oldest(&core->idle_users);
    uint64_t since = room == NULL ? UINT64_MAX : room->since_ms;
    return user != NULL && user->since_ms < since ? user->since_ms : since;
}

/* When the oldest idle thing is to be forgotten. */
static uint64_t idle_deadline(const struct router_core *core)
{
    uint64_t since = idle_since(core);
    if (since == UINT64_MAX || core->config.idle_channel_ms == 0) {
        return UINT64_MAX;
    }
    return since > UINT64_MAX - core->config.idle_channel_ms ? UINT64_MAX
                                                             : since + core->config.idle_channel_ms;
}

void core_settle(struct router_core *core, const struct channel *channel)
{
    if (channel->kind == CHANNEL_ROOM) {
        room_settle(core, room_by_group(core, channel->id));
    } else {
        user_settle(core, user_find(core, channel_name(channel)));
    }
}

static void frame_effect(struct router_core *core, enum core_effect_kind kind, uint64_t cause)
{
    if (cause != 0) {
        effects_add(&core->effects, kind)->cause = cause;
    }
}

void core_hold_frame(struct router_core *core, uint64_t cause)
{
    frame_effect(core, CORE_HELD, cause);
}

void core_free_frame(struct router_core *core, uint64_t cause)
{
    frame_effect(core, CORE_FREED, cause);
}

static void tick(struct router_core *core, const struct core_event *event)
{
    (void)event;
    load_tick(core);
    resent_tick(core);
    session_expire(core);
    unsure_tick(core);
    session_end_tokens(core);
    session_end_bans(core);
    rates_sweep(core);
    for (int i = 0; i < IDLE_PER_STEP_MAX && idle_deadline(core) <= core->now_ms; i++) {
        (void)forget_older(core, idle_oldest(&core->idle_rooms), idle_oldest(&core->idle_users));
    }
}

static void appended(struct router_core *core, const struct core_event *event)
{
    post_appended(core, event->append_id, event->append_result);
}

/* What waited for the state to be complete. Before each event, so that none sees the one without
 * the other. */
static void finish_rebuild(struct router_core *core)
{
    if (core_synced(core)) {
        if (core->rebuilding) {
            core->rebuilding = false;
            unsure_rebuilt(core);
        }
        if (core->hold_count != 0) {
            room_release_holds(core);
        }
    }
}

struct core_effects router_core_step(struct router_core *core, const struct core_event *event,
                                     uint64_t now_ms)
{
    static void (*const handlers[])(struct router_core *, const struct core_event *) = {
        [CORE_EDGE_UP] = announce_edge_up,
        [CORE_EDGE_DOWN] = announce_edge_down,
        [CORE_EDGE_DRAINING] = announce_edge_draining,
        [CORE_CONN_OPEN] = session_conn_open,
        [CORE_CONN_CLOSED] = session_conn_closed,
        [CORE_COMMAND] = session_command,
        [CORE_ANNOUNCE_GROUP] = announce_group,
        [CORE_ANNOUNCE_CONN] = announce_conn,
        [CORE_ANNOUNCE_ROSTER] = announce_roster,
        [CORE_ANNOUNCE_UNSURE] = announce_unsure,
        [CORE_ANNOUNCE_END] = announce_end,
        [CORE_ANNOUNCE_SPENT] = announce_spent,
        [CORE_APPENDED] = appended,
        [CORE_LOADED] = load_done,
        [CORE_PUBLISH] = session_publish,
        [CORE_SEND] = session_send,
        [CORE_KICK] = session_kick,
        [CORE_BAN] = session_ban,
        [CORE_UNBAN] = session_unban,
        [CORE_READ] = session_read,
        [CORE_LAGGING] = session_lagging,
        [CORE_CANARY] = truth_canary,
        [CORE_LISTING] = truth_listing,
        [CORE_REPAIR] = repair_asked,
        [CORE_SET_POLICY] = room_set_policy,
        [CORE_EDGE_PACE] = announce_edge_pace,
        [CORE_GO_ON] = load_go_on,
        [CORE_TICK] = tick,
    };
    _Static_assert(sizeof(handlers) / sizeof(handlers[0]) == CORE_TICK + 1, "one per event");
    assert(now_ms >= core->now_ms && "time never goes backwards");
    effects_reset(&core->effects);
    core->now_ms = now_ms;
    core->wall_ms = event->wall_ms;
    core->cause = event->cause;
    core->arrived_ms = 0;
    core->received_us = event->received_us;
    finish_rebuild(core);
    handlers[event->kind](core, event);
    core_drain(core);
    finish_rebuild(core);
    return (struct core_effects){.items = core->effects.items, .count = core->effects.count};
}

void router_core_trim(struct router_core *core)
{
    spares_trim(&core->effects.spares);
}

uint64_t router_core_deadline(const struct router_core *core)
{
    uint64_t due = wheel_deadline(core->grace);
    uint64_t token = wheel_deadline(core->token_ends);
    due = token < due ? token : due;
    uint64_t ban = bans_deadline(&core->bans);
    due = ban < due ? ban : due;
    uint64_t idle = idle_deadline(core);
    due = idle < due ? idle : due;
    uint64_t load = load_deadline(core);
    due = load < due ? load : due;
    uint64_t unsure = unsure_deadline(core);
    due = unsure < due ? unsure : due;
    uint64_t resent = resent_deadline(core);
    due = resent < due ? resent : due;
    uint64_t rates = rates_deadline(core);
    due = rates < due ? rates : due;
    if (core->rebuilding && core->edges.unsynced == 0 && core->rebuild_until_ms < due) {
        due = core->rebuild_until_ms;
    }
    return due;
}

bool router_core_postpones(const struct router_core *core)
{
    return core->postponed_count != 0;
}

void router_core_set_rates(struct router_core *core, const struct core_rates *rates)
{
    core->config.rates = *rates;
}
