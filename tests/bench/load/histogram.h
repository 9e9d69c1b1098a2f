/* Times in microseconds, counted in buckets of equal relative width (1/64, so within 1.6 %), up to
 * about 19 hours. A plain array: it lives in shared memory, is copied, added and subtracted. Pure.
 */
#ifndef BENCH_LOAD_HISTOGRAM_H
#define BENCH_LOAD_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_BUCKETS = 64 * 31 };

struct histogram {
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_record(struct histogram *histogram, uint64_t us);
uint64_t histogram_count(const struct histogram *histogram);

/* The value that a share of `permille`/1000 of all does not exceed (1000: the largest); 0 when
 * empty. */
uint64_t histogram_at(const struct histogram *histogram, unsigned permille);

void histogram_add(struct histogram *sum, const struct histogram *more);

/* Takes away what was counted before; `before` is an earlier copy. */
void histogram_subtract(struct histogram *sum, const struct histogram *before);

#endif
