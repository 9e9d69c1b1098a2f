/* edge/ticks.h: 32-bit times, everywhere on their circle. */
#include "edge/ticks.h"
#include "tests/support/check_main.h"

/* At the start, before and after the wrap, and later than any uptime. */
static const uint64_t NOWS[] = {
    1, 12345, (UINT64_C(1) << 32) * TICK_MS - 3, (UINT64_C(1) << 32) * TICK_MS + 5, 1ULL << 50,
};

START_TEST(a_deadline_is_never_early_and_at_most_two_ticks_late)
{
    static const uint64_t AWAY_MS[] = {0, 1, 7, 8, 9, 30000, 3600000, 604800000};
    uint64_t now_ms = NOWS[_i];
    for (size_t i = 0; i < sizeof(AWAY_MS) / sizeof(AWAY_MS[0]); i++) {
        uint64_t due_ms = now_ms + AWAY_MS[i];
        uint64_t read_ms = ticks_due_ms(ticks_due(due_ms), now_ms);
        ck_assert_uint_ge(read_ms, due_ms);
        ck_assert_uint_lt(read_ms, due_ms + 2 * TICK_MS); /* 0 is not used */
        uint64_t later_ms = ticks_due_ms(ticks_due(due_ms), due_ms + 86400000);
        ck_assert_uint_eq(read_ms, later_ms);
    }
}
END_TEST

START_TEST(an_age_is_at_most_a_tick_too_long)
{
    static const uint64_t AGE_MS[] = {0, 1, 8, 30001, 86400000, 34000000000};
    uint64_t then_ms = NOWS[_i];
    for (size_t i = 0; i < sizeof(AGE_MS) / sizeof(AGE_MS[0]); i++) {
        uint64_t read_ms = ticks_since_ms(ticks_of(then_ms), then_ms + AGE_MS[i]);
        ck_assert_uint_ge(read_ms, AGE_MS[i]);
        ck_assert_uint_lt(read_ms, AGE_MS[i] + TICK_MS);
    }
}
END_TEST

START_TEST(no_deadline_is_the_value_that_says_none)
{
    ck_assert_uint_ne(ticks_due(0), 0);
    ck_assert_uint_ne(ticks_due((UINT64_C(1) << 32) * TICK_MS), 0);
}
END_TEST

int main(void)
{
    int count = (int)(sizeof(NOWS) / sizeof(NOWS[0]));
    Suite *suite = suite_create("ticks");
    TCase *tcase = tcase_create("all");
    tcase_add_loop_test(tcase, a_deadline_is_never_early_and_at_most_two_ticks_late, 0, count);
    tcase_add_loop_test(tcase, an_age_is_at_most_a_tick_too_long, 0, count);
    tcase_add_test(tcase, no_deadline_is_the_value_that_says_none);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
