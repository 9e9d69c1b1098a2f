/* Mass losses: which are, and what they change for those who were lost. */
#include "router/mass.h"
#include "tests/support/check_main.h"
#include "tests/support/core_driver.h"

#include <stdio.h>

static bool is_mass(struct mass *mass, uint32_t lost, bool together, uint32_t left, uint64_t now_ms)
{
    return mass_count(mass, &(struct mass_event){.lost = lost, .together = together, .left = left},
                      10, now_ms)
        .mass;
}

START_TEST(the_death_of_an_edge_with_enough_connections_is_one)
{
    struct mass mass = {0};
    ck_assert(!is_mass(&mass, 9, true, 100000, 1000));
    mass = (struct mass){0};
    ck_assert(is_mass(&mass, 10, true, 100000, 1000));
}
END_TEST

START_TEST(one_after_the_other_they_must_be_more_than_a_twentieth)
{
    struct mass mass = {0};
    for (uint32_t i = 0; i < 10; i++) {
        ck_assert(!is_mass(&mass, 1, false, 199 - i, 5000 + i * 100));
    }
    ck_assert_msg(is_mass(&mass, 1, false, 189, 6100), "eleven of two hundred");
    struct mass few = {0};
    for (uint32_t i = 0; i < 9; i++) {
        ck_assert_msg(!is_mass(&few, 1, false, 8 - i, 5000), "fewer than the least");
    }
}
END_TEST

START_TEST(what_is_longer_ago_than_two_seconds_does_not_count)
{
    struct mass mass = {0};
    for (uint64_t i = 0; i < 100; i++) {
        ck_assert(!is_mass(&mass, 1, false, 20, 1000 + i * 250));
    }
    ck_assert(!is_mass(&mass, 9, false, 20, 1000000));
    ck_assert(is_mass(&mass, 1, false, 20, 1001000));
    ck_assert(!is_mass(&mass, 1, false, 20, 1004000));
}
END_TEST

START_TEST(it_begins_once)
{
    struct mass mass = {0};
    const struct mass_event loss = {.lost = 20, .left = 20};
    ck_assert(mass_count(&mass, &loss, 10, 1000).begins);
    ck_assert(!mass_count(&mass, &loss, 10, 1500).begins);
    ck_assert(mass_count(&mass, &loss, 10, 9000).begins);
}
END_TEST

START_TEST(without_a_least_number_nothing_is_one)
{
    struct mass mass = {0};
    const struct mass_event loss = {.lost = 1000, .together = true};
    ck_assert(!mass_count(&mass, &loss, 0, 1000).mass);
}
END_TEST

enum { LOST = 10 };

/* u0 to u9 on edge 1 and alice on edge 0, all in room r; grace 5 s, long grace 60 s and up to 30 s.
 */
static struct core_driver start_crowd(void)
{
    struct core_driver d;
    struct core_config config = core_driver_config();
    config.mass_min = LOST;
    config.mass_grace_ms = 60000;
    config.mass_spread_ms = 30000;
    core_driver_start(&d, &config, 3);
    core_driver_open(&d, 0, 1, "alice");
    core_driver_join(&d, 0, 1, "r");
    for (uint32_t i = 0; i < LOST; i++) {
        char name[8];
        (void)snprintf(name, sizeof(name), "u%u", i);
        core_driver_open(&d, 1, i, name);
        core_driver_join(&d, 1, i, "r");
    }
    core_driver_wait(&d, 60000);
    core_driver_forget(&d);
    return d;
}

static uint32_t members(const struct core_driver *d)
{
    struct registry_room room;
    ck_assert(registry_room_find(d->core, BYTES_LIT("r"), &room));
    return room.members;
}

START_TEST(users_of_a_dead_edge_have_the_long_grace_and_leave_one_by_one)
{
    struct core_driver d = start_crowd();
    core_driver_edge_down(&d, 1);
    core_driver_wait(&d, 59900);
    core_driver_expect(&d, "");
    core_driver_wait(&d, 15000);
    ck_assert_uint_gt(members(&d), 2);
    ck_assert_uint_lt(members(&d), LOST);
    core_driver_wait(&d, 15300);
    ck_assert_uint_eq(members(&d), 1);
    struct registry_totals totals;
    registry_totals(d.core, &totals);
    ck_assert_uint_eq(totals.mass_edges, 1);
    ck_assert_uint_eq(totals.lengthened, LOST);
    core_driver_stop(&d);
}
END_TEST

