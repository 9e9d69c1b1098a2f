#include "router/channel.h"

#include "common/mem.h"
#include "router/core_internal.h"

#include <assert.h>

void channel_init(struct router_core *core, struct channel *channel, enum channel_kind kind,
                  struct bytes name)
{
    *channel = (struct channel){.kind = kind,
                                .name = name,
                                .epoch = core_random(core),
                                .policy = kind == CHANNEL_ROOM
                                              ? policy_table_find(&core->config.policy, name)
                                              : &core->inbox_policy};
    channel->id = slotmap_add(&core->channels, channel);
    assert(channel->id != 0 && "users and rooms have far lower limits");
}

static void forget_oldest(struct router_core *core, struct channel *channel)
{
    struct stored *stored = ring_pop(channel->ring);
    core->history_bytes -= stored_cost(stored);
    effects_bury(&core->effects, stored);
}

void channel_fini(struct router_core *core, struct channel *channel)
{
    if (channel->ring != NULL) {
        while (channel->ring->count != 0) {
            forget_oldest(core, channel);
        }
        ring_fini(channel->ring);
        mem_free(channel->ring);
        channel->ring = NULL;
    }
    keys_free(&channel->keys);
    mem_free(channel->edges);
    channel->edges = NULL;
    (void)slotmap_remove(&core->channels, channel->id);
}

struct channel *channel_find(const struct router_core *core, slot_id id)
{
    return slotmap_get(&core->channels, id);
}

/* Edges are few and a room's edges fewer: a scan of a packed array beats any table. */
static struct edge_count *count_on(const struct channel *channel, uint32_t edge)
{
    for (uint32_t i = 0; i < channel->edge_count; i++) {
        if (channel->edges[i].edge == edge) {
            return &channel->edges[i];
        }
    }
    return NULL;
}

bool channel_add_member(struct channel *channel, uint32_t edge)
{
    channel->member_count++;
    struct edge_count *found = count_on(channel, edge);
    if (found != NULL) {
        found->count++;
        return false;
    }
    if (channel->edge_count == channel->edge_capacity) {
        channel->edge_capacity = channel->edge_capacity == 0 ? 1 : channel->edge_capacity * 2;
        channel->edges =
            mem_resize(channel->edges, channel->edge_capacity, sizeof(*channel->edges));
    }
    channel->edges[channel->edge_count++] = (struct edge_count){.edge = edge, .count = 1};
    return true;
}

void channel_remove_member(struct channel *channel, uint32_t edge)
{
    struct edge_count *found = count_on(channel, edge);
    assert(found != NULL && "removed more often than added");
    channel->member_count--;
    if (--found->count == 0) {
        *found = channel->edges[--channel->edge_count];
    }
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
        edges[i] = channel->edges[i].edge;
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
    const struct edge_count *found = count_on(channel, edge);
    core->counters.deliveries += found == NULL ? 0 : found->count;
}

const struct group_info *channel_info(struct router_core *core, const struct channel *channel)
{
    struct group_info *info = effects_alloc(&core->effects, 1, sizeof(*info));
    *info =
        (struct group_info){.kind = channel->kind, .name = channel->name, .epoch = channel->epoch};
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
    }
}

void channel_emit_policy(struct router_core *core, const struct channel *channel, uint32_t edge)
{
    uint32_t count = edge == ALL_EDGES ? channel->edge_count : 1;
    if (count == 0) {
        return;
    }
    uint32_t *edges = effects_alloc(&core->effects, count, sizeof(*edges));
    for (uint32_t i = 0; i < count; i++) {
        edges[i] = edge == ALL_EDGES ? channel->edges[i].edge : edge;
    }
    struct core_effect *effect = effects_add(&core->effects, CORE_GROUP_POLICY);
    effect->group = channel->id;
    effect->edges = edges;
    effect->edge_count = count;
    effect->droppable = channel_droppable(channel);
}

