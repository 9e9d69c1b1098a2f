/* Answers for scripts. Keys are those of the client protocol: userId, connectionId, asOf; times are
 * milliseconds since 1970. */
#include "router/ctl/ctl_reload.h"
#include "router/ctl/ctl_reply.h"
#include "router/ctl/ctl_text.h"

#include <jansson.h>
#include <stdlib.h>

/* jansson wants valid UTF-8, which a user agent need not be. */
static json_t *text(const char *value)
{
    struct buf clean;
    buf_init(&clean, 0);
    ctl_text_clean(bytes_of_str(value), &clean);
    json_t *made = json_stringn(clean.len == 0 ? "" : (const char *)clean.data, clean.len);
    buf_fini(&clean);
    return made;
}

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

/* Random 64 bits are too large for a JSON number. */
static json_t *hex(uint64_t value)
{
    struct buf digits;
    buf_init(&digits, 0);
    buf_append_hex(&digits, value, 16);
    json_t *made = json_stringn((const char *)digits.data, digits.len);
    buf_fini(&digits);
    return made;
}

/* All of these give the value away; jansson copies the key. */
static void set(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0) {
        abort();
    }
}

/* A key that the router chose: jansson refuses one that is not valid UTF-8. */
static void set_named(json_t *object, const char *key, json_t *value)
{
    struct buf clean;
    buf_init(&clean, 0);
    ctl_text_clean(bytes_of_str(key), &clean);
    buf_append_byte(&clean, '\0');
    set(object, (const char *)clean.data, value);
    buf_fini(&clean);
}

static void add(json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) != 0) {
        abort();
    }
}

static json_t *texts(char *const *items, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        add(array, text(items[i]));
    }
    return array;
}

/* `with_rooms`: lists tell how many rooms there are, answers about one tell which. */
static json_t *conn_json(const Splitrail__Admin__Conn *conn, bool with_rooms)
{
    json_t *object = json_object();
    set(object, "connectionId", text(conn->id));
    set(object, "userId", text(conn->user));
    set(object, "edge", text(conn->edge));
    set(object, "address", text(conn->address));
    set(object, "agent", text(conn->agent));
    if (with_rooms) {
        set(object, "rooms", texts(conn->rooms, conn->n_rooms));
    }
    set(object, "roomCount", number(conn->room_count));
    set(object, "connectedAt", number(conn->connected_at_ms));
    set(object, "lastActivity", number(conn->last_activity_ms));
    set(object, "attached", json_boolean(conn->attached));
    return object;
}

static json_t *user_json(const Splitrail__Admin__User *user)
{
    json_t *object = json_object();
    set(object, "userId", text(user->name));
    set(object, "online", json_boolean(user->online));
    set(object, "connections", number(user->connections));
    set(object, "detached", number(user->detached));
    set(object, user->online ? "since" : "lastSeen", number(user->since_ms));
    set(object, "inboxOffset", number(user->inbox_offset));
    set(object, "watchers", number(user->watchers));
    return object;
}

/* Devices are the attached connections: as many as "connections" says. */
static json_t *presence_json(const Splitrail__Admin__User *user)
{
    json_t *object = user_json(user);
    json_t *devices = json_array();
    for (size_t i = 0; i < user->n_conns; i++) {
        if (user->conns[i]->attached) {
            add(devices, conn_json(user->conns[i], true));
        }
    }
    set(object, "rooms", texts(user->rooms, user->n_rooms));
    set(object, "devices", devices);
    return object;
}

static json_t *room_json(const Splitrail__Admin__Room *room)
{
    json_t *object = json_object();
    set(object, "roomId", text(room->name));
    set(object, "class", text(room->class_));
    set(object, "members", number(room->members));
    set(object, "connections", number(room->connections));
    set(object, "epoch", text(room->epoch));
    set(object, "offset", number(room->offset));
    set(object, "firstOffset", number(room->first_offset));
    set(object, "historyBytes", number(room->history_bytes));
    return object;
}

