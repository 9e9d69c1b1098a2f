/* Messages of a room, for people and as JSON. */
#ifndef ROUTER_CTL_CTL_LOG_H
#define ROUTER_CTL_CTL_LOG_H

#include "common/buf.h"
#include "proto/admin.pb-c.h"
#include "router/ctl/ctl_args.h"

#include <jansson.h>

/* The answer to history. */
void ctl_log_print(const Splitrail__Admin__Reply *reply, struct buf *out);
void ctl_log_json(const struct ctl_args *args, const Splitrail__Admin__Reply *reply, json_t *root);

/* One message: {offset, timestamp, userId, payload}. A payload that jansson cannot hold, like the
 * number 1e400, is given as text under payloadText. */
json_t *ctl_log_message(const Splitrail__Admin__Message *message);

#endif
