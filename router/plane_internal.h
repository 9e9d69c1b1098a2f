/* Inside of the plane: its state, shared by plane.c (links and time), plane_hello.c (edges come and
 * go), plane_pace.c, plane_up.c (what edges say), plane_down.c (what the core wants said),
 * plane_frames.c and plane_tickets.c. Nobody else includes this. */
#ifndef ROUTER_PLANE_INTERNAL_H
#define ROUTER_PLANE_INTERNAL_H

#include "common/buf.h"
#include "common/gcra.h"
#include "common/link.h"
#include "common/slotmap.h"
#include "common/strmap.h"
#include "common/u32map.h"
#include "proto/arena.h"
#include "proto/plane_wire.h"
#include "router/auth_cache.h"
#include "router/edges.h"
#include "router/plane.h"

/* A batch is sealed early, between frames, so that answers and the acknowledgement of what they
 * answer stay in one; what one frame causes may make it larger, up to HUGE. */
enum {
    PLANE_TAG_MASK = (1 << 20) - 1,
    PLANE_FENCED_MAX = 4096,
    PLANE_BATCH_BYTES_MAX = 4 * 1024 * 1024,
    PLANE_BATCH_BYTES_HUGE = 8 * 1024 * 1024
};

/* plane_truth.c: what is known of the edge's canaries, and the question it was asked. */
struct plane_truth {
    bool sends_canaries;
    bool answers;  /* questions, and is asked them */
    bool asked;    /* and has not answered yet */
    uint32_t slot; /* 0: all sums; else a bucket + 1 */
    uint64_t question;
    uint64_t due_ms;    /* of the next one */
    uint64_t canary_ms; /* when the last one came */
    uint64_t canary_us; /* how long one took there and back; 0 = not told yet */
};

/* plane_pace.c: an edge with much to be sent to it causes no more until it has taken that. */
struct plane_pace {
    bool held;                 /* since that passed the bound, until it is well below */
    struct plane_kept *oldest; /* frames that wait, in order; of the first a part may be done */
    struct plane_kept *newest;
    uint64_t kept_bytes;
    struct plane_judged *judged; /* verdicts on tokens that wait, oldest first */
    struct plane_judged **judged_end;
};

/* Commands of a connection, one after the other, that are done without an answer. */
struct plane_done {
    uint32_t slot;
    uint32_t gen;
    uint64_t first;
    uint64_t last;
};

/* One edge incarnation with its link. */
struct plane_edge {
    uint32_t index;    /* the core's number */
    struct bytes id;   /* owned */
    struct bytes peer; /* routing id, owned */
    struct bytes key;  /* of its newest hello, owned */
    uint64_t incarnation;
    struct link link;
    uint64_t up_since_ms;
    struct plane_builder out;
    uint64_t attempt;     /* of its newest hello */
    uint32_t tag;         /* tells it from the former one with its index, in causes */
    uint32_t *unfinished; /* per received and unfinished frame, a ring: how much of it waits */
    uint32_t frame_capacity;
    bool wants_done;
    bool keeps_rosters;      /* it knows OP_GROUP_ROSTER */
    struct plane_done *done; /* since a batch was sealed last */
    uint32_t done_count;
    uint32_t done_capacity;
    uint32_t capacity; /* client connections that it can hold, 0 = not known */
    bool told;         /* of its admissions, last so: */
    uint64_t told_rate;
    uint64_t told_others;
    struct u32map waiting; /* slot of a connection whose token is being checked -> its place */
    struct plane_truth truth;
    bool knows_bans;
    bool knows_spent;
    uint32_t rooms; /* announced since the link is fresh */
    uint32_t users;
    bool drains;  /* acts upon OP_DRAIN */
    bool reports; /* answers OP_CONN_ASK and OP_TRACE */
    struct plane_pace pace;
    bool goodbye; /* said that it ends: no grace for the link itself */
};

/* plane_reports.c: what edges are asked on behalf of people. */
struct plane_reports {
    uint64_t number; /* of the newest question */
    /* The message that the next DELIVER of this group is about; number 0 = none. */
    uint64_t trace;
    uint64_t group;
    uint64_t offset;
    struct gcra pinned; /* questions after deliveries */
    struct gcra sampled;
};

/* Keys for the edges' TLS tickets. */
struct plane_tickets {
    uint8_t current[PLANE_TICKET_KEY_BYTES];
    uint8_t previous[PLANE_TICKET_KEY_BYTES];
    bool has_previous;
    uint64_t drawn_ms;
    struct buf encoded;
};

