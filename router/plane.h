/* The router's side of the planes, without I/O: one link per edge, decoding of up-batches, tokens,
 * front-ends, the core, the engine, and down-batches: one per edge and loop turn. The shell moves
 * bytes between this and a transport; the simulator does the same with a virtual network. */
#ifndef ROUTER_PLANE_H
#define ROUTER_PLANE_H

#include "common/bytes.h"
#include "common/status.h"
#include "router/auth.h"
#include "router/auth_job.h"
#include "router/core.h"
#include "router/engine/engine.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plane_conn_state; /* proto/plane_reports.h */
struct plane_hop;
struct router_plane;

enum plane_edge_event {
    PLANE_EDGE_UP,       /* fresh link */
    PLANE_EDGE_RESUMED,  /* same incarnations, nothing lost */
    PLANE_EDGE_SUSPECT,  /* silent for --edge-suspect */
    PLANE_EDGE_DEAD,     /* silent for --edge-dead: fenced, connections detached */
    PLANE_EDGE_REPLACED, /* the same id came with a new incarnation */
    PLANE_EDGE_GONE,     /* said goodbye */
    PLANE_EDGE_DRAINING,
    PLANE_EDGE_REFUSED,   /* version, fenced incarnation, limit: see text */
    PLANE_EDGE_OVERFLOW,  /* did not take its deliveries: fenced */
    PLANE_EDGE_IMPOSTOR,  /* somebody with another key spoke on its link: nothing to it */
    PLANE_EDGE_BAD_FRAME, /* undecodable or impossible */
    PLANE_EDGE_EXPELLED,  /* router_plane_expel() */
    PLANE_EDGE_LIMITED    /* announces more than it may: the rest was left out; once per link */
};

struct plane_callbacks {
    /* Hands header+body to the transport for `peer` as one message; AGAIN or UNREACHABLE: tried
     * again later. */
    enum status (*transmit)(void *owner, struct bytes peer, struct bytes header, struct bytes body);
    /* For logs and metrics. `text` explains. */
    void (*on_edge)(void *owner, enum plane_edge_event event, struct bytes edge_id,
                    const char *text);
    /* A connection was refused: why, never the token. */
    void (*on_auth_failed)(void *owner, struct bytes edge_id, struct bytes address,
                           const char *why);
    /* Runs the job (which is the callee's now) and gives it to router_plane_verified() later, not
     * inside the call. NULL: everything is checked at once. */
    void (*verify)(void *owner, struct auth_job *job);
    /* CORE_ADMIN_DONE of an admin request. */
    void (*on_admin_done)(void *owner, const struct core_effect *done);
    /* Fills `out` with bytes that nobody can guess. Not called with ticket_period_ms 0. */
    void (*random)(void *owner, uint8_t *out, size_t len);
    /* A canary of some edge took that long there and back. */
    void (*on_canary)(void *owner, uint64_t took_us);
    /* CORE_TAPPED, of taps that router_plane_tap began and of sampled messages (taps.h); valid
     * during the call. `trace` is not 0 for a message whose edges are asked for its way: each that
     * is asked is told of by on_hop, now or never. May be NULL. */
    void (*on_tapped)(void *owner, const struct core_tapped *tapped, uint64_t trace);
    /* An edge was asked how the delivery with this number goes (`hop` NULL), or answers. Not each
     * one answers, and one may answer twice. May be NULL with on_tapped. */
    void (*on_hop)(void *owner, uint64_t trace, struct bytes edge_id, const struct plane_hop *hop);
    /* The answer to router_plane_ask_conn; `state` NULL: the edge has no such open connection. May
     * be NULL when nobody asks. */
    void (*on_conn_state)(void *owner, uint64_t question, struct conn_ref conn,
                          const struct plane_conn_state *state);
    /* CORE_DIVERGED. */
    void (*on_diverged)(void *owner, struct bytes edge_id, const struct core_effect *diverged);
};

