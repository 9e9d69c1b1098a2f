/* router/plane: connections whose token is checked elsewhere. The checks are answered by the test,
 * when it likes and as it likes. */
#include "common/mem.h"
#include "proto/plane_wire.h"
#include "router/plane.h"
#include "tests/support/check_main.h"

#include <stdio.h>

/* {"alg":"ES256"}: what else stands in it is for who checks it. */
#define COSTLY "eyJhbGciOiJFUzI1NiJ9.e30."
#define JOIN "{\"type\":\"join\",\"room\":\"r\",\"id\":1}"
#define REFRESH "{\"type\":\"refresh\",\"token\":\"" COSTLY "new\",\"id\":7}"

enum { JOBS_MAX = 8, TEXT_MAX = 16384, WALL_MS = 1000000, DEAD_MS = 100000 };

struct rig {
    struct router_plane *plane;
    struct arena arena;
    struct auth_job *jobs[JOBS_MAX];
    size_t job_count;
    uint64_t now_ms;
    uint64_t seq;
    uint64_t ack; /* newest frame that the router has acknowledged */
    unsigned failed;
    char heard[TEXT_MAX]; /* "slot:payload\n" of SEND, "slot!code\n" of CLOSE */
    size_t heard_len;
};

static void note(struct rig *rig, const struct plane_op *op)
{
    char *at = rig->heard + rig->heard_len;
    size_t room = TEXT_MAX - rig->heard_len;
    int len = 0;
    if (op->kind == OP_SEND) {
        len = snprintf(at, room, "%u:%.*s\n", op->slot, (int)op->bytes.len,
                       (const char *)op->bytes.data);
    } else if (op->kind == OP_CLOSE) {
        len = snprintf(at, room, "%u!%u\n", op->slot, (unsigned)op->a);
    }
    ck_assert(len >= 0 && (size_t)len < room);
    rig->heard_len += (size_t)len;
}

static enum status transmit(void *owner, struct bytes peer, struct bytes header, struct bytes body)
{
    struct rig *rig = owner;
    struct plane_frame frame;
    struct buf whole;
    (void)peer;
    buf_init(&whole, 0);
    buf_append(&whole, header);
    buf_append(&whole, body);
    arena_reset(&rig->arena);
    ck_assert(plane_frame_read(&rig->arena, buf_bytes(&whole), &frame));
    rig->ack = frame.ack > rig->ack ? frame.ack : rig->ack;
    struct plane_cursor cursor = {0};
    struct plane_op op;
    while (frame.kind == PLANE_FRAME_DATA && plane_batch_next(&frame.batch, &cursor, &op)) {
        note(rig, &op);
    }
    buf_fini(&whole);
    return STATUS_OK;
}

static void on_edge(void *owner, enum plane_edge_event event, struct bytes id, const char *text)
{
    (void)owner;
    (void)event;
    (void)id;
    (void)text;
}

static void on_auth_failed(void *owner, struct bytes id, struct bytes address, const char *why)
{
    struct rig *rig = owner;
    (void)id;
    (void)address;
    ck_assert_ptr_nonnull(why);
    rig->failed++;
}

static void on_verify(void *owner, struct auth_job *job)
{
    struct rig *rig = owner;
    ck_assert_uint_lt(rig->job_count, JOBS_MAX);
    rig->jobs[rig->job_count++] = job;
}

static void on_admin_done(void *owner, const struct core_effect *done)
{
    (void)owner;
    (void)done;
}

/* And two beats, which acknowledge also when there is nothing to say. */
static void flush(struct rig *rig)
{
    for (int i = 0; i < 2; i++) {
        router_plane_flush(rig->plane, rig->now_ms);
        rig->now_ms += 500;
        router_plane_tick(rig->plane, rig->now_ms, WALL_MS + rig->now_ms);
    }
}

