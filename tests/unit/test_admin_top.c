#include "router/admin_top.h"
#include "tests/support/check_main.h"
#include "tests/support/rng.h"

#include <check.h>
#include <stdlib.h>

static int ascending(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;
    return left < right ? -1 : left > right;
}

static const struct {
    size_t items;
    size_t max;
} sizes[] = {{0, 1},   {1, 1},   {2, 1},   {5, 1},   {9, 10},
             {10, 10}, {11, 10}, {20, 10}, {21, 10}, {1000, 7}};

START_TEST(the_first_n_are_what_a_full_sort_would_give)
{
    struct rng rng = {(uint64_t)_i};
    uint32_t all[1000];
    struct admin_top top;
    admin_top_init(&top, sizeof(uint32_t), sizes[_i].max, ascending);
    for (size_t i = 0; i < sizes[_i].items; i++) {
        all[i] = rng_below(&rng, 500);
        admin_top_add(&top, &all[i]);
    }
    admin_top_finish(&top);
    qsort(all, sizes[_i].items, sizeof(all[0]), ascending);
    size_t expected = sizes[_i].items < sizes[_i].max ? sizes[_i].items : sizes[_i].max;
    ck_assert_uint_eq(top.count, expected);
    ck_assert_uint_eq(top.seen, sizes[_i].items);
    const uint32_t *kept = (const uint32_t *)(const void *)top.items;
    for (size_t i = 0; i < expected; i++) {
        ck_assert_uint_eq(kept[i], all[i]);
    }
    admin_top_fini(&top);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("admin_top");
    TCase *tcase = tcase_create("all");
    tcase_add_loop_test(tcase, the_first_n_are_what_a_full_sort_would_give, 0,
                        (int)(sizeof(sizes) / sizeof(sizes[0])));
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
