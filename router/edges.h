/* The edges that are up: their connections by slot, and while they announce, their groups by local
 * number. */
#ifndef ROUTER_EDGES_H
#define ROUTER_EDGES_H

#include "common/digest.h"
#include "common/slotmap.h"
#include "router/core.h"
#include "router/edge_clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What an edge may name at most: dense indexes, so a wild one is refused rather than grown to. */
enum { EDGES_MAX = 4096, EDGE_SLOTS_MAX = 1 << 22, EDGE_LOCALS_MAX = 1 << 22 };

struct router_edge {
    uint64_t incarnation;
    uint32_t serial; /* tells an edge from the next one with the same index */
    uint8_t *id;
    size_t id_len;
    struct edge_clock clock;
    uint64_t delay_ms;
    bool draining;
    bool held; /* it does not take what it is told: nothing may cause it more for now */
    bool synced;
    struct digest digest; /* of its attached connections and their places */
    slot_id *conns;       /* by slot, 0 = none */
    uint32_t conn_capacity;
    uint32_t connections; /* attached */
    uint32_t detached;    /* in grace, were attached here */
    slot_id *locals;      /* group by local number, 0 = none; only while it announces */
    uint32_t local_capacity;
};

struct edges {
    struct router_edge **items; /* by index, NULL = down */
    uint32_t capacity;
    uint32_t count;
    uint32_t unsynced; /* up, announce not ended */
    uint32_t next_serial;
};

void edges_init(struct edges *edges);
void edges_fini(struct edges *edges);

/* NULL when it is not up. */
struct router_edge *edges_get(const struct edges *edges, uint32_t index);

/* A fresh edge that is not synced; NULL when the index is impossible. It must be down. */
struct router_edge *edges_add(struct edges *edges, uint32_t index, struct bytes id);

/* Takes the edge out; the caller frees it with router_edge_free (its id may still be in effects).
 */
struct router_edge *edges_take(struct edges *edges, uint32_t index);
void router_edge_free(struct router_edge **edge);

/* The end of its announce: locals are forgotten. */
void edges_set_synced(struct edges *edges, struct router_edge *edge);

struct bytes router_edge_id(const struct router_edge *edge);

/* Connection in a slot, whatever its generation; 0 = none. */
slot_id router_edge_conn(const struct router_edge *edge, uint32_t slot);
void router_edge_set_conn(struct router_edge *edge, uint32_t slot, slot_id conn);

/* Group bound to a local number; 0 = none. */
slot_id router_edge_local(const struct router_edge *edge, uint32_t local);
void router_edge_set_local(struct router_edge *edge, uint32_t local, slot_id group);

/* Numbers that stand for sets of edge incarnations: each goes in and out by exclusive or. */
static inline uint64_t edges_mix(uint64_t incarnation)
{
    uint64_t z = incarnation + UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

#endif
