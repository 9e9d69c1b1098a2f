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
