#include "router/conn.h"

#include "common/mem.h"
#include "router/agents.h"
#include "router/core_internal.h"
#include "router/loss.h"
#include "router/rates.h"
#include "router/rights.h"
#include "router/truth.h"

#include <assert.h>
#include <string.h>

struct conn_rare *conn_rare_made(struct conn *conn)
{
    if (conn->rare == NULL) {
        conn->rare = mem_new(1, sizeof(*conn->rare));
    }
    return conn->rare;
}

struct bytes conn_address(const struct conn *conn, char out[ADDRESS_TEXT_MAX])
{
    return conn->has_address ? bytes_of(out, address_text(&conn->address, out)) : BYTES_EMPTY;
}

struct bytes conn_agent(const struct conn *conn)
{
    return agent_text(conn->agent);
}

struct conn *conn_find(const struct router_core *core, struct conn_ref ref)
{
    const struct router_edge *edge = edges_get(&core->edges, ref.edge);
    if (edge == NULL) {
        return NULL;
    }
    struct conn *conn = slotmap_get(&core->conns, router_edge_conn(edge, ref.slot));
    return conn != NULL && conn->ref.gen == ref.gen ? conn : NULL;
}

/* The oldest one's `older` is the newest. */
static void link_to_user(struct user *user, struct conn *conn)
{
    struct conn *oldest = user->oldest == NULL ? conn : user->oldest;
    conn->user = user;
    conn->newer = NULL;
    if (oldest == conn) {
        user->oldest = conn;
    } else {
        conn->older = oldest->older;
        conn->older->newer = conn;
    }
    oldest->older = conn;
}

static void unlink_from_user(struct user *user, struct conn *conn)
{
    if (conn == user->oldest) {
        user->oldest = conn->newer;
    } else {
        conn->older->newer = conn->newer;
    }
    struct conn *after = conn->newer == NULL ? user->oldest : conn->newer;
    if (after != NULL) {
        after->older = conn->older;
    }
}

struct bytes conn_rights(const struct conn *conn)
{
    return bytes_of(conn_rare(conn)->rights, conn_rare(conn)->rights_len);
}

bool conn_may(const struct router_core *core, const struct conn *conn, struct bytes room,
              unsigned wanted)
{
    return rights_allow(conn_rights(conn), room, wanted,
                        policy_rights(policy_table_find(&core->config.policy, room)));
}

void conn_set_rights(struct conn *conn, struct bytes rights)
{
    _Static_assert(RIGHTS_BYTES_MAX <= UINT16_MAX, "their length fits");
    if (rights.len == 0 && conn_rights(conn).len == 0) {
        return;
    }
    struct conn_rare *rare = conn_rare_made(conn);
    mem_free(rare->rights);
    rare->rights = rights.len == 0 ? NULL : mem_copy(rights);
    rare->rights_len = (uint16_t)rights.len;
}

static struct conn *allocate(struct router_core *core, const struct session_info *info)
{
    struct conn *conn = mem_new(1, sizeof(*conn));
    conn->agent = agents_take(&core->agents, bytes_slice(info->agent, 0, CONN_AGENT_MAX));
    conn->has_address = address_parse(info->address, &conn->address);
    conn->encoding = info->encoding;
    conn->connected_at_ms = info->connected_at_ms;
    conn_set_rights(conn, info->rights);
    return conn;
}

struct conn *conn_new(struct router_core *core, struct user *user, struct conn_ref ref,
                      const struct session_info *info)
{
    struct router_edge *edge = edges_get(&core->edges, ref.edge);
    assert(edge != NULL && router_edge_conn(edge, ref.slot) == 0);
    struct conn *conn = allocate(core, info);
    conn->ref = ref;
    conn->attached = true;
    conn->opened_ms = core->now_ms;
    conn->edge_serial = edge->serial;
    conn->last_activity_ms = core->wall_ms;
    conn->id = slotmap_add(&core->conns, conn);
    assert(conn->id != 0 && "edges have far fewer slots");
    router_edge_set_conn(edge, ref.slot, conn->id);
    edge->connections++;
    if (core->config.connections_per_address_max != 0 && conn->has_address) {
        conn->counted = ip_counts_take(&core->addresses, &conn->address, UINT64_MAX);
    }
    core->online_count += !user_online(user);
    link_to_user(user, conn);
    user->attached++;
    conn->waiting = true;
    conn_set_token_end(core, conn, info->expires_at_ms);
    user_set_info(user, rights_info(info->rights));
    truth_add(core, conn, 0);
    truth_settle(core, conn, false);
    user_settle(core, user);
    return conn;
}

