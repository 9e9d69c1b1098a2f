/* Bytes of OP_DIGEST, with which a router asks whether an edge has the same connections and
 * memberships. Pure. */
#ifndef PROTO_PLANE_DIGEST_H
#define PROTO_PLANE_DIGEST_H

#include "common/buf.h"
#include "common/bytes.h"
#include "proto/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The sums of all buckets (common/digest.h), as they were at this point of both streams. */
struct plane_digest {
    uint64_t unsettled; /* bit per bucket that is not to be compared */
    const uint64_t *sums;
    size_t count;
};
void plane_digest_write(const struct plane_digest *digest, struct buf *out);
/* False when it is none, or has not one sum per bucket. */
bool plane_digest_read(struct arena *arena, struct bytes bytes, struct plane_digest *ret_digest);

/* All accepted connections of one bucket, by growing slot, and their groups, one connection's after
 * the other's. */
struct plane_listing {
    const uint32_t *slots;
    const uint32_t *gens;
    const uint32_t *group_counts;
    size_t conn_count;
    const uint64_t *groups;
    size_t group_count;
};
void plane_listing_write(const struct plane_listing *listing, struct buf *out);
/* False when it is none or contradicts itself: lengths, order of slots, generation 0. */
bool plane_listing_read(struct arena *arena, struct bytes bytes, struct plane_listing *ret_listing);

#endif
