#include "common/gcra.h"
#include "tests/support/check_main.h"

#include <check.h>

enum { SECOND_US = 1000000 };

START_TEST(one_seconds_worth_may_come_at_once_and_no_more)
{
    struct gcra gcra = {0};
    uint64_t retry_ms = 0;
    for (int i = 0; i < 50; i++) {
        ck_assert(gcra_take(&gcra, 50, 1, SECOND_US, &retry_ms));
    }
    ck_assert(!gcra_take(&gcra, 50, 1, SECOND_US, &retry_ms));
    ck_assert_uint_eq(retry_ms, 20);
}
END_TEST

START_TEST(every_rate_has_its_whole_burst_also_when_it_does_not_divide_a_second)
{
    for (uint64_t rate = 1; rate <= 2000; rate++) {
        struct gcra gcra = {0};
        uint64_t retry_ms = 0;
        for (uint64_t i = 0; i < rate; i++) {
            ck_assert(gcra_take(&gcra, rate, 1, SECOND_US, &retry_ms));
        }
        ck_assert(!gcra_take(&gcra, rate, 1, SECOND_US, &retry_ms));
    }
}
END_TEST

START_TEST(the_retry_time_is_when_it_works_and_not_a_millisecond_more_than_needed)
{
    struct gcra gcra = {0};
    uint64_t now_us = 7 * SECOND_US;
    uint64_t retry_ms = 0;
    while (gcra_take(&gcra, 3, 1, now_us, &retry_ms)) {
    }
    ck_assert_uint_ge(retry_ms, 1);
    uint64_t ignored = 0;
    ck_assert(!gcra_take(&gcra, 3, 1, now_us + (retry_ms - 1) * 1000, &ignored));
    ck_assert(gcra_take(&gcra, 3, 1, now_us + retry_ms * 1000, &ignored));
}
END_TEST

START_TEST(over_a_minute_the_average_is_the_rate)
{
    struct gcra gcra = {0};
    uint64_t retry_ms = 0;
    unsigned taken = 0;
    for (uint64_t now_us = 1; now_us < 60 * (uint64_t)SECOND_US; now_us += 1000) {
        taken += gcra_take(&gcra, 50, 1, now_us, &retry_ms);
    }
    ck_assert_uint_ge(taken, 60 * 50);
    ck_assert_uint_le(taken, 61 * 50);
}
END_TEST

START_TEST(a_refused_request_takes_nothing)
{
    struct gcra gcra = {0};
    uint64_t retry_ms = 0;
    ck_assert(gcra_take(&gcra, 100, 100, SECOND_US, &retry_ms));
    struct gcra before = gcra;
    for (int i = 0; i < 1000; i++) {
        ck_assert(!gcra_take(&gcra, 100, 10, SECOND_US, &retry_ms));
    }
    ck_assert_uint_eq(gcra.tat_ns, before.tat_ns);
}
END_TEST

START_TEST(a_request_above_the_burst_needs_a_full_bucket_and_pays_in_advance)
{
    struct gcra gcra = {0};
    uint64_t retry_ms = 0;
    ck_assert(gcra_take(&gcra, 1000, 3000, SECOND_US, &retry_ms));
    ck_assert(!gcra_take(&gcra, 1000, 1, 2 * SECOND_US, &retry_ms));
    ck_assert_uint_eq(retry_ms, 1001);
    ck_assert(!gcra_take(&gcra, 1000, 3000, 3 * SECOND_US, &retry_ms));
    ck_assert_uint_eq(retry_ms, 1000);
    ck_assert(gcra_take(&gcra, 1000, 3000, 4 * SECOND_US, &retry_ms));
}
END_TEST

START_TEST(rate_zero_is_no_limit)
{
    struct gcra gcra = {0};
    uint64_t retry_ms = 5;
    for (int i = 0; i < 1000; i++) {
        ck_assert(gcra_take(&gcra, 0, UINT64_MAX, 0, &retry_ms));
    }
    ck_assert_uint_eq(retry_ms, 5);
}
END_TEST

static const struct {
    uint64_t rate;
    uint64_t units;
} extremes[] = {
    {1, UINT64_MAX},
    {UINT64_MAX, UINT64_MAX},
    {UINT64_MAX, UINT64_MAX - 1},
    {UINT64_MAX, 1},
    {UINT64_C(1) << 60, (UINT64_C(1) << 60) - 1},
    {1, 0},
};

START_TEST(extreme_numbers_do_not_wrap_around)
{
    struct gcra gcra = {0};
    uint64_t retry_ms = 0;
    bool first = gcra_take(&gcra, extremes[_i].rate, extremes[_i].units, SECOND_US, &retry_ms);
    ck_assert(first);
    ck_assert_uint_ge(gcra.tat_ns, SECOND_US * UINT64_C(1000));
    if (extremes[_i].units / extremes[_i].rate > 1) {
        ck_assert(!gcra_take(&gcra, extremes[_i].rate, extremes[_i].units, SECOND_US, &retry_ms));
        ck_assert_uint_ge(retry_ms, 1);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gcra");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, one_seconds_worth_may_come_at_once_and_no_more);
    tcase_add_test(tcase, every_rate_has_its_whole_burst_also_when_it_does_not_divide_a_second);
    tcase_add_test(tcase, the_retry_time_is_when_it_works_and_not_a_millisecond_more_than_needed);
    tcase_add_test(tcase, over_a_minute_the_average_is_the_rate);
    tcase_add_test(tcase, a_refused_request_takes_nothing);
    tcase_add_test(tcase, a_request_above_the_burst_needs_a_full_bucket_and_pays_in_advance);
    tcase_add_test(tcase, rate_zero_is_no_limit);
    tcase_add_loop_test(tcase, extreme_numbers_do_not_wrap_around, 0,
                        (int)(sizeof(extremes) / sizeof(extremes[0])));
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
