/* See plane_wire.h. A data frame is the concatenation of two encoded parts, header fields and
 * batch: protobuf reads a concatenation as one message, so a kept body travels again under a new
 * sequence number without being encoded again. */
#include "proto/plane_wire.h"

#include "common/mem.h"
#include "proto/pb_bytes.h"
#include "proto/plane.pb-c.h"

#include <assert.h>

enum { BUILDER_CAPACITY_MIN = 32 };

static bool read_batch(const Splitrail__Plane__Batch *from, struct plane_batch *ret_batch)
{
    size_t count = from->n_op;
    if (from->n_slot != count || from->n_gen != count || from->n_a != count || from->n_b != count ||
        from->n_len != count) {
        return false;
    }
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        total += from->len[i];
    }
    if (total != from->blob.len) {
        return false;
    }
    *ret_batch = (struct plane_batch){.op = from->op,
                                      .slot = from->slot,
                                      .gen = from->gen,
                                      .a = from->a,
                                      .b = from->b,
                                      .len = from->len,
                                      .count = count,
                                      .blob = pb_view(from->blob)};
    return true;
}

static struct plane_greeting read_hello(const Splitrail__Plane__Hello *hello)
{
    return (struct plane_greeting){.version = hello->version,
                                   .id = pb_view(hello->edge_id),
                                   .edge_incarnation = hello->edge_incarnation,
                                   .router_incarnation = hello->router_incarnation,
                                   .received = hello->received,
                                   .credit = hello->credit,
                                   .attempt = hello->attempt,
                                   .clock_ms = hello->clock_ms,
                                   .features = hello->features,
                                   .build = bytes_of_str(hello->build)};
}

static struct plane_greeting read_welcome(const Splitrail__Plane__Welcome *welcome)
{
    return (struct plane_greeting){.version = welcome->version,
                                   .id = pb_view(welcome->router_id),
                                   .router_incarnation = welcome->router_incarnation,
                                   .resumed = welcome->resumed,
                                   .received = welcome->received,
                                   .credit = welcome->credit,
                                   .heartbeat_ms = welcome->heartbeat_ms,
                                   .suspect_ms = welcome->suspect_ms,
                                   .dead_ms = welcome->dead_ms,
                                   .ticket_keys = pb_view(welcome->ticket_keys),
                                   .features = welcome->features,
                                   .build = bytes_of_str(welcome->build)};
}

static enum plane_refusal read_refusal(int code)
{
    switch (code) {
    case PLANE_REFUSE_VERSION:
        return PLANE_REFUSE_VERSION;
    case PLANE_REFUSE_FENCED:
        return PLANE_REFUSE_FENCED;
    case PLANE_REFUSE_BAD_HELLO:
        return PLANE_REFUSE_BAD_HELLO;
    case PLANE_REFUSE_LIMIT:
        return PLANE_REFUSE_LIMIT;
    default:
        return PLANE_REFUSE_UNKNOWN;
    }
}

static bool read_control(const Splitrail__Plane__Frame *from, struct plane_frame *frame)
{
    int kinds = (from->hello != NULL) + (from->welcome != NULL) + (from->refuse != NULL) +
                (from->reset != NULL) + (from->hold != 0);
    if (kinds > 1 || from->batch != NULL) {
        return false;
    }
    frame->kind = PLANE_FRAME_ACK;
    if (from->hello != NULL) {
        frame->kind = PLANE_FRAME_HELLO;
        frame->greeting = read_hello(from->hello);
    } else if (from->welcome != NULL) {
        frame->kind = PLANE_FRAME_WELCOME;
        frame->greeting = read_welcome(from->welcome);
    } else if (from->refuse != NULL) {
        frame->kind = PLANE_FRAME_REFUSE;
        frame->refusal = read_refusal((int)from->refuse->code);
        frame->text = bytes_of_str(from->refuse->text);
        frame->version = from->refuse->version;
    } else if (from->reset != NULL) {
        frame->kind = PLANE_FRAME_RESET;
        frame->router_incarnation = from->reset->router_incarnation;
    } else if (from->hold != 0) {
        frame->kind = PLANE_FRAME_HOLD;
    }
    return true;
}

