/* What a sample of GET /v1/series is made of. */
#ifndef ROUTER_ROUTER_SERIES_H
#define ROUTER_ROUTER_SERIES_H

#include "router/plane.h"
#include "router/series.h"

#include <stdint.h>

/* The figures as they are now; the canary and the bytes are those of the edge that has most. */
void router_series_read(const struct router_plane *plane, uint64_t now_ms,
                        uint64_t ret_values[SERIES_COUNT]);

#endif
