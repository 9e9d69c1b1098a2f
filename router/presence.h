/* User presence: online while any connection lives or is in grace. Tells the watchers, answers
 * questions. Session side. */
#ifndef ROUTER_PRESENCE_H
#define ROUTER_PRESENCE_H

#include "router/conn.h"

#include <stdbool.h>

/* PRESENCE push to those who watch the user. */
void presence_tell(struct router_core *core, struct user *user, bool online);

/* OK for a command about users: their present state. */
struct push *presence_answer(struct router_core *core, const struct command *command);

/* The watch and unwatch commands. NONE, or the error with `ret_text` for people (may stay as it
 * is). */
enum client_error presence_watch(struct router_core *core, struct conn *conn,
                                 const struct command *command, struct bytes *ret_text);
void presence_unwatch(struct router_core *core, struct conn *conn, const struct command *command);

#endif
