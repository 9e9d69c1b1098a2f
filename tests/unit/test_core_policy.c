/* Rooms by the policy of their namespace, and a policy that changes while they live. */
#include "router/rights.h"
#include "tests/support/check_main.h"
#include "tests/support/core_driver.h"

static const struct namespace_policy memory = {.class = ROOM_MEMORY, .history_messages = 100};

static struct core_driver start(const struct namespace_policy *chat)
{
    struct core_driver d;
    struct core_config config = core_driver_config();
    ck_assert(policy_table_add(&config.policy, BYTES_LIT("chat"), chat));
    core_driver_start(&d, &config, 1);
    policy_table_fini(&config.policy);
    d.config.policy = (struct policy_table){.fallback = config.policy.fallback};
    core_driver_open(&d, 0, 1, "alice");
    core_driver_forget(&d);
    return d;
}

static void set_chat(struct core_driver *d, const struct namespace_policy *chat)
{
    struct policy_table table = {.fallback = memory};
    ck_assert(policy_table_add(&table, BYTES_LIT("chat"), chat));
    core_driver_step(d, &(struct core_event){.kind = CORE_SET_POLICY, .policy = &table});
    policy_table_fini(&table);
}

static void say_three(struct core_driver *d, const char *room)
{
    core_driver_join(d, 0, 1, room);
    core_driver_say(d, 0, 1, room, "a");
    core_driver_say(d, 0, 1, room, "b");
    core_driver_say(d, 0, 1, room, "c");
    core_driver_forget(d);
    d->next_id = 50;
}

static void ask(struct core_driver *d, const char *room)
{
    struct command command = {.kind = COMMAND_HISTORY_ROOM, .room = bytes_of_str(room)};
    core_driver_command(d, 0, 1, &command);
}

