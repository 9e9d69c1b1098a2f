/* "Written" means that a connection's whole queue, with the delivery in it, has been taken by the
 * system: to know more would take a mark in each queue of each idle connection. So somebody who has
 * always something waiting counts as one that has not written. */
#include "edge/hop_traces.h"

#include "common/clock.h"
#include "common/mem.h"
#include "edge/conn.h"
#include "edge/edge_state.h"
#include "edge/uplink.h"

#include <stddef.h>

static void end(struct hop_traces *traces, uint32_t index)
{
    mem_free(traces->items[index].waiting);
    traces->items[index] = traces->items[--traces->count];
}

void hop_traces_fini(struct hop_traces *traces)
{
    while (traces->count != 0) {
        end(traces, traces->count - 1);
    }
}

struct hop_trace *hop_traces_begin(struct edge *edge, uint64_t number)
{
    struct hop_traces *traces = &edge->traces;
    if (traces->count == HOP_TRACES_MAX) {
        uplink_traced(edge->uplink, number, &(struct plane_hop){.began_us = clock_wall_us()});
        return NULL;
    }
    struct hop_trace *trace = &traces->items[traces->count++];
    *trace = (struct hop_trace){.number = number,
                                .began_us = clock_mono_us(),
                                .due_ms = edge_now(edge) + HOP_TRACE_MS,
                                .slots = edge->conns.used,
                                .waiting = mem_new(edge->conns.used / 8 + 1, 1),
                                .hop = {.began_us = clock_wall_us()}};
    return trace;
}

void hop_trace_queued(struct hop_trace *trace, uint32_t slot)
{
    uint64_t after_us = clock_mono_us() - trace->began_us;
    if (slot >= trace->slots) {
        return;
    }
    trace->waiting[slot / 8] |= (uint8_t)(1U << slot % 8);
    trace->hop.queued_first_us = trace->hop.queued++ == 0 ? after_us : trace->hop.queued_first_us;
    trace->hop.queued_last_us = after_us;
}

/* A connection that came into the slot later has nothing to do with it. */
static bool waits_for(const struct hop_trace *trace, const struct conn *conn, uint32_t slot)
{
    return slot < trace->slots && (trace->waiting[slot / 8] & 1U << slot % 8) != 0 &&
           ticks_due_ms(conn->since, edge_now(conn->edge)) <= trace->began_us / 1000;
}

static void note_written(struct hop_traces *traces, const struct conn *conn)
{
    uint32_t slot = conn->slot;
    uint64_t now_us = 0;
    for (uint32_t i = 0; i < traces->count; i++) {
        struct hop_trace *trace = &traces->items[i];
        if (!waits_for(trace, conn, slot)) {
            continue;
        }
        now_us = now_us == 0 ? clock_mono_us() : now_us;
        uint64_t after_us = now_us - trace->began_us;
        struct plane_hop *hop = &trace->hop;
        trace->waiting[slot / 8] &= (uint8_t) ~(1U << slot % 8);
        hop->written_first_us = hop->written++ == 0 ? after_us : hop->written_first_us;
        hop->written_last_us = after_us;
    }
}

void hop_traces_on_written(void *owner, struct out_queue *queue, enum out_result result)
{
    struct edge *edge = owner;
    if (edge->traces.count != 0 && result == OUT_DONE) {
        note_written(
            &edge->traces,
            (const struct conn *)(const void *)((const char *)queue - offsetof(struct conn, out)));
    }
    conn_on_written(owner, queue, result);
}

bool hop_traces_report(struct edge *edge)
{
    struct hop_traces *traces = &edge->traces;
    bool some = false;
    for (uint32_t i = traces->count; i > 0; i--) {
        const struct hop_trace *trace = &traces->items[i - 1];
        if (trace->hop.written == trace->hop.queued || edge_now(edge) >= trace->due_ms) {
            uplink_traced(edge->uplink, trace->number, &trace->hop);
            end(traces, i - 1);
            some = true;
        }
    }
    return some;
}

uint64_t hop_traces_deadline(const struct edge *edge)
{
    uint64_t due_ms = UINT64_MAX;
    for (uint32_t i = 0; i < edge->traces.count; i++) {
        due_ms = edge->traces.items[i].due_ms < due_ms ? edge->traces.items[i].due_ms : due_ms;
    }
    return due_ms;
}
