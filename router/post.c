/* Posting into a channel. Ephemeral: delivered and forgotten. Memory: numbered, kept, delivered.
 * Durable: numbered, given to the engine, and delivered and answered in the order of the numbers
 * once the engine has it.
 *
 * A number whose append failed is given out again when it is still the newest; when later ones are
 * committed already it stays a hole, which members are told as a gap. A number whose append is
 * UNKNOWN may be in the log, also when a repetition FAILED: the engine is asked until it says OK,
 * and what came later waits.
 *
 * A durable message is stored with its id (edge incarnation, connection, number), beside its key if
 * it has one, so that after a restart an edge that sends it again is answered as if it were the
 * first time, and nothing is stored twice. While the router lives the numbers of the connection do
 * that. */
#include "router/post.h"

#include "common/mem.h"
#include "router/core_internal.h"
#include "router/load.h"
#include "router/resent.h"
#include "router/user.h"

#include <assert.h>
#include <string.h>

enum { TRIES_AT_ONCE = 3 };

struct pending {
    struct pending *next;
    slot_id channel;
    slot_id append_id;     /* 0: repeats a key that is still pending */
    struct stored *stored; /* NULL with append_id 0 */
    uint64_t cause;
    struct tap_times times;
    bool done;
    bool unknown;   /* it may be in the log */
    bool ask_later; /* with the next tick of load.c */
    uint8_t tries;
    enum append_result result;
    bool no_echo;
    struct conn_ref conn;
    struct reply_to reply; /* id is in strings */
    uint16_t id_len;
    uint16_t user_len;
    uint16_t key_len;
    uint8_t strings[]; /* id, user, key */
};

static struct bytes pending_id(const struct pending *pending)
{
    return bytes_of(pending->strings, pending->id_len);
}

static struct bytes pending_user(const struct pending *pending)
{
    return bytes_of(pending->strings + pending->id_len, pending->user_len);
}

static struct bytes pending_key(const struct pending *pending)
{
    return bytes_of(pending->strings + pending->id_len + pending->user_len, pending->key_len);
}

static struct tap_times times_now(const struct router_core *core)
{
    uint64_t received_us = core->received_us == 0 ? core->now_ms * 1000 : core->received_us;
    return (struct tap_times){.edge_ms = core->arrived_ms, .router_us = received_us};
}

static struct pending *pending_new(const struct router_core *core, const struct channel *channel,
                                   const struct post *post)
{
    struct bytes parts[] = {post->reply.id, post->user, post->key};
    size_t len = parts[0].len + parts[1].len + parts[2].len;
    struct pending *pending = mem_new(1, sizeof(*pending) + len);
    pending->channel = channel->id;
    pending->cause = core->cause;
    pending->times = times_now(core);
    pending->no_echo = post->no_echo;
    pending->conn = post->conn;
    pending->reply = post->reply;
    uint8_t *at = pending->strings;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (parts[i].len != 0) {
            memcpy(at, parts[i].data, parts[i].len);
            at += parts[i].len;
        }
    }
    pending->id_len = (uint16_t)parts[0].len;
    pending->user_len = (uint16_t)parts[1].len;
    pending->key_len = (uint16_t)parts[2].len;
    return pending;
}

static void append_pending(struct router_core *core, struct channel *channel,
                           struct pending *pending)
{
    struct channel_rare *rare = channel_rare_made(channel);
    if (rare->pending_newest == NULL) {
        rare->pending_oldest = pending;
    } else {
        rare->pending_newest->next = pending;
    }
    rare->pending_newest = pending;
    core_hold_frame(core, pending->cause);
}

/* ---- answers ---- */

static void answer_ok(struct router_core *core, struct channel *channel, struct reply_to reply,
                      uint64_t offset, bool duplicate)
{
    struct push *ok = effects_push(&core->effects, PUSH_OK);
    ok->epoch = channel->epoch;
    ok->offset = offset;
    ok->duplicate = duplicate;
    if (channel->kind == CHANNEL_ROOM) {
        ok->command = COMMAND_ROOM_MESSAGE;
        ok->room = channel_name(channel);
    } else {
        ok->command = COMMAND_DIRECT_MESSAGE;
        ok->user = channel_name(channel);
        ok->delivered = user_of_inbox(channel)->attached;
    }
    struct message answer = {.kind = SESSION_PUBLISHED, .reply = reply, .ok = ok};
    mailbox_post(&core->mailbox, &answer);
}

static void answer_new(struct router_core *core, struct channel *channel, struct reply_to reply,
                       uint64_t offset)
{
    uint64_t *counter = channel->kind == CHANNEL_ROOM ? &core->counters.room_messages
                                                      : &core->counters.direct_messages;
    *counter += 1;
    answer_ok(core, channel, reply, offset, false);
}

