/* Rates, limits, operators who remove people. */
#include "tests/support/check_main.h"
#include "tests/support/core_driver.h"

#include <stdio.h>

static struct core_driver start(const struct core_config *config)
{
    struct core_driver d;
    core_driver_start(&d, config, 2);
    core_driver_open(&d, 0, 1, "alice");
    core_driver_open(&d, 1, 1, "bob");
    core_driver_forget(&d);
    return d;
}

START_TEST(above_the_message_rate_a_command_is_refused_and_not_acted_upon)
{
    struct core_config config = core_driver_config();
    config.rates.messages_per_second = 2;
    struct core_driver d = start(&config);
    core_driver_join(&d, 0, 1, "r");
    core_driver_join(&d, 0, 1, "s");
    core_driver_forget(&d);
    core_driver_join(&d, 0, 1, "t");
    core_driver_expect(&d, "send 0/1 error 3 message_rate_exceeded retry 500\n");
    struct command bad = {.kind = COMMAND_BAD, .error = CLIENT_ERROR_INVALID_JSON};
    core_driver_command(&d, 0, 1, &bad);
    core_driver_expect(&d, "send 0/1 error 4 message_rate_exceeded retry 500\n");
    d.now_ms += 500;
    core_driver_join(&d, 0, 1, "t");
    core_driver_expect_line(&d, "ok 5 join t");
    core_driver_stop(&d);
}
END_TEST

START_TEST(the_rate_is_counted_by_when_clients_spoke_not_by_when_we_had_time)
{
    struct core_config config = core_driver_config();
    config.rates.messages_per_second = 2;
    struct core_driver d = start(&config);
    struct command ping = {.kind = COMMAND_PING};
    for (uint64_t i = 0; i < 20; i++) { /* one each 500 ms, all handed over at once */
        core_driver_step(&d, &(struct core_event){.kind = CORE_COMMAND,
                                                  .conn = {0, 1, 1},
                                                  .arrived_ms = 7000 + i * 500,
                                                  .wire_bytes = 20,
                                                  .command = &ping});
    }
    core_driver_expect_none(&d, "message_rate_exceeded");
    core_driver_stop(&d);
}
END_TEST

START_TEST(who_keeps_exceeding_the_rate_is_closed_once_and_who_stumbles_is_not)
{
    struct core_config config = core_driver_config();
    config.rates.messages_per_second = 1;
    config.denials_max = 20;
    struct core_driver d = start(&config);
    struct command ping = {.kind = COMMAND_PING};
    for (int second = 0; second < 30; second++) { /* two refusals a second are forgiven */
        for (int i = 0; i < 3; i++) {
            core_driver_command(&d, 0, 1, &ping);
        }
        d.now_ms += 1000;
    }
    core_driver_expect_none(&d, "close");
    for (int i = 0; i < 22; i++) {
        core_driver_command(&d, 0, 1, &ping);
    }
    core_driver_expect_line(&d, "close 0/1 1008");
    core_driver_forget(&d);
    core_driver_command(&d, 0, 1, &ping);
    core_driver_expect(&d, ""); /* what was on its way finds nobody */
    core_driver_command(&d, 1, 1, &ping);
    core_driver_expect_line(&d, "send 1/1 pong");
    core_driver_stop(&d);
}
END_TEST

