/* From a command line to the bytes of a request. */
#ifndef ROUTER_CTL_CTL_REQUEST_H
#define ROUTER_CTL_CTL_REQUEST_H

#include "common/buf.h"
#include "router/ctl/ctl_args.h"

/* Appends the request (proto/admin.proto) that `args` asks for. */
void ctl_request(const struct ctl_args *args, struct buf *out);

#endif
