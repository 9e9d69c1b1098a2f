/* One simulated cluster: real uplinks, one real plane with core, front-end and engine, a virtual
 * network, and clients that say and hear real JSON. One seed is one history. README.md lists what
 * must hold and which broken product each rule catches.
 *
 *   world.c     steps, faults
 *   sim_edge.c  edges: the uplink with its callbacks, draining, closing
 *   sim_router.c  the router: the plane with its callbacks, death, kicks
 *   client.c    what clients do
 *   hear.c      what they hear, and whether it may be so
 *   book.c      which message stood where, over all clients (the rules: tests/judge)
 *   disk.c      the store that outlives routers, slow and with faults
 *   truth.c     who is really there, and since when not: the measure for presence
 *   corrupt.c   records that vanish or appear by themselves, and whether that is found
 *   flood.c   more is asked for than may wait for an edge
 *   skip.c    deliveries that miss an edge where the link cannot tell
 *   bans.c      banned address ranges, at router and edges
 *   reports.c   what edges are asked about connections and deliveries
 *   verify.c    tokens whose check takes a while
 *   final.c     what must be true when all is quiet */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include "common/buf.h"
#include "edge/uplink.h"
#include "router/core.h"
#include "router/plane.h"
#include "tests/judge/judge_book.h"
#include "tests/sim/net.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    EDGES = 3,
    CLIENTS = 14,
    USERS = 8,
    ROOMS = 4,
    PENDING_MAX = 64,
    RETRIES_MAX = 8,
    GRACE_MS = 5000,
    MASS_GRACE_MS = 13000,
    MASS_SPREAD_MS = 2000,
    MASS_MIN = 3,
    CONNECT_RATE = 1000,
    REBUILD_MS = 5000,
    BEAT_MS = 500,
    DEAD_MS = 3000,
    CANARY_MS = 700,
    CANARY_TIMEOUT_MS = 3000,
    DIGEST_MS = 100,
    DIGEST_SELDOM_MS = 1000,
    WHISPERS_MAX = 1 << 14 /* in one history */
};

enum fault_set {
    FAULTS_NONE = 0,
    FAULTS_ROUTER = 1,    /* kill and stop */
    FAULTS_NETWORK = 2,   /* single losses, cuts in both and in one direction */
    FAULTS_EDGE = 4,      /* kill, pause, drain */
    FAULTS_REGISTRY = 16, /* records of edges and router go wrong; alone, and without kicks */
    FAULTS_DISK = 8, /* appends and loads fail or may have failed, the disk is full for a while */
    FAULTS_ALL = FAULTS_ROUTER | FAULTS_NETWORK | FAULTS_EDGE | FAULTS_DISK /* but for REGISTRY */
};

/* That a user is away is not held against a router that forgets users at once: one whom a late edge
 * still has comes back without a word. */
enum sim_known { KNOWN_NOT, KNOWN_PRESENT, KNOWN_ABSENT };

struct sim_room_view {
    bool joined;
    uint64_t epoch;
    uint64_t last_offset;
    enum sim_known users[USERS]; /* as told in this router life */
    uint32_t said_by_former; /* bits of users: what is known of them is the last router\'s word */
    bool has_past;           /* was in it on a former connection, up to here: */
    uint64_t past_epoch;
    uint64_t past_offset;
    uint64_t former_epoch; /* of the life before, by an epoch push, and how far it was heard */
    uint64_t former_offset;
};

struct sim_pending {
    uint64_t id;
    enum command_kind kind;
    uint32_t room; /* WATCH, UNWATCH, DIRECT_MESSAGE: user */
    uint64_t payload;
    bool keyed;
    bool again; /* it was sent before, on another connection */
    bool since; /* JOIN: asked to recover */
    uint64_t said_ms;
};

/* A message that was sent with a key and not answered before the connection was lost. */
struct sim_retry {
    uint32_t room;
    uint64_t payload;
};

struct sim_watch {
    bool watching;
    enum sim_known known;
    uint64_t life; /* of the router that told it */
};

