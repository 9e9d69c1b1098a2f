/* The router core: users, connections, rooms, presence, policy as one pure function of events and
 * time. Two machines inside, which speak only through typed messages (architecture section 5):
 * the session side (a user's connections, rate policy, personal channel, user presence) and the
 * room side (members, offsets, ring, room presence).
 *
 *     effects = router_core_step(core, &event, now)
 *
 * Effects and everything they point to stay valid until the next step. */
#ifndef ROUTER_CORE_H
#define ROUTER_CORE_H

#include "common/address.h"
#include "common/bytes.h"
#include "router/command.h"
#include "router/policy_table.h"
#include "router/push.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ban;
struct router_core;

/* A client connection as the planes name it. `edge` is the plane's dense index of an edge
 * incarnation, valid between EDGE_UP and EDGE_DOWN. */
struct conn_ref {
    uint32_t edge;
    uint32_t slot;
    uint32_t gen;
};

/* What the router knows of a connection and the edge keeps for it as the session record. */
struct session_info {
    struct bytes user;
    struct bytes address;
    struct bytes agent;
    struct bytes rights;      /* as rights.h, valid */
    uint64_t connected_at_ms; /* wall clock */
    uint64_t expires_at_ms;   /* wall clock, 0 = never */
    uint8_t encoding;         /* front-end: 0 = JSON */
};

/* What the edge fans out to. ROOM: a room. INBOX: a user's own channel. WATCH: those who watch a
 * user's presence. */
enum channel_kind { CHANNEL_ROOM = 1, CHANNEL_INBOX = 2, CHANNEL_WATCH = 3 };

/* What the edge keeps as the record of a group. */
struct group_info {
    enum channel_kind kind;
    struct bytes name; /* of the room or user */
    uint64_t epoch;
};

enum { CORE_SECRET_BYTES = 16 };

/* Live through router_core_set_rates; 0 = no limit. */
struct core_rates {
    uint64_t messages_per_second; /* per connection, as the next two */
    uint64_t bytes_per_second;
    uint64_t joins_per_second;
    uint64_t user_messages_per_second; /* per user over all connections */
    uint64_t user_bytes_per_second;
    uint64_t user_logs_per_minute; /* rooms and inboxes of others that a user begins on disk */
};

struct core_config {
    uint64_t seed; /* random: epochs, hash keys */
    uint64_t start_wall_ms;
    uint64_t rebuild_ms; /* after start, while edges announce: no leave is emitted, synced false */
    uint64_t grace_ms;   /* --presence-grace */
    struct core_rates rates;
    uint32_t mass_min;       /* so many connections lost at once are a mass loss; 0 = never any */
    uint64_t mass_grace_ms;  /* for those of a mass loss, if longer than grace_ms */
    uint64_t mass_spread_ms; /* and as much more at random, so that leaves come one by one */
    uint32_t denials_max;    /* refused for their rate within ten seconds, then 1008; 0 = off */
    uint64_t message_bytes;  /* told in welcome */
    uint64_t heartbeat_interval_ms;
    uint64_t heartbeat_timeout_ms;
    uint32_t rooms_per_connection_max;
    uint32_t watches_per_connection_max;
    uint32_t connections_per_user_max;    /* 0 = off */
    uint32_t connections_per_address_max; /* an IPv6 /64 is one; 0 = off */
    uint32_t bans_max;
    bool kick_oldest; /* else refuse the newest (close 4004 either way) */
    bool publish_without_membership;
    struct policy_table policy;              /* of rooms, settled; copied */
    bool inbox_durable;                      /* else inboxes live in memory */
    uint8_t epoch_secret[CORE_SECRET_BYTES]; /* epochs of channels without a log follow from it and
                                 the name, so that a room in which nobody spoke keeps its epoch */
    uint32_t rooms_max;
    uint32_t users_max;
    uint32_t members_max;         /* users in one room */
    uint32_t history_count;       /* messages kept per inbox; for rooms the policy says */
    uint64_t history_bytes;       /* payload bytes kept per room or inbox */
    uint64_t history_total_bytes; /* over all rings: above it the least recently used empty room or
                                     offline inbox is forgotten */
    uint64_t idle_channel_ms;     /* empty rooms and offline users are forgotten after this */
    uint32_t key_window;          /* idempotency keys remembered per room or inbox */
    uint64_t key_window_ms;
    uint64_t parked_max; /* commands waiting for logs to be read, in all; 0 = the default */
    uint64_t parked_bytes_max;
};

