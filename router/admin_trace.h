/* The ways of messages: when each came to its edge and to the router, when it was sent to edges,
 * and how each edge that was asked passed it on. Part of the admin; only admin*.c, the router's
 * loop and whoever exports traces use it. */
#ifndef ROUTER_ADMIN_TRACE_H
#define ROUTER_ADMIN_TRACE_H

#include "common/bytes.h"
#include "proto/plane_reports.h"
#include "router/admin.h"
#include "router/hot.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TRACE_NAME_BYTES_MAX = HOT_NAME_BYTES_MAX,
    TRACE_EDGE_BYTES_MAX = 64,
    TRACE_HOPS_MAX = 256,
    TRACE_WAIT_MS = 2000 /* for edges to tell, which they do within a second of hearing */
};

/* One moment by both clocks. */
struct admin_stamp {
    uint64_t mono_us;
    uint64_t wall_us;
};

struct trace_hop {
    uint8_t edge[TRACE_EDGE_BYTES_MAX];
    uint8_t edge_len;
    bool told;
    struct plane_hop hop; /* by the clock of the edge's host */
};

/* Times are wall clock, microseconds since 1970, by this host; 0 = not known. */
struct message_trace {
    uint8_t room[TRACE_NAME_BYTES_MAX]; /* empty: said to one user, `to` */
    uint8_t to[TRACE_NAME_BYTES_MAX];
    uint8_t user[TRACE_NAME_BYTES_MAX]; /* who said it; empty: the server */
    uint8_t room_len;
    uint8_t to_len;
    uint8_t user_len;
    uint32_t edges;
    uint32_t members;
    uint64_t epoch;
    uint64_t offset;
    uint64_t timestamp_ms;
    uint64_t bytes;
    uint64_t edge_at_us; /* as that edge told in ms, by our clock */
    uint64_t router_at_us;
    uint64_t sent_at_us;
    uint64_t number;        /* of the question to the edges; 0: they were not asked */
    uint64_t due_ms;        /* not 0: edges may still tell, until then */
    struct trace_hop *hops; /* owned; of edges that were asked */
    uint32_t hop_count;
    uint32_t hops_told;
};

/* A trace whose edges were asked is complete, or as complete as it will be; valid during the call.
 */
typedef void admin_trace_sink(void *owner, const struct message_trace *trace);
void admin_set_trace_sink(struct admin *admin, admin_trace_sink *sink, void *owner);

/* The plane's on_hop. */
void admin_hop(struct admin *admin, uint64_t trace, struct bytes edge_id,
               const struct plane_hop *hop);

#endif
