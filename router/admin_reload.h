/* The question "reload": who does it is not the admin. */
#ifndef ROUTER_ADMIN_RELOAD_H
#define ROUTER_ADMIN_RELOAD_H

#include "router/admin.h"
#include "router/reload.h"

/* Without it, the question is refused. The call comes from inside admin_handle and must not ask the
 * admin. */
void admin_set_reload(struct admin *admin, reload_now *reload, void *owner);

#endif
