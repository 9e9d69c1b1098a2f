#include "router/channel.h"

#include "common/mem.h"
#include "router/core_internal.h"
#include "router/load.h"
#include "router/post.h"
#include "router/resent.h"

#include <assert.h>
#include <sodium/crypto_shorthash.h>

void channel_init(struct router_core *core, struct channel *channel, enum channel_kind kind,
                  struct bytes name)
{
    *channel = (struct channel){.kind = (uint8_t)kind,
                                .name = name.data,
                                .name_len = (uint8_t)name.len,
                                .epoch = core_random(core),
                                .policy = kind == CHANNEL_ROOM
                                              ? policy_table_find(&core->config.policy, name)
                                              : &core->inbox_policy};
    channel->id = slotmap_add(&core->channels, channel);
    assert(channel->id != 0 && "users and rooms have far lower limits");
}

/* Of a channel in which nobody ever spoke: the same after every restart with the same data. Another
 * one for each time that its log was forgotten. */
static uint64_t first_epoch(const struct router_core *core, const struct channel *channel,
                            uint64_t forgotten)
{
    struct bytes name = channel_name(channel);
    uint8_t text[1 + NAME_BYTES_MAX + sizeof(forgotten)];
    size_t len = 1 + name.len;
    uint64_t epoch = 0;
    text[0] = (uint8_t)channel->kind;
    memcpy(text + 1, name.data, name.len);
    _Static_assert(sizeof(epoch) == crypto_shorthash_BYTES, "the hash is one word");
    memcpy(text + len, &forgotten, sizeof(forgotten));
    len += forgotten == 0 ? 0 : sizeof(forgotten);
    (void)crypto_shorthash((unsigned char *)&epoch, text, len, core->config.epoch_secret);
    return epoch == 0 ? 1 : epoch;
}

static void forget_oldest(struct router_core *core, struct channel *channel)
{
    struct stored *stored = ring_pop(channel->ring);
    core->history_bytes -= stored_cost(stored);
    effects_bury_spare(&core->effects, stored, stored_cost(stored));
}

static void empty_ring(struct router_core *core, struct channel *channel)
{
    while (channel->ring != NULL && channel->ring->count != 0) {
        forget_oldest(core, channel);
    }
}

void channel_fini(struct router_core *core, struct channel *channel)
{
    load_drop(core, channel);
    post_drop_pending(core, channel);
    empty_ring(core, channel);
    if (channel->ring != NULL) {
        ring_fini(channel->ring);
        mem_free(channel->ring);
        channel->ring = NULL;
    }
    if (channel->rare != NULL) {
        keys_free(&channel->rare->keys);
        keys_free(&channel->rare->resent);
        mem_free(channel->rare->former);
        mem_free(channel->rare);
        channel->rare = NULL;
    }
    if (channel->edge_capacity != 0) {
        mem_free(channel->edges);
        channel->edge_capacity = 0;
    }
    channel->edge_count = 0;
    (void)slotmap_remove(&core->channels, channel->id);
}

struct channel *channel_find(const struct router_core *core, slot_id id)
{
    return slotmap_get(&core->channels, id);
}

struct channel_rare *channel_rare_made(struct channel *channel)
{
    if (channel->rare == NULL) {
        channel->rare = mem_new(1, sizeof(*channel->rare));
    }
    return channel->rare;
}

static void emit_deliver(struct router_core *core, const struct channel *channel,
                         const struct push *push, uint64_t offset, const uint32_t *edges,
                         size_t edge_count)
{
    struct core_effect *effect = effects_add(&core->effects, CORE_DELIVER);
    effect->group = channel->id;
    effect->push = push;
    effect->offset = offset;
    effect->edges = edges;
    effect->edge_count = edge_count;
}

void channel_deliver(struct router_core *core, struct channel *channel, const struct push *push,
                     uint64_t offset, const struct conn_ref *except)
{
    if (channel->edge_count == 0) {
        return;
    }
    uint32_t *edges = effects_alloc(&core->effects, channel->edge_count, sizeof(*edges));
    for (uint32_t i = 0; i < channel->edge_count; i++) {
        edges[i] = channel_edges(channel)[i].edge;
    }
    emit_deliver(core, channel, push, offset, edges, channel->edge_count);
    core->counters.deliveries += channel->member_count;
    if (except != NULL) {
        struct core_effect *effect = &core->effects.items[core->effects.count - 1];
        effect->has_except = true;
        effect->conn = *except;
    }
}

