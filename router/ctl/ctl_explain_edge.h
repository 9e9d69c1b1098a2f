/* What edges told of the connections of an explanation. */
#ifndef ROUTER_CTL_CTL_EXPLAIN_EDGE_H
#define ROUTER_CTL_CTL_EXPLAIN_EDGE_H

#include "common/buf.h"
#include "proto/admin.pb-c.h"

#include <jansson.h>

/* A table, and a line for each edge that told nothing; nothing when no connection is attached. */
void ctl_explain_views(const Splitrail__Admin__Explanation *facts, struct buf *out);
/* "edgeView" of a connection, or why it is null: "edgeUnseen". */
void ctl_explain_view_json(const Splitrail__Admin__ExplainedConn *conn, json_t *object);

#endif
