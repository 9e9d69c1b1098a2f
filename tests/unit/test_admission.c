/* Places for new clients: the rate, what those above it are told, and that they come in as told. */
#include "edge/admission.h"
#include "tests/support/check_main.h"
#include "tests/support/rng.h"

#include <stdlib.h>

enum { RATE = 50, STORM = 1000, START_US = 5000000 };

static struct admission with_rate(uint64_t rate)
{
    struct admission admission = {0};
    admission_set(&admission, rate, rate);
    return admission;
}

START_TEST(without_a_rate_everybody_comes_in)
{
    struct admission admission = with_rate(0);
    uint64_t wait_ms = 0;
    for (int i = 0; i < 100000; i++) {
        ck_assert(admission_take(&admission, START_US, 0, &wait_ms));
    }
    ck_assert_uint_eq(admission_door_rate(&admission), 0);
    ck_assert_uint_eq(admission_move_ms(&admission, 1000000, 5000), 5000);
}
END_TEST

START_TEST(one_second_comes_in_at_once_and_each_further_one_is_told_a_later_time)
{
    struct admission admission = with_rate(RATE);
    uint64_t wait_ms = 0;
    for (int i = 0; i < RATE; i++) {
        ck_assert(admission_take(&admission, START_US, 0, &wait_ms));
    }
    uint64_t last_ms = 0;
    for (int i = 0; i < STORM; i++) {
        ck_assert(!admission_take(&admission, START_US, 0, &wait_ms));
        ck_assert_uint_ge(wait_ms, last_ms);
        last_ms = wait_ms;
    }
    uint64_t expected_ms = (uint64_t)STORM * 1000 * 10 / 8 / RATE;
    ck_assert_uint_ge(last_ms, expected_ms * 99 / 100);
    ck_assert_uint_le(last_ms, expected_ms * 101 / 100);
    ck_assert_uint_eq(admission_queue_ms(&admission, START_US), last_ms);
    ck_assert_uint_eq(admission_queue_ms(&admission, START_US + 60000000), 0);
}
END_TEST

START_TEST(the_random_part_is_below_a_second)
{
    struct admission one = with_rate(1);
    struct admission two = with_rate(1);
    uint64_t plain_ms = 0;
    uint64_t wait_ms = 0;
    ck_assert(admission_take(&one, START_US, 0, &wait_ms));
    ck_assert(admission_take(&two, START_US, 0, &wait_ms));
    ck_assert(!admission_take(&one, START_US, 0, &plain_ms));
    ck_assert(!admission_take(&two, START_US, UINT64_MAX, &wait_ms));
    ck_assert_uint_ge(wait_ms, plain_ms);
    ck_assert_uint_lt(wait_ms, plain_ms + 1000);
}
END_TEST

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Everybody comes at once, and again when told, in whole seconds as Retry-After has it, and a
 * little late. */
START_TEST(a_storm_is_in_within_the_time_that_was_told)
{
    struct admission admission = with_rate(RATE);
    struct rng rng = {.state = 7};
    uint64_t due_us[STORM];
    size_t waiting = STORM;
    uint64_t told_ms = 0;
    uint32_t refused_again = 0;
    for (size_t i = 0; i < STORM; i++) {
        due_us[i] = START_US + rng_below(&rng, 100000);
    }
    uint64_t now_us = START_US;
    while (waiting != 0) {
        qsort(due_us, waiting, sizeof(due_us[0]), by_number);
        now_us = due_us[0];
        uint64_t wait_ms = 0;
        if (admission_take(&admission, now_us, rng_u64(&rng), &wait_ms)) {
            due_us[0] = due_us[--waiting];
            continue;
        }
        refused_again += now_us > START_US + 200000;
        if (now_us <= START_US + 200000) {
            told_ms = wait_ms > told_ms ? wait_ms : told_ms;
        }
        due_us[0] = now_us + (wait_ms + 999) / 1000 * 1000000 + rng_below(&rng, 50000);
    }
    ck_assert_uint_le(refused_again, STORM / 100);
    ck_assert_uint_le((now_us - START_US) / 1000, told_ms + 2200);
}
END_TEST

START_TEST(nobody_is_sent_away_for_longer_than_two_minutes)
{
    struct admission admission = with_rate(1);
    struct rng rng = {.state = 9};
    uint64_t wait_ms = 0;
    bool early = false;
    for (int i = 0; i < 10000; i++) {
        if (!admission_take(&admission, START_US, rng_u64(&rng), &wait_ms)) {
            ck_assert_uint_le(wait_ms, ADMISSION_WAIT_MAX_MS);
            early = early || (i > 5000 && wait_ms < ADMISSION_WAIT_MAX_MS * 3 / 4);
        }
    }
    ck_assert_msg(early, "those who cannot be promised a place are spread");
}
END_TEST

START_TEST(a_higher_rate_helps_at_once)
{
    struct admission admission = with_rate(1);
    uint64_t wait_ms = 0;
    ck_assert(admission_take(&admission, START_US, 0, &wait_ms));
    ck_assert(!admission_take(&admission, START_US + 1000, 0, &wait_ms));
    admission_set(&admission, 0, 0);
    ck_assert(admission_take(&admission, START_US + 2000, 0, &wait_ms));
    ck_assert(admission_take(&admission, START_US + 2000, 0, &wait_ms));
}
END_TEST

START_TEST(clients_that_move_are_spread_by_what_the_others_can_take)
{
    struct admission admission = with_rate(100);
    admission_set(&admission, 100, 1000);
    ck_assert_uint_eq(admission_move_ms(&admission, 100, 5000), 5000);
    ck_assert_uint_eq(admission_move_ms(&admission, 8000, 5000), 10000);
    ck_assert_uint_eq(admission_move_ms(&admission, 16000000, 5000), ADMISSION_MOVE_MAX_MS);
    ck_assert_uint_eq(admission_door_rate(&admission), 500);
    admission_set(&admission, 1000, 1000);
    ck_assert_uint_eq(admission_door_rate(&admission), 4000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("admission");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, without_a_rate_everybody_comes_in);
    tcase_add_test(tcase, one_second_comes_in_at_once_and_each_further_one_is_told_a_later_time);
    tcase_add_test(tcase, the_random_part_is_below_a_second);
    tcase_add_test(tcase, a_storm_is_in_within_the_time_that_was_told);
    tcase_add_test(tcase, nobody_is_sent_away_for_longer_than_two_minutes);
    tcase_add_test(tcase, a_higher_rate_helps_at_once);
    tcase_add_test(tcase, clients_that_move_are_spread_by_what_the_others_can_take);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
