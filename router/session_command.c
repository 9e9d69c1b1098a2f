/* What clients ask: rate, then one handler per command. */
#include "router/core_internal.h"
#include "router/load.h"
#include "router/post.h"
#include "router/presence.h"
#include "router/rights.h"
#include "router/room.h"
#include "router/session.h"

#include <assert.h>

enum { CLOSE_POLICY = 1008 };

static void error_of(struct router_core *core, const struct conn *conn,
                     const struct command *command, enum client_error error)
{
    session_error(core, conn, command->id, error, BYTES_EMPTY, 0);
}

/* A request to the room side about the command's room. */
static struct message request(const struct router_core *core, const struct conn *conn,
                              const struct command *command, enum message_kind kind)
{
    return (struct message){
        .kind = kind,
        .reply = {.conn = conn->id,
                  .id = command->id,
                  .incarnation = edges_get(&core->edges, conn->ref.edge)->incarnation,
                  .number = core->answered},
        .room = command->room,
        .conn = conn->ref,
        .user = slot_id_index(conn->user->id),
        .user_name = user_name(conn->user),
        .command = command,
        .attached = true,
    };
}

static struct bytes edge_id_of(const struct router_core *core, const struct conn *conn)
{
    return router_edge_id(edges_get(&core->edges, conn->ref.edge));
}

/* The group of the room when the connection is in it, else 0. In a cluster the session side finds
 * it among the names of its own memberships. */
static slot_id membership(const struct router_core *core, const struct conn *conn,
                          struct bytes room_name)
{
    const struct room *room = room_find(core, room_name);
    return room != NULL && conn_in_room(conn, room->channel.id) ? room->channel.id : 0;
}

static bool room_name_valid(struct router_core *core, const struct conn *conn,
                            const struct command *command)
{
    if (!client_name_valid(command->room)) {
        error_of(core, conn, command, CLIENT_ERROR_INVALID_NAME);
        return false;
    }
    return true;
}

/* False, and answered, when token and policy do not give it `wanted` in the command's room. */
static bool may(struct router_core *core, const struct conn *conn, const struct command *command,
                unsigned wanted)
{
    if (conn_may(core, conn, command->room, wanted)) {
        return true;
    }
    error_of(core, conn, command, CLIENT_ERROR_FORBIDDEN);
    return false;
}

static void command_join(struct router_core *core, struct conn *conn, const struct command *command)
{
    unsigned wanted = RIGHT_JOIN | (command->want_members ? RIGHT_PRESENCE : 0U);
    if (!room_name_valid(core, conn, command) || !may(core, conn, command, wanted)) {
        return;
    }
    struct message message = request(core, conn, command, ROOM_JOIN);
    message.server_id = edge_id_of(core, conn);
    message.member = membership(core, conn, command->room) != 0;
    message.blind = !conn_may(core, conn, command->room, RIGHT_HISTORY);
    if (!message.member && conn->rooms.count >= core->config.rooms_per_connection_max) {
        error_of(core, conn, command, CLIENT_ERROR_TOO_MANY_ROOMS);
        return;
    }
    mailbox_post(&core->mailbox, &message);
}

static void command_leave(struct router_core *core, struct conn *conn,
                          const struct command *command)
{
    if (!room_name_valid(core, conn, command)) {
        return;
    }
    struct message message = request(core, conn, command, ROOM_LEAVE);
    message.group = membership(core, conn, command->room);
    if (message.group == 0) {
        error_of(core, conn, command, CLIENT_ERROR_NOT_MEMBER);
        return;
    }
    conn_remove_room(core, conn, message.group);
    message.from_edge = true;
    message.answer_wanted = true;
    message.reason = "leave";
    mailbox_post(&core->mailbox, &message);
}

static bool key_valid(struct router_core *core, const struct conn *conn,
                      const struct command *command)
{
    if (command->key.len > COMMAND_KEY_MAX) {
        error_of(core, conn, command, CLIENT_ERROR_INVALID_MESSAGE);
        return false;
    }
    return true;
}

static void command_room_message(struct router_core *core, struct conn *conn,
                                 const struct command *command)
{
    if (!room_name_valid(core, conn, command) || !key_valid(core, conn, command) ||
        !may(core, conn, command, RIGHT_PUBLISH)) {
        return;
    }
    if (!core->config.publish_without_membership && membership(core, conn, command->room) == 0) {
        error_of(core, conn, command, CLIENT_ERROR_NOT_MEMBER);
        return;
    }
    struct message message = request(core, conn, command, ROOM_PUBLISH);
    message.server_id = edge_id_of(core, conn);
    message.payload = command->payload;
    message.key = command->key;
    message.no_echo = command->no_echo ||
                      (!command->echo &&
                       policy_table_find(&core->config.policy, command->room)->echo == POLICY_OFF);
    mailbox_post(&core->mailbox, &message);
}

