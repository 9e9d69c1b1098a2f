/* watch, tail and trace: a line for each event. */
#ifndef ROUTER_CTL_CTL_STREAM_H
#define ROUTER_CTL_CTL_STREAM_H

#include "router/ctl/ctl_args.h"
#include "router/ctl/ctl_reply.h"

struct ctl_keys;

enum ctl_exit ctl_stream(const struct ctl_args *args, const char *endpoint,
                         const struct ctl_keys *keys);

#endif
