/* Linear probing without tombstones, as strmap: removal moves later pairs back. A pair is two words
 * next to each other; key + 1 leaves 0 for "free". */
#include "common/u32map.h"

#include "common/mem.h"

#include <assert.h>

enum { CAPACITY_MIN = 4 };

void u32map_init(struct u32map *map)
{
    *map = (struct u32map){.slots = NULL};
}

void u32map_fini(struct u32map *map)
{
    mem_free(map->slots);
    u32map_init(map);
}

/* Fibonacci hashing: the top bits of the product, as many as the capacity has. */
static uint32_t home_of(const struct u32map *map, uint32_t key)
{
    unsigned bits = (unsigned)__builtin_ctz(map->capacity);
    return (uint32_t)(key * UINT32_C(0x9E3779B1)) >> (32 - bits);
}

static uint32_t *pair_at(const struct u32map *map, uint32_t at)
{
    return map->slots + (size_t)at * 2;
}

/* Index of the pair with this key, or of the free pair where it would go. */
static uint32_t find(const struct u32map *map, uint32_t key)
{
    uint32_t mask = map->capacity - 1;
    uint32_t at = home_of(map, key);
    while (pair_at(map, at)[0] != 0 && pair_at(map, at)[0] != key + 1) {
        at = (at + 1) & mask;
    }
    return at;
}

static void resize(struct u32map *map, uint32_t capacity)
{
    struct u32map old = *map;
    assert(capacity <= UINT32_C(1) << 31 && "more pairs than keys");
    map->capacity = capacity;
    map->slots = mem_new(capacity, 2 * sizeof(*map->slots));
    for (uint32_t i = 0; i < old.capacity; i++) {
        const uint32_t *pair = pair_at(&old, i);
        if (pair[0] != 0) {
            uint32_t *place = pair_at(map, find(map, pair[0] - 1));
            place[0] = pair[0];
            place[1] = pair[1];
        }
    }
    mem_free(old.slots);
}

bool u32map_get(const struct u32map *map, uint32_t key, uint32_t *ret_value)
{
    if (map->count == 0 || key == UINT32_MAX) {
        return false;
    }
    const uint32_t *pair = pair_at(map, find(map, key));
    if (pair[0] == 0) {
        return false;
    }
    *ret_value = pair[1];
    return true;
}

void u32map_set(struct u32map *map, uint32_t key, uint32_t value)
{
    assert(key != UINT32_MAX && "key + 1 marks a used pair");
    if (map->capacity == 0) {
        resize(map, CAPACITY_MIN);
    } else if ((uint64_t)(map->count + 1) * 4 > (uint64_t)map->capacity * 3) {
        resize(map, map->capacity * 2);
    }
    uint32_t *pair = pair_at(map, find(map, key));
    map->count += pair[0] == 0;
    pair[0] = key + 1;
    pair[1] = value;
}

static void close_hole(struct u32map *map, uint32_t hole)
{
    uint32_t mask = map->capacity - 1;
    for (uint32_t at = (hole + 1) & mask; pair_at(map, at)[0] != 0; at = (at + 1) & mask) {
        const uint32_t *pair = pair_at(map, at);
        uint32_t distance = (at - home_of(map, pair[0] - 1)) & mask;
        if (distance >= ((at - hole) & mask)) {
            pair_at(map, hole)[0] = pair[0];
            pair_at(map, hole)[1] = pair[1];
            hole = at;
        }
    }
    pair_at(map, hole)[0] = 0;
}

bool u32map_remove(struct u32map *map, uint32_t key)
{
    if (map->count == 0 || key == UINT32_MAX) {
        return false;
    }
    uint32_t at = find(map, key);
    if (pair_at(map, at)[0] == 0) {
        return false;
    }
    close_hole(map, at);
    map->count--;
    if (map->count == 0) {
        u32map_fini(map);
    } else if (map->capacity > CAPACITY_MIN && map->count < map->capacity / 8) {
        resize(map, map->capacity / 2);
    }
    return true;
}

bool u32map_next(const struct u32map *map, uint32_t *cursor, uint32_t *ret_key, uint32_t *ret_value)
{
    while (*cursor < map->capacity) {
        const uint32_t *pair = pair_at(map, (*cursor)++);
        if (pair[0] != 0) {
            *ret_key = pair[0] - 1;
            *ret_value = pair[1];
            return true;
        }
    }
    return false;
}
