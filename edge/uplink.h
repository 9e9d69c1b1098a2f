/* What the edge knows of the planes, pure: the link to the router, the session record of each
 * connection, the groups with their local members, and what was sent up but is not finished yet.
 * From this memory a new router rebuilds itself: on a fresh link everything is announced, then what
 * was not acknowledged is sent again, in order and before anything new. The shell owns sockets and
 * feeds events; the uplink answers through the callbacks. Knows no payload, room or policy.
 *
 * A connection is (slot, gen): a small dense index that is used again, and its generation. */
#ifndef EDGE_UPLINK_H
#define EDGE_UPLINK_H

#include "common/address.h"
#include "common/bytes.h"
#include "common/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plane_conn_state; /* proto/plane_reports.h */
struct plane_hop;
struct plane_ticket_keys; /* proto/plane_wire.h */
struct uplink;

enum uplink_state {
    UPLINK_DOWN, /* no router; messages are held */
    UPLINK_UP
};

/* Several messages for the same connections, in order: frame them into one shared buffer. */
struct uplink_delivery {
    const uint32_t *slots;
    size_t slot_count;
    uint32_t except; /* this slot is left out; UINT32_MAX = none */
    bool binary;
    const struct bytes *payloads;
    size_t payload_count;
    uint64_t trace; /* not 0: uplink_traced is to be called with it, once */
};

struct uplink_callbacks {
    /* Hands header+body to the transport as one message. AGAIN or UNREACHABLE: kept and tried again
     * at the next flush. */
    enum status (*transmit)(void *owner, struct bytes header, struct bytes body);
    /* Drop the socket with all that is queued in it and open a fresh one to the router. Called only
     * from uplink_tick and uplink_flush, so never inside the transport's own callback. */
    void (*reconnect)(void *owner);
    void (*send)(void *owner, uint32_t slot, struct bytes payload, bool binary);
    void (*deliver)(void *owner, const struct uplink_delivery *delivery);
    /* True when the connection reads too slowly to be given more of what may be left out. From then
     * on the shell watches it, and calls uplink_caught_up once it has read. */
    bool (*is_slow)(void *owner, uint32_t slot);
    /* The router wants the connection closed with this code, after what was sent before. The shell
     * reports the end with uplink_closed as for every other. */
    void (*close)(void *owner, uint32_t slot, uint16_t code, struct bytes text);
    void (*on_state)(void *owner, enum uplink_state state);
    /* The router gave this edge's users away while it was silent: close every connection (reason
     * FENCED). The uplink has drawn a new incarnation from `random` and starts anew. */
    void (*fenced)(void *owner);
    /* The router refuses us for good (protocol version, edge id in use); text for the log. */
    void (*refused)(void *owner, struct bytes text);
    /* What the router wants TLS tickets sealed with from now on. Again at each welcome, known or
     * not; never from a router that has none. Views end with the call. */
    void (*on_ticket_keys)(void *owner, const struct plane_ticket_keys *keys);
    /* How many new clients per second this edge may take, and all edges together; 0 = no limit. */
    void (*on_admission)(void *owner, uint64_t rate, uint64_t cluster_rate);
    /* A canary came back after `took_us`. */
    void (*on_canary)(void *owner, uint64_t took_us);
    /* Monotonic microseconds, for what canaries take; of the same clock as the now_ms given. */
    uint64_t (*clock_us)(void *owner);
    /* An operator wants this edge to drain. May call uplink_drain. NULL: the router is told that it
     * cannot. */
    void (*drain)(void *owner);
    /* What the shell knows of an open connection; false: it is none. The group's part of the state
     * is the uplink's. NULL: the router is told that this edge reports nothing, neither this nor
     * the way of messages. */
    bool (*conn_state)(void *owner, uint32_t slot, struct plane_conn_state *ret_state);
    /* 64 random bits. */
    uint64_t (*random)(void *owner);
};

struct uplink_config {
    struct bytes edge_id;      /* copied */
    uint64_t hold_bytes_max;   /* --hold-buffer */
    uint64_t credit_bytes;     /* what the router may have on the way to us */
    uint64_t repair_bytes_max; /* held back in all, while something before it lacks */
    uint64_t repair_ms;        /* and as long; beyond either the members are told what they lack */
    uint32_t slots_max;        /* number of connection slots */
    uint64_t canary_ms; /* from one canary to the next; 0 = none, and clock_us is not called */
};

struct uplink_open {
    struct bytes token;
    uint8_t token_source; /* enum ws_token_source */
    struct bytes subprotocol;
    struct bytes address; /* text form of the client's address */
    struct bytes agent;
    uint64_t connected_at_ms; /* wall clock */
};

