/* What an edge's monotonic clock says, told by ours: a user's devices are at several edges, and
 * their messages are counted by when they came. The smallest difference seen lately is the one with
 * least delay in it; two windows of a minute, because clocks drift. Pure. */
#ifndef ROUTER_EDGE_CLOCK_H
#define ROUTER_EDGE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct edge_clock {
    int64_t behind_ms;        /* ours less theirs: the least of this window */
    int64_t behind_before_ms; /* and of the one before */
    uint64_t since_ms;        /* this window, by ours */
    bool known;
};

/* It reads `theirs` now, or did not long ago. */
void edge_clock_sample(struct edge_clock *clock, uint64_t theirs_ms, uint64_t now_ms);

/* When `theirs` was, by ours: not later than now, and not absurdly early. Needs a sample. */
uint64_t edge_clock_ours(const struct edge_clock *clock, uint64_t theirs_ms, uint64_t now_ms);

/* What it reads now; UINT64_MAX when that is not known. */
uint64_t edge_clock_theirs(const struct edge_clock *clock, uint64_t now_ms);

#endif
