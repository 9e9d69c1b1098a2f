/* Generic cell rate algorithm: a rate limit in one 64-bit word. `units_per_second` may be spent on
 * average, with a burst of one second's worth. Pure: the caller gives the time. */
#ifndef COMMON_GCRA_H
#define COMMON_GCRA_H

#include <stdbool.h>
#include <stdint.h>

struct gcra {
    uint64_t tat_ns; /* theoretical arrival time, nanoseconds; 0 = never used */
};

/* Takes `units` at `now_us` if the rate allows it. When it does not: nothing is taken, false, and
 * `*ret_retry_ms` (at least 1) says when the same call would succeed. A request above the burst
 * is allowed only when the bucket is full, and then pays in advance. Rate 0 = no limit. */
bool gcra_take(struct gcra *gcra, uint64_t units_per_second, uint64_t units, uint64_t now_us,
               uint64_t *ret_retry_ms);

/* As if half of the burst had been taken at `at_us`. */
void gcra_half(struct gcra *gcra, uint64_t at_us);

#endif
