/* Feeds a parser at every split point (house style, rule 26): what arrives in two pieces must mean
 * what it means in one. */
#ifndef TESTS_SUPPORT_SPLIT_H
#define TESTS_SUPPORT_SPLIT_H

#include "common/bytes.h"

#include <stddef.h>

/* Calls `run` input.len + 1 times: head is the first 0, 1, … input.len bytes, tail is the rest.
 * Both are views of `input`. */
static inline void split_each(struct bytes input,
                              void (*run)(void *ctx, struct bytes head, struct bytes tail),
                              void *ctx)
{
    for (size_t at = 0; at <= input.len; at++) {
        run(ctx, bytes_slice(input, 0, at), bytes_slice(input, at, input.len - at));
    }
}

#endif
