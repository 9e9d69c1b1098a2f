/* What the vector code leaves is unmasked eight bytes at a time: since 8 is a multiple of the
 * mask's 4, one rotated copy of the mask serves all words, whatever the alignment (loads and stores
 * go through memcpy). */
#include "edge/ws_frame.h"

#include <string.h>

enum { FINAL_BIT = 0x80, LENGTH_16 = 126, LENGTH_64 = 127, WORD = sizeof(uint64_t) };

static void put_big_endian(uint8_t *out, uint64_t value, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)(value >> (8 * (len - 1 - i)));
    }
}

size_t ws_frame_header(uint8_t out[WS_FRAME_HEADER_MAX], enum ws_opcode opcode, uint64_t len)
{
    /* RFC 6455 section 5.2: the minimal number of bytes must be used to encode the length. */
    out[0] = (uint8_t)(FINAL_BIT | opcode);
    if (len < LENGTH_16) {
        out[1] = (uint8_t)len;
        return 2;
    }
    if (len <= UINT16_MAX) {
        out[1] = LENGTH_16;
        put_big_endian(out + 2, len, 2);
        return 4;
    }
    out[1] = LENGTH_64;
    put_big_endian(out + 2, len, 8);
    return 10;
}

void ws_frame_unmask_with(enum ws_vector vector, uint8_t *data, size_t len, const uint8_t mask[4],
                          unsigned phase)
{
    uint8_t pattern[WORD];
    for (unsigned i = 0; i < WORD; i++) {
        pattern[i] = mask[(phase + i) % 4];
    }
    uint64_t key;
    memcpy(&key, pattern, WORD);
    size_t at = ws_vector_unmask(vector, data, len, pattern);
    for (; len - at >= WORD; at += WORD) {
        uint64_t word;
        memcpy(&word, data + at, WORD);
        word ^= key;
        memcpy(data + at, &word, WORD);
    }
    for (size_t i = 0; at + i < len; i++) {
        data[at + i] ^= pattern[i];
    }
}

void ws_frame_unmask(uint8_t *data, size_t len, const uint8_t mask[4], unsigned phase)
{
    ws_frame_unmask_with(ws_vector_best(), data, len, mask, phase);
}
