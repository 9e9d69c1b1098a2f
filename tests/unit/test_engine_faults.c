/* The embedded engine on disks that fail, and after power cuts. */
#include "common/clock.h"
#include "tests/support/check_main.h"
#include "tests/support/engine_rig.h"
#include "tests/support/fault_vfs.h"

enum { APPENDS = 60, ACK_MAX = 400 };

static char dir[64];
static char cut_dir[64];

static void set_up(void)
{
    rig_dir(dir);
    rig_dir(cut_dir);
    fault_vfs_reset();
}

static void tear_down(void)
{
    fault_vfs_reset();
    rig_remove(dir);
    rig_remove(cut_dir);
}

static struct engine *open_faulty(uint64_t wal_bytes_max)
{
    return rig_open(&(struct engine_embedded_config){
        .dir = dir, .vfs = FAULT_VFS, .wal_bytes_max = wal_bytes_max, .sweep_ms = 60000});
}

static const char *trouble(struct engine *engine)
{
    struct engine_stats stats;
    engine->ops->stats(engine, &stats);
    return stats.trouble;
}

/* Asks again until it works, as who publishes would; the engine may pause before it tries. */
static void append_at_last(struct engine *engine, uint64_t offset)
{
    uint64_t end = clock_mono_ms() + RIG_WAIT_MS;
    enum engine_result result = rig_append(engine, "r", offset);
    while (result != ENGINE_OK && clock_mono_ms() < end) {
        result = rig_append(engine, "r", offset);
    }
    ck_assert_int_eq(result, ENGINE_OK);
}

static const struct {
    enum fault_kind kind;
    enum engine_result result;
    const char *trouble;
} faults[] = {
    {FAULT_DISK_FULL, ENGINE_FAILED, "full"},
    {FAULT_WRITE_ERROR, ENGINE_FAILED, "input/output"},
    {FAULT_READ_ONLY, ENGINE_FAILED, "read-only"},
    {FAULT_SYNC_ERROR, ENGINE_UNKNOWN, "input/output"},
};

enum { FAULTS = sizeof(faults) / sizeof(faults[0]) };

static size_t seen;

static void count_value(void *owner, const struct engine_value *value)
{
    (void)owner;
    seen++;
    ck_assert(bytes_equal(value->value, BYTES_LIT("yes")));
}

START_TEST(a_disk_that_fails_is_told_of_and_works_again_when_it_works)
{
    struct engine *engine = open_faulty(0);
    append_at_last(engine, 1);
    fault_vfs_fail(faults[_i].kind, 0, 0);
    ck_assert_int_eq(rig_append(engine, "r", 2), faults[_i].result);
    ck_assert_int_eq(rig_append(engine, "r", 3), ENGINE_FAILED); /* not tried: too soon */
    ck_assert_ptr_nonnull(trouble(engine));
    ck_assert_ptr_nonnull(strstr(trouble(engine), faults[_i].trouble));
    engine->ops->put(engine,
                     &(struct engine_value){BYTES_LIT("t"), BYTES_LIT("k"), BYTES_LIT("yes")});
    seen = 0;
    engine->ops->values(engine, BYTES_LIT("t"), count_value, NULL);
    ck_assert_uint_eq(seen, 1); /* held, and known */
    struct engine_log log = rig_load(engine, "r");
    ck_assert_uint_eq(log.top, 1);
    fault_vfs_fail(FAULT_NONE, 0, 0);
    append_at_last(engine, 2);
    append_at_last(engine, 3);
    ck_assert_ptr_null(trouble(engine));
    engine->ops->close(&engine);
    engine = open_faulty(0);
    log = rig_load(engine, "r");
    ck_assert_uint_eq(log.record_count, 3);
    rig_check("r", &log);
    seen = 0;
    engine->ops->values(engine, BYTES_LIT("t"), count_value, NULL);
    ck_assert_uint_eq(seen, 1); /* written as soon as that was possible */
    engine->ops->close(&engine);
}
END_TEST

START_TEST(trouble_ends_by_itself_when_nobody_asks)
{
    struct engine *engine = open_faulty(0);
    fault_vfs_fail(faults[_i].kind, 0, 0);
    ck_assert_int_eq(rig_append(engine, "r", 1), faults[_i].result);
    fault_vfs_fail(FAULT_NONE, 0, 0);
    uint64_t end = clock_mono_ms() + RIG_WAIT_MS;
    while (trouble(engine) != NULL && clock_mono_ms() < end) {
    }
    ck_assert_ptr_null(trouble(engine));
    engine->ops->close(&engine);
}
END_TEST

START_TEST(one_sync_that_fails_is_made_good_at_once)
{
    struct engine *engine = open_faulty(0);
    fault_vfs_fail(FAULT_SYNC_ERROR, 0, 1);
    ck_assert_int_eq(rig_append(engine, "r", 1), ENGINE_OK);
    ck_assert_ptr_null(trouble(engine));
    engine->ops->close(&engine);
}
END_TEST

