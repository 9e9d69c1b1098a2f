#include "proto/plane_reports.h"

#include "proto/pb_bytes.h"
#include "proto/plane.pb-c.h"

static const uint64_t HOP_US_MAX = UINT64_C(3600) * 1000 * 1000;

void plane_conn_state_write(const struct plane_conn_state *state, struct buf *out)
{
    Splitrail__Plane__ConnState to = SPLITRAIL__PLANE__CONN_STATE__INIT;
    to.queued_bytes = state->queued_bytes;
    to.queued_messages = state->queued_messages;
    to.soft_bytes = state->soft_bytes;
    to.hard_bytes = state->hard_bytes;
    to.over_soft_ms = state->over_soft_ms;
    to.silent_ms = state->silent_ms;
    to.message_ms = state->message_ms;
    to.ping_ms = state->ping_ms;
    to.paused = state->paused;
    to.closing_ms = state->closing_ms;
    to.behind = state->behind;
    to.in_group = state->in_group;
    to.group_offset = state->group_offset;
    to.group_waits = state->group_waits;
    to.lags = state->lags;
    pb_append(&to.base, out);
}

bool plane_conn_state_read(struct arena *arena, struct bytes bytes,
                           struct plane_conn_state *ret_state)
{
    const Splitrail__Plane__ConnState *from =
        splitrail__plane__conn_state__unpack(&arena->allocator, bytes.len, bytes.data);
    if (from == NULL) {
        return false;
    }
    *ret_state = (struct plane_conn_state){.queued_bytes = from->queued_bytes,
                                           .queued_messages = from->queued_messages,
                                           .soft_bytes = from->soft_bytes,
                                           .hard_bytes = from->hard_bytes,
                                           .over_soft_ms = from->over_soft_ms,
                                           .silent_ms = from->silent_ms,
                                           .message_ms = from->message_ms,
                                           .ping_ms = from->ping_ms,
                                           .closing_ms = from->closing_ms,
                                           .group_offset = from->group_offset,
                                           .paused = from->paused,
                                           .behind = from->behind != 0,
                                           .in_group = from->in_group != 0,
                                           .group_waits = from->group_waits != 0,
                                           .lags = from->lags != 0};
    return true;
}

void plane_hop_write(const struct plane_hop *hop, struct buf *out)
{
    Splitrail__Plane__Hop to = SPLITRAIL__PLANE__HOP__INIT;
    to.began_us = hop->began_us;
    to.queued = hop->queued;
    to.queued_first_us = hop->queued_first_us;
    to.queued_last_us = hop->queued_last_us;
    to.written = hop->written;
    to.written_first_us = hop->written_first_us;
    to.written_last_us = hop->written_last_us;
    to.held_back = hop->held_back;
    pb_append(&to.base, out);
}

static bool hop_is_whole(const struct plane_hop *hop)
{
    return hop->written <= hop->queued && hop->queued_first_us <= hop->queued_last_us &&
           hop->written_first_us <= hop->written_last_us && hop->queued_last_us <= HOP_US_MAX &&
           hop->written_last_us <= HOP_US_MAX;
}

bool plane_hop_read(struct arena *arena, struct bytes bytes, struct plane_hop *ret_hop)
{
    const Splitrail__Plane__Hop *from =
        splitrail__plane__hop__unpack(&arena->allocator, bytes.len, bytes.data);
    if (from == NULL) {
        return false;
    }
    const struct plane_hop hop = {.began_us = from->began_us,
                                  .queued_first_us = from->queued_first_us,
                                  .queued_last_us = from->queued_last_us,
                                  .written_first_us = from->written_first_us,
                                  .written_last_us = from->written_last_us,
                                  .queued = from->queued,
                                  .written = from->written,
                                  .held_back = from->held_back != 0};
    if (!hop_is_whole(&hop)) {
        return false;
    }
    *ret_hop = hop;
    return true;
}
