/* The way of a message as OpenTelemetry spans, in the JSON form of OTLP. Pure. */
#ifndef ROUTER_OTLP_WRITE_H
#define ROUTER_OTLP_WRITE_H

#include "common/buf.h"
#include "common/bytes.h"

#include <stdint.h>

struct message_trace;

struct otlp_source {
    struct bytes router_id;
    struct bytes version;
    uint64_t trace_id[2]; /* random, not both 0 */
    uint64_t span_id;     /* random; further spans have it plus 1, 2, … */
};

/* Appends the elements of "resourceSpans", with commas between them: one of the router, one of each
 * edge that has told. Payloads and users are not among what is told. */
void otlp_write_trace(const struct message_trace *trace, const struct otlp_source *source,
                      struct buf *out);

#endif
