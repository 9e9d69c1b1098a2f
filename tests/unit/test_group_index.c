/* edge/group_index: ids to local numbers. */
#include "edge/group_index.h"
#include "tests/support/check_main.h"
#include "tests/support/rng.h"

#include <stdbool.h>

enum { LOCALS = 500, STEPS = 20000 };

struct table {
    uint64_t ids[LOCALS]; /* 0 = not in the index */
};

static uint64_t id_of(const void *owner, uint32_t local)
{
    const struct table *table = owner;
    return table->ids[local];
}

START_TEST(an_empty_index_finds_nothing)
{
    struct table table = {{0}};
    struct group_index index;
    group_index_init(&index, 7, id_of, &table);
    ck_assert_int_eq(group_index_find(&index, 1), GROUP_INDEX_NONE);
    group_index_fini(&index);
}
END_TEST

static bool agrees(const struct group_index *index, const struct table *table)
{
    for (uint32_t local = 0; local < LOCALS; local++) {
        if (table->ids[local] != 0 &&
            group_index_find(index, table->ids[local]) != (int64_t)local) {
            return false;
        }
    }
    return group_index_find(index, UINT64_MAX) == GROUP_INDEX_NONE;
}

/* Ids of a router: dense numbers under a few generations, so that runs of neighbours form. */
START_TEST(random_histories_agree_with_a_plain_table)
{
    struct rng rng = {(uint64_t)_i};
    struct table table = {{0}};
    struct group_index index;
    uint64_t next = 0;
    bool right = true;
    group_index_init(&index, rng_u64(&rng), id_of, &table);
    for (int step = 0; step < STEPS; step++) {
        uint32_t local = rng_below(&rng, LOCALS);
        if (table.ids[local] == 0) {
            next++;
            table.ids[local] = (uint64_t)(1 + rng_below(&rng, 3)) << 32 | next;
            group_index_add(&index, table.ids[local], local);
        } else {
            uint64_t gone = table.ids[local];
            group_index_remove(&index, gone);
            table.ids[local] = 0;
            right = right && group_index_find(&index, gone) == GROUP_INDEX_NONE;
        }
        right = right && (step % 100 != 0 || agrees(&index, &table));
    }
    ck_assert(right);
    group_index_fini(&index);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("group_index");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, an_empty_index_finds_nothing);
    tcase_add_loop_test(tcase, random_histories_agree_with_a_plain_table, 0, 6);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
