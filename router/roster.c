#include "router/roster.h"

#include "common/digest.h"
#include "router/core_internal.h"
#include "router/unsure.h"

enum { SAID_OFFLINE = 1, SAID_ONLINE = 2 };

/* The next router must come to the same. Who finds two names with one number hides at most that the
 * two came or left together. */
uint32_t roster_of_user(const struct user *user)
{
    uint32_t number = (uint32_t)digest_name(user_name(user));
    return number == 0 ? 1 : number;
}

uint32_t roster_now(const struct router_core *core, const struct channel *channel)
{
    if (channel->kind == CHANNEL_ROOM) {
        const struct room *room = (const struct room *)channel;
        return channel->policy->presence_events == POLICY_ON ? room->roster : 0;
    }
    if (channel->kind == CHANNEL_WATCH) {
        return user_online(user_find(core, channel_name(channel))) ? SAID_ONLINE : SAID_OFFLINE;
    }
    return 0;
}

void roster_told(struct router_core *core, struct channel *channel, uint32_t change)
{
    if (channel->believed != 0) {
        channel->believed ^= change;
    }
    channel_emit_roster(core, channel, ALL_EDGES, change, true);
}

void roster_known(struct router_core *core, struct channel *channel, uint32_t edge)
{
    uint32_t now = roster_now(core, channel);
    if (edge == ALL_EDGES) {
        channel->believed = 0; /* of those who said so far */
    }
    if (now != 0) {
        channel_emit_roster(core, channel, edge, now, false);
    }
}

void roster_announced(struct router_core *core, struct channel *channel, uint32_t roster)
{
    if (roster == 0 || channel->kind == CHANNEL_INBOX) {
        return;
    }
    if (channel->believed != 0 && channel->believed != roster) {
        unsure_announced(core, channel); /* not both can be so */
    }
    channel->believed = roster;
}

bool roster_differs(const struct router_core *core, const struct channel *channel)
{
    uint32_t now = roster_now(core, channel);
    return channel->believed != 0 && now != 0 && channel->believed != now;
}