static json_t *edge_json(const Splitrail__Admin__Edge *edge)
{
    json_t *object = json_object();
    set(object, "edgeId", text(edge->id));
    set(object, "incarnation", hex(edge->incarnation));
    set(object, "state", text(edge->state));
    set(object, "connections", number(edge->connections));
    set(object, "detached", number(edge->detached));
    set(object, "linkAgeMs", number(edge->link_age_ms));
    set(object, "silentMs", number(edge->silent_ms));
    set(object, "unackedBytes", number(edge->unacked_bytes));
    set(object, "queuedBytes", number(edge->queued_bytes));
    set(object, "synced", json_boolean(edge->synced));
    return object;
}

static json_t *members_json(const Splitrail__Admin__Reply *reply)
{
    json_t *array = json_array();
    for (size_t i = 0; i < reply->n_members; i++) {
        json_t *object = json_object();
        set(object, "userId", text(reply->members[i]->user));
        set(object, "connections", number(reply->members[i]->connections));
        add(array, object);
    }
    return array;
}

static void put_users(const Splitrail__Admin__Reply *reply, bool presence, json_t *root)
{
    json_t *array = json_array();
    for (size_t i = 0; i < reply->n_users; i++) {
        add(array, presence ? presence_json(reply->users[i]) : user_json(reply->users[i]));
    }
    set(root, "users", array);
}

static void put_rooms(const Splitrail__Admin__Reply *reply, json_t *root)
{
    json_t *array = json_array();
    for (size_t i = 0; i < reply->n_rooms; i++) {
        add(array, room_json(reply->rooms[i]));
    }
    set(root, "rooms", array);
}

static void put_conns(const Splitrail__Admin__Reply *reply, json_t *root)
{
    json_t *array = json_array();
    for (size_t i = 0; i < reply->n_conns; i++) {
        add(array, conn_json(reply->conns[i], false));
    }
    set(root, "connections", array);
}

static void put_edges(const Splitrail__Admin__Reply *reply, json_t *root)
{
    json_t *array = json_array();
    for (size_t i = 0; i < reply->n_edges; i++) {
        add(array, edge_json(reply->edges[i]));
    }
    set(root, "edges", array);
}

static void put_stats(const Splitrail__Admin__Reply *reply, json_t *root)
{
    json_t *object = json_object();
    for (size_t i = 0; i < reply->n_figures; i++) {
        set_named(object, reply->figures[i]->name, json_integer(reply->figures[i]->value));
    }
    set(root, "stats", object);
}

static void put_bans(const Splitrail__Admin__Reply *reply, json_t *root)
{
    json_t *array = json_array();
    for (size_t i = 0; i < reply->n_bans; i++) {
        const Splitrail__Admin__BanInfo *ban = reply->bans[i];
        json_t *object = json_object();
        if (ban->user[0] != 0) {
            set(object, "userId", text(ban->user));
        } else {
            set(object, "ip", text(ban->ip));
        }
        set(object, "reason", text(ban->reason));
        set(object, "by", text(ban->by));
        set(object, "createdAt", number(ban->created_ms));
        set(object, "until", ban->until_ms == 0 ? json_null() : number(ban->until_ms));
        set(object, "leftMs", ban->until_ms == 0 ? json_null() : number(ban->left_ms));
        add(array, object);
    }
    set(root, "bans", array);
}

static void put_done(const struct ctl_args *args, const Splitrail__Admin__Reply *reply,
                     json_t *root)
{
    if (reply->done == NULL) {
        return;
    }
    if (args->command == CTL_KICK_USER || args->command == CTL_KICK_CONN) {
        set(root, "kicked", number(reply->done->count));
        return;
    }
    if (args->command == CTL_BAN_USER || args->command == CTL_BAN_IP) {
        set(root, "closed", number(reply->done->count));
        return;
    }
    if (args->command == CTL_UNBAN_USER || args->command == CTL_UNBAN_IP) {
        set(root, "unbanned", json_true());
        return;
    }
    if (args->command == CTL_SEND) {
        set(root, "delivered", number(reply->done->count));
    } else {
        set(root, "epoch", text(reply->done->epoch));
    }
    set(root, "offset", number(reply->done->offset));
    set(root, "duplicate", json_boolean(reply->done->duplicate));
}