struct plane_config {
    struct bytes router_id; /* copied */
    struct core_config core;
    struct auth_config auth; /* views must outlive the plane */
    bool token_in_query;
    uint32_t checks_waiting_max; /* tokens that wait for callbacks.verify; 0: 65,536 */
    size_t tokens_cached_max;
    uint64_t credit_bytes;    /* --link-credit: on the way to one edge, and from one edge */
    uint64_t queue_bytes_max; /* waiting for credit per edge; above: PLANE_EDGE_OVERFLOW, above a
                                 quarter: what the edge says waits */
    uint64_t heartbeat_ms;
    uint64_t suspect_ms;
    uint64_t dead_ms;
    uint64_t ticket_period_ms;  /* edges get new keys for TLS tickets this often; 0 = never any */
    uint64_t canary_timeout_ms; /* for what router_plane_canary_overdue says */
    uint64_t digest_ms;         /* edges are asked what they hold this often; 0 = never */
    uint32_t edges_max;
    uint32_t connect_rate;       /* new clients per second over all edges, 0 = no limit */
    uint32_t rooms_per_edge_max; /* that one edge may announce; 0 = no limit of its own */
    uint32_t users_per_edge_max; /* groups of users, likewise */
};

/* Who a message comes from, as far as the transport knows. */
struct plane_sender {
    struct bytes peer;    /* routing id: what the sender calls itself */
    struct bytes key;     /* that its connection has proved; empty: none was asked for */
    struct bytes edge_id; /* with a key: the edge that it is; "PREFIX*": any that begins so */
    uint64_t received_us; /* when the message came, by the clock of now_ms; 0 = untold */
};

/* Takes the engine (and NULLs the caller's pointer). */
struct router_plane *router_plane_new(const struct plane_config *config, struct engine **engine,
                                      const struct plane_callbacks *callbacks, void *owner,
                                      uint64_t now_ms);
void router_plane_free(struct router_plane **plane);

/* True when a key for `allowed`, as in plane_sender.edge_id, is good for the edge `id`. */
bool plane_edge_id_fits(struct bytes allowed, struct bytes id);

/* One message from the transport. `wall_ms` is a label. With a key the sender is heard only as an
 * edge that it may be: no other edge's id, and no frame on another edge's link. */
void router_plane_receive_from(struct router_plane *plane, const struct plane_sender *sender,
                               struct bytes frame, uint64_t now_ms, uint64_t wall_ms);
/* The same from a transport without keys. */
void router_plane_receive(struct router_plane *plane, struct bytes peer, struct bytes frame,
                          uint64_t now_ms, uint64_t wall_ms);

/* Gives the edge with this index (plane_edge_info) up: its key is not allowed any more. Flush
 * afterwards. */
void router_plane_expel(struct router_plane *plane, uint32_t edge, uint64_t now_ms,
                        uint64_t wall_ms);

/* Sends what this loop turn produced, one batch per edge. */
void router_plane_flush(struct router_plane *plane, uint64_t now_ms);

/* Liveness, heartbeats, the core's deadlines. Flush afterwards. */
void router_plane_tick(struct router_plane *plane, uint64_t now_ms, uint64_t wall_ms);
uint64_t router_plane_deadline(const struct router_plane *plane);

/* SIGTERM: tells every edge to hold and to look for the next incarnation. From then on the plane is
 * deaf and mute, so that nobody takes it for its own successor. Then exit. */
void router_plane_hold(struct router_plane *plane, uint64_t now_ms);

/* Operator's actions; answered exactly once through on_admin_done with `admin`, maybe inside the
 * call. `event` has kind PUBLISH, SEND, KICK, BAN or UNBAN and its fields; admin and wall_ms are
 * set here. */
void router_plane_admin(struct router_plane *plane, struct core_event *event, uint64_t admin,
                        uint64_t now_ms, uint64_t wall_ms);

/* Tells an edge to drain and to end. Flush afterwards. */
enum plane_drain { PLANE_DRAIN_OK, PLANE_DRAIN_NO_EDGE, PLANE_DRAIN_TOO_OLD };
enum plane_drain router_plane_drain(struct router_plane *plane, struct bytes edge_id,
                                    uint64_t now_ms);

/* Asks the edge of a connection how it is with it, and in the group with that number (0: none). The
 * answer comes through on_conn_state, or never. Flush afterwards. */
enum plane_ask { PLANE_ASK_OK, PLANE_ASK_NO_LINK, PLANE_ASK_TOO_OLD };
enum plane_ask router_plane_ask_conn(struct router_plane *plane, struct conn_ref conn,
                                     uint64_t group, uint64_t now_ms, uint64_t *ret_question);

