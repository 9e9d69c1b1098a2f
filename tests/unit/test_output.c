#include "common/buf.h"
#include "edge/output.h"
#include "edge/ws_frame.h"
#include "tests/support/check_main.h"
#include "tests/support/rng.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* One queue over a socket pair; what on_written said last. */
struct pipe {
    struct out_batch *batch;
    struct out_queue queue;
    int peer;
    enum out_result result;
    unsigned calls;
};

static void on_written(void *owner, struct out_queue *queue, enum out_result result)
{
    struct pipe *pipe = owner;
    ck_assert_ptr_eq(queue, &pipe->queue);
    pipe->result = result;
    pipe->calls++;
}

static void pipe_open(struct pipe *pipe)
{
    static const struct out_callbacks callbacks = {.on_written = on_written};
    int fds[2];
    int small = 4096;
    *pipe = (struct pipe){0};
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    ck_assert_int_eq(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
    pipe->peer = fds[1];
    pipe->batch = out_batch_new(&callbacks, pipe);
    out_queue_init(&pipe->queue, transport_plain(fds[0]));
}

static void pipe_close(struct pipe *pipe)
{
    int fd = pipe->queue.transport.fd;
    out_batch_forget(pipe->batch, &pipe->queue);
    out_batch_flush(pipe->batch);
    ck_assert_uint_eq(out_batch_bytes(pipe->batch), 0);
    out_batch_free(&pipe->batch);
    close(fd);
    if (pipe->peer >= 0) {
        close(pipe->peer);
    }
}

static void put(struct pipe *pipe, struct bytes bytes)
{
    struct blob *blob = blob_new(NULL, bytes.len);
    memcpy(blob->data, bytes.data, bytes.len);
    out_batch_put(pipe->batch, &pipe->queue, blob);
    blob_unref(&blob);
}

static void put_filled(struct pipe *pipe, uint8_t fill, size_t len)
{
    struct blob *blob = blob_new(NULL, len);
    memset(blob->data, fill, len);
    out_batch_put(pipe->batch, &pipe->queue, blob);
    blob_unref(&blob);
}

/* Appends what the peer can read now. */
static size_t drain_peer(struct pipe *pipe, struct buf *into)
{
    uint8_t chunk[4096];
    size_t total = 0;
    ssize_t len;
    while ((len = recv(pipe->peer, chunk, sizeof(chunk), MSG_DONTWAIT)) > 0) {
        buf_append(into, bytes_of(chunk, (size_t)len));
        total += (size_t)len;
    }
    return total;
}

/* Flushes and reads until nothing waits. */
static void drain_all(struct pipe *pipe, struct buf *into)
{
    do {
        out_batch_mark(pipe->batch, &pipe->queue);
        out_batch_flush(pipe->batch);
    } while (drain_peer(pipe, into) != 0 || out_queue_bytes(&pipe->queue) != 0);
}

/* How many of the first `len` bytes are equal. One assertion per run: each costs a system call. */
static size_t run_len(const uint8_t *data, size_t len)
{
    size_t run = 1;
    while (run < len && data[run] == data[0]) {
        run++;
    }
    return run;
}

START_TEST(several_payloads_become_one_blob_of_frames)
{
    const struct bytes payloads[] = {BYTES_LIT("a"), BYTES_LIT(""), BYTES_LIT("bcd")};
    struct blob *blob = out_frame(NULL, payloads, 3, false);
    struct bytes wanted = BYTES_LIT("\x81\x01"
                                    "a"
                                    "\x81\x00"
                                    "\x81\x03"
                                    "bcd");
    ck_assert(bytes_equal(blob_bytes(blob), wanted));
    blob_unref(&blob);
}
END_TEST

START_TEST(a_large_binary_payload_gets_a_longer_header)
{
    static uint8_t data[70000];
    const struct bytes payload = bytes_of(data, sizeof(data));
    struct blob *blob = out_frame(NULL, &payload, 1, true);
    ck_assert_uint_eq(blob->len, 10 + sizeof(data));
    ck_assert_uint_eq(blob->data[0], 0x82);
    ck_assert_uint_eq(blob->data[1], 127);
    blob_unref(&blob);
}
END_TEST

START_TEST(nothing_is_written_before_the_flush_and_all_of_it_in_one_after)
{
    struct pipe pipe;
    struct buf got;
    pipe_open(&pipe);
    buf_init(&got, 0);
    put(&pipe, BYTES_LIT("one"));
    put(&pipe, BYTES_LIT("two"));
    put(&pipe, BYTES_LIT("three"));
    ck_assert_uint_eq(drain_peer(&pipe, &got), 0);
    ck_assert_uint_eq(out_queue_bytes(&pipe.queue), 11);
    out_batch_flush(pipe.batch);
    drain_peer(&pipe, &got);
    ck_assert(bytes_equal(buf_bytes(&got), BYTES_LIT("onetwothree")));
    ck_assert_uint_eq(pipe.calls, 1);
    ck_assert_int_eq(pipe.result, OUT_DONE);
    buf_fini(&got);
    pipe_close(&pipe);
}
END_TEST

START_TEST(recipients_share_the_bytes_and_the_last_one_frees_them)
{
    struct pipe first;
    struct pipe second;
    pipe_open(&first);
    pipe_open(&second);
    struct blob *blob = blob_new(NULL, 100);
    memset(blob->data, 'x', 100);
    out_batch_put(first.batch, &first.queue, blob);
    out_batch_put(second.batch, &second.queue, blob);
    ck_assert_uint_eq(blob->refs, 3);
    out_batch_flush(first.batch);
    ck_assert_uint_eq(blob->refs, 2);
    out_batch_forget(second.batch, &second.queue);
    ck_assert_uint_eq(blob->refs, 1);
    blob_unref(&blob);
    second.queue.transport.fd = dup(first.peer); /* pipe_close closes one descriptor per end */
    pipe_close(&first);
    pipe_close(&second);
}
END_TEST

START_TEST(a_reader_that_stops_blocks_the_queue_and_gets_every_byte_later)
{
    struct pipe pipe;
    struct buf got;
    pipe_open(&pipe);
    buf_init(&got, 0);
    for (unsigned i = 0; i < 200; i++) {
        put_filled(&pipe, (uint8_t)i, 1000);
    }
    out_batch_flush(pipe.batch);
    ck_assert_int_eq(pipe.result, OUT_BLOCKED);
    ck_assert_uint_gt(out_queue_bytes(&pipe.queue), 0);
    ck_assert_uint_eq(out_batch_bytes(pipe.batch), out_queue_bytes(&pipe.queue));
    drain_all(&pipe, &got);
    ck_assert_int_eq(pipe.result, OUT_DONE);
    ck_assert_uint_eq(got.len, 200 * 1000);
    for (size_t i = 0; i < 200; i++) {
        ck_assert_uint_eq(got.data[i * 1000], i);
        ck_assert_uint_eq(run_len(got.data + i * 1000, 1000), 1000);
    }
    buf_fini(&got);
    pipe_close(&pipe);
}
END_TEST

START_TEST(a_control_frame_overtakes_what_was_not_begun)
{
    struct pipe pipe;
    struct buf got;
    pipe_open(&pipe);
    buf_init(&got, 0);
    put(&pipe, BYTES_LIT("data"));
    ck_assert(out_batch_put_urgent(pipe.batch, &pipe.queue, BYTES_LIT("P1")));
    ck_assert(out_batch_put_urgent(pipe.batch, &pipe.queue, BYTES_LIT("P2")));
    out_batch_flush(pipe.batch);
    drain_peer(&pipe, &got);
    ck_assert(bytes_equal(buf_bytes(&got), BYTES_LIT("P1P2data")));
    buf_fini(&got);
    pipe_close(&pipe);
}
END_TEST

START_TEST(a_control_frame_never_splits_what_was_begun)
{
    struct pipe pipe;
    struct buf got;
    pipe_open(&pipe);
    buf_init(&got, 0);
    put_filled(&pipe, 'A', 100000);
    put_filled(&pipe, 'B', 100000);
    out_batch_flush(pipe.batch);
    ck_assert_int_eq(pipe.result, OUT_BLOCKED);
    ck_assert(out_batch_put_urgent(pipe.batch, &pipe.queue, BYTES_LIT("ping")));
    drain_all(&pipe, &got);
    ck_assert_uint_eq(got.len, 200004);
    ck_assert_uint_eq(got.data[99999], 'A');
    ck_assert(bytes_equal(bytes_of(got.data + 100000, 4), BYTES_LIT("ping")));
    ck_assert_uint_eq(got.data[100004], 'B');
    buf_fini(&got);
    pipe_close(&pipe);
}
END_TEST

START_TEST(control_frames_that_nobody_reads_stop_at_their_limit)
{
    struct pipe pipe;
    static const uint8_t frame[100];
    unsigned taken = 0;
    pipe_open(&pipe);
    while (out_batch_put_urgent(pipe.batch, &pipe.queue, bytes_of(frame, sizeof(frame)))) {
        taken++;
    }
    ck_assert_uint_eq(taken, OUT_URGENT_MAX / sizeof(frame));
    ck_assert_uint_le(out_queue_bytes(&pipe.queue), OUT_URGENT_MAX);
    pipe_close(&pipe);
}
END_TEST

START_TEST(dropping_keeps_only_the_blob_in_progress)
{
    struct pipe pipe;
    struct buf got;
    pipe_open(&pipe);
    buf_init(&got, 0);
    put_filled(&pipe, 'A', 100000);
    put_filled(&pipe, 'B', 100000);
    put_filled(&pipe, 'C', 100000);
    out_batch_flush(pipe.batch);
    out_batch_drop(pipe.batch, &pipe.queue);
    put(&pipe, BYTES_LIT("close"));
    drain_all(&pipe, &got);
    ck_assert_uint_eq(got.len, 100005);
    ck_assert(bytes_equal(bytes_of(got.data + 100000, 5), BYTES_LIT("close")));
    buf_fini(&got);
    pipe_close(&pipe);
}
END_TEST

START_TEST(many_tiny_messages_cost_more_than_their_bytes)
{
    struct pipe pipe;
    pipe_open(&pipe);
    for (unsigned i = 0; i < 1000; i++) {
        put(&pipe, BYTES_LIT("ab"));
    }
    ck_assert_uint_eq(out_queue_bytes(&pipe.queue), 2000);
    ck_assert_uint_eq(out_queue_cost(&pipe.queue), 2000 + 1000 * OUT_BLOB_COST);
    pipe_close(&pipe);
}
END_TEST

START_TEST(a_broken_socket_is_reported)
{
    struct pipe pipe;
    pipe_open(&pipe);
    close(pipe.peer);
    pipe.peer = -1;
    put(&pipe, BYTES_LIT("x"));
    out_batch_flush(pipe.batch);
    ck_assert_int_eq(pipe.result, OUT_FAILED);
    pipe_close(&pipe);
}
END_TEST

START_TEST(a_forgotten_queue_takes_nothing_and_is_not_written)
{
    struct pipe pipe;
    pipe_open(&pipe);
    int fd = pipe.queue.transport.fd;
    put(&pipe, BYTES_LIT("x"));
    out_batch_forget(pipe.batch, &pipe.queue);
    put(&pipe, BYTES_LIT("y"));
    ck_assert(!out_batch_put_urgent(pipe.batch, &pipe.queue, BYTES_LIT("z")));
    out_batch_flush(pipe.batch);
    ck_assert_uint_eq(pipe.calls, 0);
    ck_assert_uint_eq(out_queue_bytes(&pipe.queue), 0);
    pipe.queue.transport.fd = fd;
    pipe_close(&pipe);
}
END_TEST

/* Data blobs are runs of one letter of a known length, control frames are "<####>": whatever the
 * order of puts, flushes and reads, each arrives whole and data keeps its order. */
static void check_stream(struct bytes got, const size_t *lens, size_t count)
{
    size_t at = 0;
    for (size_t blob = 0; blob < count; blob++) {
        while (at < got.len && got.data[at] == '<') {
            ck_assert(bytes_equal(bytes_slice(got, at, 6), BYTES_LIT("<####>")));
            at += 6;
        }
        ck_assert_uint_ge(got.len - at, lens[blob]);
        ck_assert_uint_eq(run_len(got.data + at, lens[blob]), lens[blob]);
        ck_assert_uint_eq(got.data[at], 'a' + blob % 26);
        at += lens[blob];
    }
}

START_TEST(any_order_of_puts_and_writes_keeps_frames_whole_and_in_order)
{
    enum { BLOBS = 300, LEN_MAX = 9000 };
    struct rng rng = {(uint64_t)_i};
    struct pipe pipe;
    struct buf got;
    size_t lens[BLOBS];
    size_t count = 0;
    pipe_open(&pipe);
    buf_init(&got, 0);
    while (count < BLOBS) {
        switch (rng_below(&rng, 5)) {
        case 0:
            (void)out_batch_put_urgent(pipe.batch, &pipe.queue, BYTES_LIT("<####>"));
            break;
        case 1:
            out_batch_mark(pipe.batch, &pipe.queue);
            out_batch_flush(pipe.batch);
            break;
        case 2:
            drain_peer(&pipe, &got);
            break;
        default:
            lens[count] = 1 + rng_below(&rng, LEN_MAX);
            put_filled(&pipe, (uint8_t)('a' + count % 26), lens[count]);
            count++;
        }
    }
    drain_all(&pipe, &got);
    check_stream(buf_bytes(&got), lens, count);
    ck_assert_uint_eq(out_batch_bytes(pipe.batch), 0);
    buf_fini(&got);
    pipe_close(&pipe);
}
END_TEST

/* A pair of TCP sockets, whose kernel may keep back what is expected to go on. */
static void tcp_pair(int fds[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, len), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    ck_assert_int_eq(connect(fds[0], (struct sockaddr *)&address, len), 0);
    fds[1] = accept(listener, NULL, NULL);
    ck_assert_int_ge(fds[1], 0);
    close(listener);
}

/* In time, whatever that is on this machine: the read waits. */
START_TEST(what_is_expected_to_go_on_arrives_with_what_follows_and_without)
{
    struct pipe pipe;
    int fds[2];
    char got[8];
    pipe_open(&pipe);
    close(pipe.peer);
    close(pipe.queue.transport.fd);
    tcp_pair(fds);
    pipe.peer = fds[1];
    out_queue_init(&pipe.queue, transport_plain(fds[0]));
    put(&pipe, BYTES_LIT("one"));
    out_batch_expect(&pipe.queue);
    out_batch_flush(pipe.batch);
    ck_assert_int_eq(pipe.result, OUT_DONE);
    put(&pipe, BYTES_LIT("two"));
    out_batch_flush(pipe.batch);
    ck_assert_int_eq(recv(pipe.peer, got, 6, MSG_WAITALL), 6);
    ck_assert_mem_eq(got, "onetwo", 6);
    put(&pipe, BYTES_LIT("three"));
    out_batch_expect(&pipe.queue);
    out_batch_flush(pipe.batch);
    ck_assert_int_eq(recv(pipe.peer, got, 5, MSG_WAITALL), 5);
    ck_assert_mem_eq(got, "three", 5);
    pipe_close(&pipe);
}
END_TEST

static void count_breath(void *owner)
{
    unsigned *breaths = owner;
    ++*breaths;
}

static void ignore_written(void *owner, struct out_queue *queue, enum out_result result)
{
    (void)owner;
    (void)queue;
    ck_assert_int_eq(result, OUT_DONE);
}

START_TEST(a_flush_of_many_queues_takes_a_breath_now_and_then)
{
    static const struct out_callbacks callbacks = {.on_written = ignore_written,
                                                   .on_breath = count_breath};
    enum { QUEUES = 3 * OUT_BREATH - 1 };
    static struct out_queue queues[QUEUES];
    unsigned breaths = 0;
    int fds[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fds), 0);
    struct out_batch *batch = out_batch_new(&callbacks, &breaths);
    for (size_t i = 0; i < QUEUES; i++) {
        out_queue_init(&queues[i], transport_plain(fds[0]));
        out_batch_mark(batch, &queues[i]);
    }
    out_batch_flush(batch);
    ck_assert_uint_eq(breaths, 2);
    for (size_t i = 0; i < QUEUES; i++) {
        out_batch_forget(batch, &queues[i]);
    }
    out_batch_free(&batch);
    close(fds[0]);
    close(fds[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("output");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, several_payloads_become_one_blob_of_frames);
    tcase_add_test(tcase, a_large_binary_payload_gets_a_longer_header);
    tcase_add_test(tcase, nothing_is_written_before_the_flush_and_all_of_it_in_one_after);
    tcase_add_test(tcase, recipients_share_the_bytes_and_the_last_one_frees_them);
    tcase_add_test(tcase, a_reader_that_stops_blocks_the_queue_and_gets_every_byte_later);
    tcase_add_test(tcase, a_control_frame_overtakes_what_was_not_begun);
    tcase_add_test(tcase, a_control_frame_never_splits_what_was_begun);
    tcase_add_test(tcase, control_frames_that_nobody_reads_stop_at_their_limit);
    tcase_add_test(tcase, dropping_keeps_only_the_blob_in_progress);
    tcase_add_test(tcase, many_tiny_messages_cost_more_than_their_bytes);
    tcase_add_test(tcase, a_broken_socket_is_reported);
    tcase_add_test(tcase, a_flush_of_many_queues_takes_a_breath_now_and_then);
    tcase_add_test(tcase, a_forgotten_queue_takes_nothing_and_is_not_written);
    tcase_add_test(tcase, what_is_expected_to_go_on_arrives_with_what_follows_and_without);
    tcase_add_loop_test(tcase, any_order_of_puts_and_writes_keeps_frames_whole_and_in_order, 0, 20);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
