/* Durable rooms: committed, then delivered and acknowledged, in order. */
#include "tests/support/check_main.h"
#include "tests/support/core_driver.h"

static struct core_driver start_durable(void)
{
    struct core_driver d;
    struct core_config config = core_driver_config();
    config.policy.fallback.class = ROOM_DURABLE;
    core_driver_start(&d, &config, 1);
    core_driver_open(&d, 0, 1, "alice");
    core_driver_join(&d, 0, 1, "r");
    core_driver_forget(&d);
    return d;
}

static void say_three(struct core_driver *d)
{
    core_driver_say(d, 0, 1, "r", "a");
    core_driver_say(d, 0, 1, "r", "b");
    core_driver_say(d, 0, 1, "r", "c");
    core_driver_expect(d, "append r alice a @1\nappend r alice b @2\nappend r alice c @3\n");
}

START_TEST(nothing_is_delivered_or_answered_before_the_commit)
{
    struct core_driver d = start_durable();
    core_driver_say(&d, 0, 1, "r", "a");
    core_driver_expect(&d, "append r alice a @1\n");
    ck_assert_uint_eq(core_driver_last(&d, CORE_APPEND)->epoch, core_driver_epoch(&d, "r"));
    core_driver_appended(&d, 0, APPEND_OK);
    core_driver_expect(&d, "deliver room:r to 0 message alice a @1 #1\n"
                           "send 0/1 ok 2 said r @1\n");
    core_driver_appended(&d, 0, APPEND_OK);
    core_driver_expect(&d, "");
    core_driver_stop(&d);
}
END_TEST