void session_direct(struct router_core *core, struct user *target, const struct message *message)
{
    idle_remove(&target->idle); /* making room must not take this one */
    post(core, &target->inbox,
         &(struct post){.class = target->inbox.durable ? ROOM_DURABLE : ROOM_MEMORY,
                        .reply = message->reply,
                        .conn = message->conn,
                        .user = message->user_name,
                        .payload = message->payload,
                        .key = message->key});
    user_settle(core, target);
}

static void command_direct_message(struct router_core *core, struct conn *conn,
                                   const struct command *command)
{
    if (!client_name_valid(command->user)) {
        error_of(core, conn, command, CLIENT_ERROR_INVALID_NAME);
        return;
    }
    if (!key_valid(core, conn, command)) {
        return;
    }
    if (!rights_direct(conn_rights(conn))) {
        error_of(core, conn, command, CLIENT_ERROR_FORBIDDEN);
        return;
    }
    struct user *target = user_ensure(core, command->user);
    if (target == NULL) {
        error_of(core, conn, command, CLIENT_ERROR_UNAVAILABLE);
        return;
    }
    struct message message = request(core, conn, command, ROOM_PUBLISH);
    message.payload = command->payload;
    message.key = command->key;
    session_direct(core, target, &message);
}

static void command_of_room(struct router_core *core, struct conn *conn,
                            const struct command *command)
{
    bool history = command->kind == COMMAND_HISTORY_ROOM;
    if (!room_name_valid(core, conn, command) ||
        !may(core, conn, command, history ? RIGHT_HISTORY : RIGHT_PRESENCE)) {
        return;
    }
    struct message message = request(core, conn, command, history ? ROOM_HISTORY : ROOM_PRESENCE);
    mailbox_post(&core->mailbox, &message);
}

/* Presence, watch, unwatch: the same answer, after what each of them changes. */
static void command_of_users(struct router_core *core, struct conn *conn,
                             const struct command *command)
{
    for (size_t i = 0; i < command->user_count; i++) {
        if (!client_name_valid(command->users[i])) {
            error_of(core, conn, command, CLIENT_ERROR_INVALID_NAME);
            return;
        }
    }
    struct bytes text = BYTES_EMPTY;
    enum client_error error = CLIENT_ERROR_NONE;
    if (command->kind == COMMAND_WATCH) {
        error = presence_watch(core, conn, command, &text);
    } else if (command->kind == COMMAND_UNWATCH) {
        presence_unwatch(core, conn, command);
    }
    if (error != CLIENT_ERROR_NONE) {
        session_error(core, conn, command->id, error, text, 0);
    } else if (command->id.len != 0) {
        session_ok(core, conn, command->id, presence_answer(core, command));
    }
}

static void command_history_inbox(struct router_core *core, struct conn *conn,
                                  const struct command *command)
{
    if (command->id.len != 0) {
        struct push *ok = effects_push(&core->effects, PUSH_OK);
        ok->command = COMMAND_HISTORY_INBOX;
        channel_history(core, &conn->user->inbox, command, ok);
        session_recovered(core, conn, ok);
        session_ok(core, conn, command->id, ok);
    }
}

static void command_refresh(struct router_core *core, struct conn *conn,
                            const struct command *command)
{
    const struct command_renewed *renewed = &command->renewed;
    if (renewed->busy) {
        session_error(core, conn, command->id, CLIENT_ERROR_UNAVAILABLE, BYTES_EMPTY, 0);
    } else if (renewed->expired) {
        session_error(core, conn, command->id, CLIENT_ERROR_TOKEN_EXPIRED, BYTES_EMPTY, 0);
    } else if (renewed->user.len == 0) {
        session_error(core, conn, command->id, CLIENT_ERROR_TOKEN_INVALID, BYTES_EMPTY, 0);
    } else if (!bytes_equal(renewed->user, user_name(conn->user))) {
        session_error(core, conn, command->id, CLIENT_ERROR_TOKEN_INVALID,
                      BYTES_LIT("the token is of another user"), 0);
    } else {
        session_renew(core, conn, renewed);
        struct push *ok = effects_push(&core->effects, PUSH_OK);
        ok->command = COMMAND_REFRESH;
        ok->expires_at_ms = renewed->expires_at_ms;
        session_ok(core, conn, command->id, ok);
    }
}

static void command_ping(struct router_core *core, struct conn *conn, const struct command *command)
{
    struct push *pong = effects_push(&core->effects, PUSH_PONG);
    pong->id = effects_copy(&core->effects, command->id);
    effects_answer(&core->effects, conn->ref, pong, core->answered);
}

