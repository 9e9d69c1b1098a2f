#include "tests/bench/load/histogram.h"

enum { SUB_BITS = 6, SUB = 1 << SUB_BITS };

static uint32_t bucket_of(uint64_t us)
{
    if (us < SUB) {
        return (uint32_t)us;
    }
    uint32_t shift = 63 - SUB_BITS - (uint32_t)__builtin_clzll(us);
    uint64_t bucket = (uint64_t)(shift + 1) * SUB + (us >> shift) - SUB;
    return bucket < HISTOGRAM_BUCKETS ? (uint32_t)bucket : HISTOGRAM_BUCKETS - 1;
}

/* The largest value of the bucket. */
static uint64_t value_of(uint32_t bucket)
{
    if (bucket < SUB) {
        return bucket;
    }
    uint32_t shift = bucket / SUB - 1;
    return ((uint64_t)(bucket % SUB + SUB + 1) << shift) - 1;
}

void histogram_record(struct histogram *histogram, uint64_t us)
{
    histogram->buckets[bucket_of(us)]++;
}

uint64_t histogram_count(const struct histogram *histogram)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        count += histogram->buckets[i];
    }
    return count;
}

uint64_t histogram_at(const struct histogram *histogram, unsigned permille)
{
    uint64_t wanted = (histogram_count(histogram) * permille + 999) / 1000;
    uint64_t seen = 0;
    uint64_t last = 0;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS && seen < wanted; i++) {
        if (histogram->buckets[i] != 0) {
            seen += histogram->buckets[i];
            last = value_of(i);
        }
    }
    return last;
}

void histogram_add(struct histogram *sum, const struct histogram *more)
{
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        sum->buckets[i] += more->buckets[i];
    }
}

void histogram_subtract(struct histogram *sum, const struct histogram *before)
{
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        sum->buckets[i] -= before->buckets[i];
    }
}
