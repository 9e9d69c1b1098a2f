/* A borrowed view of bytes: pointer and length, passed by value, never NUL-terminated.
 * Whoever hands one out says how long it stays valid; the holder never frees it. */
#ifndef COMMON_BYTES_H
#define COMMON_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const uint8_t *data;
    size_t len;
};

#define BYTES_EMPTY ((struct bytes){NULL, 0})
/* View of a string literal, without its NUL. */
#define BYTES_LIT(literal) ((struct bytes){(const uint8_t *)("" literal), sizeof(literal) - 1})
/* The same in the initialiser of a static table, where C11 wants constants. */
#define BYTES_INIT(literal)                                                                        \
    {                                                                                              \
        (const uint8_t *)("" literal), sizeof(literal) - 1                                         \
    }

static inline struct bytes bytes_of(const void *data, size_t len)
{
    return (struct bytes){(const uint8_t *)data, len};
}

/* View of a NUL-terminated string; NULL gives an empty view. */
static inline struct bytes bytes_of_str(const char *str)
{
    return bytes_of(str, str == NULL ? 0 : strlen(str));
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* Lexicographic order by unsigned bytes; a prefix sorts before what it starts. */
static inline int bytes_compare(struct bytes a, struct bytes b)
{
    size_t shared = a.len < b.len ? a.len : b.len;
    int order = shared == 0 ? 0 : memcmp(a.data, b.data, shared);
    if (order != 0) {
        return order;
    }
    return a.len < b.len ? -1 : a.len > b.len;
}

static inline bool bytes_starts_with(struct bytes whole, struct bytes prefix)
{
    return whole.len >= prefix.len && bytes_equal(bytes_of(whole.data, prefix.len), prefix);
}

/* The part from `start` (clamped to the end) of at most `len` bytes. */
static inline struct bytes bytes_slice(struct bytes whole, size_t start, size_t len)
{
    if (whole.data == NULL) {
        return BYTES_EMPTY;
    }
    if (start > whole.len) {
        start = whole.len;
    }
    if (len > whole.len - start) {
        len = whole.len - start;
    }
    return (struct bytes){whole.data + start, len};
}

#endif
