#include "router/ring.h"

#include "common/mem.h"

#include <assert.h>
#include <string.h>

enum { CAPACITY_MIN = 4 };

static uint8_t *put(uint8_t *at, struct bytes bytes)
{
    if (bytes.len != 0) {
        memcpy(at, bytes.data, bytes.len);
    }
    return at + bytes.len;
}

struct stored *stored_new(struct spares *spares, const struct push_message *message)
{
    assert(message->user.len <= UINT16_MAX && message->server_id.len <= UINT16_MAX);
    size_t len = message->payload.len + message->user.len + message->server_id.len;
    struct stored *stored = spares_take(spares, sizeof(*stored) + len);
    *stored = (struct stored){.offset = message->offset, .timestamp_ms = message->timestamp_ms};
    stored->payload_len = (uint32_t)message->payload.len;
    stored->user_len = (uint16_t)message->user.len;
    stored->server_len = (uint16_t)message->server_id.len;
    put(put(put(stored->data, message->payload), message->user), message->server_id);
    return stored;
}

struct push_message stored_view(const struct stored *stored)
{
    const uint8_t *user = stored->data + stored->payload_len;
    return (struct push_message){
        .offset = stored->offset,
        .timestamp_ms = stored->timestamp_ms,
        .user = bytes_of(user, stored->user_len),
        .server_id = bytes_of(user + stored->user_len, stored->server_len),
        .payload = bytes_of(stored->data, stored->payload_len),
    };
}

size_t stored_cost(const struct stored *stored)
{
    return sizeof(*stored) + stored->payload_len + stored->user_len + stored->server_len;
}

void ring_fini(struct ring *ring)
{
    mem_free(ring->items);
    *ring = (struct ring){.items = NULL};
}

static void grow(struct ring *ring)
{
    uint32_t capacity = ring->capacity == 0 ? CAPACITY_MIN : ring->capacity * 2;
    struct stored **items = mem_new(capacity, sizeof(*items));
    for (uint32_t i = 0; i < ring->count; i++) {
        items[i] = ring->items[(ring->head + i) % ring->capacity];
    }
    mem_free(ring->items);
    ring->items = items;
    ring->head = 0;
    ring->capacity = capacity;
}

void ring_push(struct ring *ring, struct stored *stored)
{
    if (ring->count == ring->capacity) {
        grow(ring);
    }
    ring->items[(ring->head + ring->count) % ring->capacity] = stored;
    ring->count++;
    ring->payload_bytes += stored->payload_len;
}

struct stored *ring_pop(struct ring *ring)
{
    if (ring->count == 0) {
        return NULL;
    }
    struct stored *stored = ring->items[ring->head];
    ring->head = (ring->head + 1) % ring->capacity;
    ring->count--;
    ring->payload_bytes -= stored->payload_len;
    return stored;
}

const struct stored *ring_at(const struct ring *ring, uint32_t index)
{
    assert(index < ring->count);
    return ring->items[(ring->head + index) % ring->capacity];
}
