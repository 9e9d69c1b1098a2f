/* Deliveries whose way through this edge a router wants to know: when they were given to how many
 * connections, and when those had written what they had. Few at a time; while there is none they
 * cost one comparison per written queue. */
#ifndef EDGE_HOP_TRACES_H
#define EDGE_HOP_TRACES_H

#include "edge/output.h"
#include "proto/plane_reports.h"

#include <stdbool.h>
#include <stdint.h>

struct edge;

enum {
    HOP_TRACES_MAX = 64,
    HOP_TRACE_MS = 1000 /* then it is reported as it is: somebody does not read */
};

struct hop_trace {
    uint64_t number; /* of the router's question */
    uint64_t began_us;
    uint64_t due_ms;
    uint8_t *waiting; /* bit per slot that has not written yet; owned */
    uint32_t slots;
    struct plane_hop hop;
};

struct hop_traces {
    struct hop_trace items[HOP_TRACES_MAX];
    uint32_t count;
};

void hop_traces_fini(struct hop_traces *traces);

/* The delivery with this number begins. NULL: as many are being watched as may be; it was reported
 * as one that nothing is known of. Valid until the next call of any function here. */
struct hop_trace *hop_traces_begin(struct edge *edge, uint64_t number);
/* It was given to the connection in a slot. */
void hop_trace_queued(struct hop_trace *trace, uint32_t slot);

/* As conn_on_written, which it calls. */
void hop_traces_on_written(void *owner, struct out_queue *queue, enum out_result result);

/* After the turn's writes: tells the uplink of those that are complete, or whose time is over. True
 * when there were some. */
bool hop_traces_report(struct edge *edge);
/* When the next is over at the latest. */
uint64_t hop_traces_deadline(const struct edge *edge);

#endif
