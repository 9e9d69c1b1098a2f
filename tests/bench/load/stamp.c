#include "tests/bench/load/stamp.h"

#include <string.h>

/* "~~", then fields of fixed width. */
enum { MARK_BYTES = 2, ID_DIGITS = 8, NUMBER_DIGITS = 12, TIME_DIGITS = 16 };

_Static_assert(MARK_BYTES + 2 * ID_DIGITS + NUMBER_DIGITS + TIME_DIGITS + 4 == STAMP_BYTES,
               "four digits check the others");

static uint8_t *put_hex(uint8_t *out, uint64_t value, unsigned digits)
{
    for (unsigned i = digits; i > 0; i--) {
        out[i - 1] = (uint8_t) "0123456789abcdef"[value & 15];
        value >>= 4;
    }
    return out + digits;
}

static const uint8_t *take_hex(const uint8_t *at, unsigned digits, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (unsigned i = 0; at != NULL && i < digits; i++) {
        uint8_t c = at[i];
        if (c >= '0' && c <= '9') {
            value = value << 4 | (uint64_t)(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            value = value << 4 | (uint64_t)(c - 'a' + 10);
        } else {
            return NULL;
        }
    }
    *ret_value = value;
    return at == NULL ? NULL : at + digits;
}

/* A payload that was cut or mixed up is no message of ours. */
static uint16_t check_of(const struct stamp *stamp)
{
    uint64_t mixed = stamp->publisher * UINT64_C(0x9e3779b97f4a7c15) + stamp->room;
    mixed = (mixed ^ stamp->number) * UINT64_C(0x9e3779b97f4a7c15) + stamp->time_us;
    return (uint16_t)((mixed * UINT64_C(0x9e3779b97f4a7c15)) >> 48);
}

void stamp_write(const struct stamp *stamp, uint8_t out[STAMP_BYTES])
{
    uint8_t *at = out;
    *at++ = '~';
    *at++ = '~';
    at = put_hex(at, stamp->publisher, ID_DIGITS);
    at = put_hex(at, stamp->room, ID_DIGITS);
    at = put_hex(at, stamp->number, NUMBER_DIGITS);
    at = put_hex(at, stamp->time_us, TIME_DIGITS);
    put_hex(at, check_of(stamp), 4);
}

static bool parse(const uint8_t *at, struct stamp *ret_stamp)
{
    uint64_t publisher = 0;
    uint64_t room = 0;
    uint64_t check = 0;
    struct stamp stamp = {0};
    at = take_hex(at + MARK_BYTES, ID_DIGITS, &publisher);
    at = take_hex(at, ID_DIGITS, &room);
    at = take_hex(at, NUMBER_DIGITS, &stamp.number);
    at = take_hex(at, TIME_DIGITS, &stamp.time_us);
    at = take_hex(at, 4, &check);
    stamp.publisher = (uint32_t)publisher;
    stamp.room = (uint32_t)room;
    if (at == NULL || check != check_of(&stamp)) {
        return false;
    }
    *ret_stamp = stamp;
    return true;
}

/* Where the next stamp may begin, or `end`. */
static const uint8_t *next_mark(const uint8_t *at, const uint8_t *end)
{
    const uint8_t *found = at == end ? NULL : memchr(at, '~', (size_t)(end - at));
    return found == NULL ? end : found;
}

bool stamp_take(struct bytes *text, struct stamp *ret_stamp)
{
    const uint8_t *end = text->data + text->len;
    const uint8_t *at = next_mark(text->data, end);
    while ((size_t)(end - at) >= STAMP_BYTES) {
        if (at[1] == '~' && parse(at, ret_stamp)) {
            at += STAMP_BYTES;
            *text = bytes_of(at, (size_t)(end - at));
            return true;
        }
        at = next_mark(at + 1, end);
    }
    *text = bytes_of(at, (size_t)(end - at));
    return false;
}
