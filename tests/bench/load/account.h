/* Exact book-keeping of what one receiver hears of one publisher: every number from 1 on, once and
 * in order. Pure. */
#ifndef BENCH_LOAD_ACCOUNT_H
#define BENCH_LOAD_ACCOUNT_H

#include <stddef.h>
#include <stdint.h>

struct account_totals {
    uint64_t expected;
    uint64_t received;  /* each once */
    uint64_t lost;      /* what never came */
    uint64_t repeated;  /* came again */
    uint64_t reordered; /* came after a later one; received, not lost */
    uint64_t misrouted; /* came to somebody who was not to hear it */
};

/* 24 bytes for each (receiver, publisher). */
struct account_stream {
    uint64_t next; /* number that is due; 0 is the same as 1 */
    uint64_t seen; /* bit i: number next - 1 - i came */
    uint32_t publisher;
};

/* The stream of a publisher; NULL when the receiver is not to hear it: the caller counts it as
 * misrouted. `streams` are sorted by publisher. */
struct account_stream *account_find(struct account_stream *streams, size_t count,
                                    uint32_t publisher);

/* A message came. One that comes more than 64 numbers late counts as repeated, and as lost. */
void account_take(struct account_stream *stream, uint64_t number, struct account_totals *totals);

/* Nothing more comes: of the `sent` numbers what was not heard is lost. */
void account_close(const struct account_stream *stream, uint64_t sent,
                   struct account_totals *totals);

void account_add(struct account_totals *sum, const struct account_totals *more);

#endif
