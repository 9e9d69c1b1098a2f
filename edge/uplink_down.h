/* Inside of the uplink: its state, shared between the link half (uplink.c), what a new router is
 * told (uplink_announce.c) and the half that acts upon the router's operations (uplink_down.c).
 * Nobody else includes this. */
#ifndef EDGE_UPLINK_DOWN_H
#define EDGE_UPLINK_DOWN_H

#include "common/buf.h"
#include "common/link.h"
#include "edge/groups.h"
#include "edge/uplink.h"
#include "edge/uplink_bans.h"
#include "edge/uplink_spent.h"
#include "proto/arena.h"
#include "proto/plane_wire.h"

/* A payload waiting to be joined with others of its group. */
struct uplink_pending {
    struct bytes payload;
    uint32_t last; /* in the first of a group */
    uint32_t next; /* index + 1, 0 = last */
    uint64_t due;  /* offset that a member without it lacks first */
};

/* Scratch of one down-batch: kept, so that the steady state allocates nothing. */
struct uplink_down {
    struct uplink_pending *pending;
    uint32_t pending_count;
    uint32_t pending_capacity;
    struct edge_group **touched; /* groups with pending payloads, in order of their first */
    uint32_t touched_count;
    uint32_t touched_capacity;
    struct bytes *payloads;
    uint32_t payload_capacity;
    uint32_t *slots; /* members that are given a delivery */
    uint32_t slot_capacity;
};

/* Commands that were answered, or are done without, while their frame is unfinished. */
struct uplink_answer {
    uint64_t first; /* numbers, one after the other */
    uint64_t last;
    uint64_t tag; /* of the newest frame then: its own or a later one */
    uint32_t slot;
    uint32_t gen;
};

struct uplink_answers {
    struct uplink_answer *items; /* oldest at `first` */
    uint32_t first;
    uint32_t count;
    uint32_t capacity;
};

/* What travels to the router's core and back. */
struct uplink_canary {
    bool supported; /* by the present router */
    bool waiting;   /* for `number` to come back */
    uint64_t number;
    uint64_t due_ms;  /* of the next one */
    uint64_t sent_us; /* this and the next by the shell's clock */
    uint64_t back_us; /* when the last one came back; 0 = never */
    uint64_t took_us; /* that one's way; 0 = there was none */
};

struct uplink {
    struct uplink_config config;
    struct uplink_callbacks callbacks;
    void *owner;
    uint64_t incarnation;
    uint64_t router_incarnation; /* of the router whose numbers the link has; 0 = none */
    enum uplink_state state;
    uint64_t state_since;
    struct link link;
    struct groups groups;
    struct plane_builder up;
    struct arena arena;
    struct buf scratch;
    struct uplink_down down;
    struct uplink_answers answers;
    struct uplink_canary canary;
    struct uplink_bans bans;
    struct uplink_spent spent;
    struct plane_op trace; /* asks about the next delivery, if it is the one; else zeros */
    uint64_t now_ms;       /* of this call */
    uint64_t tag;          /* of the newest sealed up-batch */
    struct edge_session *closed_first; /* closed, not finished by the router, in order */
    struct edge_session *closed_last;
    struct edge_session *unsealed; /* first one whose end is still in the up-batch */
    uint32_t *deferred;            /* slots whose end came from inside a callback */
    uint32_t deferred_count;
    uint32_t deferred_capacity;
    uint64_t hello_at;
    uint64_t welcome_wait_ms;
    uint64_t attempt; /* of the newest hello */
    bool hello_sent;
    bool reconnect;
    bool in_receive;
    bool draining;
    uint64_t drain_delay_ms;
    uint64_t others; /* number of the edges there are, as the router said; 0 = it did not */
    struct uplink_stats stats;
};

/* Acts upon one batch through the callbacks. */
void uplink_down_batch(struct uplink *uplink, const struct plane_batch *batch);
/* Gives a delivery to the members of the group, but not to those who lag (`always`: to these, too).
 * `due` is the offset that a member without it lacks first. */
