/* What edges are asked on behalf of people: how it is with one connection, and how a delivery goes
 * on its way. A question travels with everything else that is said to the edge, right before the
 * delivery that it is about; an edge that does not know it is not asked. Deliveries that are asked
 * after go one by one through the edge, so a second has only so many of them. */
#include "proto/plane_reports.h"

#include "router/plane_internal.h"

enum { PINNED_PER_SECOND = 50, SAMPLED_PER_SECOND = 20, US_PER_MS = 1000 };

/* An answer that an edge sends again was asked for by a router before us. */
static uint64_t next_number(struct router_plane *plane)
{
    struct plane_reports *reports = &plane->reports;
    if (reports->number == 0) {
        reports->number = plane->incarnation << 32;
    }
    return ++reports->number;
}

static bool may_trace(struct router_plane *plane, const struct core_tapped *tapped)
{
    struct plane_reports *reports = &plane->reports;
    uint64_t now_us = plane->now_ms * US_PER_MS;
    uint64_t retry_ms = 0;
    if (tapped->message == NULL || tapped->message->offset == 0 || tapped->edges == 0) {
        return false; /* nothing that a delivery could be known by, or nobody there */
    }
    return (tapped->pinned &&
            gcra_take(&reports->pinned, PINNED_PER_SECOND, 1, now_us, &retry_ms)) ||
           gcra_take(&reports->sampled, SAMPLED_PER_SECOND, 1, now_us, &retry_ms);
}

void plane_reports_tapped(struct router_plane *plane, const struct core_tapped *tapped)
{
    struct plane_reports *reports = &plane->reports;
    reports->trace = 0;
    if (plane->callbacks.on_tapped == NULL) {
        return;
    }
    if (may_trace(plane, tapped)) {
        reports->trace = next_number(plane);
        reports->group = tapped->group;
        reports->offset = tapped->message->offset;
    }
    plane->callbacks.on_tapped(plane->owner, tapped, reports->trace);
}

void plane_reports_ask(struct router_plane *plane, struct plane_edge *edge,
                       const struct core_effect *deliver)
{
    const struct plane_reports *reports = &plane->reports;
    if (reports->trace == 0 || deliver->group != reports->group ||
        deliver->offset != reports->offset || !edge->reports) {
        return;
    }
    plane_say(plane, edge,
              &(struct plane_op){.kind = OP_TRACE,
                                 .slot = (uint32_t)reports->group,
                                 .gen = (uint32_t)(reports->group >> 32),
                                 .a = reports->trace,
                                 .b = reports->offset});
    plane->callbacks.on_hop(plane->owner, reports->trace, edge->id, NULL);
}

bool plane_reports_traced(struct router_plane *plane, const struct plane_edge *edge,
                          const struct plane_op *op)
{
    struct plane_hop hop;
    if (!plane_hop_read(&plane->arena, op->bytes, &hop)) {
        return false;
    }
    if (plane->callbacks.on_hop != NULL) {
        plane->callbacks.on_hop(plane->owner, op->a, edge->id, &hop);
    }
    return true;
}

bool plane_reports_state(struct router_plane *plane, const struct plane_edge *edge,
                         const struct plane_op *op)
{
    struct plane_conn_state state;
    bool open = op->bytes.len != 0;
    if (open && !plane_conn_state_read(&plane->arena, op->bytes, &state)) {
        return false;
    }
    if (plane->callbacks.on_conn_state != NULL) {
        plane->callbacks.on_conn_state(
            plane->owner, op->a,
            (struct conn_ref){.edge = edge->index, .slot = op->slot, .gen = op->gen},
            open ? &state : NULL);
    }
    return true;
}

enum plane_ask router_plane_ask_conn(struct router_plane *plane, struct conn_ref conn,
                                     uint64_t group, uint64_t now_ms, uint64_t *ret_question)
{
    struct plane_edge *edge = conn.edge < plane->edge_capacity ? plane->edges[conn.edge] : NULL;
    plane->now_ms = now_ms;
    if (edge == NULL || (edge->link.phase != LINK_UP && edge->link.phase != LINK_SUSPECT)) {
        return PLANE_ASK_NO_LINK;
    }
    if (!edge->reports) {
        return PLANE_ASK_TOO_OLD;
    }
    *ret_question = next_number(plane);
    plane_say(plane, edge,
              &(struct plane_op){.kind = OP_CONN_ASK,
                                 .slot = conn.slot,
                                 .gen = conn.gen,
                                 .a = *ret_question,
                                 .b = group});
    return PLANE_ASK_OK;
}
