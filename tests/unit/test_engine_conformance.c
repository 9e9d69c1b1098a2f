/* The engine contract, as router/engine/engine.h states it, on every engine. Rows that need a disk
 * run only where there is one. */
#include "common/clock.h"
#include "router/engine/engine.h"
#include "tests/support/check_main.h"
#include "tests/support/engine_rig.h"
#include "tests/support/rng.h"

#include <signal.h>
#include <sys/wait.h>

enum { ENGINE_KINDS = 2, MEMORY = 0 };

static char dir[64];

static struct engine *open_kind(int kind)
{
    if (kind == MEMORY) {
        return engine_memory_new(7);
    }
    return rig_open(&(struct engine_embedded_config){.dir = dir, .sweep_ms = 1});
}

static struct engine *reopen(struct engine *engine)
{
    engine->ops->close(&engine);
    ck_assert_ptr_null(engine);
    return open_kind(1);
}

static void set_up(void)
{
    rig_dir(dir);
}

static void tear_down(void)
{
    rig_remove(dir);
}

START_TEST(each_append_completes_exactly_once_in_the_order_of_the_calls)
{
    struct engine *engine = open_kind(_i);
    ck_assert(engine->ops->durable(engine) == (_i != MEMORY));
    uint64_t next_append = 1;
    uint64_t next_done = 1;
    struct engine_completion done;
    for (uint64_t round = 0; round < 40; round++) {
        for (uint64_t i = 0; i < round; i++) {
            rig_send(engine, i % 3 == 0 ? "a" : "b", next_append++);
        }
        for (uint64_t i = 0; i < round / 2 && engine->ops->poll(engine, &done); i++) {
            ck_assert_uint_eq(done.id, next_done++);
            ck_assert_int_eq(done.result, ENGINE_OK);
        }
    }
    while (next_done < next_append) {
        ck_assert_uint_eq(rig_next(engine).id, next_done++);
    }
    ck_assert(!engine->ops->poll(engine, &done));
    struct engine_stats stats;
    engine->ops->stats(engine, &stats);
    ck_assert_uint_eq(stats.appends, next_append - 1);
    ck_assert_uint_eq(stats.waiting, 0);
    ck_assert_uint_eq(stats.waiting_bytes, 0);
    ck_assert_uint_eq(stats.failures, 0);
    ck_assert_ptr_null(stats.trouble);
    engine->ops->close(&engine);
}
END_TEST

static size_t values_seen;

static void see_value(void *owner, const struct engine_value *value)
{
    const struct engine_value *want = owner;
    values_seen++;
    ck_assert(bytes_equal(value->table, want->table));
    ck_assert(bytes_equal(value->key, want->key));
    ck_assert(bytes_equal(value->value, want->value));
}

START_TEST(values_are_there_as_last_put_and_gone_when_removed)
{
    struct engine *engine = open_kind(_i);
    struct engine_value kept = {BYTES_LIT("bans"), BYTES_LIT("bob"), BYTES_LIT("two")};
    struct engine_value puts[] = {
        {BYTES_LIT("bans"), BYTES_LIT("bob"), BYTES_LIT("one")},
        {BYTES_LIT("bans"), BYTES_LIT("eve"), BYTES_LIT("x")},
        {BYTES_LIT("other"), BYTES_LIT("bob"), BYTES_LIT("y")},
        {BYTES_LIT("bans"), BYTES_LIT("eve"), BYTES_EMPTY},
        kept,
    };
    for (size_t i = 0; i < sizeof(puts) / sizeof(puts[0]); i++) {
        engine->ops->put(engine, &puts[i]);
    }
    for (int again = 0; again < (_i == MEMORY ? 1 : 2); again++) {
        values_seen = 0;
        engine->ops->values(engine, BYTES_LIT("bans"), see_value, &kept);
        ck_assert_uint_eq(values_seen, 1);
        engine = _i == MEMORY ? engine : reopen(engine);
    }
    engine->ops->close(&engine);
}
END_TEST

START_TEST(a_load_of_what_never_was_finds_nothing)
{
    struct engine *engine = open_kind(_i);
    struct engine_log log = rig_load(engine, "nowhere");
    ck_assert(!log.found);
    ck_assert_uint_eq(log.epoch, 0);
    ck_assert_uint_eq(log.top, 0);
    ck_assert_uint_eq(log.record_count, 0);
    engine->ops->close(&engine);
}
END_TEST

