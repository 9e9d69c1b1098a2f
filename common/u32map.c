/* Linear probing without tombstones, as strmap: removal moves later pairs back. A pair is two words
 * next to each other; key + 1 leaves 0 for "free".
 *
 * A large table changes its size in parts: the pairs of the old one move with the next changes, so
 * that no single one takes as long as the table is large. What is left of the old table is kept in
 * front of the pairs of the new one: the many small maps do not pay for it. */
#include "common/u32map.h"

#include "common/mem.h"

#include <assert.h>

/* MOVES: old pairs at a change. A table that shrinks has an eighth of its pairs taken, and shrinks
 * again when half of these are gone: 16 a change are done just then. */
enum { CAPACITY_MIN = 4, CAPACITY_LARGE = 8192, MOVES = 32 };

/* Before the pairs of a large table. */
struct rest {
    uint32_t *pairs; /* of the old table; NULL: all have moved */
    uint32_t capacity;
    uint32_t moved; /* how many were looked at */
};

struct table {
    uint32_t *pairs;
    uint32_t capacity;
};

enum { REST_PAIRS = sizeof(struct rest) / (2 * sizeof(uint32_t)) };

static uint32_t *pairs_new(uint32_t capacity)
{
    uint32_t before = capacity >= CAPACITY_LARGE ? REST_PAIRS : 0;
    uint32_t *block = mem_new((size_t)capacity + before, 2 * sizeof(*block));
    return block + (size_t)before * 2;
}

static void pairs_free(uint32_t *pairs, uint32_t capacity)
{
    bool large = capacity >= CAPACITY_LARGE;
    mem_free(large ? pairs - (size_t)REST_PAIRS * 2 : pairs);
}

/* NULL of a small table, which has none. */
static struct rest *rest_of(const struct u32map *map)
{
    return map->capacity < CAPACITY_LARGE
               ? NULL
               : (struct rest *)(void *)(map->slots - (size_t)REST_PAIRS * 2);
}

static struct table now_of(const struct u32map *map)
{
    return (struct table){map->slots, map->capacity};
}

/* Its pairs are NULL when there is none. */
static struct table old_of(const struct u32map *map)
{
    const struct rest *rest = rest_of(map);
    return rest == NULL ? (struct table){NULL, 0} : (struct table){rest->pairs, rest->capacity};
}

void u32map_init(struct u32map *map)
{
    *map = (struct u32map){.slots = NULL};
}

void u32map_fini(struct u32map *map)
{
    struct table old = old_of(map);
    if (old.pairs != NULL) {
        pairs_free(old.pairs, old.capacity);
    }
    pairs_free(map->slots, map->capacity);
    u32map_init(map);
}

/* Fibonacci hashing: the top bits of the product, as many as the capacity has. */
static uint32_t home_of(struct table table, uint32_t key)
{
    unsigned bits = (unsigned)__builtin_ctz(table.capacity);
    return (uint32_t)(key * UINT32_C(0x9E3779B1)) >> (32 - bits);
}

static uint32_t *pair_at(struct table table, uint32_t at)
{
    return table.pairs + (size_t)at * 2;
}

/* Index of the pair with this key, or of the free pair where it would go. */
static uint32_t find(struct table table, uint32_t key)
{
    uint32_t mask = table.capacity - 1;
    uint32_t at = home_of(table, key);
    while (pair_at(table, at)[0] != 0 && pair_at(table, at)[0] != key + 1) {
        at = (at + 1) & mask;
    }
    return at;
}

static void close_hole(struct table table, uint32_t hole)
{
    uint32_t mask = table.capacity - 1;
    for (uint32_t at = (hole + 1) & mask; pair_at(table, at)[0] != 0; at = (at + 1) & mask) {
        const uint32_t *pair = pair_at(table, at);
        uint32_t distance = (at - home_of(table, pair[0] - 1)) & mask;
        if (distance >= ((at - hole) & mask)) {
            pair_at(table, hole)[0] = pair[0];
            pair_at(table, hole)[1] = pair[1];
            hole = at;
        }
    }
    pair_at(table, hole)[0] = 0;
}