static void answer_duplicate(struct router_core *core, struct channel *channel,
                             struct reply_to reply, uint64_t offset)
{
    core->counters.duplicates++;
    answer_ok(core, channel, reply, offset, true);
}

static void answer_unavailable(struct router_core *core, struct reply_to reply)
{
    struct message answer = {
        .kind = SESSION_PUBLISHED, .reply = reply, .error = CLIENT_ERROR_UNAVAILABLE};
    mailbox_post(&core->mailbox, &answer);
}

static struct reply_to pending_reply(struct router_core *core, const struct pending *pending)
{
    struct reply_to reply = pending->reply;
    reply.id = effects_copy(&core->effects, pending_id(pending));
    return reply;
}

/* ---- delivery ---- */

static struct push *message_push(struct router_core *core, const struct channel *channel)
{
    bool room = channel->kind == CHANNEL_ROOM;
    struct push *push =
        effects_push(&core->effects, room ? PUSH_ROOM_MESSAGE : PUSH_DIRECT_MESSAGE);
    push->room = room ? channel_name(channel) : BYTES_EMPTY;
    return push;
}

static void deliver_kept(struct router_core *core, struct channel *channel, struct stored *stored,
                         const struct conn_ref *except, const struct tap_times *times)
{
    struct push *push = message_push(core, channel);
    push->message = stored_view(stored);
    channel_keep(core, channel, stored);
    taps_message(core, channel, &push->message, times); /* before what it tells of: see core.h */
    channel_deliver(core, channel, push, channel->top, except);
}

/* The number is lost, and nobody may take the jump for a loss of their own. */
static void deliver_hole(struct router_core *core, struct channel *channel,
                         const struct stored *lost)
{
    struct push_message nothing = {.offset = lost->offset, .timestamp_ms = lost->timestamp_ms};
    struct stored *hole = stored_new(&core->effects.spares, &nothing);
    hole->hole = true;
    channel_keep(core, channel, hole);
    struct push *push = effects_push(&core->effects, PUSH_GAP);
    push->room = channel->kind == CHANNEL_ROOM ? channel_name(channel) : BYTES_EMPTY;
    push->from = lost->offset;
    push->to = lost->offset;
    channel_deliver(core, channel, push, push->to, NULL);
}

/* ---- the engine has answered ---- */

static bool failed_for_sure(const struct pending *pending)
{
    return pending->done && (pending->result == APPEND_FAILED || pending->result == APPEND_FENCED);
}

/* Whether later numbers than that of the failed `pending` are in use: 1 yes, 0 no, -1 the engine
 * has not said yet. */
static int later_in_use(const struct pending *pending)
{
    for (const struct pending *next = pending->next; next != NULL; next = next->next) {
        if (next->append_id != 0 && !failed_for_sure(next)) {
            return next->done ? 1 : -1;
        }
    }
    return 0;
}

static void finish_failed(struct router_core *core, struct channel *channel,
                          struct pending *pending, bool hole)
{
    if (hole) {
        deliver_hole(core, channel, pending->stored);
    } else if (channel->assigned >= pending->stored->offset) {
        channel->assigned = pending->stored->offset - 1;
    }
    mem_free(pending->stored);
    pending->stored = NULL;
    if (pending->key_len != 0 && channel_rare(channel)->keys != NULL) {
        keys_remove(channel_rare(channel)->keys, pending_user(pending), pending_key(pending));
    }
    answer_unavailable(core, pending_reply(core, pending));
}

static void finish_ok(struct router_core *core, struct channel *channel, struct pending *pending)
{
    uint64_t offset = pending->stored->offset;
    deliver_kept(core, channel, pending->stored, pending->no_echo ? &pending->conn : NULL,
                 &pending->times);
    pending->stored = NULL;
    answer_new(core, channel, pending_reply(core, pending), offset);
}

static void finish_repeated(struct router_core *core, struct channel *channel,
                            const struct pending *pending)
{
    uint64_t offset = 0;
    struct reply_to reply = pending_reply(core, pending);
    if (channel_key_find(core, channel, pending_user(pending), pending_key(pending), &offset)) {
        answer_duplicate(core, channel, reply, offset);
    } else {
        answer_unavailable(core, reply);
    }
}

/* False when it is not decided yet. */
static bool finish(struct router_core *core, struct channel *channel, struct pending *pending)
{
    if (pending->append_id == 0) {
        finish_repeated(core, channel, pending);
        return true;
    }
    if (!pending->done) {
        return false;
    }
    if (pending->result == APPEND_OK) {
        finish_ok(core, channel, pending);
        return true;
    }
    int later = failed_for_sure(pending) ? later_in_use(pending) : 1;
    if (later >= 0) {
        finish_failed(core, channel, pending, later == 1);
    }
    return later >= 0;
}

