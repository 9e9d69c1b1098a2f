/* UTF-8 (RFC 3629), one code point at a time. Checking whole texts fast is the caller's loop: skip
 * what is ASCII, ask here about the rest. */
#ifndef COMMON_UTF8_H
#define COMMON_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Length (1 to 4) of the well-formed sequence that starts at `at`, of which `left` bytes may be
 * read; 0 when there is none: cut off, overlong, a surrogate, past U+10FFFF, or left is 0. */
static inline size_t utf8_len(const uint8_t *at, size_t left)
{
    if (left == 0) {
        return 0;
    }
    uint8_t lead = at[0];
    if (lead < 0x80) {
        return 1;
    }
    size_t len = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (lead < 0xC2 || lead > 0xF4 || left < len) {
        return 0;
    }
    /* RFC 3629 section 4: only the second byte's range depends on the lead. */
    uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (at[1] < low || at[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < len; i++) {
        if ((at[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    return len;
}

/* Writes the sequence of `code` (at most U+10FFFF) and gives its length. */
static inline size_t utf8_put(uint32_t code, uint8_t ret_sequence[4])
{
    if (code < 0x80) {
        ret_sequence[0] = (uint8_t)code;
        return 1;
    }
    size_t len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const uint8_t lead[5] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = len - 1; i > 0; i--) {
        ret_sequence[i] = (uint8_t)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    ret_sequence[0] = (uint8_t)(lead[len] | code);
    return len;
}

#endif
