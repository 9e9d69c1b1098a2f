/* Read-only questions to the core, for the admin interface, the API and metrics. Views are valid
 * until the next step. Cursors start at 0 and are opaque. */
#ifndef ROUTER_REGISTRY_H
#define ROUTER_REGISTRY_H

#include "common/address.h"
#include "router/core.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct registry_totals {
    uint64_t users_online;
    uint64_t users_known; /* with an inbox kept */
    uint64_t connections;
    uint64_t detached; /* in grace */
    uint64_t rooms;
    uint64_t members; /* sum over rooms, users */
    uint64_t edges;
    uint64_t history_bytes;
    uint64_t memory_bytes; /* estimate over all objects */
    bool synced;
    /* counters since start */
    uint64_t commands[COMMAND_BAD + 1];
    uint64_t errors[CLIENT_ERROR_COUNT];
    uint64_t deliveries; /* DELIVER effects times members on their edges */
    uint64_t room_messages;
    uint64_t direct_messages;
    uint64_t tokens_ended; /* connections closed because of that */
    uint64_t duplicates;   /* repetitions and repeated keys not acted upon */
    uint64_t evicted_channels;
    uint64_t bans_users; /* now */
    uint64_t bans_addresses;
    uint64_t refused_user_banned; /* connections */
    uint64_t refused_address_banned;
    uint64_t refused_user_limit;
    uint64_t refused_address_limit;
    uint64_t user_logs_limited;     /* messages that would have begun too many logs, likewise */
    uint64_t user_messages_limited; /* commands over a limit of the user, of those in errors */
    uint64_t user_bytes_limited;
    uint64_t mass_edges; /* mass losses: an edge died */
    uint64_t mass_conns; /* the other ones */
    uint64_t lengthened; /* connections that got the long grace */
    uint64_t unsure;     /* rooms and watched users told of after a start, see announce.h */
    uint64_t parked;     /* commands that wait for logs to be read */
    uint64_t parked_bytes;
    uint64_t parked_refused;
    uint64_t loads_failed;
};

struct registry_user {
    struct bytes name;
    bool online;
    uint32_t connections; /* attached */
    uint32_t detached;
    uint64_t since_ms; /* online since, or last seen (wall) */
    uint64_t inbox_epoch;
    uint64_t inbox_offset;
    uint32_t watchers; /* connections watching this user */
};

struct registry_conn {
    uint64_t handle; /* for registry_conn_room_next */
    struct conn_ref ref;
    struct bytes edge_id;
    struct bytes user;
    struct address address;
    struct bytes agent;
    uint64_t connected_at_ms;
    uint64_t last_activity_ms; /* wall time of the last command, or of the opening */
    bool attached;
    bool has_address;
    uint32_t rooms;
    uint32_t watches;
};

/* Text of its address, written to `out`; empty when its edge knows none. */
struct bytes registry_conn_address(const struct registry_conn *conn, char out[ADDRESS_TEXT_MAX]);

struct registry_room {
    struct bytes name;
    enum room_class class;
    uint32_t members; /* users */
    uint32_t connections;
    uint64_t epoch;
    uint64_t offset;
    uint64_t first_offset;
    uint64_t history_bytes;
};

struct registry_edge {
    uint32_t edge;
    struct bytes id;
    uint32_t connections;
    uint32_t detached;
    bool draining;
    bool synced;
};

/* Attached and detached. */
uint32_t registry_conn_count(const struct router_core *core);

void registry_totals(const struct router_core *core, struct registry_totals *ret_totals);

bool registry_user_find(const struct router_core *core, struct bytes name,
                        struct registry_user *ret_user);
bool registry_user_next(const struct router_core *core, uint64_t *cursor,
                        struct registry_user *ret_user);

/* All connections, or those of one user (name not empty). */
bool registry_conn_next(const struct router_core *core, struct bytes user, uint64_t *cursor,
                        struct registry_conn *ret_conn);
/* By its public name EDGE.SLOT.GEN (slot and generation in hex). */
bool registry_conn_find(const struct router_core *core, struct bytes connection_id,
                        struct registry_conn *ret_conn);
/* Names of the rooms of a connection, attached or in grace. */
bool registry_conn_room_next(const struct router_core *core, const struct registry_conn *conn,
                             uint64_t *cursor, struct bytes *ret_room);

bool registry_room_find(const struct router_core *core, struct bytes name,
                        struct registry_room *ret_room);
bool registry_room_next(const struct router_core *core, uint64_t *cursor,
                        struct registry_room *ret_room);
/* Members of a room as presence shows them. */
bool registry_member_next(const struct router_core *core, struct bytes room, uint64_t *cursor,
                          struct push_member *ret_member);

bool registry_edge_next(const struct router_core *core, uint64_t *cursor,
                        struct registry_edge *ret_edge);

/* Bans that hold, in no order. NULL at the end. See bans.h. */
const struct ban *registry_ban_next(const struct router_core *core, uint64_t *cursor);
/* How long it still holds; 0 = until it is removed. */
uint64_t registry_ban_left_ms(const struct ban *ban, uint64_t now_ms);

/* A number that stands for the edge incarnations that are up, never 0; 0 while the state is still
 * being rebuilt. */
uint64_t registry_edges_digest(const struct router_core *core);

/* Appends EDGE.SLOT.GEN. `out` is a common/buf. */
struct buf;
void registry_connection_id(struct bytes edge_id, uint32_t slot, uint32_t gen, struct buf *out);

#endif
