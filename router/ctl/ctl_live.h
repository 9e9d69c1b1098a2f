/* Commands that go on until they are ended: watch, tail, trace, top. */
#ifndef ROUTER_CTL_CTL_LIVE_H
#define ROUTER_CTL_CTL_LIVE_H

#include "router/ctl/ctl_args.h"
#include "router/ctl/ctl_reply.h"

#include <stdbool.h>

struct ctl_keys;

bool ctl_is_live(enum ctl_command command);

/* Prints to standard output until Ctrl-C, --limit or --for ends it. */
enum ctl_exit ctl_live(const struct ctl_args *args, const char *endpoint,
                       const struct ctl_keys *keys);

#endif