START_TEST(commits_out_of_order_are_delivered_in_order)
{
    struct core_driver d = start_durable();
    say_three(&d);
    core_driver_appended(&d, 2, APPEND_OK);
    core_driver_appended(&d, 1, APPEND_OK);
    core_driver_expect(&d, "");
    core_driver_appended(&d, 0, APPEND_OK);
    core_driver_expect(&d, "deliver room:r to 0 message alice a @1 #1\n"
                           "deliver room:r to 0 message alice b @2 #2\n"
                           "deliver room:r to 0 message alice c @3 #3\n"
                           "send 0/1 ok 2 said r @1\n"
                           "send 0/1 ok 3 said r @2\n"
                           "send 0/1 ok 4 said r @3\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_failed_append_is_unavailable_and_its_number_is_used_again)
{
    struct core_driver d = start_durable();
    core_driver_say(&d, 0, 1, "r", "a");
    core_driver_forget(&d);
    core_driver_appended(&d, 0, APPEND_FAILED);
    core_driver_expect(&d, "send 0/1 error 2 unavailable\n");
    core_driver_say(&d, 0, 1, "r", "b");
    core_driver_expect(&d, "append r alice b @1\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_full_disk_fails_all_that_is_under_way_without_a_hole)
{
    struct core_driver d = start_durable();
    say_three(&d);
    core_driver_appended(&d, 0, APPEND_FAILED);
    core_driver_expect(&d, ""); /* whether its number is a hole depends on the next */
    core_driver_appended(&d, 1, APPEND_FAILED);
    core_driver_appended(&d, 2, APPEND_FAILED);
    core_driver_expect(&d, "send 0/1 error 2 unavailable\n"
                           "send 0/1 error 3 unavailable\n"
                           "send 0/1 error 4 unavailable\n");
    core_driver_say(&d, 0, 1, "r", "d");
    core_driver_expect(&d, "append r alice d @1\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_failed_append_below_a_committed_one_is_told_as_a_gap)
{
    struct core_driver d = start_durable();
    say_three(&d);
    core_driver_appended(&d, 0, APPEND_OK);
    core_driver_forget(&d);
    core_driver_appended(&d, 1, APPEND_FAILED);
    core_driver_appended(&d, 2, APPEND_OK);
    core_driver_expect(&d, "deliver room:r to 0 gap 2-2 #2\n"
                           "deliver room:r to 0 message alice c @3 #3\n"
                           "send 0/1 error 3 unavailable\n"
                           "send 0/1 ok 4 said r @3\n");
    core_driver_open(&d, 0, 2, "bob");
    core_driver_forget(&d);
    struct command join = {.kind = COMMAND_JOIN, .room = BYTES_LIT("r")};
    join.since = (struct since){.present = true, .epoch = core_driver_epoch(&d, "r"), .offset = 1};
    core_driver_command(&d, 0, 2, &join);
    core_driver_expect_line(&d, "send 0/2 ok 5 join r @3 first 1\n"
                                "send 0/2 gap 2-2\n"
                                "send 0/2 message alice c @3\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(an_unknown_append_is_asked_again_until_it_is_in_the_log)
{
    struct core_driver d = start_durable();
    core_driver_say(&d, 0, 1, "r", "a");
    core_driver_say(&d, 0, 1, "r", "b");
    core_driver_forget(&d);
    core_driver_appended(&d, 1, APPEND_OK);
    for (size_t i = 0; i < 3; i++) {
        core_driver_appended(&d, 0, APPEND_UNKNOWN);
        core_driver_expect(&d, "append r alice a @1\n");
    }
    core_driver_appended(&d, 0,
                         APPEND_FAILED); /* of the repetition: it may be there all the same */
    core_driver_expect(&d, "");
    core_driver_wait(&d, 1000);
    core_driver_expect(&d, "append r alice a @1\n");
    core_driver_appended(&d, 0, APPEND_OK);
    core_driver_expect(&d, "deliver room:r to 0 message alice a @1 #1\n"
                           "deliver room:r to 0 message alice b @2 #2\n"
                           "send 0/1 ok 2 said r @1\n"
                           "send 0/1 ok 3 said r @2\n");
    core_driver_stop(&d);
}
END_TEST

static struct command with_key(void)
{
    return (struct command){.kind = COMMAND_ROOM_MESSAGE,
                            .room = BYTES_LIT("r"),
                            .payload = BYTES_LIT("a"),
                            .key = BYTES_LIT("k")};
}

START_TEST(a_key_repeated_before_the_commit_is_answered_after_it)
{
    struct core_driver d = start_durable();
    struct command command = with_key();
    core_driver_command(&d, 0, 1, &command);
    core_driver_command(&d, 0, 1, &command);
    core_driver_expect(&d, "append r alice a @1\n");
    core_driver_appended(&d, 0, APPEND_OK);
    core_driver_expect(&d, "deliver room:r to 0 message alice a @1 #1\n"
                           "send 0/1 ok 2 said r @1\n"
                           "send 0/1 ok 3 said r @1 duplicate\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_key_whose_append_failed_may_be_tried_again)
{
    struct core_driver d = start_durable();
    struct command command = with_key();
    core_driver_command(&d, 0, 1, &command);
    core_driver_command(&d, 0, 1, &command);
    core_driver_forget(&d);
    core_driver_appended(&d, 0, APPEND_FAILED);
    core_driver_expect(&d, "send 0/1 error 2 unavailable\nsend 0/1 error 3 unavailable\n");
    core_driver_command(&d, 0, 1, &command);
    core_driver_expect(&d, "append r alice a @1\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_sender_that_is_gone_does_not_stop_the_delivery)
{
    struct core_driver d = start_durable();
    core_driver_open(&d, 0, 2, "bob");
    core_driver_join(&d, 0, 2, "r");
    core_driver_say(&d, 0, 1, "r", "a");
    core_driver_close(&d, 0, 1, true);
    core_driver_forget(&d);
    core_driver_appended(&d, 0, APPEND_OK);
    core_driver_expect(&d, "deliver room:r to 0 message alice a @1 #1\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_room_with_appends_under_way_is_not_forgotten)
{
    struct core_driver d = start_durable();
    core_driver_say(&d, 0, 1, "r", "a");
    core_driver_close(&d, 0, 1, true);
    core_driver_wait(&d, d.config.idle_channel_ms * 2);
    struct registry_room room;
    ck_assert(registry_room_find(d.core, BYTES_LIT("r"), &room));
    core_driver_appended(&d, 0, APPEND_OK);
    core_driver_wait(&d, d.config.idle_channel_ms * 2);
    ck_assert(!registry_room_find(d.core, BYTES_LIT("r"), &room));
    core_driver_stop(&d);
}
END_TEST

START_TEST(an_operators_publication_is_done_after_the_commit)
{
    struct core_driver d = start_durable();
    core_driver_step(&d, &(struct core_event){.kind = CORE_PUBLISH,
                                              .admin = 3,
                                              .room = BYTES_LIT("r"),
                                              .payload = BYTES_LIT("1")});
    core_driver_expect(&d, "append r  1 @1\n");
    core_driver_appended(&d, 0, APPEND_OK);
    core_driver_expect_line(&d, "done 3 found @1 count 0\n");
    core_driver_forget(&d);
    core_driver_step(&d, &(struct core_event){.kind = CORE_PUBLISH,
                                              .admin = 4,
                                              .room = BYTES_LIT("r"),
                                              .payload = BYTES_LIT("1")});
    core_driver_appended(&d, 1, APPEND_FENCED);
    core_driver_expect_line(&d, "done 4 not_found @0 count 0 error\n");
    core_driver_stop(&d);
}
END_TEST

static void say_to(struct core_driver *d, uint32_t slot, const char *user)
{
    struct command command = {.kind = COMMAND_DIRECT_MESSAGE,
                              .id = BYTES_LIT("0"),
                              .user = bytes_of_str(user),
                              .payload = BYTES_LIT("x")};
    core_driver_step(
        d, &(struct core_event){.kind = CORE_COMMAND, .conn = {0, slot, 1}, .command = &command});
}

START_TEST(a_user_begins_only_so_many_rooms_and_inboxes_a_minute_and_uses_those_that_are_there)
{
    struct core_driver d;
    struct core_config config = core_driver_config();
    config.policy.fallback.class = ROOM_DURABLE;
    config.inbox_durable = true;
    config.publish_without_membership = true;
    config.rates.user_logs_per_minute = 4;
    core_driver_start(&d, &config, 1);
    core_driver_open(&d, 0, 1, "alice");
    core_driver_open(&d, 0, 2, "bob");
    d.now_ms += 60000; /* the half-full bucket of a start is full by now */
    core_driver_forget(&d);
    core_driver_say(&d, 0, 1, "r1", "a");
    core_driver_say(&d, 0, 1, "r2", "a");
    say_to(&d, 1, "carol");
    core_driver_say(&d, 0, 1, "r3", "a");
    core_driver_expect(&d, "append r1 alice a @1\nappend r2 alice a @1\n"
                           "append inbox carol alice x @1\nappend r3 alice a @1\n");
    core_driver_say(&d, 0, 1, "r4", "a");
    core_driver_expect_line(&d, "too many new rooms and inboxes retry 15000");
    core_driver_forget(&d);
    say_to(&d, 1, "dora");
    core_driver_expect_line(&d, "too many new rooms and inboxes retry 15000");
    core_driver_forget(&d);
    core_driver_say(&d, 0, 1, "r1", "b"); /* begun, though not committed yet */
    core_driver_expect(&d, "append r1 alice b @2\n");
    core_driver_say(&d, 0, 2, "r4", "a"); /* somebody else */
    core_driver_expect(&d, "append r4 bob a @1\n");
    core_driver_say(&d, 0, 1, "r4", "b");
    core_driver_expect(&d, "append r4 alice b @2\n");
    d.now_ms += 15000;
    core_driver_say(&d, 0, 1, "r5", "a");
    core_driver_expect(&d, "append r5 alice a @1\n");
    struct registry_totals totals;
    registry_totals(d.core, &totals);
    ck_assert_uint_eq(totals.user_logs_limited, 2);
    core_driver_stop(&d);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core_durable");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, nothing_is_delivered_or_answered_before_the_commit);
    tcase_add_test(tcase, commits_out_of_order_are_delivered_in_order);
    tcase_add_test(tcase, a_failed_append_is_unavailable_and_its_number_is_used_again);
    tcase_add_test(tcase, a_full_disk_fails_all_that_is_under_way_without_a_hole);
    tcase_add_test(tcase, a_failed_append_below_a_committed_one_is_told_as_a_gap);
    tcase_add_test(tcase, an_unknown_append_is_asked_again_until_it_is_in_the_log);
    tcase_add_test(tcase, a_key_repeated_before_the_commit_is_answered_after_it);
    tcase_add_test(tcase, a_key_whose_append_failed_may_be_tried_again);
    tcase_add_test(tcase, a_sender_that_is_gone_does_not_stop_the_delivery);
    tcase_add_test(tcase, a_room_with_appends_under_way_is_not_forgotten);
    tcase_add_test(tcase, an_operators_publication_is_done_after_the_commit);
    tcase_add_test(
        tcase, a_user_begins_only_so_many_rooms_and_inboxes_a_minute_and_uses_those_that_are_there);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