void channel_emit_remove(struct router_core *core, const struct channel *channel,
                         struct conn_ref conn)
{
    struct core_effect *effect = effects_add(&core->effects, CORE_GROUP_REMOVE);
    effect->conn = conn;
    effect->group = channel->id;
}

static bool oldest_is_too_much(const struct router_core *core, const struct channel *channel)
{
    const struct ring *ring = channel->ring;
    const struct namespace_policy *policy = channel->policy;
    if (ring->count == 0) {
        return false;
    }
    return ring->count > policy->history_messages ||
           ring->payload_bytes > core->config.history_bytes ||
           (policy->history_age_ms != 0 &&
            (int64_t)core->now_ms - ring_at(ring, 0)->kept_ms > policy->history_age_ms);
}

void channel_trim(struct router_core *core, struct channel *channel)
{
    /* While edges still announce, members of the late ones live from the ring alone: only the total
     * bounds it then. */
    while (channel->ring != NULL && !core->rebuilding && oldest_is_too_much(core, channel)) {
        forget_oldest(core, channel);
    }
}

/* The channel's own limits first, then the total: first what nobody uses, then its own past. */
static void enforce_limits(struct router_core *core, struct channel *channel)
{
    struct ring *ring = channel->ring;
    channel_trim(core, channel);
    while (core->history_bytes > core->config.history_total_bytes && core_evict_history(core)) {
    }
    while (ring->count != 0 && core->history_bytes > core->config.history_total_bytes) {
        forget_oldest(core, channel);
    }
}

void channel_keep(struct router_core *core, struct channel *channel, struct stored *stored)
{
    assert(stored->offset == channel->top + 1 && "numbers have no holes");
    channel->top = stored->offset;
    if (channel->policy->history_messages == 0 && !core->rebuilding && channel->ring == NULL) {
        effects_bury(&core->effects, stored);
        return;
    }
    if (channel->ring == NULL) {
        channel->ring = mem_new(1, sizeof(*channel->ring));
    }
    /* By the monotonic clock from here on: a wall clock that jumps makes nothing old. */
    stored->kept_ms = (int64_t)core->now_ms - (int64_t)(core->wall_ms - stored->timestamp_ms);
    ring_push(channel->ring, stored);
    core->history_bytes += stored_cost(stored);
    enforce_limits(core, channel);
}

uint64_t channel_first_offset(const struct channel *channel)
{
    uint32_t kept = channel->ring == NULL ? 0 : channel->ring->count;
    return channel->top + 1 - kept;
}

const struct stored *channel_at(const struct channel *channel, uint64_t offset)
{
    return ring_at(channel->ring, (uint32_t)(offset - channel_first_offset(channel)));
}

const struct push *channel_push_at(struct router_core *core, const struct channel *channel,
                                   uint64_t offset)
{
    const struct stored *stored = channel_at(channel, offset);
    enum push_kind kind = channel->kind == CHANNEL_ROOM ? PUSH_ROOM_MESSAGE : PUSH_DIRECT_MESSAGE;
    struct push *push = effects_push(&core->effects, stored->hole ? PUSH_GAP : kind);
    push->room = channel->kind == CHANNEL_ROOM ? channel->name : BYTES_EMPTY;
    if (stored->hole) {
        push->from = offset;
        push->to = offset;
    } else {
        push->message = stored_view(stored);
    }
    return push;
}

bool channel_key_find(const struct router_core *core, const struct channel *channel,
                      struct bytes user, struct bytes key, uint64_t *ret_offset)
{
    uint64_t window = core->config.key_window_ms;
    uint64_t newer_than = core->now_ms > window ? core->now_ms - window : 0;
    return key.len != 0 && keys_find(channel->keys, user, key, newer_than, ret_offset);
}

void channel_key_put(struct router_core *core, struct channel *channel, struct bytes user,
                     struct bytes key, uint64_t offset)
{
    if (key.len == 0 || core->config.key_window == 0) {
        return;
    }
    if (channel->keys == NULL) {
        channel->keys = keys_new(core->hash_seed);
    }
    keys_put(channel->keys, user, key, offset, core->now_ms, core->config.key_window);
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
