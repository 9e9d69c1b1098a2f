#include "router/loss.h"

#include "router/core_internal.h"
#include "router/session.h"

#include <assert.h>

static uint64_t long_due(struct router_core *core, uint64_t from_ms)
{
    const struct core_config *config = &core->config;
    uint64_t grace_ms =
        config->mass_grace_ms > config->grace_ms ? config->mass_grace_ms : config->grace_ms;
    return from_ms + grace_ms + core_random(core) % (config->mass_spread_ms + 1);
}

static void count(struct conn *conn)
{
    assert(!conn->in_mass_loss);
    conn->in_mass_loss = true;
    user_rare_made(conn->user)->mass_lost++;
}

/* Those who went just before it was known that they are many. Their ordinary grace may be over:
 * then they have left. */
static void lengthen_recent(struct router_core *core)
{
    for (uint32_t i = 0; i < core->conns.used; i++) {
        struct conn *conn = slotmap_at(&core->conns, i);
        if (conn != NULL && !conn->attached && !conn->in_mass_loss && conn->lost_ms != 0 &&
            conn->lost_ms + MASS_WINDOW_MS > core->now_ms) {
            count(conn);
            core->counters.lengthened++;
            wheel_set(core->grace, i, long_due(core, conn->lost_ms) + conn_rare(conn)->extra_ms);
        }
    }
}

struct loss {
    bool mass;
    uint64_t extra_ms;
    uint64_t since_ms; /* clients may have noticed from then on, and be back already */
};

static uint32_t opened_since(const struct user *user, uint64_t since_ms)
{
    uint32_t opened = 0;
    for (const struct conn *conn = user->oldest; conn != NULL; conn = conn->newer) {
        opened += conn->attached && conn->opened_ms >= since_ms;
    }
    return opened;
}

static void lose(struct router_core *core, struct conn *conn, const struct loss *loss)
{
    uint64_t due_ms = core->now_ms + core->config.grace_ms;
    struct user *user = conn->user;
    session_lose(core, conn, due_ms + loss->extra_ms);
    conn->lost_ms = core->now_ms;
    if (loss->extra_ms != conn_rare(conn)->extra_ms) {
        conn_rare_made(conn)->extra_ms =
            loss->extra_ms < UINT32_MAX ? (uint32_t)loss->extra_ms : UINT32_MAX;
    }
    if (!loss->mass) {
        return;
    }
    count(conn);
    if (opened_since(user, loss->since_ms) > user->rare->mass_back) {
        user->rare->mass_back++;
        return;
    }
    core->counters.lengthened++;
    wheel_set(core->grace, slot_id_index(conn->id), long_due(core, core->now_ms) + loss->extra_ms);
}

void loss_of_conn(struct router_core *core, struct conn *conn, uint64_t extra_ms)
{
    uint32_t left = core->conns.count - core->detached_count - 1;
    struct mass_verdict verdict =
        mass_count(&core->mass, &(struct mass_event){.lost = 1, .left = left},
                   core->config.mass_min, core->now_ms);
    if (verdict.begins) {
        core->counters.mass_conns++;
        lengthen_recent(core);
    }
    uint64_t unnoticed_ms = core->config.heartbeat_interval_ms + core->config.heartbeat_timeout_ms;
    lose(core, conn,
         &(struct loss){.mass = verdict.mass,
                        .extra_ms = extra_ms,
                        .since_ms = core->now_ms < unnoticed_ms ? 0 : core->now_ms - unnoticed_ms});
}

void loss_of_edge(struct router_core *core, struct router_edge *edge, uint64_t silent_ms)
{
    uint32_t lost = edge->connections;
    uint32_t left = core->conns.count - core->detached_count - lost;
    struct mass_verdict verdict =
        mass_count(&core->mass, &(struct mass_event){.lost = lost, .together = true, .left = left},
                   core->config.mass_min, core->now_ms);
    const struct loss loss = {.mass = verdict.mass,
                              .extra_ms = edge->draining ? edge->delay_ms : 0,
                              .since_ms = core->now_ms < silent_ms ? 0 : core->now_ms - silent_ms};
    core->counters.mass_edges += verdict.mass;
    for (uint32_t slot = 0; slot < edge->conn_capacity; slot++) {
        struct conn *conn = slotmap_get(&core->conns, edge->conns[slot]);
        if (conn != NULL) {
            lose(core, conn, &loss);
        }
    }
}

void loss_over(struct conn *conn)
{
    struct user *user = conn->user;
    if (conn->in_mass_loss) {
        conn->in_mass_loss = false;
        user->rare->mass_lost--;
        user->rare->mass_back -= user->rare->mass_back != 0;
    }
}

void loss_user_returned(struct router_core *core, struct user *user)
{
    struct user_rare *rare = user->rare;
    if (rare == NULL || rare->mass_lost == 0) {
        if (rare != NULL) {
            rare->mass_back = 0;
        }
        return;
    }
    if (++rare->mass_back < rare->mass_lost) {
        return;
    }
    for (struct conn *conn = user->oldest; conn != NULL; conn = conn->newer) {
        if (conn->in_mass_loss) {
            loss_over(conn);
            wheel_set(core->grace, slot_id_index(conn->id), core->now_ms + core->config.grace_ms);
        }
    }
}
