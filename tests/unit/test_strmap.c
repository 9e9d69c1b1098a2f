#include "common/strmap.h"
#include "tests/support/check_main.h"
#include "tests/support/guard_page.h"
#include "tests/support/rng.h"

#include <check.h>
#include <stdio.h>

enum { NAMES = 3000 };

static const uint8_t seed[16] = "0123456789abcdef";

struct named {
    char name[16];
    size_t len;
    bool inside;
};

static struct named all[NAMES];

static struct bytes name_of(const struct named *named)
{
    return bytes_of(named->name, named->len);
}

static void make_names(void)
{
    for (int i = 0; i < NAMES; i++) {
        all[i].len = (size_t)snprintf(all[i].name, sizeof(all[i].name), "room-%d", i);
        all[i].inside = false;
    }
}

START_TEST(an_empty_map_finds_removes_and_lists_nothing)
{
    struct strmap map;
    size_t cursor = 0;
    strmap_init(&map, seed);
    ck_assert_ptr_null(strmap_get(&map, BYTES_LIT("x")));
    ck_assert_ptr_null(strmap_remove(&map, BYTES_LIT("x")));
    ck_assert_ptr_null(strmap_next(&map, &cursor));
    strmap_fini(&map);
}
END_TEST

START_TEST(keys_may_be_empty_or_hold_zero_bytes_and_prefixes_differ)
{
    struct strmap map;
    int a = 0;
    int b = 0;
    int c = 0;
    strmap_init(&map, seed);
    strmap_put(&map, BYTES_EMPTY, &a);
    strmap_put(&map, BYTES_LIT("a\0b"), &b);
    strmap_put(&map, BYTES_LIT("a"), &c);
    ck_assert_ptr_eq(strmap_get(&map, BYTES_LIT("")), &a);
    ck_assert_ptr_eq(strmap_get(&map, BYTES_LIT("a\0b")), &b);
    ck_assert_ptr_eq(strmap_get(&map, BYTES_LIT("a")), &c);
    ck_assert_ptr_null(strmap_get(&map, BYTES_LIT("a\0")));
    strmap_fini(&map);
}
END_TEST

START_TEST(looking_up_reads_no_byte_past_the_key)
{
    struct strmap map;
    struct guard_page page = {0};
    int value = 0;
    strmap_init(&map, seed);
    strmap_put(&map, BYTES_LIT("lobby"), &value);
    ck_assert_ptr_eq(strmap_get(&map, guard_page_copy(&page, BYTES_LIT("lobby"))), &value);
    for (size_t len = 0; len < 20; len++) {
        struct bytes key = guard_page_copy(&page, bytes_of("lobbylobbylobbylobby", len));
        ck_assert_ptr_eq(strmap_get(&map, key), len == 5 ? &value : NULL);
    }
    guard_page_free(&page);
    strmap_fini(&map);
}
END_TEST

static void check_against_model(const struct strmap *map)
{
    size_t wrong = 0; /* one assertion for all: each is slow */
    size_t inside = 0;
    size_t listed = 0;
    size_t cursor = 0;
    for (int i = 0; i < NAMES; i++) {
        inside += all[i].inside;
        wrong += strmap_get(map, name_of(&all[i])) != (all[i].inside ? &all[i] : NULL);
    }
    for (const struct named *it; (it = strmap_next(map, &cursor)) != NULL; listed++) {
        wrong += !it->inside;
    }
    ck_assert_uint_eq(wrong, 0);
    ck_assert_uint_eq(map->count, inside);
    ck_assert_uint_eq(listed, inside);
    ck_assert_uint_le(map->count * 10, map->capacity * 7);
}

START_TEST(random_puts_and_removes_match_a_plain_table)
{
    struct strmap map;
    struct rng rng = {(uint64_t)_i};
    make_names();
    strmap_init(&map, seed);
    for (int step = 0; step < 20000; step++) {
        /* Few names first, so that removal meets crowded runs; many later, so that it grows. */
        struct named *it = &all[rng_below(&rng, step < 10000 ? 40 : NAMES)];
        if (it->inside) {
            ck_assert_ptr_eq(strmap_remove(&map, name_of(it)), it);
        } else {
            strmap_put(&map, name_of(it), it);
        }
        it->inside = !it->inside;
        if (step % 2000 == 0) {
            check_against_model(&map);
        }
    }
    check_against_model(&map);
    strmap_fini(&map);
}
END_TEST

START_TEST(another_seed_orders_the_table_differently)
{
    struct strmap a;
    struct strmap b;
    size_t cursor_a = 0;
    size_t cursor_b = 0;
    int same = 0;
    make_names();
    strmap_init(&a, seed);
    strmap_init(&b, (const uint8_t *)"fedcba9876543210");
    for (int i = 0; i < 100; i++) {
        strmap_put(&a, name_of(&all[i]), &all[i]);
        strmap_put(&b, name_of(&all[i]), &all[i]);
    }
    for (int i = 0; i < 100; i++) {
        same += strmap_next(&a, &cursor_a) == strmap_next(&b, &cursor_b);
    }
    ck_assert_int_lt(same, 20);
    strmap_fini(&a);
    strmap_fini(&b);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("strmap");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, an_empty_map_finds_removes_and_lists_nothing);
    tcase_add_test(tcase, keys_may_be_empty_or_hold_zero_bytes_and_prefixes_differ);
    tcase_add_test(tcase, looking_up_reads_no_byte_past_the_key);
    tcase_add_loop_test(tcase, random_puts_and_removes_match_a_plain_table, 0, 4);
    tcase_add_test(tcase, another_seed_orders_the_table_differently);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
