#include "proto/plane_digest.h"

#include "common/digest.h"
#include "proto/pb_bytes.h"
#include "proto/plane.pb-c.h"

void plane_digest_write(const struct plane_digest *digest, struct buf *out)
{
    Splitrail__Plane__Digest to = SPLITRAIL__PLANE__DIGEST__INIT;
    to.unsettled = digest->unsettled;
    to.sums = (uint64_t *)(uintptr_t)digest->sums; /* only read */
    to.n_sums = digest->count;
    pb_append(&to.base, out);
}

bool plane_digest_read(struct arena *arena, struct bytes bytes, struct plane_digest *ret_digest)
{
    const Splitrail__Plane__Digest *from =
        splitrail__plane__digest__unpack(&arena->allocator, bytes.len, bytes.data);
    if (from == NULL || from->n_sums != DIGEST_BUCKETS) {
        return false;
    }
    *ret_digest = (struct plane_digest){
        .unsettled = from->unsettled, .sums = from->sums, .count = from->n_sums};
    return true;
}

void plane_listing_write(const struct plane_listing *listing, struct buf *out)
{
    Splitrail__Plane__DigestListing to = SPLITRAIL__PLANE__DIGEST_LISTING__INIT;
    to.slots = (uint32_t *)(uintptr_t)listing->slots; /* only read, as the others */
    to.gens = (uint32_t *)(uintptr_t)listing->gens;
    to.group_counts = (uint32_t *)(uintptr_t)listing->group_counts;
    to.groups = (uint64_t *)(uintptr_t)listing->groups;
    to.n_slots = to.n_gens = to.n_group_counts = listing->conn_count;
    to.n_groups = listing->group_count;
    pb_append(&to.base, out);
}

static bool listing_is_whole(const struct plane_listing *listing)
{
    uint64_t groups = 0;
    for (size_t i = 0; i < listing->conn_count; i++) {
        bool grows =
            i == 0 || (listing->slots[i] > listing->slots[i - 1] &&
                       digest_bucket(listing->slots[i]) == digest_bucket(listing->slots[i - 1]));
        if (!grows || listing->gens[i] == 0) {
            return false;
        }
        groups += listing->group_counts[i];
    }
    return groups == listing->group_count;
}

bool plane_listing_read(struct arena *arena, struct bytes bytes, struct plane_listing *ret_listing)
{
    const Splitrail__Plane__DigestListing *from =
        splitrail__plane__digest_listing__unpack(&arena->allocator, bytes.len, bytes.data);
    if (from == NULL || from->n_gens != from->n_slots || from->n_group_counts != from->n_slots) {
        return false;
    }
    *ret_listing = (struct plane_listing){.slots = from->slots,
                                          .gens = from->gens,
                                          .group_counts = from->group_counts,
                                          .conn_count = from->n_slots,
                                          .groups = from->groups,
                                          .group_count = from->n_groups};
    return listing_is_whole(ret_listing);
}
