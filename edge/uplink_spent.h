/* Inside of the uplink: users who had taken more than half of their limits when the router last
 * said so. Kept for as long as that matters, which is moments, and told to the next router. */
#ifndef EDGE_UPLINK_SPENT_H
#define EDGE_UPLINK_SPENT_H

#include "common/strmap.h"
#include "proto/plane_wire.h"

#include <stdbool.h>
#include <stdint.h>

struct uplink;

struct uplink_spent {
    struct strmap by_user; /* of struct spent */
    uint64_t swept_ms;     /* those that are over were taken out then */
};

void uplink_spent_init(struct uplink_spent *spent, const uint8_t seed[16]);
void uplink_spent_fini(struct uplink_spent *spent);

/* Acts upon OP_SPENT. */
void uplink_spent_op(struct uplink *uplink, const struct plane_op *op);

/* Drops those that are over. */
void uplink_spent_sweep(struct uplink *uplink);

/* One after the other, as OP_ANNOUNCE_SPENT; start with *cursor = 0, nothing may change meanwhile.
 * False at the end. */
bool uplink_spent_next(const struct uplink *uplink, size_t *cursor, struct plane_op *ret_op);

#endif
