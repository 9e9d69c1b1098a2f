#include "router/repair.h"

#include "router/core_internal.h"
#include "router/load.h"
#include "router/room.h"
#include "router/user.h"

static struct channel *channel_named(const struct router_core *core, const struct group_info *info)
{
    if (info->kind == CHANNEL_ROOM) {
        struct room *room = room_find(core, info->name);
        return room == NULL ? NULL : &room->channel;
    }
    struct user *user = info->kind == CHANNEL_INBOX ? user_find(core, info->name) : NULL;
    return user == NULL ? NULL : &user->inbox;
}

void repair_deliver_gap(struct router_core *core, const struct channel *channel, uint32_t edge,
                        uint64_t from, uint64_t to)
{
    struct push *push = effects_push(&core->effects, PUSH_GAP);
    push->room = channel->kind == CHANNEL_ROOM ? channel_name(channel) : BYTES_EMPTY;
    push->from = from;
    push->to = to;
    channel_deliver_to(core, channel, edge, push, to);
    core->effects.items[core->effects.count - 1].span = to - from;
}

void repair_emit_top(struct router_core *core, const struct channel *channel, uint32_t edge)
{
    uint32_t *edges = effects_alloc(&core->effects, 1, sizeof(*edges));
    edges[0] = edge;
    struct core_effect *effect = effects_add(&core->effects, CORE_GROUP_TOP);
    effect->group = channel->id;
    effect->offset = channel->top;
    effect->edges = edges;
    effect->edge_count = 1;
}

void repair_answer(struct router_core *core, const struct core_event *event,
                   struct channel *channel)
{
    if (!channel_has_member(channel, event->edge) || event->group->epoch != channel->epoch) {
        return;
    }
    uint64_t from = event->last_offset;
    uint64_t to = event->to_offset < channel->top ? event->to_offset : channel->top;
    uint64_t first = channel_ring_first(channel);
    if (from == 0 || from > to) {
        return;
    }
    if (from < first) {
        uint64_t last = to < first ? to : first - 1;
        repair_deliver_gap(core, channel, event->edge, from, last);
        from = last + 1;
    }
    for (uint64_t offset = from; offset <= to; offset++) {
        channel_deliver_to(core, channel, event->edge, channel_push_at(core, channel, offset),
                           offset);
    }
}

void repair_asked(struct router_core *core, const struct core_event *event)
{
    struct channel *channel = channel_named(core, event->group);
    if (channel == NULL || !channel_has_member(channel, event->edge)) {
        return;
    }
    bool ready = load_ready(core, channel);
    if (ready && channel->durable && event->group->epoch == channel->epoch &&
        event->last_offset < channel_ring_first(channel)) {
        load_again(core, channel);
        ready = false;
    }
    if (ready) {
        repair_answer(core, event, channel);
        return;
    }
    channel_owes(channel, event->last_offset);
    (void)load_park(core, channel, event); /* refused: it asks again */
}
