/* Publishing into a room. Ephemeral: delivered and forgotten. Memory: numbered, kept, delivered.
 * Durable: numbered, given to the engine, and delivered and answered in the order of the numbers
 * once the engine has it.
 *
 * A number whose append failed is given out again when it is still the newest; when later ones are
 * committed already it stays a hole, which members are told as a gap. A number whose append is
 * UNKNOWN may be in the log and is never given out again. */
#include "common/mem.h"
#include "router/core_internal.h"
#include "router/room.h"

#include <assert.h>
#include <string.h>

struct room_pending {
    struct room_pending *next;
    slot_id room;
    slot_id append_id;     /* 0: repeats a key that is still pending */
    struct stored *stored; /* NULL with append_id 0 */
    bool done;
    enum append_result result;
    bool no_echo;
    struct conn_ref conn;
    slot_id reply_conn;
    uint64_t reply_admin;
    uint16_t id_len;
    uint16_t user_len;
    uint16_t key_len;
    uint8_t strings[]; /* id, user, key */
};

static struct bytes pending_id(const struct room_pending *pending)
{
    return bytes_of(pending->strings, pending->id_len);
}

static struct bytes pending_user(const struct room_pending *pending)
{
    return bytes_of(pending->strings + pending->id_len, pending->user_len);
}

static struct bytes pending_key(const struct room_pending *pending)
{
    return bytes_of(pending->strings + pending->id_len + pending->user_len, pending->key_len);
}

static struct room_pending *pending_new(const struct room *room, const struct message *message)
{
    size_t len = message->reply.id.len + message->user_name.len + message->key.len;
    struct room_pending *pending = mem_new(1, sizeof(*pending) + len);
    pending->room = room->channel.id;
    pending->no_echo = message->no_echo;
    pending->conn = message->conn;
    pending->reply_conn = message->reply.conn;
    pending->reply_admin = message->reply.admin;
    struct bytes parts[] = {message->reply.id, message->user_name, message->key};
    uint8_t *at = pending->strings;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (parts[i].len != 0) {
            memcpy(at, parts[i].data, parts[i].len);
            at += parts[i].len;
        }
    }
    pending->id_len = (uint16_t)message->reply.id.len;
    pending->user_len = (uint16_t)message->user_name.len;
    pending->key_len = (uint16_t)message->key.len;
    return pending;
}

static void append_pending(struct room *room, struct room_pending *pending)
{
    if (room->pending_newest == NULL) {
        room->pending_oldest = pending;
    } else {
        room->pending_newest->next = pending;
    }
    room->pending_newest = pending;
}

static void answer_ok(struct router_core *core, const struct room *room, struct reply_to reply,
                      uint64_t offset, bool duplicate)
{
    struct push *ok = effects_push(&core->effects, PUSH_OK);
    ok->command = COMMAND_ROOM_MESSAGE;
    ok->room = room->channel.name;
    ok->epoch = room->channel.epoch;
    ok->offset = offset;
    ok->duplicate = duplicate;
    core->counters.duplicates += duplicate;
    core->counters.room_messages += !duplicate;
    struct message answer = {.kind = SESSION_PUBLISHED, .reply = reply, .ok = ok};
    mailbox_post(&core->mailbox, &answer);
}

static void answer_unavailable(struct router_core *core, struct reply_to reply)
{
    struct message answer = {
        .kind = SESSION_PUBLISHED, .reply = reply, .error = CLIENT_ERROR_UNAVAILABLE};
    mailbox_post(&core->mailbox, &answer);
}

static struct reply_to pending_reply(struct router_core *core, const struct room_pending *pending)
{
    return (struct reply_to){
        .conn = pending->reply_conn,
        .id = effects_copy(&core->effects, pending_id(pending)),
        .admin = pending->reply_admin,
    };
}

