/* From up-batches to events. An edge is trusted to speak of its own connections only: everything
 * here is under the edge's own index, and what cannot be is a reason to give the edge up. */
#include "router/json.h"
#include "router/plane_internal.h"
#include "router/rights.h"

static struct conn_ref conn_of(const struct plane_edge *edge, const struct plane_op *op)
{
    return (struct conn_ref){.edge = edge->index, .slot = op->slot, .gen = op->gen};
}

static bool op_names_conn(const struct plane_op *op)
{
    return op->gen != 0 && op->slot < PLANE_SLOTS_MAX;
}

static void refuse_token(struct router_plane *plane, struct plane_edge *edge,
                         const struct plane_op *op, struct bytes address,
                         const struct auth_verdict *verdict)
{
    plane->stats.auth_failed++;
    plane->callbacks.on_auth_failed(plane->owner, edge->id, address, verdict->why);
    if (verdict->busy) {
        plane_close_conn(edge, op->slot, op->gen, 1013, BYTES_LIT("Try again later"));
    } else {
        plane_close_conn(edge, op->slot, op->gen, 4001, BYTES_LIT("Unauthorized"));
    }
}

enum { TOKEN_FROM_QUERY = 3 }; /* as in the edge's enum ws_token_source; fixed by plane.proto */

static bool on_open(struct router_plane *plane, struct plane_edge *edge, const struct plane_op *op)
{
    struct plane_open open;
    if (!op_names_conn(op) || !plane_open_read(&plane->arena, op->bytes, &open)) {
        return false;
    }
    struct auth_verdict verdict = {.why = "tokens in the query are switched off"};
    bool refused = open.token_source == TOKEN_FROM_QUERY && !plane->config.token_in_query;
    if (!refused && !plane_verify(plane, edge, op, open.token, &verdict)) {
        return true; /* it comes again */
    }
    if (!verdict.ok) {
        refuse_token(plane, edge, op, open.address, &verdict);
        return true;
    }
    plane->stats.auth_ok++;
    struct session_info session = {.user = verdict.user,
                                   .address = open.address,
                                   .agent = open.agent,
                                   .rights = verdict.rights,
                                   .connected_at_ms = open.connected_at_ms,
                                   .expires_at_ms = verdict.expires_at_ms};
    plane_step(plane, &(struct core_event){
                          .kind = CORE_CONN_OPEN, .conn = conn_of(edge, op), .session = &session});
    return true;
}

/* False: the verdict on the new token takes a while. */
static bool refresh(struct router_plane *plane, struct plane_edge *edge, const struct plane_op *op,
                    struct command *command)
{
    struct auth_verdict verdict;
    if (!plane_verify(plane, edge, op, command->token, &verdict)) {
        return false;
    }
    if (!verdict.ok && !verdict.busy) {
        plane->callbacks.on_auth_failed(plane->owner, edge->id, BYTES_EMPTY, verdict.why);
    }
    command->renewed = (struct command_renewed){.user = verdict.ok ? verdict.user : BYTES_EMPTY,
                                                .rights = verdict.rights,
                                                .expires_at_ms = verdict.expires_at_ms,
                                                .expired = verdict.expired,
                                                .busy = verdict.busy};
    return true;
}

static bool on_text(struct router_plane *plane, struct plane_edge *edge, const struct plane_op *op)
{
    if (!op_names_conn(op)) {
        return false;
    }
    struct command command;
    json_read_command(op->bytes, &plane->scratch, &command);
    if (command.kind == COMMAND_REFRESH && !refresh(plane, edge, op, &command)) {
        return true; /* it comes again */
    }
    plane_step(plane, &(struct core_event){.kind = CORE_COMMAND,
                                           .conn = conn_of(edge, op),
                                           .number = op->a,
                                           .arrived_ms = op->b,
                                           .wire_bytes = op->bytes.len,
                                           .command = &command});
    return true;
}

static bool on_closed(struct router_plane *plane, struct plane_edge *edge,
                      const struct plane_op *op)
{
    struct plane_closed closed;
    if (!op_names_conn(op) || !plane_closed_read(&plane->arena, op->bytes, &closed)) {
        return false;
    }
    plane_step(plane,
               &(struct core_event){.kind = CORE_CONN_CLOSED,
                                    .conn = conn_of(edge, op),
                                    .clean = closed.clean,
                                    .drained = bytes_equal(closed.reason, BYTES_LIT("drain"))});
    return true;
}

