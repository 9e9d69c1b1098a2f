/* Digits and escapes of JSON (RFC 8259 sections 6 and 7), for those who scan and who decode. */
#ifndef ROUTER_JSON_ESCAPE_H
#define ROUTER_JSON_ESCAPE_H

#include <stdbool.h>
#include <stdint.h>

static inline bool json_is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

/* -1 for what is no hexadecimal digit. */
static inline int json_hex_digit(uint8_t byte)
{
    if (json_is_digit(byte)) {
        return byte - '0';
    }
    uint8_t lower = byte | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The four digits of \uXXXX; false when they are not there. */
static inline bool json_hex4(const uint8_t *at, const uint8_t *end, uint32_t *ret_code)
{
    if (end - at < 4) {
        return false;
    }
    uint32_t code = 0;
    for (int i = 0; i < 4; i++) {
        int digit = json_hex_digit(at[i]);
        if (digit < 0) {
            return false;
        }
        code = code << 4 | (uint32_t)digit;
    }
    *ret_code = code;
    return true;
}

/* What a one-letter escape stands for; 0 when RFC 8259 section 7 knows none. */
static inline uint8_t json_short_escape(uint8_t letter)
{
    switch (letter) {
    case '"':
    case '\\':
    case '/':
        return letter;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return 0;
    }
}

#endif
