/* Everything about a few: users by name, a room's members, one connection, one room. */
#include "router/admin_ask.h"
#include "router/admin_top.h"

#include <stdlib.h>
#include <string.h>

static int compare_conn_age(const void *a, const void *b)
{
    const struct registry_conn *left = a;
    const struct registry_conn *right = b;
    if (left->connected_at_ms != right->connected_at_ms) {
        return left->connected_at_ms < right->connected_at_ms ? -1 : 1;
    }
    int order = bytes_compare(left->edge_id, right->edge_id);
    if (order != 0) {
        return order;
    }
    return left->ref.slot < right->ref.slot ? -1 : left->ref.slot > right->ref.slot;
}

static int compare_member(const void *a, const void *b)
{
    const struct push_member *left = a;
    const struct push_member *right = b;
    return bytes_compare(left->user, right->user);
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_conns(struct admin_ask *ask, const struct registry_user *user,
                      Splitrail__Admin__User *out)
{
    size_t count = (size_t)user->connections + user->detached;
    if (count == 0) {
        return;
    }
    struct admin_top top;
    admin_top_init(&top, sizeof(struct registry_conn),
                   count < ADMIN_LIST_MAX ? count : ADMIN_LIST_MAX, compare_conn_age);
    uint64_t cursor = 0;
    struct registry_conn conn;
    while (registry_conn_next(ask->core, user->name, &cursor, &conn)) {
        admin_top_add(&top, &conn);
    }
    admin_top_finish(&top);
    out->conns = admin_pointers(ask, top.count);
    const struct registry_conn *items = (const struct registry_conn *)(const void *)top.items;
    for (size_t i = 0; !ask->overflowed && i < top.count; i++) {
        Splitrail__Admin__Conn *made = admin_make_conn(ask, &items[i]);
        if (made != NULL) {
            admin_add_rooms(ask, &items[i], made);
            out->conns[out->n_conns++] = made;
        }
    }
    admin_top_fini(&top);
}

/* The rooms of a user are those of its connections, each once. */
static void add_user_rooms(struct admin_ask *ask, Splitrail__Admin__User *out)
{
    size_t count = 0;
    for (size_t i = 0; i < out->n_conns; i++) {
        count += out->conns[i]->n_rooms;
    }
    out->rooms = count == 0 ? NULL : admin_pointers(ask, count);
    if (out->rooms == NULL) {
        return;
    }
    size_t filled = 0;
    for (size_t i = 0; i < out->n_conns; i++) {
        for (size_t k = 0; k < out->conns[i]->n_rooms; k++) {
            out->rooms[filled++] = out->conns[i]->rooms[k];
        }
    }
    qsort(out->rooms, filled, sizeof(*out->rooms), compare_text);
    for (size_t i = 0; i < filled; i++) {
        if (i == 0 || strcmp(out->rooms[i], out->rooms[out->n_rooms - 1]) != 0) {
            out->rooms[out->n_rooms++] = out->rooms[i];
        }
    }
}

/* An unknown user is an offline user nobody has seen. */
static Splitrail__Admin__User *make_presence(struct admin_ask *ask, struct bytes name)
{
    struct registry_user user = {.name = name};
    bool known = registry_user_find(ask->core, name, &user);
    Splitrail__Admin__User *out = admin_make_user(ask, &user);
    if (known && out != NULL) {
        add_conns(ask, &user, out);
        add_user_rooms(ask, out);
    }
    return out;
}

void admin_presence_users(struct admin_ask *ask, const Splitrail__Admin__PresenceUsers *asked)
{
    if (asked->n_users == 0 || asked->n_users > ADMIN_USERS_MAX) {
        admin_fail(ask, ADMIN_STATUS(BAD_REQUEST), "name 1 to 1000 users");
        return;
    }
    for (size_t i = 0; i < asked->n_users; i++) {
        if (!client_name_valid(bytes_of_str(asked->users[i]))) {
            admin_fail(ask, ADMIN_STATUS(BAD_REQUEST), "a user is 1 to 128 bytes of plain text");
            return;
        }
    }
    ask->reply.users = admin_pointers(ask, asked->n_users);
    for (size_t i = 0; !ask->overflowed && i < asked->n_users; i++) {
        Splitrail__Admin__User *made = make_presence(ask, bytes_of_str(asked->users[i]));
        if (made != NULL) {
            ask->reply.users[ask->reply.n_users++] = made;
        }
    }
    ask->reply.total = ask->reply.n_users;
}

static void add_members(struct admin_ask *ask, struct bytes room, struct bytes after, size_t limit)
{
    struct admin_top top;
    admin_top_init(&top, sizeof(struct push_member), limit, compare_member);
    uint64_t cursor = 0;
    struct push_member member;
    while (registry_member_next(ask->core, room, &cursor, &member)) {
        if (after.len == 0 || bytes_compare(member.user, after) > 0) {
            admin_top_add(&top, &member);
        }
    }
    admin_top_finish(&top);
    ask->reply.total = top.seen;
    ask->reply.members = admin_pointers(ask, top.count);
    const struct push_member *items = (const struct push_member *)(const void *)top.items;
    for (size_t i = 0; !ask->overflowed && i < top.count; i++) {
        Splitrail__Admin__Member *made = admin_room(ask, 1, sizeof(*made));
        if (made != NULL) {
            splitrail__admin__member__init(made);
            made->user = admin_text(ask, items[i].user);
            made->connections = items[i].connections;
            ask->reply.members[ask->reply.n_members++] = made;
        }
    }
    admin_top_fini(&top);
}

void admin_presence_room(struct admin_ask *ask, const Splitrail__Admin__PresenceRoom *asked)
{
    struct bytes room = bytes_of_str(asked->room);
    if (!client_name_valid(room)) {
        admin_fail(ask, ADMIN_STATUS(BAD_REQUEST), "a room is 1 to 128 bytes of plain text");
    } else if (asked->limit > ADMIN_LIST_MAX) {
        admin_fail(ask, ADMIN_STATUS(BAD_REQUEST), "the limit is at most 10000");
    } else {
        add_members(ask, room, bytes_of_str(asked->after),
                    asked->limit == 0 ? ADMIN_LIST_DEFAULT : asked->limit);
    }
}

void admin_one_conn(struct admin_ask *ask, const Splitrail__Admin__One *asked)
{
    struct registry_conn conn;
    if (!registry_conn_find(ask->core, bytes_of_str(asked->id), &conn)) {
        admin_fail(ask, ADMIN_STATUS(NOT_FOUND), "no such connection");
        return;
    }
    ask->reply.conns = admin_pointers(ask, 1);
    Splitrail__Admin__Conn *made = admin_make_conn(ask, &conn);
    if (ask->overflowed) {
        return;
    }
    admin_add_rooms(ask, &conn, made);
    ask->reply.conns[ask->reply.n_conns++] = made;
    ask->reply.total = 1;
}

void admin_one_room(struct admin_ask *ask, const Splitrail__Admin__One *asked)
{
    struct registry_room room;
    if (!registry_room_find(ask->core, bytes_of_str(asked->id), &room)) {
        admin_fail(ask, ADMIN_STATUS(NOT_FOUND), "no such room");
        return;
    }
    ask->reply.rooms = admin_pointers(ask, 1);
    Splitrail__Admin__Room *made = admin_make_room(ask, &room);
    if (ask->overflowed) {
        return;
    }
    ask->reply.rooms[ask->reply.n_rooms++] = made;
    add_members(ask, room.name, BYTES_EMPTY, ADMIN_LIST_DEFAULT);
}