START_TEST(above_the_byte_rate_too_and_rates_change_while_running)
{
    struct core_config config = core_driver_config();
    config.rates.bytes_per_second = 150; /* the driver says 100 for each */
    struct core_driver d = start(&config);
    core_driver_join(&d, 0, 1, "r");
    core_driver_forget(&d);
    core_driver_join(&d, 0, 1, "s");
    core_driver_expect_line(&d, "send 0/1 error 2 byte_rate_exceeded retry");
    router_core_set_rates(d.core, &(struct core_rates){0});
    core_driver_forget(&d);
    core_driver_join(&d, 0, 1, "s");
    core_driver_expect_line(&d, "ok 3 join s");
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_connection_has_a_limit_of_rooms_and_of_watches)
{
    struct core_config config = core_driver_config();
    config.rooms_per_connection_max = 1;
    config.watches_per_connection_max = 1;
    struct core_driver d = start(&config);
    core_driver_join(&d, 0, 1, "r");
    core_driver_forget(&d);
    core_driver_join(&d, 0, 1, "s");
    core_driver_expect(&d, "send 0/1 error 2 too_many_rooms\n");
    core_driver_join(&d, 0, 1, "r");
    core_driver_expect_line(&d, "ok 3 join r");
    core_driver_users(&d, 0, 1, COMMAND_WATCH, "bob");
    core_driver_forget(&d);
    core_driver_users(&d, 0, 1, COMMAND_WATCH, "carol");
    core_driver_expect_line(&d, "send 0/1 error 5 forbidden too many watched users");
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_room_has_a_limit_of_users_but_not_of_their_devices)
{
    struct core_config config = core_driver_config();
    config.members_max = 1;
    struct core_driver d = start(&config);
    core_driver_join(&d, 0, 1, "r");
    core_driver_forget(&d);
    core_driver_join(&d, 1, 1, "r");
    core_driver_expect(&d, "send 1/1 error 2 room_full\n");
    core_driver_open(&d, 0, 2, "alice");
    core_driver_forget(&d);
    core_driver_join(&d, 0, 2, "r");
    core_driver_expect_line(&d, "ok 3 join r");
    core_driver_stop(&d);
}
END_TEST

START_TEST(when_rooms_run_out_an_empty_one_makes_place_and_a_used_one_does_not)
{
    struct core_config config = core_driver_config();
    config.rooms_max = 2;
    struct core_driver d = start(&config);
    core_driver_join(&d, 0, 1, "r");
    core_driver_join(&d, 0, 1, "s");
    core_driver_forget(&d);
    core_driver_join(&d, 1, 1, "t");
    core_driver_expect(&d, "send 1/1 error 3 unavailable\n");
    core_driver_leave(&d, 0, 1, "r");
    core_driver_forget(&d);
    core_driver_join(&d, 1, 1, "t");
    core_driver_expect_line(&d, "ok 5 join t");
    struct registry_room room;
    ck_assert(!registry_room_find(d.core, BYTES_LIT("r"), &room));
    core_driver_stop(&d);
}
END_TEST

