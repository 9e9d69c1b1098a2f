/* Rates of one connection. */
#ifndef ROUTER_POLICY_H
#define ROUTER_POLICY_H

#include "common/gcra.h"
#include "router/core.h"

#include <stdint.h>

struct policy_rates {
    struct gcra messages;
    struct gcra bytes;
};

/* Charges one message of `wire_bytes`. NONE when it is allowed, else the error and when to retry.
 */
enum client_error policy_admit(struct policy_rates *rates, const struct core_config *config,
                               uint64_t wire_bytes, uint64_t now_ms, uint64_t *ret_retry_ms);

#endif
