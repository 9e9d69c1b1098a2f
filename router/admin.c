/* Reads requests, hands them to the file that knows the answer, writes replies. The protobuf arenas
 * are capped: a request of 1 MiB cannot unpack into more than REQUEST_MEMORY, and an answer that
 * outgrows its arena is replaced by a refusal that says what to do. */
#include "router/admin.h"

#include "common/log.h"
#include "common/mem.h"
#include "router/admin_ask.h"

#include <assert.h>
#include <string.h>

enum { REQUEST_MEMORY = 32 * 1024 * 1024 };

static_assert(SPLITRAIL__ADMIN__REPLY__STATUS__VERSION == 4, "admin_stats.replies has five places");

static const char *text_of(const char *text)
{
    return text == NULL ? "" : text;
}

void admin_audit(const struct admin_ask *ask, const struct admin_deed *deed)
{
    struct buf peer;
    buf_init(&peer, 0);
    for (size_t i = 0; i < ask->peer.len; i++) {
        buf_append_hex(&peer, ask->peer.data[i], 2);
    }
    log_event(LOG_ADMIN_ACTION, LOG_S("action", deed->action), LOG_S("by", ask->by),
              LOG_B("peer", buf_bytes(&peer)), LOG_S("user", text_of(deed->user)),
              LOG_S("conn", text_of(deed->conn)), LOG_S("ip", text_of(deed->ip)),
              LOG_S("edge", text_of(deed->edge)), LOG_S("room", text_of(deed->room)),
              LOG_S("reason", text_of(deed->reason)), LOG_U("for_ms", deed->for_ms));
    buf_fini(&peer);
}

void *admin_room(struct admin_ask *ask, size_t count, size_t size)
{
    ProtobufCAllocator *allocator = &ask->admin->reply_arena.allocator;
    void *room = NULL;
    if (count <= ADMIN_REPLY_BYTES_MAX / size) {
        room = allocator->alloc(allocator->allocator_data, count * size);
    }
    if (room == NULL) {
        ask->overflowed = true;
        return NULL;
    }
    memset(room, 0, count * size);
    return room;
}

void *admin_pointers(struct admin_ask *ask, size_t count)
{
    return admin_room(ask, count, sizeof(void *));
}

char *admin_text(struct admin_ask *ask, struct bytes text)
{
    char *copy = admin_room(ask, text.len + 1, 1);
    if (copy == NULL) {
        return (char *)(uintptr_t)protobuf_c_empty_string;
    }
    if (text.len > 0) {
        memcpy(copy, text.data, text.len);
    }
    return copy;
}

void admin_fail(struct admin_ask *ask, Splitrail__Admin__Reply__Status status, const char *text)
{
    ask->reply.status = status;
    ask->reply.text = (char *)(uintptr_t)text; /* only read */
}

void admin_fail_about(struct admin_ask *ask, Splitrail__Admin__Reply__Status status,
                      const char *what, struct bytes which)
{
    struct buf text;
    buf_init(&text, 0);
    buf_append_str(&text, what);
    buf_append(&text, which);
    admin_fail(ask, status, admin_text(ask, buf_bytes(&text)));
    buf_fini(&text);
}

/* Walks the top-level fields of bytes that are no valid request, in search of an id (field 2). */
static bool find_id(struct bytes request, uint64_t *ret_id)
{
    size_t at = 0;
    while (at < request.len) {
        uint8_t key = request.data[at++];
        if (key != 0x08 && key != 0x10) { /* version and id come first, as varints */
            return false;
        }
        uint64_t value = 0;
        unsigned shift = 0;
        bool more = true;
        while (more && at < request.len && shift < 64) {
            value |= (uint64_t)(request.data[at] & 0x7f) << shift;
            more = (request.data[at++] & 0x80) != 0;
            shift += 7;
        }
        if (more) {
            return false;
        }
        if (key == 0x10) {
            *ret_id = value;
            return true;
        }
    }
    return false;
}

static void begin(struct admin *admin, struct admin_ask *ask)
{
    arena_reset(&admin->reply_arena);
    ask->admin = admin;
    ask->core = router_plane_core(admin->plane);
    splitrail__admin__reply__init(&ask->reply);
}

