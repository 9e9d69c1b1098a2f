/* The answer to limits. */
#ifndef ROUTER_CTL_CTL_LIMITS_H
#define ROUTER_CTL_CTL_LIMITS_H

#include "common/buf.h"
#include "proto/admin.pb-c.h"

#include <jansson.h>

void ctl_limits_print(const Splitrail__Admin__Reply *reply, struct buf *out);
void ctl_limits_json(const Splitrail__Admin__Reply *reply, json_t *root);

#endif
