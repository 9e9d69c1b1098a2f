/* See group_index.h. Linear probing without marks for what was removed: the places behind a removed
 * one move up. */
#include "edge/group_index.h"

#include "common/mem.h"

#include <assert.h>

enum { CAPACITY_MIN = 16 };

void group_index_init(struct group_index *index, uint64_t salt,
                      uint64_t (*id_of)(const void *owner, uint32_t local), const void *owner)
{
    *index = (struct group_index){.salt = salt, .id_of = id_of, .owner = owner};
}

void group_index_fini(struct group_index *index)
{
    mem_free(index->places);
    index->places = NULL;
    index->capacity = 0;
    index->count = 0;
}

static uint32_t home_of(const struct group_index *index, uint64_t id)
{
    uint64_t mixed = (id ^ index->salt) * UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)(mixed >> 32) & (index->capacity - 1);
}

static uint64_t id_at(const struct group_index *index, uint32_t place)
{
    return index->id_of(index->owner, index->places[place] - 1);
}

/* Where `id` is, or the free place where its run ends. */
static uint32_t place_of(const struct group_index *index, uint64_t id)
{
    uint32_t place = home_of(index, id);
    while (index->places[place] != 0 && id_at(index, place) != id) {
        place = (place + 1) & (index->capacity - 1);
    }
    return place;
}

int64_t group_index_find(const struct group_index *index, uint64_t id)
{
    if (index->count == 0) {
        return GROUP_INDEX_NONE;
    }
    uint32_t found = index->places[place_of(index, id)];
    return found == 0 ? GROUP_INDEX_NONE : (int64_t)found - 1;
}

static void grow(struct group_index *index)
{
    struct group_index old = *index;
    index->capacity = old.capacity == 0 ? (uint32_t)CAPACITY_MIN : old.capacity * 2;
    index->places = mem_new(index->capacity, sizeof(*index->places));
    for (uint32_t place = 0; place < old.capacity; place++) {
        if (old.places[place] != 0) {
            index->places[place_of(index, id_at(&old, place))] = old.places[place];
        }
    }
    mem_free(old.places);
}

void group_index_add(struct group_index *index, uint64_t id, uint32_t local)
{
    if (index->count >= index->capacity / 4 * 3) {
        grow(index);
    }
    uint32_t place = place_of(index, id);
    assert(index->places[place] == 0 && "an id has one group");
    index->places[place] = local + 1;
    index->count++;
}

void group_index_remove(struct group_index *index, uint64_t id)
{
    assert(index->count != 0);
    uint32_t mask = index->capacity - 1;
    uint32_t hole = place_of(index, id);
    assert(index->places[hole] != 0 && "removed twice");
    for (uint32_t at = (hole + 1) & mask; index->places[at] != 0; at = (at + 1) & mask) {
        uint32_t home = home_of(index, id_at(index, at));
        /* It may move up if its home is not between the hole and where it stands. */
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            index->places[hole] = index->places[at];
            hole = at;
        }
    }
    index->places[hole] = 0;
    index->count--;
}