START_TEST(when_users_run_out_the_least_recently_used_absent_one_makes_place)
{
    struct core_config config = core_driver_config();
    config.users_max = 4;
    struct core_driver d = start(&config);
    core_driver_direct(&d, 0, 1, "x", "1");
    core_driver_direct(&d, 0, 1, "y", "1");
    core_driver_direct(&d, 0, 1, "x", "2");
    core_driver_direct(&d, 0, 1, "z", "1");
    core_driver_expect_none(&d, "unavailable");
    struct registry_user user;
    ck_assert(registry_user_find(d.core, BYTES_LIT("x"), &user));
    ck_assert_uint_eq(user.inbox_offset, 2);
    ck_assert(!registry_user_find(d.core, BYTES_LIT("y"), &user));
    core_driver_users(&d, 0, 1, COMMAND_WATCH, "x");
    core_driver_users(&d, 0, 1, COMMAND_WATCH, "z");
    core_driver_forget(&d);
    core_driver_direct(&d, 0, 1, "y", "1");
    core_driver_expect(&d, "send 0/1 error 7 unavailable\n");
    core_driver_open(&d, 0, 2, "new");
    core_driver_expect(&d, "close 0/2 1013 Too many users\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(above_the_total_of_history_the_least_recently_used_idle_channel_goes_first)
{
    struct core_config config = core_driver_config();
    config.history_total_bytes = 1064;
    struct core_driver d = start(&config);
    static const char text[] = "\"0123456789012345678901234567890123456789"
                               "0123456789012345678901234567890123456789\"";
    core_driver_join(&d, 0, 1, "r");
    core_driver_say(&d, 0, 1, "r", text);
    core_driver_leave(&d, 0, 1, "r");
    core_driver_direct(&d, 0, 1, "absent", text);
    core_driver_join(&d, 0, 1, "s");
    struct registry_room room;
    struct registry_user user;
    for (int i = 0; i < 7; i++) { /* 129 bytes each */
        core_driver_say(&d, 0, 1, "s", text);
    }
    ck_assert(!registry_room_find(d.core, BYTES_LIT("r"), &room));
    ck_assert(registry_user_find(d.core, BYTES_LIT("absent"), &user));
    for (int i = 0; i < 20; i++) {
        core_driver_say(&d, 0, 1, "s", text);
    }
    ck_assert(!registry_user_find(d.core, BYTES_LIT("absent"), &user));
    ck_assert(registry_room_find(d.core, BYTES_LIT("s"), &room));
    ck_assert_uint_eq(room.offset, 27);
    ck_assert_uint_gt(room.first_offset, 15);
    struct registry_totals totals;
    registry_totals(d.core, &totals);
    ck_assert_uint_le(totals.history_bytes, 1064);
    ck_assert_uint_eq(totals.evicted_channels, 2);
    core_driver_stop(&d);
}
END_TEST

START_TEST(whoever_keeps_no_message_is_not_forgotten_for_the_room_of_others)
{
    struct core_config config = core_driver_config();
    config.history_total_bytes = 500;
    struct core_driver d = start(&config);
    core_driver_close(&d, 1, 1, true);
    core_driver_join(&d, 0, 1, "r");
    for (int i = 0; i < 50; i++) {
        core_driver_say(&d, 0, 1, "r", "\"some text\"");
    }
    struct registry_user user;
    ck_assert(registry_user_find(d.core, BYTES_LIT("bob"), &user));
    ck_assert_uint_ne(user.since_ms, 0);
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_ring_is_bounded_in_bytes)
{
    struct core_config config = core_driver_config();
    config.history_bytes = 25;
    struct core_driver d = start(&config);
    core_driver_join(&d, 0, 1, "r");
    for (int i = 0; i < 5; i++) {
        core_driver_say(&d, 0, 1, "r", "\"12345678\"");
    }
    struct registry_room room;
    ck_assert(registry_room_find(d.core, BYTES_LIT("r"), &room));
    ck_assert_uint_eq(room.first_offset, 4);
    ck_assert_uint_eq(room.history_bytes, 20);
    core_driver_stop(&d);
}
END_TEST

START_TEST(without_history_messages_are_still_numbered_and_delivered)
{
    struct core_config config = core_driver_config();
    config.history_count = 0;
    config.policy.fallback.history_messages = 0;
    config.key_window = 0;
    struct core_driver d = start(&config);
    core_driver_join(&d, 0, 1, "r");
    core_driver_forget(&d);
    core_driver_say(&d, 0, 1, "r", "1");
    core_driver_say(&d, 0, 1, "r", "2");
    core_driver_expect_line(&d, "deliver room:r to 0 message alice 2 @2 #2\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(the_connection_limit_of_a_user_refuses_the_newest_or_closes_the_oldest)
{
    struct core_config config = core_driver_config();
    config.connections_per_user_max = 1;
    struct core_driver d = start(&config);
    core_driver_open(&d, 0, 2, "alice");
    core_driver_expect(&d, "close 0/2 4004 Connection limit of this user\n");
    core_driver_stop(&d);

    config.kick_oldest = true;
    d = start(&config);
    core_driver_open(&d, 0, 2, "alice");
    core_driver_expect_line(&d, "close 0/1 4004 Connection limit of this user\n"
                                "accept 0/2 alice\n");
    core_driver_forget(&d);
    core_driver_join(&d, 0, 1, "r"); /* the closed one is nobody */
    core_driver_expect(&d, "");
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_kicked_user_is_closed_everywhere_and_gone_at_once)
{
    struct core_config config = core_driver_config();
    struct core_driver d = start(&config);
    core_driver_join(&d, 0, 1, "r");
    core_driver_join(&d, 1, 1, "r");
    core_driver_open(&d, 0, 2, "bob");
    core_driver_open(&d, 0, 3, "bob");
    core_driver_close(&d, 0, 3, false);
    core_driver_forget(&d);
    core_driver_kick_user(&d, "bob", NULL);
    core_driver_expect(&d, "close 1/1 4003 bye\n"
                           "deliver room:r to 0 left bob disconnect\n"
                           "close 0/2 4003 bye\n"
                           "done 77 found @0 count 2\n");
    struct registry_user user;
    ck_assert(registry_user_find(d.core, BYTES_LIT("bob"), &user));
    ck_assert(!user.online);
    core_driver_kick_user(&d, "bob", NULL);
    core_driver_kick_user(&d, "nobody", NULL);
    core_driver_expect(&d, "done 77 found @0 count 0\ndone 77 not_found @0 count 0\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_user_kicked_out_of_a_room_leaves_that_room_only)
{
    struct core_config config = core_driver_config();
    struct core_driver d = start(&config);
    core_driver_join(&d, 0, 1, "r");
    core_driver_join(&d, 1, 1, "r");
    core_driver_join(&d, 1, 1, "s");
    core_driver_forget(&d);
    core_driver_kick_user(&d, "bob", "r");
    core_driver_expect(&d, "send 1/1 kicked r bye\n"
                           "remove 1/1 room:r\n"
                           "deliver room:r to 0 left bob leave\n"
                           "done 77 found @0 count 1\n");
    core_driver_leave(&d, 1, 1, "s");
    core_driver_expect_line(&d, "ok 4 leave s");
    core_driver_forget(&d);
    core_driver_kick_user(&d, "bob", "nowhere");
    core_driver_expect(&d, "done 77 not_found @0 count 0\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(one_connection_is_kicked_by_its_exact_name)
{
    struct core_config config = core_driver_config();
    struct core_driver d = start(&config);
    struct core_event kick = {.kind = CORE_KICK, .admin = 1, .conn = {1, 1, 2}};
    core_driver_step(&d, &kick);
    core_driver_expect(&d, "done 1 not_found @0 count 0\n");
    kick.conn.gen = 1;
    core_driver_step(&d, &kick);
    core_driver_expect(&d, "close 1/1 4003 \ndone 1 found @0 count 1\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(errors_and_commands_are_counted_by_kind)
{
    struct core_config config = core_driver_config();
    struct core_driver d = start(&config);
    core_driver_say(&d, 0, 1, "r", "1");
    core_driver_join(&d, 0, 1, "r");
    core_driver_join(&d, 1, 1, "r");
    core_driver_say(&d, 0, 1, "r", "1");
    core_driver_direct(&d, 0, 1, "bob", "1");
    struct registry_totals totals;
    registry_totals(d.core, &totals);
    ck_assert_uint_eq(totals.commands[COMMAND_ROOM_MESSAGE], 2);
    ck_assert_uint_eq(totals.errors[CLIENT_ERROR_NOT_MEMBER], 1);
    ck_assert_uint_eq(totals.room_messages, 1);
    ck_assert_uint_eq(totals.direct_messages, 1);
    ck_assert_uint_eq(totals.deliveries, 1 + 2 + 1); /* joined, the message twice, direct */
    core_driver_stop(&d);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core_limits");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, the_rate_is_counted_by_when_clients_spoke_not_by_when_we_had_time);
    tcase_add_test(tcase, above_the_message_rate_a_command_is_refused_and_not_acted_upon);
    tcase_add_test(tcase, who_keeps_exceeding_the_rate_is_closed_once_and_who_stumbles_is_not);
    tcase_add_test(tcase, above_the_byte_rate_too_and_rates_change_while_running);
    tcase_add_test(tcase, a_connection_has_a_limit_of_rooms_and_of_watches);
    tcase_add_test(tcase, a_room_has_a_limit_of_users_but_not_of_their_devices);
    tcase_add_test(tcase, when_rooms_run_out_an_empty_one_makes_place_and_a_used_one_does_not);
    tcase_add_test(tcase, when_users_run_out_the_least_recently_used_absent_one_makes_place);
    tcase_add_test(tcase,
                   above_the_total_of_history_the_least_recently_used_idle_channel_goes_first);
    tcase_add_test(tcase, whoever_keeps_no_message_is_not_forgotten_for_the_room_of_others);
    tcase_add_test(tcase, a_ring_is_bounded_in_bytes);
    tcase_add_test(tcase, without_history_messages_are_still_numbered_and_delivered);
    tcase_add_test(tcase, the_connection_limit_of_a_user_refuses_the_newest_or_closes_the_oldest);
    tcase_add_test(tcase, a_kicked_user_is_closed_everywhere_and_gone_at_once);
    tcase_add_test(tcase, a_user_kicked_out_of_a_room_leaves_that_room_only);
    tcase_add_test(tcase, one_connection_is_kicked_by_its_exact_name);
    tcase_add_test(tcase, errors_and_commands_are_counted_by_kind);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
