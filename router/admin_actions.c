/* What an operator does: kick, publish, send. The plane answers later, maybe only after a disk has;
 * until then the request waits under a token that finds nothing once it was answered. */
#include "common/log.h"
#include "common/mem.h"
#include "router/admin_ask.h"
#include "router/bans.h"
#include "router/json_scan.h"

#include <string.h>

enum { EPOCH_DIGITS = 16 };

struct pending {
    enum admin_action action;
    uint64_t id;
    bool local;
    struct bytes peer; /* owned */
};

static void pending_free(struct pending *pending)
{
    mem_free((void *)(uintptr_t)pending->peer.data);
    mem_free(pending);
}

void admin_start(struct admin_ask *ask, enum admin_action action, struct core_event *event)
{
    struct admin *admin = ask->admin;
    struct pending *pending = mem_new(1, sizeof(*pending));
    pending->action = action;
    pending->id = ask->id;
    pending->local = ask->local;
    pending->peer = bytes_of(mem_copy(ask->peer), ask->peer.len);
    slot_id token = slotmap_add(&admin->pending, pending);
    if (token == 0) {
        pending_free(pending);
        admin_fail(ask, ADMIN_STATUS(REFUSED), "too many actions are waiting: try again later");
        return;
    }
    ask->deferred = true;
    router_plane_admin(admin->plane, event, token, ask->now_ms, ask->wall_ms);
}

static bool name_ok(struct admin_ask *ask, const char *name, bool optional, const char *text)
{
    if ((optional && name[0] == 0) || client_name_valid(bytes_of_str(name))) {
        return true;
    }
    admin_fail(ask, ADMIN_STATUS(BAD_REQUEST), text);
    return false;
}

static bool room_ok(struct admin_ask *ask, const char *room, bool optional)
{
    return name_ok(ask, room, optional, "a room is 1 to 128 bytes of plain text");
}

bool admin_user_ok(struct admin_ask *ask, const char *user, bool optional)
{
    return name_ok(ask, user, optional, "a user is 1 to 128 bytes of plain text");
}

static bool key_ok(struct admin_ask *ask, const char *key)
{
    if (key[0] == 0 ||
        (bytes_of_str(key).len <= COMMAND_KEY_MAX && client_name_valid(bytes_of_str(key)))) {
        return true;
    }
    admin_fail(ask, ADMIN_STATUS(BAD_REQUEST), "a key is 1 to 64 bytes of plain text");
    return false;
}

static bool payload_ok(struct admin_ask *ask, struct bytes payload)
{
    struct json_value value;
    if (payload.len > ask->admin->message_bytes_max) {
        admin_fail(ask, ADMIN_STATUS(BAD_REQUEST), "the payload is larger than --max-message");
        return false;
    }
    if (!json_scan(payload, &value)) {
        admin_fail(ask, ADMIN_STATUS(BAD_REQUEST), "the payload is not valid JSON");
        return false;
    }
    return true;
}

bool admin_reason_ok(struct admin_ask *ask, const char *reason)
{
    if (reason[0] == 0 ||
        (bytes_of_str(reason).len <= BAN_REASON_MAX && client_name_valid(bytes_of_str(reason)))) {
        return true;
    }
    admin_fail(ask, ADMIN_STATUS(BAD_REQUEST), "a reason is at most 120 bytes of plain text");
    return false;
}

void admin_kick(struct admin_ask *ask, const Splitrail__Admin__Kick *asked)
{
    struct core_event event = {
        .kind = CORE_KICK,
        .room = bytes_of_str(asked->room),
        .text = bytes_of_str(asked->reason),
    };
    struct bytes user = bytes_of_str(asked->user);
    if (asked->ban_ms != 0 && asked->room[0] != 0) {
        admin_fail(ask, ADMIN_STATUS(BAD_REQUEST), "a ban is from the server, not from a room");
        return;
    }
    if ((asked->user[0] == 0) == (asked->conn[0] == 0)) {
        admin_fail(ask, ADMIN_STATUS(BAD_REQUEST), "name either a user or a connection");
        return;
    }
    if (!room_ok(ask, asked->room, true) || !admin_user_ok(ask, asked->user, true) ||
        !admin_reason_ok(ask, asked->reason)) {
        return;
    }
    if (asked->user[0] != 0) {
        event.target = bytes_of_str(asked->user);
    } else {
        struct registry_conn conn;
        if (!registry_conn_find(ask->core, bytes_of_str(asked->conn), &conn)) {
            admin_fail(ask, ADMIN_STATUS(NOT_FOUND), "no such connection");
            return;
        }
        event.conn = conn.ref;
        user = conn.user;
    }
    admin_audit(ask, &(struct admin_deed){.action = "kick",
                                          .user = asked->user,
                                          .conn = asked->conn,
                                          .room = asked->room,
                                          .reason = asked->reason,
                                          .for_ms = asked->ban_ms});
    if (asked->ban_ms != 0) {
        admin_ban_user(ask, ADMIN_BAN, user, asked->reason, asked->ban_ms);
    } else {
        admin_start(ask, ADMIN_KICK, &event);
    }
}

