/* Where the router listens for edges and tools. */
#ifndef ROUTER_ROUTER_BIND_H
#define ROUTER_ROUTER_BIND_H

#include "common/options.h"
#include "common/privileges.h"
#include "common/zlink.h"

#include <stdbool.h>
#include <stddef.h>

/* Binds `link` to all endpoints; socket files become `user`'s. *bound counts those that are ours.
 * False: it was logged why. `what` is for the log. */
bool router_bind(struct zlink *link, const struct option_list *endpoints, const char *what,
                 const struct privileges *user, size_t *bound);

/* Removes the socket files of the first `bound` endpoints: ZeroMQ leaves them behind, and
 * splitrailctl takes one for a router. To be called while we listen: then nobody else can have
 * taken their place. */
void router_unbind(const struct option_list *endpoints, size_t bound);

/* Logs that `endpoint` could not be bound. */
void router_bind_failed(const char *endpoint, const char *reason);

#endif
