/* Map from bytes to a pointer: open addressing, SipHash-2-4 with a secret key (peers choose the
 * names). Keys are borrowed: they live inside the value, and must not move or change while it is in
 * the map. Values are never NULL. */
#ifndef COMMON_STRMAP_H
#define COMMON_STRMAP_H

#include "common/bytes.h"

#include <stddef.h>
#include <stdint.h>

struct strmap_entry;

struct strmap {
    struct strmap_entry *entries; /* NULL while empty */
    size_t capacity;              /* power of two, or 0 */
    size_t count;
    uint8_t key[16];
};

/* Empty, no allocation. `seed` is 16 secret random bytes, copied. */
void strmap_init(struct strmap *map, const uint8_t seed[16]);

/* Frees the table; values belong to the caller. */
void strmap_fini(struct strmap *map);

/* The value, or NULL. */
void *strmap_get(const struct strmap *map, struct bytes key);

/* Adds; the key must not be there yet (asserted). */
void strmap_put(struct strmap *map, struct bytes key, void *value);

/* Removes and returns the value, or NULL when it was not there. */
void *strmap_remove(struct strmap *map, struct bytes key);

/* Iteration in table order: start with *cursor = 0; NULL at the end. No change of the map between
 * two calls. */
void *strmap_next(const struct strmap *map, size_t *cursor);

#endif
