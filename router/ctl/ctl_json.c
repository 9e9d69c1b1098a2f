/* Answers for scripts. Keys are those of the client protocol: userId, connectionId, asOf; times are
 * milliseconds since 1970. */
#include "router/ctl/ctl_events.h"
#include "router/ctl/ctl_explain.h"
#include "router/ctl/ctl_json_parts.h"
#include "router/ctl/ctl_limits.h"
#include "router/ctl/ctl_log.h"
#include "router/ctl/ctl_reload.h"
#include "router/ctl/ctl_reply.h"
#include "router/ctl/ctl_text.h"

#include <jansson.h>
#include <stdlib.h>

/* jansson wants valid UTF-8, which a user agent need not be. */
json_t *ctl_json_text(const char *value)
{
    struct buf clean;
    buf_init(&clean, 0);
    ctl_text_clean(bytes_of_str(value), &clean);
    json_t *made = json_stringn(clean.len == 0 ? "" : (const char *)clean.data, clean.len);
    buf_fini(&clean);
    return made;
}

json_t *ctl_json_number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

/* Random 64 bits are too large for a JSON number. */
json_t *ctl_json_hex(uint64_t value)
{
    struct buf digits;
    buf_init(&digits, 0);
    buf_append_hex(&digits, value, 16);
    json_t *made = json_stringn((const char *)digits.data, digits.len);
    buf_fini(&digits);
    return made;
}

/* All of these give the value away; jansson copies the key. */
void ctl_json_set(json_t *object, const char *key, json_t *value)
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
    ctl_json_set(object, (const char *)clean.data, value);
    buf_fini(&clean);
}

void ctl_json_add(json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) != 0) {
        abort();
    }
}

static json_t *texts(char *const *items, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        ctl_json_add(array, ctl_json_text(items[i]));
    }
    return array;
}

/* `with_rooms`: lists tell how many rooms there are, answers about one tell which. */
static json_t *conn_json(const Splitrail__Admin__Conn *conn, bool with_rooms)
{
    json_t *object = json_object();
    ctl_json_set(object, "connectionId", ctl_json_text(conn->id));
    ctl_json_set(object, "userId", ctl_json_text(conn->user));
    ctl_json_set(object, "edge", ctl_json_text(conn->edge));
    ctl_json_set(object, "address", ctl_json_text(conn->address));
    ctl_json_set(object, "agent", ctl_json_text(conn->agent));
    if (with_rooms) {
        ctl_json_set(object, "rooms", texts(conn->rooms, conn->n_rooms));
    }
    ctl_json_set(object, "roomCount", ctl_json_number(conn->room_count));
    ctl_json_set(object, "connectedAt", ctl_json_number(conn->connected_at_ms));
    ctl_json_set(object, "lastActivity", ctl_json_number(conn->last_activity_ms));
    ctl_json_set(object, "attached", json_boolean(conn->attached));
    return object;
}

static json_t *user_json(const Splitrail__Admin__User *user)
{
    json_t *object = json_object();
    ctl_json_set(object, "userId", ctl_json_text(user->name));
    ctl_json_set(object, "online", json_boolean(user->online));
    ctl_json_set(object, "connections", ctl_json_number(user->connections));
    ctl_json_set(object, "detached", ctl_json_number(user->detached));
    ctl_json_set(object, user->online ? "since" : "lastSeen", ctl_json_number(user->since_ms));
    ctl_json_set(object, "inboxOffset", ctl_json_number(user->inbox_offset));
    ctl_json_set(object, "watchers", ctl_json_number(user->watchers));
    return object;
}

/* Devices are the attached connections: as many as "connections" says. */
static json_t *presence_json(const Splitrail__Admin__User *user)
{
    json_t *object = user_json(user);
    json_t *devices = json_array();
    for (size_t i = 0; i < user->n_conns; i++) {
        if (user->conns[i]->attached) {
            ctl_json_add(devices, conn_json(user->conns[i], true));
        }
    }
    ctl_json_set(object, "rooms", texts(user->rooms, user->n_rooms));
    ctl_json_set(object, "devices", devices);
    return object;
}

static json_t *room_json(const Splitrail__Admin__Room *room)
{
    json_t *object = json_object();
    ctl_json_set(object, "roomId", ctl_json_text(room->name));
    ctl_json_set(object, "class", ctl_json_text(room->class_));
    ctl_json_set(object, "members", ctl_json_number(room->members));
    ctl_json_set(object, "connections", ctl_json_number(room->connections));
    ctl_json_set(object, "epoch", ctl_json_text(room->epoch));
    ctl_json_set(object, "offset", ctl_json_number(room->offset));
    ctl_json_set(object, "firstOffset", ctl_json_number(room->first_offset));
    ctl_json_set(object, "historyBytes", ctl_json_number(room->history_bytes));
    return object;
}

