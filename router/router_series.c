#include "router/router_series.h"

#include "router/registry.h"

static void read_totals(const struct registry_totals *totals, uint64_t *values)
{
    values[SERIES_CONNECTIONS] = totals->connections;
    values[SERIES_USERS] = totals->users_online;
    values[SERIES_ROOMS] = totals->rooms;
    values[SERIES_MESSAGES] = totals->room_messages + totals->direct_messages;
    values[SERIES_DELIVERIES] = totals->deliveries;
    values[SERIES_COMMANDS] = 0;
    values[SERIES_COMMANDS_REFUSED] = 0;
    for (size_t kind = 0; kind <= COMMAND_BAD; kind++) {
        values[SERIES_COMMANDS] += totals->commands[kind];
    }
    for (size_t code = CLIENT_ERROR_NONE + 1; code < CLIENT_ERROR_COUNT; code++) {
        values[SERIES_COMMANDS_REFUSED] += totals->errors[code];
    }
    values[SERIES_CONNECTIONS_REFUSED] = totals->refused_user_banned +
                                         totals->refused_address_banned +
                                         totals->refused_user_limit + totals->refused_address_limit;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void read_edges(const struct router_plane *plane, uint64_t now_ms, uint64_t *values)
{
    struct plane_edge_info info;
    uint64_t cursor = 0;
    values[SERIES_EDGES] = 0;
    values[SERIES_UNACKED] = 0;
    values[SERIES_CANARY] = 0;
    while (router_plane_edge_next(plane, now_ms, &cursor, &info)) {
        values[SERIES_EDGES]++;
        values[SERIES_UNACKED] = larger(values[SERIES_UNACKED], info.unacked_bytes);
        values[SERIES_CANARY] = larger(values[SERIES_CANARY], info.canary_us);
    }
}

void router_series_read(const struct router_plane *plane, uint64_t now_ms,
                        uint64_t ret_values[SERIES_COUNT])
{
    struct registry_totals totals;
    struct plane_stats stats;
    registry_totals(router_plane_core(plane), &totals);
    router_plane_stats(plane, &stats);
    read_totals(&totals, ret_values);
    read_edges(plane, now_ms, ret_values);
    ret_values[SERIES_CONNECTIONS_REFUSED] += stats.auth_failed;
    ret_values[SERIES_COMMITS] = stats.engine.commits;
    ret_values[SERIES_COMMIT_US] = stats.engine.commit_us_total;
}