struct sim_client {
    uint32_t number;
    uint32_t user;
    bool open;
    bool welcomed;
    bool given_up;          /* the router gave its edge up */
    bool kicked;            /* by the router, but does not know yet */
    uint64_t stalled_until; /* does not read */
    bool doomed;        /* edge and router differ about it: it says nothing and will be closed */
    bool behind;        /* its edge leaves deliveries out for it */
    uint64_t ending_at; /* closed by the router, its end comes then; 0 = not */
    uint32_t edge;
    uint32_t slot;
    uint32_t gen;
    uint64_t opened_ms;
    uint64_t next_id;
    struct sim_pending pending[PENDING_MAX];
    size_t pending_count;
    struct sim_retry retries[RETRIES_MAX];
    size_t retry_count;
    struct sim_room_view rooms[ROOMS];
    struct sim_watch watches[USERS];
    uint64_t life;        /* of the router it heard last */
    uint64_t inbox_life;  /* router whose inbox numbers these are */
    uint64_t inbox_epoch; /* as welcome told, else made up */
    uint64_t inbox_offset;
};

struct sim_edge {
    struct world *world;
    uint32_t number;
    struct uplink *uplink; /* NULL while dead */
    struct sim_client *slots[CLIENTS];
    uint32_t gens[CLIENTS];
    bool known;  /* the present router has its link */
    bool synced; /* and has been told everything */
    bool draining;
    bool gone; /* said goodbye */
    uint64_t drained_at;
    uint64_t up_again_at;
    uint64_t paused_until; /* does nothing: SIGSTOP */
    uint64_t connect_rate; /* as the router said */
    uint64_t canaries;     /* that came back */
    uint8_t ticket_key;    /* first byte of the one in use */
};

/* What was made wrong and is to be found. */
struct sim_corruption {
    uint64_t due_ms;       /* found by then; 0 = nothing is wrong */
    uint64_t due_question; /* and when the edge was asked so often */
    uint64_t found_before;
    uint32_t client; /* CLIENTS: none of them */
    uint32_t gen;
    uint32_t count;
    /* The edge lost a place in a group, which it forgets with the last member that it knows of: who
     * joins it then is lost, too. */
    bool lost_place[EDGES];
};

/* A token that is being checked. */
struct sim_check {
    struct auth_job *job;
    uint64_t due_ms;
};

enum { CHECKS_MAX = 4096 };

/* A message without an answer to a room that keeps nothing. */
struct sim_whisper {
    uint32_t edge;             /* of who said it */
    const struct uplink *from; /* the same in that life of the edge */
    uint32_t heard;            /* by connections there: bits */
    uint32_t gens[CLIENTS];    /* whose, by slot */
};

struct disk;
struct sim_question;
struct truth;

struct world {
    uint64_t seed;
    struct rng rng;
    struct rng ban_rng;
    struct rng ask_rng;
    uint32_t banned; /* bit per range that is banned for ever */
    unsigned faults;
    uint64_t now_ms;
    struct net net;
    struct sim_edge edges[EDGES];
    struct router_plane *plane; /* NULL while dead */
    uint64_t router_incarnation;
    uint64_t router_started_ms;
    uint64_t router_up_again_at;
    uint64_t router_died_ms;
    uint64_t compared; /* digests, over all router lives */
    struct sim_corruption corruption;
    uint8_t ticket_keys; /* drawn so far; fills the next one */
    uint64_t
        settled_ms; /* since then every edge has told everything and the rebuild is over; or 0 */
    uint64_t cut_until[EDGES];
    struct sim_client clients[CLIENTS];
    uint64_t next_payload;
    struct judge_book *book;
    struct truth *truth;
    bool kicked[USERS];        /* by an operator, once or more */
    uint64_t kicked_ms[USERS]; /* when last, 0 = never */
    bool half_kicked[USERS];   /* and the router died before every edge can have heard of it */
    uint64_t credit_bytes;
    uint64_t hold_bytes;
    uint32_t history_count;
    struct disk *disk; /* NULL: the engine keeps nothing */
    bool costly;       /* tokens take a while to check */
    struct sim_check checks[CHECKS_MAX];
    size_t check_count;
    bool forgetful; /* empty rooms and offline users are forgotten soon, and kicks are many */
    bool calm;      /* no more actions or faults */
    bool masses;    /* few are many: mass losses happen */
    bool gaps;      /* rooms leave deliveries out for slow readers */
    bool skips;     /* deliveries miss an edge now and then */
    uint64_t repair_bytes;
    bool floods; /* everybody on an edge asks for histories at once, and little may wait */
    bool trace;
    uint64_t histories; /* heard */
    struct sim_whisper whispered[WHISPERS_MAX];
    uint32_t whispers;
    uint64_t skipped;
    bool asks; /* edges are asked about connections and deliveries */
    struct sim_question *questions;
    uint64_t hops; /* and have told */
    uint64_t states;
    uint64_t messages;
    uint64_t left_out_gaps; /* told to clients that lagged */
    uint64_t steps;
};