bool plane_frame_read(struct arena *arena, struct bytes message, struct plane_frame *ret_frame)
{
    if (message.len == 0 || message.len > PLANE_FRAME_BYTES_MAX) {
        return false;
    }
    const Splitrail__Plane__Frame *from =
        splitrail__plane__frame__unpack(&arena->allocator, message.len, message.data);
    if (from == NULL) {
        return false;
    }
    struct plane_frame frame = {.seq = from->seq, .sent = from->sent, .ack = from->ack};
    if (from->seq != 0) {
        if (from->batch == NULL || from->hello != NULL || from->welcome != NULL ||
            from->refuse != NULL || from->reset != NULL || from->hold != 0 ||
            !read_batch(from->batch, &frame.batch)) {
            return false;
        }
        frame.kind = PLANE_FRAME_DATA;
    } else if (!read_control(from, &frame)) {
        return false;
    }
    *ret_frame = frame;
    return true;
}

bool plane_body_read(struct arena *arena, struct bytes body, struct plane_batch *ret_batch)
{
    const Splitrail__Plane__Frame *from =
        splitrail__plane__frame__unpack(&arena->allocator, body.len, body.data);
    return from != NULL && from->batch != NULL && read_batch(from->batch, ret_batch);
}

bool plane_batch_next(const struct plane_batch *batch, struct plane_cursor *cursor,
                      struct plane_op *ret_op)
{
    size_t i = cursor->index;
    if (i == batch->count) {
        return false;
    }
    *ret_op = (struct plane_op){.kind = (enum plane_op_kind)batch->op[i],
                                .slot = batch->slot[i],
                                .gen = batch->gen[i],
                                .a = batch->a[i],
                                .b = batch->b[i],
                                .bytes = bytes_slice(batch->blob, cursor->offset, batch->len[i])};
    cursor->index++;
    cursor->offset += batch->len[i];
    return true;
}

size_t plane_header_write(uint8_t out[PLANE_HEADER_MAX], uint64_t seq, uint64_t ack)
{
    Splitrail__Plane__Frame frame = SPLITRAIL__PLANE__FRAME__INIT;
    frame.seq = seq;
    frame.ack = ack;
    return splitrail__plane__frame__pack(&frame, out);
}

size_t plane_ack_write(uint8_t out[PLANE_HEADER_MAX], uint64_t sent, uint64_t ack)
{
    Splitrail__Plane__Frame frame = SPLITRAIL__PLANE__FRAME__INIT;
    frame.sent = sent;
    frame.ack = ack;
    size_t len = splitrail__plane__frame__pack(&frame, out);
    if (len == 0) {      /* proto3 leaves zeroes out, and an empty message is no message */
        out[0] = 2 << 3; /* field 2, varint */
        out[1] = 0;
        len = 2;
    }
    return len;
}

void plane_hello_write(const struct plane_greeting *hello, struct buf *out)
{
    Splitrail__Plane__Hello to = SPLITRAIL__PLANE__HELLO__INIT;
    Splitrail__Plane__Frame frame = SPLITRAIL__PLANE__FRAME__INIT;
    to.version = hello->version;
    to.edge_id = pb_binary(hello->id);
    to.edge_incarnation = hello->edge_incarnation;
    to.router_incarnation = hello->router_incarnation;
    to.received = hello->received;
    to.credit = hello->credit;
    to.build = (char *)(uintptr_t)SPLITRAIL_VERSION;
    to.attempt = hello->attempt;
    to.clock_ms = hello->clock_ms;
    to.features = hello->features;
    frame.hello = &to;
    pb_append(&frame.base, out);
}

void plane_welcome_write(const struct plane_greeting *welcome, struct buf *out)
{
    Splitrail__Plane__Welcome to = SPLITRAIL__PLANE__WELCOME__INIT;
    Splitrail__Plane__Frame frame = SPLITRAIL__PLANE__FRAME__INIT;
    to.version = welcome->version;
    to.router_id = pb_binary(welcome->id);
    to.router_incarnation = welcome->router_incarnation;
    to.resumed = welcome->resumed;
    to.received = welcome->received;
    to.credit = welcome->credit;
    to.heartbeat_ms = welcome->heartbeat_ms;
    to.suspect_ms = welcome->suspect_ms;
    to.dead_ms = welcome->dead_ms;
    to.ticket_keys = pb_binary(welcome->ticket_keys);
    to.features = welcome->features;
    to.build = (char *)(uintptr_t)SPLITRAIL_VERSION;
    frame.welcome = &to;
    pb_append(&frame.base, out);
}

