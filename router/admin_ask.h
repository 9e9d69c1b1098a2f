/* One admin request on its way to its reply, shared by the admin*.c files only. The reply is built
 * from protobuf-c messages in an arena; running out of it is remembered, not checked at each step.
 */
#ifndef ROUTER_ADMIN_ASK_H
#define ROUTER_ADMIN_ASK_H

#include "common/buf.h"
#include "common/bytes.h"
#include "common/slotmap.h"
#include "proto/admin.pb-c.h"
#include "proto/arena.h"
#include "router/admin.h"
#include "router/admin_inquiry.h"
#include "router/admin_local.h"
#include "router/admin_trace.h"
#include "router/admin_watch.h"
#include "router/registry.h"
#include "router/reload.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADMIN_STATUS(name) SPLITRAIL__ADMIN__REPLY__STATUS__##name

struct admin {
    char *router_id;
    uint64_t message_bytes_max;
    uint64_t started_ms;
    const struct router_options *options; /* borrowed, may be NULL */
    struct router_plane *plane;
    admin_reply *reply;
    void *owner;
    struct arena request_arena;
    struct arena reply_arena;
    struct buf out;
    admin_local_reply *local_reply; /* admin_local.h */
    void *local_owner;
    reload_now *reload; /* admin_reload.h */
    void *reload_owner;
    struct slotmap pending; /* struct pending of admin_actions.c, by the token given to the plane */
    struct admin_watcher *watchers[ADMIN_WATCHERS_MAX];
    size_t watcher_count;
    struct admin_inquiry *inquiries[ADMIN_INQUIRIES_MAX];
    size_t inquiry_count;
    struct arena watch_arena;    /* names of one event */
    struct admin_hot *hot;       /* NULL while nobody asks */
    struct admin_traces *traces; /* NULL until there is one */
    admin_trace_sink *trace_sink;
    void *trace_owner;
    struct admin_stats stats;
};

struct admin_ask {
    struct admin *admin;
    const struct router_core *core;
    struct bytes peer;
    bool local; /* asked through admin_local.h; `id` is its token */
    uint64_t id;
    const char *by; /* who asks, as it says; "" = unknown */
    uint64_t now_ms;
    uint64_t wall_ms;
    Splitrail__Admin__Reply reply;
    bool deferred;   /* admin_done answers */
    bool overflowed; /* the reply does not fit: it will say so instead */
};

/* Room for the reply, zeroed; NULL once it does not fit. */
void *admin_room(struct admin_ask *ask, size_t count, size_t size);

/* The same for `count` pointers. */
void *admin_pointers(struct admin_ask *ask, size_t count);

/* NUL-terminated copy in the reply; "" once it does not fit. */
char *admin_text(struct admin_ask *ask, struct bytes text);

/* 64 bits as 16 hexadecimal digits. */
char *admin_hex(struct admin_ask *ask, uint64_t value);

/* Something that an operator does; NULL stands for what it does not name. */
struct admin_deed {
    const char *action;
    const char *user;
    const char *conn;
    const char *ip;
    const char *edge;
    const char *room;
    const char *reason;
    uint64_t for_ms;
};

/* One line in the log, before it is done. Payloads are never part of it. */
void admin_audit(const struct admin_ask *ask, const struct admin_deed *deed);

/* Makes the reply a failure; `text` is static. */
void admin_fail(struct admin_ask *ask, Splitrail__Admin__Reply__Status status, const char *text);

/* The same with a text of several parts: what, then which. */
void admin_fail_about(struct admin_ask *ask, Splitrail__Admin__Reply__Status status,
                      const char *what, struct bytes which);

/* Messages of the reply; NULL once it does not fit. */
Splitrail__Admin__User *admin_make_user(struct admin_ask *ask, const struct registry_user *user);
Splitrail__Admin__Room *admin_make_room(struct admin_ask *ask, const struct registry_room *room);
Splitrail__Admin__Conn *admin_make_conn(struct admin_ask *ask, const struct registry_conn *conn);

/* Adds the names of the rooms of `conn`, sorted. */
void admin_add_rooms(struct admin_ask *ask, const struct registry_conn *conn,
                     Splitrail__Admin__Conn *out);

/* Fills the reply's as_of, synced and id, and gives it to the peer. */
void admin_answer(struct admin_ask *ask);

