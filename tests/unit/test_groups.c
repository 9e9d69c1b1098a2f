/* edge/groups: members, sessions and what a closed session still holds. */
#include "edge/groups.h"
#include "tests/support/check_main.h"
#include "tests/support/rng.h"

static const uint8_t seed[16] = {1};

START_TEST(a_group_ends_with_its_last_member)
{
    struct groups groups;
    groups_init(&groups, seed);
    struct edge_session *alice = groups_open(&groups, 0, 1);
    struct edge_session *bob = groups_open(&groups, 1, 1);
    struct edge_group *room = groups_add(&groups, 77, BYTES_LIT("room"));
    groups_join(&groups, room, alice);
    groups_join(&groups, room, bob);
    groups_join(&groups, room, bob);
    ck_assert_uint_eq(room->count, 2);
    groups_leave(&groups, room, alice);
    ck_assert_ptr_eq(groups_find(&groups, 77), room);
    groups_leave(&groups, room, bob);
    ck_assert_ptr_null(groups_find(&groups, 77));
    groups_fini(&groups);
}
END_TEST

START_TEST(a_closed_session_gets_nothing_but_holds_its_groups)
{
    struct groups groups;
    groups_init(&groups, seed);
    struct edge_session *alice = groups_open(&groups, 5, 1);
    struct edge_group *room = groups_add(&groups, 77, BYTES_LIT("room"));
    groups_join(&groups, room, alice);
    groups_close(&groups, alice);
    ck_assert_uint_eq(room->count, 0);
    ck_assert_ptr_eq(groups_find(&groups, 77), room);
    ck_assert_ptr_null(groups_current(&groups, 5));
    struct edge_session *next = groups_open(&groups, 5, 2);
    ck_assert_ptr_eq(groups_session(&groups, 5, 1), alice);
    ck_assert_ptr_eq(groups_session(&groups, 5, 2), next);
    groups_forget(&groups, alice);
    ck_assert_ptr_null(groups_session(&groups, 5, 1));
    ck_assert_ptr_null(groups_find(&groups, 77));
    groups_fini(&groups);
}
END_TEST

START_TEST(a_new_router_binds_groups_to_other_ids)
{
    struct groups groups;
    groups_init(&groups, seed);
    struct edge_session *alice = groups_open(&groups, 0, 1);
    struct edge_group *a = groups_add(&groups, 1, BYTES_LIT("a"));
    struct edge_group *b = groups_add(&groups, 2, BYTES_LIT("b"));
    groups_join(&groups, a, alice);
    groups_join(&groups, b, alice);
    groups_unbind_all(&groups);
    ck_assert_ptr_null(groups_find(&groups, 1));
    ck_assert(groups_bind(&groups, a, 2, BYTES_LIT("a2")));
    ck_assert(!groups_bind(&groups, b, 2, BYTES_LIT("b2")));
    ck_assert(groups_bind(&groups, b, 1, BYTES_LIT("b2")));
    ck_assert_ptr_eq(groups_find(&groups, 2), a);
    groups_drop(&groups, a);
    ck_assert_ptr_null(groups_find(&groups, 2));
    ck_assert_uint_eq(alice->group_count, 1);
    groups_fini(&groups);
}
END_TEST

START_TEST(a_slot_that_is_used_again_costs_no_more_once_the_router_has_finished_the_old_end)
{
    struct groups groups;
    groups_init(&groups, seed);
    struct edge_group *room = groups_add(&groups, 77, BYTES_LIT("room"));
    struct edge_group *inbox = groups_add(&groups, 78, BYTES_LIT("inbox"));
    struct edge_session *first = groups_open(&groups, 5, 1);
    groups_join(&groups, room, first);
    uint64_t before = groups.memory_bytes;
    groups_close(&groups, first);
    struct edge_session *second = groups_open(&groups, 5, 2);
    groups_join(&groups, room, second);
    groups_join(&groups, inbox, second);
    groups_close(&groups, second);
    struct edge_session *third = groups_open(&groups, 5, 3);
    groups_join(&groups, inbox, third);
    groups_join(&groups, room, third);
    groups_forget(&groups, second);
    ck_assert(third->many);
    ck_assert_ptr_eq(groups_session(&groups, 5, 1), first);
    groups_forget(&groups, first);
    ck_assert(!third->many);
    ck_assert_uint_eq(groups.memory_bytes, before);
    ck_assert_uint_eq(third->group_count, 2);
    groups_leave(&groups, inbox, third);
    ck_assert_uint_eq(groups_members(room)[0], 5);
    ck_assert_ptr_null(groups_find(&groups, 78));
    groups_fini(&groups);
}
END_TEST

enum { SLOTS = 12, ROOMS = 6 };

struct model {
    struct edge_session *open[SLOTS];
    struct edge_session *closed[SLOTS]; /* one at most in this model */
    bool member[2][SLOTS][ROOMS];       /* [0] open, [1] closed */
    uint32_t gen[SLOTS];
};

