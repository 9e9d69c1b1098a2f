/* The admin for a front-end in this process: the same questions and actions, as structs instead of
 * bytes. */
#ifndef ROUTER_ADMIN_LOCAL_H
#define ROUTER_ADMIN_LOCAL_H

#include "proto/admin.pb-c.h"
#include "router/admin.h"

#include <stdint.h>

/* The reply is valid during the call only, which must not call back into the admin. */
typedef void admin_local_reply(void *owner, uint64_t token, const Splitrail__Admin__Reply *reply);

void admin_set_local(struct admin *admin, admin_local_reply *reply, void *owner);

/* Who asks is request->by; "api" when that is empty.
 * Answered exactly once through the callback with `token`, most of the time inside the call, unless
 * the admin ends before. Version and id of the request are not looked at. Actions need a plane
 * flush afterwards. */
void admin_ask_local(struct admin *admin, uint64_t token, const Splitrail__Admin__Request *request,
                     uint64_t now_ms, uint64_t wall_ms);

#endif
