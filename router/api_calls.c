/* The calls as questions to the admin, and its replies as answers. */
#include "common/mem.h"
#include "router/api_internal.h"
#include "router/api_write.h"
#include "router/json.h"

#include <assert.h>

enum { BROADCAST_ROOMS_MAX = 1000, RETRY_MS = 1000 };

struct broadcast {
    uint64_t request;
    uint32_t unfinished; /* one for the caller that still begins more */
    uint32_t rooms;
    uint32_t published;
    struct buf failed; /* JSON, without brackets */
};

/* What the admin is asked for. */
struct waiting {
    uint64_t request;
    const struct api_route *route;
    struct broadcast *broadcast; /* NULL: a call of its own */
    char *name;                  /* of its path, or the room of a broadcast */
    /* Names of rooms, when these are asked for a broadcast; NULL-terminated. */
    char **found;
};

/* ---- broadcasts ---- */

static void broadcast_release(struct api *api, struct broadcast *broadcast)
{
    if (--broadcast->unfinished != 0) {
        return;
    }
    struct buf *out = &api->out;
    buf_clear(out);
    buf_append_str(out, "{\"rooms\":");
    buf_append_u64(out, broadcast->rooms);
    buf_append_str(out, ",\"published\":");
    buf_append_u64(out, broadcast->published);
    buf_append_str(out, ",\"failed\":[");
    buf_append(out, buf_bytes(&broadcast->failed));
    buf_append_str(out, "]}\n");
    api_answer_out(api, broadcast->request, 200);
    buf_fini(&broadcast->failed);
    mem_free(broadcast);
}

static void broadcast_failed(struct broadcast *broadcast, const char *room, const char *why)
{
    struct buf *out = &broadcast->failed;
    buf_append_str(out, out->len == 0 ? "{\"roomId\":" : ",{\"roomId\":");
    json_write_string(bytes_of_str(room), out);
    buf_append_str(out, ",\"message\":");
    json_write_string(bytes_of_str(why), out);
    buf_append_byte(out, '}');
}

/* ---- what the admin has to say ---- */

static void waiting_free(struct waiting *waiting)
{
    for (size_t i = 0; waiting->found != NULL && waiting->found[i] != NULL; i++) {
        mem_free(waiting->found[i]);
    }
    mem_free((void *)waiting->found);
    mem_free(waiting->name);
    mem_free(waiting);
}

static enum api_error error_of(const struct waiting *waiting, const Splitrail__Admin__Reply *reply)
{
    switch ((int)reply->status) {
    case SPLITRAIL__ADMIN__REPLY__STATUS__NOT_FOUND:
        return API_ERROR_NOT_FOUND;
    case SPLITRAIL__ADMIN__REPLY__STATUS__REFUSED:
        return (waiting->route->flags & API_MAY_CLASH) != 0 ? API_ERROR_CONFLICT
                                                            : API_ERROR_UNAVAILABLE;
    default:
        return API_ERROR_REFUSED;
    }
}

static void answer_reply(struct api *api, const struct waiting *waiting,
                         const Splitrail__Admin__Reply *reply)
{
    if (reply->status != SPLITRAIL__ADMIN__REPLY__STATUS__OK) {
        enum api_error error = error_of(waiting, reply);
        api_answer_error(api, waiting->request, error, reply->text,
                         error == API_ERROR_UNAVAILABLE ? RETRY_MS : 0);
        return;
    }
    buf_clear(&api->out);
    api_write_answer(waiting->route->id, waiting->name, reply, &api->out);
    api_answer_out(api, waiting->request, (waiting->route->flags & API_STARTS) != 0 ? 202 : 200);
}

static void room_done(struct api *api, const struct waiting *waiting,
                      const Splitrail__Admin__Reply *reply)
{
    if (reply->status == SPLITRAIL__ADMIN__REPLY__STATUS__OK) {
        waiting->broadcast->published++;
    } else {
        broadcast_failed(waiting->broadcast, waiting->name, reply->text);
    }
    broadcast_release(api, waiting->broadcast);
}

static void keep_rooms(struct waiting *waiting, const Splitrail__Admin__Reply *reply)
{
    for (size_t i = 0; i < reply->n_rooms; i++) {
        waiting->found[i] = mem_copy_str(bytes_of_str(reply->rooms[i]->name));
    }
}

