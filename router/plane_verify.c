/* Tokens whose check takes long. Until the verdict is here all that the connection says waits, in
 * order, and its frames are not finished; nobody else waits. */
#include "common/mem.h"
#include "router/plane_internal.h"

#include <assert.h>
#include <string.h>

struct waiting_op {
    struct waiting_op *next;
    struct plane_op op; /* its bytes follow */
    uint64_t cause;
    uint8_t bytes[];
};

/* A connection that waits: the first operation is the one with the token. */
struct plane_waiting {
    uint32_t edge;
    uint32_t tag; /* of the edge: another one may have its index now */
    uint32_t slot;
    uint32_t gen;
    struct waiting_op *oldest;
    struct waiting_op *newest;
};

static void append(struct router_plane *plane, struct plane_waiting *waiting,
                   const struct plane_op *op)
{
    struct waiting_op *copy = mem_new(1, sizeof(*copy) + op->bytes.len);
    copy->op = *op;
    copy->cause = plane->cause;
    if (op->bytes.len != 0) {
        memcpy(copy->bytes, op->bytes.data, op->bytes.len);
    }
    copy->op.bytes = bytes_of(copy->bytes, op->bytes.len);
    *(waiting->newest == NULL ? &waiting->oldest : &waiting->newest->next) = copy;
    waiting->newest = copy;
    plane_frame_hold(plane, copy->cause, true);
}

static struct waiting_op *pop(struct plane_waiting *waiting)
{
    struct waiting_op *op = waiting->oldest;
    if (op != NULL) {
        waiting->oldest = op->next;
    }
    return op;
}

/* It holds a token, maybe. */
static void op_free(struct router_plane *plane, struct waiting_op *op)
{
    plane_frame_hold(plane, op->cause, false);
    mem_wipe(op->bytes, op->op.bytes.len);
    mem_free(op);
}

static void waiting_free(struct router_plane *plane, struct plane_waiting *waiting)
{
    struct waiting_op *op = NULL;
    while ((op = pop(waiting)) != NULL) {
        op_free(plane, op);
    }
    mem_free(waiting);
}

/* Takes it out of both tables. */
static struct plane_waiting *take(struct router_plane *plane, struct plane_edge *edge, slot_id id)
{
    struct plane_waiting *waiting = slotmap_remove(&plane->waiting, id);
    if (edge != NULL) {
        (void)u32map_remove(&edge->waiting, waiting->slot);
    }
    return waiting;
}

static slot_id find(const struct router_plane *plane, const struct plane_edge *edge, uint32_t slot)
{
    uint32_t index = 0;
    return edge->waiting.count != 0 && u32map_get(&edge->waiting, slot, &index)
               ? slotmap_id_at(&plane->waiting, index)
               : 0;
}

static void begin(struct router_plane *plane, struct plane_edge *edge, const struct plane_op *op,
                  struct bytes token)
{
    struct plane_waiting *waiting = mem_new(1, sizeof(*waiting));
    *waiting = (struct plane_waiting){
        .edge = edge->index, .tag = edge->tag, .slot = op->slot, .gen = op->gen};
    slot_id id = slotmap_add(&plane->waiting, waiting);
    assert(id != 0);
    u32map_set(&edge->waiting, op->slot, slot_id_index(id));
    append(plane, waiting, op);
    plane->stats.checks_elsewhere++;
    plane->callbacks.verify(plane->owner,
                            auth_job_new(id, &plane->config.auth, token, plane->wall_ms));
}

bool plane_verify(struct router_plane *plane, struct plane_edge *edge, const struct plane_op *op,
                  struct bytes token, struct auth_verdict *ret_verdict)
{
    if (plane->verdict != NULL) { /* this operation has waited for it */
        *ret_verdict = *plane->verdict;
        plane->verdict = NULL;
        return true;
    }
    if (auth_cache_find(plane->auth_cache, token, plane->wall_ms, ret_verdict)) {
        plane->stats.checks_cached++;
        return true;
    }
    if (plane->callbacks.verify == NULL || !auth_is_costly(&plane->config.auth, token)) {
        plane->stats.checks_here++;
        *ret_verdict =
            auth_check(&plane->config.auth, token, plane->wall_ms, &plane->token_scratch);
        return true;
    }
    if (plane->waiting.count == plane->waiting.max) {
        plane->stats.checks_refused++;
        *ret_verdict = (struct auth_verdict){.busy = true, .why = "too many tokens wait"};
        return true;
    }
    begin(plane, edge, op, token);
    return false;
}

