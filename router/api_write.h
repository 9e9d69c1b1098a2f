/* Answers of the admin as JSON of the HTTP API. Pure. Names are those of the client protocol; times
 * are milliseconds since 1970. */
#ifndef ROUTER_API_WRITE_H
#define ROUTER_API_WRITE_H

#include "common/buf.h"
#include "proto/admin.pb-c.h"
#include "router/api_keys.h"
#include "router/api_route.h"

/* An answer with status OK, in the form of the call; `name` is that of its path, `limit` that of
 * its page. */
void api_write_answer(enum api_call_id id, const char *name, const Splitrail__Admin__Reply *reply,
                      struct buf *out);

/* Name and scopes, never the key. */
void api_write_key(const struct api_key *key, struct buf *out);

/* {"error":{"code":…,"message":…}}; `detail` (may be empty) is appended to the message after a
 * colon. `retry_after_ms` 0 = not written. */
void api_write_error(enum api_error error, const char *detail, uint64_t retry_after_ms,
                     struct buf *out);

#endif
