/* Seeded random numbers for model tests: the same seed gives the same history everywhere. */
#ifndef TESTS_SUPPORT_RNG_H
#define TESTS_SUPPORT_RNG_H

#include <stdint.h>

struct rng {
    uint64_t state; /* any value is a seed */
};

/* splitmix64: 64 random bits. */
static inline uint64_t rng_u64(struct rng *rng)
{
    uint64_t z = rng->state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* A number below `limit` (not 0). */
static inline uint32_t rng_below(struct rng *rng, uint32_t limit)
{
    return (uint32_t)(rng_u64(rng) % limit);
}

#endif
