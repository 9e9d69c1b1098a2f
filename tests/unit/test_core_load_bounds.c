/* What may be asked of logs, how much may wait for them, and which epochs they have. */
#include "router/registry.h"
#include "tests/support/check_main.h"
#include "tests/support/core_driver.h"

enum { EPOCH = 0x77 };

static struct core_driver start(void)
{
    struct core_driver d;
    struct core_config config = core_driver_config();
    config.policy.fallback.class = ROOM_DURABLE;
    core_driver_start(&d, &config, 1);
    core_driver_open(&d, 0, 1, "alice");
    core_driver_forget(&d);
    d.loads_by_hand = true;
    return d;
}

/* Messages 1 to `count`, whose payloads are their numbers. */
static struct core_log log_of(struct core_record records[4], size_t count)
{
    const struct bytes digits[] = {BYTES_LIT("1"), BYTES_LIT("2"), BYTES_LIT("3"), BYTES_LIT("4")};
    for (size_t i = 0; i < count; i++) {
        records[i] = (struct core_record){.message = {.offset = i + 1,
                                                      .timestamp_ms = CORE_DRIVER_WALL_MS,
                                                      .user = BYTES_LIT("u"),
                                                      .payload = digits[i]}};
    }
    return (struct core_log){
        .found = true, .epoch = EPOCH, .top = count, .records = records, .record_count = count};
}

static void loaded_messages(struct core_driver *d, size_t count)
{
    struct core_record records[4];
    struct core_log log = log_of(records, count);
    core_driver_loaded(d, &log);
}

START_TEST(nothing_is_asked_of_a_log_while_it_is_read)
{
    struct core_driver d;
    struct core_config config = core_driver_config();
    config.policy.fallback.class = ROOM_DURABLE;
    config.history_total_bytes = 100;
    core_driver_start(&d, &config, 1);
    core_driver_open(&d, 0, 1, "alice");
    d.loads_by_hand = true;
    core_driver_join(&d, 0, 1, "r");
    loaded_messages(&d, 3);
    core_driver_say(&d, 0, 1, "r", "4");
    core_driver_appended(&d, 0, APPEND_OK);
    core_driver_say(&d, 0, 1, "r", "5");
    core_driver_forget(&d);
    struct command history = {.kind = COMMAND_HISTORY_ROOM, .room = BYTES_LIT("r")};
    core_driver_command(&d, 0, 1, &history);
    core_driver_expect_line(&d, "load r\n");
    core_driver_forget(&d);
    core_driver_appended(&d, 1, APPEND_UNKNOWN);
    core_driver_expect_none(&d, "append r");
    core_driver_wait(&d, 1000);
    core_driver_expect_none(&d, "append r");
    loaded_messages(&d, 4);
    core_driver_wait(&d, 1000);
    core_driver_expect_line(&d, "append r alice 5 @5\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(no_more_waits_for_logs_than_may)
{
    struct core_driver d;
    struct core_config config = core_driver_config();
    struct registry_totals totals;
    config.policy.fallback.class = ROOM_DURABLE;
    config.parked_max = 2;
    core_driver_start(&d, &config, 1);
    core_driver_open(&d, 0, 1, "alice");
    core_driver_open(&d, 0, 2, "bob");
    core_driver_open(&d, 0, 3, "carol");
    core_driver_forget(&d);
    d.loads_by_hand = true;
    for (uint32_t slot = 1; slot <= 3; slot++) {
        core_driver_join(&d, 0, slot, "r");
    }
    core_driver_expect_line(&d, "send 0/3 error");
    registry_totals(d.core, &totals);
    ck_assert_uint_eq(totals.parked, 2);
    ck_assert_uint_gt(totals.parked_bytes, 0);
    ck_assert_uint_eq(totals.parked_refused, 1);
    core_driver_loaded(&d, NULL);
    core_driver_expect_line(&d, "send 0/2 ok");
    registry_totals(d.core, &totals);
    ck_assert_uint_eq(totals.parked, 0);
    ck_assert_uint_eq(totals.parked_bytes, 0);
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_log_that_was_forgotten_never_has_an_epoch_again)
{
    uint64_t epochs[4];
    for (uint64_t forgotten = 0; forgotten < 4; forgotten++) {
        struct core_driver d = start();
        core_driver_join(&d, 0, 1, "r");
        core_driver_loaded(&d, &(struct core_log){.forgotten = forgotten});
        epochs[forgotten] = core_driver_epoch(&d, "r");
        for (uint64_t before = 0; before < forgotten; before++) {
            ck_assert_uint_ne(epochs[forgotten], epochs[before]);
        }
        core_driver_stop(&d);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core_load_bounds");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, nothing_is_asked_of_a_log_while_it_is_read);
    tcase_add_test(tcase, no_more_waits_for_logs_than_may);
    tcase_add_test(tcase, a_log_that_was_forgotten_never_has_an_epoch_again);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
