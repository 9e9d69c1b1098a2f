#include "edge/membership.h"

#include "common/mem.h"

#include <string.h>

uint32_t *group_slots(struct edge_group *group)
{
    return group->many ? group->members->slots : &group->only[0];
}

uint32_t *group_backs(struct edge_group *group)
{
    return group->many ? group->members->slots + group->members->capacity : &group->only[1];
}

uint32_t group_capacity(const struct edge_group *group)
{
    return group->many ? group->members->capacity : 1;
}

static size_t members_bytes(uint32_t capacity)
{
    return sizeof(struct edge_members) + (size_t)capacity * 2 * sizeof(uint32_t);
}

size_t group_members_bytes(const struct edge_group *group)
{
    return group->many ? members_bytes(group->members->capacity) : 0;
}

void group_members_grow(struct edge_group *group, uint32_t capacity)
{
    struct edge_members *members = mem_new(1, members_bytes(capacity));
    memcpy(members->slots, group_slots(group), group->count * sizeof(uint32_t));
    memcpy(members->slots + capacity, group_backs(group), group->count * sizeof(uint32_t));
    members->hole = edge_group_hole(group);
    members->lagging = edge_group_lagging(group);
    members->capacity = capacity;
    if (group->many) {
        mem_free(group->members);
    }
    group->members = members;
    group->many = true;
}

struct edge_membership *session_memberships(struct edge_session *session)
{
    return session->many ? session->groups->items : session->few;
}

uint32_t session_capacity(const struct edge_session *session)
{
    return session->many ? session->groups->capacity : (uint32_t)SESSION_GROUPS_FEW;
}

static size_t memberships_bytes(uint32_t capacity)
{
    return sizeof(struct edge_memberships) + capacity * sizeof(struct edge_membership);
}

size_t session_memberships_bytes(const struct edge_session *session)
{
    return session->many ? memberships_bytes(session->groups->capacity) : 0;
}

void session_memberships_grow(struct edge_session *session)
{
    uint32_t least = SESSION_GROUPS_FEW;
    uint32_t capacity = session->group_count < least ? least : session->group_count * 2;
    struct edge_memberships *grown = mem_new(1, memberships_bytes(capacity));
    memcpy(grown->items, groups_of(session), session->group_count * sizeof(grown->items[0]));
    grown->capacity = capacity;
    if (session->many) {
        grown->older = session->groups->older;
        grown->next = session->groups->next;
        mem_free(session->groups);
    }
    session->groups = grown;
    session->many = true;
}

void session_memberships_shrink(struct edge_session *session)
{
    if (!session->many || session->closed || session->groups->older != NULL ||
        session->group_count > SESSION_GROUPS_FEW) {
        return;
    }
    struct edge_memberships *groups = session->groups;
    memcpy(session->few, groups->items, session->group_count * sizeof(session->few[0]));
    session->many = false;
    mem_free(groups);
}
