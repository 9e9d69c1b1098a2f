/* proto/plane_wire: frames and batches between the planes. */
#include "common/mem.h"
#include "proto/plane_wire.h"
#include "tests/support/check_main.h"
#include "tests/support/rng.h"
#include "tests/support/split.h"

static struct arena arena;

static void setup(void)
{
    arena_init(&arena, 1 << 24);
}

static void teardown(void)
{
    arena_fini(&arena);
}

/* A data frame with three operations, appended to `out`. */
static void make_data_frame(struct buf *out)
{
    struct plane_builder builder;
    plane_builder_init(&builder, NULL);
    plane_builder_add(&builder, &(struct plane_op){OP_TEXT, 7, 3, 11, 0, BYTES_LIT("hello")});
    plane_builder_add(&builder, &(struct plane_op){OP_DELIVER, 0, 0, UINT64_MAX, 42, BYTES_EMPTY});
    plane_builder_add(&builder, &(struct plane_op){OP_CLOSE, 1, 2, 1012, 0, BYTES_LIT("bye")});
    uint8_t header[PLANE_HEADER_MAX];
    size_t len = plane_header_write(header, 9, 5);
    buf_append(out, bytes_of(header, len));
    uint8_t *body = plane_builder_take(&builder, &len);
    buf_append(out, bytes_of(body, len));
    mem_free(body);
    plane_builder_fini(&builder);
}

START_TEST(a_batch_comes_out_as_it_went_in)
{
    struct buf out;
    struct plane_frame frame;
    struct plane_cursor cursor = {0};
    struct plane_op op;
    buf_init(&out, 0);
    make_data_frame(&out);
    ck_assert(plane_frame_read(&arena, buf_bytes(&out), &frame));
    ck_assert_int_eq(frame.kind, PLANE_FRAME_DATA);
    ck_assert_uint_eq(frame.seq, 9);
    ck_assert_uint_eq(frame.ack, 5);
    ck_assert(plane_batch_next(&frame.batch, &cursor, &op));
    ck_assert(op.kind == OP_TEXT && op.slot == 7 && op.gen == 3 && op.a == 11);
    ck_assert(bytes_equal(op.bytes, BYTES_LIT("hello")));
    ck_assert(plane_batch_next(&frame.batch, &cursor, &op));
    ck_assert(op.kind == OP_DELIVER && op.a == UINT64_MAX && op.b == 42 && op.bytes.len == 0);
    ck_assert(plane_batch_next(&frame.batch, &cursor, &op));
    ck_assert(bytes_equal(op.bytes, BYTES_LIT("bye")));
    ck_assert(!plane_batch_next(&frame.batch, &cursor, &op));
    buf_fini(&out);
}
END_TEST

START_TEST(a_heartbeat_is_never_empty)
{
    uint8_t out[PLANE_HEADER_MAX];
    struct plane_frame frame;
    size_t len = plane_ack_write(out, 0, 0);
    ck_assert_uint_gt(len, 0);
    ck_assert(plane_frame_read(&arena, bytes_of(out, len), &frame));
    ck_assert_int_eq(frame.kind, PLANE_FRAME_ACK);
    ck_assert_uint_eq(frame.ack, 0);
}
END_TEST

static const struct {
    size_t current;
    size_t previous;
    bool ok;
} ticket_key_rows[] = {
    {PLANE_TICKET_KEY_BYTES, 0, true},
    {PLANE_TICKET_KEY_BYTES, PLANE_TICKET_KEY_BYTES, true},
    {0, 0, false},
    {0, PLANE_TICKET_KEY_BYTES, false},
    {PLANE_TICKET_KEY_BYTES - 1, 0, false},
    {PLANE_TICKET_KEY_BYTES + 1, 0, false},
    {PLANE_TICKET_KEY_BYTES, 1, false},
    {PLANE_TICKET_KEY_BYTES, PLANE_TICKET_KEY_BYTES + 1, false},
};