/* Wall clock to monotonic: what the clock does later changes nothing. */
void conn_set_token_end(struct router_core *core, struct conn *conn, uint64_t expires_at_ms)
{
    if (expires_at_ms != conn_rare(conn)->expires_at_ms) {
        conn_rare_made(conn)->expires_at_ms = expires_at_ms;
    }
    if (expires_at_ms == 0) {
        wheel_clear(core->token_ends, slot_id_index(conn->id));
        return;
    }
    uint64_t left = expires_at_ms > core->wall_ms ? expires_at_ms - core->wall_ms : 0;
    wheel_set(core->token_ends, slot_id_index(conn->id), core->now_ms + left);
}

bool conn_enter_inbox(struct router_core *core, struct conn *conn)
{
    assert(conn->waiting);
    conn->waiting = false;
    truth_settle(core, conn, true);
    truth_add(core, conn, conn->user->inbox.id);
    return channel_add_member(&conn->user->inbox, conn->ref.edge);
}

static void end_watches(struct router_core *core, struct conn *conn)
{
    if (conn->rare == NULL) {
        return;
    }
    struct conn_ids *watches = &conn->rare->watches;
    for (uint32_t i = 0; i < watches->count; i++) {
        struct user *watched = slotmap_get(&core->users, conn_ids_all(watches)[i]);
        assert(watched != NULL && "a watcher holds the user");
        truth_remove(core, conn, watched->watch->id);
        channel_remove_member(watched->watch, conn->ref.edge);
        user_settle(core, watched);
    }
    conn_ids_fini(watches);
    *watches = (struct conn_ids){0};
}

static struct message about_room(const struct conn *conn, enum message_kind kind, slot_id room)
{
    return (struct message){
        .kind = kind,
        .group = room,
        .conn = conn->ref,
        .user = slot_id_index(conn->user->id),
        .attached = conn->attached,
    };
}

/* The edge knows it no more: its slot may be given to another. */
static void leave_edge(struct router_core *core, struct conn *conn)
{
    struct router_edge *edge = edges_get(&core->edges, conn->ref.edge);
    assert(edge != NULL && edge->serial == conn->edge_serial);
    router_edge_set_conn(edge, conn->ref.slot, 0);
    edge->connections--;
    truth_remove(core, conn, 0);
    for (uint32_t i = 0; i < conn->rooms.count; i++) {
        truth_remove(core, conn, conn_ids_all(&conn->rooms)[i]);
    }
    if (conn->waiting) {
        truth_settle(core, conn, true);
    } else {
        truth_remove(core, conn, conn->user->inbox.id);
        channel_remove_member(&conn->user->inbox, conn->ref.edge);
    }
    if (conn->counted) {
        ip_counts_release(&core->addresses, &conn->address);
        conn->counted = false;
    }
    end_watches(core, conn);
    conn->user->attached--;
    conn->user->last_seen_ms = core->wall_ms;
}

void conn_detach(struct router_core *core, struct conn *conn)
{
    assert(conn->attached);
    for (uint32_t i = 0; i < conn->rooms.count; i++) {
        struct message message = about_room(conn, ROOM_DETACH, conn_ids_all(&conn->rooms)[i]);
        mailbox_post(&core->mailbox, &message);
    }
    leave_edge(core, conn);
    taps_connection(core, conn->user, conn->ref, CORE_TAPPED_LOST);
    edges_get(&core->edges, conn->ref.edge)->detached++;
    conn->attached = false;
    conn->lost_ms = 0;
    conn->user->detached++;
    core->detached_count++;
    user_settle(core, conn->user);
}

static void end_detached(struct router_core *core, struct conn *conn)
{
    struct router_edge *edge = edges_get(&core->edges, conn->ref.edge);
    if (edge != NULL && edge->serial == conn->edge_serial) {
        edge->detached--;
    }
    loss_over(conn);
    wheel_clear(core->grace, slot_id_index(conn->id));
    wheel_clear(core->token_ends, slot_id_index(conn->id));
    conn->user->detached--;
    core->detached_count--;
}

