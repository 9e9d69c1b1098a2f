/* What operators watch: told beside everything else, and only while somebody watches. */
#include "tests/support/check_main.h"
#include "tests/support/core_driver.h"

static struct core_driver start(void)
{
    struct core_config config = core_driver_config();
    struct core_driver d;
    core_driver_start(&d, &config, 2);
    core_driver_open(&d, 0, 1, "alice");
    core_driver_open(&d, 1, 1, "bob");
    core_driver_join(&d, 0, 1, "tea");
    core_driver_forget(&d);
    return d;
}

START_TEST(nothing_is_told_of_what_nobody_watches)
{
    struct core_driver d = start();
    ck_assert(router_core_tap(d.core, CORE_TAP_MESSAGES, BYTES_LIT("milk")));
    ck_assert(router_core_tap(d.core, CORE_TAP_USER, BYTES_LIT("carol")));
    core_driver_say(&d, 0, 1, "tea", "1");
    core_driver_join(&d, 1, 1, "tea");
    core_driver_expect_none(&d, "tapped");
    core_driver_stop(&d);
}
END_TEST

START_TEST(messages_of_a_room_are_told_until_the_last_has_stopped)
{
    struct core_driver d = start();
    ck_assert(router_core_tap(d.core, CORE_TAP_MESSAGES, BYTES_LIT("tea")));
    ck_assert(router_core_tap(d.core, CORE_TAP_MESSAGES, BYTES_LIT("tea")));
    core_driver_say(&d, 0, 1, "tea", "1");
    core_driver_expect_line(&d, "tapped message in tea @1 to 1 on 1");
    core_driver_forget(&d);
    router_core_untap(d.core, CORE_TAP_MESSAGES, BYTES_LIT("tea"));
    core_driver_say(&d, 0, 1, "tea", "2");
    core_driver_expect_line(&d, "tapped message in tea @2 to 1 on 1");
    core_driver_forget(&d);
    router_core_untap(d.core, CORE_TAP_MESSAGES, BYTES_LIT("tea"));
    core_driver_say(&d, 0, 1, "tea", "3");
    core_driver_expect_none(&d, "tapped");
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_room_tells_who_comes_and_goes)
{
    struct core_driver d = start();
    ck_assert(router_core_tap(d.core, CORE_TAP_ROOM, BYTES_LIT("tea")));
    core_driver_join(&d, 1, 1, "tea");
    core_driver_expect_line(&d, "tapped joined in tea of bob");
    core_driver_leave(&d, 1, 1, "tea");
    core_driver_expect_line(&d, "tapped left in tea of bob leave");
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_user_is_followed_through_connections_rooms_and_presence)
{
    struct core_driver d = start();
    ck_assert(router_core_tap(d.core, CORE_TAP_USER, BYTES_LIT("carol")));
    core_driver_open(&d, 1, 2, "carol");
    core_driver_expect_line(&d, "tapped connected of carol");
    core_driver_expect_line(&d, "tapped online of carol");
    core_driver_join(&d, 1, 2, "tea");
    core_driver_expect_line(&d, "tapped joined in tea of carol");
    core_driver_close(&d, 1, 2, true);
    core_driver_expect_line(&d, "tapped closed of carol");
    core_driver_expect_line(&d, "tapped left in tea of carol disconnect");
    core_driver_expect_line(&d, "tapped offline of carol");
    core_driver_forget(&d);
    core_driver_open(&d, 1, 3, "carol");
    core_driver_close(&d, 1, 3, false);
    core_driver_expect_line(&d, "tapped lost of carol");
    core_driver_stop(&d);
}
END_TEST

START_TEST(senders_and_all_see_direct_messages_too)
{
    struct core_driver d = start();
    ck_assert(router_core_tap(d.core, CORE_TAP_SENDER, BYTES_LIT("alice")));
    core_driver_direct(&d, 0, 1, "bob", "1");
    core_driver_expect_line(&d, "tapped message of bob @1 to 1 on 1");
    router_core_untap(d.core, CORE_TAP_SENDER, BYTES_LIT("alice"));
    core_driver_forget(&d);
    ck_assert(router_core_tap(d.core, CORE_TAP_ALL, BYTES_EMPTY));
    core_driver_direct(&d, 1, 1, "alice", "1");
    core_driver_expect_line(&d, "tapped message of alice");
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_few_messages_are_told_of_although_nobody_watches)
{
    struct core_driver d = start();
    for (int i = 0; i < 1022; i++) {
        core_driver_say(&d, 0, 1, "tea", "1");
        core_driver_wait(&d, 100);
    }
    core_driver_expect_none(&d, "tapped");
    core_driver_say(&d, 0, 1, "tea", "1");
    core_driver_say(&d, 0, 1, "tea", "1");
    core_driver_expect_line(&d, "tapped message in tea @1024 to 1 on 1");
    core_driver_stop(&d);
}
END_TEST

START_TEST(only_so_many_taps_are_taken)
{
    struct core_driver d = start();
    for (int i = 0; i < 64; i++) {
        char name[2] = {(char)('!' + i), 0};
        ck_assert(router_core_tap(d.core, CORE_TAP_ROOM, bytes_of_str(name)));
    }
    ck_assert(!router_core_tap(d.core, CORE_TAP_ROOM, BYTES_LIT("one more")));
    ck_assert(router_core_tap(d.core, CORE_TAP_ROOM, BYTES_LIT("!")));
    core_driver_stop(&d);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core_taps");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, nothing_is_told_of_what_nobody_watches);
    tcase_add_test(tcase, messages_of_a_room_are_told_until_the_last_has_stopped);
    tcase_add_test(tcase, a_room_tells_who_comes_and_goes);
    tcase_add_test(tcase, a_user_is_followed_through_connections_rooms_and_presence);
    tcase_add_test(tcase, senders_and_all_see_direct_messages_too);
    tcase_add_test(tcase, a_few_messages_are_told_of_although_nobody_watches);
    tcase_add_test(tcase, only_so_many_taps_are_taken);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
