/* Back-pressure from what is to be sent to an edge to what it says. While more than a quarter of
 * the queue's bound waits for credit or transport, the edge is held: its frames are kept as they
 * came, unacknowledged and so bounded by its credit; a frame that causes much is left in its
 * middle. The core holds what had waited for logs. Canaries alone are answered as they come. What
 * others say to members on that edge is still queued: the bound itself is for who takes nothing at
 * all. */
#include "common/mem.h"
#include "router/plane_internal.h"

#include <assert.h>
#include <string.h>

enum {
    HOLD_SHARE = 4,                         /* of the bound: held above it */
    GO_ON_SHARE = 16,                       /* and goes on below */
    OVERDRAFT_BYTES = PLANE_FRAME_BYTES_MAX /* a frame larger than the credit may travel alone */
};

/* A frame that waits, whole. */
struct plane_kept {
    struct plane_kept *next;
    uint64_t cause;
    size_t len;
    struct plane_cursor cursor; /* first operation that is to be done */
    uint8_t message[];
};

struct plane_judged {
    struct plane_judged *next;
    uint64_t waiting;
    struct auth_job *job;
};

static uint64_t waiting_bytes(const struct plane_edge *edge)
{
    return edge->link.queued_bytes + plane_builder_bytes(&edge->out);
}

static bool is_much(const struct router_plane *plane, const struct plane_edge *edge)
{
    return waiting_bytes(edge) > plane->config.queue_bytes_max / HOLD_SHARE;
}

static bool is_little(const struct router_plane *plane, const struct plane_edge *edge)
{
    return waiting_bytes(edge) <= plane->config.queue_bytes_max / GO_ON_SHARE;
}

static void set_held(struct router_plane *plane, struct plane_edge *edge, bool held)
{
    edge->pace.held = held;
    plane->stats.holds += held;
    plane_step_once(
        plane, &(struct core_event){.kind = CORE_EDGE_PACE, .edge = edge->index, .held = held});
}

void plane_pace_note(struct router_plane *plane, const struct plane_edge *edge)
{
    plane->heavy = plane->heavy || (!edge->pace.held && is_much(plane, edge));
}

void plane_pace_hold(struct router_plane *plane)
{
    plane->heavy = false;
    for (uint32_t i = 0; i < plane->edge_capacity; i++) {
        struct plane_edge *edge = plane->edges[i];
        if (edge != NULL && !edge->pace.held && is_much(plane, edge)) {
            set_held(plane, edge, true);
        }
    }
}

/* ---- frames ---- */

/* Whether the way to the core and back is open is not to be a matter of patience. */
static void answer_canaries(struct router_plane *plane, struct plane_edge *edge,
                            const struct plane_batch *batch, struct plane_cursor cursor)
{
    struct plane_op op;
    while (plane_batch_next(batch, &cursor, &op)) {
        if (op.kind == OP_CANARY) {
            plane_truth_canary(plane, edge, &op);
        }
    }
}

static void keep(struct router_plane *plane, struct plane_edge *edge, struct bytes message,
                 struct plane_cursor cursor)
{
    struct plane_pace *pace = &edge->pace;
    struct plane_kept *kept = mem_new(1, sizeof(*kept) + message.len);
    kept->cause = plane->cause;
    kept->len = message.len;
    kept->cursor = cursor;
    memcpy(kept->message, message.data, message.len);
    *(pace->oldest == NULL ? &pace->oldest : &pace->newest->next) = kept;
    pace->newest = kept;
    pace->kept_bytes += message.len;
}

/* Reads the frame of `cause` from the cursor on. False: all of it is done, or the edge given up. */
static bool read_frame(struct router_plane *plane, struct plane_edge *edge,
                       const struct plane_batch *batch, struct plane_cursor *cursor)
{
    uint64_t cause = plane->cause;
    plane->reading = edge;
    bool possible = plane_up_batch(plane, edge, batch, cursor);
    bool rest = possible && cursor->index < batch->count;
    plane->reading = NULL;
    plane->cause = 0;
    if (!possible) {
        plane_give_up(plane, edge, "impossible operation");
    } else if (!rest) {
        plane_frame_hold(plane, cause, false);
    }
    if (plane->batch_full) {
        plane_seal_full(plane);
    }
    plane->cause = cause;
    return rest;
}

