/* The embedded engine with a limit on its bytes: who is refused first, and that nothing but a batch
 * comes on top. */
#include "tests/support/check_main.h"
#include "tests/support/engine_rig.h"

#include <string.h>
#include <sys/stat.h>

enum { MAX = 4 * 1024 * 1024, PAYLOAD = 16 * 1024, KEEP = 4, TRIES = 2000, WAL_MAX = 1024 * 1024 };

static char dir[64];
static struct engine *engine;

static void open_limited(uint64_t bytes_max)
{
    engine = rig_open(&(struct engine_embedded_config){
        .dir = dir, .bytes_max = bytes_max, .wal_bytes_max = WAL_MAX, .sweep_ms = 100});
}

static void set_up(void)
{
    rig_dir(dir);
    open_limited(MAX);
}

static void tear_down(void)
{
    engine->ops->close(&engine);
    rig_remove(dir);
}

static enum engine_result say(const char *room, uint64_t offset, uint32_t keep_count)
{
    static uint8_t payload[PAYLOAD];
    char text[64];
    struct engine_append append = rig_message(room, offset, text);
    memset(payload, 'x', sizeof(payload));
    append.payload = bytes_of(payload, sizeof(payload));
    append.keep_count = keep_count;
    engine->ops->append(engine, &append);
    return rig_next(engine).result;
}

static struct engine_stats stats_now(void)
{
    struct engine_stats stats;
    engine->ops->stats(engine, &stats);
    return stats;
}

static uint64_t file_bytes(void)
{
    char path[128];
    struct stat info;
    (void)snprintf(path, sizeof(path), "%s/splitrail.db", dir);
    ck_assert_int_eq(stat(path, &info), 0);
    return (uint64_t)info.st_size;
}

/* Messages for names without end, until one is refused; how many were taken. */
static int fill_with_names(void)
{
    char name[32];
    for (int i = 0; i < TRIES; i++) {
        (void)snprintf(name, sizeof(name), "name-%d", i);
        if (say(name, 1, 100) != ENGINE_OK) {
            return i;
        }
    }
    ck_abort_msg("never refused");
}

/* A log that holds all it may: what comes goes beside what is removed. */
static void fill_replacing(uint64_t *offset)
{
    while (*offset < 64) {
        ck_assert_int_eq(say("steady", ++*offset, KEEP), ENGINE_OK);
    }
}

static void put(const char *key, bool there)
{
    static const uint8_t value[60000];
    engine->ops->put(engine, &(struct engine_value){.table = BYTES_LIT("t"),
                                                    .key = bytes_of_str(key),
                                                    .value = there ? bytes_of(value, sizeof(value))
                                                                   : BYTES_EMPTY});
}

START_TEST(names_without_end_are_refused_before_those_that_are_there)
{
    uint64_t steady = 0;
    fill_replacing(&steady);
    ck_assert_int_eq(say("old", 1, 1000000), ENGINE_OK);
    int taken = fill_with_names();
    ck_assert_int_gt(taken, MAX / PAYLOAD / 2);
    ck_assert_int_eq(stats_now().room, ENGINE_NO_NEW_LOGS);
    ck_assert_ptr_null(stats_now().trouble);
    ck_assert_int_eq(say("old", 2, 1000000), ENGINE_OK);
    ck_assert_int_eq(say("another", 1, 100), ENGINE_FAILED);
    ck_assert_uint_eq(stats_now().no_room, 2);
    ck_assert_uint_eq(stats_now().failures, 2);
}
END_TEST

START_TEST(logs_that_would_grow_are_refused_before_those_that_replace)
{
    uint64_t steady = 0;
    uint64_t old = 0;
    fill_replacing(&steady);
    ck_assert_int_eq(say("old", ++old, 1000000), ENGINE_OK);
    (void)fill_with_names();
    while (say("old", ++old, 1000000) == ENGINE_OK) {
        ck_assert_uint_lt(old, TRIES);
    }
    ck_assert_int_eq(stats_now().room, ENGINE_NO_LONGER_LOGS);
    for (int i = 0; i < TRIES; i++) {
        ck_assert_int_eq(say("steady", ++steady, KEEP), ENGINE_OK);
    }
    ck_assert_int_eq(say("old", old, 1000000), ENGINE_FAILED);
    ck_assert_int_eq(say("old", old - 1, 1000000), ENGINE_OK); /* it is there: asked again */
    ck_assert_uint_le(stats_now().used_bytes, MAX);
    ck_assert_uint_le(file_bytes(), MAX + WAL_MAX);
}
END_TEST

START_TEST(at_the_end_nothing_is_taken_until_there_is_room_again)
{
    uint64_t steady = 0;
    char key[32];
    fill_replacing(&steady);
    for (int i = 0; i < MAX / 60000 + 1; i++) { /* values are few and have limits of their own */
        (void)snprintf(key, sizeof(key), "key-%d", i);
        put(key, true);
    }
    while (stats_now().room != ENGINE_NO_APPENDS) { /* a sweep or a batch measures */
        (void)say("another", 1, 100);
    }
    ck_assert_int_eq(say("steady", steady + 1, KEEP), ENGINE_FAILED);
    for (int i = 0; i < MAX / 60000 + 1; i++) {
        (void)snprintf(key, sizeof(key), "key-%d", i);
        put(key, false);
    }
    while (say("another", 1, 100) != ENGINE_OK) {
    }
    ck_assert_int_eq(say("steady", steady + 1, KEEP), ENGINE_OK);
    ck_assert_int_eq(stats_now().room, ENGINE_ROOM_FOR_ALL);
}
END_TEST

START_TEST(the_limit_counts_from_the_start_on)
{
    (void)fill_with_names();
    engine->ops->close(&engine);
    open_limited(MAX);
    ck_assert_int_eq(stats_now().room, ENGINE_NO_NEW_LOGS);
    ck_assert_int_eq(say("another", 1, 100), ENGINE_FAILED);
    engine->ops->close(&engine);
    open_limited(0);
    ck_assert_int_eq(say("another", 1, 100), ENGINE_OK);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_room");
    TCase *tcase = tcase_create("all");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, names_without_end_are_refused_before_those_that_are_there);
    tcase_add_test(tcase, logs_that_would_grow_are_refused_before_those_that_replace);
    tcase_add_test(tcase, at_the_end_nothing_is_taken_until_there_is_room_again);
    tcase_add_test(tcase, the_limit_counts_from_the_start_on);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