void api_on_reply(void *owner, uint64_t token, const Splitrail__Admin__Reply *reply)
{
    struct api *api = owner;
    struct waiting *waiting = slotmap_get(&api->waiting, token);
    assert(waiting != NULL && "answered once");
    if (waiting->found != NULL) {
        keep_rooms(waiting, reply); /* whoever asked waits for it, and frees */
        return;
    }
    slotmap_remove(&api->waiting, token);
    if (waiting->broadcast != NULL) {
        room_done(api, waiting, reply);
    } else {
        answer_reply(api, waiting, reply);
    }
    waiting_free(waiting);
}

/* ---- asking ---- */

static char *text_of(const char *text)
{
    return (char *)(uintptr_t)text; /* only read */
}

static slot_id add_waiting(struct asking *asking, const char *name, struct broadcast *broadcast)
{
    struct waiting *waiting = mem_new(1, sizeof(*waiting));
    waiting->request = asking->request->id;
    waiting->route = asking->call->route;
    waiting->broadcast = broadcast;
    waiting->name = mem_copy_str(bytes_of_str(name));
    slot_id token = slotmap_add(&asking->api->waiting, waiting);
    if (token == 0) {
        waiting_free(waiting);
    }
    return token;
}

static void ask_admin(struct asking *asking, slot_id token,
                      const Splitrail__Admin__Request *request)
{
    Splitrail__Admin__Request named = *request;
    struct buf by; /* as operators who come through splitrailctl are named in the log and in bans */
    buf_init(&by, 0);
    if (asking->key != NULL) {
        buf_append_str(&by, "api:");
        buf_append_str(&by, asking->key->name);
        buf_append_byte(&by, 0);
        named.by = (char *)by.data;
    }
    admin_ask_local(asking->api->admin, token, &named, asking->now_ms, asking->wall_ms);
    buf_fini(&by);
}

/* The call is one question; `name` is what its answer repeats. */
static void ask(struct asking *asking, const char *name, const Splitrail__Admin__Request *request)
{
    slot_id token = add_waiting(asking, name, NULL);
    if (token == 0) {
        api_answer_error(asking->api, asking->request->id, API_ERROR_UNAVAILABLE, "too much waits",
                         RETRY_MS);
        return;
    }
    ask_admin(asking, token, request);
}

#define REQUEST(kind)                                                                              \
    Splitrail__Admin__Request request = SPLITRAIL__ADMIN__REQUEST__INIT;                           \
    request.ask_case = SPLITRAIL__ADMIN__REQUEST__ASK_##kind

static ProtobufCBinaryData payload_of(const struct api_call *call)
{
    return (ProtobufCBinaryData){.len = call->payload.len,
                                 .data = (uint8_t *)(uintptr_t)call->payload.data}; /* only read */
}

static Splitrail__Admin__Publish publish_of(const struct api_call *call, const char *room)
{
    Splitrail__Admin__Publish publish = SPLITRAIL__ADMIN__PUBLISH__INIT;
    publish.room = text_of(room);
    publish.user = text_of(call->fields[API_FIELD_USER_ID]);
    publish.key = text_of(call->fields[API_FIELD_KEY]);
    publish.exclude = text_of(call->fields[API_FIELD_EXCLUDE]);
    publish.payload = payload_of(call);
    return publish;
}

static void call_publish(struct asking *asking)
{
    const char *room = asking->call->params[API_PARAM_ROOM];
    Splitrail__Admin__Publish publish = publish_of(asking->call, room);
    REQUEST(PUBLISH);
    request.publish = &publish;
    ask(asking, room, &request);
}

static void call_history(struct asking *asking)
{
    const struct api_call *call = asking->call;
    Splitrail__Admin__History history = SPLITRAIL__ADMIN__HISTORY__INIT;
    history.room = text_of(call->params[API_PARAM_ROOM]);
    history.has_since = (call->given_params >> API_PARAM_SINCE & 1) != 0;
    history.since = call->numbers[API_PARAM_SINCE];
    history.epoch = text_of(call->params[API_PARAM_EPOCH]);
    history.limit = (uint32_t)call->numbers[API_PARAM_LIMIT];
    REQUEST(HISTORY);
    request.history = &history;
    ask(asking, history.room, &request);
}

static void call_send(struct asking *asking)
{
    const struct api_call *call = asking->call;
    Splitrail__Admin__Send send = SPLITRAIL__ADMIN__SEND__INIT;
    send.user = text_of(call->params[API_PARAM_USER]);
    send.from = text_of(call->fields[API_FIELD_FROM_USER_ID]);
    send.key = text_of(call->fields[API_FIELD_KEY]);
    send.payload = payload_of(call);
    REQUEST(SEND);
    request.send = &send;
    ask(asking, send.user, &request);
}