static void command_bad(struct router_core *core, struct conn *conn, const struct command *command)
{
    session_error(core, conn, command->id, command->error, command->detail, 0);
}

/* What the command needs of a room's log. NULL: nothing, or there is no such room. */
static struct channel *room_needed(struct router_core *core, const struct conn *conn,
                                   const struct command *command)
{
    struct room *room = room_find(core, command->room);
    if (room != NULL || !client_name_valid(command->room) ||
        policy_table_find(&core->config.policy, command->room)->class != ROOM_DURABLE) {
        return room == NULL ? NULL : &room->channel;
    }
    bool publishes = command->kind == COMMAND_ROOM_MESSAGE &&
                     core->config.publish_without_membership && conn != NULL;
    if (publishes || command->kind == COMMAND_JOIN || command->kind == COMMAND_HISTORY_ROOM) {
        room = room_ensure(core, command->room);
    }
    return room == NULL ? NULL : &room->channel;
}

static struct channel *channel_needed(struct router_core *core, struct conn *conn,
                                      const struct command *command)
{
    struct user *user = NULL;
    if (conn->waiting) {
        return &conn->user->inbox;
    }
    switch (command->kind) {
    case COMMAND_JOIN:
    case COMMAND_LEAVE:
    case COMMAND_ROOM_MESSAGE:
    case COMMAND_HISTORY_ROOM:
    case COMMAND_PRESENCE_ROOM:
        return room_needed(core, conn, command);
    case COMMAND_DIRECT_MESSAGE:
        user = client_name_valid(command->user) ? user_ensure(core, command->user) : NULL;
        return user == NULL ? NULL : &user->inbox;
    case COMMAND_HISTORY_INBOX:
        return &conn->user->inbox;
    case COMMAND_PRESENCE_USERS:
    case COMMAND_WATCH:
    case COMMAND_UNWATCH:
    case COMMAND_REFRESH:
    case COMMAND_PING:
    case COMMAND_BAD:
        break;
    }
    return NULL;
}

/* Older messages are wanted than memory has, and the log has them. */
static bool lacks(struct router_core *core, struct channel *channel, const struct command *command)
{
    channel_trim(core, channel);
    if (command->kind == COMMAND_JOIN) {
        return command->since.present &&
               channel_since_lacks(channel, command->since.epoch, command->since.offset);
    }
    bool history = command->kind == COMMAND_HISTORY_ROOM || command->kind == COMMAND_HISTORY_INBOX;
    return history && channel_history_lacks(channel, command);
}

/* True when the command may run now; else it waits for a log, or was refused. */
static bool may_run(struct router_core *core, struct conn *conn, const struct core_event *event)
{
    struct channel *channel = channel_needed(core, conn, event->command);
    if (channel == NULL || !channel->durable) {
        return true;
    }
    bool ready = load_ready(core, channel);
    if (ready && lacks(core, channel, event->command) && !load_is_fresh(core, channel)) {
        load_again(core, channel);
        ready = false;
    }
    if (!ready && !load_park(core, channel, event)) {
        session_unavailable(core, conn, event);
    }
    return ready;
}

void session_unavailable(struct router_core *core, struct conn *conn,
                         const struct core_event *event)
{
    core->answered = event->number;
    session_error(core, conn, event->command->id, CLIENT_ERROR_UNAVAILABLE, BYTES_EMPTY, 0);
}

void session_run(struct router_core *core, const struct core_event *event)
{
    static void (*const handlers[])(struct router_core *, struct conn *, const struct command *) = {
        [COMMAND_JOIN] = command_join,
        [COMMAND_LEAVE] = command_leave,
        [COMMAND_ROOM_MESSAGE] = command_room_message,
        [COMMAND_DIRECT_MESSAGE] = command_direct_message,
        [COMMAND_PRESENCE_ROOM] = command_of_room,
        [COMMAND_PRESENCE_USERS] = command_of_users,
        [COMMAND_WATCH] = command_of_users,
        [COMMAND_UNWATCH] = command_of_users,
        [COMMAND_HISTORY_ROOM] = command_of_room,
        [COMMAND_HISTORY_INBOX] = command_history_inbox,
        [COMMAND_REFRESH] = command_refresh,
        [COMMAND_PING] = command_ping,
        [COMMAND_BAD] = command_bad,
    };
    _Static_assert(sizeof(handlers) / sizeof(handlers[0]) == COMMAND_BAD + 1, "one per command");
    struct conn *conn = conn_find(core, event->conn);
    if (conn == NULL || !may_run(core, conn, event)) {
        return;
    }
    const struct command *command = event->command;
    uint64_t retry_ms = 0;
    core->answered = event->number;
    if (command_recovers(command) &&
        !policy_may_recover(rates_of(core, conn), &core->config, core->now_ms, &retry_ms)) {
        session_error(core, conn, command->id, CLIENT_ERROR_BYTE_RATE, BYTES_EMPTY, retry_ms);
        return;
    }
    handlers[command->kind](core, conn, command);
}

