/* The edge's certificates and tickets: from options to edge->tls. */
#ifndef EDGE_EDGE_TLS_H
#define EDGE_EDGE_TLS_H

#include "common/buf.h"
#include "common/status.h"

struct edge;
struct plane_ticket_keys;

/* Sets edge->tls when there is a --listen-tls; else leaves it NULL. IO with one line in `error`. */
enum status edge_tls_open(struct edge *edge, struct buf *error) MUST_CHECK;

/* Reads all certificates and keys again, from the files that the options name now. When one is bad,
 * all old ones stay and a line in the log says why. */
void edge_tls_reload(struct edge *edge);

/* The router's keys for tickets. Without a --listen-tls they are of no use here. */
void edge_tls_share_tickets(struct edge *edge, const struct plane_ticket_keys *keys);

#endif
