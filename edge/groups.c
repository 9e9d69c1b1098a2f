/* See groups.h. Membership is kept from both sides, each entry knowing its place on the other, so
 * that joining and leaving cost the same in a room of ten and of ten thousand. */
#include "edge/groups.h"

#include "common/mem.h"
#include "edge/membership.h"

#include <assert.h>
#include <stddef.h>

enum { SESSIONS_MIN = 64 };
#define NOT_MEMBER UINT32_MAX
#define POS_CLOSED UINT32_MAX

_Static_assert(offsetof(struct edge_session, record_place) <= 40 &&
                   offsetof(struct edge_group, record_place) <= 48,
               "the memory of an idle connection is a promise");

struct bytes edge_group_record(const struct edge_group *group)
{
    return edge_record_bytes(group->record, &group->record_place);
}

struct bytes edge_session_record(const struct edge_session *session)
{
    return edge_record_bytes(session->record, &session->record_place);
}

static uint64_t id_of(const void *owner, uint32_t local)
{
    const struct groups *groups = owner;
    const struct edge_group *group = slotmap_at(&groups->table, local);
    return group->id;
}

void groups_init(struct groups *groups, const uint8_t seed[16])
{
    *groups = (struct groups){0};
    uint64_t salt;
    memcpy(&salt, seed, sizeof(salt));
    group_index_init(&groups->by_id, salt, id_of, groups);
    slotmap_init_plain(&groups->table, UINT32_MAX - 1);
    lags_init(&groups->lags);
    holes_init(&groups->holes);
}

void groups_hole_end(struct groups *groups, struct edge_group *group)
{
    holes_remove(&groups->holes, group->members->hole);
    group->members->hole = NULL;
}

static void free_group(struct groups *groups, struct edge_group *group)
{
    if (group->id != 0) {
        group_index_remove(&groups->by_id, group->id);
    }
    slotmap_remove(&groups->table, slotmap_id_at(&groups->table, group->local));
    groups->memory_bytes -= sizeof(*group) + group->record.len + group_members_bytes(group);
    if (edge_group_hole(group) != NULL) {
        groups_hole_end(groups, group);
    }
    edge_record_drop(&group->record, &group->record_place);
    if (group->many) {
        mem_free(group->members);
    }
    mem_free(group);
}

static void free_session(struct groups *groups, struct edge_session *session)
{
    groups->memory_bytes -=
        sizeof(*session) + session->record.len + session_memberships_bytes(session);
    if (session->many) {
        mem_free(session->groups);
    }
    edge_record_drop(&session->record, &session->record_place);
    mem_free(session);
}

void groups_fini(struct groups *groups)
{
    for (uint32_t slot = 0; slot < groups->session_capacity; slot++) {
        struct edge_session *session = groups->sessions[slot];
        while (session != NULL) {
            struct edge_session *older = edge_session_older(session);
            free_session(groups, session);
            session = older;
        }
    }
    mem_free(groups->sessions);
    for (uint32_t local = 0; local < groups->table.used; local++) {
        struct edge_group *group = slotmap_at(&groups->table, local);
        if (group != NULL) {
            free_group(groups, group);
        }
    }
    group_index_fini(&groups->by_id);
    slotmap_fini(&groups->table);
    lags_fini(&groups->lags);
}

static void reserve_slot(struct groups *groups, uint32_t slot)
{
    if (slot < groups->session_capacity) {
        return;
    }
    uint32_t capacity = groups->session_capacity < SESSIONS_MIN ? (uint32_t)SESSIONS_MIN
                                                                : groups->session_capacity / 4 * 5;
    capacity = capacity <= slot ? slot + 1 : capacity;
    groups->sessions = mem_resize(groups->sessions, capacity, sizeof(struct edge_session *));
    memset(groups->sessions + groups->session_capacity, 0,
           (capacity - groups->session_capacity) * sizeof(struct edge_session *));
    groups->memory_bytes += (capacity - groups->session_capacity) * sizeof(struct edge_session *);
    groups->session_capacity = capacity;
}

