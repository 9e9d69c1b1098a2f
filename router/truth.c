#include "router/truth.h"

#include "router/core_internal.h"
#include "router/room.h"
#include "router/roster.h"
#include "router/session.h"

enum {
    CLOSE_SERVICE_RESTART = 1012,
    PLACES_COUNTED_MAX = 128 /* of one user, when the room side is checked against them */
};

/* What the edge says of one slot. */
struct claim {
    uint32_t gen; /* 0: it has nobody there */
    const uint64_t *groups;
    uint32_t group_count;
};

/* ---- the digest ---- */

static struct digest *digest_of(const struct router_core *core, const struct conn *conn)
{
    return &edges_get(&core->edges, conn->ref.edge)->digest;
}

void truth_add(struct router_core *core, const struct conn *conn, slot_id group)
{
    digest_add(digest_of(core, conn), conn->ref.slot,
               digest_item(conn->ref.slot, conn->ref.gen, group));
}

void truth_remove(struct router_core *core, const struct conn *conn, slot_id group)
{
    digest_remove(digest_of(core, conn), conn->ref.slot,
                  digest_item(conn->ref.slot, conn->ref.gen, group));
}

void truth_settle(struct router_core *core, const struct conn *conn, bool settled)
{
    digest_settle(digest_of(core, conn), conn->ref.slot, settled);
}

/* ---- counting from the records ---- */

/* Connections of the user in the room as the session side has them. */
static uint32_t places_of(const struct user *user, slot_id room, bool detached_only)
{
    uint32_t count = 0;
    for (const struct conn *conn = user->oldest; conn != NULL; conn = conn->newer) {
        count += conn_in_room(conn, room) && !(detached_only && conn->attached);
    }
    return count;
}

static uint32_t value_of(const struct u32map *map, uint32_t key)
{
    uint32_t value = 0;
    (void)u32map_get(map, key, &value);
    return value;
}

/* The room side has the connection in the room, and the user at least as often as the session side:
 * when it has him more often, another of his connections has lost its place, and shows it itself.
 */
static bool room_agrees(const struct router_core *core, const struct conn *conn, slot_id group)
{
    const struct room *room = room_by_group(core, group);
    if (room == NULL || !channel_has_member(&room->channel, conn->ref.edge)) {
        return false;
    }
    const struct user *user = conn->user;
    uint32_t index = slot_id_index(user->id);
    if ((user->attached + user->detached) * conn->rooms.count > PLACES_COUNTED_MAX) {
        return value_of(&room->members, index) != 0;
    }
    return value_of(&room->members, index) >= places_of(user, group, false);
}

static uint64_t sum_of(const struct router_core *core, const struct conn *conn)
{
    uint32_t slot = conn->ref.slot;
    uint32_t gen = conn->ref.gen;
    uint64_t sum = digest_item(slot, gen, 0);
    sum += conn->waiting ? 0 : digest_item(slot, gen, conn->user->inbox.id);
    for (uint32_t i = 0; i < conn->rooms.count; i++) {
        sum += room_agrees(core, conn, conn_ids_all(&conn->rooms)[i])
                   ? digest_item(slot, gen, conn_ids_all(&conn->rooms)[i])
                   : 0;
    }
    for (uint32_t i = 0; i < conn_rare(conn)->watches.count; i++) {
        const struct user *watched =
            slotmap_get(&core->users, conn_ids_all(&conn_rare(conn)->watches)[i]);
        bool there = watched != NULL && watched->watch != NULL;
        sum += there ? digest_item(slot, gen, watched->watch->id) : 0;
    }
    return sum;
}

static void count_anew(struct router_core *core, struct router_edge *edge, uint32_t bucket)
{
    uint64_t sum = 0;
    for (uint32_t slot = bucket; slot < edge->conn_capacity; slot += DIGEST_BUCKETS) {
        const struct conn *conn = slotmap_get(&core->conns, router_edge_conn(edge, slot));
        sum += conn == NULL ? 0 : sum_of(core, conn);
    }
    edge->digest.sums[bucket] = sum;
}

/* ---- question and answer ---- */

