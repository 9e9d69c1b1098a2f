/* Traces of messages go to an OpenTelemetry collector (--otlp-endpoint): OTLP over HTTP, as JSON.
 * What it does not take in time waits in a queue with an end; beyond it traces are dropped and
 * counted. */
#ifndef ROUTER_ROUTER_OTLP_H
#define ROUTER_ROUTER_OTLP_H

#include "common/metrics.h"
#include "router/admin.h"
#include "router/router_options.h"

#include <stdint.h>

struct event_base;
struct router_otlp;

/* NULL when there is no endpoint. All are borrowed and must outlive it. */
struct router_otlp *router_otlp_new(struct event_base *base, struct admin *admin,
                                    struct metrics *metrics, const struct router_options *options);
/* After this the admin tells nobody. */
void router_otlp_free(struct router_otlp **otlp);

/* Once in a turn: sends when it is time. The monotonic time when it wants to be called again.
 * `otlp` may be NULL: never. */
uint64_t router_otlp_tick(struct router_otlp *otlp, uint64_t now_ms);

#endif