static json_t *edge_json(const Splitrail__Admin__Edge *edge)
{
    json_t *object = json_object();
    ctl_json_set(object, "edgeId", ctl_json_text(edge->id));
    ctl_json_set(object, "incarnation", ctl_json_hex(edge->incarnation));
    ctl_json_set(object, "state", ctl_json_text(edge->state));
    ctl_json_set(object, "connections", ctl_json_number(edge->connections));
    ctl_json_set(object, "detached", ctl_json_number(edge->detached));
    ctl_json_set(object, "linkAgeMs", ctl_json_number(edge->link_age_ms));
    ctl_json_set(object, "silentMs", ctl_json_number(edge->silent_ms));
    ctl_json_set(object, "unackedBytes", ctl_json_number(edge->unacked_bytes));
    ctl_json_set(object, "queuedBytes", ctl_json_number(edge->queued_bytes));
    ctl_json_set(object, "synced", json_boolean(edge->synced));
    return object;
}

static json_t *members_json(const Splitrail__Admin__Reply *reply)
{
    json_t *array = json_array();
    for (size_t i = 0; i < reply->n_members; i++) {
        json_t *object = json_object();
        ctl_json_set(object, "userId", ctl_json_text(reply->members[i]->user));
        ctl_json_set(object, "connections", ctl_json_number(reply->members[i]->connections));
        ctl_json_add(array, object);
    }
    return array;
}

static void put_users(const Splitrail__Admin__Reply *reply, bool presence, json_t *root)
{
    json_t *array = json_array();
    for (size_t i = 0; i < reply->n_users; i++) {
        ctl_json_add(array, presence ? presence_json(reply->users[i]) : user_json(reply->users[i]));
    }
    ctl_json_set(root, "users", array);
}

static void put_rooms(const Splitrail__Admin__Reply *reply, json_t *root)
{
    json_t *array = json_array();
    for (size_t i = 0; i < reply->n_rooms; i++) {
        ctl_json_add(array, room_json(reply->rooms[i]));
    }
    ctl_json_set(root, "rooms", array);
}

static void put_conns(const Splitrail__Admin__Reply *reply, json_t *root)
{
    json_t *array = json_array();
    for (size_t i = 0; i < reply->n_conns; i++) {
        ctl_json_add(array, conn_json(reply->conns[i], false));
    }
    ctl_json_set(root, "connections", array);
}

static void put_edges(const Splitrail__Admin__Reply *reply, json_t *root)
{
    json_t *array = json_array();
    for (size_t i = 0; i < reply->n_edges; i++) {
        ctl_json_add(array, edge_json(reply->edges[i]));
    }
    ctl_json_set(root, "edges", array);
}

static void put_stats(const Splitrail__Admin__Reply *reply, json_t *root)
{
    json_t *object = json_object();
    for (size_t i = 0; i < reply->n_figures; i++) {
        set_named(object, reply->figures[i]->name, json_integer(reply->figures[i]->value));
    }
    ctl_json_set(root, "stats", object);
}

static void put_bans(const Splitrail__Admin__Reply *reply, json_t *root)
{
    json_t *array = json_array();
    for (size_t i = 0; i < reply->n_bans; i++) {
        const Splitrail__Admin__BanInfo *ban = reply->bans[i];
        json_t *object = json_object();
        if (ban->user[0] != 0) {
            ctl_json_set(object, "userId", ctl_json_text(ban->user));
        } else {
            ctl_json_set(object, "ip", ctl_json_text(ban->ip));
        }
        ctl_json_set(object, "reason", ctl_json_text(ban->reason));
        ctl_json_set(object, "by", ctl_json_text(ban->by));
        ctl_json_set(object, "createdAt", ctl_json_number(ban->created_ms));
        ctl_json_set(object, "until",
                     ban->until_ms == 0 ? json_null() : ctl_json_number(ban->until_ms));
        ctl_json_set(object, "leftMs",
                     ban->until_ms == 0 ? json_null() : ctl_json_number(ban->left_ms));
        ctl_json_add(array, object);
    }
    ctl_json_set(root, "bans", array);
}

static void put_done(const struct ctl_args *args, const Splitrail__Admin__Reply *reply,
                     json_t *root)
{
    if (reply->done == NULL) {
        return;
    }
    if (args->command == CTL_KICK_USER || args->command == CTL_KICK_CONN) {
        ctl_json_set(root, "kicked", ctl_json_number(reply->done->count));
        return;
    }
    if (args->command == CTL_BAN_USER || args->command == CTL_BAN_IP) {
        ctl_json_set(root, "closed", ctl_json_number(reply->done->count));
        return;
    }
    if (args->command == CTL_UNBAN_USER || args->command == CTL_UNBAN_IP) {
        ctl_json_set(root, "unbanned", json_true());
        return;
    }
    if (args->command == CTL_SEND) {
        ctl_json_set(root, "delivered", ctl_json_number(reply->done->count));
    } else {
        ctl_json_set(root, "epoch", ctl_json_text(reply->done->epoch));
    }
    ctl_json_set(root, "offset", ctl_json_number(reply->done->offset));
    ctl_json_set(root, "duplicate", json_boolean(reply->done->duplicate));
}

