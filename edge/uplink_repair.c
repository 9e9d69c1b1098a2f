/* Deliveries of a group must follow one another. One that does not shows that the router, for
 * whatever reason, has left this edge out: what comes is held back, the router is asked (OP_REPAIR)
 * and says again what lacks, as deliveries to this edge alone, or as a gap what it keeps no more.
 * Then what was held back follows. So members get every number once and in order, and hear of what
 * is lost.
 *
 * Where that takes too long or would need too much memory, the members lag instead: they are told
 * by the same question as slow readers (uplink_lag.c) which numbers they did not get.
 *
 * A link that starts fresh ends all holes: the announce says what members have, and the router
 * brings the group up to date. What stays is which members have more than the others. It may do so
 * later, when it has read the room's log: then it binds the group a second time. */
#include "common/mem.h"
#include "edge/uplink_down.h"

enum { ASK_AGAIN_MS = 1000 };

static void note_due(struct uplink *uplink, const struct hole *hole)
{
    uint64_t due = hole->ask_at_ms < hole->give_up_ms ? hole->ask_at_ms : hole->give_up_ms;
    struct holes *holes = &uplink->groups.holes;
    holes->due_ms = due < holes->due_ms ? due : holes->due_ms;
}

/* For all that lacks before the oldest that is held back. */
static void ask(struct uplink *uplink, const struct edge_group *group)
{
    struct hole *hole = edge_group_hole(group);
    uint64_t to = hole->newest;
    const struct hole_entry *entry = hole->entries;
    while (entry != NULL && entry->offset == 0) {
        entry = entry->next;
    }
    if (entry != NULL && entry->first > group->last_offset + 1) {
        to = entry->first - 1;
    }
    hole->asked_to = to;
    hole->ask_at_ms = uplink->now_ms + ASK_AGAIN_MS;
    note_due(uplink, hole);
    uplink->stats.repairs_asked++;
    plane_builder_add(&uplink->up, &(struct plane_op){.kind = OP_REPAIR,
                                                      .a = group->last_offset + 1,
                                                      .b = to,
                                                      .bytes = edge_group_record(group)});
}

static void set_due(struct uplink *uplink, struct hole *hole)
{
    hole->ask_at_ms = uplink->now_ms + ASK_AGAIN_MS;
    hole->give_up_ms = uplink->now_ms + uplink->config.repair_ms;
    note_due(uplink, hole);
}

static void begin(struct uplink *uplink, struct edge_group *group)
{
    struct hole *hole = groups_hole_begin(&uplink->groups, group);
    hole->newest = group->last_offset;
    set_due(uplink, hole);
    uplink->stats.offset_holes++;
}

static void lag_from(struct uplink *uplink, struct edge_group *group, uint32_t slot, uint64_t first)
{
    if (groups_lag_of(&uplink->groups, group, slot) == NULL) {
        groups_lag(&uplink->groups, group, slot, first);
        uplink_ask_for_lag(uplink, groups_lag_of(&uplink->groups, group, slot));
    }
}

/* One gap for many numbers, of which a member has some: it is to be told of the others only, and
 * the words are not ours. */
static void lag_who_has_some(struct uplink *uplink, struct edge_group *group,
                             const struct hole_entry *gap)
{
    for (uint32_t i = 0; i < group->count; i++) {
        uint32_t slot = groups_members(group)[i];
        uint64_t known = hole_known(edge_group_hole(group), slot);
        if (known >= gap->first && known < gap->offset) {
            lag_from(uplink, group, slot, known + 1);
        }
    }
}

static void give(struct uplink *uplink, struct edge_group *group, const struct hole_entry *what,
                 struct bytes payload)
{
    if (edge_group_hole(group) != NULL && what->first < what->offset) {
        lag_who_has_some(uplink, group, what);
    }
    uint64_t due = group->last_offset + 1;
    group->last_offset = what->offset == 0 ? group->last_offset : what->offset;
    if (edge_group_hole(group) != NULL) {
        edge_group_hole(group)->giving_offset = what->offset;
        edge_group_hole(group)->giving_serial = what->serial;
    }
    uplink_give_but_one(
        uplink, group,
        &(struct plane_op){
            .slot = what->slot, .gen = what->gen, .b = what->offset, .bytes = payload},
        due);
}

