#include "router/api_write.h"

#include "common/utf8.h"
#include "router/json.h"

#include <assert.h>
#include <string.h>

#define PUT(out, json) buf_append((out), BYTES_LIT(json))

/* A user agent is what a client says, and need not be UTF-8: what is not becomes U+FFFD. */
static void put_text(struct buf *out, const char *before, const char *value)
{
    struct bytes text = bytes_of_str(value);
    struct buf clean;
    buf_append_str(out, before);
    buf_init(&clean, 0);
    for (size_t i = 0; i < text.len;) {
        size_t len = utf8_len(text.data + i, text.len - i);
        buf_append(&clean, len == 0 ? BYTES_LIT("\xEF\xBF\xBD") : bytes_slice(text, i, len));
        i += len == 0 ? 1 : len;
    }
    json_write_string(buf_bytes(&clean), out);
    buf_fini(&clean);
}

static void put_u64(struct buf *out, const char *before, uint64_t value)
{
    buf_append_str(out, before);
    buf_append_u64(out, value);
}

static void put_bool(struct buf *out, const char *before, bool value)
{
    buf_append_str(out, before);
    buf_append_str(out, value ? "true" : "false");
}

static void put_names(struct buf *out, const char *before, char *const *names, size_t count)
{
    buf_append_str(out, before);
    PUT(out, "[");
    for (size_t i = 0; i < count; i++) {
        put_text(out, i == 0 ? "" : ",", names[i]);
    }
    PUT(out, "]");
}

/* How fresh it is, and the end of the object. */
static void put_end(struct buf *out, const Splitrail__Admin__Reply *reply)
{
    put_u64(out, ",\"asOf\":", reply->as_of_ms);
    put_bool(out, ",\"synced\":", reply->synced);
    PUT(out, "}\n");
}

/* `last` is the name of the last item shown, of which there were `count`. */
static void put_cursor(struct buf *out, const Splitrail__Admin__Reply *reply, size_t count,
                       const char *last)
{
    if (reply->total > count && count != 0) {
        put_text(out, "],\"cursor\":", last);
    } else {
        PUT(out, "],\"cursor\":null");
    }
}

static void put_connection(struct buf *out, const Splitrail__Admin__Conn *conn, bool with_rooms)
{
    put_text(out, "{\"connectionId\":", conn->id);
    put_text(out, ",\"userId\":", conn->user);
    put_text(out, ",\"edge\":", conn->edge);
    put_text(out, ",\"address\":", conn->address);
    put_text(out, ",\"agent\":", conn->agent);
    put_u64(out, ",\"connectedAt\":", conn->connected_at_ms);
    put_u64(out, ",\"lastActivity\":", conn->last_activity_ms);
    put_bool(out, ",\"attached\":", conn->attached);
    put_u64(out, ",\"roomCount\":", conn->room_count);
    if (with_rooms) {
        put_names(out, ",\"rooms\":", conn->rooms, conn->n_rooms);
    }
    PUT(out, "}");
}

static void put_user(struct buf *out, const Splitrail__Admin__User *user, bool whole)
{
    put_text(out, "{\"userId\":", user->name);
    put_bool(out, ",\"online\":", user->online);
    put_u64(out, ",\"connections\":", user->connections);
    put_u64(out, ",\"detached\":", user->detached);
    if (user->since_ms != 0) {
        put_u64(out, user->online ? ",\"since\":" : ",\"lastSeen\":", user->since_ms);
    }
    put_u64(out, ",\"inboxOffset\":", user->inbox_offset);
    put_u64(out, ",\"watchers\":", user->watchers);
    if (whole) {
        put_names(out, ",\"rooms\":", user->rooms, user->n_rooms);
        PUT(out, ",\"devices\":[");
        for (size_t i = 0; i < user->n_conns; i++) {
            buf_append_str(out, i == 0 ? "" : ",");
            put_connection(out, user->conns[i], true);
        }
        PUT(out, "]");
    }
    PUT(out, "}");
}

static void put_room(struct buf *out, const Splitrail__Admin__Room *room)
{
    put_text(out, "{\"roomId\":", room->name);
    put_text(out, ",\"class\":", room->class_);
    put_u64(out, ",\"members\":", room->members);
    put_u64(out, ",\"connections\":", room->connections);
    put_text(out, ",\"epoch\":", room->epoch);
    put_u64(out, ",\"offset\":", room->offset);
    put_u64(out, ",\"firstOffset\":", room->first_offset);
    put_u64(out, ",\"historyBytes\":", room->history_bytes);
    PUT(out, "}");
}