static void check_model(const struct groups *groups, const struct model *model)
{
    for (uint32_t room = 0; room < ROOMS; room++) {
        uint32_t open = 0;
        uint32_t closed = 0;
        for (uint32_t slot = 0; slot < SLOTS; slot++) {
            open += model->member[0][slot][room];
            closed += model->member[1][slot][room];
        }
        const struct edge_group *group = groups_find(groups, room + 1);
        ck_assert((group != NULL) == (open + closed != 0));
        if (group != NULL) {
            ck_assert_uint_eq(group->count, open);
            ck_assert_uint_eq(group->holds, closed);
            for (uint32_t i = 0; i < group->count; i++) {
                ck_assert(model->member[0][groups_members(group)[i]][room]);
            }
        }
    }
}

static void change(struct groups *groups, struct model *model, struct rng *rng)
{
    uint32_t slot = rng_below(rng, SLOTS);
    uint32_t room = rng_below(rng, ROOMS);
    struct edge_session *session = model->open[slot];
    struct edge_group *group = groups_find(groups, room + 1);
    switch (rng_below(rng, 6)) {
    case 0:
        if (session == NULL) {
            model->open[slot] = groups_open(groups, slot, ++model->gen[slot]);
        }
        break;
    case 1:
        if (session != NULL && model->closed[slot] == NULL) {
            groups_close(groups, session);
            model->closed[slot] = session;
            model->open[slot] = NULL;
            memcpy(model->member[1][slot], model->member[0][slot], ROOMS * sizeof(bool));
            memset(model->member[0][slot], 0, ROOMS * sizeof(bool));
        }
        break;
    case 2:
        if (model->closed[slot] != NULL) {
            groups_forget(groups, model->closed[slot]);
            model->closed[slot] = NULL;
            memset(model->member[1][slot], 0, ROOMS * sizeof(bool));
        }
        break;
    case 3:
        if (session != NULL && group != NULL) {
            groups_leave(groups, group, session);
            model->member[0][slot][room] = false;
        }
        break;
    default:
        if (session != NULL) {
            group = group == NULL ? groups_add(groups, room + 1, BYTES_LIT("r")) : group;
            groups_join(groups, group, session);
            model->member[0][slot][room] = true;
        }
        break;
    }
}

START_TEST(random_histories_agree_with_a_plain_table)
{
    struct rng rng = {(uint64_t)_i};
    struct groups groups;
    struct model model = {0};
    groups_init(&groups, seed);
    for (int step = 0; step < 5000; step++) {
        change(&groups, &model, &rng);
        check_model(&groups, &model);
    }
    groups_fini(&groups);
}
END_TEST

START_TEST(a_lag_moves_with_its_member_and_keeps_the_record_it_knows)
{
    struct groups groups;
    groups_init(&groups, seed);
    struct edge_session *alice = groups_open(&groups, 0, 1);
    struct edge_session *bob = groups_open(&groups, 1, 1);
    struct edge_group *old = groups_add(&groups, 77, BYTES_LIT("old"));
    struct edge_group *new = groups_add(&groups, 78, BYTES_LIT("new"));
    groups_join(&groups, old, alice);
    groups_join(&groups, new, bob);
    groups_lag(&groups, old, 0, 5);
    uint64_t token = groups_lag_of(&groups, old, 0)->token;
    groups_merge(&groups, old, new);
    const struct lag *lag = groups_lag_of(&groups, new, 0);
    ck_assert_ptr_nonnull(lag);
    ck_assert_uint_eq(lag->token, token);
    ck_assert_uint_eq(lag->first, 5);
    ck_assert_uint_eq(lag->record[0], 'o');
    ck_assert_ptr_null(groups_lag_of(&groups, new, 1));
    groups_drop(&groups, new);
    ck_assert_uint_eq(groups.lags.table.count, 0);
    groups_fini(&groups);
}
END_TEST

START_TEST(one_connection_may_lag_in_many_groups)
{
    enum { COUNT = 20 };
    struct groups groups;
    struct edge_group *all[COUNT];
    groups_init(&groups, seed);
    struct edge_session *alice = groups_open(&groups, 0, 1);
    for (uint64_t i = 0; i < COUNT; i++) {
        all[i] = groups_add(&groups, i + 1, BYTES_LIT("room"));
        groups_join(&groups, all[i], alice);
        groups_lag(&groups, all[i], 0, i);
    }
    for (uint64_t i = 0; i < COUNT; i += 3) {
        groups_lag_end(&groups, groups_lag_of(&groups, all[i], 0));
    }
    for (uint64_t i = 0; i < COUNT; i++) {
        const struct lag *lag = groups_lag_of(&groups, all[i], 0);
        ck_assert(i % 3 == 0 ? lag == NULL : lag->first == i);
    }
    groups_close(&groups, alice);
    ck_assert_uint_eq(groups.lags.table.count, 0);
    groups_fini(&groups);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("groups");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, a_group_ends_with_its_last_member);
    tcase_add_test(tcase, a_closed_session_gets_nothing_but_holds_its_groups);
    tcase_add_test(
        tcase, a_slot_that_is_used_again_costs_no_more_once_the_router_has_finished_the_old_end);
    tcase_add_test(tcase, a_new_router_binds_groups_to_other_ids);
    tcase_add_loop_test(tcase, random_histories_agree_with_a_plain_table, 0, 6);
    tcase_add_test(tcase, a_lag_moves_with_its_member_and_keeps_the_record_it_knows);
    tcase_add_test(tcase, one_connection_may_lag_in_many_groups);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