/* What has no number cannot be named in a gap: it is not lost. */
static void give_unnumbered(struct uplink *uplink, struct edge_group *group)
{
    struct hole_entry *entry = NULL;
    while ((entry = holes_take(&uplink->groups.holes, edge_group_hole(group))) != NULL) {
        if (entry->offset == 0) {
            give(uplink, group, entry, bytes_of(entry->data, entry->len));
        }
        mem_free(entry);
    }
}

/* The members are told what they did not get instead. */
static void give_up(struct uplink *uplink, struct edge_group *group)
{
    struct hole *hole = edge_group_hole(group);
    uplink->stats.repairs_given_up++;
    give_unnumbered(uplink, group);
    for (uint32_t i = 0; i < group->count; i++) {
        uint32_t slot = groups_members(group)[i];
        uint64_t known = hole_known(hole, slot);
        known = known > group->last_offset ? known : group->last_offset;
        if (known < hole->newest) {
            lag_from(uplink, group, slot, known + 1);
        }
    }
    group->last_offset = hole->newest;
    groups_hole_end(&uplink->groups, group);
}

static bool may_go(const struct edge_group *group, const struct hole_entry *entry)
{
    return entry->offset == 0 ? entry->after <= group->last_offset
                              : entry->first <= group->last_offset + 1;
}

/* What was held back follows as far as nothing lacks any more before it. */
static void drain(struct uplink *uplink, struct edge_group *group)
{
    struct hole *hole = edge_group_hole(group);
    while (hole->entries != NULL && may_go(group, hole->entries)) {
        struct hole_entry *entry = holes_take(&uplink->groups.holes, hole);
        if (entry->offset == 0 || entry->offset > group->last_offset) {
            give(uplink, group, entry, bytes_of(entry->data, entry->len));
        } else {
            uplink->stats.repeated++;
        }
        mem_free(entry);
    }
    if (hole->entries == NULL && group->last_offset >= hole->newest) {
        uplink->stats.repaired++;
        groups_hole_end(&uplink->groups, group);
    } else if (group->last_offset >= hole->asked_to) {
        ask(uplink, group);
    }
}

/* It has no place among what was held back, but comes after all of that. */
static void give_last(struct uplink *uplink, struct edge_group *group,
                      const struct hole_entry *what, struct bytes payload)
{
    struct hole_entry last = *what;
    last.serial = UINT64_MAX;
    give(uplink, group, &last, payload);
}

static void hold_back(struct uplink *uplink, struct edge_group *group,
                      const struct hole_entry *what, struct bytes payload)
{
    struct holes *holes = &uplink->groups.holes;
    if (edge_group_hole(group) == NULL) {
        begin(uplink, group);
    }
    struct hole *hole = edge_group_hole(group);
    if (holes->bytes + hole_entry_cost(payload.len) > uplink->config.repair_bytes_max) {
        hole->newest = what->offset > hole->newest ? what->offset : hole->newest;
        give_unnumbered(uplink, group);
        if (what->offset == 0) {
            give_last(uplink, group, what, payload);
        }
        give_up(uplink, group);
        return;
    }
    holes_put(holes, hole, what, payload);
    uplink->stats.held_back++;
    if (hole->asked_to == 0) {
        ask(uplink, group);
    }
}

