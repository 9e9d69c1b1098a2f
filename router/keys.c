/* A map to find and a ring to forget. The map's key is USER 0x1f KEY: no user name holds a control
 * character, so the first 0x1f divides. An entry that was replaced or removed stays in the ring,
 * marked, until its turn comes. */
#include "router/keys.h"

#include "common/mem.h"
#include "router/command.h"

#include <assert.h>
#include <string.h>

enum { SEPARATOR = 0x1f, FULL_MAX = NAME_BYTES_MAX + 1 + COMMAND_KEY_MAX, CAPACITY_MIN = 4 };

struct key_entry {
    uint64_t offset;
    uint64_t at_ms;
    bool in_map;
    uint8_t len;
    uint8_t data[];
};

struct keys *keys_new(const uint8_t seed[16])
{
    struct keys *keys = mem_new(1, sizeof(*keys));
    strmap_init(&keys->map, seed);
    return keys;
}

static struct key_entry *pop(struct keys *keys)
{
    struct key_entry *entry = keys->fifo[keys->head];
    keys->head = (keys->head + 1) % keys->capacity;
    keys->count--;
    return entry;
}

static void forget_oldest(struct keys *keys)
{
    struct key_entry *entry = pop(keys);
    if (entry->in_map) {
        (void)strmap_remove(&keys->map, bytes_of(entry->data, entry->len));
    }
    mem_free(entry);
}

void keys_free(struct keys **keys)
{
    if (*keys == NULL) {
        return;
    }
    while ((*keys)->count != 0) {
        forget_oldest(*keys);
    }
    strmap_fini(&(*keys)->map);
    mem_free((*keys)->fifo);
    mem_free(*keys);
    *keys = NULL;
}

static struct bytes join(uint8_t full[FULL_MAX], struct bytes user, struct bytes key)
{
    assert(user.len <= NAME_BYTES_MAX && key.len <= COMMAND_KEY_MAX && key.len != 0);
    if (user.len != 0) {
        memcpy(full, user.data, user.len);
    }
    full[user.len] = SEPARATOR;
    memcpy(full + user.len + 1, key.data, key.len);
    return bytes_of(full, user.len + 1 + key.len);
}

bool keys_find(const struct keys *keys, struct bytes user, struct bytes key, uint64_t newer_than_ms,
               uint64_t *ret_offset)
{
    if (keys == NULL) {
        return false;
    }
    uint8_t full[FULL_MAX];
    const struct key_entry *entry = strmap_get(&keys->map, join(full, user, key));
    if (entry == NULL || entry->at_ms < newer_than_ms) {
        return false;
    }
    *ret_offset = entry->offset;
    return true;
}

static void push(struct keys *keys, struct key_entry *entry)
{
    if (keys->count == keys->capacity) {
        uint32_t capacity = keys->capacity == 0 ? CAPACITY_MIN : keys->capacity * 2;
        struct key_entry **fifo = mem_new(capacity, sizeof(struct key_entry *));
        for (uint32_t i = 0; i < keys->count; i++) {
            fifo[i] = keys->fifo[(keys->head + i) % keys->capacity];
        }
        mem_free(keys->fifo);
        keys->fifo = fifo;
        keys->head = 0;
        keys->capacity = capacity;
    }
    keys->fifo[(keys->head + keys->count++) % keys->capacity] = entry;
}

static void take_out(struct keys *keys, struct bytes full)
{
    struct key_entry *old = strmap_remove(&keys->map, full);
    if (old != NULL) {
        old->in_map = false;
    }
}

void keys_put(struct keys *keys, struct bytes user, struct bytes key, uint64_t offset,
              uint64_t now_ms, uint32_t count_max)
{
    uint8_t full[FULL_MAX];
    struct bytes name = join(full, user, key);
    take_out(keys, name);
    while (keys->count >= count_max) {
        forget_oldest(keys);
    }
    struct key_entry *entry = mem_new(1, sizeof(*entry) + name.len);
    entry->offset = offset;
    entry->at_ms = now_ms;
    entry->in_map = true;
    entry->len = (uint8_t)name.len;
    memcpy(entry->data, name.data, name.len);
    strmap_put(&keys->map, bytes_of(entry->data, entry->len), entry);
    push(keys, entry);
}

void keys_remove(struct keys *keys, struct bytes user, struct bytes key)
{
    uint8_t full[FULL_MAX];
    take_out(keys, join(full, user, key));
}