START_TEST(a_load_sees_all_appends_before_it_and_completes_after_them)
{
    struct engine *engine = open_kind(1);
    uint64_t appended = 0;
    uint64_t loaded = 0;
    for (uint64_t offset = 1; offset <= 20; offset++) {
        rig_send(engine, "r", offset);
        engine->ops->load(engine, &(struct engine_load){.id = 100 + offset,
                                                        .kind = ENGINE_ROOM,
                                                        .name = BYTES_LIT("r"),
                                                        .count_max = 1000,
                                                        .bytes_max = UINT64_MAX});
    }
    while (loaded < 20) {
        struct engine_completion done = rig_next(engine);
        ck_assert_int_eq(done.result, ENGINE_OK);
        if (done.what == ENGINE_APPENDED) {
            ck_assert_uint_eq(done.id, ++appended);
            continue;
        }
        ck_assert_uint_eq(done.id, 100 + ++loaded);
        ck_assert_uint_ge(appended, loaded);
        ck_assert_uint_ge(done.log.top, loaded);
        ck_assert_uint_eq(done.log.record_count, done.log.top);
        rig_check("r", &done.log);
    }
    ck_assert_uint_eq(appended, 20);
    engine->ops->close(&engine);
}
END_TEST

START_TEST(a_load_gives_the_newest_within_its_limits_oldest_first)
{
    static const struct {
        uint32_t count;
        uint64_t bytes;
        uint64_t first;
    } rows[] = {{3, UINT64_MAX, 8}, {100, UINT64_MAX, 1}, {100, 1, 10}, {100, 80, 9}};
    struct engine *engine = open_kind(1);
    for (uint64_t offset = 1; offset <= 10; offset++) {
        ck_assert_int_eq(rig_append(engine, "room-of-a-longer-name", offset), ENGINE_OK);
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        engine->ops->load(engine, &(struct engine_load){.id = 1,
                                                        .kind = ENGINE_ROOM,
                                                        .name = BYTES_LIT("room-of-a-longer-name"),
                                                        .count_max = rows[i].count,
                                                        .bytes_max = rows[i].bytes});
        struct engine_log log = rig_next(engine).log;
        ck_assert_uint_eq(log.top, 10);
        ck_assert_uint_eq(log.records[0].offset, rows[i].first);
        ck_assert_uint_eq(log.record_count, 11 - rows[i].first);
        rig_check("room-of-a-longer-name", &log);
    }
    engine->ops->close(&engine);
}
END_TEST

START_TEST(what_somebody_lacks_comes_beyond_the_bytes_that_others_get)
{
    struct engine *engine = open_kind(1);
    for (uint64_t offset = 1; offset <= 10; offset++) {
        ck_assert_int_eq(rig_append(engine, "r", offset), ENGINE_OK);
    }
    engine->ops->load(engine, &(struct engine_load){.id = 1,
                                                    .kind = ENGINE_ROOM,
                                                    .name = BYTES_LIT("r"),
                                                    .count_max = 100,
                                                    .bytes_max = 1,
                                                    .from = 4});
    struct engine_log log = rig_next(engine).log;
    ck_assert_uint_eq(log.record_count, 7);
    ck_assert_uint_eq(log.records[0].offset, 4);
    rig_check("r", &log);
    engine->ops->close(&engine);
}
END_TEST

START_TEST(ids_come_without_the_messages_that_are_too_large)
{
    static char large[1 << 20];
    char text[64];
    struct engine *engine = open_kind(1);
    memset(large, '1', sizeof(large));
    for (uint64_t offset = 1; offset <= 5; offset++) {
        struct engine_append append = rig_message("r", offset, text);
        append.payload = bytes_of((const uint8_t *)large, sizeof(large));
        append.key = bytes_of((const uint8_t *)"abcde" + offset - 1, 1);
        engine->ops->append(engine, &append);
        ck_assert_int_eq(rig_next(engine).result, ENGINE_OK);
    }
    engine->ops->load(engine, &(struct engine_load){.id = 1,
                                                    .kind = ENGINE_ROOM,
                                                    .name = BYTES_LIT("r"),
                                                    .count_max = 4,
                                                    .bytes_max = 1,
                                                    .ids = true});
    struct engine_log log = rig_next(engine).log;
    ck_assert_uint_eq(log.record_count, 4);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_uint_eq(log.records[i].offset, i + 2);
        ck_assert_int_eq(log.records[i].bare, i < 3);
        ck_assert(bytes_equal(log.records[i].key, bytes_of((const uint8_t *)"bcde" + i, 1)));
        ck_assert(bytes_equal(log.records[i].user, BYTES_LIT("alice")));
        ck_assert_uint_eq(log.records[i].payload.len, i < 3 ? 0 : sizeof(large));
    }
    engine->ops->close(&engine);
}
END_TEST

