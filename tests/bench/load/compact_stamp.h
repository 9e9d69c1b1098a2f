/* A stamp of 16 bytes for messages that are too small for the whole one: publisher (20 bits),
 * number (24 bits), time (30 bits, so 18 minutes) and 16 bits that check them, in letters that no
 * encoding changes. The room is not in it: who hears a publisher knows where that one speaks. Pure.
 */
#ifndef BENCH_LOAD_COMPACT_STAMP_H
#define BENCH_LOAD_COMPACT_STAMP_H

#include "tests/bench/load/stamp.h"

enum { COMPACT_STAMP_BYTES = 16 };

/* What has more bits than fit loses the higher ones. */
void compact_stamp_write(const struct stamp *stamp, uint8_t out[COMPACT_STAMP_BYTES]);

/* As stamp_take(). The time is completed to the latest that is not after `now_us`; room is 0. */
bool compact_stamp_take(struct bytes *text, uint64_t now_us, struct stamp *ret_stamp);

#endif
