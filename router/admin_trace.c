/* The ways of the last messages that the core told of: the sampled ones, and all of rooms and users
 * that somebody traces or tails. The oldest makes room. */
#include "common/mem.h"
#include "router/admin_ask.h"
#include "router/hot.h"

#include <string.h>

enum { TRACES_MAX = 1024, NAME_MAX_BYTES = HOT_NAME_BYTES_MAX };

struct trace {
    uint8_t room[NAME_MAX_BYTES];
    uint8_t user[NAME_MAX_BYTES];
    uint8_t room_len;
    uint8_t user_len;
    uint32_t edges;
    uint32_t members;
    uint64_t epoch;
    uint64_t offset;
    uint64_t timestamp_ms;
    uint64_t bytes;
    uint64_t edge_at_ms; /* wall clock, as the next two */
    uint64_t router_at_ms;
    uint64_t at_ms;
};

struct admin_traces {
    struct trace items[TRACES_MAX];
    size_t next;
};

static uint8_t copy_name(uint8_t *out, struct bytes name)
{
    size_t len = name.len < NAME_MAX_BYTES ? name.len : NAME_MAX_BYTES;
    if (len != 0) {
        memcpy(out, name.data, len);
    }
    return (uint8_t)len;
}

static uint64_t wall_of(const struct core_tapped *tapped, uint64_t at_ms)
{
    return at_ms == 0 || at_ms > tapped->now_ms ? 0 : tapped->wall_ms - (tapped->now_ms - at_ms);
}

void admin_trace_keep(struct admin *admin, const struct core_tapped *tapped)
{
    const struct push_message *message = tapped->message;
    if (tapped->room.len == 0 || message->offset == 0) {
        return; /* it has no name to be asked for by */
    }
    if (admin->traces == NULL) {
        admin->traces = mem_new(1, sizeof(*admin->traces));
    }
    struct admin_traces *traces = admin->traces;
    struct trace *trace = &traces->items[traces->next];
    traces->next = (traces->next + 1) % TRACES_MAX;
    trace->room_len = copy_name(trace->room, tapped->room);
    trace->user_len = copy_name(trace->user, message->user);
    trace->edges = tapped->edges;
    trace->members = tapped->members;
    trace->epoch = tapped->epoch;
    trace->offset = message->offset;
    trace->timestamp_ms = message->timestamp_ms;
    trace->bytes = message->payload.len;
    trace->edge_at_ms = wall_of(tapped, tapped->edge_ms);
    trace->router_at_ms = wall_of(tapped, tapped->router_ms);
    trace->at_ms = tapped->wall_ms;
}

/* The newest first: an offset may come again in another life of the room. */
static const struct trace *find(const struct admin_traces *traces, struct bytes room,
                                uint64_t offset)
{
    for (size_t i = 1; traces != NULL && i <= TRACES_MAX; i++) {
        const struct trace *trace = &traces->items[(traces->next + TRACES_MAX - i) % TRACES_MAX];
        if (trace->offset == offset && bytes_equal(bytes_of(trace->room, trace->room_len), room)) {
            return trace;
        }
    }
    return NULL;
}

static void answer(struct admin_ask *ask, const struct trace *trace)
{
    Splitrail__Admin__Event *event = admin_room(ask, 1, sizeof(*event));
    Splitrail__Admin__Message *message = admin_room(ask, 1, sizeof(*message));
    ask->reply.events = admin_pointers(ask, 1);
    if (ask->overflowed) {
        return;
    }
    splitrail__admin__event__init(event);
    splitrail__admin__message__init(message);
    message->offset = trace->offset;
    message->timestamp_ms = trace->timestamp_ms;
    message->user = admin_text(ask, bytes_of(trace->user, trace->user_len));
    event->kind = (char *)(uintptr_t) "message"; /* only read */
    event->room = admin_text(ask, bytes_of(trace->room, trace->room_len));
    event->epoch = admin_hex(ask, trace->epoch);
    event->message = message;
    event->bytes = trace->bytes;
    event->edge_at_ms = trace->edge_at_ms;
    event->router_at_ms = trace->router_at_ms;
    event->at_ms = trace->at_ms;
    event->edges = trace->edges;
    event->members = trace->members;
    ask->reply.events[ask->reply.n_events++] = event;
}

void admin_trace(struct admin_ask *ask, const Splitrail__Admin__Trace *asked)
{
    const struct trace *trace = find(ask->admin->traces, bytes_of_str(asked->room), asked->offset);
    if (trace == NULL) {
        admin_fail(ask, ADMIN_STATUS(NOT_FOUND),
                   "it is not among the last that were sampled: those to 100 connections or more, "
                   "one in 1024 of the others, and all while trace room or trace user runs");
        return;
    }
    answer(ask, trace);
}
