#include "tests/bench/load/shared.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static void *map(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        abort();
    }
    return memory;
}

struct shared *shared_new(uint32_t workers, uint32_t publishers)
{
    struct shared *shared = map(sizeof(*shared));
    shared->workers = map(workers * sizeof(*shared->workers));
    shared->sent = map((publishers + 1) * sizeof(*shared->sent));
    shared->worker_count = workers;
    return shared;
}

static void add_counts(struct shared_counts *sum, const struct shared_counts *more)
{
    sum->opened += more->opened;
    sum->ready += more->ready;
    sum->failed += more->failed;
    sum->closed += more->closed;
    sum->messages += more->messages;
    sum->bytes += more->bytes;
    sum->pings += more->pings;
    sum->sent += more->sent;
}

static void add_laggards(struct shared_worker *sum, const struct shared_worker *more)
{
    for (uint32_t i = 0; i < more->laggard_count && sum->laggard_count < SHARED_LAGGARDS; i++) {
        sum->laggards[sum->laggard_count++] = more->laggards[i];
    }
}

void shared_sum(const struct shared *shared, struct shared_worker *ret_sum)
{
    memset(ret_sum, 0, sizeof(*ret_sum));
    ret_sum->finished = true;
    for (uint32_t i = 0; i < shared->worker_count; i++) {
        const struct shared_worker *worker = &shared->workers[i];
        add_counts(&ret_sum->counts, &worker->counts);
        account_add(&ret_sum->account, &worker->account);
        tally_add(&ret_sum->kinds, &worker->kinds);
        tally_add(&ret_sum->closes, &worker->closes);
        tally_add(&ret_sum->failures, &worker->failures);
        tally_add(&ret_sum->heard, &worker->heard);
        add_laggards(ret_sum, worker);
        histogram_add(&ret_sum->latency, &worker->latency);
        histogram_add(&ret_sum->opening, &worker->opening);
        if (worker->pause_us > ret_sum->pause_us) {
            ret_sum->pause_us = worker->pause_us;
        }
        ret_sum->finished = ret_sum->finished && worker->finished;
    }
}
