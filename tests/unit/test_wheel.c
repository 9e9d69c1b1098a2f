#include "common/wheel.h"
#include "tests/support/check_main.h"
#include "tests/support/rng.h"

#include <check.h>

enum { IDS = 300, TICK_MS = 100 };

START_TEST(a_deadline_fires_at_its_time_and_not_before)
{
    struct wheel *wheel = wheel_new(TICK_MS, 16, 1000);
    uint32_t id = 99;
    wheel_set(wheel, 3, 1250);
    ck_assert(wheel_is_set(wheel, 3));
    ck_assert(!wheel_pop(wheel, 1249, &id));
    ck_assert(!wheel_pop(wheel, 1250, &id));
    ck_assert(wheel_pop(wheel, 1300, &id));
    ck_assert_uint_eq(id, 3);
    ck_assert(!wheel_is_set(wheel, 3));
    ck_assert(!wheel_pop(wheel, 9999, &id));
    wheel_free(&wheel);
    ck_assert_ptr_null(wheel);
}
END_TEST

START_TEST(a_cleared_deadline_never_fires)
{
    struct wheel *wheel = wheel_new(TICK_MS, 16, 0);
    uint32_t id = 0;
    wheel_clear(wheel, 5);
    for (uint32_t i = 0; i < 6; i++) {
        wheel_set(wheel, i, 500);
    }
    wheel_clear(wheel, 0);
    wheel_clear(wheel, 3);
    wheel_clear(wheel, 5);
    unsigned seen = 0;
    while (wheel_pop(wheel, 1000, &id)) {
        seen |= 1U << id;
    }
    ck_assert_uint_eq(seen, 1U << 1 | 1U << 2 | 1U << 4);
    wheel_free(&wheel);
}
END_TEST

START_TEST(a_deadline_of_a_later_round_waits_for_it)
{
    struct wheel *wheel = wheel_new(TICK_MS, 16, 0);
    uint32_t id = 0;
    wheel_set(wheel, 0, 10 * 16 * TICK_MS + 300);
    for (uint64_t now = 0; now < 10 * 16 * TICK_MS + 300; now += TICK_MS / 2) {
        ck_assert(!wheel_pop(wheel, now, &id));
        ck_assert_uint_le(wheel_deadline(wheel), 10 * 16 * TICK_MS + 300);
    }
    ck_assert(wheel_pop(wheel, 10 * 16 * TICK_MS + 300, &id));
    wheel_free(&wheel);
}
END_TEST

START_TEST(a_jump_of_years_is_quick_and_fires_everything)
{
    struct wheel *wheel = wheel_new(1, 64, 0);
    uint32_t id = 0;
    unsigned count = 0;
    for (uint32_t i = 0; i < IDS; i++) {
        wheel_set(wheel, i, 1000 + i * 100);
    }
    while (wheel_pop(wheel, UINT64_C(1) << 40, &id)) {
        count++;
    }
    ck_assert_uint_eq(count, IDS);
    ck_assert(!wheel_pop(wheel, UINT64_C(1) << 40, &id));
    wheel_set(wheel, 1, (UINT64_C(1) << 40) + 5);
    ck_assert(!wheel_pop(wheel, (UINT64_C(1) << 40) + 4, &id));
    ck_assert(wheel_pop(wheel, (UINT64_C(1) << 40) + 5, &id));
    wheel_free(&wheel);
}
END_TEST

START_TEST(setting_a_past_deadline_while_popping_does_not_loop_for_ever)
{
    struct wheel *wheel = wheel_new(TICK_MS, 16, 0);
    uint32_t id = 0;
    unsigned count = 0;
    wheel_set(wheel, 0, 100);
    wheel_set(wheel, 1, 100);
    while (wheel_pop(wheel, 5000, &id)) {
        wheel_set(wheel, id, 0);
        count++;
    }
    ck_assert_uint_eq(count, 2);
    ck_assert(wheel_pop(wheel, 5100, &id));
    wheel_free(&wheel);
}
END_TEST

START_TEST(an_empty_wheel_has_no_deadline)
{
    struct wheel *wheel = wheel_new(TICK_MS, 16, 0);
    uint32_t id = 0;
    ck_assert_uint_eq(wheel_deadline(wheel), UINT64_MAX);
    wheel_set(wheel, 7, 800);
    ck_assert_uint_le(wheel_deadline(wheel), 800 + TICK_MS);
    ck_assert(wheel_pop(wheel, 900, &id));
    ck_assert_uint_eq(wheel_deadline(wheel), UINT64_MAX);
    ck_assert(!wheel_is_set(wheel, UINT32_MAX));
    wheel_free(&wheel);
}
END_TEST

/* The model: due time per id, 0 = not set. */
struct model {
    uint64_t due_ms[IDS];
};

static void change_some(struct wheel *wheel, struct model *model, struct rng *rng, uint64_t now)
{
    for (uint32_t n = rng_below(rng, 8); n != 0; n--) {
        uint32_t id = rng_below(rng, IDS);
        if (rng_below(rng, 4) == 0) {
            wheel_clear(wheel, id);
            model->due_ms[id] = 0;
        } else {
            /* Now and then in the past, mostly near, sometimes rounds away. */
            uint32_t span = rng_below(rng, 10) == 0 ? 200000 : 3000;
            uint64_t due = now - 100 + rng_below(rng, span);
            wheel_set(wheel, id, due);
            model->due_ms[id] = due;
        }
    }
}

/* One assertion for all ids: each one is slow, and there are thousands of rounds. */
static void assert_as_model(const struct wheel *wheel, const struct model *model, uint64_t now)
{
    unsigned wrong = 0;
    for (uint32_t i = 0; i < IDS; i++) {
        wrong += wheel_is_set(wheel, i) != (model->due_ms[i] != 0);
        wrong += model->due_ms[i] != 0 && model->due_ms[i] + 2 * TICK_MS <= now;
    }
    ck_assert_uint_eq(wrong, 0);
}

START_TEST(random_histories_fire_never_early_and_at_most_two_ticks_late)
{
    struct rng rng = {(uint64_t)_i};
    uint64_t now = 5000;
    struct wheel *wheel = wheel_new(TICK_MS, 32, now);
    static struct model model;
    model = (struct model){{0}};
    for (int step = 0; step < 3000; step++) {
        change_some(wheel, &model, &rng, now);
        now += rng_below(&rng, 50) == 0 ? rng_below(&rng, 20000) : rng_below(&rng, 150);
        uint32_t id = 0;
        bool any = false;
        uint64_t promised = wheel_deadline(wheel);
        while (wheel_pop(wheel, now, &id)) {
            any = true;
            ck_assert_uint_ne(model.due_ms[id], 0);
            ck_assert_uint_le(model.due_ms[id], now);
            model.due_ms[id] = 0;
            if (rng_below(&rng, 3) == 0) {
                change_some(wheel, &model, &rng, now);
            }
        }
        ck_assert(!any || promised <= now);
        assert_as_model(wheel, &model, now);
    }
    wheel_free(&wheel);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wheel");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, a_deadline_fires_at_its_time_and_not_before);
    tcase_add_test(tcase, a_cleared_deadline_never_fires);
    tcase_add_test(tcase, a_deadline_of_a_later_round_waits_for_it);
    tcase_add_test(tcase, a_jump_of_years_is_quick_and_fires_everything);
    tcase_add_test(tcase, setting_a_past_deadline_while_popping_does_not_loop_for_ever);
    tcase_add_test(tcase, an_empty_wheel_has_no_deadline);
    tcase_add_loop_test(tcase, random_histories_fire_never_early_and_at_most_two_ticks_late, 0, 4);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