START_TEST(a_room_has_the_class_of_its_namespace)
{
    struct core_driver d = start(&(struct namespace_policy){.class = ROOM_EPHEMERAL});
    core_driver_join(&d, 0, 1, "chat:r");
    core_driver_join(&d, 0, 1, "chat");
    core_driver_forget(&d);
    core_driver_say(&d, 0, 1, "chat:r", "1");
    core_driver_expect_line(&d, "said chat:r @0\n");
    core_driver_say(&d, 0, 1, "chat", "1");
    core_driver_expect_line(&d, "said chat @1\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_room_keeps_as_much_as_its_namespace_says)
{
    struct core_driver d =
        start(&(struct namespace_policy){.class = ROOM_MEMORY, .history_messages = 2});
    say_three(&d, "chat:r");
    ask(&d, "chat:r");
    core_driver_expect_line(&d, "@3 first 2");
    say_three(&d, "r");
    ask(&d, "r");
    core_driver_expect_line(&d, "@3 first 1");
    core_driver_stop(&d);
}
END_TEST

START_TEST(messages_older_than_the_namespace_allows_are_not_given_out)
{
    struct core_driver d = start(&(struct namespace_policy){
        .class = ROOM_MEMORY, .history_messages = 100, .history_age_ms = 1000});
    say_three(&d, "chat:r");
    core_driver_wait(&d, 600);
    core_driver_say(&d, 0, 1, "chat:r", "d");
    core_driver_wait(&d, 400);
    core_driver_forget(&d);
    ask(&d, "chat:r");
    core_driver_expect_line(&d, "@4 first 1");
    core_driver_wait(&d, 1);
    core_driver_forget(&d);
    ask(&d, "chat:r");
    core_driver_expect_line(&d, "@4 first 4");
    core_driver_wait(&d, 600);
    core_driver_forget(&d);
    struct command join = {.kind = COMMAND_JOIN, .room = BYTES_LIT("chat:r")};
    join.since =
        (struct since){.present = true, .epoch = core_driver_epoch(&d, "chat:r"), .offset = 3};
    core_driver_command(&d, 0, 1, &join);
    core_driver_expect(&d, "send 0/1 ok 53 join chat:r @4 first 5\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_wall_clock_that_jumps_makes_no_message_old)
{
    struct core_driver d = start(&(struct namespace_policy){
        .class = ROOM_MEMORY, .history_messages = 100, .history_age_ms = 1000});
    say_three(&d, "chat:r");
    struct command command = {.kind = COMMAND_HISTORY_ROOM, .room = BYTES_LIT("chat:r")};
    command.id = BYTES_LIT("9");
    struct core_event event = {.kind = CORE_COMMAND, .conn = {0, 1, 1}, .command = &command};
    event.wall_ms = UINT64_C(1) << 50;
    struct core_effects effects = router_core_step(d.core, &event, d.now_ms);
    ck_assert_uint_eq(effects.count, 1);
    ck_assert_uint_eq(effects.items[0].push->first_offset, 1);
    core_driver_stop(&d);
}
END_TEST

START_TEST(new_limits_hold_at_once_and_a_new_class_for_new_rooms)
{
    struct core_driver d = start(&memory);
    say_three(&d, "chat:r");
    set_chat(&d, &(struct namespace_policy){.class = ROOM_EPHEMERAL, .history_messages = 1});
    core_driver_expect(&d, "");
    ask(&d, "chat:r");
    core_driver_expect_line(&d, "@3 first 3");
    core_driver_say(&d, 0, 1, "chat:r", "d");
    core_driver_expect_line(&d, "said chat:r @4\n");
    core_driver_join(&d, 0, 1, "chat:new");
    core_driver_say(&d, 0, 1, "chat:new", "d");
    core_driver_expect_line(&d, "said chat:new @0\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(what_is_not_kept_while_it_is_ephemeral_is_no_history)
{
    struct core_driver d = start(&(struct namespace_policy){.class = ROOM_EPHEMERAL});
    say_three(&d, "chat:r");
    ask(&d, "chat:r");
    core_driver_expect_line(&d, "@0 first 1");
    core_driver_stop(&d);
}
END_TEST

/* Two edges, alice on the first; the rooms of chat leave deliveries out. */
static struct core_driver start_gap(void)
{
    struct core_driver d;
    struct core_config config = core_driver_config();
    struct namespace_policy chat = memory;
    chat.slow_reader = SLOW_READER_GAP;
    ck_assert(policy_table_add(&config.policy, BYTES_LIT("chat"), &chat));
    core_driver_start(&d, &config, 2);
    policy_table_fini(&config.policy);
    d.config.policy = (struct policy_table){.fallback = config.policy.fallback};
    core_driver_open(&d, 0, 1, "alice");
    core_driver_open(&d, 0, 2, "bob");
    core_driver_forget(&d);
    return d;
}

static void lag(struct core_driver *d, uint32_t slot, const char *room, uint64_t epoch,
                uint64_t first)
{
    struct group_info group = {.kind = CHANNEL_ROOM, .name = bytes_of_str(room), .epoch = epoch};
    core_driver_step(d, &(struct core_event){.kind = CORE_LAGGING,
                                             .conn = {0, slot, 1},
                                             .group = &group,
                                             .last_offset = first,
                                             .token = 7});
}

START_TEST(an_edge_is_told_once_that_deliveries_may_be_left_out)
{
    struct core_driver d = start_gap();
    core_driver_join(&d, 0, 1, "chat:r");
    core_driver_expect(&d, "send 0/1 ok 1 join chat:r @0 first 1\n"
                           "add 0/1 room:chat:r info @0\n"
                           "policy room:chat:r to 0 gap\n");
    core_driver_join(&d, 0, 2, "chat:r");
    core_driver_expect_none(&d, "policy");
    core_driver_forget(&d);
    core_driver_join(&d, 0, 1, "whole");
    core_driver_expect_none(&d, "policy");
    core_driver_stop(&d);
}
END_TEST

START_TEST(who_lags_is_told_what_was_left_out)
{
    struct core_driver d = start_gap();
    say_three(&d, "chat:r");
    lag(&d, 1, "chat:r", core_driver_epoch(&d, "chat:r"), 2);
    core_driver_expect(&d, "top room:chat:r to 0 @3\n"
                           "catch up 0/1 token 7 gap 2-3 last\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(who_lacks_only_what_has_no_number_is_told_a_gap_from_0_to_0)
{
    struct core_driver d = start_gap();
    say_three(&d, "chat:r");
    lag(&d, 1, "chat:r", core_driver_epoch(&d, "chat:r"), 4);
    core_driver_expect(&d, "top room:chat:r to 0 @3\n"
                           "catch up 0/1 token 7 gap 0-0 last\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(who_lagged_since_another_life_of_the_room_is_told_the_new_one_first)
{
    struct core_driver d = start_gap();
    say_three(&d, "chat:r");
    lag(&d, 1, "chat:r", 1, 50);
    core_driver_expect(&d, "top room:chat:r to 0 @3\n"
                           "catch up 0/1 token 7 epoch chat:r\n"
                           "catch up 0/1 token 7 gap 1-3 last\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(who_is_not_in_the_room_or_gone_is_told_nothing)
{
    struct core_driver d = start_gap();
    say_three(&d, "chat:r");
    lag(&d, 2, "chat:r", 1, 1);
    lag(&d, 9, "chat:r", 1, 1);
    lag(&d, 1, "chat:unknown", 1, 1);
    core_driver_expect(&d, "");
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_new_policy_reaches_every_edge_with_members)
{
    struct core_driver d = start_gap();
    core_driver_open(&d, 1, 1, "carol");
    core_driver_join(&d, 0, 1, "chat:r");
    core_driver_join(&d, 1, 1, "chat:r");
    core_driver_forget(&d);
    set_chat(&d, &memory);
    core_driver_expect(&d, "policy room:chat:r to 0 1 whole\n");
    set_chat(&d, &memory);
    core_driver_expect(&d, "");
    set_chat(&d, &(struct namespace_policy){.class = ROOM_MEMORY, .slow_reader = SLOW_READER_GAP});
    core_driver_expect(&d, "policy room:chat:r to 0 1 gap\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(an_announced_group_hears_of_its_new_life_before_anything_may_be_left_out)
{
    struct core_driver d = start_gap();
    core_driver_edge_up(&d, 2, "e2");
    core_driver_join(&d, 0, 1, "chat:r");
    core_driver_say(&d, 0, 1, "chat:r", "a");
    core_driver_forget(&d);
    core_driver_announce_group(&d, 2, 0, CHANNEL_ROOM, "chat:r", 1, 30);
    core_driver_expect(&d, "bind 2.0 room:chat:r info @0\n"
                           "deliver room:chat:r to 2 epoch chat:r\n"
                           "policy room:chat:r to 2 gap\n"
                           "deliver room:chat:r to 2 message alice a @1 #1\n");
    core_driver_stop(&d);
}
END_TEST

/* ---- limits and permissions ---- */

static const struct permission_row {
    struct namespace_policy policy;
    enum command_kind kind;
} permission_rows[] = {
    {{.class = ROOM_MEMORY, .join = PERMISSION_FORBIDDEN}, COMMAND_JOIN},
    {{.class = ROOM_MEMORY, .publish = PERMISSION_FORBIDDEN}, COMMAND_ROOM_MESSAGE},
    {{.class = ROOM_MEMORY, .history = PERMISSION_FORBIDDEN}, COMMAND_HISTORY_ROOM},
    {{.class = ROOM_MEMORY, .presence = PERMISSION_FORBIDDEN}, COMMAND_PRESENCE_ROOM},
};

START_TEST(what_the_namespace_forbids_is_forbidden_there_and_nowhere_else)
{
    const struct permission_row *row = &permission_rows[_i];
    struct core_driver d = start(&row->policy);
    struct command command = {
        .kind = row->kind, .payload = BYTES_LIT("1"), .room = BYTES_LIT("chat:r")};
    if (row->kind != COMMAND_JOIN) {
        core_driver_join(&d, 0, 1, "chat:r");
        core_driver_join(&d, 0, 1, "r");
    }
    core_driver_forget(&d);
    core_driver_command(&d, 0, 1, &command);
    core_driver_expect_line(&d, "forbidden");
    command.room = BYTES_LIT("r");
    core_driver_forget(&d);
    core_driver_command(&d, 0, 1, &command);
    core_driver_expect_none(&d, "forbidden");
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_token_that_speaks_of_rooms_is_the_only_word_on_them)
{
    struct core_driver d =
        start(&(struct namespace_policy){.class = ROOM_MEMORY, .publish = PERMISSION_FORBIDDEN});
    struct buf rights;
    buf_init(&rights, 0);
    rights_begin(&rights, true, true);
    rights_add_room(&rights, 0, BYTES_LIT("chat:*"), RIGHT_JOIN | RIGHT_PUBLISH);
    d.rights = buf_bytes(&rights);
    core_driver_open(&d, 0, 2, "moderator");
    d.rights = BYTES_EMPTY;
    core_driver_join(&d, 0, 2, "chat:r");
    core_driver_forget(&d);
    core_driver_say(&d, 0, 2, "chat:r", "1");
    core_driver_expect_none(&d, "forbidden");
    core_driver_join(&d, 0, 2, "r");
    core_driver_expect_line(&d, "forbidden");
    core_driver_stop(&d);
    buf_fini(&rights);
}
END_TEST

START_TEST(a_namespace_limits_members_payloads_and_the_rate_of_a_room)
{
    struct core_driver d = start(&(struct namespace_policy){.class = ROOM_MEMORY,
                                                            .history_messages = 10,
                                                            .members_max = 1,
                                                            .payload_max = 4,
                                                            .messages_per_second = 2});
    core_driver_open(&d, 0, 2, "bob");
    core_driver_join(&d, 0, 1, "chat:r");
    core_driver_forget(&d);
    core_driver_join(&d, 0, 2, "chat:r");
    core_driver_expect_line(&d, "room_full");
    core_driver_say(&d, 0, 1, "chat:r", "12345");
    core_driver_expect_line(&d, "invalid_message payload is larger than this room allows");
    core_driver_say(&d, 0, 1, "chat:r", "1234");
    core_driver_say(&d, 0, 1, "chat:r", "2");
    core_driver_forget(&d);
    core_driver_say(&d, 0, 1, "chat:r", "3");
    core_driver_expect_line(&d, "message_rate_exceeded");
    core_driver_wait(&d, 500);
    core_driver_forget(&d);
    core_driver_say(&d, 0, 1, "chat:r", "3");
    core_driver_expect_none(&d, "message_rate_exceeded");
    core_driver_stop(&d);
}
END_TEST

START_TEST(in_slow_mode_each_user_waits_for_its_own_turn_on_all_devices)
{
    struct core_driver d =
        start(&(struct namespace_policy){.class = ROOM_MEMORY, .user_interval_ms = 10000});
    core_driver_open(&d, 0, 2, "bob");
    core_driver_open(&d, 0, 3, "alice");
    for (uint32_t slot = 1; slot <= 3; slot++) {
        core_driver_join(&d, 0, slot, "chat:r");
    }
    core_driver_say(&d, 0, 1, "chat:r", "1");
    core_driver_forget(&d);
    core_driver_say(&d, 0, 2, "chat:r", "1");
    core_driver_expect_none(&d, "exceeded");
    core_driver_say(&d, 0, 3, "chat:r", "2");
    core_driver_expect_line(&d, "message_rate_exceeded");
    core_driver_wait(&d, 10020);
    core_driver_forget(&d);
    core_driver_say(&d, 0, 3, "chat:r", "2");
    core_driver_expect_none(&d, "exceeded");
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_namespace_may_be_silent_about_who_comes_and_goes)
{
    struct core_driver d =
        start(&(struct namespace_policy){.class = ROOM_MEMORY, .presence_events = POLICY_OFF});
    core_driver_open(&d, 0, 2, "bob");
    core_driver_join(&d, 0, 1, "chat:r");
    core_driver_forget(&d);
    core_driver_join(&d, 0, 2, "chat:r");
    core_driver_leave(&d, 0, 2, "chat:r");
    core_driver_expect_none(&d, "joined");
    core_driver_expect_none(&d, "left");
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_namespace_says_whether_senders_hear_themselves_unless_they_do)
{
    struct core_driver d =
        start(&(struct namespace_policy){.class = ROOM_MEMORY, .echo = POLICY_OFF});
    struct command command = {
        .kind = COMMAND_ROOM_MESSAGE, .payload = BYTES_LIT("1"), .room = BYTES_LIT("chat:r")};
    core_driver_join(&d, 0, 1, "chat:r");
    core_driver_forget(&d);
    core_driver_command(&d, 0, 1, &command);
    core_driver_expect_line(&d, "except 0/1");
    command.echo = true;
    core_driver_forget(&d);
    core_driver_command(&d, 0, 1, &command);
    core_driver_expect_none(&d, "except");
    core_driver_stop(&d);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core_policy");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, a_room_has_the_class_of_its_namespace);
    tcase_add_test(tcase, a_room_keeps_as_much_as_its_namespace_says);
    tcase_add_test(tcase, messages_older_than_the_namespace_allows_are_not_given_out);
    tcase_add_test(tcase, a_wall_clock_that_jumps_makes_no_message_old);
    tcase_add_test(tcase, new_limits_hold_at_once_and_a_new_class_for_new_rooms);
    tcase_add_test(tcase, what_is_not_kept_while_it_is_ephemeral_is_no_history);
    tcase_add_test(tcase, an_edge_is_told_once_that_deliveries_may_be_left_out);
    tcase_add_test(tcase, who_lags_is_told_what_was_left_out);
    tcase_add_test(tcase, who_lacks_only_what_has_no_number_is_told_a_gap_from_0_to_0);
    tcase_add_test(tcase, who_lagged_since_another_life_of_the_room_is_told_the_new_one_first);
    tcase_add_test(tcase, who_is_not_in_the_room_or_gone_is_told_nothing);
    tcase_add_test(tcase, a_new_policy_reaches_every_edge_with_members);
    tcase_add_test(tcase, an_announced_group_hears_of_its_new_life_before_anything_may_be_left_out);
    tcase_add_loop_test(tcase, what_the_namespace_forbids_is_forbidden_there_and_nowhere_else, 0,
                        sizeof(permission_rows) / sizeof(permission_rows[0]));
    tcase_add_test(tcase, a_token_that_speaks_of_rooms_is_the_only_word_on_them);
    tcase_add_test(tcase, a_namespace_limits_members_payloads_and_the_rate_of_a_room);
    tcase_add_test(tcase, in_slow_mode_each_user_waits_for_its_own_turn_on_all_devices);
    tcase_add_test(tcase, a_namespace_may_be_silent_about_who_comes_and_goes);
    tcase_add_test(tcase, a_namespace_says_whether_senders_hear_themselves_unless_they_do);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
