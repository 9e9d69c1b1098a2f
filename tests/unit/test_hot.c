#include "router/hot.h"
#include "tests/support/check_main.h"

#include <stdio.h>
#include <string.h>

static struct hot hot;

static void setup(void)
{
    hot = (struct hot){0};
}

static void add(const char *name, int times)
{
    for (int i = 0; i < times; i++) {
        hot_add(&hot, bytes_of_str(name), 10, 3);
    }
}

START_TEST(most_messages_come_first_and_names_break_ties)
{
    add("b", 2);
    add("c", 5);
    add("a", 2);
    hot_sort(&hot);
    ck_assert_uint_eq(hot.count, 3);
    ck_assert_int_eq(hot.items[0].name[0], 'c');
    ck_assert_uint_eq(hot.items[0].messages, 5);
    ck_assert_uint_eq(hot.items[0].bytes, 50);
    ck_assert_uint_eq(hot.items[0].deliveries, 15);
    ck_assert_int_eq(hot.items[1].name[0], 'a');
}
END_TEST

START_TEST(a_hot_name_is_found_among_any_number_of_cold_ones)
{
    for (int i = 0; i < 2000; i++) {
        char name[16];
        snprintf(name, sizeof(name), "cold-%d", i);
        add(name, 1);
        add("hot", 1);
    }
    hot_sort(&hot);
    ck_assert_uint_eq(hot.count, HOT_NAMES_MAX);
    ck_assert(bytes_equal(bytes_of(hot.items[0].name, hot.items[0].len), BYTES_LIT("hot")));
    ck_assert_uint_eq(hot.items[0].messages, 2000);
    ck_assert_uint_eq(hot.items[0].inherited, 0);
    for (size_t i = 1; i < hot.count; i++) {
        ck_assert_uint_eq(hot.items[i].messages - hot.items[i].inherited, 1);
    }
}
END_TEST

START_TEST(a_long_name_is_cut)
{
    char name[400];
    memset(name, 'x', sizeof(name));
    hot_add(&hot, bytes_of(name, sizeof(name)), 1, 1);
    hot_add(&hot, bytes_of(name, sizeof(name)), 1, 1);
    ck_assert_uint_eq(hot.count, 1);
    ck_assert_uint_eq(hot.items[0].len, HOT_NAME_BYTES_MAX);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hot");
    TCase *tcase = tcase_create("all");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, most_messages_come_first_and_names_break_ties);
    tcase_add_test(tcase, a_hot_name_is_found_among_any_number_of_cold_ones);
    tcase_add_test(tcase, a_long_name_is_cut);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
