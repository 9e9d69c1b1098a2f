#include "edge/holes.h"

#include "common/mem.h"

#include <assert.h>
#include <string.h>

void holes_init(struct holes *holes)
{
    *holes = (struct holes){.due_ms = UINT64_MAX};
}

struct hole *holes_add(struct holes *holes, uint32_t local)
{
    struct hole *hole = mem_new(1, sizeof(*hole));
    hole->local = local;
    u32map_init(&hole->by_slot);
    hole->before = holes->last;
    if (holes->last == NULL) {
        holes->first = hole;
    } else {
        holes->last->next = hole;
    }
    holes->last = hole;
    holes->count++;
    return hole;
}

void hole_forget_entries(struct holes *holes, struct hole *hole)
{
    struct hole_entry *entry = NULL;
    while ((entry = holes_take(holes, hole)) != NULL) {
        mem_free(entry);
    }
}

void hole_forget_numbered(struct holes *holes, struct hole *hole)
{
    struct hole_entry **at = &hole->entries;
    hole->last = NULL;
    while (*at != NULL) {
        struct hole_entry *entry = *at;
        if (entry->offset == 0) {
            hole->last = entry;
            at = &entry->next;
            continue;
        }
        *at = entry->next;
        hole->bytes -= hole_entry_cost(entry->len);
        holes->bytes -= hole_entry_cost(entry->len);
        mem_free(entry);
    }
}

void holes_remove(struct holes *holes, struct hole *hole)
{
    hole_forget_entries(holes, hole);
    *(hole->before == NULL ? &holes->first : &hole->before->next) = hole->next;
    *(hole->next == NULL ? &holes->last : &hole->next->before) = hole->before;
    holes->count--;
    u32map_fini(&hole->by_slot);
    mem_free(hole->newcomers);
    mem_free(hole);
}

size_t hole_entry_cost(size_t payload_len)
{
    return sizeof(struct hole_entry) + payload_len;
}

void holes_put(struct holes *holes, struct hole *hole, const struct hole_entry *like,
               struct bytes payload)
{
    struct hole_entry *entry = mem_new(1, hole_entry_cost(payload.len));
    entry->first = like->first;
    entry->offset = like->offset;
    entry->slot = like->slot;
    entry->gen = like->gen;
    entry->after = hole->newest;
    entry->serial = ++hole->serial;
    entry->len = (uint32_t)payload.len;
    if (payload.len != 0) {
        memcpy(entry->data, payload.data, payload.len);
    }
    if (hole->last == NULL) {
        hole->entries = entry;
    } else {
        hole->last->next = entry;
    }
    hole->last = entry;
    hole->newest = entry->offset > hole->newest ? entry->offset : hole->newest;
    hole->bytes += hole_entry_cost(payload.len);
    holes->bytes += hole_entry_cost(payload.len);
}

struct hole_entry *holes_take(struct holes *holes, struct hole *hole)
{
    struct hole_entry *entry = hole->entries;
    if (entry == NULL) {
        return NULL;
    }
    hole->entries = entry->next;
    if (entry->next == NULL) {
        hole->last = NULL;
    }
    hole->bytes -= hole_entry_cost(entry->len);
    holes->bytes -= hole_entry_cost(entry->len);
    return entry;
}

void hole_newcomer(struct hole *hole, uint32_t slot, uint64_t offset)
{
    uint32_t index = 0;
    if (!u32map_get(&hole->by_slot, slot, &index)) {
        if (hole->newcomer_count == hole->newcomer_capacity) {
            hole->newcomer_capacity =
                hole->newcomer_capacity == 0 ? 4 : hole->newcomer_capacity * 2;
            hole->newcomers =
                mem_resize(hole->newcomers, hole->newcomer_capacity, sizeof(*hole->newcomers));
        }
        index = hole->newcomer_count++;
        u32map_set(&hole->by_slot, slot, index);
    }
    hole->newcomers[index] = (struct hole_newcomer){offset, hole->serial};
}

static const struct hole_newcomer *newcomer_of(const struct hole *hole, uint32_t slot)
{
    uint32_t index = 0;
    bool is_one = hole->newcomer_count != 0 && u32map_get(&hole->by_slot, slot, &index);
    return is_one ? &hole->newcomers[index] : NULL;
}

uint64_t hole_known(const struct hole *hole, uint32_t slot)
{
    const struct hole_newcomer *newcomer = newcomer_of(hole, slot);
    return newcomer == NULL ? 0 : newcomer->offset;
}

uint64_t hole_known_most(const struct hole *hole)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < hole->newcomer_count; i++) {
        most = hole->newcomers[i].offset > most ? hole->newcomers[i].offset : most;
    }
    return most;
}

bool hole_has(const struct hole *hole, uint32_t slot)
{
    const struct hole_newcomer *newcomer = newcomer_of(hole, slot);
    if (newcomer == NULL) {
        return false;
    }
    return hole->giving_offset != 0 ? hole->giving_offset <= newcomer->offset
                                    : hole->giving_serial <= newcomer->serial;
}
