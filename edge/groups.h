/* What the edge fans out to: groups (opaque 64-bit ids that routers give) and their local members,
 * and per connection a session with the record the router gave and the groups it is in. Pure.
 *
 * A session that ended stays until the router has finished its end (`closed`): it is out of all
 * member arrays at once, but holds its groups, so that a new router can still be told of it and the
 * old one's "first on this edge" stays true. */
#ifndef EDGE_GROUPS_H
#define EDGE_GROUPS_H

#include "common/bytes.h"
#include "common/digest.h"
#include "common/slotmap.h"
#include "edge/edge_record.h"
#include "edge/group_index.h"
#include "edge/holes.h"
#include "edge/lags.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of a group with members, and what few groups have. */
struct edge_members {
    struct hole *hole; /* something lacks, see holes.h; NULL: nothing does */
    uint32_t lagging;  /* members for whom deliveries are left out */
    uint32_t capacity;
    uint32_t slots[]; /* packed; behind `capacity` of them, for each, the index in its session's
                         list */
};

struct edge_group {
    uint64_t id; /* 0 = not bound to the present router */
    uint64_t last_offset;
    union { /* see groups_members() */
        struct edge_members *members;
        uint32_t only[2]; /* one member, and its index: most groups */
    };
    uint32_t count;
    uint32_t local;      /* our own number */
    uint32_t holds : 29; /* closed sessions that still count */
    bool many : 1;       /* `only` was not enough */
    bool droppable : 1;  /* deliveries may be left out for who reads too slowly */
    bool unsure : 1;     /* somebody was in grace, as far as the last router said */
    struct edge_record record;
    uint32_t pending; /* scratch of the uplink: first waiting payload + 1 */
    uint32_t
        roster; /* what members were told of who is there, a number of the router; 0 = untold */
    union edge_record_place record_place; /* last */
};

/* Valid until the group is bound again. */
struct bytes edge_group_record(const struct edge_group *group);

/* Slots of its members, `count` of them; valid until the next change. */
static inline const uint32_t *groups_members(const struct edge_group *group)
{
    return group->many ? group->members->slots : group->only;
}

/* What lacks, or NULL: nothing does. */
static inline struct hole *edge_group_hole(const struct edge_group *group)
{
    return group->many ? group->members->hole : NULL;
}

/* Members for whom deliveries are left out. */
static inline uint32_t edge_group_lagging(const struct edge_group *group)
{
    return group->many ? group->members->lagging : 0;
}

struct edge_membership {
    uint32_t local; /* group */
    uint32_t pos;   /* in its arrays; UINT32_MAX once the session is closed */
};

/* Of a session in many groups, and what few sessions have. */
struct edge_memberships {
    struct edge_session *older; /* closed predecessor in the same slot */
    struct edge_session *next;  /* queue of closed ones */
    uint32_t capacity;
    struct edge_membership items[];
};

enum { SESSION_GROUPS_FEW = 2 }; /* its inbox, and a room */

struct edge_session {
    uint32_t slot;
    uint32_t gen;
    union {
        uint64_t number;     /* while open: of its last message */
        uint64_t closed_tag; /* then: finished with this up-frame; 0 = not sent yet */
    };
    uint32_t group_count : 26;
    bool accepted : 1; /* and has a record */
    bool closed : 1;
    bool orphan : 1; /* belongs to a fenced incarnation: nothing is told about it */
    bool ending : 1; /* the router wants it closed: no other router is told of it */
    bool left : 1;   /* the shell has ended it; it is closed when the batch at work is done */
    bool many : 1;   /* `few` was not enough; always when closed */
    struct edge_record record;
    union { /* see groups_of() */
        struct edge_memberships *groups;
        struct edge_membership few[SESSION_GROUPS_FEW];
    };
    union edge_record_place record_place; /* last */
};

/* Empty until accepted; valid until it gets another. */
struct bytes edge_session_record(const struct edge_session *session);

/* What the session is in, `group_count` of them; valid until the next change. */
static inline const struct edge_membership *groups_of(const struct edge_session *session)
{
    return session->many ? session->groups->items : session->few;
}

/* Its closed predecessor in the same slot, or NULL. */
static inline struct edge_session *edge_session_older(const struct edge_session *session)
{
    return session->many ? session->groups->older : NULL;
}

struct groups {
    struct group_index by_id;
    struct slotmap table;
    struct lags lags;               /* of members of groups */
    struct holes holes;             /* of groups */
    struct edge_session **sessions; /* by slot: the current one, then older ones */
    uint32_t session_capacity;
    uint64_t memory_bytes; /* estimate */
    struct digest digest;  /* of open accepted sessions and their places in bound groups */
};

void groups_init(struct groups *groups, const uint8_t seed[16]);
void groups_fini(struct groups *groups);

/* A session for (slot, gen); an open one in the slot is our bug. */
struct edge_session *groups_open(struct groups *groups, uint32_t slot, uint32_t gen);
/* The open session of a slot, or NULL. */
struct edge_session *groups_current(const struct groups *groups, uint32_t slot);
/* Open or closed session, or NULL: gone. */
struct edge_session *groups_session(const struct groups *groups, uint32_t slot, uint32_t gen);
/* Out of the member arrays, still holding its groups. */
void groups_close(struct groups *groups, struct edge_session *session);
/* Forgets a session (open or closed) and what only it held. */
void groups_forget(struct groups *groups, struct edge_session *session);
/* The router wants the session closed, and may have forgotten it. */
void groups_set_ending(struct groups *groups, struct edge_session *session);
/* Copies the record; an open session may move, so its pointer is not valid any more. */
void groups_set_record(struct groups *groups, struct edge_session *session, struct bytes record);

struct edge_group *groups_find(const struct groups *groups, uint64_t id);
/* A new group, bound to `id` (which must not be known), or unbound with id 0. */
struct edge_group *groups_add(struct groups *groups, uint64_t id, struct bytes record);
struct edge_group *groups_at(const struct groups *groups, uint32_t local);

/* Idempotent. A closed session only holds the group. */
void groups_join(struct groups *groups, struct edge_group *group, struct edge_session *session);
/* Harmless when not a member. May free the group. */
void groups_leave(struct groups *groups, struct edge_group *group, struct edge_session *session);

/* The member of a slot starts to lag (it must not lag in the group yet): `first` is the offset that
 * it lacks first. */
void groups_lag(struct groups *groups, struct edge_group *group, uint32_t slot, uint64_t first);
/* Its lag, or NULL. Quick for groups in which nobody lags. */
struct lag *groups_lag_of(const struct groups *groups, const struct edge_group *group,
                          uint32_t slot);
/* It lags no more. */
void groups_lag_end(struct groups *groups, struct lag *lag);

/* The digest's sum of one bucket, counted anew from the sessions. */
uint64_t groups_digest_count(const struct groups *groups, uint32_t bucket);
/* Something lacks in the group. */
struct hole *groups_hole_begin(struct groups *groups, struct edge_group *group);
/* Nothing lacks in the group any more, or nobody shall be told what does. */
void groups_hole_end(struct groups *groups, struct edge_group *group);

/* A new router: all ids are void until bound again. */
void groups_unbind_all(struct groups *groups);
/* Gives the group its id and a new record; those who lag keep the one they know. False when another
 * group has this id: nothing changed.
 */
bool groups_bind(struct groups *groups, struct edge_group *group, uint64_t id, struct bytes record);
/* Removes all members and the group. */
void groups_drop(struct groups *groups, struct edge_group *group);
/* Moves all members into another group and removes this one. */
void groups_merge(struct groups *groups, struct edge_group *group, struct edge_group *into);

#endif
