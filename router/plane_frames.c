/* When a frame of an edge may be acknowledged: once all that it caused is done, in the order of the
 * frames; and what of it is done before and has no answer, so that it is not sent again. A cause
 * names a frame to the core: index of the edge (12 bits), its tag (20), low half of the frame's
 * number (32). */
#include "common/mem.h"
#include "router/plane_internal.h"

#include <assert.h>

enum { INDEX_BITS = 12, TAG_BITS = 20, RING_MIN = 64 };

_Static_assert(EDGES_MAX <= 1 << INDEX_BITS, "an edge's index fits");

static uint32_t *frame_at(const struct plane_edge *edge, uint64_t seq)
{
    return &edge->unfinished[seq % edge->frame_capacity];
}

static void grow(struct plane_edge *edge, uint64_t first, uint64_t last)
{
    uint32_t old = edge->frame_capacity;
    uint32_t capacity = old == 0 ? RING_MIN : old * 2;
    uint32_t *counts = mem_new(capacity, sizeof(*counts));
    for (uint64_t seq = first; old != 0 && seq < last; seq++) {
        counts[seq % capacity] = *frame_at(edge, seq);
    }
    mem_free(edge->unfinished);
    edge->unfinished = counts;
    edge->frame_capacity = capacity;
}

void plane_frame_begin(struct router_plane *plane, struct plane_edge *edge)
{
    uint64_t seq = edge->link.received;
    uint64_t first = edge->link.finished + 1;
    if (seq - first >= edge->frame_capacity) {
        grow(edge, first, seq);
    }
    *frame_at(edge, seq) = 1;
    plane->cause = edge->index | (uint64_t)edge->tag << INDEX_BITS |
                   (seq & UINT32_MAX) << (INDEX_BITS + TAG_BITS);
}

void plane_frame_hold(struct router_plane *plane, uint64_t cause, bool hold)
{
    uint32_t index = cause & ((1 << INDEX_BITS) - 1);
    uint32_t tag = cause >> INDEX_BITS & ((1 << TAG_BITS) - 1);
    struct plane_edge *edge = index < plane->edge_capacity ? plane->edges[index] : NULL;
    if (edge == NULL || edge->tag != tag) {
        return;
    }
    uint64_t back = (uint32_t)((uint32_t)edge->link.received - (uint32_t)(cause >> 32));
    uint32_t *count = frame_at(edge, edge->link.received - back);
    assert(hold || *count != 0);
    *count = hold ? *count + 1 : *count - 1;
}

uint64_t plane_frames_finished(struct plane_edge *edge)
{
    uint64_t finished = edge->link.finished;
    while (finished < edge->link.received && *frame_at(edge, finished + 1) == 0) {
        finished++;
    }
    return finished;
}

void plane_frames_note_done(struct plane_edge *edge, uint32_t slot, uint32_t gen, uint64_t number)
{
    struct plane_done *last = edge->done_count == 0 ? NULL : &edge->done[edge->done_count - 1];
    if (!edge->wants_done) {
        return;
    }
    if (last != NULL && last->slot == slot && last->gen == gen && last->last + 1 == number) {
        last->last = number;
        return;
    }
    if (edge->done_count == edge->done_capacity) {
        edge->done_capacity = edge->done_capacity == 0 ? RING_MIN : edge->done_capacity * 2;
        edge->done = mem_resize(edge->done, edge->done_capacity, sizeof(*edge->done));
    }
    assert(edge->done != NULL);
    edge->done[edge->done_count++] = (struct plane_done){slot, gen, number, number};
}

void plane_frames_tell_done(struct plane_edge *edge)
{
    bool all = edge->link.finished == edge->link.received;
    for (uint32_t i = 0; !all && i < edge->done_count; i++) {
        const struct plane_done *done = &edge->done[i];
        plane_builder_add(&edge->out, &(struct plane_op){.kind = OP_DONE,
                                                         .slot = done->slot,
                                                         .gen = done->gen,
                                                         .a = done->first,
                                                         .b = done->last});
    }
    edge->done_count = 0;
}
