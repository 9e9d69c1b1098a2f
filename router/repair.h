/* An edge lacks deliveries of a channel that were made (see edge/uplink_repair.c): it gets them
 * again, or is told that they are not kept, out of all that is still here, whatever clients may ask
 * for: its members never left. */
#ifndef ROUTER_REPAIR_H
#define ROUTER_REPAIR_H

#include "router/channel.h"

/* DELIVER to one edge, whether it has members or not, of a gap in place of the numbers `from` to
 * `to`. */
void repair_deliver_gap(struct router_core *core, const struct channel *channel, uint32_t edge,
                        uint64_t from, uint64_t to);
/* GROUP_TOP to one edge. */
void repair_emit_top(struct router_core *core, const struct channel *channel, uint32_t edge);

/* CORE_REPAIR. Not answered when the channel has another life by now (the edge is told so anyway)
 * or cannot be read: the edge asks again. */
void repair_asked(struct router_core *core, const struct core_event *event);
/* The same for one that was parked: the log is here. */
void repair_answer(struct router_core *core, const struct core_event *event,
                   struct channel *channel);

#endif