void channel_deliver_to(struct router_core *core, const struct channel *channel, uint32_t edge,
                        const struct push *push, uint64_t offset)
{
    uint32_t *edges = effects_alloc(&core->effects, 1, sizeof(*edges));
    edges[0] = edge;
    emit_deliver(core, channel, push, offset, edges, 1);
    core->counters.deliveries += channel_members_on(channel, edge);
}

const struct group_info *channel_info(struct router_core *core, const struct channel *channel)
{
    struct group_info *info = effects_alloc(&core->effects, 1, sizeof(*info));
    *info = (struct group_info){
        .kind = channel->kind, .name = channel_name(channel), .epoch = channel->epoch};
    return info;
}

void channel_emit_add(struct router_core *core, const struct channel *channel, struct conn_ref conn,
                      bool first_on_edge)
{
    const struct group_info *info = first_on_edge ? channel_info(core, channel) : NULL;
    struct core_effect *effect = effects_add(&core->effects, CORE_GROUP_ADD);
    effect->conn = conn;
    effect->group = channel->id;
    effect->offset = channel->top;
    effect->group_info = info;
    if (first_on_edge && channel_droppable(channel)) {
        channel_emit_policy(core, channel, conn.edge);
    } else if (first_on_edge && channel->unsure) {
        channel_emit_unsure(core, channel, conn.edge);
    }
}

static struct core_effect *emit_to(struct router_core *core, const struct channel *channel,
                                   enum core_effect_kind kind, uint32_t edge)
{
    uint32_t count = edge == ALL_EDGES ? channel->edge_count : 1;
    if (count == 0) {
        return NULL;
    }
    uint32_t *edges = effects_alloc(&core->effects, count, sizeof(*edges));
    for (uint32_t i = 0; i < count; i++) {
        edges[i] = edge == ALL_EDGES ? channel_edges(channel)[i].edge : edge;
    }
    struct core_effect *effect = effects_add(&core->effects, kind);
    effect->group = channel->id;
    effect->edges = edges;
    effect->edge_count = count;
    return effect;
}

static void emit_bits(struct router_core *core, const struct channel *channel,
                      enum core_effect_kind kind, uint32_t edge)
{
    struct core_effect *effect = emit_to(core, channel, kind, edge);
    if (effect != NULL) {
        effect->droppable = channel_droppable(channel);
        effect->unsure = channel->unsure;
    }
}

void channel_emit_roster(struct router_core *core, const struct channel *channel, uint32_t edge,
                         uint32_t roster, bool changes)
{
    struct core_effect *effect = emit_to(core, channel, CORE_GROUP_ROSTER, edge);
    if (effect != NULL) {
        effect->roster = roster;
        effect->roster_changes = changes;
    }
}

void channel_emit_policy(struct router_core *core, const struct channel *channel, uint32_t edge)
{
    emit_bits(core, channel, CORE_GROUP_POLICY, edge);
}

void channel_emit_unsure(struct router_core *core, const struct channel *channel, uint32_t edge)
{
    emit_bits(core, channel, CORE_GROUP_UNSURE, edge);
}

void channel_emit_remove(struct router_core *core, const struct channel *channel,
                         struct conn_ref conn)
{
    struct core_effect *effect = effects_add(&core->effects, CORE_GROUP_REMOVE);
    effect->conn = conn;
    effect->group = channel->id;
}

static bool is_owed(const struct channel *channel)
{
    return channel_rare(channel)->owed != 0 &&
           ring_at(channel->ring, 0)->offset >= channel_rare(channel)->owed;
}

void channel_owes(struct channel *channel, uint64_t offset)
{
    channel_rare_made(channel)->owed =
        channel_rare(channel)->owed == 0 || offset < channel_rare(channel)->owed
            ? offset
            : channel_rare(channel)->owed;
}

