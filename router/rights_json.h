/* The claim `rights` of a token:
 *
 *     {"rooms":{"chat:*":["join","publish"]},"direct":false,"info":{"name":"Alice"}}
 *
 * Without `rooms` the policy decides about rooms, without `direct` it is allowed. Whatever is not
 * understood refuses the token: who wrote it meant something by it. */
#ifndef ROUTER_RIGHTS_JSON_H
#define ROUTER_RIGHTS_JSON_H

#include "common/buf.h"
#include "router/json_scan.h"
#include "router/rights.h"

/* Appends the rights (rights.h). NULL, or why not as a static text. `claim` must not be part of
 * `out`. */
const char *rights_read(struct json_value claim, struct buf *out);

#endif