enum core_event_kind {
    CORE_EDGE_UP, /* a fresh link of a new edge incarnation, or a fresh link after a router start */
    CORE_EDGE_DOWN,     /* its connections are detached: grace runs */
    CORE_EDGE_DRAINING, /* its clients will come back elsewhere within delay_ms */
    CORE_CONN_OPEN,     /* authenticated */
    CORE_CONN_CLOSED,
    CORE_COMMAND,
    CORE_ANNOUNCE_GROUP,
    CORE_ANNOUNCE_CONN,
    CORE_ANNOUNCE_ROSTER, /* `roster` is what the clients of the edge in `local` were told */
    CORE_ANNOUNCE_UNSURE, /* in the group `local` somebody was in grace as the former router died */
    CORE_ANNOUNCE_END,
    CORE_ANNOUNCE_SPENT, /* `user` of a connection of `edge` had taken so much of its limits */
    CORE_APPENDED,       /* the engine finished the append of `append_id` */
    CORE_LOADED,         /* the engine has read the log of `channel`; NULL: it could not */
    CORE_PUBLISH, /* by an operator or the API: room, user (may be empty), payload, key; `conn` is
                     left out unless its gen is 0 */
    CORE_SEND,    /* direct message by an operator: target user, user = from */
    CORE_KICK,    /* user or connection, or only out of `room` */
    CORE_BAN,     /* by an operator: `ban` (kind, whom, reason, by) for delay_ms, 0 = until removed;
                     whom it concerns is closed */
    CORE_UNBAN,   /* `ban`: kind and whom */
    CORE_READ,    /* history of `room` for an operator: since and limit of `command`; a since
                     without epoch means the room's present one */
    CORE_LAGGING, /* an edge left deliveries of a room out for a slow connection, which has now
                     read what it had: it is to be told */
    CORE_CANARY,  /* comes back to its edge as CORE_CANARY_BACK */
    CORE_LISTING, /* what an edge holds in one bucket of the digest: truth.h */
    CORE_REPAIR,  /* an edge lacks deliveries of `group`: last_offset is the first, to_offset the
                     last */
    CORE_SET_POLICY, /* of rooms: limits from now on, the class for rooms made from now on */
    CORE_EDGE_PACE,  /* `edge` does not take what it is told (`held`), or does again: what waited
                        for a log and belongs to it waits on */
    CORE_GO_ON,      /* runs some of what waited for a log and may run now */
    CORE_TICK        /* router_core_deadline() has come */
};

/* Connections of an edge by growing slot, and their groups, one's after the other's. */
struct core_listing {
    uint32_t bucket;
    const uint32_t *slots;
    const uint32_t *gens;
    const uint32_t *group_counts;
    size_t conn_count;
    const uint64_t *groups;
};

enum append_result { APPEND_OK, APPEND_FENCED, APPEND_UNKNOWN, APPEND_FAILED };

/* One message of a log. */
struct core_record {
    struct push_message message;
    struct bytes key;
    bool bare; /* of the message only offset, timestamp and user were read */
};

/* What the engine has of a channel. */
struct core_log {
    bool found;         /* false: nothing was ever appended */
    uint64_t forgotten; /* not found: see engine.h */
    uint64_t epoch;
    uint64_t top;
    const struct core_record *records; /* oldest first, offsets grow */
    size_t record_count;
};