START_TEST(ticket_keys_are_read_when_they_are_of_the_right_length)
{
    uint8_t current[PLANE_TICKET_KEY_BYTES + 1];
    uint8_t previous[PLANE_TICKET_KEY_BYTES + 1];
    struct plane_ticket_keys read;
    struct buf out;
    memset(current, 1, sizeof(current));
    memset(previous, 2, sizeof(previous));
    struct plane_ticket_keys keys = {.current = bytes_of(current, ticket_key_rows[_i].current),
                                     .previous = bytes_of(previous, ticket_key_rows[_i].previous),
                                     .age_ms = 77};
    buf_init(&out, 0);
    plane_ticket_keys_write(&keys, &out);
    bool ok = plane_ticket_keys_read(&arena, buf_bytes(&out), &read);
    ck_assert_int_eq(ok, ticket_key_rows[_i].ok);
    if (ok) {
        ck_assert(bytes_equal(read.current, keys.current));
        ck_assert(bytes_equal(read.previous, keys.previous));
        ck_assert_uint_eq(read.age_ms, 77);
        ck_assert(!plane_ticket_keys_read(&arena, bytes_slice(buf_bytes(&out), 0, 50), &read));
    }
    buf_fini(&out);
}
END_TEST

START_TEST(greetings_come_out_as_they_went_in)
{
    struct buf out;
    struct plane_frame frame;
    buf_init(&out, 0);
    struct plane_greeting hello = {.version = PLANE_VERSION,
                                   .id = BYTES_LIT("edge-1"),
                                   .edge_incarnation = 1,
                                   .router_incarnation = UINT64_MAX,
                                   .received = 3,
                                   .credit = 4};
    plane_hello_write(&hello, &out);
    ck_assert(plane_frame_read(&arena, buf_bytes(&out), &frame));
    ck_assert_int_eq(frame.kind, PLANE_FRAME_HELLO);
    ck_assert(bytes_equal(frame.greeting.id, hello.id));
    ck_assert_uint_eq(frame.greeting.router_incarnation, UINT64_MAX);
    ck_assert_uint_eq(frame.greeting.received, 3);
    buf_clear(&out);
    struct plane_greeting welcome = {.version = PLANE_VERSION,
                                     .id = BYTES_LIT("router"),
                                     .router_incarnation = 9,
                                     .ticket_keys = BYTES_LIT("secret")};
    plane_welcome_write(&welcome, &out);
    ck_assert(plane_frame_read(&arena, buf_bytes(&out), &frame));
    ck_assert_int_eq(frame.kind, PLANE_FRAME_WELCOME);
    ck_assert(bytes_equal(frame.greeting.ticket_keys, welcome.ticket_keys));
    buf_clear(&out);
    plane_refuse_write(PLANE_REFUSE_FENCED, "why", &out);
    ck_assert(plane_frame_read(&arena, buf_bytes(&out), &frame));
    ck_assert_int_eq(frame.kind, PLANE_FRAME_REFUSE);
    ck_assert_int_eq(frame.refusal, PLANE_REFUSE_FENCED);
    ck_assert(bytes_equal(frame.text, BYTES_LIT("why")));
    buf_fini(&out);
}
END_TEST

static void read_head_only(void *ctx, struct bytes head, struct bytes tail)
{
    struct plane_frame frame;
    (void)ctx;
    arena_reset(&arena);
    bool whole = plane_frame_read(&arena, head, &frame);
    /* The first six bytes are a frame of their own kind: seq without a batch is refused too. */
    ck_assert(whole == (tail.len == 0));
}

START_TEST(a_data_frame_cut_anywhere_is_refused)
{
    struct buf out;
    buf_init(&out, 0);
    make_data_frame(&out);
    split_each(buf_bytes(&out), read_head_only, NULL);
    buf_fini(&out);
}
END_TEST

static const struct {
    const char *name;
    const char *bytes;
    size_t len;
} bad_rows[] = {
    {"empty", "", 0},
    {"seq without batch", "\x08\x01", 2},
    {"batch without seq", "\x7a\x00", 2},
    {"arrays of different length", "\x08\x01\x7a\x03\x0a\x01\x02", 7},
    {"lens above the blob",
     "\x08\x01\x7a\x12\x0a\x01\x02\x12\x01\x00\x1a\x01\x01\x22\x01\x00\x2a\x01\x00\x32\x01\x05",
     22},
    {"hello and reset", "\x1a\x00\x32\x00", 4},
    {"hello with a batch", "\x1a\x00\x7a\x00", 4},
    {"truncated varint", "\x08\xff", 2},
    {"not protobuf", "GET / HTTP/1.1\r\n", 16},
};

