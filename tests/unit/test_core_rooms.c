/* Joining, leaving and speaking in rooms. */
#include "tests/support/check_main.h"
#include "tests/support/core_driver.h"

#include <string.h>

/* alice on edge 0, bob on edge 1 */
static struct core_driver start_two(void)
{
    struct core_driver d;
    struct core_config config = core_driver_config();
    core_driver_start(&d, &config, 2);
    core_driver_open(&d, 0, 1, "alice");
    core_driver_open(&d, 1, 1, "bob");
    core_driver_forget(&d);
    return d;
}

START_TEST(a_new_connection_is_accepted_enters_its_inbox_and_is_welcomed)
{
    struct core_driver d;
    struct core_config config = core_driver_config();
    core_driver_start(&d, &config, 1);
    core_driver_open(&d, 0, 1, "alice");
    core_driver_expect(&d, "accept 0/1 alice\n"
                           "add 0/1 inbox:alice info @0\n"
                           "send 0/1 welcome alice inbox @0\n"
                           "send 0/1 routing e0\n");
    core_driver_open(&d, 0, 2, "alice");
    core_driver_expect_line(&d, "add 0/2 inbox:alice @0\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(an_open_that_is_sent_again_is_ignored)
{
    struct core_driver d = start_two();
    core_driver_open(&d, 0, 1, "alice");
    core_driver_expect(&d, "");
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_slot_used_again_loses_its_old_connection)
{
    struct core_driver d = start_two();
    core_driver_open_gen(&d, 0, 1, 2, "carol");
    core_driver_expect_line(&d, "accept 0/1 carol\n");
    core_driver_close(&d, 0, 1, true); /* generation 1: a stranger by now */
    struct registry_user user;
    ck_assert(registry_user_find(d.core, BYTES_LIT("carol"), &user));
    ck_assert_uint_eq(user.connections, 1);
    ck_assert(registry_user_find(d.core, BYTES_LIT("alice"), &user));
    ck_assert_uint_eq(user.connections, 0);
    ck_assert_uint_eq(user.detached, 1);
    core_driver_stop(&d);
}
END_TEST

START_TEST(the_first_join_tells_those_who_are_in_and_not_the_joiner)
{
    struct core_driver d = start_two();
    core_driver_join(&d, 0, 1, "r");
    core_driver_expect(&d, "send 0/1 ok 1 join r @0 first 1\n"
                           "add 0/1 room:r info @0\n");
    core_driver_join(&d, 1, 1, "r");
    core_driver_expect(&d, "deliver room:r to 0 joined bob by e1\n"
                           "send 1/1 ok 2 join r @0 first 1\n"
                           "add 1/1 room:r info @0\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_second_device_joins_without_a_word)
{
    struct core_driver d = start_two();
    core_driver_join(&d, 0, 1, "r");
    core_driver_join(&d, 1, 1, "r");
    core_driver_open(&d, 0, 2, "bob");
    core_driver_forget(&d);
    core_driver_join(&d, 0, 2, "r");
    core_driver_expect(&d, "send 0/2 ok 3 join r @0 first 1\n"
                           "add 0/2 room:r @0\n");
    core_driver_leave(&d, 1, 1, "r");
    core_driver_expect(&d, "remove 1/1 room:r\n"
                           "send 1/1 ok 4 leave r\n");
    core_driver_leave(&d, 0, 2, "r");
    core_driver_expect(&d, "remove 0/2 room:r\n"
                           "deliver room:r to 0 left bob leave\n"
                           "send 0/2 ok 5 leave r\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(joining_again_changes_nothing)
{
    struct core_driver d = start_two();
    core_driver_join(&d, 0, 1, "r");
    core_driver_forget(&d);
    core_driver_join(&d, 0, 1, "r");
    core_driver_expect(&d, "send 0/1 ok 2 join r @0 first 1\n");
    core_driver_leave(&d, 0, 1, "r");
    core_driver_forget(&d);
    core_driver_leave(&d, 0, 1, "r");
    core_driver_expect(&d, "send 0/1 error 4 not_member\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_message_goes_once_to_each_edge_and_then_is_acknowledged)
{
    struct core_driver d = start_two();
    core_driver_join(&d, 0, 1, "r");
    core_driver_join(&d, 1, 1, "r");
    core_driver_forget(&d);
    core_driver_say(&d, 0, 1, "r", "\"hi\"");
    core_driver_expect(&d, "deliver room:r to 0 1 message alice \"hi\" @1 #1\n"
                           "send 0/1 ok 3 said r @1\n");
    const struct push *push = core_driver_last(&d, CORE_DELIVER)->push;
    ck_assert(bytes_equal(push->message.server_id, BYTES_LIT("e0")));
    ck_assert(bytes_equal(push->room, BYTES_LIT("r")));
    ck_assert_uint_eq(push->message.timestamp_ms, CORE_DRIVER_WALL_MS + d.now_ms);
    core_driver_stop(&d);
}
END_TEST

START_TEST(without_echo_the_sending_connection_is_left_out)
{
    struct core_driver d = start_two();
    core_driver_join(&d, 0, 1, "r");
    core_driver_forget(&d);
    struct command command = {.kind = COMMAND_ROOM_MESSAGE,
                              .room = BYTES_LIT("r"),
                              .payload = BYTES_LIT("1"),
                              .no_echo = true};
    core_driver_command(&d, 0, 1, &command);
    core_driver_expect(&d, "deliver room:r to 0 message alice 1 @1 #1 except 0/1\n"
                           "send 0/1 ok 2 said r @1\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_message_needs_membership_unless_configured_otherwise)
{
    struct core_driver d = start_two();
    core_driver_say(&d, 0, 1, "r", "1");
    core_driver_expect(&d, "send 0/1 error 1 not_member\n");
    core_driver_stop(&d);

    struct core_config config = core_driver_config();
    config.publish_without_membership = true;
    core_driver_start(&d, &config, 1);
    core_driver_open(&d, 0, 1, "alice");
    core_driver_forget(&d);
    core_driver_say(&d, 0, 1, "r", "1");
    core_driver_expect(&d, "send 0/1 ok 1 said r @1\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_repeated_key_is_answered_as_the_first_time_and_delivers_nothing)
{
    struct core_driver d = start_two();
    core_driver_join(&d, 0, 1, "r");
    core_driver_join(&d, 1, 1, "r");
    core_driver_forget(&d);
    struct command command = {.kind = COMMAND_ROOM_MESSAGE,
                              .room = BYTES_LIT("r"),
                              .payload = BYTES_LIT("1"),
                              .key = BYTES_LIT("k")};
    core_driver_command(&d, 0, 1, &command);
    core_driver_say(&d, 0, 1, "r", "2");
    core_driver_forget(&d);
    core_driver_command(&d, 0, 1, &command);
    core_driver_expect(&d, "send 0/1 ok 5 said r @1 duplicate\n");
    core_driver_command(&d, 1, 1, &command); /* another user's key is another key */
    core_driver_expect_line(&d, "ok 6 said r @3\n");
    d.now_ms += d.config.key_window_ms + 1;
    core_driver_command(&d, 0, 1, &command);
    core_driver_expect_line(&d, "ok 7 said r @4\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(without_an_id_success_is_silent_and_errors_are_told)
{
    struct core_driver d = start_two();
    d.next_id = 0;
    core_driver_join(&d, 0, 1, "r");
    core_driver_expect(&d, "add 0/1 room:r info @0\n");
    core_driver_leave(&d, 0, 1, "r");
    core_driver_expect(&d, "remove 0/1 room:r\n");
    core_driver_leave(&d, 0, 1, "r");
    core_driver_expect(&d, "send 0/1 error  not_member\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(an_ephemeral_room_delivers_without_a_number_and_keeps_nothing)
{
    struct core_driver d;
    struct core_config config = core_driver_config();
    config.policy.fallback.class = ROOM_EPHEMERAL;
    core_driver_start(&d, &config, 1);
    core_driver_open(&d, 0, 1, "alice");
    core_driver_join(&d, 0, 1, "r");
    core_driver_forget(&d);
    core_driver_say(&d, 0, 1, "r", "1");
    core_driver_expect(&d, "deliver room:r to 0 message alice 1 @0\n"
                           "send 0/1 ok 2 said r @0\n");
    struct command again = {.kind = COMMAND_JOIN, .room = BYTES_LIT("r")};
    again.since = (struct since){.present = true, .epoch = core_driver_epoch(&d, "r")};
    core_driver_command(&d, 0, 1, &again);
    core_driver_expect(&d, "send 0/1 ok 3 join r @0 first 1\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_join_lists_the_members_when_asked)
{
    struct core_driver d = start_two();
    core_driver_join(&d, 0, 1, "r");
    core_driver_forget(&d);
    struct command command = {.kind = COMMAND_JOIN, .room = BYTES_LIT("r"), .want_members = true};
    core_driver_command(&d, 1, 1, &command);
    core_driver_expect_line(&d, "alice*1");
    core_driver_expect_line(&d, "bob*1");
    core_driver_expect_line(&d, "total 2\n");
    core_driver_stop(&d);
}
END_TEST

static const struct {
    enum command_kind kind;
    const char *name;
} bad_names[] = {
    {COMMAND_JOIN, ""},
    {COMMAND_JOIN, "a\x01"},
    {COMMAND_JOIN, "\xff"},
    {COMMAND_LEAVE, ""},
    {COMMAND_ROOM_MESSAGE, "\x7f"},
    {COMMAND_DIRECT_MESSAGE, ""},
    {COMMAND_DIRECT_MESSAGE, "\xc0\x80"},
    {COMMAND_PRESENCE_ROOM, ""},
    {COMMAND_PRESENCE_USERS, ""},
    {COMMAND_WATCH, "\n"},
    {COMMAND_UNWATCH, ""},
    {COMMAND_HISTORY_ROOM, ""},
};

START_TEST(an_impossible_name_is_invalid_name)
{
    struct core_driver d = start_two();
    struct command command = {.kind = bad_names[_i].kind, .user_count = 1};
    command.room = bytes_of_str(bad_names[_i].name);
    command.user = command.room;
    command.users[0] = command.room;
    core_driver_command(&d, 0, 1, &command);
    core_driver_expect(&d, "send 0/1 error 1 invalid_name\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(ping_is_answered_with_or_without_an_id_and_bad_messages_say_what_is_wrong)
{
    struct core_driver d = start_two();
    struct command ping = {.kind = COMMAND_PING};
    core_driver_command(&d, 0, 1, &ping);
    d.next_id = 0;
    ping.id = BYTES_EMPTY;
    core_driver_command(&d, 0, 1, &ping);
    struct command bad = {.kind = COMMAND_BAD,
                          .error = CLIENT_ERROR_INVALID_MESSAGE,
                          .detail = BYTES_LIT("room is missing")};
    core_driver_command(&d, 0, 1, &bad);
    struct command refresh = {.kind = COMMAND_REFRESH, .id = BYTES_LIT("\"x\"")};
    core_driver_command(&d, 0, 1, &refresh);
    core_driver_expect(&d, "send 0/1 pong 1\n"
                           "send 0/1 pong \n"
                           "send 0/1 error  invalid_message room is missing\n"
                           "send 0/1 error \"x\" token_invalid\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_command_whose_number_was_seen_is_ignored_and_counted)
{
    struct core_driver d = start_two();
    struct command ping = {.kind = COMMAND_PING};
    static const uint64_t numbers[] = {1, 2, 2, 1, 5, 4, 0};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        core_driver_step(&d, &(struct core_event){.kind = CORE_COMMAND,
                                                  .conn = {0, 1, 1},
                                                  .number = numbers[i],
                                                  .command = &ping});
    }
    core_driver_expect(&d, "send 0/1 pong \nsend 0/1 pong \nsend 0/1 pong \nsend 0/1 pong \n");
    struct registry_totals totals;
    registry_totals(d.core, &totals);
    ck_assert_uint_eq(totals.duplicates, 3);
    core_driver_stop(&d);
}
END_TEST

START_TEST(an_api_publication_needs_no_membership_and_is_done_exactly_once)
{
    struct core_driver d = start_two();
    core_driver_join(&d, 0, 1, "r");
    core_driver_forget(&d);
    struct core_event publish = {.kind = CORE_PUBLISH,
                                 .admin = 9,
                                 .room = BYTES_LIT("r"),
                                 .payload = BYTES_LIT("1"),
                                 .key = BYTES_LIT("k")};
    core_driver_step(&d, &publish);
    core_driver_expect(&d, "deliver room:r to 0 message  1 @1 #1\n"
                           "done 9 found @1 count 0\n");
    ck_assert_uint_eq(core_driver_last(&d, CORE_ADMIN_DONE)->epoch, core_driver_epoch(&d, "r"));
    core_driver_step(&d, &publish);
    core_driver_expect(&d, "done 9 found @1 count 0 duplicate\n");
    publish.room = BYTES_LIT("\x01");
    core_driver_step(&d, &publish);
    core_driver_expect(&d, "done 9 not_found @0 count 0 error\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(an_event_of_an_unknown_edge_or_connection_is_ignored)
{
    struct core_driver d = start_two();
    core_driver_join(&d, 7, 1, "r");
    core_driver_join(&d, 0, 99, "r");
    core_driver_open(&d, 9, 1, "carol");
    core_driver_open(&d, 0, UINT32_MAX, "carol");
    core_driver_close(&d, 9, 1, true);
    core_driver_close(&d, 0, UINT32_MAX, true);
    core_driver_announce_end(&d, 9);
    core_driver_edge_down(&d, UINT32_MAX);
    core_driver_edge_up(&d, UINT32_MAX, "far");
    core_driver_step(&d, &(struct core_event){.kind = CORE_APPENDED, .append_id = 12345});
    core_driver_expect(&d, "");
    core_driver_stop(&d);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core_rooms");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, a_new_connection_is_accepted_enters_its_inbox_and_is_welcomed);
    tcase_add_test(tcase, an_open_that_is_sent_again_is_ignored);
    tcase_add_test(tcase, a_slot_used_again_loses_its_old_connection);
    tcase_add_test(tcase, the_first_join_tells_those_who_are_in_and_not_the_joiner);
    tcase_add_test(tcase, a_second_device_joins_without_a_word);
    tcase_add_test(tcase, joining_again_changes_nothing);
    tcase_add_test(tcase, a_message_goes_once_to_each_edge_and_then_is_acknowledged);
    tcase_add_test(tcase, without_echo_the_sending_connection_is_left_out);
    tcase_add_test(tcase, a_message_needs_membership_unless_configured_otherwise);
    tcase_add_test(tcase, a_repeated_key_is_answered_as_the_first_time_and_delivers_nothing);
    tcase_add_test(tcase, without_an_id_success_is_silent_and_errors_are_told);
    tcase_add_test(tcase, an_ephemeral_room_delivers_without_a_number_and_keeps_nothing);
    tcase_add_test(tcase, a_join_lists_the_members_when_asked);
    tcase_add_loop_test(tcase, an_impossible_name_is_invalid_name, 0,
                        (int)(sizeof(bad_names) / sizeof(bad_names[0])));
    tcase_add_test(tcase,
                   ping_is_answered_with_or_without_an_id_and_bad_messages_say_what_is_wrong);
    tcase_add_test(tcase, a_command_whose_number_was_seen_is_ignored_and_counted);
    tcase_add_test(tcase, an_api_publication_needs_no_membership_and_is_done_exactly_once);
    tcase_add_test(tcase, an_event_of_an_unknown_edge_or_connection_is_ignored);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
