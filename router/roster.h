/* What clients believe of who is there. The words "joined", "left", "online" and "offline" have no
 * numbers: what a router had said and its death swallowed on the way, nobody would ask for. So its
 * edges keep, per group, a number that stands for what its members were told; the next router
 * compares it with what is so, and where they differ says so (unsure.h). For a room the number is
 * made of its members' names, for a watch channel it says online or offline. Both sides. */
#ifndef ROUTER_ROSTER_H
#define ROUTER_ROSTER_H

#include "router/room.h"
#include "router/user.h"

/* The members of the room, or the edges' belief of them, change by the user: applied twice it is
 * undone. */
uint32_t roster_of_user(const struct user *user);

/* What is so now; 0 = nothing that clients are told. */
uint32_t roster_now(const struct router_core *core, const struct channel *channel);

/* A joined or left was delivered to all edges with members. */
void roster_told(struct router_core *core, struct channel *channel, uint32_t change);
/* The clients of the edge (ALL_EDGES: of all) know, or know that they have to ask. */
void roster_known(struct router_core *core, struct channel *channel, uint32_t edge);

/* An edge's members were told so by the former router. */
void roster_announced(struct router_core *core, struct channel *channel, uint32_t roster);
/* True when some were told otherwise than it is, as far as edges said. */
bool roster_differs(const struct router_core *core, const struct channel *channel);

#endif
