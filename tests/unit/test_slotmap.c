#include "common/slotmap.h"
#include "tests/support/check_main.h"
#include "tests/support/rng.h"

#include <check.h>

/* More than one page of slots. */
enum { OBJECTS = 1500 };
static int objects[OBJECTS];

START_TEST(an_added_object_is_found_by_its_id)
{
    struct slotmap map;
    slotmap_init(&map, 8);
    slot_id id = slotmap_add(&map, &objects[0]);
    ck_assert_uint_ne(id, 0);
    ck_assert_ptr_eq(slotmap_get(&map, id), &objects[0]);
    ck_assert_ptr_eq(slotmap_at(&map, slot_id_index(id)), &objects[0]);
    ck_assert_uint_eq(slotmap_id_at(&map, slot_id_index(id)), id);
    slotmap_fini(&map);
}
END_TEST

START_TEST(a_removed_id_finds_nothing_even_after_its_index_is_used_again)
{
    struct slotmap map;
    slotmap_init(&map, 8);
    slot_id old = slotmap_add(&map, &objects[0]);
    ck_assert_ptr_eq(slotmap_remove(&map, old), &objects[0]);
    ck_assert_ptr_null(slotmap_remove(&map, old));
    slot_id fresh = slotmap_add(&map, &objects[1]);
    ck_assert_uint_eq(slot_id_index(old), slot_id_index(fresh));
    ck_assert_ptr_null(slotmap_get(&map, old));
    ck_assert_ptr_eq(slotmap_get(&map, fresh), &objects[1]);
    slotmap_fini(&map);
}
END_TEST

START_TEST(no_more_than_max_objects_are_taken)
{
    struct slotmap map;
    slotmap_init(&map, 3);
    slot_id ids[3];
    for (int i = 0; i < 3; i++) {
        ids[i] = slotmap_add(&map, &objects[i]);
        ck_assert_uint_ne(ids[i], 0);
    }
    ck_assert_uint_eq(slotmap_add(&map, &objects[3]), 0);
    ck_assert_ptr_nonnull(slotmap_remove(&map, ids[1]));
    ck_assert_uint_ne(slotmap_add(&map, &objects[3]), 0);
    slotmap_fini(&map);
}
END_TEST

START_TEST(ids_that_were_never_given_find_nothing)
{
    struct slotmap map;
    slotmap_init(&map, 8);
    ck_assert_ptr_null(slotmap_get(&map, 0));
    ck_assert_ptr_null(slotmap_at(&map, 0));
    slotmap_add(&map, &objects[0]);
    ck_assert_ptr_null(slotmap_get(&map, 0));
    ck_assert_ptr_null(slotmap_get(&map, slot_id_make(0, 2)));
    ck_assert_ptr_null(slotmap_get(&map, UINT64_MAX));
    ck_assert_ptr_null(slotmap_at(&map, UINT32_MAX));
    ck_assert_uint_eq(slotmap_id_at(&map, 1), 0);
    slotmap_fini(&map);
}
END_TEST

START_TEST(random_adds_and_removes_match_a_plain_table)
{
    struct slotmap map;
    struct rng rng = {42};
    static slot_id ids[OBJECTS];
    slotmap_init(&map, 2000);
    for (int step = 0; step < 20000; step++) {
        uint32_t i = rng_below(&rng, OBJECTS);
        if (ids[i] == 0) {
            ids[i] = slotmap_add(&map, &objects[i]);
        } else {
            ck_assert_ptr_eq(slotmap_get(&map, ids[i]), &objects[i]);
            ck_assert_ptr_eq(slotmap_remove(&map, ids[i]), &objects[i]);
            ck_assert_ptr_null(slotmap_get(&map, ids[i]));
            ids[i] = 0;
        }
    }
    ck_assert_uint_le(map.used, OBJECTS);
    slotmap_fini(&map);
}
END_TEST

START_TEST(a_plain_map_finds_what_is_there_and_uses_indexes_again)
{
    enum { COUNT = 1500 };
    static uint64_t plain_objects[COUNT];
    struct slotmap map;
    slotmap_init_plain(&map, COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        ck_assert_uint_eq(slotmap_add(&map, &plain_objects[i]), slot_id_make(i, 1));
    }
    ck_assert_uint_eq(slotmap_add(&map, &plain_objects[0]), 0);
    ck_assert_ptr_eq(slotmap_remove(&map, slot_id_make(700, 1)), &plain_objects[700]);
    ck_assert_ptr_null(slotmap_at(&map, 700));
    ck_assert_ptr_null(slotmap_get(&map, slot_id_make(700, 1)));
    ck_assert_uint_eq(slotmap_add(&map, &plain_objects[700]), slot_id_make(700, 1));
    ck_assert_ptr_eq(slotmap_get(&map, slotmap_id_at(&map, 1499)), &plain_objects[1499]);
    slotmap_fini(&map);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("slotmap");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, a_plain_map_finds_what_is_there_and_uses_indexes_again);
    tcase_add_test(tcase, an_added_object_is_found_by_its_id);
    tcase_add_test(tcase, a_removed_id_finds_nothing_even_after_its_index_is_used_again);
    tcase_add_test(tcase, no_more_than_max_objects_are_taken);
    tcase_add_test(tcase, ids_that_were_never_given_find_nothing);
    tcase_add_test(tcase, random_adds_and_removes_match_a_plain_table);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
