/* Metrics of splitrail-edge: ids and label values from edge_metrics.def. */
#ifndef EDGE_EDGE_METRICS_H
#define EDGE_EDGE_METRICS_H

#include "common/buf.h"
#include "common/metrics.h"
#include "edge/ws_reason.h"

enum edge_metric {
#define METRIC(id, kind, name, label, values, buckets, server_id, unit, help) EDGE_METRIC_##id,
#include "edge/edge_metrics.def"
#undef METRIC
    EDGE_METRIC_COUNT
};

/* Label value numbers, in the order of the .def. */
enum edge_metric_direction { EDGE_DIRECTION_IN, EDGE_DIRECTION_OUT };
enum edge_metric_type { EDGE_TYPE_TEXT, EDGE_TYPE_BINARY };
enum edge_metric_state { EDGE_STATE_HANDSHAKE, EDGE_STATE_OPEN, EDGE_STATE_CLOSING };
enum edge_metric_limit { EDGE_LIMIT_HARD, EDGE_LIMIT_SOFT, EDGE_LIMIT_TOTAL };
enum edge_metric_tls { EDGE_TLS_FULL, EDGE_TLS_RESUMED };
enum edge_metric_compression { EDGE_COMPRESSION_CONTEXTS, EDGE_COMPRESSION_MESSAGES };
enum edge_metric_compression_limit { EDGE_COMPRESSION_DECLINED, EDGE_COMPRESSION_CLOSED };
enum edge_metric_accept_pause { EDGE_ACCEPT_PAUSE_DESCRIPTORS, EDGE_ACCEPT_PAUSE_RATE };
enum edge_metric_read_pause {
    EDGE_READ_PAUSE_CONGESTION,
    EDGE_READ_PAUSE_OUTPUT,
    EDGE_READ_PAUSE_PACE
};

enum edge_metric_memory {
    EDGE_MEMORY_CONNECTIONS,
    EDGE_MEMORY_OUTPUT,
    EDGE_MEMORY_MESSAGES,
    EDGE_MEMORY_UPLINK,
    EDGE_MEMORY_HELD,
    EDGE_MEMORY_TLS
};

enum edge_refusal {
    EDGE_REFUSED_FULL,
    EDGE_REFUSED_PER_IP,
    EDGE_REFUSED_DRAINING,
    EDGE_REFUSED_NO_ROUTER,
    EDGE_REFUSED_BAD_REQUEST,
    EDGE_REFUSED_ORIGIN,
    EDGE_REFUSED_PATH,
    EDGE_REFUSED_METHOD,
    EDGE_REFUSED_VERSION,
    EDGE_REFUSED_HEAD_TOO_LARGE,
    EDGE_REFUSED_TIMEOUT,
    EDGE_REFUSED_PROXY,
    EDGE_REFUSED_HANDSHAKES,
    EDGE_REFUSED_STORM,
    EDGE_REFUSED_BANNED
};

/* All rows at zero. */
struct metrics *edge_metrics_new(const char *server_id);

/* Number of the label value of ws_disconnections_total for `reason`. */
size_t edge_metrics_reason_index(enum ws_reason reason);

/* The refusal for an HTTP status that the handshake answered. */
enum edge_refusal edge_metrics_refusal_of_status(int http_status);

/* Markdown reference of the table. */
void edge_metrics_reference(struct buf *out);

#endif
