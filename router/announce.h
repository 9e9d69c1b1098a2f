/* Edges coming, going, and telling what they have. */
#ifndef ROUTER_ANNOUNCE_H
#define ROUTER_ANNOUNCE_H

#include "router/core.h"

void announce_edge_up(struct router_core *core, const struct core_event *event);
void announce_edge_down(struct router_core *core, const struct core_event *event);
void announce_edge_draining(struct router_core *core, const struct core_event *event);
void announce_group(struct router_core *core, const struct core_event *event);
void announce_conn(struct router_core *core, const struct core_event *event);
void announce_end(struct router_core *core, const struct core_event *event);

#endif
