/* What the router tells the edge to do. Deliveries that follow each other in a batch are joined by
 * group, so that each member gets one write for all of them (data-plane rule 2); anything else in
 * between is a barrier, so that the order seen by one connection is the router's. */
#include "edge/uplink_down.h"

#include "common/mem.h"

static void hand_out(struct uplink *uplink, struct edge_group *group)
{
    struct uplink_down *down = &uplink->down;
    size_t count = 0;
    for (uint32_t at = group->pending; at != 0; at = down->pending[at - 1].next) {
        if (count == down->payload_capacity) {
            down->payload_capacity = down->payload_capacity == 0 ? 16 : down->payload_capacity * 2;
            down->payloads =
                mem_resize(down->payloads, down->payload_capacity, sizeof(*down->payloads));
        }
        down->payloads[count++] = down->pending[at - 1].payload;
    }
    uint64_t due = count == 0 ? 0 : down->pending[group->pending - 1].due;
    group->pending = 0;
    if (group->count == 0 || count == 0) {
        return;
    }
    struct uplink_delivery delivery = {
        .except = UINT32_MAX, .payloads = down->payloads, .payload_count = count};
    uplink_give(uplink, group, &delivery, due, false);
}

static void barrier(struct uplink *uplink)
{
    struct uplink_down *down = &uplink->down;
    for (uint32_t i = 0; i < down->touched_count; i++) {
        hand_out(uplink, down->touched[i]);
    }
    down->touched_count = 0;
    down->pending_count = 0;
}

static void touch(struct uplink_down *down, struct edge_group *group)
{
    if (down->touched_count == down->touched_capacity) {
        down->touched_capacity = down->touched_capacity == 0 ? 64 : down->touched_capacity * 2;
        down->touched =
            mem_resize(down->touched, down->touched_capacity, sizeof(struct edge_group *));
    }
    down->touched[down->touched_count++] = group;
}

static void join_later(struct uplink *uplink, struct edge_group *group, struct bytes payload,
                       uint64_t due)
{
    struct uplink_down *down = &uplink->down;
    if (down->pending_count == down->pending_capacity) {
        down->pending_capacity = down->pending_capacity == 0 ? 64 : down->pending_capacity * 2;
        down->pending = mem_resize(down->pending, down->pending_capacity, sizeof(*down->pending));
    }
    uint32_t index = ++down->pending_count;
    down->pending[index - 1] = (struct uplink_pending){.payload = payload, .due = due};
    if (group->pending == 0) {
        group->pending = index;
        touch(down, group);
    } else {
        down->pending[down->pending[group->pending - 1].last - 1].next = index;
    }
    down->pending[group->pending - 1].last = index;
}

static bool is_traced(const struct uplink *uplink, const struct plane_op *deliver)
{
    const struct plane_op *trace = &uplink->trace;
    return trace->a != 0 && trace->b == deliver->b &&
           ((uint64_t)trace->gen << 32 | trace->slot) == deliver->a;
}

/* The number of the question after this delivery, 0 = none; it is asked once. */
static uint64_t take_trace(struct uplink *uplink, const struct plane_op *deliver)
{
    uint64_t trace = is_traced(uplink, deliver) ? uplink->trace.a : 0;
    uplink->trace = (struct plane_op){0};
    return trace;
}

void uplink_give_but_one(struct uplink *uplink, struct edge_group *group, const struct plane_op *op,
                         uint64_t due)
{
    uint64_t trace = take_trace(uplink, op);
    if (group->count == 0) {
        uplink_not_given(uplink, trace, false);
        return;
    }
    const struct edge_session *except =
        op->gen == 0 ? NULL : groups_session(&uplink->groups, op->slot, op->gen);
    bool here = except != NULL && !except->closed;
    struct uplink_delivery delivery = {.except = here ? op->slot : UINT32_MAX,
                                       .payloads = &op->bytes,
                                       .payload_count = 1,
                                       .trace = trace};
    uplink_give(uplink, group, &delivery, due, uplink_delivery_always(op));
}

static bool follows(const struct edge_group *group, const struct plane_op *op)
{
    return op->b == 0 || op->b - uplink_delivery_span(op) == group->last_offset + 1;
}

