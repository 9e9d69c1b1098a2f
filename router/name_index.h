/* Finds things that have a small number by their name: 8 bytes a place, where a strmap takes 24.
 * The names are kept with the things. */
#ifndef ROUTER_NAME_INDEX_H
#define ROUTER_NAME_INDEX_H

#include "common/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Name of a number that is in the index. */
typedef struct bytes name_of_number(const void *owner, uint32_t number);

struct name_index_place;

struct name_index {
    struct name_index_place *places; /* NULL while empty */
    uint32_t capacity;               /* power of two, or 0 */
    uint32_t count;
    struct name_index_place *old; /* what it grew from, moved in parts; NULL: all of it is */
    uint32_t old_capacity;
    uint32_t moved; /* places of `old` that were */
    uint8_t key[16];
    name_of_number *name_of;
    const void *owner;
};

/* Empty, no allocation. `seed` is 16 secret random bytes, copied: peers choose the names. */
void name_index_init(struct name_index *index, const uint8_t seed[16], name_of_number *name_of,
                     const void *owner);
void name_index_fini(struct name_index *index);

/* False when there is none of that name, *ret_number untouched. */
bool name_index_find(const struct name_index *index, struct bytes name, uint32_t *ret_number);

/* `number` (below UINT32_MAX) has its name already, which must not be in the index yet. */
void name_index_add(struct name_index *index, uint32_t number);

/* `number` must be there and still have its name. */
void name_index_remove(struct name_index *index, uint32_t number);

#endif
