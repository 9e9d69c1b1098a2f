#include "router/name_index.h"
#include "tests/support/check_main.h"
#include "tests/support/rng.h"

#include <check.h>
#include <stdio.h>

enum { NAMES = 3000 };

static const uint8_t seed[16] = "0123456789abcdef";

static char names[NAMES][16];
static bool inside[NAMES];

static struct bytes name_of(const void *owner, uint32_t number)
{
    (void)owner;
    return bytes_of_str(names[number]);
}

static struct name_index empty_index(void)
{
    struct name_index index;
    name_index_init(&index, seed, name_of, NULL);
    for (int i = 0; i < NAMES; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "user-%d", i);
        inside[i] = false;
    }
    return index;
}

START_TEST(an_empty_index_finds_nothing)
{
    struct name_index index = empty_index();
    uint32_t number = 7;
    ck_assert(!name_index_find(&index, BYTES_LIT("user-1"), &number));
    ck_assert_uint_eq(number, 7);
    name_index_fini(&index);
}
END_TEST

START_TEST(a_removed_name_may_come_back_with_another_number)
{
    struct name_index index = empty_index();
    uint32_t number = 7;
    name_index_add(&index, 0);
    name_index_remove(&index, 0);
    ck_assert(!name_index_find(&index, BYTES_LIT("user-0"), &number));
    (void)snprintf(names[5], sizeof(names[5]), "user-0");
    name_index_add(&index, 5);
    ck_assert(name_index_find(&index, BYTES_LIT("user-0"), &number));
    ck_assert_uint_eq(number, 5);
    ck_assert(!name_index_find(&index, BYTES_LIT("user-"), &number));
    ck_assert(!name_index_find(&index, BYTES_EMPTY, &number));
    name_index_fini(&index);
}
END_TEST

static void check_against_model(const struct name_index *index)
{
    size_t wrong = 0; /* one assertion for all: each is slow */
    uint32_t count = 0;
    for (uint32_t i = 0; i < NAMES; i++) {
        uint32_t number = NAMES;
        bool found = name_index_find(index, bytes_of_str(names[i]), &number);
        count += inside[i];
        wrong += found != inside[i] || (found && number != i);
    }
    ck_assert_uint_eq(wrong, 0);
    ck_assert_uint_eq(index->count, count);
}

START_TEST(random_adds_and_removes_match_a_plain_table)
{
    struct name_index index = empty_index();
    struct rng rng = {(uint64_t)_i};
    for (int step = 0; step < 20000; step++) {
        /* Few names first, so that removal meets crowded runs; many later, so that it grows. */
        uint32_t it = rng_below(&rng, step < 10000 ? 40 : NAMES);
        if (inside[it]) {
            name_index_remove(&index, it);
        } else {
            name_index_add(&index, it);
        }
        inside[it] = !inside[it];
        if (step % 2000 == 0) {
            check_against_model(&index);
        }
    }
    check_against_model(&index);
    name_index_fini(&index);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("name_index");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, an_empty_index_finds_nothing);
    tcase_add_test(tcase, a_removed_name_may_come_back_with_another_number);
    tcase_add_loop_test(tcase, random_adds_and_removes_match_a_plain_table, 0, 3);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
