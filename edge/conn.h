/* One client connection: socket, WebSocket session, output, deadlines. While it is idle it owns
 * nothing but this struct, and what TLS needs. Split by subject: conn.c life and events,
 * conn_ended.c their reports, conn_pace.c the rate of frames, conn_proxy.c what a load balancer
 * says first, conn_upgrade.c the HTTP part, conn_message.c the frames, conn_deflate.c memory for
 * compression, conn_pending.c the limit over unfinished openings, conn_turns.c their share of a
 * turn, conn_shed.c the limit over all output, conn_congestion.c who waits for the router,
 * heartbeat.c the deadlines.
 *
 *   (PROXY ──►) HANDSHAKE ──upgrade──► OPEN ──close frame queued──► CLOSING ──► DEAD (freed at end
 * of turn) └──HTTP answer queued──► ANSWERED ──────────────────────────────┘
 *
 * An ending is counted and reported to the uplink exactly once, at the end of the turn in which
 * OPEN was left: never inside an uplink callback, which may be walking the members of a group. */
#ifndef EDGE_CONN_H
#define EDGE_CONN_H

#include "common/blob.h"
#include "common/buf.h"
#include "common/bytes.h"
#include "common/slotmap.h"
#include "edge/address.h"
#include "edge/edge_metrics.h"
#include "edge/output.h"
#include "edge/ticks.h"
#include "edge/ws_extensions.h"
#include "edge/ws_reason.h"
#include "edge/ws_session.h"

#include <stdbool.h>
#include <stdint.h>

struct edge;
struct frames;
struct tls;

enum conn_state {
    CONN_PROXY,     /* the header of the PROXY protocol is being collected */
    CONN_HANDSHAKE, /* TLS, if any; then the request head is being collected */
    CONN_OPEN,
    CONN_CLOSING,  /* our close frame is queued or sent; waiting for the peer's */
    CONN_ANSWERED, /* an HTTP answer is queued or sent; waiting for the peer's end */
    CONN_DEAD      /* socket closed, on the reap list */
};

/* Reading stops for a set of reasons and goes on when the set is empty. */
enum conn_pause {
    CONN_PAUSE_CONGESTION = 1, /* the router does not keep up */
    CONN_PAUSE_OUTPUT = 2,     /* the client does not read what it is sent */
    CONN_PAUSE_FENCED = 4,     /* the router gave this client away; it is about to be closed */
    CONN_PAUSE_PACE = 16,      /* it sends more than --max-frames- or --max-input-per-second */
    CONN_PAUSE_TURN = 32,      /* an opening that is served in a later turn (conn_turns.c) */
    CONN_PAUSE_END = 8         /* the peer has ended; only our output is still to be written */
};

enum { CONN_LINGER_MS = 2000 }; /* waiting for the peer's end after ours */

/* Sorted by size: it fills a class of the allocator to the last byte. Times are ticks (ticks.h),
 * other connections slots; CONN_NONE ends a list. */
