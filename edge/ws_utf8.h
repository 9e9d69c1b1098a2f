/* Streaming UTF-8 check that fails at the first byte that cannot belong to valid UTF-8 (RFC 3629):
 * no surrogates, no overlong forms, nothing above U+10FFFF. */
#ifndef EDGE_WS_UTF8_H
#define EDGE_WS_UTF8_H

#include "common/bytes.h"
#include "edge/ws_vector.h"

#include <stdbool.h>
#include <stdint.h>

struct ws_utf8 {
    uint8_t state; /* 0 = between characters */
};

/* Feeds bytes; false as soon as they cannot be valid. */
bool ws_utf8_feed(struct ws_utf8 *utf8, struct bytes bytes);

/* The same with the given vector code (at most ws_vector_best()), for tests. */
bool ws_utf8_feed_with(enum ws_vector vector, struct ws_utf8 *utf8, struct bytes bytes);

/* True when the bytes so far end on a character boundary. */
static inline bool ws_utf8_complete(const struct ws_utf8 *utf8)
{
    return utf8->state == 0;
}

/* Whole-string check. */
bool ws_utf8_valid(struct bytes bytes);

#endif