void plane_refuse_write(enum plane_refusal refusal, const char *text, struct buf *out)
{
    Splitrail__Plane__Refuse to = SPLITRAIL__PLANE__REFUSE__INIT;
    Splitrail__Plane__Frame frame = SPLITRAIL__PLANE__FRAME__INIT;
    to.code = (Splitrail__Plane__Refuse__Code)refusal;
    to.text = (char *)(uintptr_t)text;
    to.version = PLANE_VERSION;
    frame.refuse = &to;
    pb_append(&frame.base, out);
}

void plane_reset_write(uint64_t router_incarnation, struct buf *out)
{
    Splitrail__Plane__Reset to = SPLITRAIL__PLANE__RESET__INIT;
    Splitrail__Plane__Frame frame = SPLITRAIL__PLANE__FRAME__INIT;
    to.router_incarnation = router_incarnation;
    frame.reset = &to;
    pb_append(&frame.base, out);
}

void plane_hold_write(uint64_t sent, uint64_t ack, struct buf *out)
{
    Splitrail__Plane__Frame frame = SPLITRAIL__PLANE__FRAME__INIT;
    frame.sent = sent;
    frame.ack = ack;
    frame.hold = 1;
    pb_append(&frame.base, out);
}

void plane_builder_init(struct plane_builder *builder, struct spares *spares)
{
    *builder = (struct plane_builder){.spares = spares};
    buf_init(&builder->blob, 0);
}

void plane_builder_fini(struct plane_builder *builder)
{
    mem_free(builder->op);
    mem_free(builder->slot);
    mem_free(builder->gen);
    mem_free(builder->a);
    mem_free(builder->b);
    mem_free(builder->len);
    buf_fini(&builder->blob);
    plane_builder_init(builder, builder->spares);
}

void plane_builder_trim(struct plane_builder *builder)
{
    if (builder->count == 0) {
        plane_builder_fini(builder);
    }
}

static void grow(struct plane_builder *builder)
{
    size_t capacity = builder->capacity == 0 ? (size_t)BUILDER_CAPACITY_MIN : builder->capacity * 2;
    builder->op = mem_resize(builder->op, capacity, sizeof(*builder->op));
    builder->slot = mem_resize(builder->slot, capacity, sizeof(*builder->slot));
    builder->gen = mem_resize(builder->gen, capacity, sizeof(*builder->gen));
    builder->a = mem_resize(builder->a, capacity, sizeof(*builder->a));
    builder->b = mem_resize(builder->b, capacity, sizeof(*builder->b));
    builder->len = mem_resize(builder->len, capacity, sizeof(*builder->len));
    builder->capacity = capacity;
}

void plane_builder_add(struct plane_builder *builder, const struct plane_op *op)
{
    assert(op->bytes.len <= UINT32_MAX && "limits keep operations small");
    if (builder->count == builder->capacity) {
        grow(builder);
    }
    size_t i = builder->count++;
    builder->op[i] = (uint32_t)op->kind;
    builder->slot[i] = op->slot;
    builder->gen[i] = op->gen;
    builder->a[i] = op->a;
    builder->b[i] = op->b;
    builder->len[i] = (uint32_t)op->bytes.len;
    buf_append(&builder->blob, op->bytes);
}

uint8_t *plane_builder_take(struct plane_builder *builder, size_t *ret_len)
{
    Splitrail__Plane__Batch to = SPLITRAIL__PLANE__BATCH__INIT;
    Splitrail__Plane__Frame frame = SPLITRAIL__PLANE__FRAME__INIT;
    to.n_op = to.n_slot = to.n_gen = to.n_a = to.n_b = to.n_len = builder->count;
    to.op = builder->op;
    to.slot = builder->slot;
    to.gen = builder->gen;
    to.a = builder->a;
    to.b = builder->b;
    to.len = builder->len;
    to.blob = pb_binary(buf_bytes(&builder->blob));
    frame.batch = &to;
    size_t len = splitrail__plane__frame__get_packed_size(&frame);
    uint8_t *body = spares_take(builder->spares, len);
    splitrail__plane__frame__pack(&frame, body);
    builder->count = 0;
    buf_clear(&builder->blob);
    *ret_len = len;
    return body;
}
