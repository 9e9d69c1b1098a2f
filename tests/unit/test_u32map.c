#include "common/u32map.h"
#include "tests/support/check_main.h"
#include "tests/support/rng.h"

#include <check.h>
#include <string.h>

enum { KEYS = 2000, LARGE_KEYS = 40000 };

START_TEST(a_set_value_is_read_replaced_and_removed)
{
    struct u32map map;
    uint32_t value = 9;
    u32map_init(&map);
    ck_assert(!u32map_get(&map, 7, &value));
    ck_assert_uint_eq(value, 9);
    u32map_set(&map, 7, 70);
    u32map_set(&map, 7, 71);
    ck_assert_uint_eq(map.count, 1);
    ck_assert(u32map_get(&map, 7, &value));
    ck_assert_uint_eq(value, 71);
    ck_assert(u32map_remove(&map, 7));
    ck_assert(!u32map_remove(&map, 7));
    ck_assert(!u32map_get(&map, 7, &value));
    u32map_fini(&map);
}
END_TEST

START_TEST(the_smallest_and_the_largest_key_work)
{
    struct u32map map;
    uint32_t value = 0;
    u32map_init(&map);
    u32map_set(&map, 0, UINT32_MAX);
    u32map_set(&map, UINT32_MAX - 1, 0);
    ck_assert(u32map_get(&map, 0, &value));
    ck_assert_uint_eq(value, UINT32_MAX);
    ck_assert(u32map_get(&map, UINT32_MAX - 1, &value));
    ck_assert_uint_eq(value, 0);
    ck_assert(!u32map_get(&map, UINT32_MAX, &value));
    u32map_fini(&map);
}
END_TEST

START_TEST(a_map_that_was_large_gives_memory_back)
{
    struct u32map map;
    u32map_init(&map);
    for (uint32_t i = 0; i < KEYS; i++) {
        u32map_set(&map, i, i);
    }
    for (uint32_t i = 1; i < KEYS; i++) {
        ck_assert(u32map_remove(&map, i));
    }
    ck_assert_uint_le(map.capacity, 16);
    ck_assert(u32map_remove(&map, 0));
    ck_assert_ptr_null(map.slots);
    u32map_fini(&map);
}
END_TEST

START_TEST(random_changes_match_a_plain_table)
{
    struct u32map map;
    struct rng rng = {(uint64_t)_i};
    static uint32_t model[KEYS];
    uint32_t count = 0;
    u32map_init(&map);
    for (int step = 0; step < 20000; step++) {
        uint32_t key = rng_below(&rng, step % 10000 < 5000 ? 30 : KEYS);
        uint32_t value = 0;
        bool found = u32map_get(&map, key, &value);
        ck_assert(found == (model[key] != 0) && value == model[key]);
        if (rng_below(&rng, 2) == 0) {
            count += model[key] == 0;
            model[key] = (uint32_t)step + 1;
            u32map_set(&map, key, model[key]);
        } else {
            ck_assert(u32map_remove(&map, key) == (model[key] != 0));
            count -= model[key] != 0;
            model[key] = 0;
        }
        ck_assert_uint_eq(map.count, count);
    }
    uint32_t cursor = 0;
    uint32_t key = 0;
    for (uint32_t value = 0; u32map_next(&map, &cursor, &key, &value); count--) {
        ck_assert_uint_eq(model[key], value);
        model[key] = 0;
    }
    ck_assert_uint_eq(count, 0);
    u32map_fini(&map);
}
END_TEST

/* Everything in it by iteration and by key, against `model`. */
static void check_large(const struct u32map *map, const uint32_t *model)
{
    size_t wrong = 0; /* one assertion for all: each is slow */
    uint32_t count = 0;
    uint32_t cursor = 0;
    uint32_t key = 0;
    uint32_t value = 0;
    while (u32map_next(map, &cursor, &key, &value)) {
        wrong += key >= LARGE_KEYS || model[key] != value;
        count++;
    }
    for (key = 0; key < LARGE_KEYS; key++) {
        value = 0;
        wrong += u32map_get(map, key, &value) != (model[key] != 0) || value != model[key];
    }
    ck_assert_uint_eq(wrong, 0);
    ck_assert_uint_eq(map->count, count);
}

/* One of five changes goes against the tide: while a large table moves in parts, pairs of both are
 * replaced and removed. */
START_TEST(a_large_map_that_fills_and_empties_matches_a_plain_table)
{
    static uint32_t model[LARGE_KEYS];
    struct u32map map;
    struct rng rng = {(uint64_t)_i};
    memset(model, 0, sizeof(model));
    u32map_init(&map);
    for (uint32_t step = 0; step < 16 * LARGE_KEYS; step++) {
        uint32_t key = rng_below(&rng, LARGE_KEYS);
        bool adds = (step / (4 * LARGE_KEYS)) % 2 == 0;
        if ((rng_below(&rng, 5) == 0) != adds) {
            model[key] = step + 1;
            u32map_set(&map, key, model[key]);
        } else {
            ck_assert(u32map_remove(&map, key) == (model[key] != 0));
            model[key] = 0;
        }
        if (step % 99991 == 0) {
            check_large(&map, model);
        }
    }
    for (uint32_t key = 0; key < LARGE_KEYS; key++) {
        ck_assert(u32map_remove(&map, key) == (model[key] != 0));
    }
    ck_assert_ptr_null(map.slots);
    u32map_fini(&map);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("u32map");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, a_set_value_is_read_replaced_and_removed);
    tcase_add_test(tcase, the_smallest_and_the_largest_key_work);
    tcase_add_test(tcase, a_map_that_was_large_gives_memory_back);
    tcase_add_loop_test(tcase, random_changes_match_a_plain_table, 0, 4);
    tcase_add_loop_test(tcase, a_large_map_that_fills_and_empties_matches_a_plain_table, 0, 1);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
