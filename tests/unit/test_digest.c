#include "common/digest.h"

#include <check.h>
#include <stdlib.h>

START_TEST(the_order_of_changes_does_not_matter)
{
    struct digest here = {0};
    struct digest there = {0};
    digest_add(&here, 3, digest_item(3, 1, 0));
    digest_add(&here, 3, digest_item(3, 1, 50));
    digest_add(&here, 67, digest_item(67, 2, 0));
    digest_add(&there, 67, digest_item(67, 2, 0));
    digest_add(&there, 3, digest_item(3, 1, 50));
    digest_add(&there, 3, digest_item(3, 1, 51));
    digest_add(&there, 3, digest_item(3, 1, 0));
    ck_assert_uint_ne(here.sums[3], there.sums[3]);
    digest_remove(&there, 3, digest_item(3, 1, 51));
    for (size_t i = 0; i < DIGEST_BUCKETS; i++) {
        ck_assert_uint_eq(here.sums[i], there.sums[i]);
    }
}
END_TEST

START_TEST(slots_generations_and_groups_all_count)
{
    uint64_t item = digest_item(3, 1, 50);
    ck_assert_uint_ne(item, digest_item(1, 3, 50));
    ck_assert_uint_ne(item, digest_item(3, 2, 50));
    ck_assert_uint_ne(item, digest_item(3, 1, 51));
    ck_assert_uint_ne(item, digest_item(3, 1, 0));
}
END_TEST

START_TEST(what_is_held_twice_is_not_held_not_at_all)
{
    struct digest digest = {0};
    digest_add(&digest, 5, digest_item(5, 1, 9));
    digest_add(&digest, 5, digest_item(5, 1, 9));
    ck_assert_uint_ne(digest.sums[5], 0);
}
END_TEST

START_TEST(a_change_touches_its_bucket_and_no_other)
{
    struct digest digest = {0};
    digest_add(&digest, 70, digest_item(70, 1, 0));
    ck_assert_uint_eq(digest.touched, UINT64_C(1) << 6);
    digest.touched = 0;
    digest_touch(&digest, 63);
    ck_assert_uint_eq(digest.touched, UINT64_C(1) << 63);
}
END_TEST

START_TEST(a_bucket_is_unsettled_until_its_last_connection_is_settled)
{
    struct digest digest = {0};
    digest_settle(&digest, 2, false);
    digest_settle(&digest, 66, false);
    digest_settle(&digest, 2, true);
    ck_assert_uint_eq(digest_unsettled(&digest), 1 << 2);
    digest_settle(&digest, 66, true);
    ck_assert_uint_eq(digest_unsettled(&digest), 0);
}
END_TEST

START_TEST(masks_are_counted)
{
    ck_assert_uint_eq(digest_count(0), 0);
    ck_assert_uint_eq(digest_count(UINT64_MAX), 64);
    ck_assert_uint_eq(digest_count(UINT64_C(0x8000000000000001)), 2);
    ck_assert_uint_eq(digest_first(UINT64_C(0x8000000000000000)), 63);
    ck_assert_uint_eq(digest_first(6), 1);
}
END_TEST

/* Edges and routers of different releases compare their sums. */
START_TEST(the_hash_is_the_same_in_every_release)
{
    ck_assert_uint_eq(digest_item(1, 2, UINT64_C(0x0123456789abcdef)),
                      UINT64_C(0x4e53e23792a6ba59));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("digest");
    TCase *tcase = tcase_create("digest");
    tcase_add_test(tcase, the_order_of_changes_does_not_matter);
    tcase_add_test(tcase, slots_generations_and_groups_all_count);
    tcase_add_test(tcase, what_is_held_twice_is_not_held_not_at_all);
    tcase_add_test(tcase, a_change_touches_its_bucket_and_no_other);
    tcase_add_test(tcase, a_bucket_is_unsettled_until_its_last_connection_is_settled);
    tcase_add_test(tcase, masks_are_counted);
    tcase_add_test(tcase, the_hash_is_the_same_in_every_release);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
