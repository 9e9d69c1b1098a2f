/* Changes a protobuf message field by field, on any depth, and writes lengths anew. What is no
 * message is changed as bytes. */
#ifndef TESTS_FUZZ_MUTATE_PB_H
#define TESTS_FUZZ_MUTATE_PB_H

#include "tests/fuzz/mutate.h"

enum { MUTATE_FIELDS_MAX = 64, MUTATE_DEPTH_MAX = 4, MUTATE_PB_BYTES_MAX = 16384 };

enum mutate_wire { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

struct mutate_field {
    uint32_t number;
    enum mutate_wire wire;
    uint64_t value;
    struct buf bytes;
};

struct mutate_message {
    struct mutate_field fields[MUTATE_FIELDS_MAX];
    size_t count;
};

static inline bool mutate_varint_read(struct bytes *in, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 10 && i < in->len; i++) {
        value |= (uint64_t)(in->data[i] & 0x7F) << (7 * i);
        if ((in->data[i] & 0x80) == 0) {
            *in = bytes_slice(*in, i + 1, in->len);
            *ret_value = value;
            return true;
        }
    }
    return false;
}

static inline void mutate_varint_write(uint64_t value, struct buf *out)
{
    for (; value >= 0x80; value >>= 7) {
        buf_append_byte(out, (uint8_t)(value | 0x80));
    }
    buf_append_byte(out, (uint8_t)value);
}

static inline uint64_t mutate_fixed_read(struct bytes *in, size_t len)
{
    uint64_t value = 0;
    for (size_t i = 0; i < len && i < in->len; i++) {
        value |= (uint64_t)in->data[i] << (8 * i);
    }
    *in = bytes_slice(*in, len, in->len);
    return value;
}

static inline bool mutate_field_read(struct bytes *in, struct mutate_field *field)
{
    uint64_t tag = 0;
    if (!mutate_varint_read(in, &tag) || tag >> 3 == 0 || tag >> 3 > 1000) {
        return false;
    }
    field->number = (uint32_t)(tag >> 3);
    field->wire = (enum mutate_wire)(tag & 7);
    field->value = 0;
    switch (field->wire) {
    case WIRE_VARINT:
        return mutate_varint_read(in, &field->value);
    case WIRE_64:
    case WIRE_32:
        field->value = mutate_fixed_read(in, field->wire == WIRE_64 ? 8 : 4);
        return true;
    case WIRE_BYTES:
        if (!mutate_varint_read(in, &field->value) || field->value > in->len) {
            return false;
        }
        buf_append(&field->bytes, bytes_slice(*in, 0, (size_t)field->value));
        *in = bytes_slice(*in, (size_t)field->value, in->len);
        return true;
    }
    return false;
}

/* False when the bytes are no message as a whole. */
static inline bool mutate_message_read(struct bytes in, struct mutate_message *message)
{
    while (in.len != 0) {
        if (message->count == MUTATE_FIELDS_MAX) {
            return false;
        }
        struct mutate_field *field = &message->fields[message->count];
        buf_init(&field->bytes, MUTATE_PB_BYTES_MAX);
        if (!mutate_field_read(&in, field)) {
            buf_fini(&field->bytes);
            return false;
        }
        message->count++;
    }
    return true;
}

static inline void mutate_message_fini(struct mutate_message *message)
{
    for (size_t i = 0; i < message->count; i++) {
        buf_fini(&message->fields[i].bytes);
    }
}

static inline void mutate_message_write(const struct mutate_message *message, struct buf *out)
{
    for (size_t i = 0; i < message->count; i++) {
        const struct mutate_field *field = &message->fields[i];
        mutate_varint_write((uint64_t)field->number << 3 | field->wire, out);
        if (field->wire == WIRE_VARINT) {
            mutate_varint_write(field->value, out);
        } else if (field->wire == WIRE_BYTES) {
            mutate_varint_write(field->bytes.len, out);
            buf_append(out, buf_bytes(&field->bytes));
        } else {
            for (unsigned k = 0; k < (field->wire == WIRE_64 ? 8U : 4U); k++) {
                buf_append_byte(out, (uint8_t)(field->value >> (8 * k)));
            }
        }
    }
}

