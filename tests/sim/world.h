/* One simulated cluster: real uplinks, one real plane with core, front-end and engine, a virtual
 * network, and clients that say and hear real JSON. One seed is one history.
 *
 * Invariants, checked while it runs:
 *  - a client sees the offsets of a room it is in one after the other, within an epoch;
 *  - an (epoch, offset) of a room means the same message everywhere;
 *  - a reply answers a command that is waiting, once;
 *  - with router faults alone no connection is ever closed.
 * Checked when all faults are healed and time has passed:
 *  - every command got its reply;
 *  - every member has every message up to the room's newest;
 *  - presence of rooms and users equals the live connections. */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include "common/buf.h"
#include "edge/uplink.h"
#include "router/core.h"
#include "router/plane.h"
#include "tests/sim/net.h"

#include <stdbool.h>
#include <stdint.h>

enum { EDGES = 3, CLIENTS = 14, USERS = 8, ROOMS = 4, LOG_MAX = 4096, PENDING_MAX = 64 };

enum fault_set {
    FAULTS_NONE = 0,
    FAULTS_ROUTER = 1,  /* kill and stop */
    FAULTS_NETWORK = 2, /* single losses, cuts in both and in one direction */
    FAULTS_EDGE = 4     /* kill */
};

struct sim_room_view {
    bool joined;
    bool synced; /* last_offset is known */
    uint64_t epoch;
    uint64_t last_offset;
};

struct sim_pending {
    uint64_t id;
    enum command_kind kind;
    uint32_t room;
};

struct sim_client {
    uint32_t number;
    uint32_t user;
    bool open;
    bool welcomed;
    uint32_t edge;
    uint32_t slot;
    uint32_t gen;
    uint64_t next_id;
    struct sim_pending pending[PENDING_MAX];
    size_t pending_count;
    struct sim_room_view rooms[ROOMS];
    uint64_t received;
};

struct sim_edge {
    struct world *world;
    uint32_t number;
    struct uplink *uplink; /* NULL while dead */
    struct sim_client *slots[CLIENTS];
    uint32_t gens[CLIENTS];
    uint64_t up_again_at;
    uint64_t paused_until; /* does nothing: SIGSTOP */
};

struct world {
    uint64_t seed;
    struct rng rng;
    unsigned faults;
    uint64_t now_ms;
    struct net net;
    struct sim_edge edges[EDGES];
    struct router_plane *plane; /* NULL while dead */
    uint64_t router_incarnation;
    uint64_t router_up_again_at;
    uint64_t cut_until[EDGES];
    struct sim_client clients[CLIENTS];
    uint64_t next_payload;
    /* what (room, epoch, offset) carried: epochs are few, kept as a small list */
    struct {
        uint64_t epoch;
        uint32_t room;
        uint64_t payload[LOG_MAX];
    } logs[64];
    size_t log_count;
    bool calm; /* no more actions or faults */
    bool trace;
    uint64_t closes;
    uint64_t messages;
    uint64_t router_deaths;
};

/* Runs one history; aborts with a message on stderr when an invariant breaks. */
void world_run(uint64_t seed, unsigned faults, bool trace);

/* For client.c. */
void world_fail(const struct world *world, const char *what, const struct sim_client *client);

void client_init(struct sim_client *client, uint32_t number);
/* One random action, or none. */
void client_act(struct world *world, struct sim_client *client);
void client_hear(struct world *world, struct sim_client *client, struct bytes text);
void client_lost(struct world *world, struct sim_client *client);
void client_end(struct world *world, struct sim_client *client, bool clean);

#endif
