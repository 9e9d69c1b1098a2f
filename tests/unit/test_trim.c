#include "common/trim.h"
#include "tests/support/check_main.h"

#include <check.h>

START_TEST(few_connections_are_no_reason)
{
    struct trimmer trimmer = {0};
    ck_assert(!trimmer_is_due(&trimmer, 999, 1000));
    ck_assert_uint_eq(trimmer_deadline(&trimmer), UINT64_MAX);
    ck_assert(!trimmer_is_due(&trimmer, 999, 1000000));
}
END_TEST

START_TEST(it_is_done_once_when_it_has_been_quiet_after_many_came_or_went)
{
    struct trimmer trimmer = {0};
    ck_assert(!trimmer_is_due(&trimmer, 1000, 1000));
    ck_assert_uint_eq(trimmer_deadline(&trimmer), 6000);
    ck_assert(!trimmer_is_due(&trimmer, 2500, 5000)); /* they still come */
    ck_assert_uint_eq(trimmer_deadline(&trimmer), 10000);
    ck_assert(!trimmer_is_due(&trimmer, 2600, 9999));
    ck_assert(trimmer_is_due(&trimmer, 2600, 10000));
    ck_assert_uint_eq(trimmer_deadline(&trimmer), UINT64_MAX);
    ck_assert(!trimmer_is_due(&trimmer, 2600, 20000));
    ck_assert(!trimmer_is_due(&trimmer, 1500, 30000));
    ck_assert(trimmer_is_due(&trimmer, 1500, 35000));
}
END_TEST

START_TEST(it_can_be_asked_for)
{
    struct trimmer trimmer = {0};
    trimmer_plan(&trimmer, 1000);
    ck_assert(!trimmer_is_due(&trimmer, 0, 5999));
    ck_assert(trimmer_is_due(&trimmer, 0, 6000));
    trim_memory();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trim");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, few_connections_are_no_reason);
    tcase_add_test(tcase, it_is_done_once_when_it_has_been_quiet_after_many_came_or_went);
    tcase_add_test(tcase, it_can_be_asked_for);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
