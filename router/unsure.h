/* Ghosts: whom clients were told of and only a dead router knew. They were in grace (their edges do
 * not have them any more), or on an edge that died with the router. A new router cannot name them.
 * So the edges keep for it, per group, whether somebody in it was in grace, and a number that
 * stands for the edges there were. When the new state is complete, the members of such a room are
 * told that joins and leaves are missing (a gap from 0 to 0: ask `presence`), and the watchers of a
 * user who is not there that he is offline. Both sides. */
#ifndef ROUTER_UNSURE_H
#define ROUTER_UNSURE_H

#include "router/channel.h"
#include "router/user.h"

/* After a change of who is in grace in the room, or of the user. */
void unsure_room(struct router_core *core, struct channel *channel, bool in_grace);
void unsure_user(struct router_core *core, struct user *user);
/* In grace, just come, or told to be offline while an edge lacks that may have him. */
bool unsure_user_now(const struct user *user);

/* An edge's group was bound to the channel: it has no policy yet. */
void unsure_bound(struct router_core *core, const struct channel *channel, uint32_t edge);
/* The former router had said that the edge's group, which is bound, is unsure. */
void unsure_announced(struct router_core *core, struct channel *channel);
/* An edge announced everything, and which edges there were; 0 = it does not know: it is new, or,
 * when it has clients, the former router died before it knew that: then rosters have to do. One
 * that dies before is missing like one that never came. */
void unsure_announce_end(struct router_core *core, uint64_t incarnation, uint64_t others,
                         bool has_clients);

/* The state has become complete for the first time. */
void unsure_rebuilt(struct router_core *core);
/* Goes on telling, in slices. */
void unsure_tick(struct router_core *core);
/* 0 while there is something to be told, else UINT64_MAX. */
uint64_t unsure_deadline(const struct router_core *core);

#endif
