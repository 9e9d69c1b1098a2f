/* One event of watch, tail or trace, for people and as JSON. */
#ifndef ROUTER_CTL_CTL_EVENTS_H
#define ROUTER_CTL_CTL_EVENTS_H

#include "common/buf.h"
#include "proto/admin.pb-c.h"
#include "router/ctl/ctl_args.h"

#include <jansson.h>

/* Appends the lines of one event: one, but for trace, which has a line for each hop. */
void ctl_event(const struct ctl_args *args, const Splitrail__Admin__Event *event, struct buf *out);

/* The way of a message, without its payload. */
json_t *ctl_event_json(const Splitrail__Admin__Event *event);

/* Appends a line when events were lost. */
void ctl_event_lost(const struct ctl_args *args, uint64_t count, struct buf *out);

#endif
