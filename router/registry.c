/* Read-only walks over the core's tables. A cursor is an index into one of them, so a walk survives
 * changes between its pages: it may miss what came meanwhile, never shows a stranger. */
#include "router/registry.h"

#include "common/buf.h"
#include "router/core_internal.h"
#include "router/room.h"
#include "router/session.h"

#include <assert.h>
#include <string.h>

/* Names, tables and small arrays per object, about: measured with 100,000 idle connections. */
enum { USER_BYTES = 160, CONN_BYTES = 256, ROOM_BYTES = 160, MEMBER_BYTES = 40 };

static uint64_t estimate_memory(const struct router_core *core)
{
    return core->users.count * (sizeof(struct user) + USER_BYTES) +
           core->conns.count * (sizeof(struct conn) + CONN_BYTES) +
           core->rooms_by_name.count * (sizeof(struct room) + ROOM_BYTES) +
           core->member_count * MEMBER_BYTES + core->history_bytes;
}

uint32_t registry_conn_count(const struct router_core *core)
{
    return core->conns.count;
}

void registry_totals(const struct router_core *core, struct registry_totals *ret_totals)
{
    const struct core_counters *counters = &core->counters;
    *ret_totals = (struct registry_totals){
        .users_online = core->online_count,
        .users_known = core->users.count,
        .connections = core->conns.count - core->detached_count,
        .detached = core->detached_count,
        .rooms = core->rooms_by_name.count,
        .members = core->member_count,
        .edges = core->edges.count,
        .history_bytes = core->history_bytes,
        .memory_bytes = estimate_memory(core),
        .synced = core_synced(core),
        .deliveries = counters->deliveries,
        .room_messages = counters->room_messages,
        .direct_messages = counters->direct_messages,
        .duplicates = counters->duplicates,
        .tokens_ended = counters->tokens_ended,
        .evicted_channels = counters->evicted_channels,
        .mass_edges = counters->mass_edges,
        .mass_conns = counters->mass_conns,
        .lengthened = counters->lengthened,
        .unsure = counters->unsure,
        .parked = core->parked_count,
        .parked_bytes = core->parked_bytes,
        .parked_refused = counters->parked_refused,
        .loads_failed = counters->loads_failed,
        .bans_users = core->bans.user_count,
        .bans_addresses = core->bans.items.count - core->bans.user_count,
        .refused_user_banned = counters->refused_user_banned,
        .refused_address_banned = counters->refused_address_banned,
        .refused_user_limit = counters->refused_user_limit,
        .refused_address_limit = counters->refused_address_limit,
        .user_messages_limited = counters->user_messages_limited,
        .user_logs_limited = counters->user_logs_limited,
        .user_bytes_limited = counters->user_bytes_limited,
    };
    _Static_assert(sizeof(ret_totals->commands) == sizeof(counters->commands), "the same kinds");
    _Static_assert(sizeof(ret_totals->errors) == sizeof(counters->errors), "the same errors");
    memcpy(ret_totals->commands, counters->commands, sizeof(counters->commands));
    memcpy(ret_totals->errors, counters->errors, sizeof(counters->errors));
}

static void describe_user(const struct user *user, struct registry_user *ret_user)
{
    bool online = user_online(user);
    *ret_user = (struct registry_user){
        .name = user_name(user),
        .online = online,
        .connections = user->attached,
        .detached = user->detached,
        .since_ms = online ? user->since_ms : user->last_seen_ms,
        .inbox_epoch = user->inbox.epoch,
        .inbox_offset = user->inbox.top,
        .watchers = user->watch == NULL ? 0 : user->watch->member_count,
    };
}

bool registry_user_find(const struct router_core *core, struct bytes name,
                        struct registry_user *ret_user)
{
    const struct user *user = user_find(core, name);
    if (user != NULL) {
        describe_user(user, ret_user);
    }
    return user != NULL;
}

/* The next live object at or after the cursor, which moves past it; NULL at the end. */
static void *next_object(const struct slotmap *map, uint64_t *cursor)
{
    while (*cursor < map->used) {
        void *object = slotmap_at(map, (uint32_t)(*cursor)++);
        if (object != NULL) {
            return object;
        }
    }
    return NULL;
}

