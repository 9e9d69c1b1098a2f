/* /health, /ready and /metrics of the router, and the API. */
#ifndef ROUTER_ROUTER_HTTP_H
#define ROUTER_ROUTER_HTTP_H

#include "common/metrics.h"
#include "router/admin.h"
#include "router/plane.h"
#include "router/router_api.h"

#include <stdint.h>

struct event_base;
struct router_http;

/* What the pages tell of; borrowed, must outlive the pages. */
struct router_http_sources {
    const struct router_plane *plane;
    struct admin *admin;
    struct metrics *metrics;
    const struct router_options *options;
    uint64_t credit_bytes; /* --link-credit */
    uint64_t started_ms;   /* monotonic */
};

/* NULL with errno set when "HOST:PORT" cannot be bound. */
struct router_http *router_http_new(struct event_base *base, const char *listen,
                                    const struct router_http_sources *sources);
void router_http_free(struct router_http **http);

/* `http` may be NULL, as --http-listen off gives: NULL. */
struct router_api *router_http_api(const struct router_http *http);

/* Samples the figures of GET /v1/series when it is time; the monotonic time of the next sample.
 * `http` may be NULL: never. */
uint64_t router_http_tick(struct router_http *http, uint64_t now_ms, uint64_t wall_ms);

#endif