void uplink_repair_deliver(struct uplink *uplink, struct edge_group *group,
                           const struct plane_op *op)
{
    uint64_t span = uplink_delivery_span(op);
    struct hole_entry what = {.offset = op->b,
                              .first = op->b > span ? op->b - span : 1,
                              .slot = op->slot,
                              .gen = op->gen};
    if (op->b != 0 && op->b <= group->last_offset) {
        uplink->stats.repeated++; /* said twice: nobody gets it twice */
        return;
    }
    if (op->b == 0 || what.first > group->last_offset + 1) {
        hold_back(uplink, group, &what, op->bytes);
        return;
    }
    give(uplink, group, &what, op->bytes);
    if (edge_group_hole(group) != NULL) {
        drain(uplink, group);
    }
}

void uplink_repair_top(struct uplink *uplink, struct edge_group *group, uint64_t offset)
{
    if (offset <= group->last_offset ||
        (edge_group_hole(group) != NULL && offset <= edge_group_hole(group)->newest)) {
        return;
    }
    if (group->count == 0) { /* nobody lacks anything */
        group->last_offset = offset;
        if (edge_group_hole(group) != NULL) {
            groups_hole_end(&uplink->groups, group);
        }
        return;
    }
    if (edge_group_hole(group) == NULL) {
        begin(uplink, group);
    }
    edge_group_hole(group)->newest = offset;
    if (edge_group_hole(group)->asked_to == 0) {
        ask(uplink, group);
    }
}

void uplink_repair_restart(struct uplink *uplink)
{
    struct holes *holes = &uplink->groups.holes;
    struct hole *hole = holes->first;
    holes->due_ms = UINT64_MAX;
    while (hole != NULL) {
        struct hole *next = hole->next;
        struct edge_group *group = groups_at(&uplink->groups, hole->local);
        hole_forget_entries(holes, hole);
        hole->newest = hole_known_most(hole);
        if (hole->newest <= group->last_offset) {
            groups_hole_end(&uplink->groups, group);
        } else {
            set_due(uplink, hole);
        }
        hole = next;
    }
}

/* Numbers are said again now. What has none was said by this router if it bound the group before,
 * and keeps its place among them. */
static void keep_unnumbered(struct uplink *uplink, struct edge_group *group, bool same_life)
{
    struct hole *hole = edge_group_hole(group);
    if (!same_life) {
        give_unnumbered(uplink, group); /* their places are no more */
        return;
    }
    hole_forget_numbered(&uplink->groups.holes, hole);
    uint64_t after = hole->last == NULL ? 0 : hole->last->after;
    hole->newest = after > hole->newest ? after : hole->newest;
}

void uplink_repair_bound(struct uplink *uplink, struct edge_group *group, bool same_life,
                         bool again)
{
    struct hole *hole = edge_group_hole(group);
    if (hole == NULL) {
        return;
    }
    hole->newest = same_life ? hole_known_most(hole) : 0;
    if (again) {
        keep_unnumbered(uplink, group, same_life);
    } else {
        hole_forget_entries(&uplink->groups.holes, hole);
    }
    hole->asked_to = hole->newest;
    if (hole->entries == NULL && hole->newest <= group->last_offset) {
        groups_hole_end(&uplink->groups, group);
        return;
    }
    set_due(uplink, hole);
    if (hole->entries != NULL) {
        drain(uplink, group);
    }
}

void uplink_repair_resumed(struct uplink *uplink)
{
    for (struct hole *hole = uplink->groups.holes.first; hole != NULL; hole = hole->next) {
        set_due(uplink, hole);
    }
}

void uplink_repair_tick(struct uplink *uplink)
{
    struct holes *holes = &uplink->groups.holes;
    if (uplink->now_ms < holes->due_ms) {
        return;
    }
    holes->due_ms = UINT64_MAX;
    struct hole *hole = holes->first;
    while (hole != NULL) {
        struct hole *next = hole->next;
        struct edge_group *group = groups_at(&uplink->groups, hole->local);
        if (uplink->now_ms >= hole->give_up_ms) {
            give_up(uplink, group);
        } else if (uplink->now_ms >= hole->ask_at_ms) {
            ask(uplink, group);
        } else {
            note_due(uplink, hole);
        }
        hole = next;
    }
}
