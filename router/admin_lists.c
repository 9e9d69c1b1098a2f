/* Lists: walk everything, keep what passes the filters and may be among the first, show that. The
 * walk is linear in what the router knows and runs on its thread; the limit bounds memory and
 * answer, and that is enough for a question that a person asks. */
#include "router/admin_ask.h"
#include "router/admin_top.h"

#include <string.h>

struct sort {
    const char *name;
    admin_top_compare *compare;
};

struct view {
    struct bytes prefix;
    struct bytes user;
    struct bytes edge;
    struct bytes ip;
};

#define SORT_END                                                                                   \
    {                                                                                              \
        NULL, NULL                                                                                 \
    }

static int larger_first(uint64_t a, uint64_t b)
{
    return a > b ? -1 : a < b;
}

static int users_by_name(const void *a, const void *b)
{
    return bytes_compare(((const struct registry_user *)a)->name,
                         ((const struct registry_user *)b)->name);
}

static int users_by_connections(const void *a, const void *b)
{
    int order = larger_first(((const struct registry_user *)a)->connections,
                             ((const struct registry_user *)b)->connections);
    return order != 0 ? order : users_by_name(a, b);
}

static int users_by_age(const void *a, const void *b)
{
    int order = larger_first(((const struct registry_user *)b)->since_ms,
                             ((const struct registry_user *)a)->since_ms);
    return order != 0 ? order : users_by_name(a, b);
}

static int users_by_offset(const void *a, const void *b)
{
    int order = larger_first(((const struct registry_user *)a)->inbox_offset,
                             ((const struct registry_user *)b)->inbox_offset);
    return order != 0 ? order : users_by_name(a, b);
}

static const struct sort user_sorts[] = {{"name", users_by_name},
                                         {"connections", users_by_connections},
                                         {"age", users_by_age},
                                         {"offset", users_by_offset},
                                         SORT_END};

static int rooms_by_name(const void *a, const void *b)
{
    return bytes_compare(((const struct registry_room *)a)->name,
                         ((const struct registry_room *)b)->name);
}

static int rooms_by_members(const void *a, const void *b)
{
    int order = larger_first(((const struct registry_room *)a)->members,
                             ((const struct registry_room *)b)->members);
    return order != 0 ? order : rooms_by_name(a, b);
}

static int rooms_by_connections(const void *a, const void *b)
{
    int order = larger_first(((const struct registry_room *)a)->connections,
                             ((const struct registry_room *)b)->connections);
    return order != 0 ? order : rooms_by_name(a, b);
}

static int rooms_by_offset(const void *a, const void *b)
{
    int order = larger_first(((const struct registry_room *)a)->offset,
                             ((const struct registry_room *)b)->offset);
    return order != 0 ? order : rooms_by_name(a, b);
}

static const struct sort room_sorts[] = {{"name", rooms_by_name},
                                         {"members", rooms_by_members},
                                         {"connections", rooms_by_connections},
                                         {"offset", rooms_by_offset},
                                         SORT_END};

/* By user, then by where the connection is: a total order. */
static int conns_by_name(const void *a, const void *b)
{
    const struct registry_conn *left = a;
    const struct registry_conn *right = b;
    int order = bytes_compare(left->user, right->user);
    if (order == 0) {
        order = bytes_compare(left->edge_id, right->edge_id);
    }
    if (order == 0) {
        order = larger_first(right->ref.slot, left->ref.slot);
    }
    return order != 0 ? order : larger_first(right->ref.gen, left->ref.gen);
}

static int conns_by_age(const void *a, const void *b)
{
    int order = larger_first(((const struct registry_conn *)b)->connected_at_ms,
                             ((const struct registry_conn *)a)->connected_at_ms);
    return order != 0 ? order : conns_by_name(a, b);
}

static int conns_by_activity(const void *a, const void *b)
{
    int order = larger_first(((const struct registry_conn *)a)->last_activity_ms,
                             ((const struct registry_conn *)b)->last_activity_ms);
    return order != 0 ? order : conns_by_name(a, b);
}

