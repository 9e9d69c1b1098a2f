#include "common/gcra.h"

enum { US_PER_SECOND = 1000000, US_PER_MS = 1000 };

/* Far above any real debt, far below overflow. */
#define COST_US_MAX (UINT64_MAX / 4)

/* Time that `units` are worth, rounded up so that no request is free. */
static uint64_t cost_us(uint64_t units_per_second, uint64_t units)
{
    uint64_t seconds = units / units_per_second;
    uint64_t rest = units % units_per_second;
    if (seconds >= COST_US_MAX / US_PER_SECOND) {
        return COST_US_MAX;
    }
    if (rest >
        UINT64_MAX / US_PER_SECOND) { /* only then is the division in whole units exact enough */
        return seconds * US_PER_SECOND + rest / (units_per_second / US_PER_SECOND);
    }
    uint64_t rest_us = rest * US_PER_SECOND;
    return seconds * US_PER_SECOND + rest_us / units_per_second + (rest_us % units_per_second != 0);
}

bool gcra_take(struct gcra *gcra, uint64_t units_per_second, uint64_t units, uint64_t now_us,
               uint64_t *ret_retry_ms)
{
    if (units_per_second == 0) {
        return true;
    }
    uint64_t cost = cost_us(units_per_second, units);
    /* What may be owed after this request; one above the burst must find nothing owed. */
    uint64_t debt_max = cost > US_PER_SECOND ? cost : US_PER_SECOND;
    uint64_t debt = gcra->tat_us > now_us ? gcra->tat_us - now_us : 0;
    if (debt + cost <= debt_max) {
        gcra->tat_us = now_us + debt + cost;
        return true;
    }
    uint64_t wait_us = debt + cost - debt_max;
    *ret_retry_ms = (wait_us + US_PER_MS - 1) / US_PER_MS;
    return false;
}
