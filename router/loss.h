/* Connections that are lost: how long their users have to come back. Ordinary losses get the
 * ordinary grace; those of a mass loss (mass.h) a long one with a random part. Session side. */
#ifndef ROUTER_LOSS_H
#define ROUTER_LOSS_H

#include "router/conn.h"
#include "router/edges.h"

/* The connection broke; `extra_ms` more than its grace (a drain's delay). */
void loss_of_conn(struct router_core *core, struct conn *conn, uint64_t extra_ms);

/* An edge is gone with all its connections, and was last heard of `silent_ms` ago. */
void loss_of_edge(struct router_core *core, struct router_edge *edge, uint64_t silent_ms);

/* A new connection of the user. When as many have come as the mass loss took, nobody else is
 * expected: their grace is the ordinary one from now on, in which the newcomers join their rooms.
 * Those who came back before the loss was known count too. */
void loss_user_returned(struct router_core *core, struct user *user);

/* The detached connection is freed. */
void loss_over(struct conn *conn);

#endif
