/* Frames and batches of plane.proto as plain structs, the same for both ends: the only code of the
 * daemons' data path that knows protobuf-c. Pure. */
#ifndef PROTO_PLANE_WIRE_H
#define PROTO_PLANE_WIRE_H

#include "common/buf.h"
#include "common/bytes.h"
#include "common/spares.h"
#include "proto/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PLANE_VERSION = 1, PLANE_FRAME_BYTES_MAX = 128 * 1024 * 1024, PLANE_SLOTS_MAX = 1 << 24 };

/* Numbers on the wire: never changed, never used again. */
enum plane_op_kind {
    /* edge to router */
    OP_OPEN = 1,           /* slot gen, bytes Open */
    OP_TEXT = 2,           /* slot gen, a = number of the message on its connection, b = when it
                                      came, by the edge's clock in ms (0 = untold), bytes payload */
    OP_BINARY = 3,         /* as TEXT */
    OP_CLOSED = 4,         /* slot gen, bytes Closed */
    OP_ANNOUNCE_GROUP = 5, /* a = local number, b = last offset that members have,
                              slot gen = newest offset known of, low and high half, bytes group
                              record */
    OP_ANNOUNCE_CONN = 6,  /* slot gen, bytes AnnounceConn */
    OP_ANNOUNCE_END = 7, /* a = number of the edges (ADMISSION) as last told, 0 = never; b = client
                            connections that it can hold, 0 = untold */
    OP_DRAINING = 8,     /* a = delay in ms after which moved clients come back */
    OP_GOODBYE = 9,
    OP_LAGGING = 10, /* slot gen, a = first offset that may be left out, b = token, bytes group
                         record as the connection knows it, with `newest` of a life that is over */
    OP_CANARY =
        11, /* a = number; comes back. b = how long the last one took, in µs, 0 = none yet */
    OP_DIGEST = 12, /* a = of the question; slot = 0: bytes Digest; slot = bucket + 1: bytes
                       DigestListing */
    OP_REPAIR = 13, /* a = first, b = last offset that lacks, bytes group record; answered with
                        DELIVER to this edge alone */
    OP_ANNOUNCE_UNSURE = 14, /* a = local number of a group that was announced: somebody in it was
                                in grace (PLANE_GROUP_UNSURE) as far as the former router said */
    OP_CONN_STATE = 15,      /* slot gen, a = number of the question, bytes ConnState or nothing */
    OP_TRACED = 16,          /* a = number of the question, bytes Hop */
    OP_ANNOUNCE_SPENT = 17,  /* what is left of SPENT by now, after the connections */
    OP_ANNOUNCE_ROSTER = 18, /* a = local number of a group that was announced, b = GROUP_ROSTER as
                                its members were told by former routers */
    /* router to edge */
    OP_ACCEPT = 20, /* slot gen, bytes session record */
    OP_SEND = 21,   /* slot gen, bytes payload, a = 1 for binary */
    OP_DELIVER =
        22, /* a = group, b = offset or 0, slot gen = left out, bytes payload. gen 0 = nobody
                 is; then slot with an offset: numbers before it that this stands for as well
                 (PLANE_SPAN_ALL: all of them), without: 1 = also to members who lag */
    OP_GROUP_ADD = 23,    /* slot gen, a = group, b = offset, bytes group record or nothing */
    OP_GROUP_REMOVE = 24, /* slot gen, a = group */
    OP_GROUP_BIND = 25,  /* slot = local number, a = group (0 = forget), b = offset, bytes record */
    OP_CLOSE = 26,       /* slot gen, a = code, bytes text */
    OP_TICKET_KEYS = 27, /* bytes TicketKeys */
    OP_GROUP_POLICY = 28, /* a = group, b = bits of enum plane_group_policy; 0 after ADD with a
                             record and after BIND */
    OP_CATCH_UP = 29,    /* slot gen, a = token of LAGGING, b = 1 when that is all, bytes payload or
                              nothing */
    OP_ADMISSION = 30,   /* a = new clients per second at this edge, slot = at all edges (0 = no
                            limit), b = number that stands for the edges there are, 0 = as before */
    OP_CANARY_BACK = 31, /* a = number */
    OP_DIGEST_ASK = 32,  /* a = number of the question; slot as in the answer */
    OP_GROUP_TOP = 33,   /* a = group, b = newest offset delivered */
    OP_DONE = 34,        /* slot gen, a = first, b = last number of TEXTs that are done although
                            nothing answers them and their frame is not finished */
    OP_BAN = 35,         /* bytes = addresses to turn away: 16 bytes (IPv4 mapped) and a prefix
                            length; a = for how many ms, 0 = until OP_UNBAN. slot = 1: those known
                            before are forgotten first; then there may be no bytes */
    OP_UNBAN = 36,       /* bytes as in BAN */
    OP_DRAIN = 37,       /* the edge is to drain and to end, as with SIGTERM */
    OP_CONN_ASK = 38,    /* slot gen, a = number of the question, b = group (0 = none) */
    OP_TRACE = 39,       /* a = number of the question, b = offset, slot gen = group, low and high
                            half: how the next operation, the DELIVER of these, goes on its way.
                            Answered once, some time later, or never */
    OP_SPENT = 40,       /* bytes user; a, b = ms until what its messages, its bytes took of its
                            limits is paid back. Goes back as ANNOUNCE_SPENT, to the next router */
    OP_GROUP_ROSTER = 41 /* a = group, b = number that stands for what its members were told of
                             who is there; with slot = 1 it changes by b (exclusive or) */
};

