/* From effects to down-batches. A push is written once per encoding and copied into the batch of
 * each edge that has members. */
#include "common/mem.h"
#include "router/engine/engine.h"
#include "router/json.h"
#include "router/plane_internal.h"

#include <assert.h>

static struct plane_edge *edge_at(const struct router_plane *plane, uint32_t index)
{
    return index < plane->edge_capacity ? plane->edges[index] : NULL;
}

void plane_close_conn(struct plane_edge *edge, uint32_t slot, uint32_t gen, uint16_t code,
                      struct bytes text)
{
    plane_builder_add(
        &edge->out,
        &(struct plane_op){.kind = OP_CLOSE, .slot = slot, .gen = gen, .a = code, .bytes = text});
}

void plane_say(struct router_plane *plane, struct plane_edge *edge, const struct plane_op *op)
{
    plane_builder_add(&edge->out, op);
    size_t bytes = plane_builder_bytes(&edge->out);
    plane->batch_full = plane->batch_full || bytes >= PLANE_BATCH_BYTES_MAX;
    plane->batch_huge = plane->batch_huge || bytes >= PLANE_BATCH_BYTES_HUGE;
    plane_pace_note(plane, edge);
}

/* A turn may say more to an edge than one frame can carry. Between steps only, so that what one
 * event says stays together, and but for the hugest between frames. */
void plane_seal_full(struct router_plane *plane)
{
    plane->batch_full = false;
    plane->batch_huge = false;
    for (uint32_t i = 0; i < plane->edge_capacity; i++) {
        struct plane_edge *edge = plane->edges[i];
        if (edge != NULL && plane_builder_bytes(&edge->out) >= PLANE_BATCH_BYTES_MAX) {
            link_finish(&edge->link, plane_frames_finished(edge));
            plane_frames_tell_done(edge);
            plane_seal(edge);
        }
    }
}

static struct bytes write_push(struct router_plane *plane, const struct push *push)
{
    buf_clear(&plane->push);
    json_write_push(push, &plane->push);
    return buf_bytes(&plane->push);
}

static struct bytes write_group(struct router_plane *plane, const struct group_info *group)
{
    buf_clear(&plane->push);
    if (group != NULL) {
        plane_group_record_write(&(struct plane_group_record){.kind = (uint32_t)group->kind,
                                                              .name = group->name,
                                                              .epoch = group->epoch},
                                 &plane->push);
    }
    return buf_bytes(&plane->push);
}

static void apply_accept(struct router_plane *plane, struct plane_edge *edge,
                         const struct core_effect *effect)
{
    const struct session_info *session = effect->session;
    buf_clear(&plane->push);
    plane_session_record_write(
        &(struct plane_session_record){.user = session->user,
                                       .address = session->address,
                                       .agent = session->agent,
                                       .rights = session->rights,
                                       .connected_at_ms = session->connected_at_ms,
                                       .expires_at_ms = session->expires_at_ms,
                                       .encoding = session->encoding},
        &plane->push);
    plane_say(plane, edge,
              &(struct plane_op){.kind = OP_ACCEPT,
                                 .slot = effect->conn.slot,
                                 .gen = effect->conn.gen,
                                 .bytes = buf_bytes(&plane->push)});
}

static void apply_deliver(struct router_plane *plane, const struct core_effect *effect)
{
    struct bytes text = write_push(plane, effect->push);
    uint32_t span = effect->always                  ? 1
                    : effect->span < PLANE_SPAN_ALL ? (uint32_t)effect->span
                                                    : PLANE_SPAN_ALL;
    for (size_t i = 0; i < effect->edge_count; i++) {
        struct plane_edge *edge = edge_at(plane, effect->edges[i]);
        if (edge == NULL) {
            continue; /* went down in this very step */
        }
        plane_reports_ask(plane, edge, effect);
        bool except = effect->has_except && effect->conn.edge == edge->index;
        plane_say(plane, edge,
                  &(struct plane_op){.kind = OP_DELIVER,
                                     .slot = except ? effect->conn.slot : span,
                                     .gen = except ? effect->conn.gen : 0,
                                     .a = effect->group,
                                     .b = effect->offset,
                                     .bytes = text});
    }
}

static void apply_policy(struct router_plane *plane, const struct core_effect *effect)
{
    uint64_t bits =
        (effect->droppable ? PLANE_GROUP_DROPPABLE : 0) | (effect->unsure ? PLANE_GROUP_UNSURE : 0);
    for (size_t i = 0; i < effect->edge_count; i++) {
        struct plane_edge *edge = edge_at(plane, effect->edges[i]);
        if (edge != NULL) {
            plane_say(plane, edge,
                      &(struct plane_op){.kind = OP_GROUP_POLICY, .a = effect->group, .b = bits});
        }
    }
}

