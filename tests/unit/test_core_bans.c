/* Bans in the core: who is closed, who is refused, what is kept, what edges are told. */
#include "router/bans.h"
#include "tests/support/check_main.h"
#include "tests/support/core_driver.h"

#include <string.h>

static struct core_driver start_with(uint32_t bans_max)
{
    struct core_config config = core_driver_config();
    struct core_driver d;
    config.bans_max = bans_max;
    core_driver_start(&d, &config, 2);
    core_driver_open(&d, 0, 1, "alice");
    core_driver_open(&d, 1, 1, "alice");
    core_driver_open(&d, 1, 2, "bob");
    core_driver_forget(&d);
    return d;
}

static void order(struct core_driver *d, enum core_event_kind kind, const struct ban *ban,
                  uint64_t for_ms)
{
    core_driver_step(
        d, &(struct core_event){.kind = kind, .admin = 9, .ban = ban, .delay_ms = for_ms});
}

static struct ban of_user(const char *user)
{
    return (struct ban){.kind = BAN_USER,
                        .user = bytes_of_str(user),
                        .reason = BYTES_LIT("spam"),
                        .by = BYTES_LIT("op")};
}

static struct ban of_net(const char *text)
{
    struct ban ban = {.kind = BAN_ADDRESS};
    ck_assert(address_net_parse(bytes_of_str(text), &ban.net));
    return ban;
}

START_TEST(a_banned_user_is_closed_everywhere_and_refused_from_then_on)
{
    struct core_driver d = start_with(10);
    struct ban ban = of_user("alice");
    order(&d, CORE_BAN, &ban, 0);
    core_driver_expect(&d, "keep user:alice\n"
                           "close 0/1 4003 spam\n"
                           "close 1/1 4003 spam\n"
                           "done 9 found @0 count 2\n");
    core_driver_open(&d, 0, 3, "alice");
    core_driver_expect(&d, "close 0/3 4003 spam\n");
    core_driver_open(&d, 0, 4, "bob");
    core_driver_expect_line(&d, "accept 0/4 bob");
    core_driver_forget(&d);
    order(&d, CORE_UNBAN, &ban, 0);
    core_driver_expect(&d, "keep nothing of user:alice\ndone 9 found @0 count 1\n");
    order(&d, CORE_UNBAN, &ban, 0);
    core_driver_expect(&d, "done 9 not_found @0 count 0\n");
    core_driver_open(&d, 0, 3, "alice");
    core_driver_expect_line(&d, "accept 0/3 alice");
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_banned_range_is_told_to_edges_and_refused_when_one_comes_all_the_same)
{
    struct core_driver d = start_with(10);
    struct ban other = of_net("198.51.100.0/24");
    struct ban ban = of_net("192.0.2.0/24");
    order(&d, CORE_BAN, &other, 0);
    core_driver_expect(
        &d, "keep address:198.51.100.0/24\nban 198.51.100.0/24 for 0\ndone 9 found @0 count 0\n");
    order(&d, CORE_BAN, &ban, 5000);
    core_driver_expect(&d, "keep address:192.0.2.0/24\n"
                           "ban 192.0.2.0/24 for 5000\n"
                           "close 0/1 4003 Removed by an operator\n"
                           "close 1/1 4003 Removed by an operator\n"
                           "close 1/2 4003 Removed by an operator\n"
                           "done 9 found @0 count 3\n");
    core_driver_open(&d, 0, 3, "carol");
    core_driver_expect(&d, "close 0/3 4003 Removed by an operator\n");
    struct registry_totals totals;
    registry_totals(d.core, &totals);
    ck_assert_uint_eq(totals.refused_address_banned, 1);
    ck_assert_uint_eq(totals.bans_addresses, 2);
    core_driver_wait(&d, 5400);
    core_driver_expect_line(&d, "keep nothing of address:192.0.2.0/24\nunban 192.0.2.0/24\n");
    core_driver_open(&d, 0, 3, "carol");
    core_driver_expect_line(&d, "accept 0/3 carol");
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_ban_ends_to_the_millisecond_whatever_the_wall_clock_does)
{
    struct core_driver d = start_with(10);
    struct ban ban = of_user("alice");
    order(&d, CORE_BAN, &ban, 1000);
    core_driver_forget(&d);
    d.now_ms += 999;
    core_driver_open(&d, 0, 3, "alice");
    core_driver_expect(&d, "close 0/3 4003 spam\n");
    d.now_ms += 1;
    core_driver_open(&d, 0, 3, "alice");
    core_driver_expect_line(&d, "accept 0/3 alice");
    core_driver_stop(&d);
}
END_TEST

