/* Decides which CURVE keys may connect to the sockets of a context: ZeroMQ's authentication
 * protocol (RFC 27), answered on the loop. Without it, or before it, nobody can connect. */
#ifndef COMMON_ZLINK_AUTH_H
#define COMMON_ZLINK_AUTH_H

#include "common/zlink.h"

#include <stdbool.h>

struct zlink_auth;

/* True when the owner of the secret key to `key` may connect to a socket of that `domain`. Asked
 * when it has proved that it has it, once for each connection. `address` is its IP. */
typedef bool zlink_may_connect(void *owner, struct bytes domain, const uint8_t key[CURVE_KEY_BYTES],
                               struct bytes address);

/* One for each context; made before sockets that speak CURVE are bound, freed before the context.
 */
struct zlink_auth *zlink_auth_new(struct zlink_context *context, struct event_base *base,
                                  zlink_may_connect *ask, void *owner);
void zlink_auth_free(struct zlink_auth **auth);

#endif