struct core_event {
    enum core_event_kind kind;
    uint64_t wall_ms;          /* timestamp label for what this event makes */
    uint32_t edge;             /* EDGE_*, ANNOUNCE_*, CANARY, LISTING */
    struct bytes edge_id;      /* EDGE_UP */
    uint64_t edge_incarnation; /* EDGE_UP */
    uint64_t edge_clock_ms;    /* EDGE_UP: what the edge's monotonic clock reads; 0 = untold */
    uint64_t cause; /* of the frame that this event came with, 0 = none: given back in CORE_HELD and
                       CORE_FREED */
    uint64_t delay_ms;     /* EDGE_DRAINING. EDGE_DOWN: it was silent for so long. BAN */
    bool held;             /* EDGE_PACE */
    const struct ban *ban; /* BAN, UNBAN: bans.h; copied */
    struct conn_ref conn;
    uint64_t number;     /* COMMAND: of this message on its connection, counted by the edge from 1;
                            one not above the last is a repetition and ignored */
    uint64_t arrived_ms; /* COMMAND: when it came, by its edge's monotonic clock; 0 = now. Rates are
                            counted by it: whom we held up said no more for that */
    uint64_t received_us; /* COMMAND: when its frame came to this router, monotonic; 0 = now */
    uint64_t wire_bytes;  /* COMMAND: size for the byte rate */
    const struct command *command;
    const struct session_info *session; /* CONN_OPEN, ANNOUNCE_CONN */
    bool clean;                         /* CONN_CLOSED: the client said goodbye: no grace */
    bool drained;                       /* CONN_CLOSED: by an edge's drain: grace plus its delay */
    uint32_t local;                     /* ANNOUNCE_GROUP: the edge's number of the group */
    uint32_t roster;                    /* ANNOUNCE_ROSTER */
    uint64_t messages_ms;               /* ANNOUNCE_SPENT: until they are paid back */
    uint64_t bytes_ms;                  /* likewise */
    uint64_t others; /* ANNOUNCE_END: number of the edges (registry_edges_digest) at the former
                        router, 0 = not known */
    const struct group_info *group;
    uint64_t last_offset;   /* ANNOUNCE_GROUP: newest offset the edge has delivered; LAGGING,
                               REPAIR: first offset that may be missing, in the life that `group`
                               names */
    uint64_t to_offset;     /* REPAIR. LAGGING: newest that the edge knows of in a life that is
                               over, 0 = untold. ANNOUNCE_GROUP: newest offset that the edge knows of,
                               not     below last_offset: what is between lacks */
    uint64_t token;         /* LAGGING, CANARY: comes back with the answer */
    const uint32_t *locals; /* ANNOUNCE_CONN: the edge's numbers of its groups */
    size_t local_count;
    uint64_t append_id;
    enum append_result append_result;
    uint64_t channel;                   /* LOADED */
    const struct core_log *log;         /* LOADED */
    const struct core_listing *listing; /* LISTING, of `edge` */
    uint64_t admin;                     /* PUBLISH, SEND, KICK, READ: token for ADMIN_DONE */
    struct bytes room;
    struct bytes user;
    struct bytes target; /* SEND: to; KICK: user, or empty when `conn` is meant */
    struct bytes payload;
    struct bytes key;
    struct bytes text;                 /* KICK: reason */
    const struct policy_table *policy; /* SET_POLICY: settled; copied */
};

