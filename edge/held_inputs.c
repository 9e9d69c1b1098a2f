#include "edge/held_inputs.h"

#include "common/buf.h"
#include "common/mem.h"

#include <assert.h>

void held_inputs_init(struct held_inputs *held)
{
    slotmap_init(&held->table, UINT32_MAX - 1);
    u32map_init(&held->by_slot);
}

void held_inputs_fini(struct held_inputs *held)
{
    assert(held->table.count == 0 && "a connection left its input behind");
    slotmap_fini(&held->table);
    u32map_fini(&held->by_slot);
}

size_t held_inputs_put(struct held_inputs *held, uint32_t slot, struct bytes input)
{
    struct buf *copy = mem_new(1, sizeof(*copy));
    buf_init(copy, 0);
    buf_append(copy, input);
    u32map_set(&held->by_slot, slot, slot_id_index(slotmap_add(&held->table, copy)));
    return copy->capacity;
}

struct buf *held_inputs_take(struct held_inputs *held, uint32_t slot)
{
    uint32_t index;
    bool known = u32map_get(&held->by_slot, slot, &index);
    assert(known && "a connection knows whether it has some");
    (void)known;
    u32map_remove(&held->by_slot, slot);
    return slotmap_remove(&held->table, slotmap_id_at(&held->table, index));
}

void held_inputs_drop(struct buf **input)
{
    buf_fini(*input);
    mem_free(*input);
    *input = NULL;
}
