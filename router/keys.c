/* A map to find and a ring to forget. The map's key is USER 0x1f KEY: no user name holds a control
 * character, so the first 0x1f divides. An entry that was replaced or removed stays in the ring,
 * marked, until its turn comes. When there is no room a sender with more than the average gives
 * way, so that nobody pushes out the keys of others by sending many. */
#include "router/keys.h"

#include "common/mem.h"
#include "router/command.h"

#include <assert.h>
#include <string.h>

enum { SEPARATOR = 0x1f, FULL_MAX = NAME_BYTES_MAX + 1 + COMMAND_KEY_MAX, CAPACITY_MIN = 4 };

struct key_user {
    uint32_t count;
    uint8_t len;
    uint8_t name[];
};

struct key_entry {
    uint64_t offset;
    uint64_t at_ms;
    struct key_user *user; /* NULL: not in the map any more */
    uint8_t len;
    uint8_t data[];
};

struct keys *keys_new(const uint8_t seed[16])
{
    struct keys *keys = mem_new(1, sizeof(*keys));
    strmap_init(&keys->map, seed);
    strmap_init(&keys->users, seed);
    return keys;
}

static struct key_user *user_of(struct keys *keys, struct bytes name)
{
    struct key_user *user = strmap_get(&keys->users, name);
    if (user == NULL) {
        user = mem_new(1, sizeof(*user) + name.len);
        user->len = (uint8_t)name.len;
        if (name.len != 0) {
            memcpy(user->name, name.data, name.len);
        }
        strmap_put(&keys->users, bytes_of(user->name, user->len), user);
    }
    return user;
}

/* Out of the map; it stays in the ring. */
static void mark(struct keys *keys, struct key_entry *entry)
{
    struct key_user *user = entry->user;
    (void)strmap_remove(&keys->map, bytes_of(entry->data, entry->len));
    entry->user = NULL;
    keys->live--;
    if (--user->count == 0) {
        (void)strmap_remove(&keys->users, bytes_of(user->name, user->len));
        mem_free(user);
    }
}

static struct key_entry *entry_at(const struct keys *keys, uint32_t index)
{
    return keys->fifo[(keys->head + index) % keys->capacity];
}

/* Everything that is marked leaves the ring. */
static void compact(struct keys *keys)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < keys->count; i++) {
        struct key_entry *entry = entry_at(keys, i);
        if (entry->user == NULL) {
            mem_free(entry);
        } else {
            keys->fifo[(keys->head + kept++) % keys->capacity] = entry;
        }
    }
    keys->count = kept;
}

void keys_free(struct keys **keys)
{
    if (*keys == NULL) {
        return;
    }
    for (uint32_t i = 0; i < (*keys)->count; i++) {
        if (entry_at(*keys, i)->user != NULL) {
            mark(*keys, entry_at(*keys, i));
        }
    }
    compact(*keys);
    strmap_fini(&(*keys)->map);
    strmap_fini(&(*keys)->users);
    mem_free((*keys)->fifo);
    mem_free(*keys);
    *keys = NULL;
}

static bool above_average(const struct keys *keys, const struct key_user *user)
{
    return (uint64_t)user->count * keys->users.count > keys->live;
}

/* The oldest of the sender, if it has its share already, else of one who has more. */
static void give_way(struct keys *keys, const struct key_user *sender)
{
    bool own = sender->count != 0 && (uint64_t)sender->count * keys->users.count >= keys->live;
    for (uint32_t i = 0; i < keys->count; i++) {
        struct key_entry *entry = entry_at(keys, i);
        const struct key_user *user = entry->user;
        if (user != NULL && (own ? user == sender : above_average(keys, user))) {
            mark(keys, entry);
            return;
        }
    }
    assert(false && "somebody has the average or more");
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
    if (keys->count == keys->capacity && keys->live < keys->count / 2) {
        compact(keys);
    }
    if (keys->count == keys->capacity) {
        uint32_t capacity = keys->capacity == 0 ? CAPACITY_MIN : keys->capacity * 2;
        struct key_entry **fifo = mem_new(capacity, sizeof(struct key_entry *));
        for (uint32_t i = 0; i < keys->count; i++) {
            fifo[i] = entry_at(keys, i);
        }
        mem_free(keys->fifo);
        keys->fifo = fifo;
        keys->head = 0;
        keys->capacity = capacity;
    }
    assert(keys->capacity != 0);
    keys->fifo[(keys->head + keys->count++) % keys->capacity] = entry;
}

/* What is marked and oldest leaves at once. */
static void drop_marked(struct keys *keys)
{
    while (keys->count != 0 && entry_at(keys, 0)->user == NULL) {
        mem_free(entry_at(keys, 0));
        keys->head = (keys->head + 1) % keys->capacity;
        keys->count--;
    }
}

static void take_out(struct keys *keys, struct bytes full)
{
    struct key_entry *old = strmap_get(&keys->map, full);
    if (old != NULL) {
        mark(keys, old);
    }
}

void keys_put(struct keys *keys, struct bytes user, struct bytes key, uint64_t offset,
              uint64_t now_ms, uint32_t count_max)
{
    uint8_t full[FULL_MAX];
    struct bytes name = join(full, user, key);
    take_out(keys, name);
    while (keys->live >= count_max) {
        give_way(keys, user_of(keys, user));
    }
    drop_marked(keys);
    struct key_user *sender = user_of(keys, user);
    sender->count++;
    struct key_entry *entry = mem_new(1, sizeof(*entry) + name.len);
    entry->offset = offset;
    entry->at_ms = now_ms;
    entry->user = sender;
    entry->len = (uint8_t)name.len;
    memcpy(entry->data, name.data, name.len);
    strmap_put(&keys->map, bytes_of(entry->data, entry->len), entry);
    keys->live++;
    push(keys, entry);
}

void keys_remove(struct keys *keys, struct bytes user, struct bytes key)
{
    uint8_t full[FULL_MAX];
    take_out(keys, join(full, user, key));
}