static void put_info(const struct ctl_args *args, const Splitrail__Admin__Reply *reply,
                     json_t *root)
{
    const Splitrail__Admin__Info *info = reply->info;
    if (info == NULL) {
        return;
    }
    if (args->command == CTL_HEALTH) {
        ctl_json_set(root, "ready", json_boolean(info->ready));
        ctl_json_set(root, "reasons", texts(info->reasons, info->n_reasons));
    } else {
        ctl_json_set(root, "splitrailctl", ctl_json_text(SPLITRAIL_VERSION));
        ctl_json_set(root, "router", ctl_json_text(info->version));
    }
    ctl_json_set(root, "routerId", ctl_json_text(info->router_id));
    ctl_json_set(root, "incarnation", ctl_json_number(info->incarnation));
    ctl_json_set(root, "uptimeMs", ctl_json_number(info->uptime_ms));
}

static bool is_list(enum ctl_command command)
{
    return command == CTL_USERS || command == CTL_ROOMS || command == CTL_CONNS ||
           command == CTL_EDGES || command == CTL_BANS || command == CTL_PRESENCE_ROOM ||
           command == CTL_ROOM;
}

/* One thing, or null. */
static void put_one(const struct ctl_args *args, const Splitrail__Admin__Reply *reply, json_t *root)
{
    switch ((int)args->command) {
    case CTL_ROOM:
        ctl_json_set(root, "room", reply->n_rooms == 0 ? json_null() : room_json(reply->rooms[0]));
        ctl_json_set(root, "members", members_json(reply));
        break;
    case CTL_CONN:
        ctl_json_set(root, "connection",
                     reply->n_conns == 0 ? json_null() : conn_json(reply->conns[0], true));
        break;
    case CTL_EDGE:
        ctl_json_set(root, "edge", reply->n_edges == 0 ? json_null() : edge_json(reply->edges[0]));
        break;
    case CTL_TRACE_MESSAGE:
        ctl_json_set(root, "message",
                     reply->n_events == 0 ? json_null() : ctl_event_json(reply->events[0]));
        break;
    default:
        break;
    }
}

static void put_answer(const struct ctl_args *args, const Splitrail__Admin__Reply *reply,
                       json_t *root)
{
    switch ((int)args->command) {
    case CTL_PRESENCE_USER:
    case CTL_USERS:
        put_users(reply, args->command == CTL_PRESENCE_USER, root);
        break;
    case CTL_PRESENCE_ROOM:
        ctl_json_set(root, "roomId", ctl_json_text(args->operands[0]));
        ctl_json_set(root, "members", members_json(reply));
        break;
    case CTL_ROOMS:
        put_rooms(reply, root);
        break;
    case CTL_CONNS:
        put_conns(reply, root);
        break;
    case CTL_EDGES:
        put_edges(reply, root);
        break;
    case CTL_ROOM:
    case CTL_CONN:
    case CTL_EDGE:
    case CTL_TRACE_MESSAGE:
        put_one(args, reply, root);
        break;
    case CTL_STATS:
        put_stats(reply, root);
        break;
    case CTL_BANS:
        put_bans(reply, root);
        break;
    case CTL_HISTORY:
        ctl_log_json(args, reply, root);
        break;
    case CTL_LIMITS_SET:
    case CTL_LIMITS_SHOW:
    case CTL_LIMITS:
        ctl_limits_json(reply, root);
        break;
    case CTL_EXPLAIN:
        ctl_explain_json(reply, root);
        break;
    case CTL_DRAIN:
        ctl_json_set(root, "edgeId", ctl_json_text(args->operands[0]));
        ctl_json_set(root, "draining", json_true());
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
    default: /* the others go on, or ask no router */
        put_info(args, reply, root);
        break;
    }
}

void ctl_json_write(json_t *root, bool in_one_line, struct buf *out)
{
    char *written = json_dumps(root, in_one_line ? JSON_COMPACT : JSON_INDENT(2));
    if (written == NULL) {
        abort();
    }
    buf_append_str(out, written);
    buf_append_byte(out, '\n');
    free(written);
    json_decref(root);
}

void ctl_json(const struct ctl_args *args, const Splitrail__Admin__Reply *reply, struct buf *out)
{
    json_t *root = json_object();
    ctl_json_set(root, "asOf", ctl_json_number(reply->as_of_ms));
    ctl_json_set(root, "synced", json_boolean(reply->synced));
    put_answer(args, reply, root);
    if (is_list(args->command)) {
        ctl_json_set(root, "total", ctl_json_number(reply->total));
    }
    ctl_json_write(root, false, out);
}
