#include "router/room.h"

#include "common/mem.h"
#include "router/core_internal.h"
#include "router/former.h"
#include "router/load.h"
#include "router/post.h"
#include "router/room_limits.h"
#include "router/roster.h"
#include "router/unsure.h"
#include "router/user.h"

#include <assert.h>
#include <string.h>

/* A user whose last connection left while edges were still announcing: another edge may have one
 * more. Kept as a detached member until the state is complete, then it leaves or does not. */
struct room_hold {
    slot_id room;
    uint32_t user;
    const char *reason;
};

struct room *room_find(const struct router_core *core, struct bytes name)
{
    return strmap_get(&core->rooms_by_name, name);
}

struct room *room_by_group(const struct router_core *core, slot_id group)
{
    struct channel *channel = channel_find(core, group);
    return channel != NULL && channel->kind == CHANNEL_ROOM ? (struct room *)channel : NULL;
}

static bool has_room(struct router_core *core)
{
    if (core->rooms_by_name.count < core->config.rooms_max) {
        return true;
    }
    struct idle_link *oldest = idle_oldest(&core->idle_rooms);
    if (oldest == NULL) {
        return false;
    }
    room_forget(core, oldest->owner);
    core->counters.evicted_channels++;
    return true;
}

struct room *room_ensure(struct router_core *core, struct bytes name)
{
    assert(name.len != 0 && name.len <= NAME_BYTES_MAX);
    struct room *room = room_find(core, name);
    if (room != NULL || !has_room(core)) {
        return room;
    }
    size_t len = offsetof(struct room, name) + name.len;
    room = mem_new(1, len < sizeof(*room) ? sizeof(*room) : len);
    memcpy(room->name, name.data, name.len);
    channel_init(core, &room->channel, CHANNEL_ROOM, bytes_of(room->name, name.len));
    room->class = (enum room_class)room->channel.policy->class;
    room->channel.durable = room->class == ROOM_DURABLE;
    u32map_init(&room->members);
    u32map_init(&room->detached);
    u32map_init(&room->sent_at);
    strmap_put(&core->rooms_by_name, channel_name(&room->channel), room);
    idle_touch(&core->idle_rooms, &room->idle, room, channel_keeps(&room->channel), core->now_ms);
    return room;
}

void room_settle(struct router_core *core, struct room *room)
{
    if (room->members.count != 0 || room->channel.member_count != 0 || load_holds(&room->channel)) {
        idle_remove(&room->idle);
    } else {
        idle_touch(&core->idle_rooms, &room->idle, room, channel_keeps(&room->channel),
                   core->now_ms);
    }
}

void room_forget(struct router_core *core, struct room *room)
{
    idle_remove(&room->idle);
    core->member_count -= room->members.count;
    u32map_fini(&room->members);
    u32map_fini(&room->detached);
    u32map_fini(&room->sent_at);
    (void)strmap_remove(&core->rooms_by_name, channel_name(&room->channel));
    channel_fini(core, &room->channel);
    effects_bury(&core->effects, room);
}

void room_set_policy(struct router_core *core, const struct core_event *event)
{
    struct policy_table old = core->config.policy;
    core->config.policy = policy_table_copy(event->policy);
    for (uint32_t i = 0; i < core->channels.used; i++) {
        struct channel *channel = slotmap_at(&core->channels, i);
        if (channel != NULL && channel->kind == CHANNEL_ROOM) {
            bool droppable = channel_droppable(channel);
            channel->policy = policy_table_find(&core->config.policy, channel_name(channel));
            channel_trim(core, channel);
            if (channel_droppable(channel) != droppable) {
                channel_emit_policy(core, channel, ALL_EDGES);
            }
        }
    }
    policy_table_fini(&old);
}

static uint32_t count_of(const struct u32map *map, uint32_t user)
{
    uint32_t count = 0;
    (void)u32map_get(map, user, &count);
    return count;
}

static void change_count(struct u32map *map, uint32_t user, int by)
{
    uint32_t count = count_of(map, user);
    assert(by > 0 || count != 0);
    count = by > 0 ? count + 1 : count - 1;
    if (count == 0) {
        (void)u32map_remove(map, user);
    } else {
        u32map_set(map, user, count);
    }
}

static void change_detached(struct router_core *core, struct room *room, uint32_t user, int by)
{
    change_count(&room->detached, user, by);
    unsure_room(core, &room->channel, room->detached.count != 0);
}