void uplink_give(struct uplink *uplink, struct edge_group *group, struct uplink_delivery *delivery,
                 uint64_t due, bool always);
/* The same for one payload; the connection that `op` names is left out (gen 0: nobody). */
void uplink_give_but_one(struct uplink *uplink, struct edge_group *group, const struct plane_op *op,
                         uint64_t due);
/* Asks the router what the member of the lag is to be told. */
void uplink_ask_for_lag(struct uplink *uplink, struct lag *lag);
/* The group has begun another life: those who lag are told at once, however slowly they read, since
 * only the present router knows how the former life ended. */
void uplink_ask_for_former(struct uplink *uplink, const struct edge_group *group);

/* How many numbers before its own a delivery stands for as well: a gap of more than one. */
static inline uint64_t uplink_delivery_span(const struct plane_op *op)
{
    return op->gen != 0 ? 0 : op->slot == PLANE_SPAN_ALL ? UINT64_MAX : op->slot;
}

/* True for one that even those are given who lag. */
static inline bool uplink_delivery_always(const struct plane_op *op)
{
    return op->gen == 0 && op->b == 0 && op->slot == 1;
}

/* uplink_repair.c: a delivery that does not simply follow the one before it, in a group that has no
 * payload pending. */
void uplink_repair_deliver(struct uplink *uplink, struct edge_group *group,
                           const struct plane_op *op);
/* The router has delivered up to `offset`: when that is not here, something lacks. */
void uplink_repair_top(struct uplink *uplink, struct edge_group *group, uint64_t offset);
/* The link starts fresh, and everything was announced: what lacks comes with that. */
void uplink_repair_restart(struct uplink *uplink);
/* The router has said where the group stands, in the life that it had or another one, and perhaps
 * `again`: now that it has read the log. */
void uplink_repair_bound(struct uplink *uplink, struct edge_group *group, bool same_life,
                         bool again);
/* The link was away, and so was the answer. */
void uplink_repair_resumed(struct uplink *uplink);
/* Asks again, gives up. While the link is up. */
void uplink_repair_tick(struct uplink *uplink);

/* Acts upon OP_CATCH_UP. */
void uplink_catch_up(struct uplink *uplink, const struct edge_session *session,
                     const struct plane_op *op);
/* Hands encoded ticket keys out. */
void uplink_ticket_keys(struct uplink *uplink, struct bytes encoded);
/* uplink_answered.c: the router has answered these commands, or has done them; those whose frame is
 * finished are forgotten; a fresh router is not sent the others again. */
void uplink_answered(struct uplink *uplink, const struct plane_op *op, uint64_t first,
                     uint64_t last);
void uplink_answers_forget(struct uplink *uplink);
void uplink_answers_leave_out(struct uplink *uplink, struct link_queue *old);
void uplink_answers_fini(struct uplink_answers *answers);

/* uplink_truth.c: sends a canary when one is due; a fresh link with a router that gives them back
 * or does not; what was under way is lost with an incarnation; one is back. */
void uplink_canary_tick(struct uplink *uplink, uint64_t now_ms);
uint64_t uplink_canary_deadline(const struct uplink *uplink);
void uplink_canary_start(struct uplink *uplink, bool supported, uint64_t now_ms);
void uplink_canary_lost(struct uplink *uplink);
void uplink_canary_back(struct uplink *uplink, const struct plane_op *op);
/* Answers OP_DIGEST_ASK. */
void uplink_digest_ask(struct uplink *uplink, const struct plane_op *op);

/* uplink_report.c: answers OP_CONN_ASK. */
void uplink_conn_ask(struct uplink *uplink, const struct plane_op *op);
/* A delivery that is asked after is not given to anybody now: says so. */
void uplink_not_given(struct uplink *uplink, uint64_t trace, bool held_back);

/* Puts the announce into the link, which has just started fresh. */
void uplink_announce(struct uplink *uplink);
void uplink_down_fini(struct uplink_down *down);

/* A control frame: alive, and what has come. False when the transport has no router any more. */
bool uplink_speak(struct uplink *uplink, uint64_t now_ms);

#endif