static void apply_roster(struct router_plane *plane, const struct core_effect *effect)
{
    for (size_t i = 0; i < effect->edge_count; i++) {
        struct plane_edge *edge = edge_at(plane, effect->edges[i]);
        if (edge != NULL && edge->keeps_rosters) {
            plane_say(plane, edge,
                      &(struct plane_op){.kind = OP_GROUP_ROSTER,
                                         .slot = effect->roster_changes ? 1 : 0,
                                         .a = effect->group,
                                         .b = effect->roster});
        }
    }
}

static void apply_top(struct router_plane *plane, const struct core_effect *effect)
{
    for (size_t i = 0; i < effect->edge_count; i++) {
        struct plane_edge *edge = edge_at(plane, effect->edges[i]);
        if (edge != NULL) {
            plane_say(
                plane, edge,
                &(struct plane_op){.kind = OP_GROUP_TOP, .a = effect->group, .b = effect->offset});
        }
    }
}

static enum engine_kind kind_of(const struct core_effect *effect)
{
    return effect->inbox ? ENGINE_INBOX : ENGINE_ROOM;
}

/* The engine was given something to do. */
static void note_call(struct router_plane *plane)
{
    if (plane->calls_pending++ == 0) {
        plane->calls_moved_ms = plane->now_ms;
    }
}

static void apply_append(struct router_plane *plane, const struct core_effect *effect)
{
    note_call(plane);
    plane->stats.appends++;
    plane->engine->ops->append(
        plane->engine, &(struct engine_append){.id = effect->append_id,
                                               .kind = kind_of(effect),
                                               .name = effect->room,
                                               .epoch = effect->epoch,
                                               .offset = effect->offset,
                                               .timestamp_ms = effect->message->timestamp_ms,
                                               .user = effect->message->user,
                                               .server_id = effect->message->server_id,
                                               .payload = effect->message->payload,
                                               .key = effect->key,
                                               .keep_count = effect->keep_count,
                                               .keep_ms = effect->keep_ms});
}

/* The channel is the call's id; a channel has one load at a time, and appends have ids of their
 * own. */
static void apply_load(struct router_plane *plane, const struct core_effect *effect)
{
    note_call(plane);
    plane->stats.loads++;
    plane->engine->ops->load(plane->engine, &(struct engine_load){.id = effect->group,
                                                                  .kind = kind_of(effect),
                                                                  .name = effect->room,
                                                                  .count_max = effect->keep_count,
                                                                  .bytes_max = effect->bytes_max,
                                                                  .from = effect->offset,
                                                                  .ids = effect->ids});
}

/* Effects that name one connection (or one edge). */
static void apply_to_edge(struct router_plane *plane, const struct core_effect *effect)
{
    bool of_edge = effect->kind == CORE_GROUP_BIND || effect->kind == CORE_CANARY_BACK;
    struct plane_edge *edge = edge_at(plane, of_edge ? effect->edge : effect->conn.edge);
    if (edge == NULL) {
        return;
    }
    struct plane_op op = {.slot = effect->conn.slot, .gen = effect->conn.gen};
    switch ((int)effect->kind) {
    case CORE_ACCEPT:
        apply_accept(plane, edge, effect);
        return;
    case CORE_SEND_CONN:
        op.kind = OP_SEND;
        op.b = effect->number;
        op.bytes = write_push(plane, effect->push);
        break;
    case CORE_GROUP_ADD:
        op.kind = OP_GROUP_ADD;
        op.a = effect->group;
        op.b = effect->offset;
        op.bytes = write_group(plane, effect->group_info);
        break;
    case CORE_GROUP_REMOVE:
        op.kind = OP_GROUP_REMOVE;
        op.a = effect->group;
        break;
    case CORE_GROUP_BIND:
        op = (struct plane_op){.kind = OP_GROUP_BIND,
                               .slot = effect->local,
                               .a = effect->group,
                               .b = effect->offset,
                               .bytes = write_group(plane, effect->group_info)};
        break;
    case CORE_CATCH_UP:
        op.kind = OP_CATCH_UP;
        op.a = effect->token;
        op.b = effect->last;
        op.bytes = effect->push == NULL ? BYTES_EMPTY : write_push(plane, effect->push);
        break;
    case CORE_SPENT:
        if (!edge->knows_spent) {
            return;
        }
        op = (struct plane_op){.kind = OP_SPENT,
                               .a = effect->messages_ms,
                               .b = effect->bytes_ms,
                               .bytes = effect->text};
        break;
    case CORE_CLOSE:
        plane_close_conn(edge, op.slot, op.gen, effect->code, effect->text);
        return;
    case CORE_DONE:
        plane_frames_note_done(edge, op.slot, op.gen, effect->number);
        return;
    case CORE_CANARY_BACK:
        plane_truth_back(plane, edge, effect);
        return;
    case CORE_DIVERGED:
        plane->callbacks.on_diverged(plane->owner, edge->id, effect);
        return;
    default:
        assert(false && "handled by plane_apply");
        return;
    }
    plane_say(plane, edge, &op);
}

