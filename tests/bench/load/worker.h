/* One process of a run: its share of the connections, driven by the shared step. */
#ifndef BENCH_LOAD_WORKER_H
#define BENCH_LOAD_WORKER_H

#include "tests/bench/load/load_options.h"
#include "tests/bench/load/shared.h"

/* Runs to the end of the run. */
void worker_run(const struct load_config *config, struct shared *shared, uint32_t process);

#endif
