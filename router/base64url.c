#include "router/base64url.h"

/* -1 for what is not in the alphabet. */
static int value_of(uint8_t letter)
{
    if (letter >= 'A' && letter <= 'Z') {
        return letter - 'A';
    }
    if (letter >= 'a' && letter <= 'z') {
        return letter - 'a' + 26;
    }
    if (letter >= '0' && letter <= '9') {
        return letter - '0' + 52;
    }
    return letter == '-' ? 62 : letter == '_' ? 63 : -1;
}

bool base64url_decode(struct bytes text, struct buf *out)
{
    uint32_t bits = 0;
    unsigned bit_count = 0;
    if (text.len % 4 == 1) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        int value = value_of(text.data[i]);
        if (value < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)value;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            buf_append_byte(out, (uint8_t)(bits >> bit_count));
            bits &= (1U << bit_count) - 1;
        }
    }
    return bits == 0 && buf_ok(out);
}
