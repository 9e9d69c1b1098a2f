/* How the edge knows that the way to the router's core and back is open, and the router that both
 * hold the same connections and memberships.
 *
 * The canary takes the way of users' messages: the up-batch, the link's queue and credit, the core,
 * the down-batch. One at a time, so that nothing piles up while no router is there.
 *
 * A question about the digest comes at a point of the router's stream and is answered at once, into
 * the up-batch: the answer is what this edge holds after exactly the router's operations before the
 * question, and behind exactly those events of its own that are in the digest. */
#include "common/mem.h"
#include "edge/uplink_down.h"
#include "proto/plane_digest.h"

static void say(struct uplink *uplink, struct uplink_canary *canary, uint64_t now_ms)
{
    canary->waiting = true;
    canary->number++;
    canary->sent_us = uplink->callbacks.clock_us(uplink->owner);
    canary->due_ms = now_ms + uplink->config.canary_ms;
    plane_builder_add(
        &uplink->up,
        &(struct plane_op){.kind = OP_CANARY, .a = canary->number, .b = canary->took_us});
}

void uplink_canary_tick(struct uplink *uplink, uint64_t now_ms)
{
    if (now_ms >= uplink_canary_deadline(uplink)) {
        say(uplink, &uplink->canary, now_ms);
    }
}

uint64_t uplink_canary_deadline(const struct uplink *uplink)
{
    const struct uplink_canary *canary = &uplink->canary;
    bool flies = canary->supported && !canary->waiting && !uplink->draining;
    return flies && uplink->state == UPLINK_UP ? canary->due_ms : UINT64_MAX;
}

void uplink_canary_start(struct uplink *uplink, bool supported, uint64_t now_ms)
{
    struct uplink_canary *canary = &uplink->canary;
    canary->supported = supported && uplink->config.canary_ms != 0;
    canary->waiting =
        canary->waiting && canary->supported; /* else it is sent again, in its order */
    canary->due_ms = now_ms;
}

void uplink_canary_lost(struct uplink *uplink)
{
    uplink->canary.waiting = false;
}

void uplink_canary_back(struct uplink *uplink, const struct plane_op *op)
{
    struct uplink_canary *canary = &uplink->canary;
    if (!canary->waiting || op->a != canary->number) {
        return; /* given back by two routers */
    }
    uint64_t now_us = uplink->callbacks.clock_us(uplink->owner);
    canary->waiting = false;
    canary->took_us = now_us - canary->sent_us;
    canary->took_us = canary->took_us == 0 ? 1 : canary->took_us;
    canary->back_us = now_us;
    uplink->callbacks.on_canary(uplink->owner, canary->took_us);
}

bool uplink_canary_overdue(const struct uplink *uplink, uint64_t now_ms, uint64_t timeout_ms)
{
    const struct uplink_canary *canary = &uplink->canary;
    return canary->supported &&
           (canary->back_us == 0 || now_ms > canary->back_us / 1000 + timeout_ms);
}

static void answer(struct uplink *uplink, const struct plane_op *op)
{
    plane_builder_add(&uplink->up, &(struct plane_op){.kind = OP_DIGEST,
                                                      .slot = op->slot,
                                                      .a = op->a,
                                                      .bytes = buf_bytes(&uplink->scratch)});
}

/* One bucket per question is counted anew: what was lost without the sums noticing is found too. */
static void answer_sums(struct uplink *uplink, const struct plane_op *op)
{
    struct digest *digest = &uplink->groups.digest;
    uint32_t bucket = (uint32_t)(op->a % DIGEST_BUCKETS);
    digest->sums[bucket] = groups_digest_count(&uplink->groups, bucket);
    buf_clear(&uplink->scratch);
    plane_digest_write(&(struct plane_digest){.unsettled = digest_unsettled(digest),
                                              .sums = digest->sums,
                                              .count = DIGEST_BUCKETS},
                       &uplink->scratch);
    answer(uplink, op);
}

static bool is_listed(const struct edge_session *session)
{
    return session != NULL && session->accepted && session->gen != 0;
}

/* Arrays for the sessions of one bucket. */
struct lister {
    uint32_t *slots;
    uint32_t *gens;
    uint32_t *counts;
    uint64_t *groups;
    size_t conn_count;
    size_t group_count;
};

static void list(const struct groups *groups, const struct edge_session *session,
                 struct lister *lister)
{
    size_t before = lister->group_count;
    for (uint32_t i = 0; i < session->group_count; i++) {
        uint64_t id = groups_at(groups, groups_of(session)[i].local)->id;
        if (id != 0) {
            lister->groups[lister->group_count++] = id;
        }
    }
    lister->slots[lister->conn_count] = session->slot;
    lister->gens[lister->conn_count] = session->gen;
    lister->counts[lister->conn_count] = (uint32_t)(lister->group_count - before);
    lister->conn_count++;
}

static void answer_listing(struct uplink *uplink, const struct plane_op *op)
{
    const struct groups *groups = &uplink->groups;
    uint32_t bucket = op->slot - 1;
    size_t conns = 0;
    size_t places = 0;
    for (uint32_t slot = bucket; slot < groups->session_capacity; slot += DIGEST_BUCKETS) {
        const struct edge_session *session = groups_current(groups, slot);
        conns += is_listed(session);
        places += is_listed(session) ? session->group_count : 0;
    }
    struct lister lister = {.slots = mem_new(conns + 1, sizeof(uint32_t)),
                            .gens = mem_new(conns + 1, sizeof(uint32_t)),
                            .counts = mem_new(conns + 1, sizeof(uint32_t)),
                            .groups = mem_new(places + 1, sizeof(uint64_t))};
    for (uint32_t slot = bucket; slot < groups->session_capacity; slot += DIGEST_BUCKETS) {
        const struct edge_session *session = groups_current(groups, slot);
        if (is_listed(session)) {
            list(groups, session, &lister);
        }
    }
    buf_clear(&uplink->scratch);
    plane_listing_write(&(struct plane_listing){.slots = lister.slots,
                                                .gens = lister.gens,
                                                .group_counts = lister.counts,
                                                .conn_count = lister.conn_count,
                                                .groups = lister.groups,
                                                .group_count = lister.group_count},
                        &uplink->scratch);
    answer(uplink, op);
    mem_free(lister.slots);
    mem_free(lister.gens);
    mem_free(lister.counts);
    mem_free(lister.groups);
}

void uplink_digest_ask(struct uplink *uplink, const struct plane_op *op)
{
    if (op->slot == 0) {
        answer_sums(uplink, op);
    } else if (op->slot <= DIGEST_BUCKETS) {
        answer_listing(uplink, op);
    } else {
        uplink->stats.bad_frames++;
    }
}