struct edge_session *groups_current(const struct groups *groups, uint32_t slot)
{
    struct edge_session *session = slot < groups->session_capacity ? groups->sessions[slot] : NULL;
    return session == NULL || session->closed ? NULL : session;
}

static void grow_memberships(struct groups *groups, struct edge_session *session)
{
    size_t before = session_memberships_bytes(session);
    session_memberships_grow(session);
    groups->memory_bytes += session_memberships_bytes(session) - before;
}

struct edge_session *groups_open(struct groups *groups, uint32_t slot, uint32_t gen)
{
    assert(groups_current(groups, slot) == NULL && "a slot holds one open session");
    reserve_slot(groups, slot);
    struct edge_session *session = mem_new(1, sizeof(*session));
    session->slot = slot;
    session->gen = gen;
    groups->memory_bytes += sizeof(*session);
    if (groups->sessions[slot] != NULL) {
        grow_memberships(groups, session);
        session->groups->older = groups->sessions[slot];
    }
    groups->sessions[slot] = session;
    return session;
}

struct edge_session *groups_session(const struct groups *groups, uint32_t slot, uint32_t gen)
{
    struct edge_session *session = slot < groups->session_capacity ? groups->sessions[slot] : NULL;
    while (session != NULL && session->gen != gen) {
        session = edge_session_older(session);
    }
    return session;
}

void groups_set_ending(struct groups *groups, struct edge_session *session)
{
    if (!session->ending && !session->closed) {
        digest_settle(&groups->digest, session->slot, false);
    }
    session->ending = true;
}

/* The session is out of the digest for good. */
static void undigest_session(struct groups *groups, const struct edge_session *session)
{
    if (session->accepted) {
        digest_remove(&groups->digest, session->slot, digest_item(session->slot, session->gen, 0));
    }
    if (session->ending) {
        digest_settle(&groups->digest, session->slot, true);
    }
}

/* Closed ones are in a queue and cannot move. */
static struct edge_session *make_room(struct groups *groups, struct edge_session *session,
                                      size_t record_len)
{
    assert(groups->sessions[session->slot] == session && "open ones are the newest");
    size_t own = offsetof(struct edge_session, record_place);
    struct edge_session *moved = mem_resize(session, 1, edge_record_size(own, record_len));
    groups->sessions[moved->slot] = moved;
    return moved;
}

void groups_set_record(struct groups *groups, struct edge_session *session, struct bytes record)
{
    size_t room = edge_record_room(session->record);
    if (!session->accepted && !session->closed) {
        digest_add(&groups->digest, session->slot, digest_item(session->slot, session->gen, 0));
        session = make_room(groups, session, record.len);
        room = record.len;
    }
    groups->memory_bytes += record.len - session->record.len;
    edge_record_set(&session->record, &session->record_place, room, record);
    session->accepted = true;
}

struct edge_group *groups_at(const struct groups *groups, uint32_t local)
{
    return slotmap_at(&groups->table, local);
}

struct edge_group *groups_find(const struct groups *groups, uint64_t id)
{
    int64_t local = group_index_find(&groups->by_id, id);
    return local == GROUP_INDEX_NONE ? NULL : groups_at(groups, (uint32_t)local);
}

struct edge_group *groups_add(struct groups *groups, uint64_t id, struct bytes record)
{
    size_t own = offsetof(struct edge_group, record_place);
    struct edge_group *group = mem_new(1, edge_record_size(own, record.len));
    group->id = id;
    edge_record_set(&group->record, &group->record_place, record.len, record);
    slot_id slot = slotmap_add(&groups->table, group);
    assert(slot != 0 && "the router's limits keep the table below 2^32");
    group->local = slot_id_index(slot);
    if (id != 0) {
        group_index_add(&groups->by_id, group->id, group->local);
    }
    groups->memory_bytes += sizeof(*group) + record.len;
    return group;
}