START_TEST(rooms_and_inboxes_of_one_name_are_two_logs)
{
    struct engine *engine = open_kind(1);
    char text[64];
    struct engine_append append = rig_message("same", 5, text);
    append.kind = ENGINE_INBOX;
    engine->ops->append(engine, &append);
    ck_assert_int_eq(rig_next(engine).result, ENGINE_OK);
    ck_assert(!rig_load(engine, "same").found);
    engine->ops->close(&engine);
}
END_TEST

START_TEST(the_same_message_again_is_ok_and_another_one_at_its_offset_is_refused)
{
    struct engine *engine = open_kind(1);
    char text[64];
    struct engine_append append = rig_message("r", 1, text);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(rig_append(engine, "r", 1), ENGINE_OK);
        engine = i == 1 ? reopen(engine) : engine;
    }
    append.payload = BYTES_LIT("\"other\"");
    engine->ops->append(engine, &append);
    ck_assert_int_eq(rig_next(engine).result, ENGINE_FAILED);
    struct engine_log log = rig_load(engine, "r");
    ck_assert_uint_eq(log.record_count, 1);
    rig_check("r", &log);
    struct engine_stats stats;
    engine->ops->stats(engine, &stats);
    ck_assert_ptr_null(stats.trouble);
    engine->ops->close(&engine);
}
END_TEST

START_TEST(an_offset_that_cannot_be_stored_is_refused)
{
    struct engine *engine = open_kind(1);
    ck_assert_int_eq(rig_append(engine, "r", 0), ENGINE_FAILED);
    ck_assert_int_eq(rig_append(engine, "r", UINT64_MAX), ENGINE_FAILED);
    ck_assert_int_eq(rig_append(engine, "r", 1), ENGINE_OK);
    engine->ops->close(&engine);
}
END_TEST

START_TEST(holes_stay_holes_until_their_message_comes)
{
    struct engine *engine = open_kind(1);
    ck_assert_int_eq(rig_append(engine, "r", 1), ENGINE_OK);
    ck_assert_int_eq(rig_append(engine, "r", 4), ENGINE_OK);
    struct engine_log log = rig_load(engine, "r");
    ck_assert_uint_eq(log.record_count, 2);
    ck_assert_uint_eq(log.top, 4);
    ck_assert_int_eq(rig_append(engine, "r", 2), ENGINE_OK);
    log = rig_load(engine, "r");
    ck_assert_uint_eq(log.record_count, 3);
    ck_assert_uint_eq(log.top, 4);
    rig_check("r", &log);
    engine->ops->close(&engine);
}
END_TEST

START_TEST(another_epoch_begins_the_log_anew)
{
    struct engine *engine = open_kind(1);
    char text[64];
    for (uint64_t offset = 1; offset <= 600; offset++) {
        rig_send(engine, "r", offset);
    }
    for (uint64_t offset = 1; offset <= 600; offset++) {
        ck_assert_int_eq(rig_next(engine).result, ENGINE_OK);
    }
    struct engine_append append = rig_message("r", 1, text);
    append.epoch = UINT64_MAX;
    append.payload = BYTES_LIT("\"new\"");
    engine->ops->append(engine, &append);
    ck_assert_int_eq(rig_next(engine).result, ENGINE_OK);
    for (int i = 0; i < 2; i++) {
        struct engine_log log = rig_load(engine, "r");
        ck_assert_uint_eq(log.epoch, UINT64_MAX);
        ck_assert_uint_eq(log.top, 1);
        ck_assert_uint_eq(log.record_count, 1);
        ck_assert(bytes_equal(log.records[0].payload, append.payload));
        engine = reopen(engine);
    }
    engine->ops->close(&engine);
}
END_TEST