static void put_edge(struct buf *out, const Splitrail__Admin__Edge *edge)
{
    put_text(out, "{\"edgeId\":", edge->id);
    PUT(out, ",\"incarnation\":\"");
    buf_append_hex(out, edge->incarnation, 16); /* more than JavaScript counts */
    put_text(out, "\",\"state\":", edge->state);
    put_u64(out, ",\"connections\":", edge->connections);
    put_u64(out, ",\"detached\":", edge->detached);
    put_bool(out, ",\"synced\":", edge->synced);
    put_u64(out, ",\"linkAgeMs\":", edge->link_age_ms);
    put_u64(out, ",\"silentMs\":", edge->silent_ms);
    put_u64(out, ",\"unackedBytes\":", edge->unacked_bytes);
    put_u64(out, ",\"queuedBytes\":", edge->queued_bytes);
    put_u64(out, ",\"creditBytes\":", edge->credit_bytes);
    put_bool(out, ",\"held\":", edge->held);
    put_u64(out, ",\"canaryUs\":", edge->canary_us);
    PUT(out, "}");
}

/* ---- answers ---- */

static void published(const char *name, const Splitrail__Admin__Reply *reply, struct buf *out)
{
    (void)name;
    put_u64(out, "{\"offset\":", reply->done->offset);
    put_text(out, ",\"epoch\":", reply->done->epoch);
    put_bool(out, ",\"duplicate\":", reply->done->duplicate);
    PUT(out, "}\n");
}

static void delivered(const char *name, const Splitrail__Admin__Reply *reply, struct buf *out)
{
    (void)name;
    put_u64(out, "{\"delivered\":", reply->done->count);
    put_u64(out, ",\"offset\":", reply->done->offset);
    put_bool(out, ",\"duplicate\":", reply->done->duplicate);
    PUT(out, "}\n");
}

static void put_message(struct buf *out, const Splitrail__Admin__Message *message)
{
    put_u64(out, "{\"offset\":", message->offset);
    put_u64(out, ",\"timestamp\":", message->timestamp_ms);
    if (message->user[0] != 0) {
        put_text(out, ",\"userId\":", message->user);
    }
    PUT(out, ",\"payload\":");
    buf_append(out, bytes_of(message->payload.data, message->payload.len));
    PUT(out, "}");
}

static void history(const char *name, const Splitrail__Admin__Reply *reply, struct buf *out)
{
    const Splitrail__Admin__Log *log = reply->log;
    put_text(out, "{\"roomId\":", name);
    if (log->epoch[0] != 0) {
        put_text(out, ",\"epoch\":", log->epoch);
    } else {
        PUT(out, ",\"epoch\":null");
    }
    put_u64(out, ",\"offset\":", log->offset);
    put_u64(out, ",\"firstOffset\":", log->first_offset);
    PUT(out, ",\"messages\":[");
    for (size_t i = 0; i < log->n_messages; i++) {
        buf_append_str(out, i == 0 ? "" : ",");
        put_message(out, log->messages[i]);
    }
    PUT(out, "]");
    put_end(out, reply);
}

static void rooms(const char *name, const Splitrail__Admin__Reply *reply, struct buf *out)
{
    (void)name;
    size_t count = reply->n_rooms;
    PUT(out, "{\"rooms\":[");
    for (size_t i = 0; i < count; i++) {
        buf_append_str(out, i == 0 ? "" : ",");
        put_room(out, reply->rooms[i]);
    }
    put_cursor(out, reply, count, count == 0 ? "" : reply->rooms[count - 1]->name);
    put_end(out, reply);
}

static void room(const char *name, const Splitrail__Admin__Reply *reply, struct buf *out)
{
    (void)name;
    PUT(out, "{\"room\":");
    put_room(out, reply->rooms[0]);
    put_end(out, reply);
}

static void members(const char *name, const Splitrail__Admin__Reply *reply, struct buf *out)
{
    size_t count = reply->n_members;
    put_text(out, "{\"roomId\":", name);
    PUT(out, ",\"members\":[");
    for (size_t i = 0; i < count; i++) {
        put_text(out, i == 0 ? "{\"userId\":" : ",{\"userId\":", reply->members[i]->user);
        put_u64(out, ",\"connections\":", reply->members[i]->connections);
        PUT(out, "}");
    }
    put_cursor(out, reply, count, count == 0 ? "" : reply->members[count - 1]->user);
    put_end(out, reply);
}

static void kicked(const char *name, const Splitrail__Admin__Reply *reply, struct buf *out)
{
    (void)name;
    put_u64(out, "{\"kicked\":", reply->done->count);
    PUT(out, "}\n");
}

