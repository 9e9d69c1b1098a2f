/* What an edge reports of itself when it is asked: bytes of OP_CONN_STATE and OP_TRACED. Pure. */
#ifndef PROTO_PLANE_REPORTS_H
#define PROTO_PLANE_REPORTS_H

#include "common/buf.h"
#include "common/bytes.h"
#include "proto/arena.h"

#include <stdbool.h>
#include <stdint.h>

/* Why nothing is read from a connection; bits on the wire: only added. */
enum plane_paused {
    PLANE_PAUSED_CONGESTION = 1, /* the router does not keep up */
    PLANE_PAUSED_OUTPUT = 2,     /* it does not read what it is sent */
    PLANE_PAUSED_PACE = 4,       /* it sends faster than it may */
    PLANE_PAUSED_ENDING = 8      /* it is about to be closed */
};

/* Fields as in plane.proto. */
struct plane_conn_state {
    uint64_t queued_bytes;
    uint64_t queued_messages;
    uint64_t soft_bytes;
    uint64_t hard_bytes;
    uint64_t over_soft_ms;
    uint64_t silent_ms;
    uint64_t message_ms;
    uint64_t ping_ms;
    uint64_t closing_ms;
    uint64_t group_offset;
    uint32_t paused; /* enum plane_paused */
    bool behind;
    bool in_group;
    bool group_waits;
    bool lags;
};
void plane_conn_state_write(const struct plane_conn_state *state, struct buf *out);
/* False when it is none. */
bool plane_conn_state_read(struct arena *arena, struct bytes bytes,
                           struct plane_conn_state *ret_state);

/* The same for one delivery's way through an edge. */
struct plane_hop {
    uint64_t began_us;
    uint64_t queued_first_us;
    uint64_t queued_last_us;
    uint64_t written_first_us;
    uint64_t written_last_us;
    uint32_t queued;
    uint32_t written;
    bool held_back;
};
void plane_hop_write(const struct plane_hop *hop, struct buf *out);
/* False when it is none or contradicts itself: more written than queued, last before first, longer
 * than an hour. */
bool plane_hop_read(struct arena *arena, struct bytes bytes, struct plane_hop *ret_hop);

#endif
