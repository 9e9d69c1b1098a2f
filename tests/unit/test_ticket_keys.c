#include "edge/ticket_keys.h"
#include "tests/support/check_main.h"

#include <check.h>
#include <string.h>

enum { HOUR_MS = TICKET_KEYS_PERIOD_MS };

static struct ticket_key key(uint8_t fill)
{
    struct ticket_key made;
    memset(&made, fill, sizeof(made));
    return made;
}

static void rotate(struct ticket_keys *keys, uint8_t fill, uint64_t now_ms)
{
    struct ticket_key fresh = key(fill);
    ticket_keys_rotate(keys, &fresh, now_ms);
}

/* -1 when the key of that fill is not known. */
static int index_of(const struct ticket_keys *keys, uint8_t fill)
{
    unsigned index = 99;
    struct ticket_key wanted = key(fill);
    const struct ticket_key *found = ticket_keys_find(keys, wanted.name, &index);
    ck_assert(found == NULL || memcmp(found, &wanted, sizeof(wanted)) == 0);
    return found == NULL ? -1 : (int)index;
}

START_TEST(no_ticket_opens_before_there_is_a_key)
{
    struct ticket_keys keys = {0};
    ck_assert(ticket_keys_due(&keys, 0));
    ck_assert_int_eq(index_of(&keys, 0), -1); /* a name of zeros is no key */
}
END_TEST

START_TEST(a_single_key_leaves_no_second_one_of_zeros)
{
    struct ticket_keys keys = {0};
    rotate(&keys, 1, 5);
    ck_assert_int_eq(index_of(&keys, 1), 0);
    ck_assert_int_eq(index_of(&keys, 0), -1);
}
END_TEST

START_TEST(a_key_is_current_for_an_hour_and_opens_tickets_for_another)
{
    struct ticket_keys keys = {0};
    rotate(&keys, 1, 1000);
    ck_assert(!ticket_keys_due(&keys, 1000 + HOUR_MS - 1));
    ck_assert(ticket_keys_due(&keys, 1000 + HOUR_MS));
    rotate(&keys, 2, 1000 + HOUR_MS);
    ck_assert_int_eq(index_of(&keys, 2), 0);
    ck_assert_int_eq(index_of(&keys, 1), 1);
    rotate(&keys, 3, 1000 + 2 * HOUR_MS);
    ck_assert_int_eq(index_of(&keys, 3), 0);
    ck_assert_int_eq(index_of(&keys, 2), 1);
    ck_assert_int_eq(index_of(&keys, 1), -1);
}
END_TEST

START_TEST(a_key_that_slept_too_long_does_not_come_back)
{
    struct ticket_keys keys = {0};
    rotate(&keys, 1, 0);
    rotate(&keys, 2, 2 * (uint64_t)HOUR_MS);
    ck_assert_int_eq(index_of(&keys, 2), 0);
    ck_assert_int_eq(index_of(&keys, 1), -1);
}
END_TEST

static void share(struct ticket_keys *keys, uint8_t current, uint8_t previous, uint64_t drawn_ms,
                  uint64_t now_ms)
{
    struct ticket_key now = key(current);
    struct ticket_key before = key(previous);
    ticket_keys_share(keys, &now, previous == 0 ? NULL : &before, drawn_ms, now_ms);
}

START_TEST(the_router_s_keys_replace_our_own_which_opens_its_tickets_for_an_hour)
{
    struct ticket_keys keys = {0};
    rotate(&keys, 1, 0);
    share(&keys, 11, 10, 500, 1000);
    ck_assert_int_eq(index_of(&keys, 11), 0);
    ck_assert_int_gt(index_of(&keys, 10), 0);
    ck_assert_int_gt(index_of(&keys, 1), 0);
    ticket_keys_expire(&keys, 500 + HOUR_MS);
    ck_assert_int_eq(index_of(&keys, 10), -1);
    ck_assert_int_gt(index_of(&keys, 1), 0);
    ticket_keys_expire(&keys, 1000 + HOUR_MS);
    ck_assert_int_eq(index_of(&keys, 1), -1);
    ck_assert_int_eq(index_of(&keys, 11), 0);
}
END_TEST

