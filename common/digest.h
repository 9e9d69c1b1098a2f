/* A digest of (connection, group) pairs that is kept up to date with every change, pure: two ends
 * that hold the same pairs have the same sums, in whatever order they came to them. Connections
 * fall into buckets by slot, so that a difference says where to look.
 *
 * Nothing here is secret, and slots, generations and groups are numbers of our own: the hash needs
 * to tell mistakes apart, not attacks. */
#ifndef COMMON_DIGEST_H
#define COMMON_DIGEST_H

#include "common/bytes.h"

#include <stdbool.h>
#include <stdint.h>

enum { DIGEST_BUCKETS = 64 };

struct digest {
    uint64_t sums[DIGEST_BUCKETS];
    uint32_t unsettled[DIGEST_BUCKETS]; /* connections that the other end may see otherwise */
    uint64_t touched; /* bit per bucket: changed since the owner last cleared it */
};

static inline uint32_t digest_bucket(uint32_t slot)
{
    return slot % DIGEST_BUCKETS;
}

static inline uint64_t digest_bit(uint32_t slot)
{
    return UINT64_C(1) << digest_bucket(slot);
}

/* What a connection adds for being there (`group` 0) or for being in a group. */
uint64_t digest_item(uint32_t slot, uint32_t gen, uint64_t group);

/* What a name adds where names are summed; the same in every process and for ever. */
uint64_t digest_name(struct bytes name);

void digest_add(struct digest *digest, uint32_t slot, uint64_t item);
void digest_remove(struct digest *digest, uint32_t slot, uint64_t item);

/* The bucket of the slot must not be compared now. */
void digest_touch(struct digest *digest, uint32_t slot);
/* Nor until the same is said with `settled` true. */
void digest_settle(struct digest *digest, uint32_t slot, bool settled);

/* Number of buckets in a mask, and the first of them; 0 is not asked for the first. */
uint32_t digest_count(uint64_t mask);
uint32_t digest_first(uint64_t mask);

/* Bit per bucket that has somebody unsettled. */
uint64_t digest_unsettled(const struct digest *digest);

#endif