void channel_settled(struct router_core *core, struct channel *channel)
{
    if (channel_rare(channel)->owed != 0) {
        channel->rare->owed = 0;
    }
    channel_trim(core, channel);
}

static bool oldest_is_too_much(const struct router_core *core, const struct channel *channel)
{
    const struct ring *ring = channel->ring;
    const struct namespace_policy *policy = channel->policy;
    if (ring->count == 0 || is_owed(channel)) {
        return false;
    }
    return ring->count > policy->history_messages ||
           ring->payload_bytes > core->config.history_bytes ||
           (policy->history_age_ms != 0 &&
            (int64_t)core->now_ms - ring_at(ring, 0)->kept_ms > policy->history_age_ms);
}

static uint64_t history_max(const struct channel *channel)
{
    return (uint64_t)channel->policy->history_messages;
}

static void raise_first(struct channel *channel, uint64_t offset)
{
    if (channel->durable && channel_rare(channel)->first < offset) {
        channel_rare_made(channel)->first = offset;
    }
}

/* What the limits of the channel take away is not told to anybody again, though the log may have it
 * still; what the total takes out of memory can be read again. */
static void forget_for_good(struct router_core *core, struct channel *channel)
{
    raise_first(channel, ring_at(channel->ring, 0)->offset + 1);
    forget_oldest(core, channel);
}

void channel_trim(struct router_core *core, struct channel *channel)
{
    /* While edges still announce, members of the late ones live from the ring alone: only the total
     * bounds it then. */
    while (channel->ring != NULL && !core->rebuilding && oldest_is_too_much(core, channel)) {
        forget_for_good(core, channel);
    }
    uint64_t count = history_max(channel);
    uint64_t oldest = channel->top + 1 > count ? channel->top + 1 - count : 1;
    raise_first(channel, oldest);
}

void channel_bound_total(struct router_core *core, struct channel *channel)
{
    uint64_t max = core->config.history_total_bytes;
    while (core->history_bytes > max && core_evict_history(core)) {
    }
    while (core->history_bytes > max && channel_keeps(channel)) {
        forget_oldest(core, channel);
    }
}

void channel_keep(struct router_core *core, struct channel *channel, struct stored *stored)
{
    assert(stored->offset == channel->top + 1 && "numbers have no holes");
    channel->top = stored->offset;
    channel->assigned = channel->assigned < channel->top ? channel->top : channel->assigned;
    if (channel->policy->history_messages == 0 && !core->rebuilding && channel->ring == NULL) {
        effects_bury_spare(&core->effects, stored, stored_cost(stored));
        return;
    }
    if (channel->ring == NULL) {
        channel->ring = mem_new(1, sizeof(*channel->ring));
    }
    /* By the monotonic clock: a wall clock that jumps makes nothing old. */
    stored->kept_ms = (int64_t)core->now_ms;
    ring_push(channel->ring, stored);
    core->history_bytes += stored_cost(stored);
    channel_trim(core, channel);
    channel_bound_total(core, channel);
}

uint64_t channel_first_offset(const struct channel *channel)
{
    uint64_t in_memory = channel_ring_first(channel);
    return channel->durable && channel_rare(channel)->first < in_memory
               ? channel_rare(channel)->first
               : in_memory;
}

uint64_t channel_ring_first(const struct channel *channel)
{
    uint32_t kept = channel->ring == NULL ? 0 : channel->ring->count;
    return channel->top + 1 - kept;
}

const struct stored *channel_at(const struct channel *channel, uint64_t offset)
{
    return ring_at(channel->ring, (uint32_t)(offset - channel_ring_first(channel)));
}

const struct push *channel_push_at(struct router_core *core, const struct channel *channel,
                                   uint64_t offset)
{
    const struct stored *stored = channel_at(channel, offset);
    enum push_kind kind = channel->kind == CHANNEL_ROOM ? PUSH_ROOM_MESSAGE : PUSH_DIRECT_MESSAGE;
    struct push *push = effects_push(&core->effects, stored->hole ? PUSH_GAP : kind);
    push->room = channel->kind == CHANNEL_ROOM ? channel_name(channel) : BYTES_EMPTY;
    if (stored->hole) {
        push->from = offset;
        push->to = offset;
    } else {
        push->message = stored_view(stored);
    }
    return push;
}

