/* What the processes of one run share: memory mapped before they part. Each worker writes its own
 * part, everybody reads; a reader that comes a moment early sees an old value, never a torn one. */
#ifndef BENCH_LOAD_SHARED_H
#define BENCH_LOAD_SHARED_H

#include "tests/bench/load/account.h"
#include "tests/bench/load/histogram.h"
#include "tests/bench/load/tally.h"

#include <stdatomic.h>
#include <stdint.h>

/* What the workers are to do; each step includes those before it. */
enum shared_step { STEP_CONNECT, STEP_PUBLISH, STEP_QUIET, STEP_FINISH };

struct shared_counts {
    uint64_t opened; /* upgraded, ever */
    uint64_t ready;  /* upgraded and joined, ever */
    uint64_t failed; /* never became ready */
    uint64_t closed; /* ended after they were ready, without our wish */
    uint64_t messages;
    uint64_t bytes;
    uint64_t pings;
    uint64_t sent; /* published */
};

/* A connection that heard less than others of its process, as it was at the end. */
struct shared_laggard {
    uint32_t conn;
    uint32_t heard;
    uint32_t unread; /* bytes that its socket had for us: then it is we who lag */
    uint16_t port;   /* its own */
    bool unsent;     /* the socket did not take what we had to say */
};

enum { SHARED_LAGGARDS = 16 };

struct shared_worker {
    struct shared_counts counts;
    struct account_totals account;
    struct tally kinds;    /* messages received, by kind */
    struct tally closes;   /* after ready, by close code or "reset" */
    struct tally failures; /* before ready, by reason */
    struct tally heard;    /* connections, by how many messages they heard once ready; at the end */
    struct shared_laggard laggards[SHARED_LAGGARDS];
    uint32_t laggard_count;
    struct histogram latency;
    struct histogram opening; /* from connecting to ready */
    uint64_t pause_us;        /* the longest time without any delivery while publishing */
    bool finished;
};

struct shared {
    _Atomic int step;
    _Atomic uint64_t publish_us; /* when publishing began */
    _Atomic uint64_t quiet_us;   /* when it ended */
    struct shared_worker *workers;
    uint64_t *sent; /* by publisher: how many */
    uint32_t worker_count;
};

/* Aborts when there is no memory. Lives as long as the process. */
struct shared *shared_new(uint32_t workers, uint32_t publishers);

/* The sum over all workers. */
void shared_sum(const struct shared *shared, struct shared_worker *ret_sum);

#endif
