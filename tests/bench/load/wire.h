/* The client's side of RFC 6455: request, answer, masked frames out, plain frames in. Pure. */
#ifndef BENCH_LOAD_WIRE_H
#define BENCH_LOAD_WIRE_H

#include "common/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum wire_opcode {
    WIRE_CONTINUATION = 0x0,
    WIRE_TEXT = 0x1,
    WIRE_BINARY = 0x2,
    WIRE_CLOSE = 0x8,
    WIRE_PING = 0x9,
    WIRE_PONG = 0xA
};

enum wire_result { WIRE_DONE, WIRE_MORE, WIRE_BAD };

struct wire_frame {
    bool fin;
    uint8_t opcode;
    struct bytes payload; /* in the input */
    size_t total;         /* bytes of the whole frame */
};

/* Request of section 4.1. `host` and `target` as they stand in it, `more` is complete lines. Every
 * connection of a load generator may have the same key. */
void wire_request(struct bytes host, struct bytes target, struct bytes more, struct buf *out);

/* Judges the answer to wire_request: DONE when it is an upgrade (`ret_len` = bytes of the head),
 * BAD when it is anything else (`ret_status` = its HTTP status, 0 = none). */
enum wire_result wire_answer(struct bytes input, size_t *ret_len, unsigned *ret_status);

/* One frame at the start of `input`. BAD: masked, reserved bits, or longer than `max`. */
enum wire_result wire_parse(struct bytes input, size_t max, struct wire_frame *ret_frame);

/* A final, masked frame. */
void wire_append(struct buf *out, enum wire_opcode opcode, struct bytes payload, uint32_t mask);

/* The code of a close frame's payload; 1005 when it has none (section 7.1.5). */
unsigned wire_close_code(struct bytes payload);

#endif
