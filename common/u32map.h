/* Map from uint32_t to uint32_t, packed, for sets that are mostly small (members of a room by user
 * index). Keys are ours, never a peer's, so a plain multiplicative hash is enough. */
#ifndef COMMON_U32MAP_H
#define COMMON_U32MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct u32map {
    uint32_t *slots; /* pairs key+1, value; NULL while empty */
    uint32_t capacity;
    uint32_t count;
};

void u32map_init(struct u32map *map);
void u32map_fini(struct u32map *map);

/* False when the key is absent (`*ret_value` untouched). */
bool u32map_get(const struct u32map *map, uint32_t key, uint32_t *ret_value);

/* Adds or replaces. `key` must be below UINT32_MAX. */
void u32map_set(struct u32map *map, uint32_t key, uint32_t value);

/* False when it was not there. The table shrinks when mostly empty. */
bool u32map_remove(struct u32map *map, uint32_t key);

/* Iteration: start with *cursor = 0; false at the end. No change of the map between two calls. */
bool u32map_next(const struct u32map *map, uint32_t *cursor, uint32_t *ret_key,
                 uint32_t *ret_value);

#endif
