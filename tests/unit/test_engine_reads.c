/* The embedded engine reads logs beside its commits: neither waits for the other, and the
 * write-ahead log stays small all the same. */
#include "tests/support/check_main.h"
#include "tests/support/engine_rig.h"

#include <sys/stat.h>

static char dir[64];

static void set_up(void)
{
    rig_dir(dir);
}

static void tear_down(void)
{
    rig_remove(dir);
}

static void fill(struct engine *engine, const char *room, uint64_t count)
{
    for (uint64_t offset = 1; offset <= count; offset++) {
        rig_send(engine, room, offset);
    }
    for (uint64_t offset = 1; offset <= count; offset++) {
        ck_assert_int_eq(rig_next(engine).result, ENGINE_OK);
    }
}

static void ask_all(struct engine *engine, const char *room)
{
    engine->ops->load(engine, &(struct engine_load){.id = 99,
                                                    .kind = ENGINE_ROOM,
                                                    .name = bytes_of_str(room),
                                                    .count_max = 1000000,
                                                    .bytes_max = UINT64_MAX});
}

START_TEST(an_append_overtakes_a_long_load_of_another_room)
{
    enum { MESSAGES = 20000, TRIES = 200 };
    struct engine *engine = rig_open(&(struct engine_embedded_config){.dir = dir});
    bool overtook = false;
    fill(engine, "long", MESSAGES);
    /* On a busy machine the load may be lucky now and then. */
    for (uint64_t offset = 1; !overtook && offset <= TRIES; offset++) {
        ask_all(engine, "long");
        rig_send(engine, "r", offset);
        overtook = rig_next(engine).what == ENGINE_APPENDED;
        struct engine_completion second = rig_next(engine);
        ck_assert_int_eq(second.result, ENGINE_OK);
        ck_assert(!overtook || second.log.record_count == MESSAGES);
    }
    ck_assert(overtook);
    engine->ops->close(&engine);
}
END_TEST

START_TEST(steady_loads_do_not_let_the_write_ahead_log_grow)
{
    enum { WAL_MAX = 1 << 20, MESSAGES = 4000 };
    struct engine *engine = rig_open(
        &(struct engine_embedded_config){.dir = dir, .wal_bytes_max = WAL_MAX, .sweep_ms = 60000});
    char path[128];
    struct stat info;
    (void)snprintf(path, sizeof(path), "%s/splitrail.db-wal", dir);
    uint64_t appended = 0;
    uint64_t loading = 0;
    while (appended < MESSAGES) {
        for (; loading < 4; loading++) {
            ask_all(engine, "r");
        }
        rig_send(engine, "r", appended + 1);
        bool again = true;
        while (again) {
            struct engine_completion done = rig_next(engine);
            ck_assert_int_eq(done.result, ENGINE_OK);
            again = done.what == ENGINE_LOADED;
            loading -= again;
        }
        appended++;
        ck_assert_int_eq(stat(path, &info), 0);
        ck_assert_uint_le((uint64_t)info.st_size, 2 * WAL_MAX);
    }
    engine->ops->close(&engine);
}
END_TEST

/* Else an idle router would turn in circles. */
START_TEST(nothing_is_readable_once_all_that_was_asked_for_has_come)
{
    struct engine *engine = rig_open(&(struct engine_embedded_config){.dir = dir});
    struct pollfd fd = {.fd = engine->ops->fd(engine), .events = POLLIN};
    for (uint64_t offset = 1; offset <= 10; offset++) {
        ck_assert_int_eq(rig_append(engine, "r", offset), ENGINE_OK);
        ck_assert_int_eq(poll(&fd, 1, 0), 0);
    }
    ask_all(engine, "r");
    ck_assert_uint_eq(rig_next(engine).log.top, 10);
    ck_assert_int_eq(poll(&fd, 1, 0), 0);
    engine->ops->close(&engine);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_reads");
    TCase *tcase = tcase_create("all");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, nothing_is_readable_once_all_that_was_asked_for_has_come);
    tcase_add_test(tcase, an_append_overtakes_a_long_load_of_another_room);
    tcase_add_test(tcase, steady_loads_do_not_let_the_write_ahead_log_grow);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
