/* The body of struct edge, shared by the files of the edge's shell and by nobody else: they are one
 * machine cut into files by subject (listener, conn, heartbeat, drain, router_link, edge_http),
 * each of which owns the part named after it. */
#ifndef EDGE_EDGE_STATE_H
#define EDGE_EDGE_STATE_H

#include "common/buf.h"
#include "common/httpd.h"
#include "common/ip_counts.h"
#include "common/metrics.h"
#include "common/slotmap.h"
#include "common/trim.h"
#include "common/wheel.h"
#include "common/zlink.h"
#include "edge/address.h"
#include "edge/admission.h"
#include "edge/drain.h"
#include "edge/edge.h"
#include "edge/edge_curve.h"
#include "edge/edge_metrics.h"
#include "edge/held_inputs.h"
#include "edge/hop_traces.h"
#include "edge/output.h"
#include "edge/uplink.h"
#include "edge/ws_deflate.h"
#include "edge/ws_handshake.h"

#include <stdbool.h>
#include <stdint.h>

struct conn;
struct door;
struct event;
struct event_base;
struct listener;
struct sockets;
struct tls;

enum {
    EDGE_SCRATCH_BYTES = 65536,   /* read at most per connection and turn */
    EDGE_PACED_READ_BYTES = 2048, /* the same while frames come fast: small ones by the hundred */
    EDGE_DEFLATED_READ_BYTES = 8192, /* the same with compression: it may inflate a thousandfold */
    EDGE_DESCRIPTOR_RESERVE = 64,
    EDGE_DEAD_SLOTS = 1024,     /* for connections that have ended in this turn */
    EDGE_ROUTER_AWAY_MS = 3000, /* without a router for longer: no new clients */
    EDGE_EXIT_VERSION = 3
};

/* Openings that wait for their turn of the loop (conn_turns.c): a ring that may hold stale ids. */
struct conn_turns {
    slot_id *ids;
    size_t head;
    size_t count;
    size_t capacity;
    uint64_t spent_us; /* on openings in this turn */
};

struct edge {
    const struct edge_options *options;
    char *id; /* --id or its default */
    struct event_base *base;
    struct event *timer;
    struct event *signals[3];
    void (*on_hangup)(void *owner);
    void *hangup_owner;

    /* Time of this turn: read once, by the first callback (edge_now). */
    uint64_t now_us;
    uint64_t timer_due_ms; /* for which the timer is armed */
    bool in_turn;
    bool stopping; /* leave the loop */
    int exit_code;

    struct metrics *metrics;
    struct httpd *httpd;

    /* Connections */
    struct slotmap conns; /* of struct conn */
    struct sockets *sockets;
    struct wheel *wheel; /* one deadline per slot */
    struct out_batch *out;
    /* Lists of connections by slot; CONN_NONE when empty. */
    uint32_t ended;          /* not yet reported to the uplink (conn->next_ended) */
    uint32_t dead;           /* freed at the end of the turn (conn->next_dead) */
    uint32_t pending_oldest; /* openings not finished, by time of accept (conn_pending.c) */
    uint32_t pending_newest;
    struct held_inputs held_inputs; /* input that the pace holds (conn_pace.c) */
    struct conn_turns turns;
    uint64_t state_counts[3]; /* by enum edge_metric_state */
    uint64_t message_bytes;   /* held for incomplete messages */
    slot_id *paused;          /* stopped reading because of congestion; may hold stale ids */
    size_t paused_count;
    size_t paused_capacity;
    bool congested;
    bool caught_up;          /* slow readers have read: the uplink has something to say */
    uint64_t judged_from_ms; /* no client is blamed for silence before this (heartbeat.h) */
    uint64_t close_slice_ms; /* planned closes are counted in slices of 10 ms */
    uint32_t close_slice_used;

    /* Settings derived from the options at start */
    struct ws_handshake_config handshake;
    struct bytes *origins;
    struct address_net *proxies;
    size_t proxy_count;
    uint32_t connections_max;

    /* Compression streams of all connections; NULL with --compression off */
    struct ws_inflaters *inflaters;
    struct ws_deflaters *deflaters;
    uint64_t context_bytes; /* price of the contexts that connections have */

    struct ip_counts ip_counts;
    struct admission admission;
    struct listener *listener;
    struct door *door;
    struct tls *tls; /* NULL without --listen-tls */
    struct drain drain;

    /* Router link */
    struct uplink *uplink;
    struct hop_traces traces;
    struct zlink_context *zlink_context;
    struct zlink *zlink;
    struct edge_curve curve;
    bool router_seen; /* was up at least once */
    bool router_lost; /* clients are being let go for want of a router */
    struct trimmer trimmer;

    /* Scratch space, valid inside one callback */
    uint8_t *input;
    struct buf request;
    struct buf reply;
};

/* Monotonic milliseconds of this turn. */
uint64_t edge_now(struct edge *edge);
/* The same in microseconds. */
uint64_t edge_now_us(struct edge *edge);

/* 64 random bits. */
uint64_t edge_random_bits(void);
/* Random number in [from, to]; `from` when the range is empty. */
uint64_t edge_random(uint64_t from, uint64_t to);

/* NULL when a new client can be taken, else why not: "draining" or "no router" (static). */
const char *edge_unready(struct edge *edge, enum edge_refusal *ret_refusal);

/* True when there are as many live connections as may be. */
bool edge_is_full(const struct edge *edge);

/* True when the router has banned the address. */
bool edge_is_banned(struct edge *edge, const struct address *address);

/* Leaves the loop at the end of this turn. */
void edge_stop(struct edge *edge, int exit_code);

#endif