static void say(struct rig *rig, const struct plane_op *op)
{
    struct plane_builder builder;
    struct buf out;
    uint8_t header[PLANE_HEADER_MAX];
    size_t len = 0;
    plane_builder_init(&builder, NULL);
    plane_builder_add(&builder, op);
    uint8_t *body = plane_builder_take(&builder, &len);
    buf_init(&out, 0);
    buf_append(&out, bytes_of(header, plane_header_write(header, ++rig->seq, 0)));
    buf_append(&out, bytes_of(body, len));
    router_plane_receive(rig->plane, BYTES_LIT("a"), buf_bytes(&out), rig->now_ms,
                         WALL_MS + rig->now_ms);
    buf_fini(&out);
    mem_free(body);
    plane_builder_fini(&builder);
}

static void say_text(struct rig *rig, uint32_t slot, uint64_t number, const char *text)
{
    say(rig,
        &(struct plane_op){
            .kind = OP_TEXT, .slot = slot, .gen = 1, .a = number, .bytes = bytes_of_str(text)});
}

static void say_open(struct rig *rig, uint32_t slot, uint32_t gen, const char *token)
{
    struct buf open;
    buf_init(&open, 0);
    plane_open_write(&(struct plane_open){.token = bytes_of_str(token), .token_source = 1}, &open);
    say(rig,
        &(struct plane_op){.kind = OP_OPEN, .slot = slot, .gen = gen, .bytes = buf_bytes(&open)});
    buf_fini(&open);
}

static void say_closed(struct rig *rig, uint32_t slot, uint32_t gen)
{
    struct buf closed;
    buf_init(&closed, 0);
    plane_closed_write(&(struct plane_closed){.code = 1000, .clean = true}, &closed);
    say(rig, &(struct plane_op){
                 .kind = OP_CLOSED, .slot = slot, .gen = gen, .bytes = buf_bytes(&closed)});
    buf_fini(&closed);
}

static void start(struct rig *rig, uint32_t waiting_max)
{
    static const struct plane_callbacks callbacks = {.transmit = transmit,
                                                     .on_edge = on_edge,
                                                     .on_auth_failed = on_auth_failed,
                                                     .verify = on_verify,
                                                     .on_admin_done = on_admin_done};
    const struct plane_config config = {
        .router_id = BYTES_LIT("router"),
        .core = {.seed = 1,
                 .grace_ms = 5000,
                 .message_bytes = 1 << 16,
                 .rooms_per_connection_max = 10,
                 .policy.fallback = {.class = ROOM_MEMORY, .history_messages = 10},
                 .rooms_max = 10,
                 .users_max = 100,
                 .members_max = 100,
                 .history_count = 10,
                 .history_bytes = 1 << 20,
                 .history_total_bytes = 1 << 22,
                 .idle_channel_ms = 100000},
        .auth = {.mode = AUTH_JWT},
        .checks_waiting_max = waiting_max,
        .tokens_cached_max = 10,
        .credit_bytes = 1 << 30,
        .queue_bytes_max = 1 << 30,
        .heartbeat_ms = 500,
        .suspect_ms = DEAD_MS / 2,
        .dead_ms = DEAD_MS,
        .edges_max = 8};
    struct buf out;
    *rig = (struct rig){.now_ms = 1000};
    struct engine *engine = engine_memory_new(7);
    arena_init(&rig->arena, PLANE_FRAME_BYTES_MAX);
    rig->plane = router_plane_new(&config, &engine, &callbacks, rig, rig->now_ms);
    buf_init(&out, 0);
    plane_hello_write(&(struct plane_greeting){.version = PLANE_VERSION,
                                               .id = BYTES_LIT("edge"),
                                               .edge_incarnation = 5,
                                               .credit = 1 << 30,
                                               .attempt = 1},
                      &out);
    router_plane_receive(rig->plane, BYTES_LIT("a"), buf_bytes(&out), rig->now_ms, WALL_MS);
    buf_fini(&out);
    say(rig, &(struct plane_op){.kind = OP_ANNOUNCE_END});
}

