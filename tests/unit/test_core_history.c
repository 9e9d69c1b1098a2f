/* What is kept, recovered and asked for: rooms and inboxes. */
#include "tests/support/check_main.h"
#include "tests/support/core_driver.h"

#include <stdio.h>

/* alice (0/1) in room r, where she said 1 to `count`; at most 5 are kept. bob (0/2) is not in. */
static struct core_driver start_talking(int count)
{
    struct core_driver d;
    struct core_config config = core_driver_config();
    config.history_count = 5;
    config.policy.fallback.history_messages = 5;
    core_driver_start(&d, &config, 1);
    core_driver_open(&d, 0, 1, "alice");
    core_driver_open(&d, 0, 2, "bob");
    core_driver_join(&d, 0, 1, "r");
    for (int i = 1; i <= count; i++) {
        char text[16];
        (void)snprintf(text, sizeof(text), "%d", i);
        core_driver_say(&d, 0, 1, "r", text);
    }
    core_driver_forget(&d);
    d.next_id = 50;
    return d;
}

static void join_since(struct core_driver *d, uint64_t epoch, uint64_t offset)
{
    struct command command = {.kind = COMMAND_JOIN, .room = BYTES_LIT("r")};
    command.since = (struct since){.present = true, .epoch = epoch, .offset = offset};
    core_driver_command(d, 0, 2, &command);
}

