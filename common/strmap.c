/* Linear probing; an entry sits at or after its home (hash modulo capacity) with no hole between.
 * Removal keeps that by moving later entries back, so there are no tombstones and a map that lives
 * long does not get slower. It grows at 70 % and never shrinks. */
#include "common/strmap.h"

#include "common/mem.h"

#include <assert.h>
#include <sodium/crypto_shorthash.h>
#include <string.h>

enum { CAPACITY_MIN = 8 };

struct strmap_entry {
    void *value; /* NULL while free */
    const uint8_t *key;
    uint32_t key_len;
    uint32_t hash; /* compared before the key, and spares hashing again on growth */
};

void strmap_init(struct strmap *map, const uint8_t seed[16])
{
    *map = (struct strmap){.entries = NULL};
    memcpy(map->key, seed, sizeof(map->key));
}

void strmap_fini(struct strmap *map)
{
    mem_free(map->entries);
    map->entries = NULL;
    map->capacity = 0;
    map->count = 0;
}

static uint32_t hash_of(const struct strmap *map, struct bytes key)
{
    static const uint8_t nothing[1];
    uint64_t hash;
    _Static_assert(sizeof(hash) == crypto_shorthash_BYTES, "the hash is one word");
    /* Cannot fail; the byte order of the word does not matter inside one process. */
    (void)crypto_shorthash((unsigned char *)&hash, key.len == 0 ? nothing : key.data, key.len,
                           map->key);
    return (uint32_t)hash; /* tables are far smaller than 2^32 */
}

static struct bytes key_of(const struct strmap_entry *entry)
{
    return bytes_of(entry->key, entry->key_len);
}

/* Index of the entry with this key, or of the free entry where it would go. */
static size_t find(const struct strmap *map, uint32_t hash, struct bytes key)
{
    size_t mask = map->capacity - 1;
    size_t at = (size_t)hash & mask;
    while (map->entries[at].value != NULL &&
           (map->entries[at].hash != hash || !bytes_equal(key_of(&map->entries[at]), key))) {
        at = (at + 1) & mask;
    }
    return at;
}

static void grow(struct strmap *map)
{
    struct strmap_entry *old = map->entries;
    size_t old_capacity = map->capacity;
    map->capacity = old_capacity == 0 ? CAPACITY_MIN : old_capacity * 2;
    map->entries = mem_new(map->capacity, sizeof(*map->entries));
    for (size_t i = 0; i < old_capacity; i++) {
        if (old[i].value != NULL) {
            map->entries[find(map, old[i].hash, key_of(&old[i]))] = old[i];
        }
    }
    mem_free(old);
}

void *strmap_get(const struct strmap *map, struct bytes key)
{
    if (map->count == 0) {
        return NULL;
    }
    return map->entries[find(map, hash_of(map, key), key)].value;
}

void strmap_put(struct strmap *map, struct bytes key, void *value)
{
    assert(value != NULL && "NULL marks a free entry");
    if ((map->count + 1) * 10 > map->capacity * 7) {
        grow(map);
    }
    uint32_t hash = hash_of(map, key);
    size_t at = find(map, hash, key);
    assert(map->entries[at].value == NULL && "the key is there already");
    assert(key.len <= UINT32_MAX && "keys are names");
    map->entries[at] = (struct strmap_entry){value, key.data, (uint32_t)key.len, hash};
    map->count++;
}

/* Closes the hole at `hole`: each entry after it, up to the first free one, moves back if the hole
 * lies between its home and its place. */
static void close_hole(struct strmap *map, size_t hole)
{
    size_t mask = map->capacity - 1;
    for (size_t at = (hole + 1) & mask; map->entries[at].value != NULL; at = (at + 1) & mask) {
        size_t distance = (at - (size_t)map->entries[at].hash) & mask;
        if (distance >= ((at - hole) & mask)) {
            map->entries[hole] = map->entries[at];
            hole = at;
        }
    }
    map->entries[hole] = (struct strmap_entry){.value = NULL};
}

void *strmap_remove(struct strmap *map, struct bytes key)
{
    if (map->count == 0) {
        return NULL;
    }
    size_t at = find(map, hash_of(map, key), key);
    void *value = map->entries[at].value;
    if (value != NULL) {
        close_hole(map, at);
        map->count--;
    }
    return value;
}

void *strmap_next(const struct strmap *map, size_t *cursor)
{
    while (*cursor < map->capacity) {
        void *value = map->entries[(*cursor)++].value;
        if (value != NULL) {
            return value;
        }
    }
    return NULL;
}