enum core_effect_kind {
    CORE_ACCEPT,    /* the connection is known now: its edge is to keep the session record */
    CORE_SEND_CONN, /* push to one connection */
    CORE_DELIVER,   /* push to a group on `edges` */
    CORE_GROUP_ADD, /* conn joins group; `group_info` when it is the first on its edge */
    CORE_GROUP_REMOVE,
    CORE_GROUP_BIND,   /* answer to ANNOUNCE_GROUP: local number -> group id; group 0 = forget it */
    CORE_GROUP_POLICY, /* deliveries of the group may be left out on `edges`, or may not */
    CORE_GROUP_UNSURE, /* the same effect for another cause: whether somebody is in grace */
    CORE_GROUP_ROSTER, /* what the members on `edges` were told of who is there: `roster`, or a
                          change by it */
    CORE_GROUP_TOP,    /* `offset` is delivered by now: the edge may find that it lacks something */
    CORE_CATCH_UP,     /* answer to LAGGING: push to one connection that lags */
    CORE_CLOSE,        /* close a connection with code and text */
    CORE_APPEND,       /* engine: store message at (group, offset), then CORE_APPENDED */
    CORE_LOAD,         /* engine: read the log of (group, room), then CORE_LOADED */
    CORE_HELD,         /* something of the frame `cause` is not finished yet */
    CORE_FREED,        /* one such thing is finished now */
    CORE_CUT,          /* what stands before and after need not leave together */
    CORE_DONE,         /* the command `number` of `conn` is done, and nothing answers it */
    CORE_MORE,         /* CORE_GO_ON is to follow in this turn */
    CORE_CANARY_BACK,  /* to `edge`, with `token` */
    CORE_DIVERGED,  /* edge and registry did not agree about `conn`: `text` says what and what was
                       done, `room` is its user if known */
    CORE_KEEP_BAN,  /* engine: the value `text` under `key` among the bans; empty: none any more */
    CORE_BAN_NET,   /* all edges: turn away who comes from `net`, for for_ms (0 = until told) */
    CORE_UNBAN_NET, /* all edges: no more */
    CORE_SPENT,  /* the edge of `conn` is to tell the next router what the user `text` has taken of
                    its limits */
    CORE_TAPPED, /* `tapped`: something that an operator watches. A kept message's stands before its
                    DELIVER, so that the edges can be asked how that goes */
    CORE_ADMIN_DONE
};

/* What may be watched: router_core_tap. */
enum core_tap {
    CORE_TAP_MESSAGES, /* of a room */
    CORE_TAP_ROOM,     /* who comes and goes there */
    CORE_TAP_USER,     /* presence, connections and rooms of a user */
    CORE_TAP_SENDER,   /* messages that a user sends */
    CORE_TAP_ALL       /* all messages */
};

enum core_tapped_kind {
    CORE_TAPPED_MESSAGE,
    CORE_TAPPED_JOINED,
    CORE_TAPPED_LEFT,
    CORE_TAPPED_ONLINE,
    CORE_TAPPED_OFFLINE,
    CORE_TAPPED_CONNECTED,
    CORE_TAPPED_LOST,  /* in grace now */
    CORE_TAPPED_CLOSED /* for good, after a grace too */
};

struct core_tapped {
    enum core_tapped_kind kind;
    uint64_t now_ms;
    uint64_t wall_ms;
    struct bytes room;                  /* MESSAGE of a room, JOINED, LEFT */
    struct bytes user;                  /* MESSAGE: of a direct one, to whom; else whose */
    struct bytes reason;                /* LEFT */
    struct conn_ref conn;               /* CONNECTED, LOST, CLOSED */
    struct bytes edge_id;               /* of it */
    const struct push_message *message; /* MESSAGE, as the rest */
    uint64_t epoch;
    uint64_t edge_ms;   /* came to its edge, by our clock; 0 = not known */
    uint64_t router_us; /* came to the router, monotonic; now_ms is when it was delivered */
    uint64_t group;     /* that it is delivered to */
    bool pinned;        /* somebody traces or tails its room or sender */
    uint32_t edges;     /* that it is delivered to */
    uint32_t members;   /* connections there */
};

