#include "router/admin_watch.h"

#include "common/mem.h"
#include "proto/pb_bytes.h"
#include "router/admin_ask.h"

#include <assert.h>
#include <string.h>

enum {
    EVENTS_TAG_0 = 0xa2, /* field 52, length-delimited */
    EVENTS_TAG_1 = 0x03,
    VARINT_BYTES_MAX = 10
};

struct admin_watcher {
    struct bytes peer; /* owned */
    uint64_t id;
    char *room; /* "" or: */
    char *user;
    bool messages;
    bool hops; /* with the edges' part of the way */
    uint64_t heard_ms;
    uint32_t sent; /* batches */
    uint32_t seen;
    struct buf events; /* packed, as they stand in a reply */
    uint64_t lost;
};

static enum core_tap tap_of(const struct admin_watcher *watcher)
{
    if (watcher->room[0] != 0) {
        return watcher->messages ? CORE_TAP_MESSAGES : CORE_TAP_ROOM;
    }
    return watcher->messages ? CORE_TAP_SENDER : CORE_TAP_USER;
}

static struct bytes name_of(const struct admin_watcher *watcher)
{
    return bytes_of_str(watcher->room[0] != 0 ? watcher->room : watcher->user);
}

static void watcher_free(struct admin_watcher *watcher)
{
    buf_fini(&watcher->events);
    mem_free((void *)(uintptr_t)watcher->peer.data);
    mem_free(watcher->room);
    mem_free(watcher->user);
    mem_free(watcher);
}

static void end_watcher(struct admin *admin, size_t index)
{
    struct admin_watcher *watcher = admin->watchers[index];
    router_plane_untap(admin->plane, tap_of(watcher), name_of(watcher));
    watcher_free(watcher);
    admin->watchers[index] = admin->watchers[--admin->watcher_count];
}

static size_t find(const struct admin_ask *ask)
{
    const struct admin *admin = ask->admin;
    size_t index = 0;
    while (index < admin->watcher_count &&
           (admin->watchers[index]->id != ask->id ||
            !bytes_equal(admin->watchers[index]->peer, ask->peer))) {
        index++;
    }
    return index;
}

static bool asked_well(struct admin_ask *ask, const Splitrail__Admin__Watch *asked)
{
    const char *name = asked->room[0] != 0 ? asked->room : asked->user;
    if (ask->local || (asked->room[0] == 0) == (asked->user[0] == 0)) {
        admin_fail(ask, ADMIN_STATUS(BAD_REQUEST), "watch either a room or a user");
        return false;
    }
    if (!client_name_valid(bytes_of_str(name))) {
        admin_fail(ask, ADMIN_STATUS(BAD_REQUEST), "a name is 1 to 128 bytes of plain text");
        return false;
    }
    return true;
}

static void begin_watcher(struct admin_ask *ask, const Splitrail__Admin__Watch *asked)
{
    struct admin *admin = ask->admin;
    struct admin_watcher *watcher = mem_new(1, sizeof(*watcher));
    watcher->peer = bytes_of(mem_copy(ask->peer), ask->peer.len);
    watcher->id = ask->id;
    watcher->room = mem_copy_str(bytes_of_str(asked->room));
    watcher->user = mem_copy_str(bytes_of_str(asked->user));
    watcher->messages = asked->messages;
    watcher->hops = asked->messages && asked->hops;
    watcher->heard_ms = ask->now_ms;
    buf_init(&watcher->events, ADMIN_WATCH_BYTES_MAX);
    if (admin->watcher_count == ADMIN_WATCHERS_MAX ||
        !router_plane_tap(admin->plane, tap_of(watcher), name_of(watcher))) {
        watcher_free(watcher);
        admin_fail(ask, ADMIN_STATUS(REFUSED), "as many watch already as may: try again later");
        return;
    }
    admin->watchers[admin->watcher_count++] = watcher;
    admin_audit(ask, &(struct admin_deed){.action = asked->messages ? "tail" : "watch",
                                          .user = asked->user,
                                          .room = asked->room});
    ask->reply.watching = true;
}

void admin_watch(struct admin_ask *ask, const Splitrail__Admin__Watch *asked)
{
    size_t index = find(ask);
    if (index == ask->admin->watcher_count) {
        if (!asked->stop && asked_well(ask, asked)) {
            begin_watcher(ask, asked);
        }
        return;
    }
    if (asked->stop) {
        end_watcher(ask->admin, index);
        return;
    }
    struct admin_watcher *watcher = ask->admin->watchers[index];
    watcher->heard_ms = ask->now_ms;
    watcher->seen = asked->seen < watcher->sent ? asked->seen : watcher->sent;
    ask->deferred = !asked->beat; /* only makes room */
}

