/* /health, /ready and /metrics on --http-listen. */
#ifndef EDGE_EDGE_HTTP_H
#define EDGE_EDGE_HTTP_H

#include "common/buf.h"
#include "common/status.h"

struct edge;

/* Starts edge->httpd unless --http-listen is off. IO with one line in `error`. */
enum status edge_http_open(struct edge *edge, struct buf *error) MUST_CHECK;

#endif