static void deliver_kept(struct router_core *core, struct room *room, struct stored *stored,
                         const struct conn_ref *except)
{
    struct push *push = effects_push(&core->effects, PUSH_ROOM_MESSAGE);
    push->room = room->channel.name;
    push->message = stored_view(stored);
    channel_keep(core, &room->channel, stored);
    channel_deliver(core, &room->channel, push, room->channel.top, except);
}

/* The number is lost, and nobody may take the jump for a loss of their own. */
static void deliver_hole(struct router_core *core, struct room *room, const struct stored *lost)
{
    struct push_message nothing = {.offset = lost->offset, .timestamp_ms = lost->timestamp_ms};
    struct stored *hole = stored_new(&nothing);
    hole->hole = true;
    struct push *push = effects_push(&core->effects, PUSH_GAP);
    push->room = room->channel.name;
    push->from = lost->offset;
    push->to = lost->offset;
    channel_keep(core, &room->channel, hole);
    channel_deliver(core, &room->channel, push, push->to, NULL);
}

static bool failed_for_sure(const struct room_pending *pending)
{
    return pending->done && (pending->result == APPEND_FAILED || pending->result == APPEND_FENCED);
}

/* Whether later numbers than that of the failed `pending` are in use: 1 yes, 0 no, -1 the engine
 * has not said yet. */
static int later_in_use(const struct room_pending *pending)
{
    for (const struct room_pending *next = pending->next; next != NULL; next = next->next) {
        if (next->append_id != 0 && !failed_for_sure(next)) {
            return next->done ? 1 : -1;
        }
    }
    return 0;
}

static void finish_failed(struct router_core *core, struct room *room, struct room_pending *pending,
                          bool hole)
{
    if (hole) {
        deliver_hole(core, room, pending->stored);
    } else if (room->assigned >= pending->stored->offset) {
        room->assigned = pending->stored->offset - 1;
    }
    mem_free(pending->stored);
    pending->stored = NULL;
    if (pending->key_len != 0 && room->channel.keys != NULL) {
        keys_remove(room->channel.keys, pending_user(pending), pending_key(pending));
    }
    answer_unavailable(core, pending_reply(core, pending));
}

static void finish_ok(struct router_core *core, struct room *room, struct room_pending *pending)
{
    uint64_t offset = pending->stored->offset;
    deliver_kept(core, room, pending->stored, pending->no_echo ? &pending->conn : NULL);
    pending->stored = NULL;
    answer_ok(core, room, pending_reply(core, pending), offset, false);
}

static void finish_repeated(struct router_core *core, struct room *room,
                            const struct room_pending *pending)
{
    uint64_t offset = 0;
    struct reply_to reply = pending_reply(core, pending);
    if (channel_key_find(core, &room->channel, pending_user(pending), pending_key(pending),
                         &offset)) {
        answer_ok(core, room, reply, offset, true);
    } else {
        answer_unavailable(core, reply);
    }
}

/* False when it is not decided yet. */
static bool finish(struct router_core *core, struct room *room, struct room_pending *pending)
{
    if (pending->append_id == 0) {
        finish_repeated(core, room, pending);
        return true;
    }
    if (!pending->done) {
        return false;
    }
    if (pending->result == APPEND_OK) {
        finish_ok(core, room, pending);
        return true;
    }
    int later = failed_for_sure(pending) ? later_in_use(pending) : 1;
    if (later >= 0) {
        finish_failed(core, room, pending, later == 1);
    }
    return later >= 0;
}

static void finish_in_order(struct router_core *core, struct room *room)
{
    while (room->pending_oldest != NULL && finish(core, room, room->pending_oldest)) {
        struct room_pending *done = room->pending_oldest;
        room->pending_oldest = done->next;
        if (done->next == NULL) {
            room->pending_newest = NULL;
        }
        mem_free(done);
    }
    room_settle(core, room);
}

void room_appended(struct router_core *core, uint64_t append_id, enum append_result result)
{
    struct room_pending *pending = slotmap_remove(&core->pending, append_id);
    if (pending == NULL) {
        return;
    }
    pending->done = true;
    pending->result = result;
    struct room *room = room_by_group(core, pending->room);
    assert(room != NULL && "what is pending holds its room");
    finish_in_order(core, room);
}

