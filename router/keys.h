/* Idempotency: which (user, key) was seen lately in a channel, and which offset it got. Bounded by
 * number and age; the oldest go first. */
#ifndef ROUTER_KEYS_H
#define ROUTER_KEYS_H

#include "common/bytes.h"
#include "common/strmap.h"

#include <stdbool.h>
#include <stdint.h>

struct key_entry;

struct keys {
    struct strmap map;
    struct strmap users;     /* who has how many */
    struct key_entry **fifo; /* ring, oldest at head */
    uint32_t head;
    uint32_t count;
    uint32_t capacity;
    uint32_t live; /* of `count`: not replaced or removed */
};

struct keys *keys_new(const uint8_t seed[16]);
void keys_free(struct keys **keys);

/* True when the key was put within the last `window_ms`. User names have at most NAME_BYTES_MAX
 * bytes, keys at most COMMAND_KEY_MAX. `keys` may be NULL: nothing was ever put. */
bool keys_find(const struct keys *keys, struct bytes user, struct bytes key, uint64_t newer_than_ms,
               uint64_t *ret_offset);

/* Remembers; replaces what was there. At most `count_max` (not 0) are kept. */
void keys_put(struct keys *keys, struct bytes user, struct bytes key, uint64_t offset,
              uint64_t now_ms, uint32_t count_max);

/* Forgets: the message was not accepted, the same key may be tried again. */
void keys_remove(struct keys *keys, struct bytes user, struct bytes key);

#endif