void admin_publish(struct admin_ask *ask, const Splitrail__Admin__Publish *asked)
{
    struct core_event event = {
        .kind = CORE_PUBLISH,
        .room = bytes_of_str(asked->room),
        .user = bytes_of_str(asked->user),
        .payload = bytes_of(asked->payload.data, asked->payload.len),
        .key = bytes_of_str(asked->key),
    };
    if (room_ok(ask, asked->room, false) && admin_user_ok(ask, asked->user, true) &&
        key_ok(ask, asked->key) && payload_ok(ask, event.payload)) {
        struct registry_conn conn;
        /* One that is gone needs no exclusion. */
        if (asked->exclude[0] != 0 &&
            registry_conn_find(ask->core, bytes_of_str(asked->exclude), &conn)) {
            event.conn = conn.ref;
        }
        if (!ask->local) { /* the API's own traffic is no deed of an operator */
            admin_audit(ask, &(struct admin_deed){
                                 .action = "publish", .user = asked->user, .room = asked->room});
        }
        admin_start(ask, ADMIN_PUBLISH, &event);
    }
}

void admin_send(struct admin_ask *ask, const Splitrail__Admin__Send *asked)
{
    struct core_event event = {
        .kind = CORE_SEND,
        .target = bytes_of_str(asked->user),
        .user = bytes_of_str(asked->from),
        .payload = bytes_of(asked->payload.data, asked->payload.len),
        .key = bytes_of_str(asked->key),
    };
    if (admin_user_ok(ask, asked->user, false) && admin_user_ok(ask, asked->from, true) &&
        key_ok(ask, asked->key) && payload_ok(ask, event.payload)) {
        if (!ask->local) {
            admin_audit(ask, &(struct admin_deed){.action = "send", .user = asked->user});
        }
        admin_start(ask, ADMIN_SEND, &event);
    }
}

/* Epochs are written as 16 hexadecimal digits; what is none equals no epoch of ours. */
static uint64_t read_epoch(const char *text)
{
    uint64_t epoch = 0;
    size_t len = strspn(text, "0123456789abcdef");
    if (len != EPOCH_DIGITS || text[len] != 0) {
        return UINT64_MAX;
    }
    for (size_t i = 0; i < len; i++) {
        uint64_t digit = (uint64_t)(text[i] <= '9' ? text[i] - '0' : text[i] - 'a' + 10);
        epoch = epoch << 4 | digit;
    }
    return epoch;
}

void admin_history(struct admin_ask *ask, const Splitrail__Admin__History *asked)
{
    struct command command = {
        .kind = COMMAND_HISTORY_ROOM,
        .since = {.present = asked->has_since,
                  .epoch = asked->epoch[0] == 0 ? 0 : read_epoch(asked->epoch),
                  .offset = asked->since},
        .limit = asked->limit,
    };
    struct core_event event = {
        .kind = CORE_READ, .room = bytes_of_str(asked->room), .command = &command};
    if (asked->limit > COMMAND_HISTORY_MAX) {
        admin_fail(ask, ADMIN_STATUS(BAD_REQUEST), "the limit is at most 1000");
    } else if (room_ok(ask, asked->room, false)) {
        admin_start(ask, ADMIN_READ, &event);
    }
}