void plane_pace_take(struct router_plane *plane, struct plane_edge *edge,
                     const struct plane_frame *frame, struct bytes message)
{
    struct plane_cursor cursor = {0};
    plane_frame_begin(plane, edge);
    bool waits = edge->pace.held || edge->pace.oldest != NULL || edge->pace.judged != NULL;
    if (waits || read_frame(plane, edge, &frame->batch, &cursor)) {
        keep(plane, edge, message, cursor);
        answer_canaries(plane, edge, &frame->batch, cursor);
        if (edge->pace.kept_bytes > plane->config.credit_bytes + OVERDRAFT_BYTES) {
            plane_give_up(plane, edge, "says more than it may");
        }
    }
    plane->cause = 0;
}

static void take_oldest(struct plane_pace *pace)
{
    struct plane_kept *kept = pace->oldest;
    pace->oldest = kept->next;
    pace->newest = pace->oldest == NULL ? NULL : pace->newest;
    pace->kept_bytes -= kept->len;
    mem_free(kept);
}

/* False when the edge was given up. */
static bool read_kept(struct router_plane *plane, struct plane_edge *edge, struct plane_kept *kept)
{
    uint32_t index = edge->index;
    struct plane_frame frame;
    arena_reset(&plane->arena);
    bool readable = plane_frame_read(&plane->arena, bytes_of(kept->message, kept->len), &frame);
    assert(readable && "it was when it came");
    plane->cause = kept->cause;
    plane->rereading = true;
    bool rest = read_frame(plane, edge, &frame.batch, &kept->cursor);
    plane->rereading = false;
    plane->cause = 0;
    if (plane->edges[index] == NULL) {
        return false;
    }
    if (!rest) {
        take_oldest(&edge->pace);
    }
    return true;
}

/* ---- verdicts ---- */

void plane_pace_keep_verdict(struct plane_edge *edge, uint64_t waiting, struct auth_job *job)
{
    struct plane_pace *pace = &edge->pace;
    struct plane_judged *judged = mem_new(1, sizeof(*judged));
    judged->waiting = waiting;
    judged->job = job;
    *(pace->judged == NULL ? &pace->judged : pace->judged_end) = judged;
    pace->judged_end = &judged->next;
}

static struct plane_judged *take_judged(struct plane_pace *pace)
{
    struct plane_judged *judged = pace->judged;
    pace->judged = judged->next;
    return judged;
}

void plane_pace_drop_edge(struct plane_edge *edge)
{
    while (edge->pace.oldest != NULL) {
        take_oldest(&edge->pace);
    }
    while (edge->pace.judged != NULL) {
        struct plane_judged *judged = take_judged(&edge->pace);
        auth_job_free(&judged->job);
        mem_free(judged);
    }
}

/* ---- going on ---- */

static void go_on(struct router_plane *plane, uint32_t index)
{
    struct plane_edge *edge = plane->edges[index];
    while (edge->pace.judged != NULL && !edge->pace.held) {
        struct plane_judged *judged = take_judged(&edge->pace);
        plane_verify_go_on(plane, judged->waiting, judged->job);
        mem_free(judged);
        if (plane->edges[index] == NULL) {
            return;
        }
    }
    while (edge->pace.oldest != NULL && !edge->pace.held) {
        if (!read_kept(plane, edge, edge->pace.oldest)) {
            return;
        }
    }
}

static void replay_logs(struct router_plane *plane)
{
    plane->more = plane->more || router_core_postpones(plane->core);
    while (plane->more) {
        plane->more = false;
        plane_step(plane, &(struct core_event){.kind = CORE_GO_ON});
    }
}

void plane_pace_go_on(struct router_plane *plane)
{
    for (uint32_t i = 0; i < plane->edge_capacity; i++) {
        struct plane_edge *edge = plane->edges[i];
        if (edge != NULL && edge->pace.held) {
            plane_pump(plane, edge);
            if (is_little(plane, edge)) {
                set_held(plane, edge, false);
            }
        }
    }
    replay_logs(plane);
    for (uint32_t i = 0; i < plane->edge_capacity; i++) {
        if (plane->edges[i] != NULL) {
            go_on(plane, i);
        }
    }
}

bool plane_pace_due(const struct router_plane *plane)
{
    for (uint32_t i = 0; i < plane->edge_capacity; i++) {
        const struct plane_edge *edge = plane->edges[i];
        if (edge != NULL && edge->pace.held && is_little(plane, edge)) {
            return true;
        }
    }
    return false;
}
