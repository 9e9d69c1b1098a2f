/* Finds a group's own number by the id that the router gave: 4 bytes a place, because an edge has
 * about one group per user and one more per room. The ids are kept with the groups. */
#ifndef EDGE_GROUP_INDEX_H
#define EDGE_GROUP_INDEX_H

#include <stddef.h>
#include <stdint.h>

struct group_index {
    uint32_t *places;  /* local number + 1; 0 = free */
    uint32_t capacity; /* power of two, or 0 */
    uint32_t count;
    uint64_t salt;
    uint64_t (*id_of)(const void *owner, uint32_t local);
    const void *owner;
};

enum { GROUP_INDEX_NONE = -1 };

/* `id_of` gives the id of a number that is in the index. */
void group_index_init(struct group_index *index, uint64_t salt,
                      uint64_t (*id_of)(const void *owner, uint32_t local), const void *owner);
void group_index_fini(struct group_index *index);

/* The local number, or GROUP_INDEX_NONE. */
int64_t group_index_find(const struct group_index *index, uint64_t id);

/* `id` must not be there; id_of(local) must give it already. */
void group_index_add(struct group_index *index, uint64_t id, uint32_t local);

/* `id` must be there; id_of() must still give it. */
void group_index_remove(struct group_index *index, uint64_t id);

static inline size_t group_index_bytes(const struct group_index *index)
{
    return (size_t)index->capacity * sizeof(*index->places);
}

#endif
