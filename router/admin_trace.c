/* The ways of the last messages that the core told of: the sampled ones, and all of rooms and users
 * that somebody traces or tails. The oldest makes room. */
#include "router/admin_trace.h"

#include "common/mem.h"
#include "router/admin_ask.h"

#include <string.h>

enum { TRACES_MAX = 1024, US_PER_MS = 1000 };

struct admin_traces {
    struct message_trace items[TRACES_MAX];
    size_t next;
    size_t open; /* whose edges may still tell */
};

static uint8_t copy_name(uint8_t *out, struct bytes name)
{
    size_t len = name.len < TRACE_NAME_BYTES_MAX ? name.len : TRACE_NAME_BYTES_MAX;
    if (len != 0) {
        memcpy(out, name.data, len);
    }
    return (uint8_t)len;
}

uint64_t admin_wall_us(const struct admin_stamp *now, uint64_t at_us)
{
    return at_us == 0 || at_us > now->mono_us ? 0 : now->wall_us - (now->mono_us - at_us);
}

/* Nobody tells any more. */
static void finish(struct admin *admin, struct message_trace *trace)
{
    trace->due_ms = 0;
    admin->traces->open--;
    admin_watch_traced(admin, trace);
    if (admin->trace_sink != NULL) {
        admin->trace_sink(admin->trace_owner, trace);
    }
}

static struct message_trace *next_place(struct admin *admin)
{
    if (admin->traces == NULL) {
        admin->traces = mem_new(1, sizeof(*admin->traces));
    }
    struct admin_traces *traces = admin->traces;
    struct message_trace *trace = &traces->items[traces->next];
    traces->next = (traces->next + 1) % TRACES_MAX;
    if (trace->due_ms != 0) {
        finish(admin, trace);
    }
    mem_free(trace->hops);
    return trace;
}

void admin_trace_keep(struct admin *admin, const struct core_tapped *tapped, uint64_t number,
                      const struct admin_stamp *now)
{
    const struct push_message *message = tapped->message;
    if (message->offset == 0) {
        return; /* it has no name to be asked for by */
    }
    struct message_trace *trace = next_place(admin);
    *trace = (struct message_trace){
        .edges = tapped->edges,
        .members = tapped->members,
        .epoch = tapped->epoch,
        .offset = message->offset,
        .timestamp_ms = message->timestamp_ms,
        .bytes = message->payload.len,
        .edge_at_us = admin_wall_us(now, tapped->edge_ms * US_PER_MS),
        .router_at_us = admin_wall_us(now, tapped->router_us),
        .sent_at_us = now->wall_us,
        .number = number,
        .due_ms = number == 0 ? 0 : tapped->now_ms + TRACE_WAIT_MS,
    };
    trace->room_len = copy_name(trace->room, tapped->room);
    trace->to_len = copy_name(trace->to, tapped->user);
    trace->user_len = copy_name(trace->user, message->user);
    admin->traces->open += number != 0;
}

/* Those that wait are among the newest. */
static struct message_trace *find_open(struct admin_traces *traces, uint64_t number)
{
    for (size_t i = 1; traces != NULL && traces->open != 0 && i <= TRACES_MAX; i++) {
        struct message_trace *trace = &traces->items[(traces->next + TRACES_MAX - i) % TRACES_MAX];
        if (trace->number == number && trace->due_ms != 0) {
            return trace;
        }
    }
    return NULL;
}

static void add_hop(struct message_trace *trace, struct bytes edge_id)
{
    if (trace->hop_count == TRACE_HOPS_MAX || edge_id.len > TRACE_EDGE_BYTES_MAX) {
        return;
    }
    trace->hops = mem_resize(trace->hops, trace->hop_count + 1, sizeof(*trace->hops));
    struct trace_hop *hop = &trace->hops[trace->hop_count++];
    *hop = (struct trace_hop){.edge_len = (uint8_t)edge_id.len};
    memcpy(hop->edge, edge_id.data, edge_id.len);
}

void admin_hop(struct admin *admin, uint64_t number, struct bytes edge_id,
               const struct plane_hop *told)
{
    struct message_trace *trace = find_open(admin->traces, number);
    if (trace == NULL) {
        return; /* it came too late, or to a router before us */
    }
    if (told == NULL) {
        add_hop(trace, edge_id);
        return;
    }
    for (uint32_t i = 0; i < trace->hop_count; i++) {
        struct trace_hop *hop = &trace->hops[i];
        if (!hop->told && bytes_equal(bytes_of(hop->edge, hop->edge_len), edge_id)) {
            hop->told = true;
            hop->hop = *told;
            trace->hops_told++;
        }
    }
    if (trace->hops_told == trace->hop_count) {
        finish(admin, trace);
    }
}

void admin_traces_expire(struct admin *admin, uint64_t now_ms)
{
    struct admin_traces *traces = admin->traces;
    for (size_t i = 1; traces != NULL && traces->open != 0 && i <= TRACES_MAX; i++) {
        struct message_trace *trace = &traces->items[(traces->next + TRACES_MAX - i) % TRACES_MAX];
        if (trace->due_ms != 0 && (now_ms >= trace->due_ms || trace->hop_count == 0)) {
            finish(admin, trace);
        }
    }
}

uint64_t admin_traces_deadline(const struct admin *admin)
{
    const struct admin_traces *traces = admin->traces;
    uint64_t due_ms = UINT64_MAX;
    size_t left = traces == NULL ? 0 : traces->open;
    for (size_t i = 1; left != 0 && i <= TRACES_MAX; i++) {
        const struct message_trace *trace =
            &traces->items[(traces->next + TRACES_MAX - i) % TRACES_MAX];
        left -= trace->due_ms != 0;
        due_ms = trace->due_ms != 0 && trace->due_ms < due_ms ? trace->due_ms : due_ms;
    }
    return due_ms;
}

void admin_forget_traces(struct admin *admin)
{
    for (size_t i = 0; admin->traces != NULL && i < TRACES_MAX; i++) {
        mem_free(admin->traces->items[i].hops);
    }
    mem_free(admin->traces);
    admin->traces = NULL;
}

void admin_set_trace_sink(struct admin *admin, admin_trace_sink *sink, void *owner)
{
    admin->trace_sink = sink;
    admin->trace_owner = owner;
}

/* The newest first: an offset may come again in another life of the room. */
static const struct message_trace *find(const struct admin_traces *traces, struct bytes room,
                                        uint64_t offset)
{
    for (size_t i = 1; traces != NULL && i <= TRACES_MAX; i++) {
        const struct message_trace *trace =
            &traces->items[(traces->next + TRACES_MAX - i) % TRACES_MAX];
        if (trace->offset == offset && trace->room_len != 0 &&
            bytes_equal(bytes_of(trace->room, trace->room_len), room)) {
            return trace;
        }
    }
    return NULL;
}

void admin_trace(struct admin_ask *ask, const Splitrail__Admin__Trace *asked)
{
    const struct message_trace *trace =
        find(ask->admin->traces, bytes_of_str(asked->room), asked->offset);
    if (trace == NULL) {
        admin_fail(ask, ADMIN_STATUS(NOT_FOUND),
                   "it is not among the last that were sampled: those to 100 connections or more, "
                   "one in 1024 of the others, and all while trace room or trace user runs");
        return;
    }
    ask->reply.events = admin_pointers(ask, 1);
    Splitrail__Admin__Event *event = admin_trace_event(&ask->admin->reply_arena, trace);
    if (event == NULL || ask->overflowed) {
        ask->overflowed = true;
        return;
    }
    ask->reply.events[ask->reply.n_events++] = event;
}
