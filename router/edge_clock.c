#include "router/edge_clock.h"

#include <assert.h>

enum {
    WINDOW_MS = 60000,
    AGE_MS_MAX = 3600000 /* nobody holds a message for as long */
};

/* What an edge says is any number: differences wrap instead of overflowing. */
static int64_t difference(uint64_t from, uint64_t to)
{
    return (int64_t)(to - from);
}

static int64_t best(const struct edge_clock *clock)
{
    return clock->behind_before_ms < clock->behind_ms ? clock->behind_before_ms : clock->behind_ms;
}

void edge_clock_sample(struct edge_clock *clock, uint64_t theirs_ms, uint64_t now_ms)
{
    int64_t behind = difference(theirs_ms, now_ms);
    if (!clock->known) {
        *clock = (struct edge_clock){behind, behind, now_ms, true};
        return;
    }
    if (now_ms - clock->since_ms >= WINDOW_MS) {
        clock->behind_before_ms = clock->behind_ms;
        clock->behind_ms = behind;
        clock->since_ms = now_ms;
    } else if (behind < clock->behind_ms) {
        clock->behind_ms = behind;
    }
}

uint64_t edge_clock_ours(const struct edge_clock *clock, uint64_t theirs_ms, uint64_t now_ms)
{
    assert(clock->known);
    uint64_t ours = theirs_ms + (uint64_t)best(clock);
    uint64_t age = now_ms - ours; /* huge when it is to come */
    uint64_t age_max = now_ms < AGE_MS_MAX ? now_ms : AGE_MS_MAX;
    return difference(ours, now_ms) <= 0 ? now_ms : now_ms - (age < age_max ? age : age_max);
}

uint64_t edge_clock_theirs(const struct edge_clock *clock, uint64_t now_ms)
{
    return clock->known ? now_ms - (uint64_t)best(clock) : UINT64_MAX;
}
