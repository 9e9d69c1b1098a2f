#include "router/otlp_write.h"

#include "router/admin_trace.h"
#include "router/json.h"

#include <stdbool.h>

enum { KIND_INTERNAL = 1, KIND_PRODUCER = 4, KIND_CONSUMER = 5 };

/* 64 bits are strings in the JSON form of protobuf; nanoseconds are microseconds here. */
static void put_time(struct buf *out, const char *before, uint64_t at_us)
{
    buf_append_str(out, before);
    buf_append_byte(out, '"');
    buf_append_u64(out, at_us);
    buf_append_str(out, at_us == 0 ? "\"" : "000\"");
}

static void put_text(struct buf *out, const char *key, struct bytes text)
{
    buf_append_str(out, "{\"key\":\"");
    buf_append_str(out, key);
    buf_append_str(out, "\",\"value\":{\"stringValue\":");
    json_write_string(text, out);
    buf_append_str(out, "}}");
}

static void put_number(struct buf *out, const char *key, uint64_t value)
{
    buf_append_str(out, "{\"key\":\"");
    buf_append_str(out, key);
    buf_append_str(out, "\",\"value\":{\"intValue\":\"");
    buf_append_u64(out, value);
    buf_append_str(out, "\"}}");
}

static void begin_resource(struct buf *out, const char *service, struct bytes id,
                           const struct otlp_source *source)
{
    buf_append_str(out, "{\"resource\":{\"attributes\":[");
    put_text(out, "service.name", bytes_of_str(service));
    buf_append_byte(out, ',');
    put_text(out, "service.instance.id", id);
    buf_append_str(out, "]},\"scopeSpans\":[{\"scope\":{\"name\":\"splitrail\",\"version\":");
    json_write_string(source->version, out);
    buf_append_str(out, "},\"spans\":[");
}

static void end_resource(struct buf *out)
{
    buf_append_str(out, "]}]}");
}

struct span {
    uint64_t number; /* 0 is the parent of all others */
    const char *name;
    int kind;
    uint64_t start_us;
    uint64_t end_us;
};

/* Clocks of several hosts may make an end earlier than its start, which no reader likes. */
static void begin_span(struct buf *out, const struct span *span, const struct otlp_source *source)
{
    buf_append_str(out, "{\"traceId\":\"");
    buf_append_hex(out, source->trace_id[0], 16);
    buf_append_hex(out, source->trace_id[1], 16);
    buf_append_str(out, "\",\"spanId\":\"");
    buf_append_hex(out, source->span_id + span->number, 16);
    if (span->number != 0) {
        buf_append_str(out, "\",\"parentSpanId\":\"");
        buf_append_hex(out, source->span_id, 16);
    }
    buf_append_str(out, "\",\"name\":\"");
    buf_append_str(out, span->name);
    buf_append_str(out, "\",\"kind\":");
    buf_append_u64(out, (uint64_t)span->kind);
    put_time(out, ",\"startTimeUnixNano\":", span->start_us);
    put_time(out, ",\"endTimeUnixNano\":",
             span->end_us > span->start_us ? span->end_us : span->start_us);
}

static void put_span(struct buf *out, const struct span *span, const struct otlp_source *source)
{
    buf_append_byte(out, ',');
    begin_span(out, span, source);
    buf_append_byte(out, '}');
}

static uint64_t end_of(const struct plane_hop *hop)
{
    uint64_t after_us =
        hop->written_last_us > hop->queued_last_us ? hop->written_last_us : hop->queued_last_us;
    return hop->began_us + after_us;
}

static uint64_t end_of_all(const struct message_trace *trace)
{
    uint64_t end_us = trace->sent_at_us;
    for (uint32_t i = 0; i < trace->hop_count; i++) {
        uint64_t hop_us = trace->hops[i].told ? end_of(&trace->hops[i].hop) : 0;
        end_us = hop_us > end_us ? hop_us : end_us;
    }
    return end_us;
}

static void put_message_attributes(struct buf *out, const struct message_trace *trace)
{
    buf_append_str(out, ",\"attributes\":[");
    put_text(out, "messaging.system", BYTES_LIT("splitrail"));
    buf_append_byte(out, ',');
    if (trace->room_len != 0) {
        put_text(out, "messaging.destination.name", bytes_of(trace->room, trace->room_len));
        buf_append_byte(out, ',');
    }
    put_number(out, "splitrail.offset", trace->offset);
    buf_append_byte(out, ',');
    put_number(out, "messaging.message.body.size", trace->bytes);
    buf_append_byte(out, ',');
    put_number(out, "splitrail.connections", trace->members);
    buf_append_byte(out, ',');
    put_number(out, "splitrail.edges", trace->edges);
    buf_append_byte(out, ',');
    put_number(out, "splitrail.edges.untold", trace->hop_count - trace->hops_told);
    buf_append_str(out, "]}");
}

static void put_router(struct buf *out, const struct message_trace *trace,
                       const struct otlp_source *source)
{
    bool known = trace->edge_at_us != 0; /* when it came to its edge */
    struct span whole = {.name = "message", .kind = KIND_PRODUCER};
    whole.start_us =
        known && trace->edge_at_us < trace->router_at_us ? trace->edge_at_us : trace->router_at_us;
    whole.end_us = end_of_all(trace);
    begin_resource(out, "splitrail-router", source->router_id, source);
    begin_span(out, &whole, source);
    put_message_attributes(out, trace);
    if (known) {
        put_span(
            out,
            &(struct span){1, "to the router", KIND_INTERNAL, whole.start_us, trace->router_at_us},
            source);
    }
    put_span(out,
             &(struct span){2, "commit", KIND_INTERNAL, trace->router_at_us, trace->sent_at_us},
             source);
    end_resource(out);
}

static void put_event(struct buf *out, const char *name, uint64_t at_us)
{
    put_time(out, "{\"timeUnixNano\":", at_us);
    buf_append_str(out, ",\"name\":\"");
    buf_append_str(out, name);
    buf_append_str(out, "\"}");
}

static void put_hop(struct buf *out, const struct trace_hop *told, uint64_t number,
                    const struct otlp_source *source)
{
    const struct plane_hop *hop = &told->hop;
    struct span span = {number, "deliver", KIND_CONSUMER, hop->began_us, end_of(hop)};
    begin_resource(out, "splitrail-edge", bytes_of(told->edge, told->edge_len), source);
    begin_span(out, &span, source);
    buf_append_str(out, ",\"attributes\":[");
    put_number(out, "splitrail.queued", hop->queued);
    buf_append_byte(out, ',');
    put_number(out, "splitrail.written", hop->written);
    buf_append_str(out, "],\"events\":[");
    if (hop->queued != 0) {
        put_event(out, "first queued", hop->began_us + hop->queued_first_us);
        buf_append_byte(out, ',');
        put_event(out, "last queued", hop->began_us + hop->queued_last_us);
    }
    if (hop->written != 0) {
        buf_append_byte(out, ',');
        put_event(out, "first written", hop->began_us + hop->written_first_us);
        buf_append_byte(out, ',');
        put_event(out, "last written", hop->began_us + hop->written_last_us);
    }
    buf_append_str(out, "]}");
    end_resource(out);
}

void otlp_write_trace(const struct message_trace *trace, const struct otlp_source *source,
                      struct buf *out)
{
    put_router(out, trace, source);
    for (uint32_t i = 0; i < trace->hop_count; i++) {
        if (trace->hops[i].told) {
            buf_append_byte(out, ',');
            put_hop(out, &trace->hops[i], 3 + i, source);
        }
    }
}