static void put_info(const struct ctl_args *args, const Splitrail__Admin__Reply *reply,
                     json_t *root)
{
    const Splitrail__Admin__Info *info = reply->info;
    if (info == NULL) {
        return;
    }
    if (args->command == CTL_HEALTH) {
        set(root, "ready", json_boolean(info->ready));
        set(root, "reasons", texts(info->reasons, info->n_reasons));
    } else {
        set(root, "splitrailctl", text(SPLITRAIL_VERSION));
        set(root, "router", text(info->version));
    }
    set(root, "routerId", text(info->router_id));
    set(root, "incarnation", number(info->incarnation));
    set(root, "uptimeMs", number(info->uptime_ms));
}

static bool is_list(enum ctl_command command)
{
    return command == CTL_USERS || command == CTL_ROOMS || command == CTL_CONNS ||
           command == CTL_EDGES || command == CTL_BANS || command == CTL_PRESENCE_ROOM ||
           command == CTL_ROOM;
}

static void put_answer(const struct ctl_args *args, const Splitrail__Admin__Reply *reply,
                       json_t *root)
{
    switch (args->command) {
    case CTL_PRESENCE_USER:
    case CTL_USERS:
        put_users(reply, args->command == CTL_PRESENCE_USER, root);
        break;
    case CTL_PRESENCE_ROOM:
        set(root, "roomId", text(args->operands[0]));
        set(root, "members", members_json(reply));
        break;
    case CTL_ROOMS:
        put_rooms(reply, root);
        break;
    case CTL_ROOM:
        set(root, "room", reply->n_rooms == 0 ? json_null() : room_json(reply->rooms[0]));
        set(root, "members", members_json(reply));
        break;
    case CTL_CONNS:
        put_conns(reply, root);
        break;
    case CTL_CONN:
        set(root, "connection",
            reply->n_conns == 0 ? json_null() : conn_json(reply->conns[0], true));
        break;
    case CTL_EDGES:
        put_edges(reply, root);
        break;
    case CTL_EDGE:
        set(root, "edge", reply->n_edges == 0 ? json_null() : edge_json(reply->edges[0]));
        break;
    case CTL_STATS:
        put_stats(reply, root);
        break;
    case CTL_BANS:
        put_bans(reply, root);
        break;
    case CTL_KICK_USER:
    case CTL_KICK_CONN:
    case CTL_BAN_USER:
    case CTL_BAN_IP:
    case CTL_UNBAN_USER:
    case CTL_UNBAN_IP:
    case CTL_PUBLISH:
    case CTL_SEND:
        put_done(args, reply, root);
        break;
    case CTL_RELOAD:
        ctl_reload_json(reply, root);
        break;
    case CTL_VERSION:
    case CTL_HEALTH:
    case CTL_APIKEY: /* these never get here: they ask no router */
    case CTL_CHECK:
    case CTL_EXPORT:
    case CTL_IMPORT:
    case CTL_KEYGEN:
    case CTL_COMMAND_COUNT:
        put_info(args, reply, root);
        break;
    }
}

void ctl_json(const struct ctl_args *args, const Splitrail__Admin__Reply *reply, struct buf *out)
{
    json_t *root = json_object();
    set(root, "asOf", number(reply->as_of_ms));
    set(root, "synced", json_boolean(reply->synced));
    put_answer(args, reply, root);
    if (is_list(args->command)) {
        set(root, "total", number(reply->total));
    }
    char *written = json_dumps(root, JSON_INDENT(2));
    if (written == NULL) {
        abort();
    }
    buf_append_str(out, written);
    buf_append_byte(out, '\n');
    free(written);
    json_decref(root);
}