void room_drop_pending(struct router_core *core, struct room *room)
{
    while (room->pending_oldest != NULL) {
        struct room_pending *pending = room->pending_oldest;
        room->pending_oldest = pending->next;
        (void)slotmap_remove(&core->pending, pending->append_id);
        mem_free(pending->stored);
        mem_free(pending);
    }
    room->pending_newest = NULL;
}

static struct push_message message_of(const struct router_core *core, const struct message *message,
                                      uint64_t offset)
{
    return (struct push_message){
        .offset = offset,
        .timestamp_ms = core->wall_ms,
        .user = message->user_name,
        .server_id = message->server_id,
        .payload = message->payload,
    };
}

static void publish_ephemeral(struct router_core *core, struct room *room,
                              const struct message *message)
{
    struct push *push = effects_push(&core->effects, PUSH_ROOM_MESSAGE);
    push->room = room->channel.name;
    push->message = message_of(core, message, 0);
    push->message.payload = effects_copy(&core->effects, message->payload);
    push->message.user = effects_copy(&core->effects, message->user_name);
    channel_deliver(core, &room->channel, push, 0, message->no_echo ? &message->conn : NULL);
    answer_ok(core, room, message->reply, 0, false);
}

static void publish_memory(struct router_core *core, struct room *room,
                           const struct message *message)
{
    struct push_message content = message_of(core, message, ++room->assigned);
    deliver_kept(core, room, stored_new(&content), message->no_echo ? &message->conn : NULL);
    answer_ok(core, room, message->reply, room->assigned, false);
}

static void emit_append(struct router_core *core, const struct room *room,
                        const struct room_pending *pending)
{
    struct push_message *copy = effects_alloc(&core->effects, 1, sizeof(*copy));
    *copy = stored_view(pending->stored);
    struct core_effect *effect = effects_add(&core->effects, CORE_APPEND);
    effect->append_id = pending->append_id;
    effect->group = room->channel.id;
    effect->room = room->channel.name;
    effect->epoch = room->channel.epoch;
    effect->offset = copy->offset;
    effect->message = copy;
}

/* False when too many appends are under way. */
static bool publish_durable(struct router_core *core, struct room *room,
                            const struct message *message)
{
    struct room_pending *pending = pending_new(room, message);
    pending->append_id = slotmap_add(&core->pending, pending);
    if (pending->append_id == 0) {
        mem_free(pending);
        answer_unavailable(core, message->reply);
        return false;
    }
    struct push_message content = message_of(core, message, ++room->assigned);
    pending->stored = stored_new(&content);
    append_pending(room, pending);
    emit_append(core, room, pending);
    return true;
}

/* The same answer as the first time, and not before it. */
static void publish_repeated(struct router_core *core, struct room *room,
                             const struct message *message, uint64_t offset)
{
    if (offset <= room->channel.top) {
        answer_ok(core, room, message->reply, offset, true);
    } else {
        append_pending(room, pending_new(room, message));
    }
}

void room_publish(struct router_core *core, const struct message *message)
{
    struct room *room = room_ensure(core, message->room);
    if (room == NULL) {
        answer_unavailable(core, message->reply);
        return;
    }
    idle_remove(&room->idle); /* making room must not take this one */
    uint64_t offset = 0;
    bool accepted = true;
    if (channel_key_find(core, &room->channel, message->user_name, message->key, &offset)) {
        publish_repeated(core, room, message, offset);
        accepted = false;
    } else if (room->class == ROOM_EPHEMERAL) {
        publish_ephemeral(core, room, message);
    } else if (room->class == ROOM_MEMORY) {
        publish_memory(core, room, message);
    } else {
        accepted = publish_durable(core, room, message);
    }
    if (accepted) {
        channel_key_put(core, &room->channel, message->user_name, message->key, room->assigned);
    }
    room_settle(core, room);
}