void router_core_truth_ask(struct router_core *core, uint32_t index)
{
    struct router_edge *edge = edges_get(&core->edges, index);
    if (edge != NULL) {
        edge->digest.touched = 0;
    }
}

struct truth_verdict router_core_truth_compare(struct router_core *core, uint32_t index,
                                               uint64_t unsettled, const uint64_t *sums,
                                               uint32_t bucket)
{
    struct truth_verdict verdict = {0};
    struct router_edge *edge = edges_get(&core->edges, index);
    if (edge == NULL || !edge->synced || !core_synced(core)) {
        return verdict;
    }
    count_anew(core, edge, bucket);
    verdict.compared = ~(edge->digest.touched | digest_unsettled(&edge->digest) | unsettled);
    for (uint32_t i = 0; i < DIGEST_BUCKETS; i++) {
        verdict.differs |= (uint64_t)(edge->digest.sums[i] != sums[i]) << i;
    }
    verdict.differs &= verdict.compared;
    return verdict;
}

void truth_canary(struct router_core *core, const struct core_event *event)
{
    struct core_effect *effect = effects_add(&core->effects, CORE_CANARY_BACK);
    effect->edge = event->edge;
    effect->token = event->token;
}

/* ---- repair ---- */

static void tell(struct router_core *core, struct conn_ref ref, const struct user *user,
                 const char *what)
{
    struct core_effect *effect = effects_add(&core->effects, CORE_DIVERGED);
    effect->conn = ref;
    effect->text = bytes_of_str(what);
    effect->room = user == NULL ? BYTES_EMPTY : effects_copy(&core->effects, user_name(user));
}

/* A connection whose place in its edge's table was lost. */
static struct conn *find_stray(struct router_core *core, struct router_edge *edge,
                               struct conn_ref ref)
{
    for (uint32_t i = 0; i < core->conns.used; i++) {
        struct conn *conn = slotmap_at(&core->conns, i);
        if (conn != NULL && conn->attached && conn->ref.edge == ref.edge &&
            conn->ref.slot == ref.slot && conn->ref.gen == ref.gen) {
            router_edge_set_conn(edge, ref.slot, conn->id);
            return conn;
        }
    }
    return NULL;
}

static void set_count(struct u32map *map, uint32_t key, uint32_t count)
{
    if (count == 0) {
        (void)u32map_remove(map, key);
    } else {
        u32map_set(map, key, count);
    }
}

/* The room side follows the session side. Rare: it may walk over all connections. */
static void mend_room(struct router_core *core, const struct user *user, slot_id group)
{
    struct room *room = room_by_group(core, group);
    if (room == NULL) {
        return;
    }
    uint32_t index = slot_id_index(user->id);
    uint32_t before = room->members.count;
    set_count(&room->members, index, places_of(user, group, false));
    set_count(&room->detached, index, places_of(user, group, true));
    core->member_count += room->members.count;
    core->member_count -= before;
    if (room->members.count != before) {
        room->roster ^= roster_of_user(user);
    }
    room->channel.edge_count = 0;
    room->channel.member_count = 0;
    for (uint32_t i = 0; i < core->conns.used; i++) {
        const struct conn *conn = slotmap_at(&core->conns, i);
        if (conn != NULL && conn->attached && conn_in_room(conn, group)) {
            (void)channel_add_member(&room->channel, conn->ref.edge);
        }
    }
    room_settle(core, room);
}

static void part(struct router_core *core, struct conn *conn)
{
    session_lose(core, conn, core->now_ms + core->config.grace_ms);
}

static void close_at_edge(struct router_core *core, struct conn_ref ref)
{
    effects_close(&core->effects, ref, CLOSE_SERVICE_RESTART, BYTES_LIT("Service restart"));
}

/* Ends a connection at both ends. Whatever it said or was sent meanwhile may be lost, too: only
 * when it comes back is all of that settled. */
static void end(struct router_core *core, struct conn *conn, const char *what)
{
    tell(core, conn->ref, conn->user, what);
    close_at_edge(core, conn->ref);
    part(core, conn);
}

