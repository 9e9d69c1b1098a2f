/* What a reload has changed, as a table and as JSON. */
#ifndef ROUTER_CTL_CTL_RELOAD_H
#define ROUTER_CTL_CTL_RELOAD_H

#include "common/buf.h"
#include "proto/admin.pb-c.h"

#include <jansson.h>

void ctl_reload_print(const Splitrail__Admin__Reply *reply, struct buf *out);

/* Adds "changes", "refused", "needRestart" and "total" to `root`. */
void ctl_reload_json(const Splitrail__Admin__Reply *reply, json_t *root);

#endif
