/* Tokens that were found good, so that a client that comes back costs no signature. Only what takes
 * long to check is worth a place. Keyed by SHA-256 of the token; the token itself is not kept. The
 * least recently used goes first. Pure but for libcrypto's arithmetic. */
#ifndef ROUTER_AUTH_CACHE_H
#define ROUTER_AUTH_CACHE_H

#include "common/bytes.h"
#include "router/auth.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct auth_cache;

/* `entries_max` 0: keeps nothing. `seed` as for strmap_init(). */
struct auth_cache *auth_cache_new(size_t entries_max, const uint8_t seed[16]);
void auth_cache_free(struct auth_cache **cache);

/* True when the token is known and its end has not come at `wall_ms`; the verdict's views are valid
 * until the next change of the cache. */
bool auth_cache_find(struct auth_cache *cache, struct bytes token, uint64_t wall_ms,
                     struct auth_verdict *ret_verdict);

/* Keeps a good verdict. */
void auth_cache_add(struct auth_cache *cache, struct bytes token,
                    const struct auth_verdict *verdict);

/* After a change of keys. */
void auth_cache_clear(struct auth_cache *cache);

size_t auth_cache_count(const struct auth_cache *cache);

#endif