static const struct sort conn_sorts[] = {
    {"name", conns_by_name}, {"age", conns_by_age}, {"activity", conns_by_activity}, SORT_END};

static int edges_by_id(const void *a, const void *b)
{
    return bytes_compare(((const struct plane_edge_info *)a)->id,
                         ((const struct plane_edge_info *)b)->id);
}

/* False when the request is wrong: the reply says so. */
static bool list_begin(struct admin_ask *ask, const Splitrail__Admin__List *list,
                       const struct sort *sorts, size_t item_size, struct admin_top *ret_top)
{
    if (list->limit > ADMIN_LIST_MAX) {
        admin_fail(ask, ADMIN_STATUS(BAD_REQUEST), "the limit is at most 10000");
        return false;
    }
    const char *name = list->sort[0] == 0 ? "name" : list->sort;
    for (const struct sort *sort = sorts; sort->name != NULL; sort++) {
        if (strcmp(sort->name, name) == 0) {
            size_t limit = list->limit == 0 ? ADMIN_LIST_DEFAULT : list->limit;
            admin_top_init(ret_top, item_size, limit, sort->compare);
            return true;
        }
    }
    struct buf known;
    buf_init(&known, 0);
    for (const struct sort *sort = sorts; sort->name != NULL; sort++) {
        buf_append_byte(&known, ' ');
        buf_append_str(&known, sort->name);
    }
    admin_fail_about(ask, ADMIN_STATUS(BAD_REQUEST),
                     "this list can be sorted by:", buf_bytes(&known));
    buf_fini(&known);
    return false;
}

/* Pages follow one another by name, so that what comes and goes between them moves no other. */
static bool is_listed(struct bytes name, const Splitrail__Admin__List *list)
{
    return bytes_starts_with(name, bytes_of_str(list->prefix)) &&
           (list->after[0] == 0 || bytes_compare(name, bytes_of_str(list->after)) > 0);
}

void admin_list_users(struct admin_ask *ask, const Splitrail__Admin__List *list)
{
    struct admin_top top;
    if (!list_begin(ask, list, user_sorts, sizeof(struct registry_user), &top)) {
        return;
    }
    uint64_t cursor = 0;
    struct registry_user user;
    while (registry_user_next(ask->core, &cursor, &user)) {
        if (is_listed(user.name, list)) {
            admin_top_add(&top, &user);
        }
    }
    admin_top_finish(&top);
    ask->reply.total = top.seen;
    ask->reply.users = admin_pointers(ask, top.count);
    const struct registry_user *items = (const struct registry_user *)(const void *)top.items;
    for (size_t i = 0; !ask->overflowed && i < top.count; i++) {
        ask->reply.users[ask->reply.n_users++] = admin_make_user(ask, &items[i]);
    }
    admin_top_fini(&top);
}

void admin_list_rooms(struct admin_ask *ask, const Splitrail__Admin__List *list)
{
    struct admin_top top;
    if (!list_begin(ask, list, room_sorts, sizeof(struct registry_room), &top)) {
        return;
    }
    uint64_t cursor = 0;
    struct registry_room room;
    while (registry_room_next(ask->core, &cursor, &room)) {
        if (is_listed(room.name, list)) {
            admin_top_add(&top, &room);
        }
    }
    admin_top_finish(&top);
    ask->reply.total = top.seen;
    ask->reply.rooms = admin_pointers(ask, top.count);
    const struct registry_room *items = (const struct registry_room *)(const void *)top.items;
    for (size_t i = 0; !ask->overflowed && i < top.count; i++) {
        ask->reply.rooms[ask->reply.n_rooms++] = admin_make_room(ask, &items[i]);
    }
    admin_top_fini(&top);
}

static bool address_is(const struct registry_conn *conn, struct bytes ip)
{
    char text[ADDRESS_TEXT_MAX];
    return bytes_equal(registry_conn_address(conn, text), ip);
}