START_TEST(an_edge_with_fewer_has_the_ordinary_grace)
{
    struct core_driver d = start_crowd();
    core_driver_close(&d, 1, 0, true);
    core_driver_edge_down(&d, 1);
    core_driver_wait(&d, 5200);
    ck_assert_uint_eq(members(&d), 1);
    core_driver_stop(&d);
}
END_TEST

START_TEST(those_lost_just_before_it_was_clear_belong_to_it)
{
    struct core_driver d = start_crowd();
    for (uint32_t i = 0; i < LOST; i++) {
        core_driver_close(&d, 1, i, false);
        core_driver_wait(&d, 100);
    }
    core_driver_wait(&d, 58000);
    core_driver_expect(&d, "");
    core_driver_wait(&d, 33000);
    ck_assert_uint_eq(members(&d), 1);
    struct registry_totals totals;
    registry_totals(d.core, &totals);
    ck_assert_uint_eq(totals.mass_conns, 1);
    core_driver_stop(&d);
}
END_TEST

START_TEST(who_is_back_has_the_ordinary_grace_again)
{
    struct core_driver d = start_crowd();
    core_driver_edge_down(&d, 1);
    core_driver_wait(&d, 10000);
    core_driver_open(&d, 2, 0, "u0");
    core_driver_forget(&d);
    core_driver_wait(&d, 4900);
    core_driver_expect(&d, "");
    core_driver_wait(&d, 300);
    core_driver_expect_line(&d, "left u0 disconnect\n"); /* back, but not in the room */
    ck_assert_uint_eq(members(&d), LOST);
    core_driver_open(&d, 2, 1, "u1");
    core_driver_join(&d, 2, 1, "r");
    core_driver_forget(&d);
    core_driver_wait(&d, 10000);
    core_driver_expect(&d, "");
    core_driver_close(&d, 2, 1, true);
    core_driver_expect_line(&d, "left u1 disconnect\n"); /* nothing old holds it */
    core_driver_stop(&d);
}
END_TEST

START_TEST(of_two_lost_devices_both_must_be_back)
{
    struct core_driver d = start_crowd();
    core_driver_open(&d, 1, 20, "u0");
    core_driver_join(&d, 1, 20, "s");
    core_driver_wait(&d, 60000);
    core_driver_edge_down(&d, 1);
    core_driver_open(&d, 2, 0, "u0");
    core_driver_join(&d, 2, 0, "r");
    core_driver_forget(&d);
    core_driver_wait(&d, 30000);
    core_driver_expect(&d, "");
    struct registry_room room;
    ck_assert(registry_room_find(d.core, BYTES_LIT("s"), &room) && room.members == 1);
    core_driver_open(&d, 2, 20, "u0");
    core_driver_wait(&d, 5200);
    ck_assert(registry_room_find(d.core, BYTES_LIT("s"), &room) && room.members == 0);
    core_driver_stop(&d);
}
END_TEST

START_TEST(who_was_back_before_the_loss_was_known_has_the_ordinary_grace)
{
    struct core_driver d = start_crowd();
    core_driver_open(&d, 2, 0, "u0");
    core_driver_join(&d, 2, 0, "r");
    core_driver_wait(&d, 3000);
    core_driver_forget(&d);
    core_driver_step(&d, &(struct core_event){.kind = CORE_EDGE_DOWN, .edge = 1, .delay_ms = 3400});
    core_driver_wait(&d, 5200);
    core_driver_expect(&d, "");
    core_driver_close(&d, 2, 0, true);
    core_driver_expect_line(&d, "left u0 disconnect\n");
    core_driver_stop(&d);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core_mass");
    TCase *tcase = tcase_create("mass");
    tcase_add_test(tcase, the_death_of_an_edge_with_enough_connections_is_one);
    tcase_add_test(tcase, one_after_the_other_they_must_be_more_than_a_twentieth);
    tcase_add_test(tcase, what_is_longer_ago_than_two_seconds_does_not_count);
    tcase_add_test(tcase, it_begins_once);
    tcase_add_test(tcase, without_a_least_number_nothing_is_one);
    tcase_add_test(tcase, users_of_a_dead_edge_have_the_long_grace_and_leave_one_by_one);
    tcase_add_test(tcase, an_edge_with_fewer_has_the_ordinary_grace);
    tcase_add_test(tcase, those_lost_just_before_it_was_clear_belong_to_it);
    tcase_add_test(tcase, who_is_back_has_the_ordinary_grace_again);
    tcase_add_test(tcase, of_two_lost_devices_both_must_be_back);
    tcase_add_test(tcase, who_was_back_before_the_loss_was_known_has_the_ordinary_grace);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