struct conn {
    struct edge *edge;
    struct out_queue out;
    union {
        struct tls *tls;              /* in PROXY: spoken from HANDSHAKE on; NULL = plain */
        struct ws_deflater *deflater; /* then: context of our messages; NULL = they stand alone */
    };
    union {
        struct buf *head;          /* PROXY, HANDSHAKE: incomplete request or PROXY head, or NULL */
        struct ws_session session; /* then */
    };
    struct address address; /* of the client; behind trusted proxies not the peer's */
    union {
        struct { /* PROXY, HANDSHAKE */
            uint32_t pending_older;
            uint32_t pending_newer;
        };
        struct {              /* OPEN */
            uint32_t ping_us; /* payload of the last ping, microseconds; 0 = none was sent */
            uint32_t last_message;
            uint32_t soft_due; /* too much output since; 0 = no */
        };
        struct { /* ended and dead */
            uint32_t next_ended;
            uint32_t next_dead;
            uint16_t close_code; /* that passed, 0 = none */
        };
    };
    uint32_t planned; /* close then, with `reason`; 0 = no */
    uint32_t slot;
    uint32_t since;     /* pending: accepted; then: opened */
    uint32_t last_seen; /* last byte received */
    uint32_t due;       /* PROXY, HANDSHAKE: timeout; OPEN: next ping or pong due; else: linger */
    uint32_t pace_us;   /* when its input so far would be due at the allowed rate (conn_pace.c) */
    uint8_t paused;     /* set of enum conn_pause */
    uint8_t state : 3;  /* enum conn_state */
    uint8_t reason : 5; /* enum ws_reason, once it has ended or shall */
    uint8_t window_bits : 4; /* permessage-deflate: of our messages; 0 = not agreed */
    uint8_t watched : 2;     /* what its socket is watched for, see sockets.h */
    bool woken : 1;          /* it is to be called although its socket may say nothing */
    bool ip_counted : 1;
    bool want_write : 1;   /* output waits for the socket */
    bool shut : 1;         /* our sending side is shut down */
    bool ping_pending : 1; /* `due` is when the pong is due */
    bool silent : 1;       /* nothing was received since that ping */
    bool behind : 1;       /* deliveries are left out for it until it has read what waits */
    bool clean : 1;        /* the client closed with a close frame */
    bool holds : 1;        /* the edge's held_inputs have some of it */
};

#define CONN_NONE UINT32_MAX

/* Takes over the accepted socket `fd` (non-blocking), on which `tls` is spoken unless NULL. NULL,
 * and fd still the caller's, when no slot or no memory is left. `ip_counted` says that ip_counts
 * holds one for `address`. */
struct conn *conn_new(struct edge *edge, int fd, const struct address *address, bool ip_counted,
                      struct tls *tls);

/* The connection in a slot if it is OPEN, else NULL. */
struct conn *conn_at(struct edge *edge, uint32_t slot);

/* The connection in a slot, whatever its state; NULL when the slot is free or CONN_NONE. */
struct conn *conn_in(const struct edge *edge, uint32_t slot);

/* Slot and generation. */
slot_id conn_id(const struct conn *conn);

/* Frees what is kept of an incomplete head. */
void conn_drop_head(struct conn *conn);

/* Puts ready frames with `message_count` data messages to an OPEN connection; checks the limits. */
void conn_put(struct conn *conn, struct blob *frames, size_t message_count);

/* The same in the form that this client can take. */
void conn_put_frames(struct conn *conn, struct frames *frames);

/* True when so much waits for the client that what may be left out must be; from then on the uplink
 * is told when it has read. */
bool conn_is_behind(struct conn *conn);

/* Frames one message and puts it. */
void conn_send(struct conn *conn, struct bytes payload, bool binary);

/* Ends an OPEN connection by our close frame, after what is queued (SLOW: instead of it). `code` 0
 * takes the reason's own; `text` goes into the frame. Nothing when it is not OPEN. */
void conn_close(struct conn *conn, enum ws_reason reason, uint16_t code, struct bytes text);

/* Answers the client's own close frame and ends. With --echo its reason goes back too. */
void conn_close_echo(struct conn *conn, uint16_t code, struct bytes text);

/* Ends at once, in any state, without a word. */
void conn_abort(struct conn *conn, enum ws_reason reason);

/* Closes at `at_ms`, unless an earlier plan stands; spread over slices with others. */
void conn_plan_close(struct conn *conn, enum ws_reason reason, uint64_t at_ms);

/* An HTTP answer ends the handshake: sends `answer`, then waits for the peer's end. */
void conn_answer(struct conn *conn, struct bytes answer);

/* The same with a refusal, which is counted and logged. `text` is static. */
void conn_refuse(struct conn *conn, int status, const char *text, enum edge_refusal refusal);

/* What such a refusal tells the client to wait: spread at random; 0 = nothing. */
unsigned conn_retry_after_s(const struct edge *edge, enum edge_refusal refusal);

/* PROXY becomes HANDSHAKE. */
void conn_enter_handshake(struct conn *conn);

/* HANDSHAKE becomes OPEN: sends the 101 answer. */
void conn_enter_open(struct conn *conn, struct bytes answer);

