/* What operators and the API ask of the session side: kick, send, publish. Each is answered by
 * exactly one ADMIN_DONE. */
#include "router/core_internal.h"
#include "router/load.h"
#include "router/room.h"
#include "router/session.h"

enum { CLOSE_KICKED = 4003 };

static const struct bytes api_id = {(const uint8_t *)"api", 3};

static struct core_effect *done(struct router_core *core, const struct core_event *event)
{
    struct core_effect *effect = effects_add(&core->effects, CORE_ADMIN_DONE);
    effect->admin = event->admin;
    return effect;
}

/* An operator's names and key have passed no front-end. */
static enum client_error check(struct bytes target, struct bytes from, struct bytes key)
{
    if (!client_name_valid(target) || (from.len != 0 && !client_name_valid(from))) {
        return CLIENT_ERROR_INVALID_NAME;
    }
    return key.len > COMMAND_KEY_MAX ? CLIENT_ERROR_INVALID_MESSAGE : CLIENT_ERROR_NONE;
}

/* True when the event may go on; else it waits for the log, or was refused. */
static bool may_go_on(struct router_core *core, struct channel *channel,
                      const struct core_event *event)
{
    if (load_ready(core, channel)) {
        return true;
    }
    if (!load_park(core, channel, event)) {
        done(core, event)->error = CLIENT_ERROR_UNAVAILABLE;
    }
    return false;
}

void session_publish(struct router_core *core, const struct core_event *event)
{
    enum client_error error = check(event->room, event->user, event->key);
    struct room *room = error == CLIENT_ERROR_NONE ? room_ensure(core, event->room) : NULL;
    if (room == NULL) {
        done(core, event)->error = error == CLIENT_ERROR_NONE ? CLIENT_ERROR_UNAVAILABLE : error;
        return;
    }
    if (!may_go_on(core, &room->channel, event)) {
        return;
    }
    struct message message = {
        .kind = ROOM_PUBLISH,
        .reply = {.admin = event->admin},
        .room = event->room,
        .user_name = event->user,
        .server_id = api_id,
        .payload = event->payload,
        .key = event->key,
        .conn = event->conn,
        .no_echo = event->conn.gen != 0,
    };
    mailbox_post(&core->mailbox, &message);
}

void session_send(struct router_core *core, const struct core_event *event)
{
    enum client_error error = check(event->target, event->user, event->key);
    struct user *target = error == CLIENT_ERROR_NONE ? user_ensure(core, event->target) : NULL;
    if (target == NULL) {
        done(core, event)->error = error == CLIENT_ERROR_NONE ? CLIENT_ERROR_UNAVAILABLE : error;
        return;
    }
    if (!may_go_on(core, &target->inbox, event)) {
        return;
    }
    struct message message = {
        .reply = {.admin = event->admin},
        .user_name = event->user,
        .payload = event->payload,
        .key = event->key,
    };
    session_direct(core, target, &message);
}

/* What is asked of is a room's name: a room that nobody has in memory may have a log. */
static struct room *room_to_read(struct router_core *core, const struct core_event *event)
{
    struct room *room = room_find(core, event->room);
    if (room == NULL && client_name_valid(event->room) &&
        policy_table_find(&core->config.policy, event->room)->class == ROOM_DURABLE) {
        room = room_ensure(core, event->room);
    }
    return room;
}

/* True when it may be read now; else it waits for the log, or was refused. */
static bool may_read(struct router_core *core, struct channel *channel,
                     const struct core_event *event, const struct command *command)
{
    if (!channel->durable) {
        return true;
    }
    if (!may_go_on(core, channel, event)) {
        return false;
    }
    channel_trim(core, channel);
    if (core->replaying == channel || !channel_history_lacks(channel, command)) {
        return true;
    }
    load_again(core, channel);
    return may_go_on(core, channel, event);
}

void session_read(struct router_core *core, const struct core_event *event)
{
    struct room *room = room_to_read(core, event);
    struct command command = *event->command;
    if (room != NULL && command.since.epoch == 0) {
        command.since.epoch = room->channel.epoch;
    }
    if (room != NULL && !may_read(core, &room->channel, event, &command)) {
        return;
    }
    struct push *answer = effects_push(&core->effects, PUSH_OK);
    answer->command = COMMAND_HISTORY_ROOM;
    if (room != NULL) {
        channel_history(core, &room->channel, &command, answer);
        room_settle(core, room);
    }
    struct core_effect *effect = done(core, event);
    effect->found = room != NULL;
    effect->push = answer;
}

void session_put_out(struct router_core *core, struct conn *conn, const struct room *room,
                     struct bytes reason)
{
    conn_remove_room(core, conn, room->channel.id);
    if (conn->attached) {
        struct push *push = effects_push(&core->effects, PUSH_KICKED);
        push->room = effects_copy(&core->effects, channel_name(&room->channel));
        push->text = effects_copy(&core->effects, reason);
        effects_send(&core->effects, conn->ref, push);
    }
    struct message message = {
        .kind = ROOM_LEAVE,
        .group = room->channel.id,
        .conn = conn->ref,
        .user = slot_id_index(conn->user->id),
        .attached = conn->attached,
        .from_edge = conn->attached,
        .reason = "leave",
    };
    mailbox_post(&core->mailbox, &message);
}

/* 1 when an attached connection was removed from the room, else 0. */
static uint32_t kick_from_room(struct router_core *core, struct conn *conn, slot_id group,
                               const struct core_event *event)
{
    if (!conn_in_room(conn, group)) {
        return 0;
    }
    session_put_out(core, conn, room_by_group(core, group), event->text);
    return conn->attached;
}

uint32_t session_throw_out(struct router_core *core, struct conn *conn, struct bytes reason)
{
    bool attached = conn->attached;
    if (attached) {
        effects_close(&core->effects, conn->ref, CLOSE_KICKED, reason);
    }
    session_end(core, conn);
    return attached;
}

static uint32_t kick_one(struct router_core *core, struct conn *conn, slot_id group,
                         const struct core_event *event)
{
    return event->room.len != 0 ? kick_from_room(core, conn, group, event)
                                : session_throw_out(core, conn, event->text);
}

static uint32_t kick_user(struct router_core *core, const struct user *user, slot_id group,
                          const struct core_event *event)
{
    uint32_t count = 0;
    for (struct conn *conn = user->oldest; conn != NULL;) {
        struct conn *newer = conn->newer;
        count += kick_one(core, conn, group, event);
        conn = newer;
    }
    return count;
}

void session_kick(struct router_core *core, const struct core_event *event)
{
    const struct room *room = room_find(core, event->room);
    slot_id group = room == NULL ? 0 : room->channel.id;
    bool found = event->room.len == 0 || room != NULL;
    uint32_t count = 0;
    if (event->target.len != 0) {
        const struct user *user = user_find(core, event->target);
        found = found && user != NULL;
        count = found ? kick_user(core, user, group, event) : 0;
    } else {
        struct conn *conn = conn_find(core, event->conn);
        found = found && conn != NULL;
        count = found ? kick_one(core, conn, group, event) : 0;
    }
    core_drain(core);
    struct core_effect *effect = done(core, event);
    effect->found = found;
    effect->count = count;
}
