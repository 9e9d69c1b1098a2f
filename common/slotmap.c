#include "common/slotmap.h"

#include "common/mem.h"

#include <assert.h>

/* Slots come in pages that never move: adding the next page costs nothing for those who are there,
 * and a table is never much larger than what it holds. */
enum { PAGE_SLOTS = 512 };

#define NO_INDEX UINT32_MAX

/* Who is free has no object but the index of the next free one, doubled and odd, which no pointer
 * to an object is. */
struct slotmap_page {
    uintptr_t objects[PAGE_SLOTS];
    uint32_t gens[PAGE_SLOTS]; /* of the live object, or of the next one; none in plain maps */
};

_Static_assert(sizeof(uintptr_t) == 8, "a doubled index fits");

static uintptr_t *object_at(const struct slotmap *map, uint32_t index)
{
    return &map->pages[index / PAGE_SLOTS]->objects[index % PAGE_SLOTS];
}

static uint32_t gen_of(const struct slotmap *map, uint32_t index)
{
    return map->plain ? 1 : map->pages[index / PAGE_SLOTS]->gens[index % PAGE_SLOTS];
}

static void set_gen(struct slotmap *map, uint32_t index, uint32_t gen)
{
    if (!map->plain) {
        map->pages[index / PAGE_SLOTS]->gens[index % PAGE_SLOTS] = gen;
    }
}

static uintptr_t free_link(uint32_t next)
{
    return (uintptr_t)next << 1 | 1;
}

void slotmap_init(struct slotmap *map, uint32_t max)
{
    assert(max < UINT32_MAX && "the last index marks the end of the free list");
    *map = (struct slotmap){.free_head = NO_INDEX, .max = max};
}

void slotmap_init_plain(struct slotmap *map, uint32_t max)
{
    slotmap_init(map, max);
    map->plain = true;
}

void slotmap_fini(struct slotmap *map)
{
    for (uint32_t i = 0; i < map->page_count; i++) {
        mem_free(map->pages[i]);
    }
    mem_free(map->pages);
    bool plain = map->plain;
    slotmap_init(map, map->max);
    map->plain = plain;
}

static void add_page(struct slotmap *map)
{
    if ((map->page_count & (map->page_count - 1)) == 0) {
        size_t room = map->page_count == 0 ? 1 : (size_t)map->page_count * 2;
        map->pages = mem_resize(map->pages, room, sizeof(struct slotmap_page *));
    }
    size_t bytes = map->plain ? offsetof(struct slotmap_page, gens) : sizeof(struct slotmap_page);
    map->pages[map->page_count++] = mem_resize(NULL, 1, bytes);
}

/* A free index: a used one again if there is any, so that the range of indexes stays dense. */
static uint32_t take_index(struct slotmap *map)
{
    if (map->free_head != NO_INDEX) {
        uint32_t index = map->free_head;
        map->free_head = (uint32_t)(*object_at(map, index) >> 1);
        return index;
    }
    if (map->used == (uint64_t)map->page_count * PAGE_SLOTS) {
        add_page(map);
    }
    set_gen(map, map->used, 1);
    return map->used++;
}

slot_id slotmap_add(struct slotmap *map, void *object)
{
    assert(object != NULL && ((uintptr_t)object & 1) == 0 && "odd ones mark free slots");
    if (map->count >= map->max) {
        return 0;
    }
    uint32_t index = take_index(map);
    *object_at(map, index) = (uintptr_t)object;
    map->count++;
    return slot_id_make(index, gen_of(map, index));
}

void *slotmap_get(const struct slotmap *map, slot_id id)
{
    uint32_t index = slot_id_index(id);
    if (index >= map->used || gen_of(map, index) != slot_id_gen(id)) {
        return NULL;
    }
    return slotmap_at(map, index);
}

void *slotmap_at(const struct slotmap *map, uint32_t index)
{
    uintptr_t object = index < map->used ? *object_at(map, index) : 1;
    return (object & 1) != 0 ? NULL : (void *)object;
}

slot_id slotmap_id_at(const struct slotmap *map, uint32_t index)
{
    if (slotmap_at(map, index) == NULL) {
        return 0;
    }
    return slot_id_make(index, gen_of(map, index));
}

void *slotmap_remove(struct slotmap *map, slot_id id)
{
    void *object = slotmap_get(map, id);
    if (object == NULL) {
        return NULL;
    }
    uint32_t index = slot_id_index(id);
    uint32_t gen = gen_of(map, index);
    set_gen(map, index, gen == UINT32_MAX ? 1 : gen + 1);
    *object_at(map, index) = free_link(map->free_head);
    map->free_head = index;
    map->count--;
    return object;
}