static void put(struct table table, const uint32_t pair[2])
{
    uint32_t *place = pair_at(table, find(table, pair[0] - 1));
    place[0] = pair[0];
    place[1] = pair[1];
}

/* Some more of the old table, if there is one. Whoever is left in it stays findable. */
static void move_some(struct u32map *map, uint32_t count)
{
    struct table old = old_of(map);
    struct rest *rest = rest_of(map);
    if (old.pairs == NULL) {
        return;
    }
    for (uint32_t i = 0; i < count && rest->moved < old.capacity; i++) {
        while (pair_at(old, rest->moved)[0] != 0) {
            put(now_of(map), pair_at(old, rest->moved));
            close_hole(old, rest->moved);
        }
        rest->moved++;
    }
    if (rest->moved == old.capacity) {
        pairs_free(old.pairs, old.capacity);
        *rest = (struct rest){.pairs = NULL};
    }
}

static void resize(struct u32map *map, uint32_t capacity)
{
    move_some(map, UINT32_MAX); /* was done long ago */
    struct table old = now_of(map);
    assert(capacity <= UINT32_C(1) << 31 && "more pairs than keys");
    map->capacity = capacity;
    map->slots = pairs_new(capacity);
    if (rest_of(map) != NULL) {
        *rest_of(map) = (struct rest){.pairs = old.pairs, .capacity = old.capacity};
        return;
    }
    for (uint32_t i = 0; i < old.capacity; i++) {
        if (pair_at(old, i)[0] != 0) {
            put(now_of(map), pair_at(old, i));
        }
    }
    pairs_free(old.pairs, old.capacity);
}

/* The table and the index in it of the pair with this key; false when there is none. */
static bool look_up(const struct u32map *map, uint32_t key, struct table *ret_table,
                    uint32_t *ret_at)
{
    if (map->count == 0 || key == UINT32_MAX) {
        return false;
    }
    *ret_table = now_of(map);
    *ret_at = find(*ret_table, key);
    if (pair_at(*ret_table, *ret_at)[0] == 0 && old_of(map).pairs != NULL) {
        *ret_table = old_of(map);
        *ret_at = find(*ret_table, key);
    }
    return pair_at(*ret_table, *ret_at)[0] != 0;
}

bool u32map_get(const struct u32map *map, uint32_t key, uint32_t *ret_value)
{
    struct table table;
    uint32_t at;
    bool found = look_up(map, key, &table, &at);
    *ret_value = found ? pair_at(table, at)[1] : *ret_value;
    return found;
}

void u32map_set(struct u32map *map, uint32_t key, uint32_t value)
{
    struct table table;
    uint32_t at;
    assert(key != UINT32_MAX && "key + 1 marks a used pair");
    if (look_up(map, key, &table, &at)) {
        pair_at(table, at)[1] = value;
        return;
    }
    if (map->capacity == 0) {
        resize(map, CAPACITY_MIN);
    } else if ((uint64_t)(map->count + 1) * 4 > (uint64_t)map->capacity * 3) {
        resize(map, map->capacity * 2);
    }
    move_some(map, MOVES);
    put(now_of(map), (const uint32_t[]){key + 1, value});
    map->count++;
}

bool u32map_remove(struct u32map *map, uint32_t key)
{
    struct table table;
    uint32_t at;
    if (!look_up(map, key, &table, &at)) {
        return false;
    }
    close_hole(table, at);
    map->count--;
    if (map->count == 0) {
        u32map_fini(map);
    } else if (map->capacity > CAPACITY_MIN && map->count < map->capacity / 8) {
        resize(map, map->capacity / 2);
    }
    move_some(map, MOVES);
    return true;
}

/* First what the table has, then what is left of the old one. */
bool u32map_next(const struct u32map *map, uint32_t *cursor, uint32_t *ret_key, uint32_t *ret_value)
{
    struct table old = old_of(map);
    uint64_t all = (uint64_t)map->capacity + old.capacity;
    while (*cursor < all) {
        uint32_t at = (*cursor)++;
        const uint32_t *pair =
            at < map->capacity ? pair_at(now_of(map), at) : pair_at(old, at - map->capacity);
        if (pair[0] != 0) {
            *ret_key = pair[0] - 1;
            *ret_value = pair[1];
            return true;
        }
    }
    return false;
}
