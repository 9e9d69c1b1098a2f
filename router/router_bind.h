/* Where the router listens for edges and tools. */
#ifndef ROUTER_ROUTER_BIND_H
#define ROUTER_ROUTER_BIND_H

#include "common/options.h"
#include "common/privileges.h"
#include "common/zlink.h"

#include <stdbool.h>
#include <stddef.h>

struct router_doors;

/* Binds `link` to all endpoints; the door that `what` ("plane", "admin") names is put before each,
 * socket files become `user`'s. *bound counts those that are ours. False: it was logged why. */
bool router_bind_all(struct zlink *link, const struct option_list *endpoints, const char *what,
                     const struct router_doors *doors, const struct privileges *user,
                     size_t *bound);

/* Removes the socket files of the first `bound` endpoints: ZeroMQ leaves them behind, and
 * splitrailctl takes one for a router. To be called while we listen: then nobody else can have
 * taken their place. */
void router_bind_remove_files(const struct option_list *endpoints, size_t bound);

/* Logs that `endpoint` could not be bound. */
void router_bind_failed(const char *endpoint, const char *reason);

#endif