void plane_apply(struct router_plane *plane, const struct core_effects *effects)
{
    for (size_t i = 0; i < effects->count; i++) {
        const struct core_effect *effect = &effects->items[i];
        switch (effect->kind) {
        case CORE_DELIVER:
            apply_deliver(plane, effect);
            break;
        case CORE_GROUP_POLICY:
        case CORE_GROUP_UNSURE:
            apply_policy(plane, effect);
            break;
        case CORE_GROUP_ROSTER:
            apply_roster(plane, effect);
            break;
        case CORE_GROUP_TOP:
            apply_top(plane, effect);
            break;
        case CORE_APPEND:
            apply_append(plane, effect);
            break;
        case CORE_LOAD:
            apply_load(plane, effect);
            break;
        case CORE_HELD:
        case CORE_FREED:
            plane_frame_hold(plane, effect->cause, effect->kind == CORE_HELD);
            break;
        case CORE_CUT:
            if (plane->batch_huge) {
                plane_seal_full(plane);
            }
            break;
        case CORE_KEEP_BAN:
            plane_bans_keep(plane, effect);
            break;
        case CORE_BAN_NET:
        case CORE_UNBAN_NET:
            plane_bans_tell(plane, effect);
            break;
        case CORE_MORE:
            plane->more = true;
            break;
        case CORE_TAPPED:
            plane_reports_tapped(plane, effect->tapped);
            break;
        case CORE_ADMIN_DONE:
            plane->callbacks.on_admin_done(plane->owner, effect);
            break;
        case CORE_ACCEPT:
        case CORE_SEND_CONN:
        case CORE_GROUP_ADD:
        case CORE_GROUP_REMOVE:
        case CORE_GROUP_BIND:
        case CORE_CATCH_UP:
        case CORE_CLOSE:
        case CORE_SPENT:
        case CORE_DONE:
        case CORE_CANARY_BACK:
        case CORE_DIVERGED:
            apply_to_edge(plane, effect);
            break;
        }
    }
}

static enum append_result append_result_of(enum engine_result result)
{
    switch (result) {
    case ENGINE_OK:
        return APPEND_OK;
    case ENGINE_FENCED:
        return APPEND_FENCED;
    case ENGINE_UNKNOWN:
        return APPEND_UNKNOWN;
    case ENGINE_FAILED:
        break;
    }
    return APPEND_FAILED;
}

void plane_step_once(struct router_plane *plane, struct core_event *event)
{
    event->wall_ms = plane->wall_ms;
    event->cause = plane->cause;
    event->received_us = plane->sender == NULL ? 0 : plane->sender->received_us;
    struct core_effects effects = router_core_step(plane->core, event, plane->now_ms);
    plane_apply(plane, &effects);
    if (plane->batch_huge || (plane->batch_full && plane->reading == NULL)) {
        plane_seal_full(plane);
    }
    if (plane->heavy) {
        plane_pace_hold(plane);
    }
}

static void step_loaded(struct router_plane *plane, const struct engine_completion *done)
{
    const struct engine_log *log = &done->log;
    struct core_record *records = mem_new(log->record_count + 1, sizeof(*records));
    for (size_t i = 0; i < log->record_count; i++) {
        const struct engine_record *record = &log->records[i];
        records[i] = (struct core_record){.message = {.offset = record->offset,
                                                      .timestamp_ms = record->timestamp_ms,
                                                      .user = record->user,
                                                      .server_id = record->server_id,
                                                      .payload = record->payload},
                                          .key = record->key,
                                          .bare = record->bare};
    }
    struct core_log copy = {.found = log->found,
                            .forgotten = log->forgotten,
                            .epoch = log->epoch,
                            .top = log->top,
                            .records = records,
                            .record_count = log->record_count};
    plane_step_once(plane, &(struct core_event){.kind = CORE_LOADED,
                                                .channel = done->id,
                                                .log = done->result == ENGINE_OK ? &copy : NULL});
    mem_free(records);
}

void plane_poll(struct router_plane *plane)
{
    uint64_t cause = plane->cause;
    struct engine_completion done;
    plane->cause = 0; /* what waited belongs to frames of its own */
    while (plane->calls_pending != 0 && plane->engine->ops->poll(plane->engine, &done)) {
        plane->calls_pending--;
        plane->calls_moved_ms = plane->now_ms;
        plane->engine_fenced = plane->engine_fenced || done.result == ENGINE_FENCED;
        if (done.what == ENGINE_LOADED) {
            step_loaded(plane, &done);
            continue;
        }
        plane_step_once(plane,
                        &(struct core_event){.kind = CORE_APPENDED,
                                             .append_id = done.id,
                                             .append_result = append_result_of(done.result)});
    }
    plane->cause = cause;
}

void plane_step(struct router_plane *plane, struct core_event *event)
{
    plane_step_once(plane, event);
    if (plane->engine->ops->fd(plane->engine) < 0) {
        plane_poll(plane);
    }
}
