/* What a token lets its holder do, in the form in which it travels with a session: from the token
 * to the core, to the edge's record of the session and back to the next router. Pure.
 *
 * Empty: the token says nothing, the policy decides. Else: flags, number of rooms, for each room
 * its rights, the length of its pattern, the pattern; then the info. */
#ifndef ROUTER_RIGHTS_H
#define ROUTER_RIGHTS_H

#include "common/buf.h"
#include "common/bytes.h"

#include <stdbool.h>

enum right { RIGHT_JOIN = 1, RIGHT_PUBLISH = 2, RIGHT_HISTORY = 4, RIGHT_PRESENCE = 8 };

enum {
    RIGHTS_ALL = RIGHT_JOIN | RIGHT_PUBLISH | RIGHT_HISTORY | RIGHT_PRESENCE,
    RIGHTS_ROOMS_MAX = 64,
    RIGHTS_PATTERN_MAX = 128,
    RIGHTS_INFO_MAX = 1024,
    RIGHTS_BYTES_MAX = 2 + RIGHTS_ROOMS_MAX * (2 + RIGHTS_PATTERN_MAX) + RIGHTS_INFO_MAX
};

/* Writing: begin, rooms, then the info. */
void rights_begin(struct buf *out, bool speaks_of_rooms, bool direct);
/* At most RIGHTS_ROOMS_MAX, of 1 to RIGHTS_PATTERN_MAX bytes. `begin` is out->len at the begin. */
void rights_add_room(struct buf *out, size_t begin, struct bytes pattern, unsigned rights);
/* At most RIGHTS_INFO_MAX bytes: a JSON value. */
void rights_add_info(struct buf *out, struct bytes info);

/* True for empty ones and what the functions above write. All below want that. */
bool rights_valid(struct bytes rights);

/* True when the holder has all of `wanted` in the room. A room has the rights of all patterns that
 * match it; `*` in a pattern stands for any bytes. What says nothing of rooms has `otherwise`. */
bool rights_allow(struct bytes rights, struct bytes room, unsigned wanted, unsigned otherwise);

/* Direct messages may be sent. */
bool rights_direct(struct bytes rights);

/* Shown with the user; empty when there is none. */
struct bytes rights_info(struct bytes rights);

#endif
