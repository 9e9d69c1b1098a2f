/* The room side: members as users with a count of connections, the stream, and what waits for the
 * engine. Hears the session side through messages only. */
#ifndef ROUTER_ROOM_H
#define ROUTER_ROOM_H

#include "common/gcra.h"
#include "common/u32map.h"
#include "router/channel.h"
#include "router/idle.h"
#include "router/messages.h"

#include <stdbool.h>
#include <stdint.h>

struct room {
    struct channel channel; /* first: a room's channel is the room */
    struct u32map members;  /* user index -> connections, attached and detached */
    struct u32map detached; /* user index -> those of them in grace; mostly empty */
    struct idle_link *idle; /* NULL while somebody holds it */
    enum room_class class;
    struct gcra rate;      /* of all messages of clients */
    struct u32map sent_at; /* slow mode: user index -> when it sent last, see room_limits.c */
    uint32_t sweep_at;     /* so many of them are looked through */
    uint32_t roster;       /* of its members, see roster.h */
    uint8_t name[];
};

enum { MEMBERS_LISTED_MAX = 1000 };

struct room *room_find(const struct router_core *core, struct bytes name);
struct room *room_by_group(const struct router_core *core, slot_id group);

/* Finds or creates. NULL when rooms_max is reached and no room is empty. A new room is idle until
 * something holds it; room_settle after use. */
struct room *room_ensure(struct router_core *core, struct bytes name);

/* After a change: into the idle list (to its end) when empty, else out of it. */
void room_settle(struct router_core *core, struct room *room);

/* Nobody may hold it. */
void room_forget(struct router_core *core, struct room *room);

/* A new policy for all rooms: their limits at once, the class of those made from now on. */
void room_set_policy(struct router_core *core, const struct core_event *event);

/* Handles one message to the room side. */
void room_message(struct router_core *core, const struct message *message);

/* Users that left while the state was incomplete, now that it is complete. */
void room_release_holds(struct router_core *core);

/* Attached connections and member list (of at most `count_max`), valid until the next step. */
const struct push_member *room_members(struct router_core *core, const struct room *room,
                                       size_t count_max, size_t *ret_count);
struct push_member room_member(const struct router_core *core, const struct room *room,
                               uint32_t user, uint32_t connections);

#endif