static uint32_t membership_of(const struct edge_session *session, const struct edge_group *group)
{
    for (uint32_t i = 0; i < session->group_count; i++) {
        if (groups_of(session)[i].local == group->local) {
            return i;
        }
    }
    return NOT_MEMBER;
}

static void grow_members(struct groups *groups, struct edge_group *group, uint32_t capacity)
{
    size_t before = group_members_bytes(group);
    group_members_grow(group, capacity);
    groups->memory_bytes += group_members_bytes(group) - before;
}

/* Also for who has one member, or none yet. */
static struct edge_members *need_members(struct groups *groups, struct edge_group *group)
{
    if (!group->many) {
        grow_members(groups, group, 1);
    }
    return group->members;
}

struct hole *groups_hole_begin(struct groups *groups, struct edge_group *group)
{
    struct hole *hole = holes_add(&groups->holes, group->local);
    need_members(groups, group)->hole = hole;
    return hole;
}

void groups_lag(struct groups *groups, struct edge_group *group, uint32_t slot, uint64_t first)
{
    lags_add(&groups->lags, slot, group->local, first);
    need_members(groups, group)->lagging++;
}

struct lag *groups_lag_of(const struct groups *groups, const struct edge_group *group,
                          uint32_t slot)
{
    return edge_group_lagging(group) == 0 ? NULL : lags_find(&groups->lags, slot, group->local);
}

void groups_lag_end(struct groups *groups, struct lag *lag)
{
    groups_at(groups, lag->local)->members->lagging--;
    lags_remove(&groups->lags, lag);
}

static void end_lag(struct groups *groups, struct edge_group *group, uint32_t slot)
{
    struct lag *lag = groups_lag_of(groups, group, slot);
    if (lag != NULL) {
        groups_lag_end(groups, lag);
    }
}

static uint64_t newest_of(const struct edge_group *group)
{
    const struct hole *hole = edge_group_hole(group);
    bool lacks = hole != NULL && hole->newest > group->last_offset;
    return lacks ? hole->newest : group->last_offset;
}

/* What the members who lag know of the group, before that changes. */
static void keep_known_record(struct groups *groups, const struct edge_group *group)
{
    for (uint32_t i = 0; edge_group_lagging(group) != 0 && i < group->count; i++) {
        struct lag *lag = groups_lag_of(groups, group, groups_members(group)[i]);
        if (lag != NULL) {
            lag_keep_record(lag, edge_group_record(group), newest_of(group));
        }
    }
}

/* What the open session of a slot adds to the digest for being in the group. */
static uint64_t member_item(const struct groups *groups, const struct edge_group *group,
                            uint32_t slot)
{
    const struct edge_session *session = groups_current(groups, slot);
    assert(session != NULL && "members are open sessions");
    return digest_item(slot, session->gen, group->id);
}

static void add_member(struct groups *groups, struct edge_group *group, uint32_t slot,
                       uint32_t back)
{
    if (group->count == group_capacity(group)) {
        grow_members(groups, group, group->count * 2);
    }
    if (group->id != 0) {
        digest_add(&groups->digest, slot, member_item(groups, group, slot));
    }
    group_slots(group)[group->count] = slot;
    group_backs(group)[group->count] = back;
    group->count++;
}

/* The last member takes the freed place. */
static void remove_member(struct groups *groups, struct edge_group *group, uint32_t pos)
{
    uint32_t *slots = group_slots(group);
    if (group->id != 0) {
        digest_remove(&groups->digest, slots[pos], member_item(groups, group, slots[pos]));
    }
    uint32_t last = --group->count;
    if (pos != last) {
        slots[pos] = slots[last];
        group_backs(group)[pos] = group_backs(group)[last];
        struct edge_session *moved = groups_current(groups, slots[pos]);
        assert(moved != NULL && "members are open sessions");
        session_memberships(moved)[group_backs(group)[pos]].pos = pos;
    }
}

