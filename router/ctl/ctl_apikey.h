/* splitrailctl apikey: a new key for the HTTP API. */
#ifndef ROUTER_CTL_CTL_APIKEY_H
#define ROUTER_CTL_CTL_APIKEY_H

#include "router/ctl/ctl_args.h"
#include "router/ctl/ctl_reply.h"

/* Prints key and line. */
enum ctl_exit ctl_apikey(const struct ctl_args *args);

#endif