void admin_answer(struct admin_ask *ask)
{
    struct admin *admin = ask->admin;
    bool too_large = ask->overflowed ||
                     splitrail__admin__reply__get_packed_size(&ask->reply) > ADMIN_REPLY_BYTES_MAX;
    if (too_large) {
        splitrail__admin__reply__init(&ask->reply);
        admin_fail(ask, ADMIN_STATUS(REFUSED),
                   "the answer is too large: ask with a smaller limit or a prefix");
    }
    struct registry_totals totals;
    registry_totals(ask->core, &totals);
    ask->reply.id = ask->id;
    ask->reply.as_of_ms = ask->wall_ms;
    ask->reply.synced = totals.synced;
    if (ask->local) {
        if (admin->local_reply != NULL) { /* whoever asked may have ended */
            admin->local_reply(admin->local_owner, ask->id, &ask->reply);
        }
        return;
    }
    admin->stats.replies[ask->reply.status]++;
    buf_clear(&admin->out);
    size_t len = splitrail__admin__reply__get_packed_size(&ask->reply);
    uint8_t *room = buf_extend(&admin->out, len);
    assert(room != NULL);
    splitrail__admin__reply__pack(&ask->reply, room);
    enum status status = admin->reply(admin->owner, ask->peer, buf_bytes(&admin->out));
    (void)status; /* who has gone away does not want the answer */
}

/* False: no question that this router knows. */
static bool answers(struct admin_ask *ask, const Splitrail__Admin__Request *request)
{
    switch ((int)request->ask_case) {
    case SPLITRAIL__ADMIN__REQUEST__ASK_PRESENCE_USERS:
        admin_presence_users(ask, request->presence_users);
        return true;
    case SPLITRAIL__ADMIN__REQUEST__ASK_PRESENCE_ROOM:
        admin_presence_room(ask, request->presence_room);
        return true;
    case SPLITRAIL__ADMIN__REQUEST__ASK_USERS:
        admin_list_users(ask, request->users);
        return true;
    case SPLITRAIL__ADMIN__REQUEST__ASK_ROOMS:
        admin_list_rooms(ask, request->rooms);
        return true;
    case SPLITRAIL__ADMIN__REQUEST__ASK_CONNS:
        admin_list_conns(ask, request->conns);
        return true;
    case SPLITRAIL__ADMIN__REQUEST__ASK_CONN:
        admin_one_conn(ask, request->conn);
        return true;
    case SPLITRAIL__ADMIN__REQUEST__ASK_ROOM:
        admin_one_room(ask, request->room);
        return true;
    case SPLITRAIL__ADMIN__REQUEST__ASK_EDGES:
        admin_list_edges(ask);
        return true;
    case SPLITRAIL__ADMIN__REQUEST__ASK_STATS:
        admin_figures(ask);
        admin_info(ask);
        return true;
    case SPLITRAIL__ADMIN__REQUEST__ASK_BANS:
        admin_list_bans(ask, request->bans);
        return true;
    case SPLITRAIL__ADMIN__REQUEST__ASK_HISTORY:
        admin_history(ask, request->history);
        return true;
    case SPLITRAIL__ADMIN__REQUEST__ASK_EXPLAIN:
        admin_explain(ask, request->explain);
        return true;
    case SPLITRAIL__ADMIN__REQUEST__ASK_WATCH:
        admin_watch(ask, request->watch);
        return true;
    case SPLITRAIL__ADMIN__REQUEST__ASK_TOP:
        admin_top_asked(ask, request->top);
        return true;
    case SPLITRAIL__ADMIN__REQUEST__ASK_TRACE:
        admin_trace(ask, request->trace);
        return true;
    case SPLITRAIL__ADMIN__REQUEST__ASK_INFO:
        admin_info(ask);
        return true;
    default:
        return false;
    }
}

/* False: nothing that this router does. */
static bool does(struct admin_ask *ask, const Splitrail__Admin__Request *request)
{
    switch ((int)request->ask_case) {
    case SPLITRAIL__ADMIN__REQUEST__ASK_KICK:
        admin_kick(ask, request->kick);
        return true;
    case SPLITRAIL__ADMIN__REQUEST__ASK_PUBLISH:
        admin_publish(ask, request->publish);
        return true;
    case SPLITRAIL__ADMIN__REQUEST__ASK_SEND:
        admin_send(ask, request->send);
        return true;
    case SPLITRAIL__ADMIN__REQUEST__ASK_BAN:
        admin_ban(ask, request->ban);
        return true;
    case SPLITRAIL__ADMIN__REQUEST__ASK_UNBAN:
        admin_unban(ask, request->unban);
        return true;
    case SPLITRAIL__ADMIN__REQUEST__ASK_DRAIN:
        admin_drain(ask, request->drain);
        return true;
    case SPLITRAIL__ADMIN__REQUEST__ASK_LIMITS:
        admin_limits(ask, request->limits);
        return true;
    case SPLITRAIL__ADMIN__REQUEST__ASK_RELOAD:
        admin_reload(ask);
        return true;
    default:
        return false;
    }
}

