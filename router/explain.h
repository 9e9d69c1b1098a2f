/* What the core knows about why somebody gets the messages of a room, or does not. Pure, read-only;
 * views are valid until the next step, as those of registry.h. */
#ifndef ROUTER_EXPLAIN_H
#define ROUTER_EXPLAIN_H

#include "router/registry.h"

struct explain_conn {
    struct registry_conn conn;
    bool joined;
    unsigned rights; /* enum right, in the room */
    bool waiting;    /* for its user's inbox to be read from the log */
    bool told_to_go;
    uint64_t retry_ms; /* the next command of a few bytes is refused for so long; 0 = it is not */
    uint64_t expires_at_ms;
    const struct ban *ban; /* of its address; NULL = none */
    uint64_t told_offset;  /* newest offset of the room that was given to its edge; 0 = none */
    uint64_t group;        /* the room's number at the edges; 0 = nobody has it in memory */
};

/* The connections of a user, seen from a room. */
bool explain_conn_next(const struct router_core *core, struct bytes user, struct bytes room,
                       uint64_t *cursor, struct explain_conn *ret_conn);

/* NULL when the user is not banned. */
const struct ban *explain_ban(const struct router_core *core, struct bytes user);

/* What holds for a room by that name, also when nobody has it in memory. */
const struct namespace_policy *explain_policy(const struct router_core *core, struct bytes room);

/* All that is decided by namespace. */
const struct policy_table *explain_policies(const struct router_core *core);

/* The rates that hold now. */
struct core_rates explain_rates(const struct router_core *core);

#endif
