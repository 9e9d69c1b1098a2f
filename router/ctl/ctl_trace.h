/* The way of a message, hop by hop. */
#ifndef ROUTER_CTL_CTL_TRACE_H
#define ROUTER_CTL_CTL_TRACE_H

#include "common/buf.h"
#include "proto/admin.pb-c.h"

#include <jansson.h>

/* Lines for people. */
void ctl_trace_hops(const Splitrail__Admin__Event *event, struct buf *out);
/* The same for scripts, into the event's object. */
void ctl_trace_json(const Splitrail__Admin__Event *event, json_t *object);

#endif