/* Known, and not the edge's to say. */
static inline bool plane_op_is_of_router(enum plane_op_kind kind)
{
    return kind >= OP_ACCEPT && kind <= OP_GROUP_ROSTER;
}

enum { PLANE_NET_BYTES = 17 };

#define PLANE_SPAN_ALL UINT32_MAX

/* Numbers on the wire, too. */
enum plane_group_policy {
    PLANE_GROUP_DROPPABLE = 1, /* deliveries may be left out for who reads too slowly */
    PLANE_GROUP_UNSURE = 2 /* somebody in it is in grace: a router that does not know them has to
                              tell the others. Goes back as ANNOUNCE_UNSURE */
};

/* What one end may ask of the other only if that said so in its greeting; bits on the wire. */
enum plane_feature {
    PLANE_FEATURE_CANARY = 1,   /* HELLO: the edge sends canaries. WELCOME: they come back */
    PLANE_FEATURE_DIGEST = 2,   /* HELLO: the edge answers OP_DIGEST_ASK */
    PLANE_FEATURE_DONE = 4,     /* HELLO: the edge wants OP_DONE */
    PLANE_FEATURE_DRAIN = 16,   /* HELLO: the edge acts upon OP_DRAIN */
    PLANE_FEATURE_BANS = 32,    /* HELLO: the edge knows OP_BAN and OP_UNBAN */
    PLANE_FEATURE_REPORTS = 64, /* HELLO: the edge answers OP_CONN_ASK and OP_TRACE */
    PLANE_FEATURE_SPENT = 128,  /* HELLO: the edge knows OP_SPENT */
    PLANE_FEATURE_ROSTER = 256  /* HELLO: the edge knows OP_GROUP_ROSTER */
};

struct plane_op {
    enum plane_op_kind kind;
    uint32_t slot;
    uint32_t gen;
    uint64_t a;
    uint64_t b;
    struct bytes bytes;
};

enum plane_frame_kind {
    PLANE_FRAME_DATA, /* seq != 0, batch */
    PLANE_FRAME_ACK,
    PLANE_FRAME_HELLO,
    PLANE_FRAME_WELCOME,
    PLANE_FRAME_REFUSE,
    PLANE_FRAME_RESET,
    PLANE_FRAME_HOLD
};

enum plane_refusal {
    PLANE_REFUSE_UNKNOWN = 0,
    PLANE_REFUSE_VERSION = 1,
    PLANE_REFUSE_FENCED = 2,
    PLANE_REFUSE_BAD_HELLO = 3,
    PLANE_REFUSE_LIMIT = 4
};

/* HELLO and WELCOME share the struct; `id` is the speaker's. */
struct plane_greeting {
    uint32_t version;
    struct bytes id;
    uint64_t edge_incarnation;   /* HELLO */
    uint64_t attempt;            /* HELLO: grows with each one */
    uint64_t clock_ms;           /* HELLO: the edge's monotonic clock, 0 = untold */
    uint64_t router_incarnation; /* HELLO: the one we had; WELCOME: the router's own */
    bool resumed;                /* WELCOME */
    uint64_t received;
    uint64_t credit;
    uint32_t heartbeat_ms; /* WELCOME */
    uint32_t suspect_ms;
    uint32_t dead_ms;
    struct bytes ticket_keys; /* WELCOME: TicketKeys, empty = none */
    uint32_t features;        /* bits of enum plane_feature */
    struct bytes build;
};

struct plane_batch {
    const uint32_t *op;
    const uint32_t *slot;
    const uint32_t *gen;
    const uint64_t *a;
    const uint64_t *b;
    const uint32_t *len;
    size_t count;
    struct bytes blob;
};

struct plane_frame {
    enum plane_frame_kind kind;
    uint64_t seq;
    uint64_t sent; /* not DATA: newest seq that went before */
    uint64_t ack;
    struct plane_greeting greeting; /* HELLO, WELCOME */
    enum plane_refusal refusal;     /* REFUSE */
    struct bytes text;              /* REFUSE */
    uint32_t version;               /* REFUSE: the refuser's */
    uint64_t router_incarnation;    /* RESET */
    struct plane_batch batch;       /* DATA: arrays of one length, lens add up to the blob */
};

/* Reads one message. Views live in the arena until its reset. False when it is not a frame, or one
 * that contradicts itself. */