static void publish_one(struct asking *asking, struct broadcast *broadcast, const char *room)
{
    Splitrail__Admin__Publish publish = publish_of(asking->call, room);
    REQUEST(PUBLISH);
    request.publish = &publish;
    broadcast->rooms++;
    slot_id token = add_waiting(asking, room, broadcast);
    if (token == 0) {
        broadcast_failed(broadcast, room, "too much waits: try again later");
        return;
    }
    broadcast->unfinished++;
    ask_admin(asking, token, &request);
}

static void broadcast_to(struct asking *asking, const char *const *rooms, size_t count)
{
    struct broadcast *broadcast = mem_new(1, sizeof(*broadcast));
    broadcast->request = asking->request->id;
    broadcast->unfinished = 1;
    buf_init(&broadcast->failed, 0);
    for (size_t i = 0; i < count; i++) {
        publish_one(asking, broadcast, rooms[i]);
    }
    broadcast_release(asking->api, broadcast);
}

/* To the rooms that there are now. */
static void broadcast_prefix(struct asking *asking)
{
    struct api *api = asking->api;
    slot_id token = add_waiting(asking, "", NULL);
    if (token == 0) {
        api_answer_error(api, asking->request->id, API_ERROR_UNAVAILABLE, "too much waits",
                         RETRY_MS);
        return;
    }
    struct waiting *waiting = slotmap_get(&api->waiting, token);
    waiting->found = mem_new(BROADCAST_ROOMS_MAX + 2, sizeof(char *));
    Splitrail__Admin__List list = SPLITRAIL__ADMIN__LIST__INIT;
    list.prefix = text_of(asking->call->fields[API_FIELD_PREFIX]);
    list.limit = BROADCAST_ROOMS_MAX + 1;
    REQUEST(ROOMS);
    request.rooms = &list;
    ask_admin(asking, token, &request);
    slotmap_remove(&api->waiting, token);
    size_t count = 0;
    while (waiting->found[count] != NULL) {
        count++;
    }
    if (count > BROADCAST_ROOMS_MAX) {
        api_answer_error(api, asking->request->id, API_ERROR_FIELD,
                         "prefix: more than 1000 rooms begin like this", 0);
    } else {
        broadcast_to(asking, (const char *const *)waiting->found, count);
    }
    waiting_free(waiting);
}

static void call_broadcast(struct asking *asking)
{
    const struct api_call *call = asking->call;
    bool by_prefix = (call->given_fields >> API_FIELD_PREFIX & 1) != 0;
    if (by_prefix == (call->name_count != 0)) {
        api_answer_error(asking->api, asking->request->id, API_ERROR_FIELD,
                         "give either rooms or prefix", 0);
    } else if (by_prefix) {
        broadcast_prefix(asking);
    } else {
        broadcast_to(asking, call->names, call->name_count);
    }
}

static Splitrail__Admin__List list_of(const struct api_call *call)
{
    Splitrail__Admin__List list = SPLITRAIL__ADMIN__LIST__INIT;
    list.prefix = text_of(call->params[API_PARAM_PREFIX]);
    list.after = text_of(call->params[API_PARAM_CURSOR]);
    list.limit = (uint32_t)call->numbers[API_PARAM_LIMIT];
    return list;
}

static void call_rooms(struct asking *asking)
{
    Splitrail__Admin__List list = list_of(asking->call);
    REQUEST(ROOMS);
    request.rooms = &list;
    ask(asking, "", &request);
}

static void call_room(struct asking *asking)
{
    Splitrail__Admin__One one = SPLITRAIL__ADMIN__ONE__INIT;
    one.id = text_of(asking->call->params[API_PARAM_ROOM]);
    REQUEST(ROOM);
    request.room = &one;
    ask(asking, one.id, &request);
}

static void call_members(struct asking *asking)
{
    const struct api_call *call = asking->call;
    Splitrail__Admin__PresenceRoom room = SPLITRAIL__ADMIN__PRESENCE_ROOM__INIT;
    room.room = text_of(call->params[API_PARAM_ROOM]);
    room.after = text_of(call->params[API_PARAM_CURSOR]);
    room.limit = (uint32_t)call->numbers[API_PARAM_LIMIT];
    REQUEST(PRESENCE_ROOM);
    request.presence_room = &room;
    ask(asking, room.room, &request);
}