/* The room has lost an edge: nobody there was given what was delivered since. */
static void end_others(struct router_core *core, const struct conn *conn, slot_id group)
{
    for (uint32_t i = 0; i < core->conns.used; i++) {
        struct conn *other = slotmap_at(&core->conns, i);
        if (other != NULL && other != conn && other->attached &&
            other->ref.edge == conn->ref.edge && conn_in_room(other, group)) {
            end(core, other, "a room of it had lost the edge: closed");
        }
    }
}

/* So that the connection's records end as they should: the place that the room side and the edge
 * still know, and only the session side has lost; then the room side. */
static void mend_places(struct router_core *core, struct conn *conn, const struct claim *claim)
{
    for (uint32_t i = 0; i < claim->group_count; i++) {
        slot_id group = claim->groups[i];
        const struct room *room = room_by_group(core, group);
        if (room != NULL && !conn_in_room(conn, group) &&
            value_of(&room->members, slot_id_index(conn->user->id)) >
                places_of(conn->user, group, false)) {
            conn_add_room(core, conn, group);
        }
    }
    for (uint32_t i = 0; i < conn->rooms.count; i++) {
        slot_id group = conn_ids_all(&conn->rooms)[i];
        const struct room *room = room_by_group(core, group);
        bool heard = room == NULL || channel_has_member(&room->channel, conn->ref.edge);
        if (!room_agrees(core, conn, group)) {
            mend_room(core, conn->user, group);
        }
        if (!heard) {
            end_others(core, conn, group);
        }
    }
}

static uint64_t claimed_sum(const struct conn *conn, const struct claim *claim)
{
    uint64_t sum = digest_item(conn->ref.slot, conn->ref.gen, 0);
    for (uint32_t i = 0; i < claim->group_count; i++) {
        sum += digest_item(conn->ref.slot, conn->ref.gen, claim->groups[i]);
    }
    return sum;
}

static void end_mended(struct router_core *core, struct conn *conn, const struct claim *claim,
                       const char *what)
{
    mend_places(core, conn, claim);
    end(core, conn, what);
}

static void judge(struct router_core *core, struct router_edge *edge, struct conn_ref ref,
                  const struct claim *claim)
{
    struct conn *conn = slotmap_get(&core->conns, router_edge_conn(edge, ref.slot));
    if (conn != NULL && conn->ref.gen != claim->gen) {
        tell(core, conn->ref, conn->user, "the edge does not have it: lost");
        part(core, conn);
        conn = NULL;
    }
    ref.gen = claim->gen;
    if (conn != NULL) {
        if (sum_of(core, conn) != claimed_sum(conn, claim)) {
            end_mended(core, conn, claim, "edge and router have it in different groups: closed");
        }
        return;
    }
    conn = claim->gen == 0 ? NULL : find_stray(core, edge, ref);
    if (conn != NULL) {
        end_mended(core, conn, claim, "the router had lost its record: closed");
    } else if (claim->gen != 0) {
        tell(core, ref, NULL, "the router does not have it: closed");
        close_at_edge(core, ref);
    }
}

void truth_listing(struct router_core *core, const struct core_event *event)
{
    const struct core_listing *listing = event->listing;
    struct router_edge *edge = edges_get(&core->edges, event->edge);
    uint32_t bucket = listing->bucket;
    if (edge == NULL || !edge->synced || !core_synced(core) ||
        ((edge->digest.touched | digest_unsettled(&edge->digest)) >> bucket & 1) != 0) {
        return; /* the next question finds it again */
    }
    size_t next = 0;
    const uint64_t *groups = listing->groups;
    for (uint32_t slot = bucket; slot < edge->conn_capacity || next < listing->conn_count;
         slot += DIGEST_BUCKETS) {
        struct claim claim = {0};
        if (next < listing->conn_count && listing->slots[next] == slot) {
            claim = (struct claim){listing->gens[next], groups, listing->group_counts[next]};
            groups += claim.group_count;
            next++;
        }
        judge(core, edge, (struct conn_ref){.edge = event->edge, .slot = slot}, &claim);
    }
    core_drain(core);
    count_anew(core, edge, bucket);
    digest_touch(&edge->digest, bucket);
}
