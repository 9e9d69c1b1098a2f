#include "router/policy.h"

enum client_error policy_admit(struct policy_rates *rates, const struct core_config *config,
                               uint64_t wire_bytes, uint64_t now_ms, uint64_t *ret_retry_ms)
{
    uint64_t now_us = now_ms * 1000;
    if (!gcra_take(&rates->messages, config->messages_per_second, 1, now_us, ret_retry_ms)) {
        return CLIENT_ERROR_MESSAGE_RATE;
    }
    if (!gcra_take(&rates->bytes, config->bytes_per_second, wire_bytes, now_us, ret_retry_ms)) {
        return CLIENT_ERROR_BYTE_RATE;
    }
    return CLIENT_ERROR_NONE;
}

/* Refusals are paid back at a tenth of the burst in a second, so the bucket holds ten seconds'
 * worth; gcra holds one, hence the units. */
bool policy_forgives(struct policy_rates *rates, const struct core_config *config, uint64_t now_ms)
{
    enum { REFILL_S = 10 };
    uint64_t retry_ms = 0;
    return config->denials_max == 0 ||
           gcra_take(&rates->denials, config->denials_max, 1, now_ms * 1000 / REFILL_S, &retry_ms);
}

bool policy_may_recover(const struct policy_rates *rates, const struct core_config *config,
                        uint64_t now_ms, uint64_t *ret_retry_ms)
{
    uint64_t until_ms = now_ms + RECOVERY_AHEAD_MS;
    if (config->bytes_per_second == 0 || rates->recovered_ms <= until_ms) {
        return true;
    }
    *ret_retry_ms = rates->recovered_ms - until_ms;
    return false;
}

void policy_recovered(struct policy_rates *rates, const struct core_config *config, uint64_t bytes,
                      uint64_t now_ms)
{
    if (config->bytes_per_second != 0) {
        uint64_t from_ms = rates->recovered_ms > now_ms ? rates->recovered_ms : now_ms;
        rates->recovered_ms = from_ms + bytes * 1000 / config->bytes_per_second;
    }
}
