/* Frames of RFC 6455 section 5, server side: headers in (masked) and out (unmasked). Pure. */
#ifndef EDGE_WS_FRAME_H
#define EDGE_WS_FRAME_H

#include "common/bytes.h"
#include "edge/ws_vector.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ws_opcode {
    WS_OP_CONTINUATION = 0x0,
    WS_OP_TEXT = 0x1,
    WS_OP_BINARY = 0x2,
    WS_OP_CLOSE = 0x8,
    WS_OP_PING = 0x9,
    WS_OP_PONG = 0xA
};

enum { WS_FRAME_HEADER_MAX = 10, WS_CONTROL_PAYLOAD_MAX = 125 };

/* Writes the header of an unmasked, final frame; returns its length (2, 4 or 10). */
size_t ws_frame_header(uint8_t out[WS_FRAME_HEADER_MAX], enum ws_opcode opcode, uint64_t len);

/* Unmasks in place; `phase` is the payload offset of data[0] modulo 4 (RFC 6455 section 5.3). */
void ws_frame_unmask(uint8_t *data, size_t len, const uint8_t mask[4], unsigned phase);

/* The same with the given vector code (at most ws_vector_best()), for tests. */
void ws_frame_unmask_with(enum ws_vector vector, uint8_t *data, size_t len, const uint8_t mask[4],
                          unsigned phase);

#endif