static void free_if_unused(struct groups *groups, struct edge_group *group)
{
    if (group->count == 0 && group->holds == 0) {
        free_group(groups, group);
    }
}

void groups_join(struct groups *groups, struct edge_group *group, struct edge_session *session)
{
    if (membership_of(session, group) != NOT_MEMBER) {
        return;
    }
    if (session->group_count == session_capacity(session)) {
        grow_memberships(groups, session);
    }
    uint32_t index = session->group_count++;
    session_memberships(session)[index] = (struct edge_membership){group->local, POS_CLOSED};
    if (session->closed) {
        group->holds++;
    } else {
        session_memberships(session)[index].pos = group->count;
        add_member(groups, group, session->slot, index);
    }
}

/* Takes entry `index` out of the session's list, then out of the group. */
static void unlink_membership(struct groups *groups, struct edge_session *session, uint32_t index)
{
    struct edge_membership gone = session_memberships(session)[index];
    struct edge_group *group = groups_at(groups, gone.local);
    uint32_t last = --session->group_count;
    if (index != last) {
        session_memberships(session)[index] = session_memberships(session)[last];
        struct edge_membership *moved = &session_memberships(session)[index];
        if (moved->pos != POS_CLOSED) {
            group_backs(groups_at(groups, moved->local))[moved->pos] = index;
        }
    }
    if (gone.pos == POS_CLOSED) {
        group->holds--;
    } else {
        end_lag(groups, group, session->slot);
        remove_member(groups, group, gone.pos);
    }
    free_if_unused(groups, group);
}

void groups_leave(struct groups *groups, struct edge_group *group, struct edge_session *session)
{
    uint32_t index = membership_of(session, group);
    if (index != NOT_MEMBER) {
        unlink_membership(groups, session, index);
    }
}

void groups_close(struct groups *groups, struct edge_session *session)
{
    assert(!session->closed);
    for (uint32_t i = 0; i < session->group_count; i++) {
        struct edge_group *group = groups_at(groups, session_memberships(session)[i].local);
        end_lag(groups, group, session->slot);
        remove_member(groups, group, session_memberships(session)[i].pos);
        session_memberships(session)[i].pos = POS_CLOSED;
        group->holds++;
    }
    if (!session->many) {
        grow_memberships(groups, session);
    }
    undigest_session(groups, session);
    session->closed = true;
    session->closed_tag = 0;
}

/* Out of its slot. A newer one that stood before it may need less now. */
static void unchain(struct groups *groups, struct edge_session *session)
{
    struct edge_session *newer = NULL;
    struct edge_session *at = groups->sessions[session->slot];
    while (at != session) {
        newer = at;
        at = edge_session_older(at);
    }
    if (newer == NULL) {
        groups->sessions[session->slot] = edge_session_older(session);
        return;
    }
    newer->groups->older = edge_session_older(session);
    size_t before = session_memberships_bytes(newer);
    session_memberships_shrink(newer);
    groups->memory_bytes -= before - session_memberships_bytes(newer);
}

void groups_forget(struct groups *groups, struct edge_session *session)
{
    while (session->group_count != 0) {
        unlink_membership(groups, session, session->group_count - 1);
    }
    if (!session->closed) {
        undigest_session(groups, session);
    }
    unchain(groups, session);
    free_session(groups, session);
}

uint64_t groups_digest_count(const struct groups *groups, uint32_t bucket)
{
    uint64_t sum = 0;
    for (uint32_t slot = bucket; slot < groups->session_capacity; slot += DIGEST_BUCKETS) {
        const struct edge_session *session = groups_current(groups, slot);
        if (session == NULL) {
            continue;
        }
        sum += !session->accepted ? 0 : digest_item(slot, session->gen, 0);
        for (uint32_t i = 0; i < session->group_count; i++) {
            const struct edge_group *group = groups_at(groups, groups_of(session)[i].local);
            sum += group->id == 0 ? 0 : digest_item(slot, session->gen, group->id);
        }
    }
    return sum;
}

