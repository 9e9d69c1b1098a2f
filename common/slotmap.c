#include "common/slotmap.h"

#include "common/mem.h"

#include <assert.h>

enum { CAPACITY_MIN = 16 };

#define NO_INDEX UINT32_MAX

struct slotmap_slot {
    void *object;  /* NULL while free */
    uint32_t gen;  /* of the live object, or of the next one */
    uint32_t next; /* free list, NO_INDEX at its end */
};

void slotmap_init(struct slotmap *map, uint32_t max)
{
    assert(max < UINT32_MAX && "the last index marks the end of the free list");
    *map = (struct slotmap){.free_head = NO_INDEX, .max = max};
}

void slotmap_fini(struct slotmap *map)
{
    mem_free(map->slots);
    slotmap_init(map, map->max);
}

static void grow(struct slotmap *map)
{
    uint64_t capacity = map->capacity < CAPACITY_MIN ? CAPACITY_MIN : (uint64_t)map->capacity * 2;
    capacity = capacity > map->max ? map->max : capacity;
    map->slots = mem_resize(map->slots, capacity, sizeof(*map->slots));
    map->capacity = (uint32_t)capacity;
}

/* A free index: a used one again if there is any, so that the range of indexes stays dense. */
static uint32_t take_index(struct slotmap *map)
{
    if (map->free_head != NO_INDEX) {
        uint32_t index = map->free_head;
        map->free_head = map->slots[index].next;
        return index;
    }
    if (map->used == map->capacity) {
        grow(map);
    }
    map->slots[map->used].gen = 1;
    return map->used++;
}

slot_id slotmap_add(struct slotmap *map, void *object)
{
    assert(object != NULL && "NULL marks a free slot");
    if (map->count >= map->max) {
        return 0;
    }
    uint32_t index = take_index(map);
    map->slots[index].object = object;
    map->count++;
    return slot_id_make(index, map->slots[index].gen);
}

void *slotmap_get(const struct slotmap *map, slot_id id)
{
    uint32_t index = slot_id_index(id);
    if (index >= map->used || map->slots[index].gen != slot_id_gen(id)) {
        return NULL;
    }
    return map->slots[index].object;
}

void *slotmap_at(const struct slotmap *map, uint32_t index)
{
    return index < map->used ? map->slots[index].object : NULL;
}

slot_id slotmap_id_at(const struct slotmap *map, uint32_t index)
{
    if (slotmap_at(map, index) == NULL) {
        return 0;
    }
    return slot_id_make(index, map->slots[index].gen);
}

void *slotmap_remove(struct slotmap *map, slot_id id)
{
    void *object = slotmap_get(map, id);
    if (object == NULL) {
        return NULL;
    }
    struct slotmap_slot *slot = &map->slots[slot_id_index(id)];
    slot->object = NULL;
    slot->gen = slot->gen == UINT32_MAX ? 1 : slot->gen + 1;
    slot->next = map->free_head;
    map->free_head = slot_id_index(id);
    map->count--;
    return object;
}
