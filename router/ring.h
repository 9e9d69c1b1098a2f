/* The newest messages of a channel, oldest first, numbered without holes. */
#ifndef ROUTER_RING_H
#define ROUTER_RING_H

#include "common/spares.h"
#include "router/push.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One message with its own copy of all bytes. */
struct stored {
    uint64_t offset;
    uint64_t timestamp_ms;
    int64_t kept_ms; /* when that was, by the monotonic clock: ages count from here */
    uint32_t payload_len;
    uint16_t user_len;
    uint16_t server_len;
    bool hole; /* the number was given but the message was never accepted */
    uint8_t data[];
};

struct ring {
    struct stored **items;
    uint32_t head; /* index of the oldest */
    uint32_t count;
    uint32_t capacity;
    uint64_t payload_bytes;
};

/* Copy of a message (user and server names of at most 64 KiB), of stored_cost() bytes from `spares`
 * (or NULL). */
struct stored *stored_new(struct spares *spares, const struct push_message *message);

/* View of a stored message; lives as long as it. */
struct push_message stored_view(const struct stored *stored);

/* All memory of a stored message, for the total limit. */
size_t stored_cost(const struct stored *stored);

/* Frees the array; the messages must have been taken out. */
void ring_fini(struct ring *ring);

void ring_push(struct ring *ring, struct stored *stored);

/* Takes the oldest out; NULL when empty. */
struct stored *ring_pop(struct ring *ring);

/* The message at `index` (0 = oldest, below count). */
const struct stored *ring_at(const struct ring *ring, uint32_t index);

#endif
