/* What one reader hears of one channel must follow what it had. Pure. */
#ifndef TESTS_JUDGE_VIEW_H
#define TESTS_JUDGE_VIEW_H

#include "tests/judge/judge_rule.h"

#include <stdbool.h>
#include <stdint.h>

/* A message at `offset` was heard. `*last_offset` never goes back: a message that comes again is
 * complained of once. */
enum judge_rule judge_view_message(uint64_t *last_offset, uint64_t offset);

/* These are lost to this connection, it was told. */
enum judge_rule judge_view_gap(uint64_t *last_offset, uint64_t from, uint64_t to);

/* The answer to a join with `since`. */
struct judge_recovery {
    bool recovered;
    bool same_epoch;
    bool all_kept;         /* nothing that the reader lacks can have been forgotten */
    uint64_t past_offset;  /* `since` */
    uint64_t offset;       /* the room's last */
    uint64_t first_offset; /* the oldest that is kept */
};
enum judge_rule judge_view_recovery(const struct judge_recovery *recovery);

#endif
