#include "router/rights.h"

#include <assert.h>

enum { FLAG_ROOMS = 1, FLAG_DIRECT = 2, FLAGS = FLAG_ROOMS | FLAG_DIRECT, HEAD_BYTES = 2 };

void rights_begin(struct buf *out, bool speaks_of_rooms, bool direct)
{
    buf_append_byte(out,
                    (uint8_t)((speaks_of_rooms ? FLAG_ROOMS : 0) | (direct ? FLAG_DIRECT : 0)));
    buf_append_byte(out, 0);
}

void rights_add_room(struct buf *out, size_t begin, struct bytes pattern, unsigned rights)
{
    assert(pattern.len >= 1 && pattern.len <= RIGHTS_PATTERN_MAX);
    if (!buf_ok(out)) {
        return;
    }
    assert(out->data[begin + 1] < RIGHTS_ROOMS_MAX);
    out->data[begin + 1]++;
    buf_append_byte(out, (uint8_t)rights);
    buf_append_byte(out, (uint8_t)pattern.len);
    buf_append(out, pattern);
}

void rights_add_info(struct buf *out, struct bytes info)
{
    buf_append(out, info);
}

/* The room at *at, which moves behind it. False when it is cut off. */
static bool next_room(struct bytes rights, size_t *at, unsigned *ret_bits,
                      struct bytes *ret_pattern)
{
    if (rights.len - *at < 2 || rights.len - *at - 2 < rights.data[*at + 1]) {
        return false;
    }
    size_t len = rights.data[*at + 1];
    *ret_bits = rights.data[*at];
    *ret_pattern = bytes_slice(rights, *at + 2, len);
    *at += 2 + len;
    return true;
}

bool rights_valid(struct bytes rights)
{
    if (rights.len == 0) {
        return true;
    }
    if (rights.len < HEAD_BYTES || rights.len > RIGHTS_BYTES_MAX ||
        (rights.data[0] & ~FLAGS) != 0 || rights.data[1] > RIGHTS_ROOMS_MAX) {
        return false;
    }
    size_t at = HEAD_BYTES;
    for (unsigned i = 0; i < rights.data[1]; i++) {
        unsigned bits = 0;
        struct bytes pattern;
        if (!next_room(rights, &at, &bits, &pattern) || bits > RIGHTS_ALL || pattern.len == 0 ||
            pattern.len > RIGHTS_PATTERN_MAX) {
            return false;
        }
    }
    return rights.len - at <= RIGHTS_INFO_MAX;
}

/* Back to the last star when a byte does not fit: each star is tried from left to right, and only
 * the last one moves, so the cost is at most pattern times name. */
static bool matches(struct bytes pattern, struct bytes name)
{
    size_t p = 0;
    size_t n = 0;
    size_t star = SIZE_MAX;
    size_t star_n = 0;
    while (n < name.len) {
        if (p < pattern.len && pattern.data[p] == '*') {
            star = p++;
            star_n = n;
        } else if (p < pattern.len && pattern.data[p] == name.data[n]) {
            p++;
            n++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            n = ++star_n;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.data[p] == '*') {
        p++;
    }
    return p == pattern.len;
}

bool rights_allow(struct bytes rights, struct bytes room, unsigned wanted, unsigned otherwise)
{
    if (rights.len == 0 || (rights.data[0] & FLAG_ROOMS) == 0) {
        return (wanted & ~otherwise) == 0;
    }
    unsigned given = 0;
    size_t at = HEAD_BYTES;
    for (unsigned i = 0; i < rights.data[1]; i++) {
        unsigned bits = 0;
        struct bytes pattern;
        bool whole = next_room(rights, &at, &bits, &pattern);
        assert(whole && "only valid rights come here");
        given |= matches(pattern, room) ? bits : 0;
    }
    return (wanted & ~given) == 0;
}

bool rights_direct(struct bytes rights)
{
    return rights.len == 0 || (rights.data[0] & FLAG_DIRECT) != 0;
}

struct bytes rights_info(struct bytes rights)
{
    if (rights.len == 0) {
        return BYTES_EMPTY;
    }
    size_t at = HEAD_BYTES;
    for (unsigned i = 0; i < rights.data[1]; i++) {
        unsigned bits = 0;
        struct bytes pattern;
        bool whole = next_room(rights, &at, &bits, &pattern);
        assert(whole && "only valid rights come here");
    }
    return bytes_slice(rights, at, rights.len);
}