struct router_plane {
    struct plane_config config;
    struct plane_callbacks callbacks;
    void *owner;
    struct engine *engine;
    struct router_core *core;
    uint64_t incarnation;
    struct strmap by_id;
    struct strmap by_peer;
    struct plane_edge **edges; /* by index, NULL = free */
    uint32_t edge_capacity;
    uint32_t edge_count;
    uint64_t fenced[PLANE_FENCED_MAX]; /* incarnations given up, ring */
    size_t fenced_next;
    uint64_t calls_pending;  /* of the engine */
    uint64_t calls_moved_ms; /* when the first of them was made, or the last one ended */
    uint32_t next_tag;
    bool engine_fenced;               /* somebody newer owns the data */
    uint64_t cause;                   /* what steps belong to: the frame that is being read, or 0 */
    const struct plane_edge *reading; /* its edge */
    bool batch_full;                  /* some edge's batch is to be sealed before the turn ends */
    bool batch_huge;                  /* and even before its frame is finished */
    bool heavy;                       /* some edge has been told much: is it to be held? */
    bool more;                        /* the core wants CORE_GO_ON */
    bool rereading;                   /* a frame that was kept: its canaries are answered */
    bool holding;                     /* said HOLD: deaf and mute from then on */
    struct arena arena;               /* of the frame being read */
    struct buf scratch;               /* names of the command being read */
    struct buf token_scratch;
    struct slotmap waiting; /* connections whose token is being checked */
    struct auth_cache *auth_cache;
    const struct auth_verdict *verdict; /* for the operation that is done now and had waited */
    struct buf push;                    /* the push being written */
    struct plane_tickets tickets;
    struct plane_reports reports;
    const struct plane_sender *sender; /* of the frame being read */
    uint64_t admission_due_ms;
    uint64_t wall_ms; /* of this call */
    uint64_t now_ms;
    struct plane_stats stats;
};

/* Steps the core, applies the effects, and goes on with what the engine completed. */
void plane_step(struct router_plane *plane, struct core_event *event);

/* The same without what the engine completed. */
void plane_step_once(struct router_plane *plane, struct core_event *event);

/* Applies effects to the edges' batches. */
void plane_apply(struct router_plane *plane, const struct core_effects *effects);

/* Acts upon one up-batch of an edge from `cursor` on, until its end or until the edge is held.
 * False: the batch is impossible, the edge must be given up. */
bool plane_up_batch(struct router_plane *plane, struct plane_edge *edge,
                    const struct plane_batch *batch, struct plane_cursor *cursor);

/* One operation of it; `cause` is set. */
bool plane_up_op(struct router_plane *plane, struct plane_edge *edge, const struct plane_op *op);

/* Whose is the token of this operation? False: that takes a while, and the operation comes again
 * when it is known. */
bool plane_verify(struct router_plane *plane, struct plane_edge *edge, const struct plane_op *op,
                  struct bytes token, struct auth_verdict *ret_verdict);
/* True when the operation is done with for now because its connection waits for a verdict. */
bool plane_verify_parks(struct router_plane *plane, struct plane_edge *edge,
                        const struct plane_op *op);
/* The verdict on `waiting` (NULL: it was used, the rest is to run). May give the edge up. */
void plane_verify_go_on(struct router_plane *plane, uint64_t waiting, struct auth_job *job);
/* Nobody waits any more. */
void plane_verify_drop_edge(struct router_plane *plane, struct plane_edge *edge);

/* The edge said what cannot be: it must come back as new. Frees it. */
void plane_give_up(struct router_plane *plane, struct plane_edge *edge, const char *text);

/* A data frame that is news: acts upon it, or keeps it or the rest of it. May give the edge up. */
void plane_pace_take(struct router_plane *plane, struct plane_edge *edge,
                     const struct plane_frame *frame, struct bytes message);
/* Keeps a verdict for as long as the edge is held: the job is taken. `waiting` is its connection's
 * number among those that wait; NULL: the verdict was used already and the rest is to run. */
void plane_pace_keep_verdict(struct plane_edge *edge, uint64_t waiting, struct auth_job *job);
/* Something was put into the edge's batch. */
void plane_pace_note(struct router_plane *plane, const struct plane_edge *edge);
/* After a step that noted much. */
void plane_pace_hold(struct router_plane *plane);
/* Once in a turn, before batches are sealed: goes on with what may run now. May give edges up. */
void plane_pace_go_on(struct router_plane *plane);
/* True when the next turn is to come at once, since something may go on. */
bool plane_pace_due(const struct router_plane *plane);
void plane_pace_drop_edge(struct plane_edge *edge);

/* Moves the edge's batch into its link. */
void plane_seal(struct plane_edge *edge);

/* Hands a message to the transport; false when it is not taken. */
bool plane_transmit(struct router_plane *plane, struct bytes peer, struct bytes header,
                    struct bytes body);