bool registry_user_next(const struct router_core *core, uint64_t *cursor,
                        struct registry_user *ret_user)
{
    const struct user *user = next_object(&core->users, cursor);
    if (user != NULL) {
        describe_user(user, ret_user);
    }
    return user != NULL;
}

struct bytes registry_conn_address(const struct registry_conn *conn, char out[ADDRESS_TEXT_MAX])
{
    return conn->has_address ? bytes_of(out, address_text(&conn->address, out)) : BYTES_EMPTY;
}

static void describe_conn(const struct router_core *core, const struct conn *conn,
                          struct registry_conn *ret_conn)
{
    const struct router_edge *edge = edges_get(&core->edges, conn->ref.edge);
    bool edge_lives = edge != NULL && edge->serial == conn->edge_serial;
    *ret_conn = (struct registry_conn){
        .handle = conn->id,
        .ref = conn->ref,
        .edge_id = edge_lives ? router_edge_id(edge) : BYTES_EMPTY,
        .user = user_name(conn->user),
        .address = conn->address,
        .has_address = conn->has_address,
        .agent = conn_agent(conn),
        .connected_at_ms = conn->connected_at_ms,
        .last_activity_ms = conn->last_activity_ms,
        .attached = conn->attached,
        .rooms = conn->rooms.count,
        .watches = conn_rare(conn)->watches.count,
    };
}

/* Along a user's list; the cursor is the index of the last one shown, plus 1. */
static const struct conn *next_of_user(const struct router_core *core, const struct user *user,
                                       uint64_t *cursor)
{
    const struct conn *conn = user->oldest;
    if (*cursor != 0) {
        const struct conn *last = slotmap_at(&core->conns, (uint32_t)(*cursor - 1));
        conn = last == NULL || last->user != user ? NULL : last->newer;
    }
    if (conn != NULL) {
        *cursor = (uint64_t)slot_id_index(conn->id) + 1;
    }
    return conn;
}

bool registry_conn_next(const struct router_core *core, struct bytes user, uint64_t *cursor,
                        struct registry_conn *ret_conn)
{
    const struct conn *conn = NULL;
    if (user.len == 0) {
        conn = next_object(&core->conns, cursor);
    } else {
        const struct user *owner = user_find(core, user);
        conn = owner == NULL ? NULL : next_of_user(core, owner, cursor);
    }
    if (conn != NULL) {
        describe_conn(core, conn, ret_conn);
    }
    return conn != NULL;
}

static bool parse_hex(struct bytes text, uint32_t *ret_value)
{
    uint32_t value = 0;
    if (text.len == 0 || text.len > 8) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (c >= '0' && c <= '9') {
            value = value * 16 + (uint32_t)(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            value = value * 16 + (uint32_t)(c - 'a') + 10;
        } else {
            return false;
        }
    }
    *ret_value = value;
    return true;
}

/* Cuts what stands after the last dot off `text`. */
static bool cut_last_part(struct bytes *text, struct bytes *ret_part)
{
    for (size_t at = text->len; at > 0; at--) {
        if (text->data[at - 1] == '.') {
            *ret_part = bytes_slice(*text, at, text->len);
            *text = bytes_slice(*text, 0, at - 1);
            return true;
        }
    }
    return false;
}

bool registry_conn_find(const struct router_core *core, struct bytes connection_id,
                        struct registry_conn *ret_conn)
{
    struct bytes gen_text = BYTES_EMPTY;
    struct bytes slot_text = BYTES_EMPTY;
    struct conn_ref ref = {.edge = 0};
    if (!cut_last_part(&connection_id, &gen_text) || !cut_last_part(&connection_id, &slot_text) ||
        !parse_hex(gen_text, &ref.gen) || !parse_hex(slot_text, &ref.slot)) {
        return false;
    }
    for (ref.edge = 0; ref.edge < core->edges.capacity; ref.edge++) {
        const struct router_edge *edge = edges_get(&core->edges, ref.edge);
        if (edge != NULL && bytes_equal(router_edge_id(edge), connection_id)) {
            const struct conn *conn = conn_find(core, ref);
            if (conn != NULL) {
                describe_conn(core, conn, ret_conn);
                return true;
            }
        }
    }
    return false;
}

