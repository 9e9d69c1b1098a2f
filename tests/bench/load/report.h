/* What a run tells: lines while it goes on, a table or JSON at its end. */
#ifndef BENCH_LOAD_REPORT_H
#define BENCH_LOAD_REPORT_H

#include "tests/bench/load/load_options.h"
#include "tests/bench/load/probe.h"
#include "tests/bench/load/shared.h"

#include <jansson.h>

enum { REPORT_PIDS_MAX = 80, REPORT_OUTAGES_MAX = 256 };

/* State of the machine and of the workers at one moment. */
struct report_moment {
    uint64_t at_us;
    struct probe_process processes[REPORT_PIDS_MAX]; /* in the order of --pid */
    uint64_t tcp_bytes;
    uint64_t slab_bytes;
    struct shared_worker workers; /* the sum */
};

struct report_outage {
    uint64_t from_us;
    uint64_t to_us; /* 0 = not over */
};

struct report {
    const struct load_config *config;
    struct report_moment before;    /* nothing was opened */
    struct report_moment ready;     /* all joined and quiet */
    struct report_moment warm;      /* the warm-up of publishing is over; figures count from here */
    struct report_moment published; /* publishing is over; both the same as ready without it */
    struct report_moment after;     /* the end, accounts closed */
    struct report_outage outages[REPORT_OUTAGES_MAX];
    uint32_t outage_count;
    uint64_t ready_ms; /* from the first connection to the last one joined */
    double load;
};

/* Takes a moment. Without the processes' memory it is cheap. */
void report_take(const struct load_config *config, const struct shared *shared, bool memory,
                 struct report_moment *ret_moment);

/* One line about what happened since `last`, which becomes `now`. */
void report_progress(const struct report *report, const char *phase,
                     const struct report_moment *now, struct report_moment *last);

/* The figures since `marked`, which becomes `now`, under the first line of `name`. */
void report_mark(const struct report *report, struct bytes name, const struct report_moment *now,
                 struct report_moment *marked);

/* One line about an event, at this moment. */
void report_event(const struct report *report, const char *event, uint64_t at_us);

/* The caller releases it. */
json_t *report_json(const struct report *report);

void report_table(const struct report *report);

#endif
