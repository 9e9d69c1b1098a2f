/* Counts by short names, as many as there turn out to be up to a limit; the rest is counted as
 * "other". A plain array: it lives in shared memory. Pure. */
#ifndef BENCH_LOAD_TALLY_H
#define BENCH_LOAD_TALLY_H

#include "common/bytes.h"

#include <stdint.h>

enum { TALLY_NAMES = 32, TALLY_NAME_BYTES = 24 };

struct tally {
    struct tally_row {
        char name[TALLY_NAME_BYTES]; /* NUL-terminated; empty = free */
        uint64_t count;
    } rows[TALLY_NAMES];
};

/* Longer names are cut. */
void tally_count(struct tally *tally, struct bytes name, uint64_t more);
void tally_count_number(struct tally *tally, uint64_t number);
uint64_t tally_total(const struct tally *tally);
void tally_add(struct tally *sum, const struct tally *more);

/* What was counted since `before`, an earlier copy. */
struct tally tally_since(const struct tally *now, const struct tally *before);

#endif
