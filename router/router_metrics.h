/* The metrics of splitrail-router. Most are read from the core and the plane when somebody asks for
 * the page, so that a message costs nothing here. */
#ifndef ROUTER_ROUTER_METRICS_H
#define ROUTER_ROUTER_METRICS_H

#include "common/metrics.h"
#include "router/plane.h"

#include <stddef.h>
#include <stdint.h>

enum router_metric {
#define METRIC(id, kind, name, label, values, buckets, server_id, unit, help) ROUTER_METRIC_##id,
#include "router/router_metrics.def"
#undef METRIC
    ROUTER_METRIC_COUNT
};

/* Label values of OTLP_TRACES. */
enum router_otlp_result { ROUTER_OTLP_SENT, ROUTER_OTLP_DROPPED, ROUTER_OTLP_REFUSED };

extern const struct metric_spec router_metric_specs[ROUTER_METRIC_COUNT];

/* Copies the present totals of the plane and its core. `credit_bytes` is --link-credit. */
void router_metrics_refresh(struct metrics *metrics, const struct router_plane *plane,
                            uint64_t credit_bytes, uint64_t now_ms);

#endif
