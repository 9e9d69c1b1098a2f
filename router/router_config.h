/* The core's configuration as the options say it. */
#ifndef ROUTER_ROUTER_CONFIG_H
#define ROUTER_ROUTER_CONFIG_H

#include "router/core.h"
#include "router/router_options.h"

struct core_rates router_core_rates(const struct router_options *options);

/* Without what does not come from options: policy, durability of inboxes. Draws the seed. */
struct core_config router_core_config(const struct router_options *options);

#endif
