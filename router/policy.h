/* Rates of one connection. */
#ifndef ROUTER_POLICY_H
#define ROUTER_POLICY_H

#include "common/gcra.h"
#include "router/core.h"

#include <stdint.h>

struct policy_rates {
    struct gcra messages;
    struct gcra bytes;
    struct gcra denials;
    uint64_t recovered_ms; /* until then, at the byte rate, lasts what recovery has given out */
};

/* Charges one message of `wire_bytes`. NONE when it is allowed, else the error and when to retry.
 */
enum client_error policy_admit(struct policy_rates *rates, const struct core_config *config,
                               uint64_t wire_bytes, uint64_t now_ms, uint64_t *ret_retry_ms);

/* Charges one refusal. False: the connection has kept exceeding its limits and is to be closed. */
bool policy_forgives(struct policy_rates *rates, const struct core_config *config, uint64_t now_ms);

/* Recovery (`history`, `join` with `since`) says much for few bytes. What it gives out may be ahead
 * of the byte rate by RECOVERY_AHEAD_MS and one answer. False: not now, and when to retry. */
enum { RECOVERY_AHEAD_MS = 3000 };
bool policy_may_recover(const struct policy_rates *rates, const struct core_config *config,
                        uint64_t now_ms, uint64_t *ret_retry_ms);
void policy_recovered(struct policy_rates *rates, const struct core_config *config, uint64_t bytes,
                      uint64_t now_ms);

#endif
