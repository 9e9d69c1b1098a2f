/* An array of effects and a bump allocator beside it. Nothing is freed one by one: a step's memory
 * goes back at once. One ordinary chunk stays, so that a quiet router allocates nothing per step.
 */
#include "router/effects.h"

#include "common/mem.h"

#include <string.h>

enum {
    CHUNK_BYTES = 64 * 1024,
    ALIGNMENT = 16,
    ITEMS_KEPT_MAX = 4096,
    SPARES_BYTES_MAX = 1024 * 1024
};

/* `size` 0: not a spare. */
struct grave {
    void *ptr;
    size_t size;
};

struct effects_chunk {
    struct effects_chunk *next;
    size_t used;
    size_t capacity;
    _Alignas(ALIGNMENT) uint8_t data[];
};

static void add_chunk(struct effects *effects, size_t bytes_min)
{
    size_t capacity = bytes_min > CHUNK_BYTES ? bytes_min : CHUNK_BYTES;
    struct effects_chunk *chunk = mem_new(1, sizeof(*chunk) + capacity);
    chunk->capacity = capacity;
    chunk->next = effects->chunks;
    effects->chunks = chunk;
}

void effects_init(struct effects *effects)
{
    *effects = (struct effects){.items = NULL};
    spares_init(&effects->spares, SPARES_BYTES_MAX);
    add_chunk(effects, CHUNK_BYTES);
}

static void free_graves(struct effects *effects)
{
    for (size_t i = 0; i < effects->grave_count; i++) {
        const struct grave *grave = &effects->graves[i];
        if (grave->size == 0) {
            mem_free(grave->ptr);
        } else {
            spares_give(&effects->spares, grave->ptr, grave->size);
        }
    }
    effects->grave_count = 0;
}

static void free_chunks(struct effects *effects, size_t keep)
{
    struct effects_chunk *chunk = effects->chunks;
    while (chunk != NULL && (keep == 0 || chunk->next != NULL)) {
        struct effects_chunk *next = chunk->next;
        mem_free(chunk);
        chunk = next;
    }
    effects->chunks = chunk;
}

void effects_fini(struct effects *effects)
{
    free_graves(effects);
    spares_fini(&effects->spares);
    free_chunks(effects, 0);
    mem_free(effects->graves);
    mem_free(effects->items);
    *effects = (struct effects){.items = NULL};
}

/* One huge step (an edge's death) must not pin its memory for ever. */
static void shrink(struct effects *effects)
{
    if (effects->capacity > ITEMS_KEPT_MAX && effects->count < ITEMS_KEPT_MAX) {
        effects->capacity = ITEMS_KEPT_MAX;
        effects->items = mem_resize(effects->items, effects->capacity, sizeof(*effects->items));
    }
}

void effects_reset(struct effects *effects)
{
    free_graves(effects);
    free_chunks(effects, 1);
    effects->chunks->used = 0;
    shrink(effects);
    effects->count = 0;
}

void *effects_alloc(struct effects *effects, size_t count, size_t size)
{
    size_t bytes = (count * size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (effects->chunks->capacity - effects->chunks->used < bytes) {
        add_chunk(effects, bytes);
    }
    void *place = effects->chunks->data + effects->chunks->used;
    effects->chunks->used += bytes;
    memset(place, 0, bytes);
    return place;
}

struct bytes effects_copy(struct effects *effects, struct bytes bytes)
{
    if (bytes.len == 0) {
        return BYTES_EMPTY;
    }
    void *copy = effects_alloc(effects, 1, bytes.len);
    memcpy(copy, bytes.data, bytes.len);
    return bytes_of(copy, bytes.len);
}

void effects_bury(struct effects *effects, void *ptr)
{
    effects_bury_spare(effects, ptr, 0);
}

void effects_bury_spare(struct effects *effects, void *ptr, size_t size)
{
    if (ptr == NULL) {
        return;
    }
    if (effects->grave_count == effects->grave_capacity) {
        effects->grave_capacity = effects->grave_capacity == 0 ? 16 : effects->grave_capacity * 2;
        effects->graves =
            mem_resize(effects->graves, effects->grave_capacity, sizeof(*effects->graves));
    }
    effects->graves[effects->grave_count++] = (struct grave){ptr, size};
}

struct core_effect *effects_add(struct effects *effects, enum core_effect_kind kind)
{
    if (effects->count == effects->capacity) {
        effects->capacity = effects->capacity == 0 ? 16 : effects->capacity * 2;
        effects->items = mem_resize(effects->items, effects->capacity, sizeof(*effects->items));
    }
    struct core_effect *effect = &effects->items[effects->count++];
    *effect = (struct core_effect){.kind = kind};
    return effect;
}

struct push *effects_push(struct effects *effects, enum push_kind kind)
{
    struct push *push = effects_alloc(effects, 1, sizeof(*push));
    push->kind = kind;
    return push;
}

void effects_send(struct effects *effects, struct conn_ref conn, const struct push *push)
{
    effects_answer(effects, conn, push, 0);
}

void effects_answer(struct effects *effects, struct conn_ref conn, const struct push *push,
                    uint64_t number)
{
    struct core_effect *effect = effects_add(effects, CORE_SEND_CONN);
    effect->conn = conn;
    effect->push = push;
    effect->number = number;
}

void effects_close(struct effects *effects, struct conn_ref conn, uint16_t code, struct bytes text)
{
    struct bytes copy = effects_copy(effects, text);
    struct core_effect *effect = effects_add(effects, CORE_CLOSE);
    effect->conn = conn;
    effect->code = code;
    effect->text = copy;
}