static struct push *presence_push(struct router_core *core, const struct room *room,
                                  enum push_kind kind, uint32_t user)
{
    struct push *push = effects_push(&core->effects, kind);
    push->room = channel_name(&room->channel);
    push->user = user_name(user_at(core, user));
    return push;
}

/* Tells those who are in already: the joiner itself is not counted yet. */
static void add_member(struct router_core *core, struct room *room, const struct message *message,
                       bool silent)
{
    bool first = count_of(&room->members, message->user) == 0;
    change_count(&room->members, message->user, 1);
    core->member_count += first;
    uint32_t change = first ? roster_of_user(user_at(core, message->user)) : 0;
    if (first) {
        room->roster ^= change;
        taps_member(core, channel_name(&room->channel), user_at(core, message->user), true, NULL);
    }
    bool told = first && room->channel.policy->presence_events == POLICY_ON;
    if (told && !silent) {
        room->channel.came_early = room->channel.came_early || core->rebuilding;
        unsure_room(core, &room->channel, room->detached.count != 0);
        struct push *push = presence_push(core, room, PUSH_USER_JOINED, message->user);
        push->server_id = message->server_id;
        push->info = user_info(user_at(core, message->user));
        channel_deliver(core, &room->channel, push, 0, NULL);
        roster_told(core, &room->channel, change);
    } else if (told && !core->rebuilding) {
        unsure_announced(core, &room->channel); /* of a late edge: others may not have heard */
    }
}

static void hold(struct router_core *core, struct room *room, const struct message *message)
{
    if (core->hold_count == core->hold_capacity) {
        core->hold_capacity = core->hold_capacity == 0 ? 16 : core->hold_capacity * 2;
        core->holds = mem_resize(core->holds, core->hold_capacity, sizeof(*core->holds));
    }
    core->holds[core->hold_count++] = (struct room_hold){
        .room = room->channel.id, .user = message->user, .reason = message->reason};
    if (message->attached) {
        change_detached(core, room, message->user, 1);
    }
}

/* One connection less; the last one speaks. */
static void remove_member(struct router_core *core, struct room *room,
                          const struct message *message)
{
    bool last = count_of(&room->members, message->user) == 1;
    if (last && !core_synced(core)) {
        hold(core, room, message);
        return;
    }
    if (!message->attached) {
        change_detached(core, room, message->user, -1);
    }
    change_count(&room->members, message->user, -1);
    uint32_t change = last ? roster_of_user(user_at(core, message->user)) : 0;
    if (last) {
        room->roster ^= change;
        core->member_count--;
        user_at(core, message->user)->told_left = true;
        taps_member(core, channel_name(&room->channel), user_at(core, message->user), false,
                    message->reason);
    }
    if (last && room->channel.policy->presence_events == POLICY_ON) {
        struct push *push = presence_push(core, room, PUSH_USER_LEFT, message->user);
        push->text = bytes_of_str(message->reason);
        channel_deliver(core, &room->channel, push, 0, NULL);
        roster_told(core, &room->channel, change);
    }
    room_settle(core, room);
}

void room_release_holds(struct router_core *core)
{
    uint32_t count = core->hold_count;
    core->hold_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct room_hold held = core->holds[i];
        struct room *room = room_by_group(core, held.room);
        assert(room != NULL && "a held member holds the room");
        struct message message = {
            .kind = ROOM_LEAVE, .user = held.user, .reason = held.reason, .attached = false};
        remove_member(core, room, &message);
    }
}

struct push_member room_member(const struct router_core *core, const struct room *room,
                               uint32_t user, uint32_t connections)
{
    const struct user *found = user_at(core, user);
    return (struct push_member){
        .user = user_name(found),
        .info = user_info(found),
        .connections = connections - count_of(&room->detached, user),
    };
}

const struct push_member *room_members(struct router_core *core, const struct room *room,
                                       size_t count_max, size_t *ret_count)
{
    size_t count = room->members.count < count_max ? room->members.count : count_max;
    struct push_member *members = effects_alloc(&core->effects, count + 1, sizeof(*members));
    uint32_t cursor = 0;
    uint32_t user = 0;
    uint32_t connections = 0;
    for (size_t i = 0; i < count && u32map_next(&room->members, &cursor, &user, &connections);
         i++) {
        members[i] = room_member(core, room, user, connections);
    }
    *ret_count = count;
    return members;
}