bool registry_conn_room_next(const struct router_core *core, const struct registry_conn *of,
                             uint64_t *cursor, struct bytes *ret_room)
{
    const struct conn *conn = slotmap_get(&core->conns, of->handle);
    if (conn == NULL || *cursor >= conn->rooms.count) {
        return false;
    }
    const struct room *room = room_by_group(core, conn_ids_all(&conn->rooms)[(*cursor)++]);
    assert(room != NULL && "a member holds its room");
    *ret_room = channel_name(&room->channel);
    return true;
}

static void describe_room(const struct room *room, struct registry_room *ret_room)
{
    const struct channel *channel = &room->channel;
    *ret_room = (struct registry_room){
        .name = channel_name(channel),
        .class = room->class,
        .members = room->members.count,
        .connections = channel->member_count,
        .epoch = channel->epoch,
        .offset = channel->top,
        .first_offset = channel_first_offset(channel),
        .history_bytes = channel->ring == NULL ? 0 : channel->ring->payload_bytes,
    };
}

bool registry_room_find(const struct router_core *core, struct bytes name,
                        struct registry_room *ret_room)
{
    const struct room *room = room_find(core, name);
    if (room != NULL) {
        describe_room(room, ret_room);
    }
    return room != NULL;
}

bool registry_room_next(const struct router_core *core, uint64_t *cursor,
                        struct registry_room *ret_room)
{
    const struct channel *channel = next_object(&core->channels, cursor);
    while (channel != NULL && channel->kind != CHANNEL_ROOM) {
        channel = next_object(&core->channels, cursor);
    }
    if (channel != NULL) {
        describe_room((const struct room *)channel, ret_room);
    }
    return channel != NULL;
}

bool registry_member_next(const struct router_core *core, struct bytes room_name, uint64_t *cursor,
                          struct push_member *ret_member)
{
    const struct room *room = room_find(core, room_name);
    uint32_t at = (uint32_t)*cursor;
    uint32_t user = 0;
    uint32_t connections = 0;
    if (room == NULL || *cursor > UINT32_MAX ||
        !u32map_next(&room->members, &at, &user, &connections)) {
        return false;
    }
    *cursor = at;
    *ret_member = room_member(core, room, user, connections);
    return true;
}

bool registry_edge_next(const struct router_core *core, uint64_t *cursor,
                        struct registry_edge *ret_edge)
{
    while (*cursor < core->edges.capacity) {
        uint32_t index = (uint32_t)(*cursor)++;
        const struct router_edge *edge = edges_get(&core->edges, index);
        if (edge != NULL) {
            *ret_edge = (struct registry_edge){
                .edge = index,
                .id = router_edge_id(edge),
                .connections = edge->connections,
                .detached = edge->detached,
                .draining = edge->draining,
                .synced = edge->synced,
            };
            return true;
        }
    }
    return false;
}

void registry_connection_id(struct bytes edge_id, uint32_t slot, uint32_t gen, struct buf *out)
{
    buf_append(out, edge_id);
    buf_append_byte(out, '.');
    buf_append_hex(out, slot, 1);
    buf_append_byte(out, '.');
    buf_append_hex(out, gen, 1);
}

const struct ban *registry_ban_next(const struct router_core *core, uint64_t *cursor)
{
    const struct ban *ban = NULL;
    do {
        ban = bans_next(&core->bans, cursor);
    } while (ban != NULL && ban->due_ms <= core->now_ms);
    return ban;
}

uint64_t registry_ban_left_ms(const struct ban *ban, uint64_t now_ms)
{
    return ban->due_ms == UINT64_MAX ? 0 : ban->due_ms <= now_ms ? 1 : ban->due_ms - now_ms;
}

uint64_t registry_edges_digest(const struct router_core *core)
{
    uint64_t digest = 0;
    if (core->rebuilding) {
        return 0;
    }
    for (uint32_t i = 0; i < core->edges.capacity; i++) {
        const struct router_edge *edge = core->edges.items[i];
        digest ^= edge == NULL ? 0 : edges_mix(edge->incarnation);
    }
    return digest == 0 ? 1 : digest;
}
