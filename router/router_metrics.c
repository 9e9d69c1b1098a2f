/* The label values of commands and errors stand in the order of their enums; the asserts below hold
 * that together. */
#include "router/router_metrics.h"

#include "common/mem.h"
#include "router/registry.h"

#include <assert.h>

static const double step_bounds[] = {0.00001, 0.00003, 0.0001, 0.0003, 0.001, 0.003,
                                     0.01,    0.03,    0.1,    0.3,    1};
#define step_buckets                                                                               \
    {                                                                                              \
        step_bounds, sizeof(step_bounds) / sizeof(step_bounds[0])                                  \
    }
#undef METRIC_NO_BUCKETS
#define METRIC_NO_BUCKETS                                                                          \
    {                                                                                              \
        NULL, 0                                                                                    \
    }

const struct metric_spec router_metric_specs[ROUTER_METRIC_COUNT] = {
#define METRIC(id, kind, name, label, values, buckets, server_id, unit, help)                      \
    {METRIC_##kind, name, label, values, buckets, server_id, unit, help},
#include "router/router_metrics.def"
#undef METRIC
};

static_assert(COMMAND_BAD == 12, "the label values of COMMANDS follow enum command_kind");
static_assert(CLIENT_ERROR_COUNT == 16, "the label values of ERRORS follow enum client_error");

static void set(struct metrics *metrics, enum router_metric id, size_t value_index, uint64_t value)
{
    metrics_set(metrics, id, value_index, (int64_t)value);
}

static void refresh_commands(struct metrics *metrics, const struct registry_totals *totals)
{
    for (size_t kind = 0; kind <= COMMAND_BAD; kind++) {
        set(metrics, ROUTER_METRIC_COMMANDS, kind, totals->commands[kind]);
    }
    /* NONE has no label value: what went well is in COMMANDS. */
    for (size_t code = 1; code < CLIENT_ERROR_COUNT; code++) {
        set(metrics, ROUTER_METRIC_ERRORS, code - 1, totals->errors[code]);
    }
    set(metrics, ROUTER_METRIC_RATE_LIMITED, 0,
        totals->errors[CLIENT_ERROR_MESSAGE_RATE] - totals->user_messages_limited -
            totals->user_logs_limited);
    set(metrics, ROUTER_METRIC_RATE_LIMITED, 1,
        totals->errors[CLIENT_ERROR_BYTE_RATE] - totals->user_bytes_limited);
    set(metrics, ROUTER_METRIC_RATE_LIMITED, 2, totals->errors[CLIENT_ERROR_JOIN_RATE]);
    set(metrics, ROUTER_METRIC_RATE_LIMITED, 3, totals->user_messages_limited);
    set(metrics, ROUTER_METRIC_RATE_LIMITED, 4, totals->user_bytes_limited);
    set(metrics, ROUTER_METRIC_RATE_LIMITED, 5, totals->user_logs_limited);
}

static void refresh_refusals(struct metrics *metrics, const struct registry_totals *totals)
{
    set(metrics, ROUTER_METRIC_CONNECTIONS_REFUSED, 0, totals->refused_user_banned);
    set(metrics, ROUTER_METRIC_CONNECTIONS_REFUSED, 1, totals->refused_address_banned);
    set(metrics, ROUTER_METRIC_CONNECTIONS_REFUSED, 2, totals->refused_user_limit);
    set(metrics, ROUTER_METRIC_CONNECTIONS_REFUSED, 3, totals->refused_address_limit);
    set(metrics, ROUTER_METRIC_BANS, 0, totals->bans_users);
    set(metrics, ROUTER_METRIC_BANS, 1, totals->bans_addresses);
}

static void refresh_core(struct metrics *metrics, const struct router_core *core)
{
    struct registry_totals totals;
    registry_totals(core, &totals);
    refresh_commands(metrics, &totals);
    refresh_refusals(metrics, &totals);
    set(metrics, ROUTER_METRIC_USERS, 0, totals.users_online);
    set(metrics, ROUTER_METRIC_USERS_KNOWN, 0, totals.users_known);
    set(metrics, ROUTER_METRIC_CONNECTIONS, 0, totals.connections);
    set(metrics, ROUTER_METRIC_DETACHED, 0, totals.detached);
    set(metrics, ROUTER_METRIC_ROOMS, 0, totals.rooms);
    set(metrics, ROUTER_METRIC_MEMBERS, 0, totals.members);
    set(metrics, ROUTER_METRIC_READY, 0, totals.synced ? 1 : 0);
    set(metrics, ROUTER_METRIC_ROOM_MESSAGES, 0, totals.room_messages);
    set(metrics, ROUTER_METRIC_DIRECT_MESSAGES, 0, totals.direct_messages);
    set(metrics, ROUTER_METRIC_DELIVERIES, 0, totals.deliveries);
    set(metrics, ROUTER_METRIC_DUPLICATES, 0, totals.duplicates);
    set(metrics, ROUTER_METRIC_TOKENS_ENDED, 0, totals.tokens_ended);
    set(metrics, ROUTER_METRIC_HISTORY_BYTES, 0, totals.history_bytes);
    set(metrics, ROUTER_METRIC_MEMORY_BYTES, 0, totals.memory_bytes);
    set(metrics, ROUTER_METRIC_EVICTED, 0, totals.evicted_channels);
    set(metrics, ROUTER_METRIC_MASS_LOSSES, 0, totals.mass_edges);
    set(metrics, ROUTER_METRIC_MASS_LOSSES, 1, totals.mass_conns);
    set(metrics, ROUTER_METRIC_LENGTHENED, 0, totals.lengthened);
    set(metrics, ROUTER_METRIC_STORE_LOADS_FAILED, 0, totals.loads_failed);
    set(metrics, ROUTER_METRIC_PARKED, 0, totals.parked);
    set(metrics, ROUTER_METRIC_PARKED_BYTES, 0, totals.parked_bytes);
    set(metrics, ROUTER_METRIC_PARKED_REFUSED, 0, totals.parked_refused);
}

static void refresh_store(struct metrics *metrics, const struct plane_stats *stats)
{
    const struct engine_stats *engine = &stats->engine;
    if (!stats->durable) {
        return;
    }
    set(metrics, ROUTER_METRIC_STORE_APPENDS, 0, engine->appends);
    set(metrics, ROUTER_METRIC_STORE_COMMITS, 0, engine->commits);
    set(metrics, ROUTER_METRIC_STORE_COMMIT_TIME, 0, engine->commit_us_total);
    set(metrics, ROUTER_METRIC_STORE_FAILURES, 0, engine->failures);
    set(metrics, ROUTER_METRIC_STORE_WAITING, 0, engine->waiting);
    set(metrics, ROUTER_METRIC_STORE_WAITING_BYTES, 0, engine->waiting_bytes);
    set(metrics, ROUTER_METRIC_STORE_BYTES, 0, engine->store_bytes);
    set(metrics, ROUTER_METRIC_STORE_FREE, 0, engine->free_bytes);
    set(metrics, ROUTER_METRIC_STORE_USED_BYTES, 0, engine->used_bytes);
    set(metrics, ROUTER_METRIC_STORE_MAX_BYTES, 0, engine->bytes_max);
    set(metrics, ROUTER_METRIC_STORE_NO_ROOM, 0, engine->no_room);
    set(metrics, ROUTER_METRIC_STORE_TROUBLE, 0, engine->trouble != NULL);
    set(metrics, ROUTER_METRIC_STORE_LOADS, 0, stats->loads);
}

static void refresh_plane(struct metrics *metrics, const struct router_plane *plane)
{
    struct plane_stats stats;
    router_plane_stats(plane, &stats);
    refresh_store(metrics, &stats);
    set(metrics, ROUTER_METRIC_INCARNATION, 0, stats.incarnation);
    set(metrics, ROUTER_METRIC_APPENDS, 0, stats.appends);
    set(metrics, ROUTER_METRIC_RESYNCS, 0, stats.fresh_links);
    set(metrics, ROUTER_METRIC_RESYNCS, 1, stats.resumes);
    set(metrics, ROUTER_METRIC_LINKS_REFUSED, 0, stats.refused);
    set(metrics, ROUTER_METRIC_IMPOSTORS, 0, stats.impostors);
    set(metrics, ROUTER_METRIC_GROUPS_REFUSED, 0, stats.groups_refused);
    set(metrics, ROUTER_METRIC_PLANE_FRAMES, 0, stats.frames_in);
    set(metrics, ROUTER_METRIC_LINK_HOLDS, 0, stats.holds);
    set(metrics, ROUTER_METRIC_PLANE_FRAMES, 1, stats.frames_out);
    set(metrics, ROUTER_METRIC_PLANE_BYTES, 0, stats.bytes_in);
    set(metrics, ROUTER_METRIC_PLANE_BYTES, 1, stats.bytes_out);
    set(metrics, ROUTER_METRIC_PLANE_BAD_FRAMES, 0, stats.bad_frames);
    set(metrics, ROUTER_METRIC_PLANE_UNKNOWN_OPS, 0, stats.unknown_ops);
    set(metrics, ROUTER_METRIC_COMPARED, 0, stats.buckets_compared);
    set(metrics, ROUTER_METRIC_DIVERGENCE, 0, stats.divergences);
    set(metrics, ROUTER_METRIC_AUTH, 0, stats.auth_ok);
    set(metrics, ROUTER_METRIC_AUTH, 1, stats.auth_failed);
    set(metrics, ROUTER_METRIC_TOKEN_CHECKS, 0, stats.checks_here);
    set(metrics, ROUTER_METRIC_TOKEN_CHECKS, 1, stats.checks_elsewhere);
    set(metrics, ROUTER_METRIC_TOKEN_CHECKS, 2, stats.checks_cached);
    set(metrics, ROUTER_METRIC_TOKEN_CHECKS, 3, stats.checks_refused);
    set(metrics, ROUTER_METRIC_TOKEN_CHECKS_WAITING, 0, stats.checks_waiting);
    set(metrics, ROUTER_METRIC_TOKENS_CACHED, 0, stats.tokens_cached);
}

static void refresh_links(struct metrics *metrics, const struct router_plane *plane,
                          uint64_t credit_bytes, uint64_t now_ms)
{
    uint64_t edges = 0;
    uint64_t suspects = 0;
    uint64_t unacked = 0;
    uint64_t unacked_most = 0;
    uint64_t queued = 0;
    uint64_t held = 0;
    uint64_t kept = 0;
    uint64_t cursor = 0;
    struct plane_edge_info info;
    while (router_plane_edge_next(plane, now_ms, &cursor, &info)) {
        edges++;
        suspects += info.suspect ? 1 : 0;
        unacked += info.unacked_bytes;
        queued += info.queued_bytes;
        held += info.held ? 1 : 0;
        kept += info.kept_bytes;
        unacked_most = info.unacked_bytes > unacked_most ? info.unacked_bytes : unacked_most;
    }
    set(metrics, ROUTER_METRIC_EDGES, 0, edges);
    set(metrics, ROUTER_METRIC_EDGES_SUSPECT, 0, suspects);
    set(metrics, ROUTER_METRIC_LINK_UNACKED, 0, unacked);
    set(metrics, ROUTER_METRIC_LINK_QUEUED, 0, queued);
    set(metrics, ROUTER_METRIC_LINK_HELD, 0, held);
    set(metrics, ROUTER_METRIC_LINK_KEPT, 0, kept);
    set(metrics, ROUTER_METRIC_LINK_CREDIT, 0,
        unacked_most < credit_bytes ? credit_bytes - unacked_most : 0);
}

void router_metrics_refresh(struct metrics *metrics, const struct router_plane *plane,
                            uint64_t credit_bytes, uint64_t now_ms)
{
    set(metrics, ROUTER_METRIC_ALLOCATIONS, 0, mem_allocations());
    refresh_core(metrics, router_plane_core(plane));
    refresh_plane(metrics, plane);
    refresh_links(metrics, plane, credit_bytes, now_ms);
}
