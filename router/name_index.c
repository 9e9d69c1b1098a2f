/* Linear probing without tombstones, as strmap. A place keeps a part of the hash, which spares
 * nearly all looks at other names, and hashing again on growth. */
#include "router/name_index.h"

#include "common/mem.h"

#include <assert.h>
#include <sodium/crypto_shorthash.h>
#include <string.h>

enum { CAPACITY_MIN = 16 };

struct name_index_place {
    uint32_t number; /* + 1; 0 = free */
    uint32_t hash;
};

void name_index_init(struct name_index *index, const uint8_t seed[16], name_of_number *name_of,
                     const void *owner)
{
    *index = (struct name_index){.name_of = name_of, .owner = owner};
    memcpy(index->key, seed, sizeof(index->key));
}

void name_index_fini(struct name_index *index)
{
    mem_free(index->places);
    index->places = NULL;
    index->capacity = 0;
    index->count = 0;
}

static uint32_t hash_of(const struct name_index *index, struct bytes name)
{
    static const uint8_t nothing[1];
    uint64_t hash;
    _Static_assert(sizeof(hash) == crypto_shorthash_BYTES, "the hash is one word");
    /* Cannot fail; the byte order of the word does not matter inside one process. */
    (void)crypto_shorthash((unsigned char *)&hash, name.len == 0 ? nothing : name.data, name.len,
                           index->key);
    return (uint32_t)hash;
}

static bool is_place_of(const struct name_index *index, const struct name_index_place *place,
                        uint32_t hash, struct bytes name)
{
    return place->hash == hash &&
           bytes_equal(index->name_of(index->owner, place->number - 1), name);
}

/* Index of the place with this name, or of the free place where it would go. */
static uint32_t find(const struct name_index *index, uint32_t hash, struct bytes name)
{
    uint32_t mask = index->capacity - 1;
    uint32_t at = hash & mask;
    while (index->places[at].number != 0 && !is_place_of(index, &index->places[at], hash, name)) {
        at = (at + 1) & mask;
    }
    return at;
}

static void put(struct name_index *index, struct name_index_place place)
{
    uint32_t mask = index->capacity - 1;
    uint32_t at = place.hash & mask;
    while (index->places[at].number != 0) {
        at = (at + 1) & mask;
    }
    index->places[at] = place;
}

static void grow(struct name_index *index)
{
    struct name_index_place *old = index->places;
    uint32_t old_capacity = index->capacity;
    assert(old_capacity <= UINT32_C(1) << 30 && "more places than numbers");
    index->capacity = old_capacity == 0 ? CAPACITY_MIN : old_capacity * 2;
    index->places = mem_new(index->capacity, sizeof(*index->places));
    for (uint32_t i = 0; i < old_capacity; i++) {
        if (old[i].number != 0) {
            put(index, old[i]);
        }
    }
    mem_free(old);
}

bool name_index_find(const struct name_index *index, struct bytes name, uint32_t *ret_number)
{
    if (index->count == 0) {
        return false;
    }
    uint32_t number = index->places[find(index, hash_of(index, name), name)].number;
    *ret_number = number == 0 ? *ret_number : number - 1;
    return number != 0;
}

void name_index_add(struct name_index *index, uint32_t number)
{
    assert(number < UINT32_MAX);
    if (((uint64_t)index->count + 1) * 4 > (uint64_t)index->capacity * 3) {
        grow(index);
    }
    put(index,
        (struct name_index_place){.number = number + 1,
                                  .hash = hash_of(index, index->name_of(index->owner, number))});
    index->count++;
}

/* Closes the hole: each place after it, up to the first free one, moves back if the hole lies
 * between its home and it. */
static void close_hole(struct name_index *index, uint32_t hole)
{
    uint32_t mask = index->capacity - 1;
    for (uint32_t at = (hole + 1) & mask; index->places[at].number != 0; at = (at + 1) & mask) {
        uint32_t distance = (at - index->places[at].hash) & mask;
        if (distance >= ((at - hole) & mask)) {
            index->places[hole] = index->places[at];
            hole = at;
        }
    }
    index->places[hole].number = 0;
}

void name_index_remove(struct name_index *index, uint32_t number)
{
    struct bytes name = index->name_of(index->owner, number);
    assert(index->count != 0);
    uint32_t at = find(index, hash_of(index, name), name);
    assert(index->places[at].number == number + 1 && "it is in the index");
    close_hole(index, at);
    index->count--;
}