static bool conn_passes(const struct registry_conn *conn, const struct view *view)
{
    return bytes_starts_with(conn->user, view->prefix) &&
           (view->edge.len == 0 || bytes_equal(conn->edge_id, view->edge)) &&
           (view->ip.len == 0 || address_is(conn, view->ip));
}

void admin_list_conns(struct admin_ask *ask, const Splitrail__Admin__List *list)
{
    struct admin_top top;
    if (!list_begin(ask, list, conn_sorts, sizeof(struct registry_conn), &top)) {
        return;
    }
    const struct view view = {bytes_of_str(list->prefix), bytes_of_str(list->user),
                              bytes_of_str(list->edge), bytes_of_str(list->ip)};
    uint64_t cursor = 0;
    struct registry_conn conn;
    while (registry_conn_next(ask->core, view.user, &cursor, &conn)) {
        if (conn_passes(&conn, &view)) {
            admin_top_add(&top, &conn);
        }
    }
    admin_top_finish(&top);
    ask->reply.total = top.seen;
    ask->reply.conns = admin_pointers(ask, top.count);
    const struct registry_conn *items = (const struct registry_conn *)(const void *)top.items;
    for (size_t i = 0; !ask->overflowed && i < top.count; i++) {
        ask->reply.conns[ask->reply.n_conns++] = admin_make_conn(ask, &items[i]);
    }
    admin_top_fini(&top);
}

static bool find_edge(const struct admin_ask *ask, uint32_t edge, struct registry_edge *ret_edge)
{
    uint64_t cursor = 0;
    while (registry_edge_next(ask->core, &cursor, ret_edge)) {
        if (ret_edge->edge == edge) {
            return true;
        }
    }
    return false;
}

static const char *edge_state(const struct plane_edge_info *info, bool draining)
{
    if (draining) {
        return "draining";
    }
    if (info->suspect) {
        return "suspect";
    }
    return info->up ? "up" : "down";
}

Splitrail__Admin__Edge *admin_make_edge(struct admin_ask *ask, const struct plane_edge_info *info)
{
    Splitrail__Admin__Edge *out = admin_room(ask, 1, sizeof(*out));
    if (out == NULL) {
        return NULL;
    }
    splitrail__admin__edge__init(out);
    struct registry_edge known = {0};
    bool found = find_edge(ask, info->edge, &known);
    out->id = admin_text(ask, info->id);
    out->incarnation = info->incarnation;
    out->state = (char *)(uintptr_t)edge_state(info, found && known.draining); /* only read */
    out->connections = known.connections;
    out->detached = known.detached;
    out->synced = found && known.synced;
    out->link_age_ms = ask->now_ms > info->link_since_ms ? ask->now_ms - info->link_since_ms : 0;
    out->silent_ms = info->silent_ms;
    out->unacked_bytes = info->unacked_bytes;
    out->queued_bytes = info->queued_bytes;
    out->held = info->held;
    out->credit_bytes = info->credit_bytes;
    out->canary_us = info->canary_us;
    return out;
}

void admin_list_edges(struct admin_ask *ask)
{
    struct admin_top top;
    admin_top_init(&top, sizeof(struct plane_edge_info), ADMIN_LIST_MAX, edges_by_id);
    uint64_t cursor = 0;
    struct plane_edge_info info;
    while (router_plane_edge_next(ask->admin->plane, ask->now_ms, &cursor, &info)) {
        admin_top_add(&top, &info);
    }
    admin_top_finish(&top);
    ask->reply.total = top.seen;
    ask->reply.edges = admin_pointers(ask, top.count);
    const struct plane_edge_info *items = (const struct plane_edge_info *)(const void *)top.items;
    for (size_t i = 0; !ask->overflowed && i < top.count; i++) {
        ask->reply.edges[ask->reply.n_edges++] = admin_make_edge(ask, &items[i]);
    }
    admin_top_fini(&top);
}
