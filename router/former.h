/* Lives of a channel that ended with a router before (class memory, or a lost log): the epoch of
 * each, and the newest message that an edge knows of. Edges had not all delivered the same when
 * that router died; whose members lack something that others got are told a gap of that life.
 * Several, since an edge may have been away for a whole life. */
#ifndef ROUTER_FORMER_H
#define ROUTER_FORMER_H

#include "router/channel.h"

/* CORE_ANNOUNCE_GROUP of another life than the channel's: tells this edge what it lacks, and the
 * others what is news to them. After the edge was bound, before it hears of the new life. */
void former_announced(struct router_core *core, const struct core_event *event,
                      struct channel *channel);

/* CORE_LAGGING of another life than the channel's: the edge knows of messages up to `newest` in it
 * (0 = it does not say). The others are told what is news to them. */
void former_lagging(struct router_core *core, struct channel *channel, uint32_t edge,
                    uint64_t epoch, uint64_t newest);

/* The push for one who has everything of the life `epoch` below `offset`, or NULL: it lacks nothing
 * that is known of. */
const struct push *former_gap(struct router_core *core, const struct channel *channel,
                              uint64_t epoch, uint64_t offset);

#endif
