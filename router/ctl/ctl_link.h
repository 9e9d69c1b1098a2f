/* A connection to a router: requests out, replies in, for one question or for many. */
#ifndef ROUTER_CTL_CTL_LINK_H
#define ROUTER_CTL_CTL_LINK_H

#include "common/bytes.h"

#include <event2/event.h>

struct ctl_keys;
struct ctl_link;

/* `reply` is valid during the call only; the link must not be freed inside. */
typedef void ctl_link_reply(void *owner, struct bytes reply);

/* NULL with errno set: the endpoint is none. */
struct ctl_link *ctl_link_new(struct event_base *base, const char *endpoint,
                              const struct ctl_keys *keys, ctl_link_reply *on_reply, void *owner);
void ctl_link_free(struct ctl_link **link);

/* Leaves as soon as there is a connection. One that has not left is replaced by the next: who asks
 * again does not want the first any more. Copied. */
void ctl_link_send(struct ctl_link *link, struct bytes request);

/* For what is said last: waits for it to leave, for a moment. */
void ctl_link_free_after(struct ctl_link **link);

/* Why the handshake failed, static; NULL when it has not. */
const char *ctl_link_failure(const struct ctl_link *link);

#endif