static inline uint64_t mutate_number(struct rng *rng)
{
    static const uint64_t numbers[] = {0,          1,          2,           127,        128,
                                       255,        65535,      INT32_MAX,   0x80000000, UINT32_MAX,
                                       1U << 24,   INT64_MAX,  UINT64_MAX,  1000,       3,
                                       1ULL << 63, 1ULL << 32, 0xFFFFFFFF0, 27,         26};
    return rng_below(rng, 4) == 0 ? rng_below(rng, 32)
                                  : numbers[rng_below(rng, sizeof(numbers) / sizeof(numbers[0]))];
}

static inline void mutate_field_copy(struct mutate_message *message,
                                     const struct mutate_field *from)
{
    if (message->count == MUTATE_FIELDS_MAX) {
        return;
    }
    struct mutate_field *to = &message->fields[message->count++];
    *to = *from;
    buf_init(&to->bytes, MUTATE_PB_BYTES_MAX);
    buf_append(&to->bytes, buf_bytes(&from->bytes));
}

static inline void mutate_field_new(struct mutate_message *message, struct rng *rng)
{
    static const enum mutate_wire wires[] = {WIRE_VARINT, WIRE_BYTES, WIRE_BYTES, WIRE_64, WIRE_32};
    struct mutate_field field = {.number = 1 + rng_below(rng, 16),
                                 .wire = wires[rng_below(rng, 5)],
                                 .value = mutate_number(rng)};
    mutate_field_copy(message, &field);
    if (field.wire == WIRE_BYTES && message->count != 0) {
        buf_append_str(&message->fields[message->count - 1].bytes, "ab\xC3\xA9");
    }
}

static inline void mutate_pb_at(struct rng *rng, unsigned depth, struct bytes in, struct buf *out);

static inline void mutate_field_content(struct mutate_field *field, struct rng *rng, unsigned depth)
{
    struct buf made;
    if (field->wire != WIRE_BYTES) {
        field->value = mutate_number(rng);
    } else if (rng_below(rng, 4) == 0) {
        mutate_varint_write(mutate_number(rng), &field->bytes); /* one more in a packed array */
    } else {
        buf_init(&made, MUTATE_PB_BYTES_MAX);
        mutate_pb_at(rng, depth + 1, buf_bytes(&field->bytes), &made);
        mutate_set(&field->bytes, buf_bytes(&made));
        buf_fini(&made);
    }
}

static inline void mutate_one_field(struct mutate_message *message, struct rng *rng, unsigned depth)
{
    size_t at = rng_below(rng, (uint32_t)message->count);
    struct mutate_field *field = &message->fields[at];
    struct mutate_field kept = *field;
    switch (rng_below(rng, 10)) {
    case 0:
        mutate_field_copy(message, field);
        break;
    case 1:
        buf_fini(&field->bytes);
        message->count--;
        memmove(field, field + 1, (message->count - at) * sizeof(*field));
        break;
    case 2:
        *field = message->fields[message->count - 1];
        message->fields[message->count - 1] = kept;
        break;
    case 3:
        field->number = 1 + rng_below(rng, 16);
        break;
    case 4:
        mutate_field_new(message, rng);
        break;
    default:
        mutate_field_content(field, rng, depth);
    }
}

static inline void mutate_pb_at(struct rng *rng, unsigned depth, struct bytes in, struct buf *out)
{
    struct mutate_message *message = mem_new(1, sizeof(*message));
    bool whole = mutate_message_read(in, message);
    if (depth == MUTATE_DEPTH_MAX || !whole || (depth != 0 && rng_below(rng, 4) == 0)) {
        buf_append(out, in);
        mutate_bytes(out);
    } else if (message->count == 0) {
        mutate_field_new(message, rng);
        mutate_message_write(message, out);
    } else {
        mutate_one_field(message, rng, depth);
        mutate_message_write(message, out);
    }
    mutate_message_fini(message);
    mem_free(message);
}

/* A whole mutator, for inputs that are one message. */
static inline size_t mutate_pb_input(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    struct rng rng = {seed};
    struct buf made;
    if (rng_below(&rng, 8) == 0) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    buf_init(&made, 0);
    mutate_pb_at(&rng, 0, bytes_of(data, size), &made);
    size_t len = mutate_finish(&made, data, max_size);
    buf_fini(&made);
    return len;
}

#endif
