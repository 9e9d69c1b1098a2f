/* Frames and records of the plane from any bytes: views stay in the arena or the message, lengths
 * add up, and what was read and written again reads the same. Input: which reader (1), then the
 * bytes. The mutator changes them field by field. */
#include "proto/plane_reports.h"
#include "proto/plane_wire.h"
#include "tests/fuzz/mutate_pb.h"

#include <stdlib.h>

enum { ARENA_BYTES_MAX = 16 << 20 };

static void require(bool truth)
{
    if (!truth) {
        abort();
    }
}

static void check_batch(const struct plane_batch *batch)
{
    struct plane_cursor cursor = {0};
    struct plane_op op;
    size_t count = 0;
    size_t len = 0;
    while (plane_batch_next(batch, &cursor, &op)) {
        require(op.bytes.len == 0 ||
                (op.bytes.data >= batch->blob.data &&
                 op.bytes.data + op.bytes.len <= batch->blob.data + batch->blob.len));
        len += op.bytes.len;
        count++;
    }
    require(count == batch->count && len == batch->blob.len);
}

static void check_frame(struct arena *arena, struct bytes message)
{
    struct plane_frame frame;
    if (!plane_frame_read(arena, message, &frame)) {
        return;
    }
    require((frame.kind == PLANE_FRAME_DATA) == (frame.seq != 0));
    if (frame.kind == PLANE_FRAME_DATA) {
        check_batch(&frame.batch);
    }
}

/* What a reader accepts, its writer makes again in one form: reading that and writing it once more
 * gives the same bytes. */
#define CHECK_RECORD(name)                                                                         \
    static void check_##name(struct arena *arena, struct bytes bytes)                              \
    {                                                                                              \
        struct plane_##name record;                                                                \
        struct buf first;                                                                          \
        struct buf second;                                                                         \
        if (!plane_##name##_read(arena, bytes, &record)) {                                         \
            return;                                                                                \
        }                                                                                          \
        buf_init(&first, 0);                                                                       \
        buf_init(&second, 0);                                                                      \
        plane_##name##_write(&record, &first);                                                     \
        require(plane_##name##_read(arena, buf_bytes(&first), &record));                           \
        plane_##name##_write(&record, &second);                                                    \
        require(bytes_equal(buf_bytes(&first), buf_bytes(&second)));                               \
        buf_fini(&first);                                                                          \
        buf_fini(&second);                                                                         \
    }

CHECK_RECORD(open)
CHECK_RECORD(closed)
CHECK_RECORD(ticket_keys)
CHECK_RECORD(session_record)
CHECK_RECORD(group_record)
CHECK_RECORD(announce_conn)
CHECK_RECORD(conn_state)
CHECK_RECORD(hop)

static void (*const readers[])(struct arena *arena, struct bytes bytes) = {
    check_frame,         check_open,           check_closed,
    check_ticket_keys,   check_session_record, check_group_record,
    check_announce_conn, check_conn_state,     check_hop,
};

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    if (size < 1 || max_size < 2) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    return 1 + mutate_pb_input(data + 1, size - 1, max_size - 1, seed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    if (size < 1) {
        return 0;
    }
    arena_init(&arena, ARENA_BYTES_MAX);
    arena_reset(&arena);
    uint8_t *exact = mem_copy(bytes_of(data + 1, size - 1));
    readers[data[0] % (sizeof(readers) / sizeof(readers[0]))](&arena, bytes_of(exact, size - 1));
    mem_free(exact);
    arena_fini(&arena);
    return 0;
}