static void stop(struct rig *rig)
{
    for (size_t i = 0; i < rig->job_count; i++) {
        auth_job_free(&rig->jobs[i]);
    }
    router_plane_free(&rig->plane);
    arena_fini(&rig->arena);
}

/* The verdict on job `index`; `user` NULL: it is not good. */
static void judge(struct rig *rig, size_t index, const char *user, uint64_t ends_ms)
{
    struct auth_job *job = rig->jobs[index];
    rig->jobs[index] = NULL;
    job->verdict = (struct auth_verdict){.ok = user != NULL,
                                         .why = user == NULL ? "forged" : NULL,
                                         .user = bytes_of_str(user),
                                         .expires_at_ms = ends_ms};
    router_plane_verified(rig->plane, job, rig->now_ms, WALL_MS + rig->now_ms);
    flush(rig);
}

/* What was heard since the last time holds `part`. */
static void expect(struct rig *rig, const char *part)
{
    ck_assert_msg(strstr(rig->heard, part) != NULL, "no %s in:\n%s", part, rig->heard);
}

static void expect_nothing(const struct rig *rig, const char *part)
{
    ck_assert_msg(strstr(rig->heard, part) == NULL, "%s in:\n%s", part, rig->heard);
}

START_TEST(what_a_connection_says_before_the_verdict_waits_in_order_and_nobody_else_does)
{
    struct rig rig;
    start(&rig, 0);
    uint64_t before = rig.seq;
    say_open(&rig, 0, 1, COSTLY "a");
    say_text(&rig, 0, 1, JOIN);
    say_text(&rig, 0, 2, "{\"type\":\"ping\",\"id\":2}");
    flush(&rig);
    ck_assert_uint_eq(rig.job_count, 1);
    ck_assert_uint_eq(rig.heard_len, 0);
    ck_assert_uint_eq(rig.ack, before);
    say_open(&rig, 1, 1, COSTLY "b");
    judge(&rig, 1, "bob", 0);
    expect(&rig, "1:{\"type\":\"welcome\"");
    expect_nothing(&rig, "0:");
    ck_assert_uint_eq(rig.ack, before); /* frames are acknowledged in order */
    judge(&rig, 0, "alice", 0);
    const char *welcome = strstr(rig.heard, "0:{\"type\":\"welcome\"");
    const char *joined = strstr(rig.heard, "0:{\"type\":\"ok\",\"id\":1");
    const char *pong = strstr(rig.heard, "0:{\"type\":\"pong\",\"id\":2");
    ck_assert(welcome != NULL && joined != NULL && pong != NULL);
    ck_assert(welcome < joined && joined < pong);
    ck_assert_uint_eq(rig.ack, rig.seq);
    stop(&rig);
}
END_TEST

START_TEST(a_token_that_is_not_good_closes_with_4001_and_what_was_said_is_dropped)
{
    struct rig rig;
    start(&rig, 0);
    say_open(&rig, 0, 1, COSTLY "a");
    say_text(&rig, 0, 1, JOIN);
    judge(&rig, 0, NULL, 0);
    expect(&rig, "0!4001\n");
    expect_nothing(&rig, "0:");
    ck_assert_uint_eq(rig.failed, 1);
    ck_assert_uint_eq(rig.ack, rig.seq);
    stop(&rig);
}
END_TEST

