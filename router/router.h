/* The router process without its options: sockets, loop and pages around router/plane.h. */
#ifndef ROUTER_ROUTER_H
#define ROUTER_ROUTER_H

#include "common/status.h"
#include "router/policy_table.h"
#include "router/reload.h"
#include "router/router_options.h"

#include <stdbool.h>
#include <stdint.h>

struct router;

/* Binds everything. NULL when that cannot be done: a log line says what and why. `options` is
 * borrowed and must outlive the router, `policy` is copied. */
struct router *router_new(const struct router_options *options, const struct policy_table *policy);
void router_free(struct router **router);

/* Runs until SIGTERM or SIGINT; edges are told to wait for the next router before it returns.
 * SIGHUP and splitrailctl call `reload`. A second signal ends at once. */
void router_run(struct router *router, reload_now *reload, void *owner);
/* Afterwards: false when it stopped because it had to (a newer router owns the data). */
bool router_stopped_well(const struct router *router);

/* Live change of the rooms' policy, copied. */
void router_set_policy(struct router *router, const struct policy_table *policy);

/* Other keys for tokens, borrowed until the next call or the router's end. */
void router_set_keys(struct router *router, struct jws_keys *keys);

/* The lists of options->curve have changed: removed edges are given up. */
void router_set_allowed(struct router *router);
/* Reads --api-keys-file again and takes over what else is live of the API. */
void router_reload_api(struct router *router, struct reload_report *report);

/* The live rates of `options`, of which nothing else is taken. */
void router_set_rates(struct router *router, const struct router_options *options);

#endif
