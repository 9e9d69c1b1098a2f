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
    core->counters.repairs++;
    if (from < first) {
        uint64_t last = to < first ? to : first - 1;
        core->counters.repairs_lost += last - from + 1;
        channel_deliver_gap_to(core, channel, event->edge, from, last);
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
