/* The last hour of a few figures, sampled at an even pace: a ring. Pure. */
#ifndef ROUTER_SERIES_H
#define ROUTER_SERIES_H

#include "common/buf.h"

#include <stddef.h>
#include <stdint.h>

enum { SERIES_INTERVAL_MS = 5000, SERIES_SAMPLES_MAX = 720, SERIES_SAMPLES_DEFAULT = 100 };

enum series_figure {
#define SERIES(id, name) SERIES_##id,
#include "router/series.def"
#undef SERIES
    SERIES_COUNT
};

struct series_sample {
    uint64_t at_ms; /* wall */
    uint64_t values[SERIES_COUNT];
};

struct series;

struct series *series_new(void);
void series_free(struct series **series);

/* The oldest gives way. */
void series_add(struct series *series, const struct series_sample *sample);

/* {"intervalMs":…,"samples":[{"at":…,"connections":…},…]}, the newest `limit` (0 = 100), oldest
 * first. */
void series_write(const struct series *series, size_t limit, struct buf *out);

#endif