static void on_deliver(struct uplink *uplink, const struct plane_op *op)
{
    struct edge_group *group = groups_find(&uplink->groups, op->a);
    if (group == NULL) {
        uplink->stats.unknown_groups++;
        uplink_not_given(uplink, take_trace(uplink, op), false);
        return;
    }
    if (edge_group_hole(group) != NULL || !follows(group, op)) {
        barrier(uplink);
        uplink_not_given(uplink, take_trace(uplink, op), true);
        uplink_repair_deliver(uplink, group, op);
        return;
    }
    uint64_t due = group->last_offset + 1;
    group->last_offset = op->b == 0 ? group->last_offset : op->b;
    if (op->gen == 0 && !uplink_delivery_always(op) && !is_traced(uplink, op)) {
        join_later(uplink, group, op->bytes, due);
        return;
    }
    barrier(uplink);
    uplink_give_but_one(uplink, group, op, due);
}

static void on_group_add(struct uplink *uplink, struct edge_session *session,
                         const struct plane_op *op)
{
    struct edge_group *group = groups_find(&uplink->groups, op->a);
    if (group == NULL && op->bytes.len == 0) {
        uplink->stats.unknown_groups++; /* the router believes that we know it */
        return;
    }
    if (group == NULL) {
        group = groups_add(&uplink->groups, op->a, op->bytes);
    }
    if (op->bytes.len != 0) {
        /* The first member here as the router counts: what only a closed one still holds got
         * nothing since. */
        group->last_offset = op->b;
        group->droppable = false;
        group->unsure = false;
        group->roster = 0;
        if (edge_group_hole(group) != NULL) {
            groups_hole_end(&uplink->groups, group);
        }
    }
    uplink_repair_top(uplink, group, op->b);
    uint32_t count = group->count;
    groups_join(&uplink->groups, group, session);
    if (edge_group_hole(group) != NULL && group->count != count) {
        hole_newcomer(edge_group_hole(group), session->slot, op->b);
    }
}

static void on_group_bind(struct uplink *uplink, const struct plane_op *op)
{
    struct edge_group *group = groups_at(&uplink->groups, op->slot);
    if (group == NULL) {
        uplink->stats.unknown_groups++;
        return;
    }
    if (op->a == 0) {
        groups_drop(&uplink->groups, group);
        return;
    }
    bool same = bytes_equal(op->bytes, edge_group_record(group));
    bool again = group->id != 0;
    if (groups_bind(&uplink->groups, group, op->a, op->bytes)) {
        group->last_offset = op->b; /* what lacks follows */
        uplink_repair_bound(uplink, group, same, again);
    } else {
        group = groups_find(&uplink->groups, op->a);
        groups_merge(&uplink->groups, groups_at(&uplink->groups, op->slot), group);
    }
    uplink_ask_for_former(uplink, group);
}

static void on_group_policy(struct uplink *uplink, const struct plane_op *op)
{
    struct edge_group *group = groups_find(&uplink->groups, op->a);
    if (group == NULL) {
        uplink->stats.unknown_groups++;
        return;
    }
    group->droppable = (op->b & PLANE_GROUP_DROPPABLE) != 0;
    group->unsure = (op->b & PLANE_GROUP_UNSURE) != 0;
}

/* Goes with what is told, and may wait with it. */
static void on_group_roster(struct uplink *uplink, const struct plane_op *op)
{
    struct edge_group *group = groups_find(&uplink->groups, op->a);
    if (group == NULL) {
        uplink->stats.unknown_groups++;
        return;
    }
    uint32_t roster = (uint32_t)op->b;
    if (op->slot == 0) {
        group->roster = roster;
    } else if (group->roster != 0) {
        group->roster ^= roster;
    }
}

static void on_admission(struct uplink *uplink, const struct plane_op *op)
{
    uplink->others = op->b == 0 ? uplink->others : op->b;
    uplink->callbacks.on_admission(uplink->owner, op->a, op->slot);
}

static void on_group_top(struct uplink *uplink, const struct plane_op *op)
{
    struct edge_group *group = groups_find(&uplink->groups, op->a);
    if (group == NULL) {
        uplink->stats.unknown_groups++;
        return;
    }
    uplink_repair_top(uplink, group, op->b);
}