START_TEST(a_good_token_is_known_the_next_time_until_keys_change)
{
    struct rig rig;
    start(&rig, 0);
    say_open(&rig, 0, 1, COSTLY "a");
    judge(&rig, 0, "alice", 0);
    say_open(&rig, 1, 1, COSTLY "a");
    flush(&rig);
    ck_assert_uint_eq(rig.job_count, 1);
    expect(&rig, "1:{\"type\":\"welcome\"");
    struct jws_keys *keys = jws_keys_new();
    say_open(&rig, 2, 1, COSTLY "c");
    router_plane_set_keys(rig.plane, keys);
    say_open(&rig, 3, 1, COSTLY "a");
    ck_assert_uint_eq(rig.job_count, 3);
    judge(&rig, 1, "carol", 0); /* vouched for by keys that are gone: once, but not remembered */
    expect(&rig, "2:{\"type\":\"welcome\"");
    say_open(&rig, 4, 1, COSTLY "c");
    ck_assert_uint_eq(rig.job_count, 4);
    stop(&rig);
    jws_keys_unref(&keys);
}
END_TEST

START_TEST(who_goes_before_the_verdict_was_never_there)
{
    struct rig rig;
    struct plane_stats stats;
    start(&rig, 0);
    say_open(&rig, 0, 1, COSTLY "a");
    say_text(&rig, 0, 1, JOIN);
    say_closed(&rig, 0, 1);
    flush(&rig);
    ck_assert_uint_eq(rig.ack, rig.seq);
    say_open(&rig, 0, 2, COSTLY "b"); /* the next one in its place */
    judge(&rig, 0, "alice", 0);
    ck_assert_uint_eq(rig.heard_len, 0);
    judge(&rig, 1, "bob", 0);
    expect(&rig, "\"userId\":\"bob\"");
    expect_nothing(&rig, "alice");
    router_plane_stats(rig.plane, &stats);
    ck_assert_uint_eq(stats.checks_waiting, 0);
    stop(&rig);
}
END_TEST

START_TEST(a_successor_in_the_slot_ends_who_waits_there)
{
    struct rig rig;
    start(&rig, 0);
    say_open(&rig, 0, 1, COSTLY "a");
    say_open(&rig, 0, 2, COSTLY "b");
    judge(&rig, 1, "bob", 0);
    judge(&rig, 0, "alice", 0);
    expect(&rig, "bob");
    expect_nothing(&rig, "alice");
    ck_assert_uint_eq(rig.ack, rig.seq);
    stop(&rig);
}
END_TEST

START_TEST(the_death_of_an_edge_ends_all_who_wait)
{
    struct rig rig;
    struct plane_stats stats;
    start(&rig, 0);
    say_open(&rig, 0, 1, COSTLY "a");
    say_open(&rig, 1, 1, COSTLY "b");
    while (rig.now_ms < 2 * DEAD_MS) {
        flush(&rig);
    }
    router_plane_stats(rig.plane, &stats);
    ck_assert_uint_eq(stats.checks_waiting, 0);
    judge(&rig, 0, "alice", 0);
    ck_assert_uint_eq(rig.heard_len, 0);
    stop(&rig);
}
END_TEST

START_TEST(more_than_may_wait_are_told_to_come_again)
{
    struct rig rig;
    start(&rig, 2);
    for (uint32_t slot = 0; slot < 3; slot++) {
        say_open(&rig, slot, 1, COSTLY "a");
    }
    flush(&rig);
    ck_assert_uint_eq(rig.job_count, 2);
    expect(&rig, "2!1013\n");
    expect_nothing(&rig, "0!");
    stop(&rig);
}
END_TEST

static void start_with_alice(struct rig *rig, uint64_t ends_ms)
{
    start(rig, 0);
    say_open(rig, 0, 1, COSTLY "a");
    judge(rig, 0, "alice", ends_ms);
    memset(rig->heard, 0, TEXT_MAX);
    rig->heard_len = 0;
}

static const struct refresh_row {
    const char *user; /* NULL: the token is not good */
    uint64_t ends_ms;
    const char *answer;
} refresh_rows[] = {
    {"alice", 0, "0:{\"type\":\"ok\",\"id\":7}"},
    {"alice", 5000000, "0:{\"type\":\"ok\",\"id\":7,\"expiresAt\":5000000}"},
    {"bob", 0, "\"code\":\"token_invalid\""},
    {NULL, 0, "\"code\":\"token_invalid\""},
};

