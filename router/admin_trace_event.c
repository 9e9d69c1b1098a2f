/* The way of a message as an event of a reply. */
#include "common/mem.h"
#include "router/admin_ask.h"
#include "router/admin_trace.h"

#include <string.h>

enum { US_PER_MS = 1000 };

static void *room(struct arena *arena, size_t count, size_t size)
{
    void *made = arena->allocator.alloc(arena->allocator.allocator_data, count * size);
    if (made != NULL) {
        memset(made, 0, count * size);
    }
    return made;
}

static char *text(struct arena *arena, struct bytes bytes)
{
    char *copy = room(arena, bytes.len + 1, 1);
    if (copy != NULL && bytes.len != 0) {
        memcpy(copy, bytes.data, bytes.len);
    }
    return copy == NULL ? (char *)(uintptr_t)protobuf_c_empty_string : copy;
}

static Splitrail__Admin__EdgeHop *make_hop(struct arena *arena, const struct trace_hop *from)
{
    Splitrail__Admin__EdgeHop *to = room(arena, 1, sizeof(*to));
    const struct plane_hop *hop = &from->hop;
    if (to == NULL) {
        return NULL;
    }
    splitrail__admin__edge_hop__init(to);
    to->edge = text(arena, bytes_of(from->edge, from->edge_len));
    to->told = from->told;
    to->at_us = hop->began_us;
    to->queued = hop->queued;
    to->written = hop->written;
    to->held_back = hop->held_back;
    if (hop->queued != 0) {
        to->queued_first_us = hop->began_us + hop->queued_first_us;
        to->queued_last_us = hop->began_us + hop->queued_last_us;
    }
    if (hop->written != 0) {
        to->written_first_us = hop->began_us + hop->written_first_us;
        to->written_last_us = hop->began_us + hop->written_last_us;
    }
    return to;
}

static void add_hops(struct arena *arena, const struct message_trace *trace,
                     Splitrail__Admin__Event *event)
{
    event->hops = room(arena, trace->hop_count + 1, sizeof(*event->hops));
    for (uint32_t i = 0; event->hops != NULL && i < trace->hop_count; i++) {
        Splitrail__Admin__EdgeHop *hop = make_hop(arena, &trace->hops[i]);
        if (hop != NULL) {
            event->hops[event->n_hops++] = hop;
        }
    }
}

Splitrail__Admin__Event *admin_trace_event(struct arena *arena, const struct message_trace *trace)
{
    Splitrail__Admin__Event *event = room(arena, 1, sizeof(*event));
    Splitrail__Admin__Message *message = room(arena, 1, sizeof(*message));
    struct buf epoch;
    if (event == NULL || message == NULL) {
        return NULL;
    }
    splitrail__admin__event__init(event);
    splitrail__admin__message__init(message);
    message->offset = trace->offset;
    message->timestamp_ms = trace->timestamp_ms;
    message->user = text(arena, bytes_of(trace->user, trace->user_len));
    buf_init(&epoch, 0);
    buf_append_hex(&epoch, trace->epoch, 16);
    event->epoch = text(arena, buf_bytes(&epoch));
    buf_fini(&epoch);
    event->kind = (char *)(uintptr_t) "message"; /* only read */
    event->room = text(arena, bytes_of(trace->room, trace->room_len));
    event->user = text(arena, bytes_of(trace->to, trace->to_len));
    event->message = message;
    event->bytes = trace->bytes;
    event->edge_at_ms = trace->edge_at_us / US_PER_MS;
    event->router_at_ms = trace->router_at_us / US_PER_MS;
    event->at_ms = trace->sent_at_us / US_PER_MS;
    event->router_at_us = trace->router_at_us;
    event->sent_at_us = trace->sent_at_us;
    event->edges = trace->edges;
    event->members = trace->members;
    event->hops_skipped = trace->number == 0 && trace->edges != 0;
    event->hops_open = trace->due_ms != 0;
    add_hops(arena, trace, event);
    return event;
}