/* Retention is in the engine's own time: asks until the log is as long as it should be. */
static struct engine_log load_until(struct engine *engine, uint64_t count)
{
    uint64_t end = clock_mono_ms() + RIG_WAIT_MS;
    struct engine_log log = rig_load(engine, "r");
    while (log.record_count != count && clock_mono_ms() < end) {
        log = rig_load(engine, "r");
    }
    ck_assert_uint_eq(log.record_count, count);
    return log;
}

START_TEST(only_the_newest_messages_are_kept)
{
    struct engine *engine = open_kind(1);
    char text[64];
    for (uint64_t offset = 1; offset <= 2000; offset++) {
        struct engine_append append = rig_message("r", offset, text);
        append.keep_count = 100;
        engine->ops->append(engine, &append);
    }
    for (uint64_t offset = 1; offset <= 2000; offset++) {
        ck_assert_int_eq(rig_next(engine).result, ENGINE_OK);
    }
    struct engine_log log = load_until(engine, 100);
    ck_assert_uint_eq(log.records[0].offset, 1901);
    rig_check("r", &log);
    engine->ops->close(&engine);
}
END_TEST

START_TEST(what_is_too_old_goes_but_the_top_stays)
{
    struct engine *engine = open_kind(1);
    char text[64];
    for (uint64_t offset = 1; offset <= 300; offset++) {
        struct engine_append append = rig_message("r", offset, text);
        append.timestamp_ms = clock_wall_ms() - 7200 * 1000;
        append.keep_ms = 3600 * 1000;
        engine->ops->append(engine, &append);
    }
    for (uint64_t offset = 1; offset <= 300; offset++) {
        ck_assert_int_eq(rig_next(engine).result, ENGINE_OK);
    }
    ck_assert_uint_eq(load_until(engine, 0).top, 300);
    engine = reopen(engine);
    struct engine_log log = rig_load(engine, "r");
    ck_assert(log.found);
    ck_assert_uint_eq(log.top, 300);
    ck_assert_uint_eq(log.epoch, 42);
    ck_assert_int_eq(rig_append(engine, "r", 301), ENGINE_OK);
    ck_assert_uint_eq(rig_load(engine, "r").top, 301);
    engine->ops->close(&engine);
}
END_TEST

START_TEST(an_empty_log_is_forgotten_after_its_age_and_that_is_counted)
{
    struct engine *engine = open_kind(1);
    char text[64];
    for (uint64_t offset = 1; offset <= 3; offset++) {
        struct engine_append append = rig_message("r", offset, text);
        append.timestamp_ms = clock_wall_ms() - 7200 * 1000;
        append.keep_ms = 50;
        engine->ops->append(engine, &append);
        ck_assert_int_eq(rig_next(engine).result, ENGINE_OK);
    }
    uint64_t end = clock_mono_ms() + RIG_WAIT_MS;
    while (rig_load(engine, "r").found && clock_mono_ms() < end) {
    }
    for (int again = 0; again < 2; again++) {
        struct engine_log log = rig_load(engine, "r");
        ck_assert(!log.found);
        ck_assert_uint_eq(log.forgotten, 1);
        ck_assert_uint_eq(log.epoch, 0);
        ck_assert_uint_eq(log.top, 0);
        ck_assert_uint_eq(rig_load(engine, "another").forgotten, 0);
        engine = reopen(engine);
    }
    /* A router that knows the old log still goes on with it. */
    ck_assert_int_eq(rig_append(engine, "r", 4), ENGINE_OK);
    struct engine_log log = rig_load(engine, "r");
    ck_assert(log.found);
    ck_assert_uint_eq(log.top, 4);
    ck_assert_uint_eq(log.record_count, 1);
    engine->ops->close(&engine);
}
END_TEST

START_TEST(a_restart_keeps_everything_and_counts_the_incarnation_up)
{
    struct engine *engine = open_kind(1);
    uint64_t incarnation = engine->ops->incarnation(engine);
    for (uint64_t round = 0; round < 3; round++) {
        for (uint64_t i = 1; i <= 50; i++) {
            rig_send(engine, "r", round * 50 + i);
        }
        engine = reopen(engine); /* close finishes what was accepted */
        ck_assert_uint_gt(engine->ops->incarnation(engine), incarnation);
        incarnation = engine->ops->incarnation(engine);
        struct engine_log log = rig_load(engine, "r");
        ck_assert_uint_eq(log.record_count, (round + 1) * 50);
        ck_assert_uint_eq(log.epoch, 42);
        rig_check("r", &log);
    }
    engine->ops->close(&engine);
}
END_TEST