/* Out of a room, or, when the path names none, off the server. */
static void call_kick(struct asking *asking)
{
    const struct api_call *call = asking->call;
    Splitrail__Admin__Kick kick = SPLITRAIL__ADMIN__KICK__INIT;
    kick.user = text_of(call->params[API_PARAM_USER]);
    kick.room = text_of(call->params[API_PARAM_ROOM]);
    kick.reason = text_of(call->params[API_PARAM_REASON]);
    kick.ban_ms = call->numbers[API_PARAM_BAN];
    REQUEST(KICK);
    request.kick = &kick;
    ask(asking, kick.user, &request);
}

static void call_users(struct asking *asking)
{
    Splitrail__Admin__List list = list_of(asking->call);
    REQUEST(USERS);
    request.users = &list;
    ask(asking, "", &request);
}

static void call_user(struct asking *asking)
{
    char *user = text_of(asking->call->params[API_PARAM_USER]);
    Splitrail__Admin__PresenceUsers users = SPLITRAIL__ADMIN__PRESENCE_USERS__INIT;
    users.n_users = 1;
    users.users = &user;
    REQUEST(PRESENCE_USERS);
    request.presence_users = &users;
    ask(asking, user, &request);
}

static void call_connection(struct asking *asking)
{
    Splitrail__Admin__One one = SPLITRAIL__ADMIN__ONE__INIT;
    one.id = text_of(asking->call->params[API_PARAM_ID]);
    REQUEST(CONN);
    request.conn = &one;
    ask(asking, one.id, &request);
}

static void call_edges(struct asking *asking)
{
    Splitrail__Admin__Empty empty = SPLITRAIL__ADMIN__EMPTY__INIT;
    REQUEST(EDGES);
    request.edges = &empty;
    ask(asking, "", &request);
}

static void call_drain(struct asking *asking)
{
    Splitrail__Admin__One one = SPLITRAIL__ADMIN__ONE__INIT;
    one.id = text_of(asking->call->params[API_PARAM_ID]);
    REQUEST(DRAIN);
    request.drain = &one;
    ask(asking, one.id, &request);
}

static void call_stats(struct asking *asking)
{
    Splitrail__Admin__Empty empty = SPLITRAIL__ADMIN__EMPTY__INIT;
    REQUEST(STATS);
    request.stats = &empty;
    ask(asking, "", &request);
}

static void call_series(struct asking *asking)
{
    struct api *api = asking->api;
    buf_clear(&api->out);
    series_write(api->series, (size_t)asking->call->numbers[API_PARAM_LIMIT], &api->out);
    api_answer_out(api, asking->request->id, 200);
}

static void call_key(struct asking *asking)
{
    struct api *api = asking->api;
    buf_clear(&api->out);
    api_write_key(asking->key, &api->out);
    api_answer_out(api, asking->request->id, 200);
}

static void call_openapi(struct asking *asking)
{
    struct api *api = asking->api;
    api_answer(api, asking->request->id,
               &(struct api_answer){.status = 200, .body = buf_bytes(&api->document)});
}

static void (*const calls[])(struct asking *) = {
    [API_CALL_PUBLISH] = call_publish, [API_CALL_HISTORY] = call_history,
    [API_CALL_SEND] = call_send,       [API_CALL_BROADCAST] = call_broadcast,
    [API_CALL_ROOMS] = call_rooms,     [API_CALL_ROOM] = call_room,
    [API_CALL_MEMBERS] = call_members, [API_CALL_REMOVE_MEMBER] = call_kick,
    [API_CALL_USERS] = call_users,     [API_CALL_USER] = call_user,
    [API_CALL_DISCONNECT] = call_kick, [API_CALL_CONNECTION] = call_connection,
    [API_CALL_EDGES] = call_edges,     [API_CALL_DRAIN] = call_drain,
    [API_CALL_STATS] = call_stats,     [API_CALL_SERIES] = call_series,
    [API_CALL_KEY] = call_key,         [API_CALL_OPENAPI] = call_openapi,
};
static_assert(sizeof(calls) / sizeof(calls[0]) == API_CALL_COUNT, "one per call");

void api_call_make(struct asking *asking)
{
    calls[asking->call->route->id](asking);
}

void api_forget_waiting(struct api *api)
{
    for (uint32_t i = 0; i < api->waiting.used; i++) {
        slot_id token = slotmap_id_at(&api->waiting, i);
        struct waiting *waiting = token == 0 ? NULL : slotmap_remove(&api->waiting, token);
        if (waiting == NULL) {
            continue;
        }
        if (waiting->broadcast != NULL && --waiting->broadcast->unfinished == 0) {
            buf_fini(&waiting->broadcast->failed);
            mem_free(waiting->broadcast);
        }
        waiting_free(waiting);
    }
    slotmap_fini(&api->waiting);
}
