/* Slow readers in groups whose deliveries may be left out. Once one was, the member lags:
 * everything of this group is left out for it, until its connection has read what waited. Then the
 * router is asked (OP_LAGGING), and answers in its stream with what the client is told
 * (OP_CATCH_UP): between the last delivery that was left out and the first that is given again. A
 * lag is named by a token, so that an answer that comes twice, from two routers, is told once. */
#include "common/mem.h"
#include "edge/uplink_down.h"

/* True when the member is given nothing now. */
static bool is_left_out(struct uplink *uplink, struct edge_group *group, uint32_t slot,
                        uint64_t due)
{
    if (groups_lag_of(&uplink->groups, group, slot) != NULL) {
        return true;
    }
    if (!group->droppable || !uplink->callbacks.is_slow(uplink->owner, slot)) {
        return false;
    }
    uint64_t known = edge_group_hole(group) == NULL ? 0 : hole_known(edge_group_hole(group), slot);
    groups_lag(&uplink->groups, group, slot, due > known ? due : known + 1);
    return true;
}

/* It is to be told of what the group was then, and by that of all that happened since. */
static bool waits_for_record(const struct uplink *uplink, const struct edge_group *group,
                             uint32_t slot)
{
    const struct lag *lag = groups_lag_of(&uplink->groups, group, slot);
    return lag != NULL && lag->record != NULL;
}

static uint32_t *room_for_slots(struct uplink_down *down, uint32_t count)
{
    if (down->slot_capacity < count) {
        down->slots = mem_resize(down->slots, count, sizeof(*down->slots));
        down->slot_capacity = count;
    }
    return down->slots;
}

void uplink_give(struct uplink *uplink, struct edge_group *group, struct uplink_delivery *delivery,
                 uint64_t due, bool always)
{
    delivery->slots = groups_members(group);
    delivery->slot_count = group->count;
    if (group->droppable || edge_group_lagging(group) != 0 || edge_group_hole(group) != NULL) {
        uint32_t *slots = room_for_slots(&uplink->down, group->count);
        size_t count = 0;
        for (uint32_t i = 0; i < group->count; i++) {
            uint32_t slot = groups_members(group)[i];
            if (slot == delivery->except ||
                (edge_group_hole(group) != NULL && hole_has(edge_group_hole(group), slot))) {
                continue;
            }
            if (always ? waits_for_record(uplink, group, slot)
                       : is_left_out(uplink, group, slot, due)) {
                uplink->stats.left_out += delivery->payload_count;
            } else {
                slots[count++] = slot;
            }
        }
        delivery->slots = slots;
        delivery->slot_count = count;
    }
    if (delivery->slot_count != 0) {
        uplink->callbacks.deliver(uplink->owner, delivery);
    } else {
        uplink_not_given(uplink, delivery->trace, false);
    }
}

void uplink_catch_up(struct uplink *uplink, const struct edge_session *session,
                     const struct plane_op *op)
{
    if (session->closed) {
        return;
    }
    struct lag *lag = lags_first(&uplink->groups.lags, session->slot);
    while (lag != NULL && lag->token != op->a) {
        lag = lag->next;
    }
    if (lag == NULL) {
        return; /* told already, by the router before */
    }
    if (op->bytes.len != 0) {
        uplink->callbacks.send(uplink->owner, session->slot, op->bytes, false);
    }
    if (op->b == 1) {
        struct edge_group *group = groups_at(&uplink->groups, lag->local);
        if (edge_group_hole(group) != NULL) { /* it was told of what is held back as well */
            hole_newcomer(edge_group_hole(group), session->slot, edge_group_hole(group)->newest);
        }
        groups_lag_end(&uplink->groups, lag);
    }
}

/* The record as the client knows it. When that life is over the next router is told how far it
 * went: the one that was told by the announce may be dead by then, and no edge announces it again.
 */
static struct bytes record_for(struct uplink *uplink, const struct lag *lag)
{
    const struct edge_group *group = groups_at(&uplink->groups, lag->local);
    if (lag->record == NULL) {
        return edge_group_record(group);
    }
    if (lag->newest == 0) {
        return bytes_of(lag->record, lag->record_len);
    }
    buf_clear(&uplink->scratch);
    plane_group_record_with_newest(bytes_of(lag->record, lag->record_len), lag->newest,
                                   &uplink->scratch);
    return buf_bytes(&uplink->scratch);
}

void uplink_ask_for_lag(struct uplink *uplink, struct lag *lag)
{
    lag->asked = true;
    lag->asked_kept = lag->record != NULL;
    plane_builder_add(&uplink->up,
                      &(struct plane_op){.kind = OP_LAGGING,
                                         .slot = lag->slot,
                                         .gen = groups_current(&uplink->groups, lag->slot)->gen,
                                         .a = lag->first,
                                         .b = lag->token,
                                         .bytes = record_for(uplink, lag)});
}

/* Who was asked about before the life ended is asked about again: the question that is on its way
 * does not say how far that went. */
void uplink_ask_for_former(struct uplink *uplink, const struct edge_group *group)
{
    for (uint32_t i = 0; edge_group_lagging(group) != 0 && i < group->count; i++) {
        struct lag *lag = groups_lag_of(&uplink->groups, group, groups_members(group)[i]);
        if (lag == NULL || lag->record == NULL || lag->asked_kept) {
            continue;
        }
        if (lag->asked) {
            lags_rename(&uplink->groups.lags, lag);
        }
        uplink_ask_for_lag(uplink, lag);
    }
}

void uplink_caught_up(struct uplink *uplink, uint32_t slot)
{
    const struct edge_session *session = groups_current(&uplink->groups, slot);
    struct lag *lag = session == NULL ? NULL : lags_first(&uplink->groups.lags, slot);
    for (; lag != NULL; lag = lag->next) {
        if (!lag->asked) {
            uplink_ask_for_lag(uplink, lag);
        }
    }
}
