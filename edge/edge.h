/* One edge: holds the sockets of clients, passes their messages to a router and its deliveries to
 * them. Single-threaded; all state hangs off this object, several fit in one process. */
#ifndef EDGE_EDGE_H
#define EDGE_EDGE_H

#include "common/buf.h"
#include "edge/edge_options.h"

struct edge;

/* Binds everything. `options` is borrowed for the life of the edge; live rows may change between
 * loop turns. NULL with one line in `error` when an address cannot be bound. Raises the descriptor
 * limit of the process to its hard limit. */
struct edge *edge_new(const struct edge_options *options, struct buf *error);

/* Takes SIGTERM, SIGINT (drain; the second ends at once) and SIGHUP (`on_hangup(owner)`, to re-read
 * live options) of the process. At most one edge per process may do this. */
void edge_watch_signals(struct edge *edge, void (*on_hangup)(void *owner), void *owner);

/* Begins to drain: no new clients, those here are told to move (client-protocol.md,
 * server_shutdown); edge_run returns when none is left or --drain-timeout is over. */
void edge_drain(struct edge *edge);

/* Runs until drained or told to end. Returns the exit code: 0 drained, 1 ended by a second signal,
 * 3 the router speaks another version. */
int edge_run(struct edge *edge);

/* Closes all sockets without ceremony. Accepts NULL. */
void edge_free(struct edge **edge);

#endif
