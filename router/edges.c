#include "router/edges.h"

#include "common/mem.h"

#include <assert.h>
#include <string.h>

void edges_init(struct edges *edges)
{
    *edges = (struct edges){.next_serial = 1};
}

void edges_fini(struct edges *edges)
{
    for (uint32_t i = 0; i < edges->capacity; i++) {
        router_edge_free(&edges->items[i]);
    }
    mem_free(edges->items);
    edges_init(edges);
}

struct router_edge *edges_get(const struct edges *edges, uint32_t index)
{
    return index < edges->capacity ? edges->items[index] : NULL;
}

/* Grows a zeroed array to hold `index`, doubling. */
static void *reserve(void *items, uint32_t *capacity, uint32_t index, size_t size)
{
    if (index < *capacity) {
        return items;
    }
    uint32_t old = *capacity;
    uint32_t now = old == 0 ? 16 : old;
    while (now <= index) {
        now += now / 4; /* not doubled: most of it would lie idle */
    }
    items = mem_resize(items, now, size);
    memset((uint8_t *)items + (size_t)old * size, 0, (size_t)(now - old) * size);
    *capacity = now;
    return items;
}

struct router_edge *edges_add(struct edges *edges, uint32_t index, struct bytes id)
{
    if (index >= EDGES_MAX) {
        return NULL;
    }
    assert(edges_get(edges, index) == NULL);
    edges->items = reserve(edges->items, &edges->capacity, index, sizeof(struct router_edge *));
    struct router_edge *edge = mem_new(1, sizeof(*edge));
    edge->serial = edges->next_serial++;
    edge->id = mem_copy(id);
    edge->id_len = id.len;
    edges->items[index] = edge;
    edges->count++;
    edges->unsynced++;
    return edge;
}

struct router_edge *edges_take(struct edges *edges, uint32_t index)
{
    struct router_edge *edge = edges_get(edges, index);
    if (edge == NULL) {
        return NULL;
    }
    edges->items[index] = NULL;
    edges->count--;
    edges->unsynced -= !edge->synced;
    return edge;
}

void router_edge_free(struct router_edge **edge)
{
    if (*edge == NULL) {
        return;
    }
    mem_free((*edge)->id);
    mem_free((*edge)->conns);
    mem_free((*edge)->locals);
    mem_free(*edge);
    *edge = NULL;
}

void edges_set_synced(struct edges *edges, struct router_edge *edge)
{
    edges->unsynced -= !edge->synced;
    edge->synced = true;
    mem_free(edge->locals);
    edge->locals = NULL;
    edge->local_capacity = 0;
}

struct bytes router_edge_id(const struct router_edge *edge)
{
    return bytes_of(edge->id, edge->id_len);
}

slot_id router_edge_conn(const struct router_edge *edge, uint32_t slot)
{
    return slot < edge->conn_capacity ? edge->conns[slot] : 0;
}

void router_edge_set_conn(struct router_edge *edge, uint32_t slot, slot_id conn)
{
    assert(slot < EDGE_SLOTS_MAX);
    edge->conns = reserve(edge->conns, &edge->conn_capacity, slot, sizeof(*edge->conns));
    edge->conns[slot] = conn;
}

slot_id router_edge_local(const struct router_edge *edge, uint32_t local)
{
    return local < edge->local_capacity ? edge->locals[local] : 0;
}

void router_edge_set_local(struct router_edge *edge, uint32_t local, slot_id group)
{
    assert(local < EDGE_LOCALS_MAX);
    edge->locals = reserve(edge->locals, &edge->local_capacity, local, sizeof(*edge->locals));
    edge->locals[local] = group;
}