struct uplink *uplink_new(const struct uplink_config *config,
                          const struct uplink_callbacks *callbacks, void *owner, uint64_t now_ms);
void uplink_free(struct uplink **uplink);

/* A handshake was completed. The slot must not be open already. */
void uplink_opened(struct uplink *uplink, uint32_t slot, uint32_t gen,
                   const struct uplink_open *open);

/* A message of an open connection, come at `now_ms`: rates are judged by when clients spoke, not by
 * when a router had time. LIMIT: the hold buffer is full; the message was dropped and the client
 * must be told `unavailable`. */
enum status uplink_message(struct uplink *uplink, uint32_t slot, struct bytes payload, bool binary,
                           uint64_t now_ms) MUST_CHECK;

/* The connection is gone. `code` is the close code that passed (0 = none), `clean` true when the
 * client itself closed with a close frame; `reason` the metric label. The slot may be opened again
 * with another generation at once. */
void uplink_closed(struct uplink *uplink, uint32_t slot, uint16_t code, bool clean,
                   struct bytes reason);

/* A connection that is_slow was true for has read what waited: it shall be told what was left out.
 * Not from inside a callback of the uplink. */
void uplink_caught_up(struct uplink *uplink, uint32_t slot);

/* One message from the transport. */
void uplink_receive(struct uplink *uplink, struct bytes frame, uint64_t now_ms);

/* Sends what this loop turn produced, as far as credit and transport allow. Once per turn. */
void uplink_flush(struct uplink *uplink, uint64_t now_ms);

/* Heartbeats, liveness, hello. Call at or before uplink_deadline(). */
void uplink_tick(struct uplink *uplink, uint64_t now_ms);
uint64_t uplink_deadline(const struct uplink *uplink);

/* In a long turn now and then: a heartbeat if one is due, and nothing else. Not from inside a
 * callback. */
void uplink_alive(struct uplink *uplink, uint64_t now_ms);

enum uplink_state uplink_state(const struct uplink *uplink);
/* Monotonic time since when the state is what it is. */
uint64_t uplink_state_since(const struct uplink *uplink);

/* True when no canary has come back for longer than `timeout_ms`, or none ever. Never of a router
 * that does not give them back. */
bool uplink_canary_overdue(const struct uplink *uplink, uint64_t now_ms, uint64_t timeout_ms);

/* True when the router wants whoever comes from this address turned away, as far as it has said. */
bool uplink_is_banned(const struct uplink *uplink, const struct address *address, uint64_t now_ms);

/* True while the router leaves our messages unfinished up to the credit: stop reading sockets. */
bool uplink_congested(const struct uplink *uplink);

/* How the delivery with this number (uplink_delivery.trace) went. Flush afterwards. */
void uplink_traced(struct uplink *uplink, uint64_t trace, const struct plane_hop *hop);

/* Tells the router that this edge is draining: its clients will come back elsewhere within
 * `delay_ms`, which lengthens their grace. */
void uplink_drain(struct uplink *uplink, uint64_t delay_ms);
/* Tells the router that this edge ends now; flush afterwards. */
void uplink_goodbye(struct uplink *uplink);
/* True when everything sent up is finished by the router. */
bool uplink_idle(const struct uplink *uplink);

struct uplink_stats {
    uint64_t held_bytes; /* not acknowledged by the router */
    uint64_t held_frames;
    uint64_t resumes;          /* link sessions taken up again without loss */
    uint64_t fresh_sessions;   /* with announce */
    uint64_t holes;            /* sequence holes seen */
    uint64_t bad_frames;       /* undecodable or impossible frames from the router */
    uint64_t unknown_groups;   /* deliveries for groups we do not have */
    uint64_t offset_holes;     /* times that a delivery did not follow the one before it */
    uint64_t repairs_asked;    /* of the router, for what lacked */
    uint64_t repaired;         /* holes that were closed */
    uint64_t repairs_given_up; /* members were told what they lack instead */
    uint64_t held_back;        /* deliveries that waited for what goes before them */
    uint64_t held_back_bytes;  /* and do now */
    uint64_t repeated;         /* deliveries that came twice: nobody gets them twice */
    uint64_t left_out;         /* deliveries not given to slow readers, per recipient */
    uint32_t lagging;          /* members for whom that is so now */
    uint64_t up_messages;
    uint64_t down_ops;
    uint32_t groups;
    uint32_t bans;         /* address ranges */
    uint64_t memory_bytes; /* records, groups and membership, estimated from sizes */
    uint64_t router_incarnation;
};
void uplink_stats(const struct uplink *uplink, struct uplink_stats *ret_stats);

/* Gives back what large batches took: for quiet moments. */
void uplink_trim(struct uplink *uplink);

#endif