/* Runs one history; aborts with a message on stderr when an invariant breaks. Returns its steps. */
uint64_t world_run(uint64_t seed, unsigned faults, bool trace);
_Noreturn void world_fail(const struct world *world, const char *what,
                          const struct sim_client *client);

/* The number behind the letter of "r3", "user_u3", "edge-3". */
uint32_t last_digit(struct bytes name);

/* ---- verify.c ---- */

void verify_init(struct world *world);
/* What stands before a user's name in its token. */
const char *verify_token_prefix(const struct world *world);
/* The plane's callback. */
void verify_begin(void *owner, struct auth_job *job);
void verify_step(struct world *world);
void verify_router_died(struct world *world);

/* ---- reports.c ---- */

void reports_init(struct world *world);
void reports_fini(struct world *world);
void reports_router_started(struct world *world);
/* Maybe asks about somebody. */
void reports_act(struct world *world);
/* The plane's callbacks, and the uplink's. */
void reports_tapped(void *owner, const struct core_tapped *tapped, uint64_t trace);
void reports_hop(void *owner, uint64_t trace, struct bytes edge_id, const struct plane_hop *hop);
void reports_conn_state(void *owner, uint64_t number, struct conn_ref conn,
                        const struct plane_conn_state *state);
bool reports_fill(void *owner, uint32_t slot, struct plane_conn_state *ret_state);
/* Answers at once when it is asked after. */
void reports_delivered(struct sim_edge *edge, const struct uplink_delivery *delivery);

/* ---- sim_edge.c ---- */

void edge_start(struct sim_edge *edge);
void edge_die(struct sim_edge *edge);
void edge_drain(struct sim_edge *edge);
void edge_step(struct sim_edge *edge);
/* Takes new connections, as far as a load balancer can see. */
bool edge_is_ready(const struct sim_edge *edge);
uint64_t edge_router_life(const struct sim_edge *edge);
/* Deliveries of the room are left out for the client just now. */
bool edge_lags(const struct world *world, const struct sim_client *client, uint32_t room);

/* Deliveries of the room wait on the client's edge for one that lacks. */
bool edge_holds_back(const struct world *world, const struct sim_client *client, uint32_t room);

/* ---- sim_router.c ---- */

void router_start(struct world *world);
void router_die(struct world *world);
void router_step(struct world *world);
void router_kick(struct world *world, uint32_t user);
/* A new policy: what slow readers get. */
void router_set_gaps(struct world *world, bool gaps);

/* ---- bans.c ---- */

/* Maybe bans or unbans a range. */
void bans_act(struct world *world);
/* The edge has the ranges of the router. */
void bans_check(const struct world *world, const struct sim_edge *edge);

/* ---- client.c ---- */

void client_init(struct sim_client *client, uint32_t number);
/* One random action, or none. */
void client_act(struct world *world, struct sim_client *client);
/* One that is in the room asks for what was said there. */
void client_ask_history(struct world *world, struct sim_client *client, uint32_t room);
/* The connection is gone with its edge. */
void client_lost(struct world *world, struct sim_client *client);
/* The connection ends at its edge. */
void client_end(struct world *world, struct sim_client *client, bool clean, struct bytes reason);
/* The router wants it closed. */
void client_closing(struct world *world, struct sim_client *client);
void client_step(struct world *world, struct sim_client *client);

