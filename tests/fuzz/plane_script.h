/* Makes frames between the planes out of fuzz input: each record is raw bytes, a control frame, or
 * a well-formed data frame whose operations come from the input, so that the fuzzer gets past the
 * decoder into what acts upon it. */
#ifndef TESTS_FUZZ_PLANE_SCRIPT_H
#define TESTS_FUZZ_PLANE_SCRIPT_H

#include "common/buf.h"
#include "common/digest.h"
#include "common/mem.h"
#include "proto/plane_digest.h"
#include "proto/plane_wire.h"

/* Where the numbers of the plane's questions begin. */
#define SCRIPT_ROUTER 7
#define SCRIPT_QUESTIONS ((uint64_t)SCRIPT_ROUTER << 32)

struct plane_script {
    const uint8_t *data;
    size_t len;
    uint64_t seq;
};

static inline uint8_t script_byte(struct plane_script *script)
{
    if (script->len == 0) {
        return 0;
    }
    script->len--;
    return *script->data++;
}

static inline struct bytes script_bytes(struct plane_script *script, size_t max)
{
    size_t len = script_byte(script);
    len = len > max ? max : len;
    len = len > script->len ? script->len : len;
    struct bytes taken = bytes_of(script->data, len);
    script->data += len;
    script->len -= len;
    return taken;
}

/* Bytes of an operation: raw, or a record of the right shape with fuzzed content. */
static inline void script_op_bytes(struct plane_script *script, struct buf *out)
{
    uint8_t shape = script_byte(script) % 7;
    struct bytes text = script_bytes(script, 200);
    uint32_t locals[2] = {script_byte(script) % 8, script_byte(script) % 8};
    buf_clear(out);
    switch (shape) {
    case 0:
        plane_open_write(&(struct plane_open){.token = text, .token_source = locals[0]}, out);
        break;
    case 1:
        plane_closed_write(&(struct plane_closed){.code = locals[0], .reason = text}, out);
        break;
    case 2:
        plane_group_record_write(
            &(struct plane_group_record){.kind = locals[0], .name = text, .epoch = locals[1]}, out);
        break;
    case 3: {
        struct buf record;
        buf_init(&record, 0);
        plane_session_record_write(&(struct plane_session_record){.user = text}, &record);
        plane_announce_conn_write(&(struct plane_announce_conn){.record = buf_bytes(&record),
                                                                .locals = locals,
                                                                .local_count = 2},
                                  out);
        buf_fini(&record);
        break;
    }
    case 4: {
        uint64_t sums[DIGEST_BUCKETS] = {locals[0] == 0, locals[1], text.len};
        plane_digest_write(&(struct plane_digest){.sums = sums, .count = DIGEST_BUCKETS}, out);
        break;
    }
    case 5: {
        uint32_t slots[2] = {locals[0], locals[0] + DIGEST_BUCKETS};
        uint32_t gens[2] = {1, locals[1]};
        uint32_t counts[2] = {0, locals[1] % 2};
        uint64_t group = script_byte(script) | UINT64_C(1) << 32;
        plane_listing_write(
            &(struct plane_listing){.slots = slots,
                                    .gens = gens,
                                    .group_counts = counts,
                                    .conn_count = locals[1] % 3,
                                    .groups = &group,
                                    .group_count = locals[1] % 3 == 2 ? counts[1] : 0},
            out);
        break;
    }
    default:
        buf_append(out, text);
        break;
    }
}

static inline void script_data_frame(struct plane_script *script, struct buf *out)
{
    struct plane_builder builder;
    struct buf bytes;
    plane_builder_init(&builder, NULL);
    buf_init(&bytes, 0);
    for (int ops = 1 + script_byte(script) % 8; ops != 0; ops--) {
        uint8_t kind = script_byte(script);
        struct plane_op op = {.kind = (enum plane_op_kind)(kind % (OP_GROUP_ROSTER + 1)),
                              .slot = script_byte(script) % 8,
                              .gen = script_byte(script) % 4,
                              .a = script_byte(script) % 12,
                              .b = script_byte(script)};
        op.a += op.kind == OP_DIGEST ? SCRIPT_QUESTIONS : 0;
        script_op_bytes(script, &bytes);
        op.bytes = buf_bytes(&bytes);
        plane_builder_add(&builder, &op);
    }
    uint8_t header[PLANE_HEADER_MAX];
    uint8_t jump = script_byte(script);
    script->seq += jump < 250 ? 1 : 2;
    size_t len = plane_header_write(header, script->seq, script_byte(script) % 4);
    buf_append(out, bytes_of(header, len));
    uint8_t *body = plane_builder_take(&builder, &len);
    buf_append(out, bytes_of(body, len));
    mem_free(body);
    plane_builder_fini(&builder);
    buf_fini(&bytes);
}

/* The next frame into `out`; false when the input is used up. */
static inline bool script_frame(struct plane_script *script, struct buf *out)
{
    if (script->len == 0) {
        return false;
    }
    buf_clear(out);
    uint8_t kind = script_byte(script);
    uint8_t ack[PLANE_HEADER_MAX];
    switch (kind % 8) {
    case 0:
        buf_append(out, script_bytes(script, 255));
        break;
    case 1:
        buf_append(out, bytes_of(ack, plane_ack_write(ack, script_byte(script) % 4,
                                                      script_byte(script) % 4)));
        break;
    case 2:
        plane_reset_write(script_byte(script), out);
        break;
    default:
        script_data_frame(script, out);
        break;
    }
    return true;
}

#endif
