#include "router/former.h"

#include "router/core_internal.h"

enum { OFFSET_BITS = 53 }; /* JSON's integers */

const struct push *former_gap(struct router_core *core, const struct channel *channel,
                              uint64_t epoch, uint64_t offset)
{
    if (epoch != channel->former_epoch || epoch == 0 || offset > channel->former_top) {
        return NULL;
    }
    struct push *push = effects_push(&core->effects, PUSH_GAP);
    push->room = channel->kind == CHANNEL_ROOM ? channel->name : BYTES_EMPTY;
    push->epoch = epoch;
    push->from = offset;
    push->to = channel->former_top;
    return push;
}

static void tell(struct router_core *core, const struct channel *channel, uint32_t edge,
                 uint64_t offset)
{
    const struct push *push = former_gap(core, channel, channel->former_epoch, offset);
    if (push != NULL) {
        channel_deliver_to(core, channel, edge, push, 0);
        core->effects.items[core->effects.count - 1].always = true;
    }
}

void former_announced(struct router_core *core, const struct core_event *event,
                      struct channel *channel)
{
    uint64_t newest = event->to_offset > event->last_offset ? event->to_offset : event->last_offset;
    if (channel->kind == CHANNEL_WATCH || newest >> OFFSET_BITS != 0) {
        return;
    }
    if (channel->former_epoch == 0) {
        channel->former_epoch = event->group->epoch;
        channel->former_top = newest;
    }
    if (channel->former_epoch != event->group->epoch) {
        return;
    }
    uint64_t top = channel->former_top;
    channel->former_top = newest > top ? newest : top;
    tell(core, channel, event->edge, event->last_offset + 1);
    for (uint32_t i = 0; newest > top && i < channel->edge_count; i++) {
        if (channel->edges[i].edge != event->edge) {
            tell(core, channel, channel->edges[i].edge, top + 1);
        }
    }
}
