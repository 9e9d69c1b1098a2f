#include "edge/edge_metrics.h"

#include "common/bytes.h"

#include <assert.h>

#define BUCKETS(name, ...)                                                                         \
    static const double name##_BOUNDS[] = {__VA_ARGS__};                                           \
    enum { name##_COUNT = sizeof(name##_BOUNDS) / sizeof(double) }

BUCKETS(SIZE, 64, 256, 1024, 4096, 16384, 65536);
BUCKETS(DURATION, 1, 10, 60, 300, 900, 3600, 86400);
BUCKETS(LATENCY, 1, 5, 10, 25, 50, 100, 250, 500, 1000);
BUCKETS(TURN, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1);

#define EDGE_BUCKETS_SIZE                                                                          \
    {                                                                                              \
        SIZE_BOUNDS, SIZE_COUNT                                                                    \
    }
#define EDGE_BUCKETS_DURATION                                                                      \
    {                                                                                              \
        DURATION_BOUNDS, DURATION_COUNT                                                            \
    }
#define EDGE_BUCKETS_LATENCY                                                                       \
    {                                                                                              \
        LATENCY_BOUNDS, LATENCY_COUNT                                                              \
    }
#define EDGE_BUCKETS_TURN                                                                          \
    {                                                                                              \
        TURN_BOUNDS, TURN_COUNT                                                                    \
    }
/* A static initialiser takes braces only, not the compound literal of metrics.h. */
#undef METRIC_NO_BUCKETS
#define METRIC_NO_BUCKETS                                                                          \
    {                                                                                              \
        NULL, 0                                                                                    \
    }

static const struct metric_spec SPECS[] = {
#define METRIC(id, kind, name, label, values, buckets, server_id, unit, help)                      \
    {METRIC_##kind, name, label, values, buckets, server_id, unit, help},
#include "edge/edge_metrics.def"
#undef METRIC
};

_Static_assert(sizeof(SPECS) / sizeof(SPECS[0]) == EDGE_METRIC_COUNT, "one row per id");

struct metrics *edge_metrics_new(const char *server_id)
{
    return metrics_new(SPECS, EDGE_METRIC_COUNT, server_id);
}

size_t edge_metrics_reason_index(enum ws_reason reason)
{
    struct bytes wanted = bytes_of_str(ws_reason_label(reason));
    struct bytes rest = bytes_of_str(SPECS[EDGE_METRIC_DISCONNECTIONS].values);
    for (size_t index = 0; rest.len != 0; index++) {
        const uint8_t *space = memchr(rest.data, ' ', rest.len);
        size_t len = space == NULL ? rest.len : (size_t)(space - rest.data);
        if (bytes_equal(bytes_slice(rest, 0, len), wanted)) {
            return index;
        }
        rest = bytes_slice(rest, len + 1, rest.len);
    }
    assert(false && "every label of ws_reason.def is a value of ws_disconnections_total");
    return 0;
}

enum edge_refusal edge_metrics_refusal_of_status(int http_status)
{
    switch (http_status) {
    case 403:
        return EDGE_REFUSED_ORIGIN;
    case 404:
        return EDGE_REFUSED_PATH;
    case 405:
        return EDGE_REFUSED_METHOD;
    case 426:
        return EDGE_REFUSED_VERSION;
    case 431:
        return EDGE_REFUSED_HEAD_TOO_LARGE;
    default:
        return EDGE_REFUSED_BAD_REQUEST;
    }
}

void edge_metrics_reference(struct buf *out)
{
    metrics_reference(SPECS, EDGE_METRIC_COUNT, out);
}
