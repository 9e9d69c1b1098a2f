/* What the session side (connections, users) and the room side (members, streams) say to each
 * other. They call no function of each other: in a cluster they live on different routers, and
 * these messages travel. Requests carry where the answer goes; the answer carries it back. */
#ifndef ROUTER_MESSAGES_H
#define ROUTER_MESSAGES_H

#include "common/slotmap.h"
#include "router/core.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum message_kind {
    /* session side to room side */
    ROOM_JOIN,     /* a connection becomes a member: SESSION_JOINED */
    ROOM_ATTACH,   /* a member that an edge announced: no answer */
    ROOM_LEAVE,    /* a membership ends: SESSION_LEFT when asked for */
    ROOM_DETACH,   /* its connection is lost but may come back: no answer */
    ROOM_PUBLISH,  /* SESSION_PUBLISHED, for durable rooms after the commit */
    ROOM_HISTORY,  /* SESSION_ANSWER */
    ROOM_LAGGING,  /* SESSION_LAGGED, unless the room is gone */
    ROOM_PRESENCE, /* SESSION_ANSWER */
    /* room side to session side */
    SESSION_JOINED,
    SESSION_LEFT,
    SESSION_PUBLISHED,
    SESSION_LAGGED,
    SESSION_ANSWER
};

/* Where an answer goes: to a client for its command, or to an operator when `conn` is 0. */
struct reply_to {
    slot_id conn;
    struct bytes id; /* of the command; empty = success is silent */
    uint64_t admin;
    uint64_t incarnation; /* of the edge, and the number of the command there: what edge sent it */
    uint64_t number;
};

struct message {
    enum message_kind kind;
    struct reply_to reply;
    slot_id group;     /* LEAVE, DETACH, ATTACH; answers */
    struct bytes room; /* JOIN, PUBLISH, HISTORY, PRESENCE; answers */
    struct conn_ref conn;
    uint32_t user;          /* index of the member's user */
    struct bytes user_name; /* PUBLISH: sender, may be empty */
    struct bytes server_id; /* JOIN, ATTACH, PUBLISH */
    /* requests */
    const struct command *command; /* JOIN, HISTORY, PRESENCE: since, limit, want_members */
    bool blind;                    /* JOIN: it may not see older messages */
    bool member;                   /* JOIN: this connection is in already */
    bool silent;                   /* ATTACH: everybody knows already */
    bool attached;                 /* LEAVE: it still counts for the fan-out */
    bool from_edge;                /* LEAVE: the edge is to be told to remove it */
    bool answer_wanted;            /* LEAVE */
    const char *reason;            /* LEAVE, refusals: static text, or NULL */
    struct bytes payload;          /* PUBLISH */
    struct bytes key;              /* PUBLISH */
    uint64_t epoch;                /* LAGGING: of the life that the connection knows */
    uint64_t offset;               /* LAGGING: first that may be missing in it */
    uint64_t newest;               /* LAGGING: that `conn`'s edge knows of in it, 0 = untold */
    uint64_t token;                /* LAGGING; answers */
    bool no_echo;                  /* PUBLISH: leave out `conn` */
    /* answers */
    enum client_error error;
    uint64_t retry_ms;          /* with an error: when to try again, 0 = untold */
    struct push *ok;            /* filled but for the id; NULL on error */
    const struct push **missed; /* JOINED: what the connection lacks, oldest first; LAGGED: what it
                                   is told instead of it */
    size_t missed_count;
    bool first_on_edge; /* JOINED */
};

/* First in, first out, emptied within each step. */
struct mailbox {
    struct message *items;
    size_t head;
    size_t count;
    size_t capacity;
};

void mailbox_init(struct mailbox *mailbox);
void mailbox_fini(struct mailbox *mailbox);
void mailbox_post(struct mailbox *mailbox, const struct message *message);
/* False when empty. */
bool mailbox_take(struct mailbox *mailbox, struct message *ret_message);

#endif