bool plane_frame_read(struct arena *arena, struct bytes message, struct plane_frame *ret_frame);

/* Reads a body from plane_builder_take again. */
bool plane_body_read(struct arena *arena, struct bytes body, struct plane_batch *ret_batch);

/* The operation at *cursor (start with zeroes); false at the end. Kinds we do not know are given as
 * they are: the reader skips and counts them. */
struct plane_cursor {
    size_t index;
    size_t offset;
};
bool plane_batch_next(const struct plane_batch *batch, struct plane_cursor *cursor,
                      struct plane_op *ret_op);

/* Header of a data frame; a body from plane_builder_take follows. */
enum { PLANE_HEADER_MAX = 32 };
size_t plane_header_write(uint8_t out[PLANE_HEADER_MAX], uint64_t seq, uint64_t ack);

/* A whole frame that only acknowledges: the heartbeat. Never empty. */
size_t plane_ack_write(uint8_t out[PLANE_HEADER_MAX], uint64_t sent, uint64_t ack);

/* Whole control frames, appended. */
void plane_hello_write(const struct plane_greeting *hello, struct buf *out);
void plane_welcome_write(const struct plane_greeting *welcome, struct buf *out);
void plane_refuse_write(enum plane_refusal refusal, const char *text, struct buf *out);
void plane_reset_write(uint64_t router_incarnation, struct buf *out);
void plane_hold_write(uint64_t sent, uint64_t ack, struct buf *out);

/* A batch being filled. */
struct plane_builder {
    uint32_t *op;
    uint32_t *slot;
    uint32_t *gen;
    uint64_t *a;
    uint64_t *b;
    uint32_t *len;
    size_t count;
    size_t capacity;
    struct buf blob;
    struct spares *spares;
};

/* `spares`: where bodies come from, or NULL; kept, and outlives the builder. */
void plane_builder_init(struct plane_builder *builder, struct spares *spares);
void plane_builder_fini(struct plane_builder *builder);
/* Copies op->bytes. */
void plane_builder_add(struct plane_builder *builder, const struct plane_op *op);
/* Gives its memory back if it is empty: for quiet moments. */
void plane_builder_trim(struct plane_builder *builder);
/* The encoded body, from spares_take() and owned by the caller; the builder is empty afterwards. */
uint8_t *plane_builder_take(struct plane_builder *builder, size_t *ret_len);
/* Bytes that the batch holds so far, roughly as on the wire. */
static inline size_t plane_builder_bytes(const struct plane_builder *builder)
{
    return builder->blob.len + builder->count * 8;
}

struct plane_open {
    struct bytes token;
    uint32_t token_source;
    struct bytes subprotocol;
    struct bytes address;
    struct bytes agent;
    uint64_t connected_at_ms;
};
void plane_open_write(const struct plane_open *open, struct buf *out);
bool plane_open_read(struct arena *arena, struct bytes bytes, struct plane_open *ret_open);

struct plane_closed {
    uint32_t code;
    bool clean;
    struct bytes reason;
};
void plane_closed_write(const struct plane_closed *closed, struct buf *out);
bool plane_closed_read(struct arena *arena, struct bytes bytes, struct plane_closed *ret_closed);

enum { PLANE_TICKET_KEY_BYTES = 16 + 32 + 32 };
struct plane_ticket_keys {
    struct bytes current;  /* PLANE_TICKET_KEY_BYTES */
    struct bytes previous; /* the same, or empty */
    uint32_t age_ms;
};
void plane_ticket_keys_write(const struct plane_ticket_keys *keys, struct buf *out);
/* False also when a key has another length. */
bool plane_ticket_keys_read(struct arena *arena, struct bytes bytes,
                            struct plane_ticket_keys *ret_keys);

struct plane_session_record {
    struct bytes user;
    struct bytes address;
    struct bytes agent;
    struct bytes rights;
    uint64_t connected_at_ms;
    uint64_t expires_at_ms;
    uint32_t encoding;
};
void plane_session_record_write(const struct plane_session_record *record, struct buf *out);
bool plane_session_record_read(struct arena *arena, struct bytes bytes,
                               struct plane_session_record *ret_record);

struct plane_group_record {
    uint32_t kind;
    struct bytes name;
    uint64_t epoch;
    uint64_t newest; /* of that life, as an edge knows; 0 = untold */
};
void plane_group_record_write(const struct plane_group_record *record, struct buf *out);
/* The record, which is opaque, with `newest` (not 0) behind it. */
void plane_group_record_with_newest(struct bytes record, uint64_t newest, struct buf *out);
bool plane_group_record_read(struct arena *arena, struct bytes bytes,
                             struct plane_group_record *ret_record);

struct plane_announce_conn {
    struct bytes record;
    const uint32_t *locals;
    size_t local_count;
};
void plane_announce_conn_write(const struct plane_announce_conn *announce, struct buf *out);
bool plane_announce_conn_read(struct arena *arena, struct bytes bytes,
                              struct plane_announce_conn *ret_announce);

#endif