static void dispatch(struct admin_ask *ask, const Splitrail__Admin__Request *request)
{
    if (!answers(ask, request) && !does(ask, request)) { /* also what a newer tool asks */
        admin_fail(ask, ADMIN_STATUS(BAD_REQUEST),
                   "the request asks nothing that this router knows; is it older than the tool?");
    }
}

struct admin *admin_new(const struct admin_config *config, struct router_plane *plane,
                        admin_reply *reply, void *owner)
{
    struct admin *admin = mem_new(1, sizeof(*admin));
    admin->router_id = mem_copy_str(config->router_id);
    admin->message_bytes_max = config->message_bytes_max;
    admin->started_ms = config->started_ms;
    admin->options = config->options;
    admin->plane = plane;
    admin->reply = reply;
    admin->owner = owner;
    arena_init(&admin->request_arena, REQUEST_MEMORY);
    arena_init(&admin->reply_arena, ADMIN_REPLY_BYTES_MAX);
    arena_init(&admin->watch_arena, ADMIN_WATCH_BYTES_MAX);
    buf_init(&admin->out, ADMIN_REPLY_BYTES_MAX);
    slotmap_init(&admin->pending, ADMIN_PENDING_MAX);
    return admin;
}

void admin_free(struct admin **admin)
{
    if (*admin == NULL) {
        return;
    }
    admin_forget_pending(*admin);
    admin_forget_watchers(*admin);
    admin_forget_inquiries(*admin);
    admin_forget_hot(*admin);
    admin_forget_traces(*admin);
    slotmap_fini(&(*admin)->pending);
    buf_fini(&(*admin)->out);
    arena_fini(&(*admin)->watch_arena);
    arena_fini(&(*admin)->reply_arena);
    arena_fini(&(*admin)->request_arena);
    mem_free((*admin)->router_id);
    mem_free(*admin);
    *admin = NULL;
}

static void handle_garbage(struct admin_ask *ask, struct bytes bytes)
{
    ask->admin->stats.garbage++;
    log_event(LOG_ADMIN_BAD_REQUEST, LOG_U("bytes", bytes.len));
    if (find_id(bytes, &ask->id)) {
        admin_fail(ask, ADMIN_STATUS(BAD_REQUEST), "the request cannot be read");
        admin_answer(ask);
    }
}

void admin_handle(struct admin *admin, struct bytes peer, struct bytes request, uint64_t now_ms,
                  uint64_t wall_ms)
{
    struct admin_ask ask = {.peer = peer, .by = "", .now_ms = now_ms, .wall_ms = wall_ms};
    begin(admin, &ask);
    arena_reset(&admin->request_arena);
    Splitrail__Admin__Request *read = NULL;
    if (request.len <= ADMIN_REQUEST_BYTES_MAX) {
        read = splitrail__admin__request__unpack(&admin->request_arena.allocator, request.len,
                                                 request.data);
    }
    if (read == NULL) {
        handle_garbage(&ask, request);
        return;
    }
    ask.id = read->id;
    ask.by = read->by[0] == 0 || client_name_valid(bytes_of_str(read->by)) ? read->by : "";
    if (read->version != ADMIN_VERSION) {
        admin_fail(&ask, ADMIN_STATUS(VERSION),
                   "this router speaks admin version 1: use the splitrailctl of its release");
    } else {
        dispatch(&ask, read);
    }
    if (!ask.deferred) {
        admin_answer(&ask);
    }
}

void admin_set_local(struct admin *admin, admin_local_reply *reply, void *owner)
{
    admin->local_reply = reply;
    admin->local_owner = owner;
}

void admin_ask_local(struct admin *admin, uint64_t token, const Splitrail__Admin__Request *request,
                     uint64_t now_ms, uint64_t wall_ms)
{
    struct admin_ask ask = {.local = true,
                            .id = token,
                            .by = request->by[0] == 0 ? "api" : request->by,
                            .now_ms = now_ms,
                            .wall_ms = wall_ms};
    begin(admin, &ask);
    dispatch(&ask, request);
    if (!ask.deferred) {
        admin_answer(&ask);
    }
}

void admin_stats(const struct admin *admin, struct admin_stats *ret_stats)
{
    *ret_stats = admin->stats;
}
