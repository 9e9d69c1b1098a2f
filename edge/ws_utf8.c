/* Two tables: what a first byte announces, and which bytes may come next in each state. Overlong
 * forms, surrogates and code points above U+10FFFF are all visible in the second byte, so they need
 * a state of their own only there (RFC 3629 section 4). The vector code only jumps over what is
 * surely good. */
#include "edge/ws_utf8.h"

#include <string.h>

enum state {
    BETWEEN,  /* no character begun */
    TAIL_1,   /* one more continuation byte */
    TAIL_2,   /* two more */
    TAIL_3,   /* three more */
    AFTER_E0, /* below A0 the form would be overlong */
    AFTER_ED, /* above 9F it would be a surrogate */
    AFTER_F0, /* below 90 the form would be overlong */
    AFTER_F4, /* above 8F it would pass U+10FFFF */
    INVALID,  /* for good */
    STATE_COUNT
};

struct first_row {
    uint8_t last; /* the row covers the bytes after the row before, up to this one */
    uint8_t next;
};

static const struct first_row first_rows[] = {
    {0x7F, BETWEEN}, {0xC1, INVALID},  {0xDF, TAIL_1},  {0xE0, AFTER_E0},
    {0xEC, TAIL_2},  {0xED, AFTER_ED}, {0xEF, TAIL_2},  {0xF0, AFTER_F0},
    {0xF3, TAIL_3},  {0xF4, AFTER_F4}, {0xFF, INVALID},
};

struct next_row {
    uint8_t low;
    uint8_t high;
    uint8_t next;
};

/* BETWEEN is not looked up here; INVALID accepts no byte. */
static const struct next_row next_rows[] = {
    [BETWEEN] = {1, 0, INVALID},       [TAIL_1] = {0x80, 0xBF, BETWEEN},
    [TAIL_2] = {0x80, 0xBF, TAIL_1},   [TAIL_3] = {0x80, 0xBF, TAIL_2},
    [AFTER_E0] = {0xA0, 0xBF, TAIL_1}, [AFTER_ED] = {0x80, 0x9F, TAIL_1},
    [AFTER_F0] = {0x90, 0xBF, TAIL_2}, [AFTER_F4] = {0x80, 0x8F, TAIL_2},
    [INVALID] = {1, 0, INVALID},
};
_Static_assert(sizeof(next_rows) / sizeof(next_rows[0]) == STATE_COUNT, "one row per state");

static uint8_t begin(uint8_t byte)
{
    size_t row = 0;
    while (byte > first_rows[row].last) {
        row++;
    }
    return first_rows[row].next;
}

static uint8_t go_on(uint8_t state, uint8_t byte)
{
    const struct next_row *row = &next_rows[state];
    return byte >= row->low && byte <= row->high ? row->next : (uint8_t)INVALID;
}

/* Number of bytes from `at` that lie in words of eight ASCII bytes. */
static size_t ascii_run(struct bytes bytes, size_t at)
{
    const uint64_t high_bits = 0x8080808080808080U;
    size_t start = at;
    while (bytes.len - at >= sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, bytes.data + at, sizeof(word));
        if ((word & high_bits) != 0) {
            break;
        }
        at += sizeof(word);
    }
    return at - start;
}

/* Bytes at the start with which the character that is open ends, or the first that is bad. */
static size_t close_character(struct bytes bytes, uint8_t *state)
{
    size_t at = 0;
    while (at < bytes.len && *state != BETWEEN && *state != INVALID) {
        *state = go_on(*state, bytes.data[at++]);
    }
    return at;
}

bool ws_utf8_feed_with(enum ws_vector vector, struct ws_utf8 *utf8, struct bytes bytes)
{
    uint8_t state = utf8->state;
    size_t at = close_character(bytes, &state);
    if (state == BETWEEN && at < bytes.len) {
        at += ws_vector_utf8(vector, bytes.data + at, bytes.len - at);
    }
    while (at < bytes.len && state != INVALID) {
        if (state == BETWEEN && bytes.data[at] < 0x80) {
            size_t run = ascii_run(bytes, at);
            at += run == 0 ? 1 : run;
            continue;
        }
        state = state == BETWEEN ? begin(bytes.data[at]) : go_on(state, bytes.data[at]);
        at++;
    }
    utf8->state = state;
    return state != INVALID;
}

bool ws_utf8_feed(struct ws_utf8 *utf8, struct bytes bytes)
{
    return ws_utf8_feed_with(ws_vector_best(), utf8, bytes);
}

bool ws_utf8_valid(struct bytes bytes)
{
    struct ws_utf8 utf8 = {0};
    return ws_utf8_feed(&utf8, bytes) && ws_utf8_complete(&utf8);
}
