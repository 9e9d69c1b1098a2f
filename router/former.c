#include "router/former.h"

#include "common/mem.h"
#include "router/core_internal.h"

enum {
    OFFSET_BITS = 53, /* JSON's integers */
    LIVES_MAX = 4     /* more than four routers in a row that one edge or other missed */
};

struct former {
    struct {
        uint64_t epoch;
        uint64_t top;
    } lives[LIVES_MAX];
    uint32_t count;
};

/* The newest message of that life, or 0. */
static uint64_t top_of(const struct channel *channel, uint64_t epoch)
{
    for (uint32_t i = 0;
         channel_rare(channel)->former != NULL && i < channel_rare(channel)->former->count; i++) {
        if (channel_rare(channel)->former->lives[i].epoch == epoch) {
            return channel_rare(channel)->former->lives[i].top;
        }
    }
    return 0;
}

/* False when it is one too many. */
static bool set_top(struct channel *channel, uint64_t epoch, uint64_t top)
{
    if (channel_rare(channel)->former == NULL) {
        channel_rare_made(channel)->former = mem_new(1, sizeof(*channel_rare(channel)->former));
    }
    struct former *former = channel_rare(channel)->former;
    uint32_t i = 0;
    while (i < former->count && former->lives[i].epoch != epoch) {
        i++;
    }
    if (i == LIVES_MAX) {
        return false;
    }
    former->lives[i].epoch = epoch;
    former->lives[i].top = top > former->lives[i].top ? top : former->lives[i].top;
    former->count = i < former->count ? former->count : i + 1;
    return true;
}

const struct push *former_gap(struct router_core *core, const struct channel *channel,
                              uint64_t epoch, uint64_t offset)
{
    uint64_t top = top_of(channel, epoch);
    if (epoch == channel->epoch || offset > top) {
        return NULL;
    }
    struct push *push = effects_push(&core->effects, PUSH_GAP);
    push->room = channel->kind == CHANNEL_ROOM ? channel_name(channel) : BYTES_EMPTY;
    push->epoch = epoch;
    push->from = offset;
    push->to = top;
    return push;
}

static void tell(struct router_core *core, const struct channel *channel, uint32_t edge,
                 const struct push *push)
{
    if (push != NULL) {
        channel_deliver_to(core, channel, edge, push, 0);
        core->effects.items[core->effects.count - 1].always = true;
    }
}

static bool is_possible(const struct channel *channel, uint64_t newest)
{
    return channel->kind != CHANNEL_WATCH && newest >> OFFSET_BITS == 0;
}

/* The other edges hear of what is above `top`, if somebody there may lack it. */
static void tell_others(struct router_core *core, const struct channel *channel, uint32_t edge,
                        uint64_t epoch, uint64_t top)
{
    for (uint32_t i = 0; i < channel->edge_count; i++) {
        if (channel_edges(channel)[i].edge != edge) {
            tell(core, channel, channel_edges(channel)[i].edge,
                 former_gap(core, channel, epoch, top + 1));
        }
    }
}

void former_announced(struct router_core *core, const struct core_event *event,
                      struct channel *channel)
{
    uint64_t newest = event->to_offset > event->last_offset ? event->to_offset : event->last_offset;
    uint64_t epoch = event->group->epoch;
    uint64_t top = top_of(channel, epoch);
    if (!is_possible(channel, newest) || (newest != 0 && !set_top(channel, epoch, newest))) {
        return;
    }
    if (newest == 0 && top == 0) {
        channel_rare_made(channel)->former_none = epoch;
    }
    tell(core, channel, event->edge, former_gap(core, channel, epoch, event->last_offset + 1));
    if (newest > top && (top != 0 || channel_rare(channel)->former_none == epoch)) {
        tell_others(core, channel, event->edge, epoch, top);
    }
}

void former_lagging(struct router_core *core, struct channel *channel, uint32_t edge,
                    uint64_t epoch, uint64_t newest)
{
    uint64_t top = top_of(channel, epoch);
    bool news = newest > top && epoch != channel->epoch && is_possible(channel, newest);
    if (news && set_top(channel, epoch, newest) && top != 0) {
        tell_others(core, channel, edge, epoch, top);
    }
}