/* ---- hear.c ---- */

void client_hear(struct world *world, struct sim_client *client, struct bytes text);

/* ---- book.c ---- */

/* `payload` was seen there. Logs are rooms, and ROOMS + a user for the inbox. */
void book_seen(struct world *world, const struct sim_client *client,
               const struct judge_place *place, uint64_t payload);
/* The sender was told ok, and will not send it again. */
void book_accepted(struct world *world, const struct sim_client *client, uint64_t life,
                   uint64_t payload);

/* ---- disk.c ---- */

struct disk *disk_new(uint64_t seed);
void disk_free(struct disk **disk);
/* The engine of one router life. */
struct engine *disk_open(struct world *world, uint64_t incarnation);
/* The log has this message there. */
void disk_check(const struct world *world, const struct sim_client *client,
                const struct judge_place *place, uint64_t payload);
/* The same wherever it stands. */
void disk_check_has(const struct world *world, const struct sim_client *client, uint32_t log,
                    uint64_t payload);
/* No message stands in a log twice. */
void disk_check_all(const struct world *world);

/* ---- skip.c ---- */

/* The body of a frame without some of its numbered deliveries (mem_free), or NULL: none was taken
 * out. */
uint8_t *skip_one(struct world *world, struct bytes body, size_t *ret_len);
/* One more message everywhere, so that nothing lacks unseen. */
void skip_last_word(struct world *world);

/* ---- flood.c ---- */

void flood(struct world *world);

/* ---- truth.c ---- */

struct truth *truth_new(void);
void truth_free(struct truth **truth);
void truth_step(struct world *world);
/* The connection was lost without a word: its user is still there for the grace. */
void truth_lost(struct world *world, const struct sim_client *client);
/* An operator threw the user out. */
void truth_kicked(struct world *world, uint32_t user);
/* A new router knows nobody but those whom edges announce: what was in grace is forgotten. */
void truth_restarted(struct world *world);
/* A connection of the user asked to come in (`room` ROOMS: online at all). */
void truth_asked(struct world *world, uint32_t user, uint32_t room);
/* Whether the user may be told gone, or come back, just now. */
bool truth_may_leave(const struct world *world, uint32_t user, uint32_t room);
bool truth_may_come(const struct world *world, uint32_t user, uint32_t room);
/* The present router knows, and has known since then, that the user is there or in grace. */
bool truth_is_shown_since(const struct world *world, uint32_t user, uint32_t room, uint64_t ms);
/* The same at that moment, which is no longer ago than what is told may be old. */
bool truth_was_shown(const struct world *world, uint32_t user, uint32_t room, uint64_t at_ms);
/* Every deadline after which the router must have noticed has passed. */
bool truth_is_long_gone(const struct world *world, uint32_t user, uint32_t room);
/* The edge has told the present router everything: also whom it lost before. */
void truth_synced(struct world *world, uint32_t edge);
/* The edge, or its incarnation, is no more: what it had not told is lost. */
void truth_edge_lost(struct world *world, uint32_t edge);
/* An edge is about to die with its clients. */
void truth_edge_dies(struct world *world, uint32_t edge);
/* A connection of the user opens. */
void truth_returned(struct world *world, uint32_t user);

/* ---- corrupt.c ---- */

/* Maybe makes something wrong, if nothing is. */
void corrupt(struct world *world);
/* Checks that it is found in time, and that nothing is found that was not made. */
void check_corruption(struct world *world);

/* ---- final.c ---- */

void check_bounds(const struct world *world);
void check_end(const struct world *world);
/* All connections of a user ended a while ago: everybody concerned was told. */
struct sim_farewell {
    uint32_t user;
    bool online;
    bool rooms[ROOMS];
};
void check_farewell(const struct world *world, const struct sim_farewell *farewell);

#endif