static bool read_record(struct router_plane *plane, struct bytes bytes,
                        struct plane_group_record *ret_record, struct group_info *ret_group)
{
    if (!plane_group_record_read(&plane->arena, bytes, ret_record) ||
        ret_record->kind < CHANNEL_ROOM || ret_record->kind > CHANNEL_WATCH ||
        !client_name_valid(ret_record->name)) {
        return false;
    }
    *ret_group = (struct group_info){.kind = (enum channel_kind)ret_record->kind,
                                     .name = ret_record->name,
                                     .epoch = ret_record->epoch};
    return true;
}

static bool read_group(struct router_plane *plane, struct bytes bytes, struct group_info *ret_group)
{
    struct plane_group_record record;
    return read_record(plane, bytes, &record, ret_group);
}

/* False when the edge has announced as many as it may; it is told that there is no such group, as
 * for every other limit. */
static bool may_announce(struct router_plane *plane, struct plane_edge *edge,
                         const struct group_info *group, uint32_t local)
{
    bool room = group->kind == CHANNEL_ROOM;
    uint32_t *count = room ? &edge->rooms : &edge->users;
    uint32_t max = room ? plane->config.rooms_per_edge_max : plane->config.users_per_edge_max;
    if (max == 0 || *count < max) {
        ++*count;
        return true;
    }
    plane->stats.groups_refused++;
    if (*count == max) {
        ++*count; /* told once */
        plane->callbacks.on_edge(plane->owner, PLANE_EDGE_LIMITED, edge->id,
                                 room ? "announces more rooms than --max-rooms-per-edge"
                                      : "announces more users than --max-users-per-edge");
    }
    plane_say(plane, edge, &(struct plane_op){.kind = OP_GROUP_BIND, .slot = local});
    return false;
}

static bool on_announce_group(struct router_plane *plane, struct plane_edge *edge,
                              const struct plane_op *op)
{
    struct group_info group;
    uint64_t newest = (uint64_t)op->gen << 32 | op->slot;
    if (op->a > UINT32_MAX || !read_group(plane, op->bytes, &group)) {
        return false;
    }
    if (!may_announce(plane, edge, &group, (uint32_t)op->a)) {
        return true;
    }
    plane_step(plane, &(struct core_event){.kind = CORE_ANNOUNCE_GROUP,
                                           .edge = edge->index,
                                           .local = (uint32_t)op->a,
                                           .last_offset = op->b,
                                           .to_offset = newest > op->b ? newest : op->b,
                                           .group = &group});
    return true;
}

static bool on_repair(struct router_plane *plane, struct plane_edge *edge,
                      const struct plane_op *op)
{
    struct group_info group;
    if (!read_group(plane, op->bytes, &group)) {
        return false;
    }
    plane_step(plane, &(struct core_event){.kind = CORE_REPAIR,
                                           .edge = edge->index,
                                           .group = &group,
                                           .last_offset = op->a,
                                           .to_offset = op->b});
    return true;
}

static bool on_announce_conn(struct router_plane *plane, struct plane_edge *edge,
                             const struct plane_op *op)
{
    struct plane_announce_conn announce;
    struct plane_session_record record;
    if (!op_names_conn(op) || !plane_announce_conn_read(&plane->arena, op->bytes, &announce) ||
        !plane_session_record_read(&plane->arena, announce.record, &record) ||
        !client_name_valid(record.user) || !rights_valid(record.rights)) {
        return false;
    }
    struct session_info session = {.user = record.user,
                                   .address = record.address,
                                   .agent = record.agent,
                                   .rights = record.rights,
                                   .connected_at_ms = record.connected_at_ms,
                                   .expires_at_ms = record.expires_at_ms,
                                   .encoding = (uint8_t)record.encoding};
    plane_step(plane, &(struct core_event){.kind = CORE_ANNOUNCE_CONN,
                                           .edge = edge->index,
                                           .conn = conn_of(edge, op),
                                           .session = &session,
                                           .locals = announce.locals,
                                           .local_count = announce.local_count});
    return true;
}

static bool on_announce_end(struct router_plane *plane, struct plane_edge *edge,
                            const struct plane_op *op)
{
    edge->capacity = op->b > UINT32_MAX ? UINT32_MAX : (uint32_t)op->b;
    plane_step(plane, &(struct core_event){
                          .kind = CORE_ANNOUNCE_END, .edge = edge->index, .others = op->a});
    plane_admission_soon(plane);
    return true;
}

