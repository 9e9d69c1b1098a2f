/* Operators who watch live: what the core's taps tell goes to each of them in batches, one for a
 * turn of the loop. A tool that does not keep up is given WATCH_WINDOW batches; then up to
 * WATCH_BYTES_MAX of events wait for it, and what comes on top of that is counted and told as lost.
 * Part of the admin; only admin*.c and the router's loop call it. */
#ifndef ROUTER_ADMIN_WATCH_H
#define ROUTER_ADMIN_WATCH_H

#include "router/admin.h"
#include "router/admin_inquiry.h"
#include "router/admin_trace.h"

enum {
    ADMIN_WATCHERS_MAX = 16,
    ADMIN_WATCH_WINDOW = 8,
    ADMIN_WATCH_BYTES_MAX = 256 * 1024,
    ADMIN_WATCH_ALIVE_MS = 10000,
    ADMIN_TOP_DEFAULT = 10
};

/* The plane's on_tapped, now. */
void admin_tapped(struct admin *admin, const struct core_tapped *tapped, uint64_t trace,
                  const struct admin_stamp *now);

/* At the end of a turn of the loop: sends what waits, and ends what nobody wants any more. */
void admin_flush(struct admin *admin, uint64_t now_ms, uint64_t wall_ms);
/* When admin_flush has something to do though nothing happens; UINT64_MAX = never. */
uint64_t admin_deadline(const struct admin *admin);

#endif
