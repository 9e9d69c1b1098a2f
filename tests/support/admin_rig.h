/* An admin endpoint over a real plane with one edge and a few clients, without a socket: requests
 * in, replies kept. For the unit test and the fuzz target. */
#ifndef TESTS_SUPPORT_ADMIN_RIG_H
#define TESTS_SUPPORT_ADMIN_RIG_H

#include "common/buf.h"
#include "proto/plane_wire.h"
#include "router/admin.h"
#include "router/admin_watch.h"
#include "router/plane.h"

#include <stdint.h>

enum { ADMIN_RIG_WALL_MS = 1700000000 };

struct admin_rig {
    struct router_plane *plane;
    struct admin *admin;
    struct buf reply; /* the last one */
    struct buf peer;  /* whom it was for */
    uint64_t reply_count;
    bool deaf; /* nobody takes replies any more */
    uint64_t now_ms;
    uint64_t seq;      /* of the edge's last frame */
    uint32_t features; /* of the edge's hello */
};

/* Edge "e1" with alice (two connections, both in "tea", one in "milk") and bob (one, in "tea"); all
 * from 127.0.0.1 with agent "test". Their users are user_alice and user_bob. */
void admin_rig_init(struct admin_rig *rig);
/* The same with an edge that names these features (enum plane_feature). */
void admin_rig_init_with(struct admin_rig *rig, uint32_t features);
void admin_rig_fini(struct admin_rig *rig);

/* The edge says something. */
void admin_rig_say(struct admin_rig *rig, const struct plane_op *op);

/* Hands one request over, from peer "tool". */
void admin_rig_ask(struct admin_rig *rig, struct bytes request);

#endif
