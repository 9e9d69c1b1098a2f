#include "router/ctl/ctl_events.h"

#include "router/ctl/ctl_json_parts.h"
#include "router/ctl/ctl_log.h"
#include "router/ctl/ctl_text.h"
#include "router/ctl/ctl_trace.h"

#include <string.h>

static void word(struct buf *out, const char *before, const char *text)
{
    if (text[0] != 0) {
        buf_append_str(out, before);
        ctl_text_clean(bytes_of_str(text), out);
    }
}

static void print_trace(const Splitrail__Admin__Event *event, struct buf *out)
{
    const Splitrail__Admin__Message *message = event->message;
    bool to_room = event->room[0] != 0;
    word(out, to_room ? "room " : "user ", to_room ? event->room : event->user);
    buf_append_str(out, " #");
    buf_append_u64(out, message->offset);
    word(out, " from ", message->user[0] == 0 ? "the server" : message->user);
    if (to_room) {
        buf_append_str(out, ", ");
        ctl_text_size(event->bytes, out);
    }
    buf_append_byte(out, '\n');
    ctl_trace_hops(event, out);
}

static void print_message(const Splitrail__Admin__Event *event, struct buf *out)
{
    const Splitrail__Admin__Message *message = event->message;
    ctl_text_clock(message->timestamp_ms, out);
    buf_append_str(out, "  #");
    buf_append_u64(out, message->offset);
    word(out, "  ", message->user[0] == 0 ? "-" : message->user);
    buf_append_str(out, "  ");
    ctl_text_clean(bytes_of(message->payload.data, message->payload.len), out);
    buf_append_byte(out, '\n');
}

static void print_change(const Splitrail__Admin__Event *event, struct buf *out)
{
    ctl_text_clock(event->at_ms, out);
    word(out, "  ", event->kind);
    word(out, "  ", event->user);
    word(out, "  ", event->room);
    word(out, "  ", event->conn);
    word(out, "  ", event->reason);
    buf_append_byte(out, '\n');
}

static void set_if(json_t *object, const char *key, const char *text)
{
    if (text[0] != 0) {
        ctl_json_set(object, key, ctl_json_text(text));
    }
}

static json_t *message_json(const Splitrail__Admin__Event *event)
{
    bool to_room = event->room[0] != 0;
    json_t *object = ctl_log_message(event->message);
    ctl_json_set(object, to_room ? "roomId" : "toUserId",
                 ctl_json_text(to_room ? event->room : event->user));
    if (!to_room) {
        (void)json_object_del(object, "payload");
        (void)json_object_del(object, "payloadText");
    }
    ctl_json_set(object, "epoch", ctl_json_text(event->epoch));
    ctl_json_set(object, "edgeAt",
                 event->edge_at_ms == 0 ? json_null() : ctl_json_number(event->edge_at_ms));
    ctl_json_set(object, "routerAt", ctl_json_number(event->router_at_ms));
    ctl_json_set(object, "sentAt", ctl_json_number(event->at_ms));
    ctl_trace_json(event, object);
    ctl_json_set(object, "bytes", ctl_json_number(event->bytes));
    ctl_json_set(object, "edges", ctl_json_number(event->edges));
    ctl_json_set(object, "connections", ctl_json_number(event->members));
    return object;
}

json_t *ctl_event_json(const Splitrail__Admin__Event *event)
{
    json_t *object = message_json(event);
    (void)json_object_del(object, "payload");
    (void)json_object_del(object, "payloadText");
    return object;
}

static json_t *change_json(const Splitrail__Admin__Event *event)
{
    json_t *object = json_object();
    ctl_json_set(object, "at", ctl_json_number(event->at_ms));
    set_if(object, "userId", event->user);
    set_if(object, "roomId", event->room);
    set_if(object, "connectionId", event->conn);
    set_if(object, "reason", event->reason);
    return object;
}

void ctl_event(const struct ctl_args *args, const Splitrail__Admin__Event *event, struct buf *out)
{
    bool trace = args->command == CTL_TRACE_ROOM || args->command == CTL_TRACE_USER ||
                 args->command == CTL_TRACE_MESSAGE;
    if (event == NULL) {
        return;
    }
    if (args->json) {
        json_t *object = event->message != NULL ? message_json(event) : change_json(event);
        ctl_json_set(object, "kind", ctl_json_text(event->kind));
        ctl_json_write(object, true, out);
    } else if (event->message == NULL) {
        print_change(event, out);
    } else if (trace) {
        print_trace(event, out);
    } else {
        print_message(event, out);
    }
}

void ctl_event_lost(const struct ctl_args *args, uint64_t count, struct buf *out)
{
    if (count == 0) {
        return;
    }
    if (args->json) {
        json_t *object = json_object();
        ctl_json_set(object, "kind", json_string("skipped"));
        ctl_json_set(object, "count", ctl_json_number(count));
        ctl_json_write(object, true, out);
        return;
    }
    buf_append_str(out, "-- lost ");
    buf_append_u64(out, count);
    buf_append_str(out, " events: they came faster than they were read\n");
}
