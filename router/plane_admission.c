/* What new clients the cluster takes per second (--connect-rate), split over the edges by the
 * places they have left, and told to each once a second when it changed. An edge that announces is
 * told at once; what it announces is no admission. With it goes a number that stands for the edges
 * there are, see core.h. */
#include "router/plane_internal.h"
#include "router/registry.h"

enum { PERIOD_MS = 1000, UNKNOWN_CAPACITY = 65536 };

static uint64_t places_left(const struct plane_edge *edge, const struct registry_edge *known)
{
    uint64_t capacity = edge->capacity == 0 ? UNKNOWN_CAPACITY : edge->capacity;
    if (known->draining || !known->synced || capacity <= known->connections) {
        return 0;
    }
    return capacity - known->connections;
}

static struct plane_edge *next_edge(const struct router_plane *plane, uint64_t *cursor,
                                    struct registry_edge *ret_known)
{
    while (registry_edge_next(plane->core, cursor, ret_known)) {
        if (ret_known->edge < plane->edge_capacity && plane->edges[ret_known->edge] != NULL) {
            return plane->edges[ret_known->edge];
        }
    }
    return NULL;
}

/* In proportion; everybody may let one in, since the numbers are a second old. */
static uint64_t share_of(uint64_t rate, uint64_t places, uint64_t places_in_all)
{
    uint64_t share = places_in_all == 0 ? 0 : rate * places / places_in_all;
    return share == 0 && rate != 0 ? 1 : share;
}

static void tell(struct router_plane *plane, struct plane_edge *edge, uint64_t rate)
{
    uint64_t others = registry_edges_digest(plane->core);
    if (edge->told && edge->told_rate == rate && edge->told_others == others) {
        return;
    }
    edge->told = true;
    edge->told_rate = rate;
    edge->told_others = others;
    plane_builder_add(&edge->out, &(struct plane_op){.kind = OP_ADMISSION,
                                                     .slot = (uint32_t)plane->config.connect_rate,
                                                     .a = rate,
                                                     .b = others});
}

void plane_admission_soon(struct router_plane *plane)
{
    plane->admission_due_ms = 0;
}

void plane_admission_tick(struct router_plane *plane)
{
    if (plane->now_ms < plane->admission_due_ms) {
        return;
    }
    plane->admission_due_ms = plane->now_ms + PERIOD_MS;
    uint64_t in_all = 0;
    uint64_t cursor = 0;
    struct registry_edge known;
    struct plane_edge *edge;
    while ((edge = next_edge(plane, &cursor, &known)) != NULL) {
        in_all += places_left(edge, &known);
    }
    cursor = 0;
    while ((edge = next_edge(plane, &cursor, &known)) != NULL) {
        if (known.synced) {
            tell(plane, edge,
                 share_of(plane->config.connect_rate, places_left(edge, &known), in_all));
        }
    }
}

uint64_t plane_admission_deadline(const struct router_plane *plane)
{
    return plane->edge_count == 0 ? UINT64_MAX : plane->admission_due_ms;
}
