#include "tests/bench/load/compact_stamp.h"

#include <string.h>

/* "~", then fields of fixed width, six bits a letter. */
enum { LETTER_BITS = 6, LETTERS = COMPACT_STAMP_BYTES - 1 };
enum { PUBLISHER_BITS = 20, NUMBER_BITS = 24, TIME_BITS = 30, CHECK_BITS = 16 };
enum { LOW_BITS = CHECK_BITS + TIME_BITS, HIGH_BITS = PUBLISHER_BITS + NUMBER_BITS };

_Static_assert(LETTERS *LETTER_BITS == LOW_BITS + HIGH_BITS, "no bit is left over");

static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";

static uint64_t low(uint64_t value, unsigned bits)
{
    return value & ((UINT64_C(1) << bits) - 1);
}

/* The fields in two words of less than 64 bits. */
struct packed {
    uint64_t low;  /* time, check */
    uint64_t high; /* publisher, number */
};

static uint64_t check_of(uint64_t high, uint64_t time)
{
    uint64_t mixed = high * UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ (mixed >> 29) ^ time) * UINT64_C(0x9e3779b97f4a7c15);
    return mixed >> (64 - CHECK_BITS);
}

static struct packed pack(const struct stamp *stamp)
{
    uint64_t time = low(stamp->time_us, TIME_BITS);
    struct packed packed = {
        .high =
            low(stamp->publisher, PUBLISHER_BITS) << NUMBER_BITS | low(stamp->number, NUMBER_BITS),
    };
    packed.low = time << CHECK_BITS | check_of(packed.high, time);
    return packed;
}

/* The i-th six bits from below. */
static unsigned get_bits(const struct packed *packed, unsigned i)
{
    unsigned at = i * LETTER_BITS;
    uint64_t bits = 0;
    if (at >= LOW_BITS) {
        bits = packed->high >> (at - LOW_BITS);
    } else {
        bits = packed->low >> at;
        bits |= at + LETTER_BITS > LOW_BITS ? packed->high << (LOW_BITS - at) : 0;
    }
    return (unsigned)low(bits, LETTER_BITS);
}

static void put_bits(struct packed *packed, unsigned i, uint64_t bits)
{
    unsigned at = i * LETTER_BITS;
    if (at >= LOW_BITS) {
        packed->high |= bits << (at - LOW_BITS);
        return;
    }
    packed->low = low(packed->low | bits << at, LOW_BITS);
    if (at + LETTER_BITS > LOW_BITS) {
        packed->high |= bits >> (LOW_BITS - at);
    }
}

void compact_stamp_write(const struct stamp *stamp, uint8_t out[COMPACT_STAMP_BYTES])
{
    struct packed packed = pack(stamp);
    out[0] = '~';
    for (unsigned i = 0; i < LETTERS; i++) {
        out[1 + i] = (uint8_t)letters[get_bits(&packed, i)];
    }
}

static bool parse(const uint8_t *at, uint64_t now_us, struct stamp *ret_stamp)
{
    struct packed packed = {0};
    for (unsigned i = 0; i < LETTERS; i++) {
        const char *found = memchr(letters, at[1 + i], sizeof(letters) - 1);
        if (found == NULL) {
            return false;
        }
        put_bits(&packed, i, (uint64_t)(found - letters));
    }
    uint64_t time = packed.low >> CHECK_BITS;
    if (low(packed.low, CHECK_BITS) != check_of(packed.high, time)) {
        return false;
    }
    *ret_stamp = (struct stamp){
        .publisher = (uint32_t)(packed.high >> NUMBER_BITS),
        .number = low(packed.high, NUMBER_BITS),
        .time_us = now_us - low(now_us - time, TIME_BITS),
    };
    return true;
}

bool compact_stamp_take(struct bytes *text, uint64_t now_us, struct stamp *ret_stamp)
{
    const uint8_t *end = text->data + text->len;
    const uint8_t *at = text->data;
    while ((size_t)(end - at) >= COMPACT_STAMP_BYTES) {
        if (*at == '~' && parse(at, now_us, ret_stamp)) {
            at += COMPACT_STAMP_BYTES;
            *text = bytes_of(at, (size_t)(end - at));
            return true;
        }
        const uint8_t *found = memchr(at + 1, '~', (size_t)(end - at - 1));
        at = found == NULL ? end : found;
    }
    *text = bytes_of(at, (size_t)(end - at));
    return false;
}