void admin_drain(struct admin_ask *ask, const Splitrail__Admin__One *asked)
{
    uint64_t cursor = 0;
    struct registry_edge edge;
    struct bytes id = bytes_of_str(asked->id);
    while (registry_edge_next(ask->core, &cursor, &edge)) {
        if (edge.draining && bytes_equal(edge.id, id)) {
            admin_fail(ask, ADMIN_STATUS(REFUSED), "the edge is draining already");
            return;
        }
    }
    switch (router_plane_drain(ask->admin->plane, id, ask->now_ms)) {
    case PLANE_DRAIN_NO_EDGE:
        admin_fail(ask, ADMIN_STATUS(NOT_FOUND), "no such edge");
        return;
    case PLANE_DRAIN_TOO_OLD:
        admin_fail(ask, ADMIN_STATUS(REFUSED), "the edge is too old to be told: send it SIGTERM");
        return;
    case PLANE_DRAIN_OK:
        break;
    }
    admin_audit(ask, &(struct admin_deed){.action = "drain", .edge = asked->id});
}

static void answer_log(struct admin_ask *ask, const struct push *push)
{
    Splitrail__Admin__Log *out = admin_room(ask, 1, sizeof(*out));
    if (out == NULL) {
        return;
    }
    splitrail__admin__log__init(out);
    ask->reply.log = out;
    out->epoch = push->epoch == 0 ? out->epoch : admin_hex(ask, push->epoch);
    out->offset = push->offset;
    out->first_offset = push->first_offset;
    out->messages = push->message_count == 0 ? NULL : admin_pointers(ask, push->message_count);
    for (size_t i = 0; !ask->overflowed && i < push->message_count; i++) {
        const struct push_message *message = &push->messages[i];
        Splitrail__Admin__Message *made = admin_room(ask, 1, sizeof(*made));
        uint8_t *payload = (uint8_t *)admin_text(ask, message->payload);
        if (ask->overflowed) {
            return;
        }
        splitrail__admin__message__init(made);
        made->offset = message->offset;
        made->timestamp_ms = message->timestamp_ms;
        made->user = admin_text(ask, message->user);
        made->payload.data = payload;
        made->payload.len = message->payload.len;
        out->messages[out->n_messages++] = made;
    }
}

static void answer_done(struct admin_ask *ask, enum admin_action action,
                        const struct core_effect *done)
{
    if (action == ADMIN_BAN && done->error == CLIENT_ERROR_UNAVAILABLE) {
        admin_fail(ask, ADMIN_STATUS(REFUSED), "there are as many bans as may be (--max-bans)");
        return;
    }
    if (action == ADMIN_UNBAN && !done->found) {
        admin_fail(ask, ADMIN_STATUS(NOT_FOUND), "no such ban");
        return;
    }
    if (done->error != CLIENT_ERROR_NONE) {
        admin_fail(ask, ADMIN_STATUS(REFUSED), client_error_text(done->error));
        return;
    }
    if (action == ADMIN_KICK && (!done->found || done->count == 0)) {
        admin_fail(ask, ADMIN_STATUS(NOT_FOUND), "nobody by that name is connected there");
        return;
    }
    if (action == ADMIN_READ) {
        answer_log(ask, done->push);
        return;
    }
    Splitrail__Admin__Done *out = admin_room(ask, 1, sizeof(*out));
    if (out == NULL) {
        return;
    }
    splitrail__admin__done__init(out);
    out->offset = done->offset;
    out->duplicate = done->duplicate;
    out->count = done->count;
    if (action == ADMIN_PUBLISH) {
        out->epoch = admin_hex(ask, done->epoch);
    }
    ask->reply.done = out;
}

void admin_done(struct admin *admin, const struct core_effect *done, uint64_t wall_ms)
{
    struct pending *pending = slotmap_remove(&admin->pending, done->admin);
    if (pending == NULL) {
        return;
    }
    struct admin_ask ask = {
        .admin = admin,
        .core = router_plane_core(admin->plane),
        .peer = pending->peer,
        .id = pending->id,
        .local = pending->local,
        .wall_ms = wall_ms,
    };
    arena_reset(&admin->reply_arena);
    splitrail__admin__reply__init(&ask.reply);
    answer_done(&ask, pending->action, done);
    admin_answer(&ask);
    pending_free(pending);
}

void admin_forget_pending(struct admin *admin)
{
    for (uint32_t index = 0; index < admin->pending.used; index++) {
        slot_id id = slotmap_id_at(&admin->pending, index);
        if (id != 0) {
            pending_free(slotmap_remove(&admin->pending, id));
        }
    }
}