static bool on_draining(struct router_plane *plane, struct plane_edge *edge,
                        const struct plane_op *op)
{
    enum { DELAY_MS_MAX = 3600000 };
    plane->callbacks.on_edge(plane->owner, PLANE_EDGE_DRAINING, edge->id, "");
    edge->truth.sends_canaries = false;
    plane_step(plane,
               &(struct core_event){.kind = CORE_EDGE_DRAINING,
                                    .edge = edge->index,
                                    .delay_ms = op->a > DELAY_MS_MAX ? DELAY_MS_MAX : op->a});
    plane_admission_soon(plane);
    return true;
}

static bool on_lagging(struct router_plane *plane, struct plane_edge *edge,
                       const struct plane_op *op)
{
    struct plane_group_record record;
    struct group_info group;
    if (!op_names_conn(op) || !read_record(plane, op->bytes, &record, &group)) {
        return false;
    }
    plane_step(plane, &(struct core_event){.kind = CORE_LAGGING,
                                           .conn = conn_of(edge, op),
                                           .group = &group,
                                           .last_offset = op->a,
                                           .to_offset = record.newest,
                                           .token = op->b});
    return true;
}

/* What the former router had said of a group. */
static bool on_announced_of_group(struct router_plane *plane, const struct plane_edge *edge,
                                  const struct plane_op *op)
{
    bool roster = op->kind == OP_ANNOUNCE_ROSTER;
    plane_step(plane,
               &(struct core_event){.kind = roster ? CORE_ANNOUNCE_ROSTER : CORE_ANNOUNCE_UNSURE,
                                    .edge = edge->index,
                                    .local = op->a > UINT32_MAX ? UINT32_MAX : (uint32_t)op->a,
                                    .roster = (uint32_t)op->b});
    return true;
}

static bool on_announce_spent(struct router_plane *plane, const struct plane_edge *edge,
                              const struct plane_op *op)
{
    plane_step(plane, &(struct core_event){.kind = CORE_ANNOUNCE_SPENT,
                                           .edge = edge->index,
                                           .user = op->bytes,
                                           .messages_ms = op->a,
                                           .bytes_ms = op->b});
    return true;
}

bool plane_up_op(struct router_plane *plane, struct plane_edge *edge, const struct plane_op *op)
{
    if (plane_verify_parks(plane, edge, op)) {
        return true;
    }
    if (plane_op_is_of_router(op->kind)) {
        return false;
    }
    switch ((int)op->kind) {
    case OP_OPEN:
        return on_open(plane, edge, op);
    case OP_TEXT:
        return on_text(plane, edge, op);
    case OP_BINARY:
        if (op_names_conn(op)) {
            plane_close_conn(edge, op->slot, op->gen, 1003, BYTES_LIT("text messages expected"));
        }
        return true;
    case OP_CLOSED:
        return on_closed(plane, edge, op);
    case OP_ANNOUNCE_GROUP:
        return on_announce_group(plane, edge, op);
    case OP_ANNOUNCE_ROSTER:
    case OP_ANNOUNCE_UNSURE:
        return on_announced_of_group(plane, edge, op);
    case OP_ANNOUNCE_CONN:
        return on_announce_conn(plane, edge, op);
    case OP_ANNOUNCE_SPENT:
        return on_announce_spent(plane, edge, op);
    case OP_ANNOUNCE_END:
        return on_announce_end(plane, edge, op);
    case OP_DRAINING:
        return on_draining(plane, edge, op);
    case OP_GOODBYE:
        edge->goodbye = true;
        return true;
    case OP_LAGGING:
        return on_lagging(plane, edge, op);
    case OP_CANARY:
        if (!plane->rereading) {
            plane_truth_canary(plane, edge, op);
        }
        return true;
    case OP_DIGEST:
        return plane_truth_answer(plane, edge, op);
    case OP_REPAIR:
        return on_repair(plane, edge, op);
    case OP_CONN_STATE:
        return plane_reports_state(plane, edge, op);
    case OP_TRACED:
        return plane_reports_traced(plane, edge, op);
    default:
        break;
    }
    plane->stats.unknown_ops++; /* from a newer edge: docs/PROTOCOL.md, compatibility */
    return true;
}

bool plane_up_batch(struct router_plane *plane, struct plane_edge *edge,
                    const struct plane_batch *batch, struct plane_cursor *cursor)
{
    struct plane_op op;
    while (!edge->pace.held && plane_batch_next(batch, cursor, &op)) {
        if (!plane_up_op(plane, edge, &op)) {
            return false;
        }
    }
    return true;
}