START_TEST(a_second_router_on_the_directory_is_turned_away)
{
    struct engine *engine = open_kind(1);
    struct engine *second = NULL;
    struct buf error;
    buf_init(&error, 0);
    ck_assert_int_eq(
        engine_embedded_open(&(struct engine_embedded_config){.dir = dir}, &second, &error),
        STATUS_LIMIT);
    buf_append_byte(&error, 0);
    ck_assert_ptr_nonnull(strstr((const char *)error.data, "in use"));
    buf_fini(&error);
    ck_assert_int_eq(rig_append(engine, "r", 1), ENGINE_OK);
    engine->ops->close(&engine);
}
END_TEST

START_TEST(a_router_that_was_overtaken_is_fenced_for_good)
{
    struct engine *old = open_kind(1);
    struct engine_stats stats;
    ck_assert_int_eq(rig_append(old, "r", 1), ENGINE_OK);
    struct engine *owner = rig_open(&(struct engine_embedded_config){.dir = dir, .steal = true});
    ck_assert_int_eq(rig_append(old, "r", 2), ENGINE_FENCED);
    ck_assert_int_eq(rig_append(owner, "r", 2), ENGINE_OK);
    ck_assert_int_eq(rig_append(old, "r", 3), ENGINE_FENCED);
    old->ops->stats(old, &stats);
    ck_assert_ptr_nonnull(stats.trouble);
    ck_assert_uint_eq(rig_load(owner, "r").top, 2);
    owner->ops->close(&owner);
    old->ops->close(&old);
}
END_TEST

START_TEST(who_was_overtaken_finds_out_without_being_asked)
{
    struct engine *old = open_kind(1); /* which looks around all the time */
    struct engine_stats stats = {0};
    struct engine *owner = rig_open(&(struct engine_embedded_config){.dir = dir, .steal = true});
    uint64_t end = clock_mono_ms() + RIG_WAIT_MS;
    while (!stats.fenced && clock_mono_ms() < end) {
        old->ops->stats(old, &stats);
    }
    ck_assert(stats.fenced);
    owner->ops->stats(owner, &stats);
    ck_assert(!stats.fenced);
    owner->ops->close(&owner);
    old->ops->close(&old);
}
END_TEST

START_TEST(too_much_that_waits_fails_at_once_and_in_its_place)
{
    struct engine *engine =
        rig_open(&(struct engine_embedded_config){.dir = dir, .waiting_bytes_max = 64 * 1024});
    uint64_t good = 0;
    for (uint64_t offset = 1; offset <= 5000; offset++) {
        rig_send(engine, "r", offset);
    }
    for (uint64_t offset = 1; offset <= 5000; offset++) {
        struct engine_completion done = rig_next(engine);
        ck_assert_uint_eq(done.id, offset);
        good += done.result == ENGINE_OK;
        ck_assert(done.result == ENGINE_OK || done.result == ENGINE_FAILED);
    }
    ck_assert_uint_gt(good, 0);
    ck_assert_uint_lt(good, 5000);
    struct engine_log log = rig_load(engine, "r");
    ck_assert_uint_eq(log.record_count, good);
    rig_check("r", &log);
    ck_assert_int_eq(rig_append(engine, "r", 6000), ENGINE_OK);
    engine->ops->close(&engine);
}
END_TEST

/* --- killed routers ------------------------------------------------------------------------------
 */

struct report {
    uint64_t offset;
    uint8_t room;
};

static const char *const room_names[] = {"k0", "k1", "k2", "k3"};