START_TEST(a_recovering_join_gets_what_it_missed_before_it_is_a_member)
{
    struct core_driver d = start_talking(4);
    join_since(&d, core_driver_epoch(&d, "r"), 2);
    core_driver_expect(&d, "deliver room:r to 0 joined bob by e0\n"
                           "send 0/2 ok 50 join r @4 first 1 recovered\n"
                           "send 0/2 message alice 3 @3\n"
                           "send 0/2 message alice 4 @4\n"
                           "add 0/2 room:r @4\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(nothing_missed_is_recovered_too)
{
    struct core_driver d = start_talking(7);
    join_since(&d, core_driver_epoch(&d, "r"), 7);
    core_driver_expect_line(&d, "ok 50 join r @7 first 3 recovered\nadd 0/2 room:r @7\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(the_oldest_missed_message_must_still_be_there)
{
    struct core_driver d = start_talking(7); /* 3 to 7 are kept */
    join_since(&d, core_driver_epoch(&d, "r"), 2);
    core_driver_expect_line(&d, "ok 50 join r @7 first 3 recovered\nsend 0/2 message alice 3 @3\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(with_a_gap_the_rest_is_sent_and_recovered_is_false)
{
    struct core_driver d = start_talking(7);
    join_since(&d, core_driver_epoch(&d, "r"), 1);
    core_driver_expect_line(&d, "ok 50 join r @7 first 3\nsend 0/2 message alice 3 @3\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(another_life_or_an_offset_from_the_future_recovers_nothing)
{
    struct core_driver d = start_talking(3);
    join_since(&d, core_driver_epoch(&d, "r") + 1, 1);
    core_driver_expect_line(&d, "ok 50 join r @3 first 1\nadd 0/2 room:r @3\n");
    core_driver_leave(&d, 0, 2, "r");
    core_driver_forget(&d);
    join_since(&d, core_driver_epoch(&d, "r"), 4);
    core_driver_expect_line(&d, "ok 52 join r @3 first 1\nadd 0/2 room:r @3\n");
    core_driver_leave(&d, 0, 2, "r");
    core_driver_forget(&d);
    join_since(&d, core_driver_epoch(&d, "r"), UINT64_MAX);
    core_driver_expect_line(&d, "ok 54 join r @3 first 1\nadd 0/2 room:r @3\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_room_keeps_its_life_while_it_is_empty_and_loses_it_when_forgotten)
{
    struct core_driver d = start_talking(2);
    uint64_t epoch = core_driver_epoch(&d, "r");
    core_driver_leave(&d, 0, 1, "r");
    core_driver_wait(&d, d.config.idle_channel_ms - 1000);
    ck_assert_uint_eq(core_driver_epoch(&d, "r"), epoch);
    core_driver_wait(&d, 2000);
    struct registry_room room;
    ck_assert(!registry_room_find(d.core, BYTES_LIT("r"), &room));
    core_driver_forget(&d);
    join_since(&d, epoch, 1);
    core_driver_expect(&d, "send 0/2 ok 51 join r @0 first 1\n"
                           "add 0/2 room:r info @0\n");
    ck_assert_uint_ne(core_driver_epoch(&d, "r"), epoch);
    core_driver_stop(&d);
}
END_TEST

static const struct {
    bool since;
    uint64_t offset;
    int other_epoch;
    uint32_t limit;
    const char *want;
} asks[] = {
    {false, 0, 0, 0, " alice 3 @3 alice 4 @4 alice 5 @5 alice 6 @6 alice 7 @7\n"},
    {false, 0, 0, 2, " alice 6 @6 alice 7 @7\n"},
    {true, 5, 0, 0, " alice 6 @6 alice 7 @7\n"},
    {true, 3, 0, 2, " alice 4 @4 alice 5 @5\n"},
    {true, 0, 0, 1, " alice 3 @3\n"},
    {true, 7, 0, 10, " first 3\n"},
    {true, 99, 0, 10, " first 3\n"},
    {true, UINT64_MAX, 0, 10, " first 3\n"},
    {true, 6, 1, 1, " alice 3 @3\n"},
    {false, 0, 0, UINT32_MAX, " alice 3 @3 alice 4 @4 alice 5 @5 alice 6 @6 alice 7 @7\n"},
};

START_TEST(history_gives_the_newest_or_what_follows_since_oldest_first)
{
    struct core_driver d = start_talking(7);
    struct command command = {
        .kind = COMMAND_HISTORY_ROOM, .room = BYTES_LIT("r"), .limit = asks[_i].limit};
    command.since =
        (struct since){.present = asks[_i].since,
                       .epoch = core_driver_epoch(&d, "r") ^ (uint64_t)asks[_i].other_epoch,
                       .offset = asks[_i].offset};
    core_driver_command(&d, 0, 1, &command);
    core_driver_expect_line(&d, "ok 50 history r @7 first 3");
    core_driver_expect_line(&d, asks[_i].want);
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_history_answer_is_bounded_in_bytes_at_the_right_end)
{
    struct core_driver d;
    struct core_config config = core_driver_config();
    config.history_bytes = 1 << 23;
    core_driver_start(&d, &config, 1);
    core_driver_open(&d, 0, 1, "alice");
    core_driver_join(&d, 0, 1, "r");
    static char big[400 * 1024];
    memset(big, 'x', sizeof(big) - 1);
    for (int i = 0; i < 5; i++) {
        core_driver_say(&d, 0, 1, "r", big);
    }
    core_driver_forget(&d);
    struct command command = {.kind = COMMAND_HISTORY_ROOM, .room = BYTES_LIT("r")};
    core_driver_command(&d, 0, 1, &command);
    const struct push *push = core_driver_last(&d, CORE_SEND_CONN)->push;
    ck_assert_uint_eq(push->message_count, 2);
    ck_assert_uint_eq(push->messages[0].offset, 4);
    command.since = (struct since){.present = true, .epoch = core_driver_epoch(&d, "r")};
    core_driver_command(&d, 0, 1, &command);
    push = core_driver_last(&d, CORE_SEND_CONN)->push;
    ck_assert_uint_eq(push->message_count, 2);
    ck_assert_uint_eq(push->messages[0].offset, 1);
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_direct_message_reaches_every_device_and_says_how_many)
{
    struct core_driver d = start_talking(0);
    core_driver_open(&d, 0, 3, "bob");
    core_driver_forget(&d);
    core_driver_direct(&d, 0, 1, "bob", "\"x\"");
    core_driver_expect(&d, "deliver inbox:bob to 0 direct alice \"x\" @1 #1\n"
                           "send 0/1 ok 50 sent delivered 2\n");
    ck_assert_uint_eq(core_driver_last(&d, CORE_DELIVER)->push->message.server_id.len, 0);
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_direct_message_to_somebody_absent_waits_in_the_inbox)
{
    struct core_driver d = start_talking(0);
    core_driver_direct(&d, 0, 1, "carol", "1");
    core_driver_direct(&d, 0, 1, "carol", "2");
    core_driver_expect(&d, "send 0/1 ok 50 sent delivered 0\n"
                           "send 0/1 ok 51 sent delivered 0\n");
    core_driver_open(&d, 0, 3, "carol");
    core_driver_expect_line(&d, "add 0/3 inbox:carol info @2\n"
                                "send 0/3 welcome carol inbox @2\n");
    core_driver_forget(&d);
    struct command command = {.kind = COMMAND_HISTORY_INBOX};
    core_driver_command(&d, 0, 3, &command);
    core_driver_expect(&d, "send 0/3 ok 52 inbox_history @2 first 1 alice 1 @1 alice 2 @2\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_direct_message_with_a_repeated_key_is_delivered_once)
{
    struct core_driver d = start_talking(0);
    struct command command = {.kind = COMMAND_DIRECT_MESSAGE,
                              .user = BYTES_LIT("bob"),
                              .payload = BYTES_LIT("1"),
                              .key = BYTES_LIT("k")};
    core_driver_command(&d, 0, 1, &command);
    core_driver_forget(&d);
    core_driver_command(&d, 0, 1, &command);
    core_driver_expect(&d, "send 0/1 ok 51 sent delivered 1 duplicate\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(an_operators_direct_message_is_done_with_the_number_of_connections)
{
    struct core_driver d = start_talking(0);
    struct core_event send = {
        .kind = CORE_SEND, .admin = 5, .target = BYTES_LIT("bob"), .payload = BYTES_LIT("1")};
    core_driver_step(&d, &send);
    core_driver_expect(&d, "deliver inbox:bob to 0 direct  1 @1 #1\n"
                           "done 5 found @1 count 1\n");
    send.target = BYTES_EMPTY;
    core_driver_step(&d, &send);
    core_driver_expect(&d, "done 5 not_found @0 count 0 error\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(the_history_of_an_unknown_room_is_empty)
{
    struct core_driver d = start_talking(0);
    struct command command = {.kind = COMMAND_HISTORY_ROOM, .room = BYTES_LIT("nowhere")};
    core_driver_command(&d, 0, 1, &command);
    core_driver_expect(&d, "send 0/1 ok 50 history nowhere @0 first 0\n");
    core_driver_stop(&d);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core_history");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, a_recovering_join_gets_what_it_missed_before_it_is_a_member);
    tcase_add_test(tcase, nothing_missed_is_recovered_too);
    tcase_add_test(tcase, the_oldest_missed_message_must_still_be_there);
    tcase_add_test(tcase, with_a_gap_the_rest_is_sent_and_recovered_is_false);
    tcase_add_test(tcase, another_life_or_an_offset_from_the_future_recovers_nothing);
    tcase_add_test(tcase, a_room_keeps_its_life_while_it_is_empty_and_loses_it_when_forgotten);
    tcase_add_loop_test(tcase, history_gives_the_newest_or_what_follows_since_oldest_first, 0,
                        (int)(sizeof(asks) / sizeof(asks[0])));
    tcase_add_test(tcase, a_history_answer_is_bounded_in_bytes_at_the_right_end);
    tcase_add_test(tcase, a_direct_message_reaches_every_device_and_says_how_many);
    tcase_add_test(tcase, a_direct_message_to_somebody_absent_waits_in_the_inbox);
    tcase_add_test(tcase, a_direct_message_with_a_repeated_key_is_delivered_once);
    tcase_add_test(tcase, an_operators_direct_message_is_done_with_the_number_of_connections);
    tcase_add_test(tcase, the_history_of_an_unknown_room_is_empty);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
