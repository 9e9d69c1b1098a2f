/* The wiring between the uplink (what the edge knows of the planes) and zlink (its transport), and
 * between the uplink and the connections. */
#ifndef EDGE_ROUTER_LINK_H
#define EDGE_ROUTER_LINK_H

#include "common/buf.h"
#include "common/status.h"

#include <stdint.h>

struct edge;

/* Makes edge->uplink and its transport. IO with one line in `error`. Needs edge->conns, ->out. */
enum status router_link_open(struct edge *edge, struct buf *error) MUST_CHECK;
void router_link_close(struct edge *edge);

/* Ticks the uplink, and lets clients go when the router is away for too long. Once per turn. */
void router_link_step(struct edge *edge);

/* When router_link_step has something to do. */
uint64_t router_link_deadline(const struct edge *edge);

/* Stops or resumes reading of all connections as the router keeps up or not. After a flush. */
void router_link_watch_congestion(struct edge *edge);

/* While a turn goes on writing (out_callbacks.on_breath); `owner` is the edge. */
void router_link_breathe(void *owner);

#endif
