/* What the mutators that know the structure of an input share. */
#ifndef TESTS_FUZZ_MUTATE_H
#define TESTS_FUZZ_MUTATE_H

#include "common/buf.h"
#include "common/mem.h"
#include "tests/support/fuzz.h"
#include "tests/support/rng.h"

#include <string.h>

enum { MUTATE_GROWTH = 32 };

/* One change without structure; the bytes may grow a little. */
static inline void mutate_bytes(struct buf *bytes)
{
    size_t max = bytes->len + MUTATE_GROWTH;
    uint8_t *room = mem_new(max, 1);
    if (bytes->len != 0) {
        memcpy(room, bytes->data, bytes->len);
    }
    size_t len = LLVMFuzzerMutate(room, bytes->len, max);
    buf_clear(bytes);
    buf_append(bytes, bytes_of(room, len));
    mem_free(room);
}

/* Writes `made` over the input, cut to what fits; gives the length. */
static inline size_t mutate_finish(const struct buf *made, uint8_t *data, size_t max_size)
{
    size_t len = made->len < max_size ? made->len : max_size;
    if (len != 0) {
        memcpy(data, made->data, len);
    }
    return len;
}

static inline void mutate_set(struct buf *bytes, struct bytes content)
{
    buf_clear(bytes);
    buf_append(bytes, content);
}

#endif
