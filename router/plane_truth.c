/* Canaries of edges, and the questions whether an edge holds what the registry says. */
#include "proto/plane_digest.h"
#include "router/plane_internal.h"
#include "router/truth.h"

void plane_truth_init(struct router_plane *plane, struct plane_edge *edge, uint32_t features)
{
    edge->reports = (features & PLANE_FEATURE_REPORTS) != 0;
    edge->drains = (features & PLANE_FEATURE_DRAIN) != 0;
    edge->truth = (struct plane_truth){
        .sends_canaries = (features & PLANE_FEATURE_CANARY) != 0,
        .answers = (features & PLANE_FEATURE_DIGEST) != 0 && plane->config.digest_ms != 0,
        .canary_ms = plane->now_ms,
        .due_ms = plane->now_ms + plane->config.digest_ms,
        /* An answer that an edge sends again is one to a router before us. */
        .question = plane->incarnation << 32,
    };
}

void plane_truth_forget(struct plane_edge *edge)
{
    edge->truth.asked = false; /* its number is not used again */
}

static void ask(struct router_plane *plane, struct plane_edge *edge, uint32_t slot)
{
    struct plane_truth *truth = &edge->truth;
    truth->asked = true;
    truth->slot = slot;
    truth->question++;
    router_core_truth_ask(plane->core, edge->index);
    plane_say(plane, edge,
              &(struct plane_op){.kind = OP_DIGEST_ASK, .slot = slot, .a = truth->question});
}

static bool is_due(const struct plane_edge *edge)
{
    return edge != NULL && edge->truth.answers && !edge->truth.asked;
}

void plane_truth_tick(struct router_plane *plane)
{
    for (uint32_t i = 0; i < plane->edge_capacity; i++) {
        struct plane_edge *edge = plane->edges[i];
        if (is_due(edge) && plane->now_ms >= edge->truth.due_ms) {
            edge->truth.due_ms = plane->now_ms + plane->config.digest_ms;
            ask(plane, edge, 0);
        }
    }
}

uint64_t plane_truth_deadline(const struct router_plane *plane)
{
    uint64_t due_ms = UINT64_MAX;
    for (uint32_t i = 0; i < plane->edge_capacity; i++) {
        const struct plane_edge *edge = plane->edges[i];
        if (is_due(edge) && edge->truth.due_ms < due_ms) {
            due_ms = edge->truth.due_ms;
        }
    }
    return due_ms;
}

void plane_truth_canary(struct router_plane *plane, struct plane_edge *edge,
                        const struct plane_op *op)
{
    edge->truth.canary_ms = plane->now_ms;
    if (op->b != 0) {
        edge->truth.canary_us = op->b;
        plane->callbacks.on_canary(plane->owner, op->b);
    }
    plane_step(plane,
               &(struct core_event){.kind = CORE_CANARY, .edge = edge->index, .token = op->a});
}

static bool compare(struct router_plane *plane, struct plane_edge *edge, const struct plane_op *op)
{
    struct plane_digest digest;
    if (!plane_digest_read(&plane->arena, op->bytes, &digest)) {
        return false;
    }
    struct truth_verdict verdict =
        router_core_truth_compare(plane->core, edge->index, digest.unsettled, digest.sums,
                                  (uint32_t)(op->a % DIGEST_BUCKETS));
    uint32_t differs = digest_count(verdict.differs);
    plane->stats.buckets_compared += digest_count(verdict.compared);
    plane->stats.divergences += differs;
    if (differs != 0) {
        ask(plane, edge, digest_first(verdict.differs) + 1);
    }
    if (differs > 1) {
        edge->truth.due_ms = plane->now_ms; /* the next bucket */
    }
    return true;
}

static bool repair(struct router_plane *plane, const struct plane_edge *edge,
                   const struct plane_op *op)
{
    struct plane_listing listing;
    if (!plane_listing_read(&plane->arena, op->bytes, &listing)) {
        return false;
    }
    size_t last = listing.conn_count == 0 ? 0 : listing.conn_count - 1;
    if (listing.conn_count != 0 && (digest_bucket(listing.slots[0]) != op->slot - 1 ||
                                    listing.slots[last] >= EDGE_SLOTS_MAX)) {
        return false;
    }
    struct core_listing held = {.bucket = op->slot - 1,
                                .slots = listing.slots,
                                .gens = listing.gens,
                                .group_counts = listing.group_counts,
                                .conn_count = listing.conn_count,
                                .groups = listing.groups};
    plane_step(plane,
               &(struct core_event){.kind = CORE_LISTING, .edge = edge->index, .listing = &held});
    return true;
}

bool plane_truth_answer(struct router_plane *plane, struct plane_edge *edge,
                        const struct plane_op *op)
{
    struct plane_truth *truth = &edge->truth;
    if (!truth->asked || op->a != truth->question) {
        return true; /* to a router before us */
    }
    if (op->slot != truth->slot) {
        return false;
    }
    truth->asked = false;
    return op->slot == 0 ? compare(plane, edge, op) : repair(plane, edge, op);
}

void plane_truth_back(struct router_plane *plane, struct plane_edge *edge,
                      const struct core_effect *effect)
{
    plane_say(plane, edge, &(struct plane_op){.kind = OP_CANARY_BACK, .a = effect->token});
}

bool router_plane_canary_overdue(const struct router_plane *plane, uint64_t now_ms)
{
    bool late = false;
    for (uint32_t i = 0; i < plane->edge_capacity; i++) {
        const struct plane_edge *edge = plane->edges[i];
        if (edge == NULL || edge->link.phase != LINK_UP || !edge->truth.sends_canaries) {
            continue;
        }
        late = now_ms > edge->truth.canary_ms + plane->config.canary_timeout_ms;
        if (!late) {
            return false;
        }
    }
    return late;
}

bool router_plane_store_stalled(const struct router_plane *plane, uint64_t now_ms)
{
    return plane->calls_pending != 0 &&
           now_ms > plane->calls_moved_ms + plane->config.canary_timeout_ms;
}