/* admin_presence.c */
void admin_presence_users(struct admin_ask *ask, const Splitrail__Admin__PresenceUsers *asked);
void admin_presence_room(struct admin_ask *ask, const Splitrail__Admin__PresenceRoom *asked);
void admin_one_conn(struct admin_ask *ask, const Splitrail__Admin__One *asked);
void admin_one_room(struct admin_ask *ask, const Splitrail__Admin__One *asked);

/* admin_explain.c */
void admin_explain(struct admin_ask *ask, const Splitrail__Admin__Explain *asked);
/* With what the edges have told. */
void admin_explain_answer(struct admin_ask *ask, const char *user_name, const char *room_name,
                          const struct admin_inquiry *inquiry);

/* admin_limits.c: all, or sets one */
void admin_limits(struct admin_ask *ask, const Splitrail__Admin__Limits *asked);

/* admin_watch.c, for the admin alone */
void admin_watch(struct admin_ask *ask, const Splitrail__Admin__Watch *asked);
void admin_forget_watchers(struct admin *admin);

/* admin_trace.c */
void admin_trace(struct admin_ask *ask, const Splitrail__Admin__Trace *asked);
void admin_trace_keep(struct admin *admin, const struct core_tapped *tapped, uint64_t number,
                      const struct admin_stamp *now);
void admin_traces_expire(struct admin *admin, uint64_t now_ms);
uint64_t admin_traces_deadline(const struct admin *admin);
void admin_forget_traces(struct admin *admin);
/* Wall clock of a monotonic time that is not later than now; 0 stays 0. */
uint64_t admin_wall_us(const struct admin_stamp *now, uint64_t at_us);
/* admin_trace_event.c: in the arena; NULL when it does not fit. */
Splitrail__Admin__Event *admin_trace_event(struct arena *arena, const struct message_trace *trace);
/* admin_watch.c: to whom it concerns. */
void admin_watch_traced(struct admin *admin, const struct message_trace *trace);

/* admin_hot.c */
void admin_top_asked(struct admin_ask *ask, const Splitrail__Admin__Top *asked);
void admin_hot_count(struct admin *admin, const struct core_tapped *tapped);
void admin_hot_expire(struct admin *admin, uint64_t now_ms);
void admin_forget_hot(struct admin *admin);

/* admin_lists.c */
void admin_list_users(struct admin_ask *ask, const Splitrail__Admin__List *list);
void admin_list_rooms(struct admin_ask *ask, const Splitrail__Admin__List *list);
void admin_list_conns(struct admin_ask *ask, const Splitrail__Admin__List *list);
void admin_list_edges(struct admin_ask *ask);
Splitrail__Admin__Edge *admin_make_edge(struct admin_ask *ask, const struct plane_edge_info *info);

/* admin_info.c */
void admin_info(struct admin_ask *ask);
void admin_figures(struct admin_ask *ask);

/* admin_bans.c */
void admin_ban(struct admin_ask *ask, const Splitrail__Admin__Ban *asked);
void admin_unban(struct admin_ask *ask, const Splitrail__Admin__Ban *asked);
void admin_list_bans(struct admin_ask *ask, const Splitrail__Admin__List *list);
Splitrail__Admin__BanInfo *admin_make_ban(struct admin_ask *ask, const struct ban *ban);

/* admin_reload.c */
void admin_reload(struct admin_ask *ask);

/* admin_actions.c: started here, answered by admin_done */
enum admin_action { ADMIN_KICK, ADMIN_PUBLISH, ADMIN_SEND, ADMIN_BAN, ADMIN_UNBAN, ADMIN_READ };
void admin_start(struct admin_ask *ask, enum admin_action action, struct core_event *event);
/* A ban of a valid user. */
void admin_ban_user(struct admin_ask *ask, enum admin_action action, struct bytes user,
                    const char *reason, uint64_t for_ms);
/* False: the reply says so. */
bool admin_user_ok(struct admin_ask *ask, const char *user, bool optional);
bool admin_reason_ok(struct admin_ask *ask, const char *reason);
void admin_kick(struct admin_ask *ask, const Splitrail__Admin__Kick *asked);
void admin_publish(struct admin_ask *ask, const Splitrail__Admin__Publish *asked);
void admin_send(struct admin_ask *ask, const Splitrail__Admin__Send *asked);
void admin_history(struct admin_ask *ask, const Splitrail__Admin__History *asked);
/* Answered at once. */
void admin_drain(struct admin_ask *ask, const Splitrail__Admin__One *asked);
/* Frees what waits, without an answer. */
void admin_forget_pending(struct admin *admin);

#endif