bool plane_verify_parks(struct router_plane *plane, struct plane_edge *edge,
                        const struct plane_op *op)
{
    bool answer = op->kind == OP_CONN_STATE; /* to us: nothing that the connection says or does */
    slot_id id = op->gen == 0 || answer ? 0 : find(plane, edge, op->slot);
    if (id == 0) {
        return false;
    }
    struct plane_waiting *waiting = slotmap_get(&plane->waiting, id);
    bool same = waiting->gen == op->gen;
    if (same && (op->kind == OP_TEXT || op->kind == OP_BINARY || op->kind == OP_LAGGING)) {
        append(plane, waiting, op);
        return true;
    }
    if (!same || waiting->oldest->op.kind == OP_OPEN) {
        /* It closed, or the next one has its slot. The core hears of the end: it may know the
         * connection from an announce, and the opening was only sent again. */
        waiting_free(plane, take(plane, edge, id));
        return false;
    }
    if (op->kind == OP_CLOSED) { /* it was opened long ago: what it said before counts */
        append(plane, waiting, op);
        return true;
    }
    return false;
}

void plane_verify_drop_edge(struct router_plane *plane, struct plane_edge *edge)
{
    uint32_t cursor = 0;
    uint32_t slot = 0;
    uint32_t index = 0;
    while (u32map_next(&edge->waiting, &cursor, &slot, &index)) {
        waiting_free(plane, take(plane, NULL, slotmap_id_at(&plane->waiting, index)));
    }
    u32map_fini(&edge->waiting);
    u32map_init(&edge->waiting);
}

/* The edge does not take what this causes: the rest waits, and what is said meanwhile behind it. */
static void put_back(struct router_plane *plane, struct plane_edge *edge,
                     struct plane_waiting *waiting)
{
    slot_id id = slotmap_add(&plane->waiting, waiting);
    assert(id != 0 && "it had a place just now");
    u32map_set(&edge->waiting, waiting->slot, slot_id_index(id));
    plane_pace_keep_verdict(edge, id, NULL);
}

/* In the order they came; as soon as one waits again, so do those behind it. `*ret_rest`: until the
 * edge takes more. */
static bool replay(struct router_plane *plane, struct plane_edge *edge,
                   struct plane_waiting *waiting, bool *ret_rest)
{
    struct waiting_op *op = NULL;
    bool possible = true;
    *ret_rest = false;
    while (possible && waiting->oldest != NULL) {
        if (edge->pace.held && find(plane, edge, waiting->slot) == 0) {
            *ret_rest = true;
            return true;
        }
        op = pop(waiting);
        plane->cause = op->cause;
        possible = plane_up_op(plane, edge, &op->op);
        plane->verdict = NULL;
        plane->cause = 0;
        op_free(plane, op);
    }
    return possible;
}

void plane_verify_go_on(struct router_plane *plane, uint64_t id, struct auth_job *job)
{
    struct plane_waiting *waiting = slotmap_get(&plane->waiting, id);
    if (waiting != NULL) {
        bool rest = false;
        struct plane_edge *edge = plane->edges[waiting->edge];
        assert(edge != NULL && edge->tag == waiting->tag);
        take(plane, edge, id);
        plane->verdict = job == NULL ? NULL : &job->verdict;
        bool possible = replay(plane, edge, waiting, &rest);
        plane->verdict = NULL;
        if (rest) {
            put_back(plane, edge, waiting);
        } else {
            waiting_free(plane, waiting);
        }
        if (!possible) {
            plane_give_up(plane, edge, "impossible operation");
        }
    }
    auth_job_free(&job);
}

void router_plane_verified(struct router_plane *plane, struct auth_job *job, uint64_t now_ms,
                           uint64_t wall_ms)
{
    struct plane_waiting *waiting = slotmap_get(&plane->waiting, job->id);
    plane->now_ms = now_ms;
    plane->wall_ms = wall_ms;
    /* A check that began with keys that are gone says nothing about those of now. */
    if (job->verdict.ok && job->keys == plane->config.auth.keys) {
        auth_cache_add(plane->auth_cache, buf_bytes(&job->token), &job->verdict);
    }
    if (waiting == NULL || plane->holding) {
        auth_job_free(&job);
    } else if (plane->edges[waiting->edge]->pace.held) {
        plane_pace_keep_verdict(plane->edges[waiting->edge], job->id, job);
    } else {
        plane_verify_go_on(plane, job->id, job);
    }
}

void router_plane_set_keys(struct router_plane *plane, struct jws_keys *keys)
{
    plane->config.auth.keys = keys;
    auth_cache_clear(plane->auth_cache);
}
