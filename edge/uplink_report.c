/* What a router asks of an edge for people: how it is with one connection, and how one delivery
 * went. The answers go up with everything else, so none overtakes what it speaks of; one that is
 * sent again to another router names a question that this one never asked, and is ignored there. */
#include "edge/uplink_down.h"
#include "proto/plane_reports.h"

static void fill_group(const struct uplink *uplink, const struct plane_op *op,
                       struct plane_conn_state *state)
{
    const struct edge_group *group = op->b == 0 ? NULL : groups_find(&uplink->groups, op->b);
    const struct edge_session *session = groups_session(&uplink->groups, op->slot, op->gen);
    if (group == NULL || session == NULL) {
        return;
    }
    for (uint32_t i = 0; i < session->group_count && !state->in_group; i++) {
        state->in_group = groups_of(session)[i].local == group->local;
    }
    state->group_offset = group->last_offset;
    state->group_waits = edge_group_hole(group) != NULL;
    state->lags = groups_lag_of(&uplink->groups, group, op->slot) != NULL;
}

/* Whether the slot holds the very connection that is asked for, open. */
static bool is_open(const struct uplink *uplink, const struct plane_op *op)
{
    const struct edge_session *session = groups_session(&uplink->groups, op->slot, op->gen);
    return session != NULL && !session->closed && !session->left && !session->orphan;
}

void uplink_conn_ask(struct uplink *uplink, const struct plane_op *op)
{
    struct plane_conn_state state = {0};
    buf_clear(&uplink->scratch);
    if (is_open(uplink, op) && uplink->callbacks.conn_state != NULL &&
        uplink->callbacks.conn_state(uplink->owner, op->slot, &state)) {
        fill_group(uplink, op, &state);
        plane_conn_state_write(&state, &uplink->scratch);
    }
    plane_builder_add(&uplink->up, &(struct plane_op){.kind = OP_CONN_STATE,
                                                      .slot = op->slot,
                                                      .gen = op->gen,
                                                      .a = op->a,
                                                      .bytes = buf_bytes(&uplink->scratch)});
}

void uplink_traced(struct uplink *uplink, uint64_t trace, const struct plane_hop *hop)
{
    buf_clear(&uplink->scratch);
    plane_hop_write(hop, &uplink->scratch);
    plane_builder_add(
        &uplink->up,
        &(struct plane_op){.kind = OP_TRACED, .a = trace, .bytes = buf_bytes(&uplink->scratch)});
}

void uplink_not_given(struct uplink *uplink, uint64_t trace, bool held_back)
{
    if (trace != 0) {
        uplink_traced(uplink, trace, &(struct plane_hop){.held_back = held_back});
    }
}