/* Operations that name a connection; it may be gone, which is normal. */
static void on_conn_op(struct uplink *uplink, const struct plane_op *op)
{
    struct edge_session *session = groups_session(&uplink->groups, op->slot, op->gen);
    if (session == NULL || session->orphan) {
        return;
    }
    struct edge_group *group = NULL;
    switch ((int)op->kind) {
    case OP_ACCEPT:
        groups_set_record(&uplink->groups, session, op->bytes);
        break;
    case OP_SEND:
        if (op->b != 0) {
            uplink_answered(uplink, op, op->b, op->b);
        }
        if (!session->closed && !session->left) {
            uplink->callbacks.send(uplink->owner, op->slot, op->bytes, op->a == 1);
        }
        break;
    case OP_GROUP_ADD:
        on_group_add(uplink, session, op);
        break;
    case OP_GROUP_REMOVE:
        group = groups_find(&uplink->groups, op->a);
        if (group != NULL) {
            groups_leave(&uplink->groups, group, session);
        }
        break;
    case OP_DONE:
        uplink_answered(uplink, op, op->a, op->b);
        break;
    case OP_CATCH_UP:
        uplink_catch_up(uplink, session, op);
        break;
    case OP_CLOSE:
        groups_set_ending(&uplink->groups, session);
        if (!session->closed && !session->left) {
            uplink->callbacks.close(uplink->owner, op->slot, (uint16_t)op->a, op->bytes);
        }
        break;
    default: /* an edge's own words, or of no connection */
        uplink->stats.bad_frames++;
        break;
    }
}

void uplink_ticket_keys(struct uplink *uplink, struct bytes encoded)
{
    struct plane_ticket_keys keys;
    if (plane_ticket_keys_read(&uplink->arena, encoded, &keys)) {
        uplink->callbacks.on_ticket_keys(uplink->owner, &keys);
    } else {
        uplink->stats.bad_frames++;
    }
}

static void on_drain(struct uplink *uplink)
{
    if (uplink->callbacks.drain != NULL) {
        uplink->callbacks.drain(uplink->owner);
    }
}

void uplink_down_batch(struct uplink *uplink, const struct plane_batch *batch)
{
    struct plane_cursor cursor = {0};
    struct plane_op op;
    while (plane_batch_next(batch, &cursor, &op)) {
        uplink->stats.down_ops++;
        if (op.kind == OP_DELIVER) {
            uplink->trace.a = is_traced(uplink, &op) ? uplink->trace.a : 0;
            on_deliver(uplink, &op);
            continue;
        }
        if (op.kind == OP_GROUP_ROSTER) {
            on_group_roster(uplink, &op);
            continue;
        }
        barrier(uplink);
        uplink->trace = op.kind == OP_TRACE ? op : (struct plane_op){0};
        if (op.kind == OP_TRACE) {
            continue;
        }
        if (op.kind == OP_CONN_ASK) {
            uplink_conn_ask(uplink, &op);
        } else if (op.kind == OP_GROUP_BIND) {
            on_group_bind(uplink, &op);
        } else if (op.kind == OP_TICKET_KEYS) {
            uplink_ticket_keys(uplink, op.bytes);
        } else if (op.kind == OP_GROUP_POLICY) {
            on_group_policy(uplink, &op);
        } else if (op.kind == OP_ADMISSION) {
            on_admission(uplink, &op);
        } else if (op.kind == OP_CANARY_BACK) {
            uplink_canary_back(uplink, &op);
        } else if (op.kind == OP_DIGEST_ASK) {
            uplink_digest_ask(uplink, &op);
        } else if (op.kind == OP_BAN || op.kind == OP_UNBAN) {
            uplink_bans_op(uplink, &op);
        } else if (op.kind == OP_SPENT) {
            uplink_spent_op(uplink, &op);
        } else if (op.kind == OP_GROUP_TOP) {
            on_group_top(uplink, &op);
        } else if (op.kind == OP_DRAIN) {
            on_drain(uplink);
        } else {
            on_conn_op(uplink, &op);
        }
    }
    barrier(uplink);
}

void uplink_down_fini(struct uplink_down *down)
{
    mem_free(down->pending);
    mem_free(down->touched);
    mem_free(down->payloads);
    mem_free(down->slots);
    *down = (struct uplink_down){0};
}