/* ---- events ---- */

static const char *const kind_names[] = {
    [CORE_TAPPED_MESSAGE] = "message", [CORE_TAPPED_JOINED] = "joined",
    [CORE_TAPPED_LEFT] = "left",       [CORE_TAPPED_ONLINE] = "online",
    [CORE_TAPPED_OFFLINE] = "offline", [CORE_TAPPED_CONNECTED] = "connected",
    [CORE_TAPPED_LOST] = "lost",       [CORE_TAPPED_CLOSED] = "closed",
};

static bool is_for(const struct admin_watcher *watcher, const struct core_tapped *tapped)
{
    bool message = tapped->message != NULL;
    if (message != watcher->messages) {
        return false;
    }
    if (watcher->room[0] != 0) {
        return bytes_equal(tapped->room, bytes_of_str(watcher->room));
    }
    return bytes_equal(message ? tapped->message->user : tapped->user, bytes_of_str(watcher->user));
}

/* Names are views without an end: copies that live until the event is packed. */
static char *text(struct admin *admin, struct bytes bytes)
{
    ProtobufCAllocator *allocator = &admin->watch_arena.allocator;
    char *copy = allocator->alloc(allocator->allocator_data, bytes.len + 1);
    assert(copy != NULL && "a few names fit");
    if (bytes.len != 0) {
        memcpy(copy, bytes.data, bytes.len);
    }
    copy[bytes.len] = 0;
    return copy;
}

static void fill_message(struct admin *admin, const struct core_tapped *tapped,
                         const struct admin_stamp *now, Splitrail__Admin__Event *event,
                         Splitrail__Admin__Message *message)
{
    enum { US_PER_MS = 1000 };
    const struct push_message *said = tapped->message;
    struct buf epoch;
    buf_init(&epoch, 0);
    buf_append_hex(&epoch, tapped->epoch, 16);
    splitrail__admin__message__init(message);
    message->offset = said->offset;
    message->timestamp_ms = said->timestamp_ms;
    message->user = text(admin, said->user);
    if (tapped->room.len != 0) { /* what is said to one person is that person's */
        message->payload = pb_binary(said->payload);
    }
    event->message = message;
    event->epoch = text(admin, buf_bytes(&epoch));
    event->edge_at_ms = admin_wall_us(now, tapped->edge_ms * US_PER_MS) / US_PER_MS;
    event->router_at_us = admin_wall_us(now, tapped->router_us);
    event->router_at_ms = event->router_at_us / US_PER_MS;
    event->sent_at_us = now->wall_us;
    event->hops_skipped = tapped->edges != 0;
    event->edges = tapped->edges;
    event->bytes = said->payload.len;
    event->members = tapped->members;
    buf_fini(&epoch);
}

static void fill(struct admin *admin, const struct core_tapped *tapped,
                 Splitrail__Admin__Event *event)
{
    splitrail__admin__event__init(event);
    event->at_ms = tapped->wall_ms;
    event->kind = (char *)(uintptr_t)kind_names[tapped->kind]; /* only read */
    event->room = text(admin, tapped->room);
    event->user = text(admin, tapped->user);
    event->reason = text(admin, tapped->reason);
    if (tapped->edge_id.len != 0) {
        struct buf conn;
        buf_init(&conn, 0);
        registry_connection_id(tapped->edge_id, tapped->conn.slot, tapped->conn.gen, &conn);
        event->conn = text(admin, buf_bytes(&conn));
        buf_fini(&conn);
    }
}

static size_t write_varint(uint8_t *out, size_t value)
{
    size_t len = 0;
    for (; value >= 0x80; value >>= 7) {
        out[len++] = (uint8_t)(value | 0x80);
    }
    out[len++] = (uint8_t)value;
    return len;
}

/* As many as fit wait; the others are counted. */
static void put(struct admin_watcher *watcher, const Splitrail__Admin__Event *event)
{
    uint8_t head[2 + VARINT_BYTES_MAX] = {EVENTS_TAG_0, EVENTS_TAG_1};
    size_t len = splitrail__admin__event__get_packed_size(event);
    size_t head_len = 2 + write_varint(head + 2, len);
    uint8_t *room =
        watcher->lost != 0 || watcher->events.len + head_len + len > ADMIN_WATCH_BYTES_MAX
            ? NULL
            : buf_extend(&watcher->events, head_len + len);
    if (room == NULL) {
        watcher->lost++;
        return;
    }
    memcpy(room, head, head_len);
    splitrail__admin__event__pack(event, room + head_len);
}