/* Sends what the edge's link lets go. */
void plane_pump(struct router_plane *plane, struct plane_edge *edge);

/* Acts upon a hello from the socket `peer`. */
void plane_receive_hello(struct router_plane *plane, struct bytes peer,
                         const struct plane_greeting *hello);
/* True when the sender of this frame may be that edge. */
bool plane_sender_may_be(const struct router_plane *plane, struct bytes edge_id);

/* Gives the edge's incarnation up for good: it may come back as new only. Frees the edge. */
void plane_drop_edge(struct router_plane *plane, struct plane_edge *edge, enum plane_edge_event why,
                     const char *text);
void plane_edge_free(struct plane_edge *edge);

/* Takes what the engine has completed into the core. */
void plane_poll(struct router_plane *plane);

/* A frame was received from the edge: it is finished once nothing of it is held. It is until all of
 * it was read. */
void plane_frame_begin(struct router_plane *plane, struct plane_edge *edge);
/* Something of the frame waits, or does no more. Harmless when its edge is gone. */
void plane_frame_hold(struct router_plane *plane, uint64_t cause, bool hold);
/* A command is done, and nothing will tell the edge. */
void plane_frames_note_done(struct plane_edge *edge, uint32_t slot, uint32_t gen, uint64_t number);
/* Before a batch is sealed, after link_finish(): tells the edge of such commands, unless the
 * acknowledgement does. */
void plane_frames_tell_done(struct plane_edge *edge);
/* Newest frame up to which all are finished. */
uint64_t plane_frames_finished(struct plane_edge *edge);

/* Seals the batches that have become large; between frames. */
void plane_seal_full(struct router_plane *plane);

void plane_tickets_init(struct router_plane *plane, uint64_t now_ms);
void plane_tickets_fini(struct router_plane *plane);
/* The keys as they are now, encoded; empty when there are none. Valid until the next call. */
struct bytes plane_tickets_encode(struct router_plane *plane);
/* Draws new keys when it is time, and puts them into every edge's batch. */
void plane_tickets_tick(struct router_plane *plane);
uint64_t plane_tickets_deadline(const struct router_plane *plane);

/* plane_bans.c: those of the store into the core; one to the store; one to all edges; all to an
 * edge whose link starts fresh, with the features it named. */
void plane_bans_load(struct router_plane *plane);
void plane_bans_keep(struct router_plane *plane, const struct core_effect *effect);
void plane_bans_tell(struct router_plane *plane, const struct core_effect *effect);
void plane_bans_start(struct router_plane *plane, struct plane_edge *edge, uint32_t features);
/* Tells edges how many new clients they may take, once a second, or soon after a change. */
void plane_admission_tick(struct router_plane *plane);
void plane_admission_soon(struct router_plane *plane);
uint64_t plane_admission_deadline(const struct router_plane *plane);

/* A fresh edge, with the features it named. */
void plane_truth_init(struct router_plane *plane, struct plane_edge *edge, uint32_t features);
/* What was in the link's queue is gone: a question, too. */
void plane_truth_forget(struct plane_edge *edge);
void plane_truth_tick(struct router_plane *plane);
uint64_t plane_truth_deadline(const struct router_plane *plane);
/* OP_CANARY, and its way back. */
void plane_truth_canary(struct router_plane *plane, struct plane_edge *edge,
                        const struct plane_op *op);
void plane_truth_back(struct router_plane *plane, struct plane_edge *edge,
                      const struct core_effect *effect);
/* OP_DIGEST. False when it is impossible. */
bool plane_truth_answer(struct router_plane *plane, struct plane_edge *edge,
                        const struct plane_op *op);

/* CORE_TAPPED: to whom it concerns; maybe the edges are to be asked. */
void plane_reports_tapped(struct router_plane *plane, const struct core_tapped *tapped);
/* Before a delivery is said to the edge: asks about it if it is the one. */
void plane_reports_ask(struct router_plane *plane, struct plane_edge *edge,
                       const struct core_effect *deliver);
/* OP_CONN_STATE, OP_TRACED. False when it is impossible. */
bool plane_reports_state(struct router_plane *plane, const struct plane_edge *edge,
                         const struct plane_op *op);
bool plane_reports_traced(struct router_plane *plane, const struct plane_edge *edge,
                          const struct plane_op *op);

/* Puts an operation into the edge's batch. */
void plane_say(struct router_plane *plane, struct plane_edge *edge, const struct plane_op *op);
/* Puts a CLOSE for a connection into its edge's batch. */
void plane_close_conn(struct plane_edge *edge, uint32_t slot, uint32_t gen, uint16_t code,
                      struct bytes text);

#endif
