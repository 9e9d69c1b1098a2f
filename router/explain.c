#include "router/explain.h"

#include "router/conn.h"
#include "router/core_internal.h"
#include "router/rates.h"
#include "router/rights.h"
#include "router/room.h"

/* A copy is charged, so that asking costs nobody anything. Commands of an edge are counted by the
 * edge's clock. */
static uint64_t retry_of(const struct router_core *core, const struct conn *conn)
{
    const struct router_edge *edge = edges_get(&core->edges, conn->ref.edge);
    uint64_t at_ms = edge == NULL ? UINT64_MAX : edge_clock_theirs(&edge->clock, core->now_ms);
    struct policy_rates rates = *rates_of(core, conn);
    const struct policy_message message = {.wire_bytes = 1,
                                           .at_ms = at_ms == UINT64_MAX ? core->now_ms : at_ms};
    uint64_t retry_ms = 0;
    return policy_admit(&rates, NULL, &core->config, &message, &retry_ms) == POLICY_OK ? 0
                                                                                       : retry_ms;
}

static unsigned rights_in(const struct router_core *core, const struct conn *conn,
                          struct bytes room)
{
    unsigned rights = 0;
    for (unsigned right = RIGHT_JOIN; right <= RIGHT_PRESENCE; right <<= 1) {
        rights |= conn_may(core, conn, room, right) ? right : 0;
    }
    return rights;
}

bool explain_conn_next(const struct router_core *core, struct bytes user, struct bytes room,
                       uint64_t *cursor, struct explain_conn *ret_conn)
{
    struct registry_conn found;
    if (!registry_conn_next(core, user, cursor, &found)) {
        return false;
    }
    const struct conn *conn = slotmap_get(&core->conns, found.handle);
    const struct room *place = room_find(core, room);
    bool joined = place != NULL && conn_in_room(conn, place->channel.id);
    *ret_conn = (struct explain_conn){
        .conn = found,
        .joined = joined,
        .rights = rights_in(core, conn, room),
        .waiting = conn->waiting,
        .told_to_go = conn->told_to_go,
        .retry_ms = conn->attached ? retry_of(core, conn) : 0,
        .expires_at_ms = conn_rare(conn)->expires_at_ms,
        .ban =
            conn->has_address ? bans_of_address(&core->bans, &conn->address, core->now_ms) : NULL,
        .group = place == NULL ? 0 : place->channel.id,
        .told_offset = joined && conn->attached ? place->channel.top : 0,
    };
    return true;
}

const struct ban *explain_ban(const struct router_core *core, struct bytes user)
{
    return bans_of_user(&core->bans, user, core->now_ms);
}

const struct namespace_policy *explain_policy(const struct router_core *core, struct bytes room)
{
    return policy_table_find(&core->config.policy, room);
}

const struct policy_table *explain_policies(const struct router_core *core)
{
    return &core->config.policy;
}

struct core_rates explain_rates(const struct router_core *core)
{
    return core->config.rates;
}
