/* Writes what router/base64url.h reads: for tests that make tokens. */
#ifndef TESTS_SUPPORT_BASE64URL_H
#define TESTS_SUPPORT_BASE64URL_H

#include "common/buf.h"
#include "common/bytes.h"

static inline void append_base64url(struct buf *out, struct bytes bytes)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t bits = 0;
    unsigned bit_count = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        bits = (bits << 8 | bytes.data[i]) & 0xFFFF;
        for (bit_count += 8; bit_count >= 6; bit_count -= 6) {
            buf_append_byte(out, (uint8_t)letters[bits >> (bit_count - 6) & 63]);
        }
    }
    if (bit_count != 0) {
        buf_append_byte(out, (uint8_t)letters[bits << (6 - bit_count) & 63]);
    }
}

#endif