static void users(const char *name, const Splitrail__Admin__Reply *reply, struct buf *out)
{
    (void)name;
    size_t count = reply->n_users;
    PUT(out, "{\"users\":[");
    for (size_t i = 0; i < count; i++) {
        buf_append_str(out, i == 0 ? "" : ",");
        put_user(out, reply->users[i], false);
    }
    put_cursor(out, reply, count, count == 0 ? "" : reply->users[count - 1]->name);
    put_end(out, reply);
}

static void user(const char *name, const Splitrail__Admin__Reply *reply, struct buf *out)
{
    (void)name;
    PUT(out, "{\"user\":");
    put_user(out, reply->users[0], true);
    put_end(out, reply);
}

static void connection(const char *name, const Splitrail__Admin__Reply *reply, struct buf *out)
{
    (void)name;
    PUT(out, "{\"connection\":");
    put_connection(out, reply->conns[0], true);
    put_end(out, reply);
}

static void edges(const char *name, const Splitrail__Admin__Reply *reply, struct buf *out)
{
    (void)name;
    PUT(out, "{\"edges\":[");
    for (size_t i = 0; i < reply->n_edges; i++) {
        buf_append_str(out, i == 0 ? "" : ",");
        put_edge(out, reply->edges[i]);
    }
    PUT(out, "]");
    put_end(out, reply);
}

static void put_info(struct buf *out, const Splitrail__Admin__Info *info)
{
    put_text(out, "{\"routerId\":", info->router_id);
    put_text(out, ",\"version\":", info->version);
    put_u64(out, ",\"incarnation\":", info->incarnation);
    put_u64(out, ",\"uptimeMs\":", info->uptime_ms);
    put_bool(out, ",\"ready\":", info->ready);
    put_names(out, ",\"reasons\":", info->reasons, info->n_reasons);
    PUT(out, "}");
}

static void stats(const char *name, const Splitrail__Admin__Reply *reply, struct buf *out)
{
    (void)name;
    PUT(out, "{\"router\":");
    put_info(out, reply->info);
    PUT(out, ",\"figures\":{");
    for (size_t i = 0; i < reply->n_figures; i++) {
        put_text(out, i == 0 ? "" : ",", reply->figures[i]->name);
        put_u64(out, ":", (uint64_t)reply->figures[i]->value);
    }
    PUT(out, "}");
    put_end(out, reply);
}

static void draining(const char *name, const Splitrail__Admin__Reply *reply, struct buf *out)
{
    (void)reply;
    put_text(out, "{\"edgeId\":", name);
    PUT(out, ",\"draining\":true}\n");
}

void api_write_answer(enum api_call_id id, const char *name, const Splitrail__Admin__Reply *reply,
                      struct buf *out)
{
    static void (*const writers[API_CALL_COUNT])(const char *, const Splitrail__Admin__Reply *,
                                                 struct buf *) = {
        [API_CALL_PUBLISH] = published,
        [API_CALL_HISTORY] = history,
        [API_CALL_SEND] = delivered,
        [API_CALL_ROOMS] = rooms,
        [API_CALL_ROOM] = room,
        [API_CALL_MEMBERS] = members,
        [API_CALL_REMOVE_MEMBER] = kicked,
        [API_CALL_USERS] = users,
        [API_CALL_USER] = user,
        [API_CALL_DISCONNECT] = kicked,
        [API_CALL_CONNECTION] = connection,
        [API_CALL_EDGES] = edges,
        [API_CALL_DRAIN] = draining,
        [API_CALL_STATS] = stats,
    };
    assert(writers[id] != NULL && "the others are not answered by the admin");
    writers[id](name, reply, out);
}

void api_write_key(const struct api_key *key, struct buf *out)
{
    static const unsigned scopes[] = {API_SCOPE_PUBLISH, API_SCOPE_READ, API_SCOPE_ADMIN};
    const char *before = ",\"scopes\":[";
    put_text(out, "{\"name\":", key->name);
    for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
        if ((key->scopes & scopes[i]) != 0) {
            put_text(out, before, api_scope_name(scopes[i]));
            before = ",";
        }
    }
    PUT(out, "]}\n");
}

void api_write_error(enum api_error error, const char *detail, uint64_t retry_after_ms,
                     struct buf *out)
{
    const struct api_error_spec *spec = &api_errors[error];
    struct buf message;
    buf_init(&message, 0);
    buf_append_str(&message, spec->message);
    if (detail[0] != 0) {
        buf_append_str(&message, ": ");
        buf_append_str(&message, detail);
    }
    buf_append_byte(&message, 0);
    put_text(out, "{\"error\":{\"code\":", spec->code);
    put_text(out, ",\"message\":", (const char *)message.data);
    if (retry_after_ms != 0) {
        put_u64(out, ",\"retryAfterMs\":", retry_after_ms);
    }
    PUT(out, "}}\n");
    buf_fini(&message);
}
