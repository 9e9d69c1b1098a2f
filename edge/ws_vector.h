/* Vector forms of the two loops that touch every byte of a message: unmasking and the UTF-8 check.
 * They take as much of the input as fits their steps; what is left, and every verdict "bad", is for
 * the plain code in ws_frame.c and ws_utf8.c, which so stays the one definition of what is right.
 * Pure. */
#ifndef EDGE_WS_VECTOR_H
#define EDGE_WS_VECTOR_H

#include <stddef.h>
#include <stdint.h>

enum ws_vector {
    WS_VECTOR_NONE,
    WS_VECTOR_SSSE3, /* 16 bytes at a time */
    WS_VECTOR_AVX2,  /* 32 */
    WS_VECTOR_COUNT
};

/* The best that this processor has. */
enum ws_vector ws_vector_best(void);

/* XORs whole steps of `data` with the mask, whose first byte belongs to data[0]; gives the number
 * of bytes done, a multiple of 4. `vector` must be at most ws_vector_best(). */
size_t ws_vector_unmask(enum ws_vector vector, uint8_t *data, size_t len, const uint8_t mask[4]);

/* `data` begins between two characters. Gives the length of a beginning of it that is valid UTF-8
 * and ends between two characters; whether the byte behind it is bad is not said. */
size_t ws_vector_utf8(enum ws_vector vector, const uint8_t *data, size_t len);

#endif
