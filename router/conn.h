/* A client connection as the session side knows it: attached (its edge serves it) or detached
 * (lost, in grace). Knows the groups it is in; the other side and the watched users count it. */
#ifndef ROUTER_CONN_H
#define ROUTER_CONN_H

#include "router/policy.h"
#include "router/user.h"

#include <stdbool.h>
#include <stdint.h>

struct agent;

/* Most connections are in one room: that needs no array. */
struct conn_ids {
    union {
        slot_id only; /* while capacity is 0 */
        slot_id *items;
    };
    uint32_t count;
    uint32_t capacity;
};

/* What few connections have; see conn_rare(). */
struct conn_rare {
    struct conn_ids watches; /* users */
    uint64_t expires_at_ms;  /* by the wall clock; 0 = never */
    uint8_t *rights;         /* of its token; NULL: the policy decides */
    uint16_t rights_len;
    uint32_t extra_ms; /* of its grace, for a drain's delay */
};

struct conn {
    slot_id id;
    struct conn_ref ref;
    uint32_t rates_at;      /* private to rates.c */
    struct address address; /* the client's */
    struct user *user;
    struct conn *older; /* of the same user; the oldest one has the newest here */
    struct conn *newer; /* NULL: this is the newest */
    uint64_t number;    /* of its last message */
    uint64_t connected_at_ms;
    uint64_t last_activity_ms;
    union {
        uint64_t opened_ms; /* while attached: here, or announced */
        uint64_t lost_ms;   /* while detached: when it broke; 0 = it did not */
    };
    struct conn_ids rooms;
    struct agent *agent;    /* NULL: it said none */
    struct conn_rare *rare; /* NULL until something in it is not zero */
    uint32_t edge_serial;
    bool attached : 1;
    bool told_to_go : 1;   /* for exceeding its limits, or its token ended */
    bool waiting : 1;      /* for the log of its user's inbox: not accepted, or not in the inbox */
    bool in_mass_loss : 1; /* detached with many others */
    bool has_address : 1;
    bool counted : 1; /* among those of its address */
    uint8_t encoding;
};

enum { CONN_AGENT_MAX = 512 }; /* agents are cut to this */

/* For reading: all zeros when it was never made. */
static inline const struct conn_rare *conn_rare(const struct conn *conn)
{
    static const struct conn_rare none;
    return conn->rare == NULL ? &none : conn->rare;
}

/* For writing: made when it is not there; stays as long as the connection. */
struct conn_rare *conn_rare_made(struct conn *conn);

/* Text of its address, written to `out`; empty when the edge knows none. */
struct bytes conn_address(const struct conn *conn, char out[ADDRESS_TEXT_MAX]);
struct bytes conn_agent(const struct conn *conn);

/* The attached connection with exactly this name, else NULL. */
struct conn *conn_find(const struct router_core *core, struct conn_ref ref);

/* A new attached connection of `user` on an edge that is up. It is `waiting` until it enters the
 * inbox. */
struct conn *conn_new(struct router_core *core, struct user *user, struct conn_ref ref,
                      const struct session_info *info);

/* What its token allows. */
struct bytes conn_rights(const struct conn *conn);
/* True when token and policy give it all of `wanted` (enum right) in the room. */
bool conn_may(const struct router_core *core, const struct conn *conn, struct bytes room,
              unsigned wanted);
void conn_set_rights(struct conn *conn, struct bytes rights);

/* When its token ends, by the wall clock; 0 = never. */
void conn_set_token_end(struct router_core *core, struct conn *conn, uint64_t expires_at_ms);

/* Into the fan-out of its user's inbox. True when it is the first there on its edge. */
bool conn_enter_inbox(struct router_core *core, struct conn *conn);

/* Out of the fan-out of all its groups, which it stays a member of; its watches end. */
void conn_detach(struct router_core *core, struct conn *conn);

/* Ends it and its memberships: the rooms hear of it by message. Does not speak of presence. */
void conn_free(struct router_core *core, struct conn *conn, const char *reason);
/* All that it owns, when nothing hears of anything any more. */
void conn_drop(struct router_core *core, struct conn *conn);

static inline const slot_id *conn_ids_all(const struct conn_ids *ids)
{
    return ids->capacity == 0 ? &ids->only : ids->items;
}

/* Frees what more than one needed. */
void conn_ids_fini(struct conn_ids *ids);

/* Moves the last one into the place `at`. */
void conn_ids_remove(struct conn_ids *ids, uint32_t at);

bool conn_in_room(const struct conn *conn, slot_id room);
void conn_add_room(struct router_core *core, struct conn *conn, slot_id room);
void conn_remove_room(struct router_core *core, struct conn *conn, slot_id room);

bool conn_watches(const struct conn *conn, slot_id user);
/* Ends one watch. False when there was none. */
bool conn_remove_watch(struct router_core *core, struct conn *conn, struct user *user);
/* Begins one; not for a user it watches already. True when first on the edge. */
bool conn_add_watch(struct router_core *core, struct conn *conn, struct user *user);

#endif