START_TEST(a_message_that_cannot_be_read_fails_only_its_load)
{
    struct engine *engine = open_faulty(0);
    append_at_last(engine, 1);
    engine->ops->close(&engine);
    engine = open_faulty(0);
    fault_vfs_fail(FAULT_READ_ERROR, 0, 0);
    engine->ops->load(engine, &(struct engine_load){.id = 5,
                                                    .kind = ENGINE_ROOM,
                                                    .name = BYTES_LIT("r"),
                                                    .count_max = 10,
                                                    .bytes_max = 1000});
    struct engine_completion done = rig_next(engine);
    ck_assert_uint_eq(done.id, 5);
    ck_assert_int_eq(done.result, ENGINE_FAILED);
    ck_assert_uint_eq(done.log.record_count, 0);
    fault_vfs_fail(FAULT_NONE, 0, 0);
    append_at_last(engine, 2);
    ck_assert_uint_eq(rig_load(engine, "r").record_count, 2);
    engine->ops->close(&engine);
}
END_TEST

/* --- power cuts ----------------------------------------------------------------------------------
 */

/* What was acknowledged, and after how many operations of the disk that was seen. */
struct ack {
    size_t operations;
    uint64_t offset;
};

static struct ack acks[ACK_MAX];
static size_t ack_count;

/* Publishes in bursts of one to eight while the disk is recorded, through every checkpoint, a
 * restart, and `fault` on the way; whoever is refused asks again. */
static void live(enum fault_kind fault, struct rng *rng)
{
    uint64_t offset = 0;
    bool good = true; /* the last burst was: another fault may come */
    ack_count = 0;
    fault_vfs_record(true);
    for (int life = 0; life < 2; life++) {
        struct engine *engine = open_faulty(96 * 1024);
        while (offset < (uint64_t)(life + 1) * APPENDS) {
            uint64_t burst = 1 + rng_below(rng, 8);
            if (good && fault != FAULT_NONE && rng_below(rng, 4) == 0) {
                fault_vfs_fail(fault, rng_below(rng, 6), 1 + rng_below(rng, 3));
            }
            for (uint64_t i = 1; i <= burst; i++) {
                rig_send(engine, "r", offset + i);
            }
            good = true;
            for (uint64_t i = 1; i <= burst; i++) {
                struct engine_completion done = rig_next(engine);
                ck_assert_uint_eq(done.id, offset + i);
                good = good && done.result == ENGINE_OK;
                if (done.result == ENGINE_OK && ack_count < ACK_MAX) {
                    acks[ack_count++] = (struct ack){fault_vfs_recorded(), done.id};
                }
            }
            offset += good ? burst : 0;
        }
        fault_vfs_fail(FAULT_NONE, 0, 0);
        engine->ops->close(&engine);
    }
    fault_vfs_record(false);
}

/* Opens what is left and finds at least what had been acknowledged by then. */
static void survive(size_t operations)
{
    static bool there[2 * APPENDS + 16];
    struct engine *engine = rig_open(&(struct engine_embedded_config){.dir = cut_dir});
    struct engine_log log = rig_load(engine, "r");
    rig_check("r", &log);
    memset(there, 0, sizeof(there));
    for (size_t i = 0; i < log.record_count; i++) {
        ck_assert_uint_lt(log.records[i].offset, sizeof(there));
        there[log.records[i].offset] = true;
    }
    for (size_t i = 0; i < ack_count && acks[i].operations <= operations; i++) {
        ck_assert_msg(there[acks[i].offset], "cut after %zu operations: %llu was acknowledged",
                      operations, (unsigned long long)acks[i].offset);
    }
    ck_assert_int_eq(rig_append(engine, "r", log.top + 1), ENGINE_OK);
    engine->ops->close(&engine);
}

static const enum fault_kind lives[] = {FAULT_NONE, FAULT_SYNC_ERROR, FAULT_DISK_FULL,
                                        FAULT_WRITE_ERROR};

enum { LIVES = sizeof(lives) / sizeof(lives[0]) };

START_TEST(a_power_cut_at_any_boundary_loses_nothing_that_was_acknowledged)
{
    struct rng rng = {.state = 99 + (uint64_t)_i};
    live(lives[_i], &rng);
    size_t total = fault_vfs_recorded();
    const char *wanted = getenv("SPLITRAIL_POWER_CUTS");
    size_t cuts = wanted == NULL ? 24 : (size_t)strtoul(wanted, NULL, 10);
    size_t step = total < cuts ? 1 : total / cuts;
    ck_assert_uint_gt(total, 200);
    for (size_t at = rng_below(&rng, (uint32_t)step); at <= total; at += step) {
        for (enum cut_kind kind = CUT_LOST; kind < CUT_KINDS; kind++) {
            fault_vfs_cut(at, kind, &rng, cut_dir);
            survive(at);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_faults");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 100);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, a_disk_that_fails_is_told_of_and_works_again_when_it_works, 0,
                        FAULTS);
    tcase_add_loop_test(tcase, trouble_ends_by_itself_when_nobody_asks, 0, FAULTS);
    tcase_add_test(tcase, one_sync_that_fails_is_made_good_at_once);
    tcase_add_test(tcase, a_message_that_cannot_be_read_fails_only_its_load);
    tcase_add_loop_test(tcase, a_power_cut_at_any_boundary_loses_nothing_that_was_acknowledged, 0,
                        LIVES);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
