/* Edges coming, going, and telling what they have. */
#ifndef ROUTER_ANNOUNCE_H
#define ROUTER_ANNOUNCE_H

#include "router/channel.h"

void announce_edge_up(struct router_core *core, const struct core_event *event);
void announce_edge_down(struct router_core *core, const struct core_event *event);
void announce_edge_pace(struct router_core *core, const struct core_event *event);
void announce_edge_draining(struct router_core *core, const struct core_event *event);
void announce_group(struct router_core *core, const struct core_event *event);
/* What was put off by announce_group until the log of the channel was here. */
void announce_catch_up(struct router_core *core, const struct core_event *event,
                       struct channel *channel);
void announce_conn(struct router_core *core, const struct core_event *event);
void announce_roster(struct router_core *core, const struct core_event *event);
void announce_unsure(struct router_core *core, const struct core_event *event);
void announce_spent(struct router_core *core, const struct core_event *event);
void announce_end(struct router_core *core, const struct core_event *event);

#endif
