/* The answer to clients who are not let in. Who gets one has perhaps not sent its request yet, and
 * bytes that arrive at a closed socket reset the connection, which may destroy the answer on its
 * way. So our side is shut down, and the socket stays for a moment to receive what still comes.
 * Shell. */
#ifndef EDGE_DOOR_H
#define EDGE_DOOR_H

#include "common/bytes.h"

struct door;
struct event_base;

/* Sockets that stay: the last so many that were refused, out of the descriptors that are kept back
 * for purposes like this (EDGE_DESCRIPTOR_RESERVE), each for so long and so many bytes at most. */
enum { DOOR_PLACES = 16, DOOR_LINGER_MS = 1000, DOOR_BYTES_MAX = 65536 };

/* The loop is the caller's and is there until door_free(). */
struct door *door_new(struct event_base *base);

/* Closes whoever is left. NULL is allowed. */
void door_free(struct door **door_at);

/* Sends `answer` on `fd`, as far as the socket takes it, and closes `fd` now or later. */
void door_refuse(struct door *door, int fd, struct bytes answer);

#endif
