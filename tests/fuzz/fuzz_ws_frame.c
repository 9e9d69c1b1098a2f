/* Unmasking and the UTF-8 check against versions that take one byte at a time, and each vector code
 * that this machine has against the plain one.
 * Input: mask (4), phase (1), cut (1), payload. */
#include "common/mem.h"
#include "edge/ws_frame.h"
#include "edge/ws_utf8.h"
#include "tests/support/fuzz.h"

#include <assert.h>
#include <string.h>

enum { PREFIX = 6 };

static void check_unmask(const uint8_t *mask, unsigned phase, size_t cut, struct bytes payload)
{
    uint8_t *whole = mem_copy(payload);
    uint8_t *pieces = mem_copy(payload);
    ws_frame_unmask(whole, payload.len, mask, phase);
    ws_frame_unmask(pieces, cut, mask, phase);
    ws_frame_unmask(pieces + cut, payload.len - cut, mask, (unsigned)((phase + cut) % 4));
    for (size_t i = 0; i < payload.len; i++) {
        assert(whole[i] == (payload.data[i] ^ mask[(phase + i) % 4]));
        assert(whole[i] == pieces[i]);
    }
    mem_free(whole);
    mem_free(pieces);
}

/* RFC 3629 by code points: length of the character at the start, 0 if there is none. */
static size_t naive_character(struct bytes text)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t first = text.data[0];
    size_t len = first < 0x80           ? 1
                 : (first >> 5) == 0x06 ? 2
                 : (first >> 4) == 0x0E ? 3
                 : (first >> 3) == 0x1E ? 4
                                        : 0;
    if (len == 0 || len > text.len) {
        return 0;
    }
    uint32_t point = len == 1 ? first : first & (0x7FU >> len);
    for (size_t i = 1; i < len; i++) {
        if (text.data[i] >> 6 != 2) {
            return 0;
        }
        point = point << 6 | (text.data[i] & 0x3FU);
    }
    bool wrong = point < least[len] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF);
    return wrong ? 0 : len;
}

static bool naive_valid(struct bytes text)
{
    while (text.len != 0) {
        size_t len = naive_character(text);
        if (len == 0) {
            return false;
        }
        text = bytes_slice(text, len, text.len);
    }
    return true;
}

static void check_utf8(size_t cut, struct bytes text)
{
    bool valid = ws_utf8_valid(text);
    assert(valid == naive_valid(text));
    struct ws_utf8 utf8 = {0};
    bool head = ws_utf8_feed(&utf8, bytes_slice(text, 0, cut));
    bool tail = ws_utf8_feed(&utf8, bytes_slice(text, cut, text.len));
    assert((head && tail && ws_utf8_complete(&utf8)) == valid);
    assert(head || !tail); /* bad once, bad for good */
}

static void check_vectors(const uint8_t *mask, unsigned phase, size_t cut, struct bytes payload)
{
    uint8_t *plain = mem_copy(payload);
    struct ws_utf8 plain_utf8 = {0};
    ws_frame_unmask_with(WS_VECTOR_NONE, plain, payload.len, mask, phase);
    bool plain_good = ws_utf8_feed_with(WS_VECTOR_NONE, &plain_utf8, payload);
    for (int i = WS_VECTOR_NONE + 1; i <= (int)ws_vector_best(); i++) {
        enum ws_vector vector = (enum ws_vector)i;
        uint8_t *fast = mem_copy(payload);
        struct ws_utf8 fast_utf8 = {0};
        bool good = ws_utf8_feed_with(vector, &fast_utf8, bytes_slice(payload, 0, cut)) &&
                    ws_utf8_feed_with(vector, &fast_utf8, bytes_slice(payload, cut, payload.len));
        assert(good == plain_good && fast_utf8.state == plain_utf8.state);
        ws_frame_unmask_with(vector, fast, payload.len, mask, phase);
        assert(payload.len == 0 || memcmp(fast, plain, payload.len) == 0);
        mem_free(fast);
    }
    mem_free(plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < PREFIX) {
        return 0;
    }
    struct bytes payload = bytes_of(data + PREFIX, size - PREFIX);
    size_t cut = data[5] % (payload.len + 1);
    check_unmask(data, data[4] % 4U, cut, payload);
    check_utf8(cut, payload);
    check_vectors(data, data[4] % 4U, cut, payload);
    return 0;
}