START_TEST(as_many_bans_as_may_be_and_one_of_those_can_be_changed)
{
    struct core_driver d = start_with(1);
    struct ban ban = of_user("carol");
    struct ban more = of_net("10.0.0.0/8");
    order(&d, CORE_BAN, &ban, 0);
    core_driver_forget(&d);
    order(&d, CORE_BAN, &more, 0);
    core_driver_expect(&d, "done 9 not_found @0 count 0 error\n");
    order(&d, CORE_BAN, &ban, 1000);
    core_driver_expect(&d, "keep user:carol\ndone 9 found @0 count 0\n");
    core_driver_stop(&d);
}
END_TEST

/* The router's next life: the ban is loaded, the edge knows nothing of it. */
START_TEST(who_is_banned_and_announced_is_put_out_and_the_room_hears_of_it)
{
    struct core_config config = core_driver_config();
    struct core_driver d;
    config.rebuild_ms = 1000;
    core_driver_start(&d, &config, 0);
    core_driver_edge_up(&d, 0, "e0");
    ck_assert(router_core_load_ban(d.core, BYTES_LIT("user:alice"), BYTES_LIT("1\n0\nop\nspam")));
    core_driver_announce_group(&d, 0, 1, CHANNEL_ROOM, "r", 5, 0);
    core_driver_announce_conn(&d, 0, 1, "alice", (const uint32_t[]){1}, 1);
    core_driver_announce_conn(&d, 0, 2, "bob", (const uint32_t[]){1}, 1);
    core_driver_expect_line(&d, "close 0/1 4003 spam");
    core_driver_expect_none(&d, "close 0/2");
    core_driver_forget(&d);
    core_driver_announce_end(&d, 0);
    core_driver_wait(&d, 1200);
    core_driver_expect_line(&d, "left");
    core_driver_stop(&d);
}
END_TEST

static const struct {
    const char *key;
    const char *value;
} unreadable[] = {
    {"user:", "1\n0\n\n"},
    {"alice", "1\n0\n\n"},
    {"address:nonsense", "1\n0\n\n"},
    {"user:a", ""},
    {"user:a", "1\n0\n"},
    {"user:a", "x\n0\n\n"},
    {"user:a", "1\n-1\n\n"},
    {"user:a", "1\n99999999999999999999\n\n"},
};

START_TEST(what_is_no_ban_in_the_store_is_left_out)
{
    struct core_driver d = start_with(10);
    ck_assert(!router_core_load_ban(d.core, bytes_of_str(unreadable[_i].key),
                                    bytes_of_str(unreadable[_i].value)));
    core_driver_stop(&d);
}
END_TEST

START_TEST(what_is_kept_is_what_is_read_again_and_one_that_has_ended_goes)
{
    struct core_driver d = start_with(10);
    struct ban ban = of_net("2001:db8::/32");
    ban.reason = BYTES_LIT("two words");
    ban.by = BYTES_LIT("root");
    order(&d, CORE_BAN, &ban, 60000);
    const struct core_effect *kept = core_driver_last(&d, CORE_KEEP_BAN);
    struct ban read;
    ck_assert(bans_read(kept->key, kept->text, &read));
    ck_assert_mem_eq(&read.net, &ban.net, sizeof(ban.net));
    ck_assert(bytes_equal(read.reason, ban.reason) && bytes_equal(read.by, ban.by));
    ck_assert_uint_eq(read.until_ms - read.created_ms, 60000);
    core_driver_stop(&d);

    d = start_with(10);
    ck_assert(router_core_load_ban(d.core, BYTES_LIT("user:carol"), BYTES_LIT("1\n2\n\n")));
    core_driver_open(&d, 0, 3, "carol");
    core_driver_expect_line(&d, "accept 0/3 carol");
    core_driver_wait(&d, 500);
    core_driver_expect_line(&d, "keep nothing of user:carol");
    core_driver_stop(&d);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core_bans");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, a_banned_user_is_closed_everywhere_and_refused_from_then_on);
    tcase_add_test(tcase, a_banned_range_is_told_to_edges_and_refused_when_one_comes_all_the_same);
    tcase_add_test(tcase, a_ban_ends_to_the_millisecond_whatever_the_wall_clock_does);
    tcase_add_test(tcase, as_many_bans_as_may_be_and_one_of_those_can_be_changed);
    tcase_add_test(tcase, who_is_banned_and_announced_is_put_out_and_the_room_hears_of_it);
    tcase_add_loop_test(tcase, what_is_no_ban_in_the_store_is_left_out, 0,
                        (int)(sizeof(unreadable) / sizeof(unreadable[0])));
    tcase_add_test(tcase, what_is_kept_is_what_is_read_again_and_one_that_has_ended_goes);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
