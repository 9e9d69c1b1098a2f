/* Commands that ask no router: those about a data directory, which none may use meanwhile, and the
 * making of keys. */
#ifndef ROUTER_CTL_CTL_OFFLINE_H
#define ROUTER_CTL_CTL_OFFLINE_H

#include "router/ctl/ctl_args.h"
#include "router/ctl/ctl_reply.h"

bool ctl_is_offline(enum ctl_command command);

/* Does it, with standard input and output. */
enum ctl_exit ctl_offline(const struct ctl_args *args);

#endif