static const struct {
    enum client_error error;
    const char *text; /* "" = that of the error */
} denials[POLICY_VERDICTS] = {
    [POLICY_MESSAGES] = {CLIENT_ERROR_MESSAGE_RATE, ""},
    [POLICY_BYTES] = {CLIENT_ERROR_BYTE_RATE, ""},
    [POLICY_JOINS] = {CLIENT_ERROR_JOIN_RATE, ""},
    [POLICY_USER_MESSAGES] = {CLIENT_ERROR_MESSAGE_RATE, "too many messages from all your devices"},
    [POLICY_USER_BYTES] = {CLIENT_ERROR_BYTE_RATE, "too many bytes from all your devices"},
};

/* When the message came, by our clock, however long it was on its way. */
static uint64_t arrived_here(struct router_core *core, const struct conn *conn,
                             const struct core_event *event)
{
    struct edge_clock *clock = &edges_get(&core->edges, conn->ref.edge)->clock;
    if (event->arrived_ms == 0) {
        return core->now_ms;
    }
    edge_clock_sample(clock, event->arrived_ms, core->now_ms);
    return edge_clock_ours(clock, event->arrived_ms, core->now_ms);
}

/* Whoever has taken more than half of a burst is told to its edge, so that the next router knows.
 */
static void tell_spent(struct router_core *core, const struct conn *conn)
{
    uint64_t messages_ms = 0;
    uint64_t bytes_ms = 0;
    const struct policy_user *user = &user_rare_made(conn->user)->rates;
    if (policy_user_spent(user, core->now_ms, &messages_ms, &bytes_ms)) {
        struct core_effect *effect = effects_add(&core->effects, CORE_SPENT);
        effect->conn = conn->ref;
        effect->text = user_name(conn->user);
        effect->messages_ms = messages_ms;
        effect->bytes_ms = bytes_ms;
    }
}

static enum policy_verdict admit(struct router_core *core, struct conn *conn,
                                 const struct core_event *event, uint64_t *ret_retry_ms)
{
    bool shared = policy_has_user_limits(&core->config);
    const struct policy_message message = {
        .wire_bytes = event->wire_bytes,
        .at_ms = event->arrived_ms != 0 ? event->arrived_ms : core->now_ms,
        .ours_ms = shared ? arrived_here(core, conn, event) : 0,
        .join = event->command->kind == COMMAND_JOIN,
    };
    struct policy_rates *rates = rates_made(core, conn);
    enum policy_verdict verdict =
        policy_admit(rates, shared ? user_rates(core, conn->user, message.ours_ms) : NULL,
                     &core->config, &message, ret_retry_ms);
    policy_charged(rates, message.at_ms, core->now_ms);
    if (verdict == POLICY_OK && shared) {
        tell_spent(core, conn);
    }
    core->counters.user_messages_limited += verdict == POLICY_USER_MESSAGES;
    core->counters.user_bytes_limited += verdict == POLICY_USER_BYTES;
    return verdict;
}

void session_command(struct router_core *core, const struct core_event *event)
{
    struct conn *conn = conn_find(core, event->conn);
    if (conn == NULL) {
        return;
    }
    core->answered = event->number;
    if (event->arrived_ms != 0 && event->command->kind <= COMMAND_DIRECT_MESSAGE) {
        core->arrived_ms = arrived_here(core, conn, event);
    }
    if (event->number != 0) {
        if (event->number <= conn->number) {
            core->counters.duplicates++;
            return;
        }
        conn->number = event->number;
    }
    const struct command *command = event->command;
    core->counters.commands[command->kind]++;
    conn->last_activity_ms = core->wall_ms;
    if (conn->told_to_go) {
        return; /* what was on its way when it was closed */
    }
    uint64_t retry_ms = 0;
    enum policy_verdict verdict = admit(core, conn, event, &retry_ms);
    if (verdict != POLICY_OK) {
        session_error(core, conn, command->id, denials[verdict].error,
                      bytes_of_str(denials[verdict].text), retry_ms);
        if (!conn->told_to_go &&
            !policy_forgives(rates_made(core, conn), &core->config, core->now_ms)) {
            conn->told_to_go = true;
            effects_close(&core->effects, conn->ref, CLOSE_POLICY,
                          bytes_of_str("kept exceeding the limits"));
        }
        return;
    }
    session_run(core, event);
}