START_TEST(contradicting_frames_are_refused)
{
    struct plane_frame frame;
    ck_assert_msg(!plane_frame_read(&arena, bytes_of(bad_rows[_i].bytes, bad_rows[_i].len), &frame),
                  "%s", bad_rows[_i].name);
}
END_TEST

START_TEST(unknown_fields_are_ignored_and_unknown_operations_are_given)
{
    struct buf out;
    struct plane_frame frame;
    struct plane_cursor cursor = {0};
    struct plane_op op;
    buf_init(&out, 0);
    make_data_frame(&out);
    buf_append(&out, BYTES_LIT("\xa2\x06\x03"
                               "new")); /* field 100, bytes */
    ck_assert(plane_frame_read(&arena, buf_bytes(&out), &frame));
    buf_clear(&out);
    struct plane_builder builder;
    plane_builder_init(&builder, NULL);
    plane_builder_add(&builder,
                      &(struct plane_op){(enum plane_op_kind)99, 1, 1, 0, 0, BYTES_LIT("x")});
    uint8_t header[PLANE_HEADER_MAX];
    size_t len = plane_header_write(header, 1, 0);
    buf_append(&out, bytes_of(header, len));
    uint8_t *body = plane_builder_take(&builder, &len);
    buf_append(&out, bytes_of(body, len));
    ck_assert(plane_frame_read(&arena, buf_bytes(&out), &frame));
    ck_assert(plane_batch_next(&frame.batch, &cursor, &op));
    ck_assert_int_eq((int)op.kind, 99);
    mem_free(body);
    plane_builder_fini(&builder);
    buf_fini(&out);
}
END_TEST

START_TEST(an_arena_keeps_its_cap_and_its_block)
{
    struct arena small;
    arena_init(&small, 1000);
    ProtobufCAllocator *a = &small.allocator;
    ck_assert_ptr_nonnull(a->alloc(a->allocator_data, 600));
    ck_assert_ptr_null(a->alloc(a->allocator_data, 600));
    ck_assert_ptr_null(a->alloc(a->allocator_data, SIZE_MAX));
    arena_reset(&small);
    unsigned char *block = small.block;
    ck_assert_ptr_eq(a->alloc(a->allocator_data, 600), block);
    arena_reset(&small);
    ck_assert_ptr_eq(small.block, block);
    arena_fini(&small);
}
END_TEST

START_TEST(random_damage_never_reads_outside)
{
    struct rng rng = {(uint64_t)_i};
    struct buf out;
    struct plane_frame frame;
    buf_init(&out, 0);
    for (int round = 0; round < 2000; round++) {
        buf_clear(&out);
        make_data_frame(&out);
        for (uint32_t hits = 1 + rng_below(&rng, 4); hits != 0; hits--) {
            out.data[rng_below(&rng, (uint32_t)out.len)] = (uint8_t)rng_u64(&rng);
        }
        arena_reset(&arena);
        if (plane_frame_read(&arena, buf_bytes(&out), &frame) && frame.kind == PLANE_FRAME_DATA) {
            struct plane_cursor cursor = {0};
            struct plane_op op;
            size_t total = 0;
            while (plane_batch_next(&frame.batch, &cursor, &op)) {
                total += op.bytes.len;
            }
            ck_assert_uint_eq(total, frame.batch.blob.len);
        }
    }
    buf_fini(&out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plane_wire");
    TCase *tcase = tcase_create("all");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_batch_comes_out_as_it_went_in);
    tcase_add_test(tcase, a_heartbeat_is_never_empty);
    tcase_add_test(tcase, greetings_come_out_as_they_went_in);
    tcase_add_loop_test(tcase, ticket_keys_are_read_when_they_are_of_the_right_length, 0,
                        sizeof(ticket_key_rows) / sizeof(ticket_key_rows[0]));
    tcase_add_test(tcase, a_data_frame_cut_anywhere_is_refused);
    tcase_add_loop_test(tcase, contradicting_frames_are_refused, 0,
                        (int)(sizeof(bad_rows) / sizeof(bad_rows[0])));
    tcase_add_test(tcase, unknown_fields_are_ignored_and_unknown_operations_are_given);
    tcase_add_test(tcase, an_arena_keeps_its_cap_and_its_block);
    tcase_add_loop_test(tcase, random_damage_never_reads_outside, 0, 4);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