void admin_tapped(struct admin *admin, const struct core_tapped *tapped, uint64_t trace,
                  const struct admin_stamp *now)
{
    Splitrail__Admin__Event event;
    Splitrail__Admin__Message message;
    if (tapped->kind == CORE_TAPPED_MESSAGE) {
        admin_hot_count(admin, tapped);
        admin_trace_keep(admin, tapped, trace, now);
    }
    if (admin->watcher_count == 0) {
        return;
    }
    arena_reset(&admin->watch_arena);
    fill(admin, tapped, &event);
    if (tapped->message != NULL) {
        fill_message(admin, tapped, now, &event, &message);
    }
    for (size_t i = 0; i < admin->watcher_count; i++) {
        bool later = trace != 0 && admin->watchers[i]->hops;
        if (!later && is_for(admin->watchers[i], tapped)) {
            put(admin->watchers[i], &event);
        }
    }
}

void admin_watch_traced(struct admin *admin, const struct message_trace *trace)
{
    const Splitrail__Admin__Event *event = NULL;
    for (size_t i = 0; i < admin->watcher_count; i++) {
        struct admin_watcher *watcher = admin->watchers[i];
        bool of_room = watcher->room[0] != 0;
        struct bytes name = of_room ? bytes_of(trace->room, trace->room_len)
                                    : bytes_of(trace->user, trace->user_len);
        if (!watcher->hops || !bytes_equal(name, name_of(watcher))) {
            continue;
        }
        if (event == NULL) {
            arena_reset(&admin->watch_arena);
            event = admin_trace_event(&admin->watch_arena, trace);
        }
        if (event != NULL) {
            put(watcher, event);
        }
    }
}

/* ---- sending ---- */

/* Events that were lost came after those that wait: they are told with the next batch. */
static bool send_batch(struct admin *admin, struct admin_watcher *watcher, uint64_t wall_ms)
{
    Splitrail__Admin__Reply reply;
    bool first_told = watcher->events.len == 0;
    splitrail__admin__reply__init(&reply);
    reply.id = watcher->id;
    reply.as_of_ms = wall_ms;
    reply.batch = watcher->sent + 1;
    reply.lost = first_told ? watcher->lost : 0;
    buf_clear(&admin->out);
    pb_append(&reply.base, &admin->out);
    buf_append(&admin->out, buf_bytes(&watcher->events));
    if (admin->reply(admin->owner, watcher->peer, buf_bytes(&admin->out)) != STATUS_OK) {
        return false;
    }
    watcher->sent++;
    watcher->lost = first_told ? 0 : watcher->lost;
    buf_clear(&watcher->events);
    return true;
}

static bool has_window(const struct admin_watcher *watcher)
{
    return watcher->sent - watcher->seen < ADMIN_WATCH_WINDOW;
}

/* False when there is nobody to send to any more. */
static bool flush_watcher(struct admin *admin, struct admin_watcher *watcher, uint64_t now_ms,
                          uint64_t wall_ms)
{
    if (now_ms - watcher->heard_ms > ADMIN_WATCH_ALIVE_MS) {
        return false;
    }
    while ((watcher->events.len != 0 || watcher->lost != 0) && has_window(watcher)) {
        if (!send_batch(admin, watcher, wall_ms)) {
            return false;
        }
    }
    return true;
}

void admin_flush(struct admin *admin, uint64_t now_ms, uint64_t wall_ms)
{
    admin_traces_expire(admin, now_ms);
    for (size_t i = admin->watcher_count; i > 0; i--) {
        if (!flush_watcher(admin, admin->watchers[i - 1], now_ms, wall_ms)) {
            end_watcher(admin, i - 1);
        }
    }
    admin_hot_expire(admin, now_ms);
    admin_inquiries_expire(admin, now_ms, wall_ms);
}

uint64_t admin_deadline(const struct admin *admin)
{
    uint64_t inquiry_ms = admin_inquiries_deadline(admin);
    uint64_t trace_ms = admin_traces_deadline(admin);
    return inquiry_ms < trace_ms ? inquiry_ms : trace_ms;
}

void admin_forget_watchers(struct admin *admin)
{
    while (admin->watcher_count != 0) {
        end_watcher(admin, admin->watcher_count - 1);
    }
}
