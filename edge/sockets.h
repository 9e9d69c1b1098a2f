/* The sockets of all clients in one epoll descriptor, which is one event of the loop: a socket
 * costs nothing in userland for being watched, where an event of libevent of its own costs 168
 * bytes (docs/decisions/0031). Level-triggered, like the loop.
 *
 * Sockets are named by the id of their connection: what was reported and is gone by the time it is
 * looked at is a stale id, whatever its descriptor's number means by then. */
#ifndef EDGE_SOCKETS_H
#define EDGE_SOCKETS_H

#include "common/slotmap.h"

#include <stdbool.h>

struct event_base;
struct sockets;

enum { SOCKET_READABLE = 1, SOCKET_WRITABLE = 2 };

/* Called from the loop for each socket that is ready; broken ones are both. `what` is not limited
 * to what is watched. `id` may be stale. */
typedef void sockets_ready(void *owner, slot_id id, unsigned what);

/* NULL when there is no descriptor left. */
struct sockets *sockets_new(struct event_base *base, sockets_ready *on_ready, void *owner);

/* Before the base is freed. */
void sockets_free(struct sockets **sockets);

/* Watches `fd` for `wanted` (a set of SOCKET_…, may be empty); `watched` is what it was watched for
 * before. A descriptor that is closed is not watched any more. False when the kernel has no memory:
 * then it is not watched. */
bool sockets_watch(struct sockets *sockets, int fd, slot_id id, unsigned watched, unsigned wanted);

/* on_ready is called with SOCKET_READABLE soon, whatever the socket says; the loop does not sleep
 * before. Once for each call of this. */
void sockets_wake(struct sockets *sockets, slot_id id);

#endif
