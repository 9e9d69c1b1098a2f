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

int main(void)
{
    Suite *suite = suite_create("ticket_keys");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, no_ticket_opens_before_there_is_a_key);
    tcase_add_test(tcase, a_single_key_leaves_no_second_one_of_zeros);
    tcase_add_test(tcase, a_key_is_current_for_an_hour_and_opens_tickets_for_another);
    tcase_add_test(tcase, a_key_that_slept_too_long_does_not_come_back);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
