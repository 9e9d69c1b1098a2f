/* What makes a published message known again wherever it arrives, and in whatever it is wrapped:
 * who published it, its number, the room it was meant for, when it was due. Hexadecimal, so that no
 * encoding changes it. Pure. */
#ifndef BENCH_LOAD_STAMP_H
#define BENCH_LOAD_STAMP_H

#include "common/bytes.h"

#include <stdbool.h>
#include <stdint.h>

enum { STAMP_BYTES = 50 };

struct stamp {
    uint32_t publisher;
    uint32_t room;
    uint64_t number;  /* of the publisher, from 1; 48 bits */
    uint64_t time_us; /* 64 bits */
};

void stamp_write(const struct stamp *stamp, uint8_t out[STAMP_BYTES]);

/* The first stamp in `text`, which becomes what follows it. False when there is none: `text` is
 * then what may be the beginning of one, at most STAMP_BYTES - 1. */
bool stamp_take(struct bytes *text, struct stamp *ret_stamp);

#endif
