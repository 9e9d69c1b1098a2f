/* What the router has answered, or done without an answer, although the frame with the question is
 * not finished: other questions in it were. Should the router die now, the next one must not get
 * those again, or they would be acted upon and answered twice. */
#include "common/mem.h"
#include "edge/uplink_down.h"

#include <stdlib.h>
#include <string.h>

enum { CAPACITY_MIN = 64 };

void uplink_answered(struct uplink *uplink, const struct plane_op *op, uint64_t first,
                     uint64_t last)
{
    struct uplink_answers *answers = &uplink->answers;
    if (answers->first + answers->count == answers->capacity) {
        if (answers->first > answers->capacity / 2) {
            memmove(answers->items, answers->items + answers->first,
                    answers->count * sizeof(*answers->items));
        } else {
            uint32_t capacity = answers->capacity == 0 ? CAPACITY_MIN : answers->capacity * 2;
            struct uplink_answer *items = mem_new(capacity, sizeof(*items));
            if (answers->count != 0) {
                memcpy(items, answers->items + answers->first, answers->count * sizeof(*items));
            }
            mem_free(answers->items);
            answers->items = items;
            answers->capacity = capacity;
        }
        answers->first = 0;
    }
    answers->items[answers->first + answers->count++] = (struct uplink_answer){
        .first = first, .last = last, .tag = uplink->tag, .slot = op->slot, .gen = op->gen};
}

void uplink_answers_forget(struct uplink *uplink)
{
    struct uplink_answers *answers = &uplink->answers;
    while (answers->count != 0 && answers->items[answers->first].tag <= uplink->link.acked_tag) {
        answers->first++;
        answers->count--;
    }
    answers->first = answers->count == 0 ? 0 : answers->first;
}

void uplink_answers_fini(struct uplink_answers *answers)
{
    mem_free(answers->items);
    *answers = (struct uplink_answers){0};
}

/* Ranges of a connection do not overlap; a number is found in the one that has it. */
static int compare(const void *left, const void *right)
{
    const struct uplink_answer *a = left;
    const struct uplink_answer *b = right;
    if (a->slot != b->slot) {
        return a->slot < b->slot ? -1 : 1;
    }
    if (a->gen != b->gen) {
        return a->gen < b->gen ? -1 : 1;
    }
    return a->last < b->first ? -1 : a->first > b->last ? 1 : 0;
}

static bool was_answered(const struct uplink_answers *answers, const struct plane_op *op)
{
    struct uplink_answer key = {.first = op->a, .last = op->a, .slot = op->slot, .gen = op->gen};
    return op->kind == OP_TEXT && bsearch(&key, answers->items + answers->first, answers->count,
                                          sizeof(key), compare) != NULL;
}

static void rewrite(const struct uplink_answers *answers, struct arena *arena,
                    struct link_entry *entry)
{
    struct plane_batch batch;
    struct plane_builder builder;
    struct plane_cursor cursor = {0};
    struct plane_op op;
    if (!plane_body_read(arena, bytes_of(entry->body, entry->len), &batch)) {
        return; /* ours, and so readable */
    }
    plane_builder_init(&builder, NULL);
    while (plane_batch_next(&batch, &cursor, &op)) {
        if (!was_answered(answers, &op)) {
            plane_builder_add(&builder, &op);
        }
    }
    if (builder.count != batch.count) {
        mem_free(entry->body);
        entry->body = plane_builder_take(&builder, &entry->len);
    }
    plane_builder_fini(&builder);
}

void uplink_answers_leave_out(struct uplink *uplink, struct link_queue *old)
{
    struct uplink_answers *answers = &uplink->answers;
    if (answers->count == 0) {
        return;
    }
    qsort(answers->items + answers->first, answers->count, sizeof(*answers->items), compare);
    struct arena arena;
    arena_init(&arena, (size_t)PLANE_FRAME_BYTES_MAX * 8);
    for (size_t i = 0; i < old->count; i++) {
        struct link_entry *entry = &old->entries[(old->first + i) % old->capacity];
        if (entry->tag != 0) {
            arena_reset(&arena);
            rewrite(answers, &arena, entry);
        }
    }
    arena_fini(&arena);
    answers->count = 0;
    answers->first = 0;
}
