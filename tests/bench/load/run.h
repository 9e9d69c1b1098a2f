/* The order of a run: open and join, settle, publish, hold, close the accounts. */
#ifndef BENCH_LOAD_RUN_H
#define BENCH_LOAD_RUN_H

#include "tests/bench/load/report.h"

/* Starts the workers, leads them through the run and fills the report. False when a worker died. */
bool run_all(const struct load_config *config, struct report *report);

#endif