bool channel_has_key(const struct router_core *core, struct bytes key)
{
    return key.len != 0 && core->config.key_window != 0 && core->config.key_window_ms != 0;
}

void channel_key_put_at(struct router_core *core, struct channel *channel,
                        const struct channel_key *key)
{
    uint32_t window = core->config.key_window;
    if (channel_rare(channel)->keys == NULL) {
        channel_rare_made(channel)->keys = keys_new(core->hash_seed);
    }
    if (channel->durable && window < LOAD_RECORDS_MIN) {
        window = LOAD_RECORDS_MIN; /* what an edge sends again after a restart must be known */
    }
    keys_put(channel_rare(channel)->keys, key->user, key->key, key->offset, key->at_ms, window);
}

bool channel_key_find(const struct router_core *core, const struct channel *channel,
                      struct bytes user, struct bytes key, uint64_t *ret_offset)
{
    uint64_t window = core->config.key_window_ms;
    uint64_t newer_than = core->now_ms > window ? core->now_ms - window : 0;
    return channel_has_key(core, key) &&
           keys_find(channel_rare(channel)->keys, user, key, newer_than, ret_offset);
}

void channel_key_put(struct router_core *core, struct channel *channel, struct bytes user,
                     struct bytes key, uint64_t offset)
{
    if (!channel_has_key(core, key)) {
        return;
    }
    channel_key_put_at(core, channel, &(struct channel_key){user, key, offset, core->now_ms});
}

/* ---- the log ---- */

static struct stored *hole_at(struct router_core *core, uint64_t offset)
{
    struct push_message nothing = {.offset = offset};
    struct stored *hole = stored_new(&core->effects.spares, &nothing);
    hole->hole = true;
    return hole;
}

static void push_stored(struct router_core *core, struct channel *channel, struct stored *stored)
{
    stored->kept_ms = (int64_t)core->now_ms - core_age_of(core, stored->timestamp_ms);
    ring_push(channel->ring, stored);
    core->history_bytes += stored_cost(stored);
}

/* The ring has no holes: those of the log become entries, or the ring begins after a wide one. */
static void take_record(struct router_core *core, struct channel *channel,
                        const struct core_record *record, uint64_t *next)
{
    uint64_t offset = record->message.offset;
    if (channel->ring->count != 0 && offset - *next > history_max(channel)) {
        empty_ring(core, channel);
    }
    for (; channel->ring->count != 0 && *next < offset; (*next)++) {
        push_stored(core, channel, hole_at(core, *next));
    }
    push_stored(core, channel, stored_new(&core->effects.spares, &record->message));
    *next = offset + 1;
}

/* A log may come from a file that somebody wrote by hand. What it has in vain becomes a hole. */
static bool is_sound(const struct core_record *record)
{
    return !record->bare && record->message.user.len <= NAME_BYTES_MAX &&
           record->message.server_id.len <= NAME_BYTES_MAX;
}

static void take_records(struct router_core *core, struct channel *channel,
                         const struct core_log *log)
{
    uint64_t next = 1;
    empty_ring(core, channel);
    if (channel->ring == NULL) {
        channel->ring = mem_new(1, sizeof(*channel->ring));
    }
    for (size_t i = 0; i < log->record_count; i++) {
        const struct core_record *record = &log->records[i];
        bool fits = record->message.offset <= channel->top && record->message.offset >= next;
        if (fits && is_sound(record)) {
            take_record(core, channel, record, &next);
        }
    }
    for (; channel->ring->count != 0 && next <= channel->top; next++) {
        if (channel->top - next > history_max(channel)) {
            empty_ring(core, channel);
            break;
        }
        push_stored(core, channel, hole_at(core, next));
    }
    channel_rare_made(channel)->first = channel_ring_first(channel);
    while (oldest_is_too_much(core, channel)) {
        forget_for_good(core, channel);
    }
}

