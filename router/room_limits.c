/* What a room's policy says about the messages of clients. */
#include "router/room_limits.h"

#include "router/core_internal.h"

enum { UNIT_MS = 16, SWEEP_MIN = 64 };

static uint32_t units_of(uint64_t ms)
{
    return (uint32_t)((ms + UNIT_MS - 1) / UNIT_MS);
}

/* Forgets who may send again anyway. */
static void sweep(struct room *room, uint32_t now, uint32_t interval)
{
    struct u32map fresh;
    uint32_t cursor = 0;
    uint32_t user = 0;
    uint32_t at = 0;
    u32map_init(&fresh);
    while (u32map_next(&room->sent_at, &cursor, &user, &at)) {
        if (now - at < interval) {
            u32map_set(&fresh, user, at);
        }
    }
    u32map_fini(&room->sent_at);
    room->sent_at = fresh;
    room->sweep_at = 2 * fresh.count + SWEEP_MIN;
}

/* 0, or how long the user has to wait. Takes the turn. */
static uint64_t slow_mode_wait(struct room *room, uint32_t user, uint64_t now_ms,
                               uint64_t interval_ms)
{
    uint32_t now = units_of(now_ms);
    uint32_t interval = units_of(interval_ms);
    uint32_t at = 0;
    if (u32map_get(&room->sent_at, user, &at) && now - at < interval) {
        return (uint64_t)(interval - (now - at)) * UNIT_MS;
    }
    if (room->sent_at.count >= room->sweep_at) {
        sweep(room, now, interval);
    }
    u32map_set(&room->sent_at, user, now);
    return 0;
}

enum client_error room_limits_admit(const struct router_core *core, struct room *room,
                                    const struct message *message, uint64_t *ret_retry_ms,
                                    const char **ret_why)
{
    const struct namespace_policy *policy = room->channel.policy;
    *ret_retry_ms = 0;
    *ret_why = NULL;
    if (policy->payload_max != 0 && message->payload.len > (uint64_t)policy->payload_max) {
        *ret_why = "payload is larger than this room allows";
        return CLIENT_ERROR_INVALID_MESSAGE;
    }
    if (!gcra_take(&room->rate, (uint64_t)policy->messages_per_second, 1, core->now_ms * 1000,
                   ret_retry_ms)) {
        return CLIENT_ERROR_MESSAGE_RATE;
    }
    if (policy->user_interval_ms != 0) {
        *ret_retry_ms =
            slow_mode_wait(room, message->user, core->now_ms, (uint64_t)policy->user_interval_ms);
    }
    return *ret_retry_ms == 0 ? CLIENT_ERROR_NONE : CLIENT_ERROR_MESSAGE_RATE;
}