/* Appends without end and reports what completed with OK. */
static void append_until_killed(int to, const uint64_t tops[4])
{
    struct engine *engine = open_kind(1);
    uint64_t next[4] = {tops[0], tops[1], tops[2], tops[3]};
    struct engine_completion done;
    char text[64];
    for (uint64_t n = 0;; n++) {
        uint8_t room = (uint8_t)(n % 4);
        struct engine_append append = rig_message(room_names[room], ++next[room], text);
        append.id = append.offset << 2 | room;
        engine->ops->append(engine, &append);
        while (engine->ops->poll(engine, &done)) {
            struct report report = {done.id >> 2, (uint8_t)(done.id & 3)};
            if (done.result != ENGINE_OK || write(to, &report, sizeof(report)) < 0) {
                _exit(1);
            }
        }
    }
}

static pid_t start_child(int *ret_from, const uint64_t tops[4])
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        close(ends[0]);
        append_until_killed(ends[1], tops);
    }
    close(ends[1]);
    *ret_from = ends[0];
    return child;
}

START_TEST(what_was_acknowledged_before_a_kill_is_in_the_log_after_it)
{
    struct rng rng = {.state = 4711};
    uint64_t tops[4] = {0};
    for (int round = 0; round < 8; round++) {
        int from;
        uint64_t acknowledged[4] = {tops[0], tops[1], tops[2], tops[3]};
        pid_t child = start_child(&from, tops);
        uint32_t wanted = 1 + rng_below(&rng, 2000);
        struct report report;
        while (read(from, &report, sizeof(report)) == sizeof(report)) {
            ck_assert_uint_eq(report.offset, acknowledged[report.room] + 1);
            acknowledged[report.room] = report.offset;
            if (--wanted == 0) {
                kill(child, SIGKILL);
            }
        }
        int status;
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        close(from);
        struct engine *engine = open_kind(1);
        for (int i = 0; i < 4; i++) {
            struct engine_log log = rig_load(engine, room_names[i]);
            ck_assert_uint_ge(log.top, acknowledged[i]);
            ck_assert_uint_eq(log.record_count, log.top);
            rig_check(room_names[i], &log);
            tops[i] = log.top;
        }
        engine->ops->close(&engine);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_conformance");
    TCase *every = tcase_create("every engine");
    tcase_add_checked_fixture(every, set_up, tear_down);
    tcase_add_loop_test(every, each_append_completes_exactly_once_in_the_order_of_the_calls, 0,
                        ENGINE_KINDS);
    tcase_add_loop_test(every, values_are_there_as_last_put_and_gone_when_removed, 0, ENGINE_KINDS);
    tcase_add_loop_test(every, a_load_of_what_never_was_finds_nothing, 0, ENGINE_KINDS);
    suite_add_tcase(suite, every);
    TCase *durable = tcase_create("durable engines");
    tcase_set_timeout(durable, 60);
    tcase_add_checked_fixture(durable, set_up, tear_down);
    tcase_add_test(durable, a_load_sees_all_appends_before_it_and_completes_after_them);
    tcase_add_test(durable, a_load_gives_the_newest_within_its_limits_oldest_first);
    tcase_add_test(durable, what_somebody_lacks_comes_beyond_the_bytes_that_others_get);
    tcase_add_test(durable, ids_come_without_the_messages_that_are_too_large);
    tcase_add_test(durable, rooms_and_inboxes_of_one_name_are_two_logs);
    tcase_add_test(durable, the_same_message_again_is_ok_and_another_one_at_its_offset_is_refused);
    tcase_add_test(durable, an_offset_that_cannot_be_stored_is_refused);
    tcase_add_test(durable, holes_stay_holes_until_their_message_comes);
    tcase_add_test(durable, another_epoch_begins_the_log_anew);
    tcase_add_test(durable, only_the_newest_messages_are_kept);
    tcase_add_test(durable, what_is_too_old_goes_but_the_top_stays);
    tcase_add_test(durable, an_empty_log_is_forgotten_after_its_age_and_that_is_counted);
    tcase_add_test(durable, a_restart_keeps_everything_and_counts_the_incarnation_up);
    tcase_add_test(durable, a_second_router_on_the_directory_is_turned_away);
    tcase_add_test(durable, a_router_that_was_overtaken_is_fenced_for_good);
    tcase_add_test(durable, who_was_overtaken_finds_out_without_being_asked);
    tcase_add_test(durable, too_much_that_waits_fails_at_once_and_in_its_place);
    tcase_add_test(durable, what_was_acknowledged_before_a_kill_is_in_the_log_after_it);
    suite_add_tcase(suite, durable);
    return check_main(suite);
}
