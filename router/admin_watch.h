/* Operators who watch live: what the core's taps tell goes to each of them in batches, one for a
 * turn of the loop. A tool that does not keep up is given WATCH_WINDOW batches; then up to
 * WATCH_BYTES_MAX of events wait for it, and what comes on top of that is counted and told as lost.
 * Part of the admin; only admin*.c and the router's loop call it. */
#ifndef ROUTER_ADMIN_WATCH_H
#define ROUTER_ADMIN_WATCH_H

#include "router/admin.h"

enum {
    ADMIN_WATCHERS_MAX = 16,
    ADMIN_WATCH_WINDOW = 8,
    ADMIN_WATCH_BYTES_MAX = 256 * 1024,
    ADMIN_WATCH_ALIVE_MS = 10000,
    ADMIN_TOP_DEFAULT = 10
};

/* The plane's on_tapped. */
void admin_tapped(struct admin *admin, const struct core_tapped *tapped);

/* At the end of a turn of the loop: sends what waits, and ends what nobody wants any more. */
void admin_flush(struct admin *admin, uint64_t now_ms, uint64_t wall_ms);

#endif
