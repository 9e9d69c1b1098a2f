/* Counters, gauges and histograms of one process, described by one table (an X-macro .def file);
 * storage is plain cells, an update is one addition. Exposed as Prometheus text; docs/METRICS.md is
 * made from the same table.
 *
 * Row: METRIC(id, KIND, "name", "label", "values", buckets, SERVER_ID, "unit", "help")
 *   KIND COUNTER, GAUGE or HISTOGRAM; label "" for none, else one label with the space-separated
 *   list of its values (an update names the index); buckets an array name from the .def's user or
 *   METRIC_NO_BUCKETS; unit "seconds" of a counter or gauge: its value is kept in microseconds and
 *   shown in seconds; SERVER_ID 1 when the constant label server_id is added; help tells the
 *   operator what it means and what to do. */
#ifndef COMMON_METRICS_H
#define COMMON_METRICS_H

#include "common/buf.h"

#include <stddef.h>
#include <stdint.h>

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric_buckets {
    const double *bounds; /* ascending, without +Inf */
    size_t count;
};

/* Braces without a type: a compound literal is no constant in a static table. */
#define METRIC_NO_BUCKETS                                                                          \
    {                                                                                              \
        NULL, 0                                                                                    \
    }

struct metric_spec {
    enum metric_kind kind;
    const char *name;
    const char *label;
    const char *values;
    struct metric_buckets buckets;
    int with_server_id;
    const char *unit;
    const char *help;
};

struct metrics;

/* `server_id` is copied; `specs` must outlive the object. */
struct metrics *metrics_new(const struct metric_spec *specs, size_t count, const char *server_id);
void metrics_free(struct metrics **metrics);

/* Counter or gauge `id`, label value number `value_index` (0 without a label). */
void metrics_add(struct metrics *metrics, size_t id, size_t value_index, int64_t delta);
void metrics_set(struct metrics *metrics, size_t id, size_t value_index, int64_t value);
int64_t metrics_get(const struct metrics *metrics, size_t id, size_t value_index);
void metrics_observe(struct metrics *metrics, size_t id, size_t value_index, double value);

/* The whole page, text format 0.0.4. */
void metrics_expose(const struct metrics *metrics, struct buf *out);

/* Markdown table of the rows (the generated part of docs/METRICS.md). */
void metrics_reference(const struct metric_spec *specs, size_t count, struct buf *out);

#endif