START_TEST(a_refresh_waits_for_its_verdict_and_all_behind_it_for_the_refresh)
{
    const struct refresh_row *row = &refresh_rows[_i];
    struct rig rig;
    start_with_alice(&rig, 0);
    say_text(&rig, 0, 1, REFRESH);
    say_text(&rig, 0, 2, "{\"type\":\"ping\",\"id\":8}");
    flush(&rig);
    ck_assert_uint_eq(rig.heard_len, 0);
    ck_assert_uint_eq(rig.ack, rig.seq - 2);
    judge(&rig, 1, row->user, row->ends_ms);
    expect(&rig, row->answer);
    const char *pong = strstr(rig.heard, "\"pong\"");
    ck_assert_ptr_nonnull(pong);
    ck_assert(strstr(rig.heard, row->answer) < pong);
    ck_assert_uint_eq(rig.ack, rig.seq);
    stop(&rig);
}
END_TEST

START_TEST(two_refreshes_wait_one_after_the_other)
{
    struct rig rig;
    start_with_alice(&rig, 0);
    say_text(&rig, 0, 1, REFRESH);
    say_text(&rig, 0, 2, REFRESH);
    say_text(&rig, 0, 3, "{\"type\":\"ping\",\"id\":8}");
    say_closed(&rig, 0, 1);
    ck_assert_uint_eq(rig.job_count, 2);
    judge(&rig, 1, NULL, 0);
    ck_assert_uint_eq(rig.job_count, 3);
    expect_nothing(&rig, "pong");
    judge(&rig, 2, "alice", 0);
    expect(&rig, "pong");
    ck_assert_uint_eq(rig.ack, rig.seq);
    stop(&rig);
}
END_TEST

START_TEST(the_end_of_a_token_closes_with_4002_unless_it_was_refreshed)
{
    struct rig rig;
    uint64_t start_ms = 1000 + WALL_MS;
    start_with_alice(&rig, start_ms + 10000);
    say_text(&rig, 0, 1, REFRESH);
    judge(&rig, 1, "alice", start_ms + 20000);
    while (rig.now_ms < 19500) {
        flush(&rig);
    }
    expect_nothing(&rig, "0!4002");
    flush(&rig);
    flush(&rig);
    flush(&rig);
    expect(&rig, "0!4002");
    say_text(&rig, 0, 2, "{\"type\":\"ping\",\"id\":8}");
    flush(&rig);
    expect_nothing(&rig, "pong");
    stop(&rig);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plane_verify");
    TCase *tcase = tcase_create("open");
    tcase_add_test(tcase,
                   what_a_connection_says_before_the_verdict_waits_in_order_and_nobody_else_does);
    tcase_add_test(tcase, a_token_that_is_not_good_closes_with_4001_and_what_was_said_is_dropped);
    tcase_add_test(tcase, a_good_token_is_known_the_next_time_until_keys_change);
    tcase_add_test(tcase, who_goes_before_the_verdict_was_never_there);
    tcase_add_test(tcase, a_successor_in_the_slot_ends_who_waits_there);
    tcase_add_test(tcase, the_death_of_an_edge_ends_all_who_wait);
    tcase_add_test(tcase, more_than_may_wait_are_told_to_come_again);
    suite_add_tcase(suite, tcase);
    TCase *refresh = tcase_create("refresh");
    tcase_add_loop_test(refresh, a_refresh_waits_for_its_verdict_and_all_behind_it_for_the_refresh,
                        0, sizeof(refresh_rows) / sizeof(refresh_rows[0]));
    tcase_add_test(refresh, two_refreshes_wait_one_after_the_other);
    tcase_add_test(refresh, the_end_of_a_token_closes_with_4002_unless_it_was_refreshed);
    suite_add_tcase(suite, refresh);
    return check_main(suite);
}
