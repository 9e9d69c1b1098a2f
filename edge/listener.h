/* The sockets on which clients arrive: binds, accepts in batches, turns away what passes a limit.
 */
#ifndef EDGE_LISTENER_H
#define EDGE_LISTENER_H

#include "common/buf.h"
#include "common/status.h"

#include <stdint.h>

struct edge;
struct listener;

/* Binds every --listen and --listen-tls address into edge->listener. IO with one line in `error`.
 */
enum status listener_open(struct edge *edge, struct buf *error) MUST_CHECK;

/* Stops listening and frees edge->listener; harmless when done before. */
void listener_close(struct edge *edge);

/* Goes on accepting when a pause is over. Once per turn. */
void listener_step(struct edge *edge);

/* When listener_step has something to do; UINT64_MAX for never. */
uint64_t listener_deadline(const struct edge *edge);

#endif