void post_finish(struct router_core *core, struct channel *channel)
{
    /* While the log is read again, or could not be read and shall be, what is delivered now would
     * overtake what an edge lacks. */
    while (!channel->loading && channel_rare(channel)->owed == 0 &&
           channel_rare(channel)->pending_oldest != NULL &&
           finish(core, channel, channel_rare(channel)->pending_oldest)) {
        struct pending *done = channel_rare(channel)->pending_oldest;
        channel_rare_made(channel)->pending_oldest = done->next;
        if (done->next == NULL) {
            channel_rare_made(channel)->pending_newest = NULL;
        }
        core_free_frame(core, done->cause);
        mem_free(done);
    }
    core_settle(core, channel);
}

static void emit_append(struct router_core *core, const struct channel *channel,
                        const struct pending *pending, struct bytes key)
{
    uint32_t count = (uint32_t)channel->policy->history_messages;
    struct push_message *copy = effects_alloc(&core->effects, 1, sizeof(*copy));
    *copy = stored_view(pending->stored);
    struct core_effect *effect = effects_add(&core->effects, CORE_APPEND);
    effect->append_id = pending->append_id;
    effect->group = channel->id;
    effect->room = channel_name(channel);
    effect->inbox = channel->kind == CHANNEL_INBOX;
    effect->epoch = channel->epoch;
    effect->offset = copy->offset;
    effect->message = copy;
    effect->key = key;
    effect->keep_count = count < LOAD_RECORDS_MIN ? LOAD_RECORDS_MIN : count;
    effect->keep_ms = (uint64_t)channel->policy->history_age_ms;
}

static uint8_t *put_number(uint8_t *at, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
    return at + bytes;
}

/* The id of a message that an edge may send again. */
static struct bytes message_id(struct reply_to reply, struct conn_ref conn,
                               uint8_t out[MESSAGE_ID_BYTES])
{
    if (reply.number == 0) {
        return BYTES_EMPTY; /* an operator's: not sent again */
    }
    out[0] = MESSAGE_ID_MARK;
    uint8_t *at = put_number(out + 1, reply.incarnation, 8);
    at = put_number(at, conn.slot, 4);
    at = put_number(at, conn.gen, 4);
    (void)put_number(at, reply.number, 8);
    return bytes_of(out, MESSAGE_ID_BYTES);
}

static struct bytes key_in_log(struct router_core *core, const struct pending *pending)
{
    uint8_t both[MESSAGE_ID_BYTES + COMMAND_KEY_MAX];
    struct bytes key = pending_key(pending);
    struct bytes id = message_id(pending->reply, pending->conn, both);
    if (channel_has_key(core, key)) {
        both[0] = MESSAGE_BOTH_MARK;
        memcpy(both + id.len, key.data, key.len);
        key = id.len == 0 ? key : bytes_of(both, id.len + key.len);
    } else {
        key = id;
    }
    return effects_copy(&core->effects, key);
}

static void ask_again(struct router_core *core, const struct channel *channel,
                      struct pending *pending)
{
    /* Not while the log is read: it may show what was asked for after it. */
    if (!channel->loading && pending->tries < TRIES_AT_ONCE) {
        pending->tries++;
        emit_append(core, channel, pending, key_in_log(core, pending));
    } else {
        pending->ask_later = true;
        load_retry_later(core, channel);
    }
}

void post_ask_again(struct router_core *core, const struct channel *channel)
{
    struct pending *pending = channel_rare(channel)->pending_oldest;
    if (channel->loading && pending != NULL) {
        load_retry_later(core, channel);
        return;
    }
    for (; pending != NULL; pending = pending->next) {
        if (pending->ask_later) {
            pending->ask_later = false;
            emit_append(core, channel, pending, key_in_log(core, pending));
        }
    }
}

void post_appended(struct router_core *core, uint64_t append_id, enum append_result result)
{
    struct pending *pending = slotmap_get(&core->pending, append_id);
    if (pending == NULL) {
        return;
    }
    struct channel *channel = channel_find(core, pending->channel);
    assert(channel != NULL && "what is pending holds its channel");
    pending->unknown = pending->unknown || result == APPEND_UNKNOWN;
    if (pending->unknown && (result == APPEND_UNKNOWN || result == APPEND_FAILED)) {
        ask_again(core, channel, pending);
        return;
    }
    (void)slotmap_remove(&core->pending, append_id);
    pending->done = true;
    pending->result = result;
    post_finish(core, channel);
}

