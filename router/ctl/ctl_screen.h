/* top on a terminal, or as screens one after the other where there is none. */
#ifndef ROUTER_CTL_CTL_SCREEN_H
#define ROUTER_CTL_CTL_SCREEN_H

#include "router/ctl/ctl_args.h"
#include "router/ctl/ctl_reply.h"

struct ctl_keys;

enum ctl_exit ctl_screen(const struct ctl_args *args, const char *endpoint,
                         const struct ctl_keys *keys);

#endif
