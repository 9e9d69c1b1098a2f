/* What a room's policy says about the messages of clients: size, rate of all together, slow mode.
 */
#ifndef ROUTER_ROOM_LIMITS_H
#define ROUTER_ROOM_LIMITS_H

#include "router/messages.h"
#include "router/room.h"

/* NONE, and the message is counted; else why it is refused, when to try again (0 = never) and,
 * maybe, a static text. */
enum client_error room_limits_admit(const struct router_core *core, struct room *room,
                                    const struct message *message, uint64_t *ret_retry_ms,
                                    const char **ret_why);

#endif