void channel_take_log(struct router_core *core, struct channel *channel, const struct core_log *log)
{
    bool again = channel->loaded;
    channel->loaded = true;
    if (!again) {
        channel->epoch = log->found ? log->epoch : first_epoch(core, channel, log->forgotten);
        channel->top = log->found ? log->top : 0;
        channel->assigned = channel->top;
        channel_rare_made(channel)->loaded_top = channel->top;
        resent_take(core, channel, log);
    }
    if (log->found && log->epoch == channel->epoch) {
        take_records(core, channel, log);
    } else {
        channel_rare_made(channel)->first = channel_ring_first(channel);
    }
}

void channel_skip(struct router_core *core, struct channel *channel, uint64_t offset)
{
    if (offset - channel->top > history_max(channel)) {
        empty_ring(core, channel);
        channel->top = offset;
        channel->assigned = offset;
        raise_first(channel, offset + 1);
        return;
    }
    while (channel->top < offset) {
        channel_keep(core, channel, hole_at(core, channel->top + 1));
    }
}

bool channel_since_lacks(const struct channel *channel, uint64_t epoch, uint64_t offset)
{
    return channel->durable && epoch == channel->epoch &&
           channel_rare(channel)->first < channel_ring_first(channel) &&
           offset + 1 < channel_ring_first(channel);
}

/* First and last offset that a history answer may hold, before its size is bounded. */
static void history_range(const struct channel *channel, const struct command *command,
                          uint64_t *ret_from, uint64_t *ret_to)
{
    uint64_t limit = command->limit == 0 ? HISTORY_LIMIT_DEFAULT : command->limit;
    limit = limit > COMMAND_HISTORY_MAX ? COMMAND_HISTORY_MAX : limit;
    uint64_t first = channel_first_offset(channel);
    bool known = command->since.present && command->since.epoch == channel->epoch;
    if (!command->since.present) {
        *ret_from = channel->top + 1 > first + limit ? channel->top + 1 - limit : first;
        *ret_to = channel->top;
        return;
    }
    /* Numbers of another life mean nothing here: from the oldest kept. */
    uint64_t from = first;
    if (known && command->since.offset >= first) {
        from = command->since.offset < channel->top ? command->since.offset + 1 : channel->top + 1;
    }
    *ret_from = from;
    *ret_to =
        from <= channel->top && channel->top - from >= limit ? from + limit - 1 : channel->top;
}

bool channel_history_lacks(const struct channel *channel, const struct command *command)
{
    uint64_t first = channel_ring_first(channel);
    uint64_t from = 0;
    uint64_t to = 0;
    if (!channel->durable || channel_rare(channel)->first >= first) {
        return false;
    }
    history_range(channel, command, &from, &to);
    return from <= to && from < first;
}

/* Shrinks the range to HISTORY_BYTES_MAX, from the end that was asked for; at least one message. */
static void bound_bytes(const struct channel *channel, bool forward, uint64_t *from, uint64_t *to)
{
    uint64_t bytes = 0;
    uint64_t count = *to - *from + 1;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t offset = forward ? *from + i : *to - i;
        bytes += stored_cost(channel_at(channel, offset));
        if (bytes > HISTORY_BYTES_MAX && i != 0) {
            *(forward ? to : from) = forward ? offset - 1 : offset + 1;
            return;
        }
    }
}

void channel_history(struct router_core *core, struct channel *channel,
                     const struct command *command, struct push *push)
{
    channel_trim(core, channel);
    push->epoch = channel->epoch;
    push->offset = channel->top;
    push->first_offset = channel_first_offset(channel);
    uint64_t from = 0;
    uint64_t to = 0;
    history_range(channel, command, &from, &to);
    /* The log could not be read, or has less than it had. */
    uint64_t first = channel_ring_first(channel);
    from = from < first ? first : from;
    if (from > to) {
        return;
    }
    bound_bytes(channel, command->since.present, &from, &to);
    struct push_message *messages =
        effects_alloc(&core->effects, (size_t)(to - from + 1), sizeof(*messages));
    for (uint64_t offset = from; offset <= to; offset++) {
        const struct stored *stored = channel_at(channel, offset);
        if (!stored->hole) {
            messages[push->message_count++] = stored_view(stored);
        }
    }
    push->messages = messages;
}
