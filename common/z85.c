#include "common/z85.h"

#include <assert.h>

enum { BASE = 85 };

static const char ALPHABET[BASE + 1] =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

void z85_encode(const uint8_t *data, size_t len, char *out)
{
    assert(len % 4 == 0);
    for (size_t at = 0; at < len; at += 4, out += 5) {
        uint32_t value = (uint32_t)data[at] << 24 | (uint32_t)data[at + 1] << 16 |
                         (uint32_t)data[at + 2] << 8 | data[at + 3];
        for (size_t digit = 5; digit-- > 0; value /= BASE) {
            out[digit] = ALPHABET[value % BASE];
        }
    }
}

bool z85_decode(struct bytes text, uint8_t *out, size_t len)
{
    assert(len % 4 == 0);
    if (text.len != len / 4 * 5) {
        return false;
    }
    for (size_t at = 0; at < text.len; at += 5, out += 4) {
        uint64_t value = 0;
        for (size_t digit = 0; digit < 5; digit++) {
            const char *found = memchr(ALPHABET, text.data[at + digit], BASE);
            if (found == NULL) {
                return false;
            }
            value = value * BASE + (uint64_t)(found - ALPHABET);
        }
        if (value > UINT32_MAX) {
            return false;
        }
        out[0] = (uint8_t)(value >> 24);
        out[1] = (uint8_t)(value >> 16);
        out[2] = (uint8_t)(value >> 8);
        out[3] = (uint8_t)value;
    }
    return true;
}
