#include "common/gcra.h"

enum { NS_PER_SECOND = 1000000000, NS_PER_MS = 1000000, NS_PER_US = 1000 };

/* Far above any real debt, far below overflow. */
#define COST_NS_MAX (UINT64_MAX / 4)

/* Time that `units` are worth, but never nothing. Rounded down: with every share rounded up, a rate
 * that does not divide a second would lose the last request of its burst. */
static uint64_t cost_ns(uint64_t units_per_second, uint64_t units)
{
    uint64_t seconds = units / units_per_second;
    uint64_t rest = units % units_per_second;
    if (seconds >= COST_NS_MAX / NS_PER_SECOND) {
        return COST_NS_MAX;
    }
    if (rest >
        UINT64_MAX / NS_PER_SECOND) { /* only then is the division in whole units exact enough */
        return seconds * NS_PER_SECOND + rest / (units_per_second / NS_PER_SECOND);
    }
    uint64_t rest_ns = rest * NS_PER_SECOND;
    uint64_t cost = seconds * NS_PER_SECOND + rest_ns / units_per_second;
    return cost == 0 && units != 0 ? 1 : cost;
}

bool gcra_take(struct gcra *gcra, uint64_t units_per_second, uint64_t units, uint64_t now_us,
               uint64_t *ret_retry_ms)
{
    if (units_per_second == 0) {
        return true;
    }
    uint64_t cost = cost_ns(units_per_second, units);
    /* What may be owed after this request; one above the burst must find nothing owed. */
    uint64_t debt_max = cost > NS_PER_SECOND ? cost : NS_PER_SECOND;
    uint64_t now_ns = now_us * NS_PER_US;
    uint64_t debt = gcra->tat_ns > now_ns ? gcra->tat_ns - now_ns : 0;
    if (debt + cost <= debt_max) {
        gcra->tat_ns = now_ns + debt + cost;
        return true;
    }
    uint64_t wait_ns = debt + cost - debt_max;
    *ret_retry_ms = (wait_ns + NS_PER_MS - 1) / NS_PER_MS;
    return false;
}

void gcra_half(struct gcra *gcra, uint64_t at_us)
{
    gcra->tat_ns = at_us * NS_PER_US + NS_PER_SECOND / 2;
}