static void fill_members(struct router_core *core, const struct room *room, struct push *push)
{
    push->members = room_members(core, room, MEMBERS_LISTED_MAX, &push->member_count);
    push->total = room->members.count;
    push->as_of_ms = core->wall_ms;
    push->synced = core_synced(core);
}

/* What is kept and the connection lacks, and whether that is everything. */
static void fill_missed(struct router_core *core, const struct room *room,
                        const struct since *since, struct message *answer)
{
    const struct channel *channel = &room->channel;
    if (!since->present || since->epoch != channel->epoch || since->offset > channel->top ||
        room->class == ROOM_EPHEMERAL) {
        return;
    }
    uint64_t first = channel_ring_first(channel);
    bool complete = since->offset + 1 >= first;
    uint64_t from = complete ? since->offset + 1 : first;
    size_t count = (size_t)(channel->top + 1 - from);
    answer->missed = effects_alloc(&core->effects, count + 1, sizeof(const struct push *));
    for (uint64_t offset = from; offset <= channel->top; offset++) {
        const struct push *push = channel_push_at(core, channel, offset);
        complete = complete && push->kind != PUSH_GAP;
        answer->missed[answer->missed_count++] = push;
    }
    answer->ok->recovered = complete;
}

static struct message answer_to(const struct message *message, enum message_kind kind)
{
    return (struct message){
        .kind = kind,
        .reply = message->reply,
        .room = message->room,
        .conn = message->conn,
    };
}

static void refuse(struct router_core *core, const struct message *message, enum message_kind kind,
                   enum client_error error)
{
    struct message answer = answer_to(message, kind);
    answer.error = error;
    mailbox_post(&core->mailbox, &answer);
}

static struct push *new_ok(struct router_core *core, enum command_kind command, struct bytes room)
{
    struct push *ok = effects_push(&core->effects, PUSH_OK);
    ok->command = command;
    ok->room = room;
    return ok;
}

static uint64_t members_max(const struct router_core *core, const struct room *room)
{
    uint64_t most = core->config.members_max;
    uint64_t own = (uint64_t)room->channel.policy->members_max;
    return own != 0 && own < most ? own : most;
}

static void join(struct router_core *core, const struct message *message)
{
    struct room *room = room_ensure(core, message->room);
    if (room == NULL) {
        refuse(core, message, SESSION_JOINED, CLIENT_ERROR_UNAVAILABLE);
        return;
    }
    if (!message->member && count_of(&room->members, message->user) == 0 &&
        room->members.count >= members_max(core, room)) {
        room_settle(core, room);
        refuse(core, message, SESSION_JOINED, CLIENT_ERROR_ROOM_FULL);
        return;
    }
    struct message answer = answer_to(message, SESSION_JOINED);
    answer.group = room->channel.id;
    answer.member = message->member;
    if (!message->member) {
        add_member(core, room, message, false);
        answer.first_on_edge = channel_add_member(&room->channel, message->conn.edge);
    }
    channel_trim(core, &room->channel);
    answer.ok = new_ok(core, COMMAND_JOIN, channel_name(&room->channel));
    answer.ok->epoch = room->channel.epoch;
    answer.ok->offset = room->channel.top;
    answer.ok->first_offset = channel_first_offset(&room->channel);
    if (!message->blind) {
        fill_missed(core, room, &message->command->since, &answer);
    }
    if (message->command->want_members) {
        fill_members(core, room, answer.ok);
    }
    room_settle(core, room);
    mailbox_post(&core->mailbox, &answer);
}

static void attach(struct router_core *core, const struct message *message)
{
    struct room *room = room_by_group(core, message->group);
    assert(room != NULL && "the announcing edge holds it");
    add_member(core, room, message, message->silent);
    (void)channel_add_member(&room->channel, message->conn.edge);
    room_settle(core, room);
}

static void leave(struct router_core *core, const struct message *message)
{
    struct room *room = room_by_group(core, message->group);
    assert(room != NULL && "a member holds its room");
    if (message->attached) {
        channel_remove_member(&room->channel, message->conn.edge);
    }
    if (message->from_edge) {
        channel_emit_remove(core, &room->channel, message->conn);
    }
    remove_member(core, room, message);
    if (message->answer_wanted) {
        struct message answer = answer_to(message, SESSION_LEFT);
        answer.ok = new_ok(core, COMMAND_LEAVE, channel_name(&room->channel));
        mailbox_post(&core->mailbox, &answer);
    }
}