struct core_effect {
    enum core_effect_kind kind;
    struct conn_ref
        conn; /* SEND_CONN, GROUP_*, CLOSE, ACCEPT, DONE; DELIVER: left out when has_except */
    bool has_except;
    uint64_t group;  /* DELIVER, GROUP_*, APPEND; never 0 but for BIND "forget" */
    uint64_t offset; /* DELIVER: of a numbered message (or of the gap in its place), else 0.
                        GROUP_TOP. APPEND. LOAD: wanted from here whatever bytes_max says, 0 = none.
                        GROUP_ADD: newest offset at this moment. BIND: where the edge stands now;
                        what it lacks follows from the next one on */
    bool always;     /* DELIVER without a number: also to who is left out for reading slowly */
    uint64_t span;   /* DELIVER of a gap: numbers before `offset` that it stands for as well */
    const uint32_t *edges; /* DELIVER, GROUP_POLICY, GROUP_UNSURE, GROUP_ROSTER */
    size_t edge_count;
    bool droppable;                      /* GROUP_POLICY, GROUP_UNSURE */
    bool unsure;                         /* GROUP_POLICY, GROUP_UNSURE: somebody is in grace */
    bool roster_changes;                 /* GROUP_ROSTER: else it is */
    uint32_t roster;                     /* GROUP_ROSTER */
    bool last;                           /* CATCH_UP: it lags no more */
    uint64_t token;                      /* CATCH_UP */
    uint32_t edge;                       /* GROUP_BIND */
    uint32_t local;                      /* GROUP_BIND */
    const struct group_info *group_info; /* GROUP_ADD (first on the edge) and BIND, else NULL */
    const struct session_info *session;  /* ACCEPT */
    const struct push *push;             /* SEND_CONN, DELIVER, CATCH_UP (NULL: nothing is said),
                                            ADMIN_DONE of READ (NULL: error) */
    uint16_t code;                       /* CLOSE */
    struct bytes text;                   /* CLOSE, KEEP_BAN */
    struct address_net net;              /* BAN_NET, UNBAN_NET */
    uint64_t for_ms;                     /* BAN_NET */
    uint64_t messages_ms;                /* SPENT: until they are paid back */
    uint64_t bytes_ms;                   /* likewise */
    uint64_t append_id;
    const struct push_message *message; /* APPEND */
    struct bytes key;                   /* APPEND, KEEP_BAN */
    bool inbox;                         /* APPEND, LOAD: of a user, not of a room */
    uint32_t keep_count;                /* APPEND: messages the log keeps. LOAD: wanted */
    uint64_t keep_ms;                   /* APPEND: 0 = no limit of age */
    uint64_t bytes_max;                 /* LOAD: wanted */
    bool ids;                           /* LOAD: beyond bytes_max bare records are wanted */
    uint64_t cause;                     /* HELD, FREED */
    const struct core_tapped *tapped;   /* TAPPED */
    uint64_t number;         /* SEND_CONN: of the command that this answers, or 0. DONE */
    struct bytes room;       /* APPEND, LOAD: name of the room or user */
    uint64_t epoch;          /* APPEND, ADMIN_DONE */
    uint64_t admin;          /* ADMIN_DONE */
    bool found;              /* ADMIN_DONE: the user, room or connection exists */
    bool duplicate;          /* ADMIN_DONE of PUBLISH, SEND */
    enum client_error error; /* ADMIN_DONE: NONE, UNAVAILABLE, TOO_MANY… */
    uint32_t count;          /* ADMIN_DONE: connections reached (SEND) or removed (KICK, BAN) */
};

struct core_effects {
    const struct core_effect *items;
    size_t count;
};

struct router_core *router_core_new(const struct core_config *config, uint64_t now_ms);
void router_core_free(struct router_core **core);

/* Time never goes backwards between calls. */
struct core_effects router_core_step(struct router_core *core, const struct core_event *event,
                                     uint64_t now_ms);

/* When CORE_TICK is due; UINT64_MAX = never. */
uint64_t router_core_deadline(const struct router_core *core);

/* Gives back what it keeps for the next messages: for quiet moments. */
void router_core_trim(struct router_core *core);

/* True when something waits that had its log: CORE_GO_ON is to come once in a turn. */
bool router_core_postpones(const struct router_core *core);

/* Other rates for everybody from now on. */
void router_core_set_rates(struct router_core *core, const struct core_rates *rates);

/* Begins to watch: CORE_TAPPED from now on, until as many calls of the other. `name` of a room or
 * user is copied; empty for ALL. False: as much is watched as may be. */
bool router_core_tap(struct router_core *core, enum core_tap kind, struct bytes name);
void router_core_untap(struct router_core *core, enum core_tap kind, struct bytes name);

/* A ban that was kept by CORE_KEEP_BAN; before the first step. False when it cannot be read. */
bool router_core_load_ban(struct router_core *core, struct bytes key, struct bytes value);

#endif
