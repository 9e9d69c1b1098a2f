/* Inside of the uplink: which addresses are banned. */
#ifndef EDGE_UPLINK_BANS_H
#define EDGE_UPLINK_BANS_H

#include "common/netset.h"
#include "proto/plane_wire.h"

#include <stdint.h>

struct uplink;

struct uplink_bans {
    struct netset nets; /* of struct edge_ban */
    uint8_t seed[16];
};

void uplink_bans_init(struct uplink_bans *bans, const uint8_t seed[16]);
void uplink_bans_fini(struct uplink_bans *bans);

/* Acts upon OP_BAN and OP_UNBAN. */
void uplink_bans_op(struct uplink *uplink, const struct plane_op *op);

#endif
