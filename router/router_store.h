/* What the store says of itself, for log and metrics: told when it changes. */
#ifndef ROUTER_ROUTER_STORE_H
#define ROUTER_ROUTER_STORE_H

#include "common/metrics.h"
#include "router/engine/engine.h"
#include "router/router_options.h"

#include <stdint.h>

struct router_store {
    const char *trouble;   /* as logged; NULL = none */
    enum engine_room room; /* likewise */
    uint64_t commits;      /* as measured */
};

/* Once in a turn. */
void router_store_look(struct router_store *store, const struct engine_stats *stats,
                       struct metrics *metrics, const struct router_options *options);

#endif
