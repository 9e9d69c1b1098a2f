#include "proto/arena.h"

#include "common/mem.h"

#include <stdint.h>

enum { ALIGN = 16, BLOCK_MIN = 16 * 1024, BLOCK_MAX = 4 * 1024 * 1024 };

struct piece {
    struct piece *next;
    _Alignas(ALIGN) unsigned char data[];
};

static void *arena_alloc(void *owner, size_t size)
{
    struct arena *arena = owner;
    size_t rounded = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (rounded < size || rounded > arena->max - arena->taken) {
        return NULL;
    }
    arena->taken += rounded;
    if (rounded <= arena->block_size - arena->used) {
        void *room = arena->block + arena->used;
        arena->used += rounded;
        return room;
    }
    struct piece *piece = mem_resize(NULL, sizeof(*piece) + rounded, 1);
    piece->next = arena->overflow;
    arena->overflow = piece;
    return piece->data;
}

static void arena_free_nothing(void *owner, void *ptr)
{
    (void)owner;
    (void)ptr;
}

void arena_init(struct arena *arena, size_t max)
{
    *arena = (struct arena){.max = max};
    arena->allocator = (ProtobufCAllocator){arena_alloc, arena_free_nothing, arena};
}

static void free_overflow(struct arena *arena)
{
    struct piece *piece = arena->overflow;
    while (piece != NULL) {
        struct piece *next = piece->next;
        mem_free(piece);
        piece = next;
    }
    arena->overflow = NULL;
}

void arena_reset(struct arena *arena)
{
    if (arena->overflow != NULL || arena->block == NULL) {
        size_t want = arena->taken < BLOCK_MIN ? BLOCK_MIN : arena->taken;
        want = want > BLOCK_MAX ? BLOCK_MAX : want;
        if (want > arena->block_size) {
            mem_free(arena->block);
            arena->block = mem_resize(NULL, want, 1);
            arena->block_size = want;
        }
        free_overflow(arena);
    }
    arena->used = 0;
    arena->taken = 0;
}

void arena_trim(struct arena *arena)
{
    arena_reset(arena);
    mem_free(arena->block);
    arena->block = NULL;
    arena->block_size = 0;
}

void arena_fini(struct arena *arena)
{
    free_overflow(arena);
    mem_free(arena->block);
    arena_init(arena, arena->max);
}
