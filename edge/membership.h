/* Where the two sides of membership are kept: of a group its members, of a session its groups; in
 * place while they are few, else in an allocation of their own. Inside of groups.c. Pure. */
#ifndef EDGE_MEMBERSHIP_H
#define EDGE_MEMBERSHIP_H

#include "edge/groups.h"

#include <stddef.h>
#include <stdint.h>

/* Slots of the members, and for each its index in the session's list. */
uint32_t *group_slots(struct edge_group *group);
uint32_t *group_backs(struct edge_group *group);

/* Members that have room. */
uint32_t group_capacity(const struct edge_group *group);

/* Bytes of its own allocation. */
size_t group_members_bytes(const struct edge_group *group);

/* Gives it an allocation for `capacity` members, no fewer than there are. */
void group_members_grow(struct edge_group *group, uint32_t capacity);

struct edge_membership *session_memberships(struct edge_session *session);
uint32_t session_capacity(const struct edge_session *session);
size_t session_memberships_bytes(const struct edge_session *session);

/* Gives it an allocation for twice as many groups as it has, and for what few sessions have. */
void session_memberships_grow(struct edge_session *session);

/* In place again if nothing needs the allocation any more. */
void session_memberships_shrink(struct edge_session *session);

#endif
