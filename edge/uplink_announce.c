/* What a router that does not know us is told first: every group with its record and how far we
 * delivered, every connection that was accepted with its record and its groups, that this is all.
 */
#include "common/mem.h"
#include "edge/uplink_down.h"

/* The router takes one frame after the other, from all edges in turn: what an edge that has nothing
 * to announce any more sends waits for one of these per edge. */
enum { ANNOUNCE_BATCH_BYTES = 32 * 1024 };

static void push_announce(struct uplink *uplink, struct plane_builder *builder)
{
    size_t len = 0;
    uint8_t *body = plane_builder_take(builder, &len);
    link_push(&uplink->link, body, len, 0); /* tag 0: made anew for the next router */
}

static bool is_heard(const struct uplink *uplink, const struct edge_group *group)
{
    for (uint32_t i = 0; i < group->count; i++) {
        if (!groups_current(&uplink->groups, groups_members(group)[i])->ending) {
            return true;
        }
    }
    return false;
}

/* Those in which somebody listens go before those that are only held by what has ended: where one
 * channel has one of each, the router brings the first up to date. */
static void announce_groups(struct uplink *uplink, bool heard, struct plane_builder *builder)
{
    for (uint32_t local = 0; local < uplink->groups.table.used; local++) {
        const struct edge_group *group = groups_at(&uplink->groups, local);
        if (group == NULL || is_heard(uplink, group) != heard) {
            continue;
        }
        const struct hole *hole = edge_group_hole(group);
        uint64_t newest = hole == NULL ? group->last_offset : hole->newest;
        plane_builder_add(builder, &(struct plane_op){.kind = OP_ANNOUNCE_GROUP,
                                                      .slot = (uint32_t)newest,
                                                      .gen = (uint32_t)(newest >> 32),
                                                      .a = local,
                                                      .b = group->last_offset,
                                                      .bytes = edge_group_record(group)});
        if (heard && group->roster != 0) {
            plane_builder_add(
                builder,
                &(struct plane_op){.kind = OP_ANNOUNCE_ROSTER, .a = local, .b = group->roster});
        }
        if (group->unsure) {
            plane_builder_add(builder, &(struct plane_op){.kind = OP_ANNOUNCE_UNSURE, .a = local});
        }
        if (plane_builder_bytes(builder) > ANNOUNCE_BATCH_BYTES) {
            push_announce(uplink, builder);
        }
    }
}

static void announce_session(struct uplink *uplink, const struct edge_session *session,
                             struct plane_builder *builder)
{
    if (!session->accepted || session->orphan) {
        return; /* no router has accepted it: its OPEN is sent again instead */
    }
    if (session->ending) {
        return; /* the router that closed it counts it no more, nor shall the next */
    }
    uint32_t *locals = mem_new(session->group_count, sizeof(*locals));
    for (uint32_t i = 0; i < session->group_count; i++) {
        locals[i] = groups_of(session)[i].local;
    }
    buf_clear(&uplink->scratch);
    plane_announce_conn_write(&(struct plane_announce_conn){.record = edge_session_record(session),
                                                            .locals = locals,
                                                            .local_count = session->group_count},
                              &uplink->scratch);
    mem_free(locals);
    plane_builder_add(builder, &(struct plane_op){.kind = OP_ANNOUNCE_CONN,
                                                  .slot = session->slot,
                                                  .gen = session->gen,
                                                  .bytes = buf_bytes(&uplink->scratch)});
    if (plane_builder_bytes(builder) > ANNOUNCE_BATCH_BYTES) {
        push_announce(uplink, builder);
    }
}

/* The closed ones of a slot before the one that has it now, as they came. */
static void announce_slot(struct uplink *uplink, uint32_t slot, struct plane_builder *builder)
{
    const struct edge_session *last = NULL;
    while (last != uplink->groups.sessions[slot]) {
        const struct edge_session *session = uplink->groups.sessions[slot];
        while (edge_session_older(session) != last) {
            session = edge_session_older(session);
        }
        announce_session(uplink, session, builder);
        last = session;
    }
}

/* After the connections, by which the router knows whose users they are. */
static void announce_spent(struct uplink *uplink, struct plane_builder *builder)
{
    size_t cursor = 0;
    struct plane_op op;
    uplink_spent_sweep(uplink);
    while (uplink_spent_next(uplink, &cursor, &op)) {
        plane_builder_add(builder, &op);
        if (plane_builder_bytes(builder) > ANNOUNCE_BATCH_BYTES) {
            push_announce(uplink, builder);
        }
    }
}

void uplink_announce(struct uplink *uplink)
{
    struct plane_builder builder;
    plane_builder_init(&builder, NULL);
    announce_groups(uplink, true, &builder);
    announce_groups(uplink, false, &builder);
    for (uint32_t slot = 0; slot < uplink->groups.session_capacity; slot++) {
        announce_slot(uplink, slot, &builder);
    }
    announce_spent(uplink, &builder);
    if (uplink->draining) {
        plane_builder_add(&builder,
                          &(struct plane_op){.kind = OP_DRAINING, .a = uplink->drain_delay_ms});
    }
    plane_builder_add(&builder, &(struct plane_op){.kind = OP_ANNOUNCE_END,
                                                   .a = uplink->others,
                                                   .b = uplink->config.slots_max});
    push_announce(uplink, &builder);
    plane_builder_fini(&builder);
}

void uplink_trim(struct uplink *uplink)
{
    arena_trim(&uplink->arena);
    plane_builder_trim(&uplink->up);
}
