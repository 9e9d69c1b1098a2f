/* Two real uplinks and a real plane in one process, and nothing between them but memory; no clock,
 * no socket, no chance. The users u<edge>.<slot> are all in the room r0. */
#ifndef TESTS_BENCH_RIG_H
#define TESTS_BENCH_RIG_H

#include "common/buf.h"
#include "edge/uplink.h"
#include "router/plane.h"

enum {
    RIG_EDGES = 2,
    RIG_CLIENTS = 500, /* of each edge, all in one room */
    RIG_BATCH = 16,    /* messages of one turn */
    RIG_FRAMES_MAX = 64,
    RIG_MESSAGE_MAX = 512
};

/* What one side has said and the other has not heard yet. */
struct rig_mail {
    struct buf bytes;
    size_t lens[RIG_FRAMES_MAX];
    size_t count;
};

struct rig_edge {
    struct rig *rig;
    struct uplink *uplink;
    struct rig_mail down;
    uint32_t number;
    uint64_t random;
    uint64_t delivered; /* messages, one for each member */
    /* NULL: framed into `framed` and forgotten. */
    void (*on_delivery)(struct rig_edge *edge, const struct uplink_delivery *delivery);
    void *writer; /* of on_delivery */
    struct buf framed;
};

struct rig {
    struct router_plane *plane;
    struct rig_edge edges[RIG_EDGES];
    struct rig_mail up[RIG_EDGES];
    uint64_t now_ms;
};

/* Ends the program: what it measures is not what it is meant to measure. */
void rig_die(const char *what);

/* All clients are there and have joined. */
void rig_start(struct rig *rig);
void rig_stop(struct rig *rig);

/* One more client; it joins. */
void rig_open(struct rig_edge *edge, uint32_t slot, uint32_t gen);

/* What the edge sent, to the plane; and what the plane sent, to the edge. */
void rig_router_hears(struct rig *rig, uint32_t number);
void rig_edge_hears(struct rig_edge *edge);
/* Turns until nobody has anything to say; time passes for acknowledgements. */
void rig_settle(struct rig *rig);

/* `text` from the client of `slot`, and from the first RIG_BATCH ones. */
void rig_say(struct rig_edge *edge, uint32_t slot, const char *text);
void rig_say_batch(struct rig_edge *edge, const char text[RIG_MESSAGE_MAX]);

/* A message of 100 bytes to the room, and to the user 7 of the second edge. */
void rig_room_text(char text[RIG_MESSAGE_MAX]);
void rig_direct_text(char text[RIG_MESSAGE_MAX]);

#endif
