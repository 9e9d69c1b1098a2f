/* See judge_view.h. */
#include "tests/judge/judge_view.h"

enum judge_rule judge_view_message(uint64_t *last_offset, uint64_t offset)
{
    if (offset <= *last_offset) {
        return JUDGE_AGAIN;
    }
    bool follows = offset == *last_offset + 1;
    *last_offset = offset;
    return follows ? JUDGE_HOLDS : JUDGE_LACKS;
}

enum judge_rule judge_view_gap(uint64_t *last_offset, uint64_t from, uint64_t to)
{
    if (from != *last_offset + 1 || to < from) {
        return JUDGE_GAP;
    }
    *last_offset = to;
    return JUDGE_HOLDS;
}

enum judge_rule judge_view_recovery(const struct judge_recovery *recovery)
{
    if (recovery->recovered) {
        bool possible = recovery->same_epoch && recovery->offset >= recovery->past_offset &&
                        recovery->past_offset + 1 >= recovery->first_offset;
        return possible ? JUDGE_HOLDS : JUDGE_RECOVERED;
    }
    return recovery->same_epoch && recovery->all_kept ? JUDGE_NOT_RECOVERED : JUDGE_HOLDS;
}
