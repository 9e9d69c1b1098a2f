/* A router's answer, read, and narrowed to what was asked where the router does not do that itself.
 */
#ifndef ROUTER_CTL_CTL_REPLY_H
#define ROUTER_CTL_CTL_REPLY_H

#include "common/buf.h"
#include "common/bytes.h"
#include "proto/admin.pb-c.h"
#include "proto/arena.h"
#include "router/ctl/ctl_args.h"

enum ctl_exit {
    CTL_EXIT_DONE = 0,
    CTL_EXIT_USAGE = 1,
    CTL_EXIT_NO_ANSWER = 2,
    CTL_EXIT_NOT_FOUND = 3,
    CTL_EXIT_REFUSED = 4
};

/* The reply in `arena`, NULL when the bytes are none. */
Splitrail__Admin__Reply *ctl_reply_read(struct bytes bytes, struct arena *arena);

/* edges and edge ID: filters, sorts and cuts the edges, which the router sends in full. False when
 * the flags cannot be done: `text` says why. */
bool ctl_reply_narrow(const struct ctl_args *args, Splitrail__Admin__Reply *reply,
                      struct buf *text);

/* What the program exits with when this is the answer. */
enum ctl_exit ctl_reply_exit(const struct ctl_args *args, const Splitrail__Admin__Reply *reply);

/* Appends one line for a status that is not OK, or another failure that the router reports. */
void ctl_failure(const struct ctl_args *args, const Splitrail__Admin__Reply *reply,
                 enum ctl_exit code, struct buf *out);

/* The answer as tables (ctl_print.c) or as one JSON document (ctl_json.c), with a newline. */
void ctl_print(const struct ctl_args *args, const Splitrail__Admin__Reply *reply, struct buf *out);
void ctl_json(const struct ctl_args *args, const Splitrail__Admin__Reply *reply, struct buf *out);

#endif
