/* Objects by 32-bit index and generation: an id that outlives its object finds nothing instead of a
 * stranger. Freed indexes are used again, with the next generation (never 0). */
#ifndef COMMON_SLOTMAP_H
#define COMMON_SLOTMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slotmap_page;

struct slotmap {
    struct slotmap_page **pages; /* 12 bytes a slot, 8 without generations */
    uint32_t page_count;
    uint32_t used;  /* slots ever handed out: indexes are below this */
    uint32_t count; /* live objects */
    uint32_t free_head;
    uint32_t max; /* limit of live objects */
    bool plain;   /* without generations */
};

/* index in the low, generation in the high half; 0 is never a valid id */
typedef uint64_t slot_id; /* the one typedef: an integer with a meaning */

static inline uint32_t slot_id_index(slot_id id)
{
    return (uint32_t)id;
}

static inline uint32_t slot_id_gen(slot_id id)
{
    return (uint32_t)(id >> 32);
}

static inline slot_id slot_id_make(uint32_t index, uint32_t gen)
{
    return (uint64_t)gen << 32 | index;
}

/* `max` live objects at most (up to UINT32_MAX - 1). */
void slotmap_init(struct slotmap *map, uint32_t max);
/* The same without generations (all are 1): for owners who keep no id longer than its object. */
void slotmap_init_plain(struct slotmap *map, uint32_t max);
void slotmap_fini(struct slotmap *map);

/* Id of the newly stored `object` (not NULL, an even address), or 0 when `max` is reached. */
slot_id slotmap_add(struct slotmap *map, void *object);

/* The object, or NULL when the generation is gone. */
void *slotmap_get(const struct slotmap *map, slot_id id);

/* The live object at `index` whatever its generation, or NULL. For iteration over [0, used). */
void *slotmap_at(const struct slotmap *map, uint32_t index);

/* The id of the live object at `index`, 0 when there is none. */
slot_id slotmap_id_at(const struct slotmap *map, uint32_t index);

/* Removes and returns the object, NULL when the id is stale. */
void *slotmap_remove(struct slotmap *map, slot_id id);

#endif