/* A job has run; takes it. Flush afterwards. */
void router_plane_verified(struct router_plane *plane, struct auth_job *job, uint64_t now_ms,
                           uint64_t wall_ms);

/* Other keys from now on; the caller keeps the reference, as for the keys of the config. Who is
 * connected stays so until its token ends. */
void router_plane_set_keys(struct router_plane *plane, struct jws_keys *keys);

/* Takes what the engine has completed; when router_plane_engine_fd() is readable (-1: never). Flush
 * afterwards. */
void router_plane_poll(struct router_plane *plane, uint64_t now_ms, uint64_t wall_ms);
int router_plane_engine_fd(const struct router_plane *plane);

/* True once the engine has said that a newer router owns the data: stop serving. */
bool router_plane_fenced(const struct router_plane *plane);

/* True when edges with a link send canaries, and none has come from any of them for longer than
 * canary_timeout_ms. */
bool router_plane_canary_overdue(const struct router_plane *plane, uint64_t now_ms);
/* True when the engine was asked for something and has finished nothing for as long. */
bool router_plane_store_stalled(const struct router_plane *plane, uint64_t now_ms);

/* For registry.h. */
const struct router_core *router_plane_core(const struct router_plane *plane);

/* Live change of the rooms' policy; settled, copied. Flush afterwards. */
void router_plane_set_policy(struct router_plane *plane, const struct policy_table *policy,
                             uint64_t now_ms, uint64_t wall_ms);

/* router_core_tap and router_core_untap. */
bool router_plane_tap(struct router_plane *plane, enum core_tap kind, struct bytes name);
void router_plane_untap(struct router_plane *plane, enum core_tap kind, struct bytes name);

/* Live rate change. */
void router_plane_set_rates(struct router_plane *plane, const struct core_rates *rates);

struct plane_edge_info {
    uint32_t edge; /* as in registry_edge */
    struct bytes id;
    struct bytes key; /* as in plane_sender, of its newest hello */
    uint64_t incarnation;
    bool up; /* link is up and not suspect */
    bool suspect;
    uint64_t link_since_ms; /* monotonic */
    uint64_t silent_ms;     /* since the last frame */
    uint64_t unacked_bytes; /* on the way to the edge */
    uint64_t queued_bytes;  /* waiting for credit or transport */
    bool held;              /* that is much: nothing it says is acted upon for now */
    uint64_t kept_bytes;    /* which it said meanwhile */
    uint64_t credit_bytes;  /* so much may be on the way */
    uint64_t canary_us;     /* how long its last canary took there and back; 0 = not known */
};
bool router_plane_edge_next(const struct router_plane *plane, uint64_t now_ms, uint64_t *cursor,
                            struct plane_edge_info *ret_info);

struct plane_stats {
    uint64_t frames_in;
    uint64_t frames_out;
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t bad_frames;
    uint64_t unknown_ops;
    uint64_t resumes;
    uint64_t holds; /* an edge had too much to take */
    uint64_t fresh_links;
    uint64_t refused;
    uint64_t impostors;      /* frames and hellos with a key that is another edge's */
    uint64_t groups_refused; /* announced above the limits per edge */
    uint64_t auth_ok;
    uint64_t auth_failed;
    uint64_t checks_here;      /* of tokens: at once */
    uint64_t checks_elsewhere; /* by callbacks.verify */
    uint64_t checks_cached;    /* known as good */
    uint64_t checks_refused;   /* too many waited */
    uint64_t checks_waiting;   /* now */
    uint64_t tokens_cached;    /* now */
    uint64_t bans_unreadable;  /* in the store */
    uint64_t appends;          /* asked for */
    uint64_t loads;
    uint64_t buckets_compared; /* of digests of edges */
    uint64_t divergences;      /* of those: differed */
    uint64_t incarnation;
    bool durable; /* what the engine has outlives the router */
    struct engine_stats engine;
};
void router_plane_stats(const struct router_plane *plane, struct plane_stats *ret_stats);

/* Gives back what large batches took: for quiet moments. */
void router_plane_trim(struct router_plane *plane);

#endif