void conn_pause(struct conn *conn, enum conn_pause why);
void conn_resume(struct conn *conn, enum conn_pause why);

/* --- for the loop (edge.c) --- */

/* Its socket is ready, or it was woken (sockets.h); `owner` is the edge. */
void conn_on_ready(void *owner, slot_id id, unsigned what);

/* Outcome of writing (out_callbacks.on_written); `owner` is the edge. */
void conn_on_written(void *owner, struct out_queue *queue, enum out_result result);

/* Counts and reports the endings of this turn to the uplink; true when there were some. */
bool conn_report_ended(struct edge *edge);

/* Frees the dead. */
void conn_reap(struct edge *edge);

/* Closes the slowest readers while all output together is above --max-output-total; true when there
 * were some, whose close frames are to be flushed. */
bool conn_shed_output(struct edge *edge);

/* Closes the oldest unfinished openings while there are more than --max-handshakes. */
void conn_pending_limit(struct edge *edge);

/* At a full edge: closes the oldest unfinished opening if it is old enough to be no honest one.
 * True when there is room for one connection now. */
bool conn_pending_make_room(struct edge *edge);

/* Serves openings that wait for their turn, as many as one turn allows. True when there were some:
 * the turn is to be ended soon, since what they caused leaves then. */
bool conn_turns_run(struct edge *edge);

/* Openings that wait for their turn. */
size_t conn_turns_waiting(const struct edge *edge);

/* The router keeps up again: all connections paused for congestion read on. */
void conn_resume_congested(struct edge *edge);

/* --- between the files of conn --- */

/* Receives what one turn allows and acts on it. The connection is alive and not paused. */
void conn_read(struct conn *conn);
/* conn_turns.c: there may be input while in PROXY or HANDSHAKE; now or later it is read. */
void conn_turns_take(struct conn *conn);
/* conn_congestion.c: reading pauses until conn_resume_congested(). */
void conn_stop_for_congestion(struct conn *conn);

/* conn_pace.c: the connection is OPEN now. */
void conn_pace_start(struct conn *conn);
/* Charges frames and bytes (as received, and what they inflated to); above a rate reading pauses.
 */
void conn_pace_charge(struct conn *conn, uint64_t frames, uint64_t bytes);
/* Keeps `rest` of the input for when the pause is over; false when it is to be acted on now. */
bool conn_pace_hold(struct conn *conn, struct bytes rest);
/* Acts on the rest, which may hold a part of it again. */
void conn_pace_release(struct conn *conn);
/* Forgets the rest. */
void conn_pace_drop(struct conn *conn);
/* To be called now and then, every half hour at least: its time has 32 bits. */
void conn_pace_refresh(struct conn *conn);
/* True while frames come so fast that little shall be read at a time. */
bool conn_paced(const struct conn *conn);
/* When reading goes on, monotonic; UINT64_MAX when it is not paused for this. */
uint64_t conn_pace_due_ms(const struct conn *conn);

/* conn_pending.c: the list of those in PROXY and HANDSHAKE. */
void conn_pending_add(struct conn *conn);
void conn_pending_remove(struct conn *conn);
/* conn_proxy.c: input while in PROXY, and how much of it may be read now. */
void conn_proxy_input(struct conn *conn, uint8_t *data, size_t len);
size_t conn_proxy_wanted(const struct conn *conn);
/* conn_upgrade.c: input while in HANDSHAKE. `data` may be changed in place. */
void conn_upgrade_input(struct conn *conn, uint8_t *data, size_t len);
/* conn_message.c: input while OPEN or CLOSING. */
void conn_message_input(struct conn *conn, uint8_t *data, size_t len);
/* conn_deflate.c: takes from settled terms what --compression-memory does not allow. */
void conn_deflate_bound(struct edge *edge, struct ws_deflate_terms *terms);
/* The connection works by these terms from now on, to the end of its life. */
void conn_deflate_start(struct conn *conn, const struct ws_deflate_terms *terms);
void conn_deflate_end(struct conn *conn);
/* Closes those whose compressed messages are incomplete for longest until --compression-memory is
 * enough. */
void conn_deflate_shed(struct edge *edge);

#endif