void conn_drop(struct router_core *core, struct conn *conn)
{
    rates_drop(core, conn);
    agents_give(core, &conn->agent);
    conn_ids_fini(&conn->rooms);
    if (conn->rare != NULL) {
        conn_ids_fini(&conn->rare->watches);
        mem_free(conn->rare->rights);
        mem_free(conn->rare);
    }
    effects_bury(&core->effects, conn);
}

void conn_free(struct router_core *core, struct conn *conn, const char *reason)
{
    struct user *user = conn->user;
    for (uint32_t i = 0; i < conn->rooms.count; i++) {
        struct message message = about_room(conn, ROOM_LEAVE, conn_ids_all(&conn->rooms)[i]);
        message.reason = reason;
        mailbox_post(&core->mailbox, &message);
    }
    taps_connection(core, user, conn->ref, CORE_TAPPED_CLOSED);
    if (conn->attached) {
        leave_edge(core, conn);
    } else {
        end_detached(core, conn);
    }
    core->online_count -= !user_online(user);
    unlink_from_user(user, conn);
    (void)slotmap_remove(&core->conns, conn->id);
    conn_drop(core, conn);
}

/* Index of `id`, or the count. They are few: the limits per connection. */
static uint32_t index_of(const struct conn_ids *ids, slot_id id)
{
    const slot_id *all = conn_ids_all(ids);
    uint32_t i = 0;
    while (i < ids->count && all[i] != id) {
        i++;
    }
    return i;
}

static slot_id *all_of(struct conn_ids *ids)
{
    return ids->capacity == 0 ? &ids->only : ids->items;
}

static void append(struct conn_ids *ids, slot_id id)
{
    if (ids->count == (ids->capacity == 0 ? 1 : ids->capacity)) {
        uint32_t capacity = ids->capacity == 0 ? 4 : ids->capacity * 2;
        slot_id *items = mem_new(capacity, sizeof(*items));
        memcpy(items, conn_ids_all(ids), ids->count * sizeof(*items));
        conn_ids_fini(ids);
        ids->items = items;
        ids->capacity = capacity;
    }
    all_of(ids)[ids->count++] = id;
}

void conn_ids_fini(struct conn_ids *ids)
{
    if (ids->capacity != 0) {
        mem_free(ids->items);
    }
}

void conn_ids_remove(struct conn_ids *ids, uint32_t at)
{
    slot_id *all = all_of(ids);
    all[at] = all[--ids->count];
}

bool conn_in_room(const struct conn *conn, slot_id room)
{
    return index_of(&conn->rooms, room) < conn->rooms.count;
}

void conn_add_room(struct router_core *core, struct conn *conn, slot_id room)
{
    truth_add(core, conn, room);
    append(&conn->rooms, room);
}

void conn_remove_room(struct router_core *core, struct conn *conn, slot_id room)
{
    uint32_t at = index_of(&conn->rooms, room);
    if (at < conn->rooms.count) {
        conn_ids_remove(&conn->rooms, at);
        if (conn->attached) {
            truth_remove(core, conn, room);
        }
    }
}

bool conn_watches(const struct conn *conn, slot_id user)
{
    return index_of(&conn_rare(conn)->watches, user) < conn_rare(conn)->watches.count;
}

bool conn_remove_watch(struct router_core *core, struct conn *conn, struct user *user)
{
    uint32_t at = index_of(&conn_rare(conn)->watches, user->id);
    if (at == conn_rare(conn)->watches.count) {
        return false;
    }
    conn_ids_remove(&conn->rare->watches, at);
    truth_remove(core, conn, user->watch->id);
    channel_emit_remove(core, user->watch, conn->ref);
    channel_remove_member(user->watch, conn->ref.edge);
    user_settle(core, user);
    return true;
}

bool conn_add_watch(struct router_core *core, struct conn *conn, struct user *user)
{
    append(&conn_rare_made(conn)->watches, user->id);
    bool first = channel_add_member(user_watch_channel(core, user), conn->ref.edge);
    truth_add(core, conn, user->watch->id);
    user_settle(core, user);
    return first;
}
