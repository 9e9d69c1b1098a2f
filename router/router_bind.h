/* Endpoints of the router's links: binding, and taking their files away again. */
#ifndef ROUTER_ROUTER_BIND_H
#define ROUTER_ROUTER_BIND_H

#include "common/options.h"
#include "common/zlink.h"

#include <stdbool.h>
#include <stddef.h>

struct router_doors;

/* Logs why something cannot be bound. */
void router_bind_failed(const char *endpoint, const char *reason);

/* Binds all; `door` is called before each. False: it was logged why, and the first *bound are ours.
 */
bool router_bind_all(struct zlink *link, const struct option_list *endpoints, const char *what,
                     const struct router_doors *doors, size_t *bound);

/* ZeroMQ leaves socket files behind, and splitrailctl takes one for a router. While we listen on it
 * nobody else can have taken its place. */
void router_bind_remove_files(const struct option_list *endpoints, size_t bound);

#endif
