/* From options to what the core is told. */
#include "router/router_config.h"

#include "common/clock.h"

struct core_rates router_core_rates(const struct router_options *options)
{
    return (struct core_rates){
        .messages_per_second = (uint64_t)options->messages_per_second,
        .bytes_per_second = (uint64_t)options->bytes_per_second,
        .joins_per_second = (uint64_t)options->joins_per_second,
        .user_messages_per_second = (uint64_t)options->user_messages_per_second,
        .user_logs_per_minute = (uint64_t)options->user_logs_per_minute,
        .user_bytes_per_second = (uint64_t)options->user_bytes_per_second,
    };
}

struct core_config router_core_config(const struct router_options *options)
{
    struct core_config config = {
        .start_wall_ms = clock_wall_ms(),
        .rebuild_ms = (uint64_t)options->rebuild_window,
        .grace_ms = (uint64_t)options->presence_grace,
        .rates = router_core_rates(options),
        .mass_min = (uint32_t)options->mass_loss,
        .mass_grace_ms = (uint64_t)options->mass_grace,
        .mass_spread_ms = (uint64_t)options->mass_spread,
        .denials_max = (uint32_t)options->denials,
        .message_bytes = (uint64_t)options->message_bytes,
        .heartbeat_interval_ms = (uint64_t)options->heartbeat_interval,
        .heartbeat_timeout_ms = (uint64_t)options->heartbeat_timeout,
        .rooms_per_connection_max = (uint32_t)options->rooms_per_connection,
        .watches_per_connection_max = (uint32_t)options->watches_per_connection,
        .connections_per_user_max = (uint32_t)options->connections_per_user,
        .connections_per_address_max = (uint32_t)options->connections_per_ip,
        .bans_max = (uint32_t)options->bans_max,
        .kick_oldest = options->on_user_limit == ROUTER_ON_USER_LIMIT_KICK_OLDEST,
        .publish_without_membership = options->publish_without_membership,
        .rooms_max = (uint32_t)options->rooms_max,
        .users_max = (uint32_t)options->users_max,
        .members_max = (uint32_t)options->members_max,
        .history_count = (uint32_t)options->history_messages,
        .history_bytes = (uint64_t)options->history_bytes,
        .history_total_bytes = (uint64_t)options->history_memory,
        .idle_channel_ms = (uint64_t)options->idle_channel,
        .key_window = (uint32_t)options->key_window,
        .key_window_ms = (uint64_t)options->key_window_time,
        .parked_max = (uint64_t)options->max_parked,
        .parked_bytes_max = (uint64_t)options->parked_memory,
    };
    clock_random(&config.seed, sizeof(config.seed));
    return config;
}