START_TEST(what_the_router_draws_hour_by_hour_lives_for_two_hours)
{
    struct ticket_keys keys = {0};
    share(&keys, 10, 0, 0, 0);
    for (uint8_t hour = 1; hour < 20; hour++) {
        uint64_t now_ms = hour * (uint64_t)HOUR_MS;
        share(&keys, (uint8_t)(10 + hour), (uint8_t)(9 + hour), now_ms, now_ms);
        ck_assert_int_eq(index_of(&keys, (uint8_t)(10 + hour)), 0);
        ck_assert_int_eq(index_of(&keys, (uint8_t)(9 + hour)), 1);
        ck_assert_uint_eq(keys.count, 2);
    }
}
END_TEST

START_TEST(the_same_keys_once_more_change_nothing)
{
    struct ticket_keys keys = {0};
    rotate(&keys, 1, 0);
    share(&keys, 11, 10, 900, 1000);
    struct ticket_keys before = keys;
    share(&keys, 11, 10, 900, 2000);
    ck_assert_mem_eq(&keys, &before, sizeof(keys));
}
END_TEST

START_TEST(routers_that_start_anew_leave_what_was_issued_before_useful)
{
    struct ticket_keys keys = {0};
    for (uint8_t i = 1; i <= TICKET_KEYS_KEPT + 3; i++) {
        share(&keys, i, 0, i, i);
        for (uint8_t back = 0; back < TICKET_KEYS_KEPT && back < i; back++) {
            ck_assert_int_eq(index_of(&keys, (uint8_t)(i - back)), back);
        }
        ck_assert_uint_le(keys.count, TICKET_KEYS_KEPT);
    }
}
END_TEST

START_TEST(a_former_key_can_become_the_current_one_again)
{
    struct ticket_keys keys = {0};
    share(&keys, 1, 0, 0, 0);
    share(&keys, 2, 1, 5, 5);
    share(&keys, 1, 0, 0, 6);
    ck_assert_uint_eq(keys.count, 2);
    ck_assert_int_eq(index_of(&keys, 1), 0);
    ck_assert_int_eq(index_of(&keys, 2), 1);
}
END_TEST

START_TEST(an_edge_that_the_router_forsook_uses_its_key_for_two_hours_and_then_draws)
{
    struct ticket_keys keys = {0};
    share(&keys, 10, 0, 1000, 2000);
    ck_assert(!ticket_keys_due(&keys, 1000 + 2 * (uint64_t)HOUR_MS - 1));
    ck_assert(ticket_keys_due(&keys, 1000 + 2 * (uint64_t)HOUR_MS));
    rotate(&keys, 1, 1000 + 2 * (uint64_t)HOUR_MS);
    ck_assert_int_eq(index_of(&keys, 1), 0);
    ck_assert_int_eq(index_of(&keys, 10), 1);
    ck_assert(ticket_keys_due(&keys, 1000 + 3 * (uint64_t)HOUR_MS));
}
END_TEST

START_TEST(a_dropped_key_is_wiped)
{
    static const uint8_t nothing[sizeof(struct ticket_key)];
    struct ticket_keys keys = {0};
    rotate(&keys, 1, 0);
    rotate(&keys, 2, 1);
    rotate(&keys, 3, 2);
    ticket_keys_expire(&keys, 2 + HOUR_MS);
    ck_assert_uint_eq(keys.count, 1);
    for (unsigned i = 1; i < TICKET_KEYS_KEPT; i++) {
        ck_assert_mem_eq(&keys.keys[i], nothing, sizeof(nothing));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ticket_keys");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, no_ticket_opens_before_there_is_a_key);
    tcase_add_test(tcase, a_single_key_leaves_no_second_one_of_zeros);
    tcase_add_test(tcase, a_key_is_current_for_an_hour_and_opens_tickets_for_another);
    tcase_add_test(tcase, a_key_that_slept_too_long_does_not_come_back);
    tcase_add_test(tcase, the_router_s_keys_replace_our_own_which_opens_its_tickets_for_an_hour);
    tcase_add_test(tcase, what_the_router_draws_hour_by_hour_lives_for_two_hours);
    tcase_add_test(tcase, the_same_keys_once_more_change_nothing);
    tcase_add_test(tcase, routers_that_start_anew_leave_what_was_issued_before_useful);
    tcase_add_test(tcase, a_former_key_can_become_the_current_one_again);
    tcase_add_test(tcase,
                   an_edge_that_the_router_forsook_uses_its_key_for_two_hours_and_then_draws);
    tcase_add_test(tcase, a_dropped_key_is_wiped);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