void post_drop_pending(struct router_core *core, struct channel *channel)
{
    while (channel_rare(channel)->pending_oldest != NULL) {
        struct pending *pending = channel_rare(channel)->pending_oldest;
        channel->rare->pending_oldest = pending->next;
        channel->rare->pending_newest =
            pending->next == NULL ? NULL : channel->rare->pending_newest;
        (void)slotmap_remove(&core->pending, pending->append_id);
        mem_free(pending->stored);
        mem_free(pending);
    }
}

/* ---- posting ---- */

static struct push_message message_of(const struct router_core *core, const struct post *post,
                                      uint64_t offset)
{
    return (struct push_message){
        .offset = offset,
        .timestamp_ms = core->wall_ms,
        .user = post->user,
        .server_id = post->server_id,
        .payload = post->payload,
    };
}

static void post_ephemeral(struct router_core *core, struct channel *channel,
                           const struct post *post)
{
    struct push *push = message_push(core, channel);
    push->message = message_of(core, post, 0);
    push->message.payload = effects_copy(&core->effects, post->payload);
    push->message.user = effects_copy(&core->effects, post->user);
    channel_deliver(core, channel, push, 0, post->no_echo ? &post->conn : NULL);
    const struct tap_times times = times_now(core);
    taps_message(core, channel, &push->message, &times);
    answer_new(core, channel, post->reply, 0);
}

static void post_memory(struct router_core *core, struct channel *channel, const struct post *post)
{
    struct push_message content = message_of(core, post, ++channel->assigned);
    const struct tap_times times = times_now(core);
    deliver_kept(core, channel, stored_new(&core->effects.spares, &content),
                 post->no_echo ? &post->conn : NULL, &times);
    answer_new(core, channel, post->reply, channel->assigned);
}

/* False when too many appends are under way. */
static bool post_durable(struct router_core *core, struct channel *channel, const struct post *post)
{
    struct pending *pending = pending_new(core, channel, post);
    pending->append_id = slotmap_add(&core->pending, pending);
    if (pending->append_id == 0) {
        mem_free(pending);
        answer_unavailable(core, post->reply);
        return false;
    }
    struct push_message content = message_of(core, post, ++channel->assigned);
    pending->stored = stored_new(&core->effects.spares, &content);
    append_pending(core, channel, pending);
    emit_append(core, channel, pending, key_in_log(core, pending));
    return true;
}

/* The same answer as the first time, and not before it. */
static void post_repeated(struct router_core *core, struct channel *channel,
                          const struct post *post, uint64_t offset)
{
    if (offset <= channel->top) {
        answer_duplicate(core, channel, post->reply, offset);
    } else {
        append_pending(core, channel, pending_new(core, channel, post));
    }
}

/* Sent again by an edge whose router died between commit and acknowledgement: the first answer. */
static bool was_stored(struct router_core *core, struct channel *channel, const struct post *post)
{
    uint8_t id[MESSAGE_ID_BYTES];
    uint64_t offset = 0;
    if (channel_rare(channel)->resent == NULL || post->reply.number == 0 ||
        !resent_find(channel, post->user, message_id(post->reply, post->conn, id), &offset)) {
        return false;
    }
    core->counters.duplicates++;
    answer_ok(core, channel, post->reply, offset, false);
    return true;
}

/* What a user may begin is limited, or anybody could fill the disk with names. False: answered. */
static bool may_begin(struct router_core *core, const struct post *post)
{
    struct message refusal = {.kind = SESSION_PUBLISHED,
                              .reply = post->reply,
                              .error = CLIENT_ERROR_MESSAGE_RATE,
                              .reason = "too many new rooms and inboxes"};
    struct user *user = user_find(core, post->user);
    if (core->config.rates.user_logs_per_minute == 0 || post->reply.conn == 0 || user == NULL ||
        policy_user_begins(user_rates(core, user, core->now_ms), &core->config, core->now_ms,
                           &refusal.retry_ms)) {
        return true;
    }
    core->counters.user_logs_limited++;
    mailbox_post(&core->mailbox, &refusal);
    return false;
}

void post(struct router_core *core, struct channel *channel, const struct post *post)
{
    assert((!channel->durable || channel->loaded) && "the caller asked load_ready");
    uint64_t offset = 0;
    if (was_stored(core, channel, post)) {
        return; /* before the key is looked at: the edge repeats what the client said once */
    }
    if (channel_key_find(core, channel, post->user, post->key, &offset)) {
        post_repeated(core, channel, post, offset);
        return;
    }
    if (post->class == ROOM_DURABLE && channel->assigned == 0 && !may_begin(core, post)) {
        return;
    }
    if (post->class == ROOM_EPHEMERAL) {
        post_ephemeral(core, channel, post);
    } else if (post->class == ROOM_MEMORY) {
        post_memory(core, channel, post);
    } else if (!post_durable(core, channel, post)) {
        return;
    }
    channel_key_put(core, channel, post->user, post->key, channel->assigned);
}