/* The group's id changes: to 0, or from it. */
static void digest_group(struct groups *groups, const struct edge_group *group, bool bound)
{
    for (uint32_t i = 0; i < group->count; i++) {
        uint64_t item = member_item(groups, group, groups_members(group)[i]);
        if (bound) {
            digest_add(&groups->digest, groups_members(group)[i], item);
        } else {
            digest_remove(&groups->digest, groups_members(group)[i], item);
        }
    }
}

void groups_unbind_all(struct groups *groups)
{
    for (uint32_t local = 0; local < groups->table.used; local++) {
        struct edge_group *group = slotmap_at(&groups->table, local);
        if (group != NULL && group->id != 0) {
            digest_group(groups, group, false);
            group_index_remove(&groups->by_id, group->id);
            group->id = 0;
        }
    }
}

bool groups_bind(struct groups *groups, struct edge_group *group, uint64_t id, struct bytes record)
{
    struct edge_group *holder = groups_find(groups, id);
    if (holder != NULL && holder != group) {
        return false;
    }
    if (group->id != 0) {
        digest_group(groups, group, false);
        group_index_remove(&groups->by_id, group->id);
    }
    if (!bytes_equal(record, edge_group_record(group))) {
        keep_known_record(groups, group);
    }
    group->droppable = false;
    group->unsure = false;
    group->id = id;
    digest_group(groups, group, true);
    group_index_add(&groups->by_id, group->id, group->local);
    groups->memory_bytes += record.len - group->record.len;
    edge_record_set(&group->record, &group->record_place, edge_record_room(group->record), record);
    return true;
}

/* Takes one membership away, and gives it to `into` if there is one. */
static void move_membership(struct groups *groups, struct edge_session *session, uint32_t index,
                            struct edge_group *into)
{
    struct edge_group *from = groups_at(groups, session_memberships(session)[index].local);
    struct lag *lag = session->closed ? NULL : groups_lag_of(groups, from, session->slot);
    if (lag != NULL && into != NULL && groups_lag_of(groups, into, session->slot) == NULL) {
        lag_keep_record(lag, edge_group_record(from), newest_of(from));
        lag->local = into->local;
        from->members->lagging--;
        need_members(groups, into)->lagging++;
    }
    unlink_membership(groups, session, index);
    if (into != NULL) {
        groups_join(groups, into, session);
    }
}

/* Only a walk over all sessions finds the closed ones. */
static void empty_holds(struct groups *groups, struct edge_group *group, struct edge_group *into)
{
    for (uint32_t slot = 0; slot < groups->session_capacity; slot++) {
        struct edge_session *session = groups->sessions[slot];
        for (; session != NULL && group->holds > 1; session = edge_session_older(session)) {
            uint32_t index = membership_of(session, group);
            if (index != NOT_MEMBER) {
                move_membership(groups, session, index, into);
            }
        }
    }
}

static void empty(struct groups *groups, struct edge_group *group, struct edge_group *into)
{
    group->holds++; /* alive until the end */
    while (group->count != 0) {
        struct edge_session *session =
            groups_current(groups, groups_members(group)[group->count - 1]);
        assert(session != NULL && "members are open sessions");
        move_membership(groups, session, group_backs(group)[group->count - 1], into);
    }
    empty_holds(groups, group, into);
    group->holds--;
    free_if_unused(groups, group);
}

void groups_drop(struct groups *groups, struct edge_group *group)
{
    empty(groups, group, NULL);
}

void groups_merge(struct groups *groups, struct edge_group *group, struct edge_group *into)
{
    assert(group != into);
    empty(groups, group, into);
}