static void detach(struct router_core *core, const struct message *message)
{
    struct room *room = room_by_group(core, message->group);
    assert(room != NULL && "a member holds its room");
    channel_remove_member(&room->channel, message->conn.edge);
    change_detached(core, room, message->user, 1);
}

static void publish(struct router_core *core, const struct message *message)
{
    struct room *room = room_ensure(core, message->room);
    if (room == NULL) {
        refuse(core, message, SESSION_PUBLISHED, CLIENT_ERROR_UNAVAILABLE);
        return;
    }
    struct message refusal = answer_to(message, SESSION_PUBLISHED);
    bool of_client = message->reply.conn != 0;
    if (of_client) {
        refusal.error = room_limits_admit(core, room, message, &refusal.retry_ms, &refusal.reason);
    }
    if (refusal.error != CLIENT_ERROR_NONE) {
        room_settle(core, room);
        mailbox_post(&core->mailbox, &refusal);
        return;
    }
    idle_remove(&room->idle); /* making room must not take this one */
    post(core, &room->channel,
         &(struct post){.class = room->class,
                        .reply = message->reply,
                        .conn = message->conn,
                        .no_echo = message->no_echo,
                        .user = message->user_name,
                        .server_id = message->server_id,
                        .payload = message->payload,
                        .key = message->key});
    room_settle(core, room);
}

static void history(struct router_core *core, const struct message *message)
{
    struct message answer = answer_to(message, SESSION_ANSWER);
    answer.ok = new_ok(core, COMMAND_HISTORY_ROOM, message->room);
    struct room *room = room_find(core, message->room);
    if (room != NULL) {
        channel_history(core, &room->channel, message->command, answer.ok);
    }
    mailbox_post(&core->mailbox, &answer);
}

/* What was left out is not sent again, only named: the client asks for what it wants. Nothing but
 * unnumbered deliveries: a gap from 0 to 0. */
static void lagging(struct router_core *core, const struct message *message)
{
    struct room *room = room_find(core, message->room);
    if (room == NULL) {
        return;
    }
    struct channel *channel = &room->channel;
    bool same = message->epoch == channel->epoch;
    struct message answer = answer_to(message, SESSION_LAGGED);
    answer.group = channel->id;
    answer.token = message->token;
    answer.missed = effects_alloc(&core->effects, 3, sizeof(const struct push *));
    former_lagging(core, channel, message->conn.edge, message->epoch, message->newest);
    const struct push *former = former_gap(core, channel, message->epoch, message->offset);
    if (!same && former != NULL) {
        answer.missed[answer.missed_count++] = former;
    }
    if (!same) {
        struct push *push = effects_push(&core->effects, PUSH_EPOCH);
        push->room = channel_name(channel);
        push->epoch = channel->epoch;
        answer.missed[answer.missed_count++] = push;
    }
    uint64_t from = same ? message->offset : 1;
    struct push *gap = effects_push(&core->effects, PUSH_GAP);
    gap->room = channel_name(channel);
    gap->from = from > channel->top ? 0 : from;
    gap->to = from > channel->top ? 0 : channel->top;
    answer.missed[answer.missed_count++] = gap;
    mailbox_post(&core->mailbox, &answer);
}

static void presence(struct router_core *core, const struct message *message)
{
    static const struct push_member nobody[1];
    struct message answer = answer_to(message, SESSION_ANSWER);
    answer.ok = new_ok(core, COMMAND_PRESENCE_ROOM, message->room);
    const struct room *room = room_find(core, message->room);
    if (room != NULL) {
        fill_members(core, room, answer.ok);
    } else {
        answer.ok->members = nobody;
        answer.ok->as_of_ms = core->wall_ms;
        answer.ok->synced = core_synced(core);
    }
    mailbox_post(&core->mailbox, &answer);
}

void room_message(struct router_core *core, const struct message *message)
{
    static void (*const handlers[])(struct router_core *, const struct message *) = {
        [ROOM_JOIN] = join,         [ROOM_ATTACH] = attach,   [ROOM_LEAVE] = leave,
        [ROOM_DETACH] = detach,     [ROOM_PUBLISH] = publish, [ROOM_HISTORY] = history,
        [ROOM_PRESENCE] = presence, [ROOM_LAGGING] = lagging,
    };
    assert(message->kind <= ROOM_PRESENCE);
    handlers[message->kind](core, message);
}
