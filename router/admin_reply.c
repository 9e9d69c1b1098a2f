/* From the registry's views to messages of a reply. */
#include "router/admin_ask.h"

#include <stdlib.h>
#include <string.h>

enum { HEX_64 = 16 };

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char *admin_hex(struct admin_ask *ask, uint64_t value)
{
    struct buf text;
    buf_init(&text, HEX_64);
    buf_append_hex(&text, value, HEX_64);
    char *copy = admin_text(ask, buf_bytes(&text));
    buf_fini(&text);
    return copy;
}

Splitrail__Admin__User *admin_make_user(struct admin_ask *ask, const struct registry_user *user)
{
    Splitrail__Admin__User *out = admin_room(ask, 1, sizeof(*out));
    if (out == NULL) {
        return NULL;
    }
    splitrail__admin__user__init(out);
    out->name = admin_text(ask, user->name);
    out->online = user->online;
    out->connections = user->connections;
    out->detached = user->detached;
    out->since_ms = user->since_ms;
    out->inbox_offset = user->inbox_offset;
    out->watchers = user->watchers;
    return out;
}

static const char *class_name(enum room_class class)
{
    switch (class) {
    case ROOM_DURABLE:
        return "durable";
    case ROOM_MEMORY:
        return "memory";
    case ROOM_EPHEMERAL:
        return "ephemeral";
    }
    return "unknown";
}

Splitrail__Admin__Room *admin_make_room(struct admin_ask *ask, const struct registry_room *room)
{
    Splitrail__Admin__Room *out = admin_room(ask, 1, sizeof(*out));
    if (out == NULL) {
        return NULL;
    }
    splitrail__admin__room__init(out);
    out->name = admin_text(ask, room->name);
    out->class_ = (char *)(uintptr_t)class_name(room->class); /* only read */
    out->members = room->members;
    out->connections = room->connections;
    out->epoch = admin_hex(ask, room->epoch);
    out->offset = room->offset;
    out->first_offset = room->first_offset;
    out->history_bytes = room->history_bytes;
    return out;
}

static char *conn_name(struct admin_ask *ask, const struct registry_conn *conn)
{
    struct buf name;
    buf_init(&name, 0);
    registry_connection_id(conn->edge_id, conn->ref.slot, conn->ref.gen, &name);
    char *copy = admin_text(ask, buf_bytes(&name));
    buf_fini(&name);
    return copy;
}

Splitrail__Admin__Conn *admin_make_conn(struct admin_ask *ask, const struct registry_conn *conn)
{
    char address[ADDRESS_TEXT_MAX];
    Splitrail__Admin__Conn *out = admin_room(ask, 1, sizeof(*out));
    if (out == NULL) {
        return NULL;
    }
    splitrail__admin__conn__init(out);
    out->id = conn_name(ask, conn);
    out->user = admin_text(ask, conn->user);
    out->edge = admin_text(ask, conn->edge_id);
    out->address = admin_text(ask, registry_conn_address(conn, address));
    out->agent = admin_text(ask, conn->agent);
    out->connected_at_ms = conn->connected_at_ms;
    out->last_activity_ms = conn->last_activity_ms;
    out->attached = conn->attached;
    out->room_count = conn->rooms;
    return out;
}

void admin_add_rooms(struct admin_ask *ask, const struct registry_conn *conn,
                     Splitrail__Admin__Conn *out)
{
    out->rooms = conn->rooms == 0 ? NULL : admin_pointers(ask, conn->rooms);
    if (out->rooms == NULL) {
        return;
    }
    uint64_t cursor = 0;
    struct bytes room;
    while (out->n_rooms < conn->rooms && registry_conn_room_next(ask->core, conn, &cursor, &room)) {
        out->rooms[out->n_rooms++] = admin_text(ask, room);
    }
    qsort(out->rooms, out->n_rooms, sizeof(*out->rooms), compare_text);
}
