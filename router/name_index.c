/* Linear probing without tombstones, as strmap. A place keeps a part of the hash, which spares
 * nearly all looks at other names, and hashing again on growth. */
#include "router/name_index.h"

#include "common/mem.h"

#include <assert.h>
#include <sodium/crypto_shorthash.h>
#include <string.h>

/* MOVES: old places at an addition. Three quarters of them are taken when it grows, so even two
 * would be done before it grows again. */
enum { CAPACITY_MIN = 16, MOVES = 8 };

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
    mem_free(index->old);
    index->places = NULL;
    index->old = NULL;
    index->capacity = 0;
    index->old_capacity = 0;
    index->moved = 0;
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

/* The place with this name, or the free place where it would go. */
static struct name_index_place *find_in(const struct name_index *index,
                                        struct name_index_place *places, uint32_t capacity,
                                        uint32_t hash, struct bytes name)
{
    uint32_t mask = capacity - 1;
    uint32_t at = hash & mask;
    while (places[at].number != 0 && !is_place_of(index, &places[at], hash, name)) {
        at = (at + 1) & mask;
    }
    return &places[at];
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

/* Closes the hole: each place after it, up to the first free one, moves back if the hole lies
 * between its home and it. */
static void close_hole(struct name_index_place *places, uint32_t capacity, uint32_t hole)
{
    uint32_t mask = capacity - 1;
    for (uint32_t at = (hole + 1) & mask; places[at].number != 0; at = (at + 1) & mask) {
        uint32_t distance = (at - places[at].hash) & mask;
        if (distance >= ((at - hole) & mask)) {
            places[hole] = places[at];
            hole = at;
        }
    }
    places[hole].number = 0;
}

/* Some more of the old places. Whoever is left in them stays findable: a hole is closed. */
static void move_some(struct name_index *index, uint32_t count)
{
    struct name_index_place *old = index->old;
    for (uint32_t i = 0; i < count && index->moved < index->old_capacity; i++) {
        while (old[index->moved].number != 0) {
            put(index, old[index->moved]);
            close_hole(old, index->old_capacity, index->moved);
        }
        index->moved++;
    }
    if (old != NULL && index->moved == index->old_capacity) {
        mem_free(old);
        index->old = NULL;
        index->old_capacity = 0;
        index->moved = 0;
    }
}

/* The names of a million move with the next ones that come, not all in one step of the caller. */
static void grow(struct name_index *index)
{
    move_some(index, UINT32_MAX); /* was done long ago */
    assert(index->capacity <= UINT32_C(1) << 30 && "more places than numbers");
    index->old = index->places;
    index->old_capacity = index->capacity;
    index->capacity = index->capacity == 0 ? CAPACITY_MIN : index->capacity * 2;
    index->places = mem_new(index->capacity, sizeof(*index->places));
}

bool name_index_find(const struct name_index *index, struct bytes name, uint32_t *ret_number)
{
    if (index->count == 0) {
        return false;
    }
    uint32_t hash = hash_of(index, name);
    uint32_t number = find_in(index, index->places, index->capacity, hash, name)->number;
    if (number == 0 && index->old != NULL) {
        number = find_in(index, index->old, index->old_capacity, hash, name)->number;
    }
    *ret_number = number == 0 ? *ret_number : number - 1;
    return number != 0;
}

void name_index_add(struct name_index *index, uint32_t number)
{
    assert(number < UINT32_MAX);
    if (((uint64_t)index->count + 1) * 4 > (uint64_t)index->capacity * 3) {
        grow(index);
    }
    move_some(index, MOVES);
    put(index,
        (struct name_index_place){.number = number + 1,
                                  .hash = hash_of(index, index->name_of(index->owner, number))});
    index->count++;
}

void name_index_remove(struct name_index *index, uint32_t number)
{
    struct bytes name = index->name_of(index->owner, number);
    assert(index->count != 0);
    uint32_t hash = hash_of(index, name);
    struct name_index_place *places = index->places;
    uint32_t capacity = index->capacity;
    struct name_index_place *place = find_in(index, places, capacity, hash, name);
    if (place->number == 0 && index->old != NULL) {
        places = index->old;
        capacity = index->old_capacity;
        place = find_in(index, places, capacity, hash, name);
    }
    assert(place->number == number + 1 && "it is in the index");
    close_hole(places, capacity, (uint32_t)(place - places));
    index->count--;
}
