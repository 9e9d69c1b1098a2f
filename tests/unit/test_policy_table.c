#include "common/mem.h"
#include "router/policy_table.h"
#include "tests/support/check_main.h"

#include <check.h>

static struct policy_table two_namespaces(void)
{
    struct policy_table table = {.fallback = {.history_messages = 1}};
    struct namespace_policy chat = {.history_messages = 2};
    struct namespace_policy typing = {.history_messages = 3};
    ck_assert(policy_table_add(&table, BYTES_LIT("typing"), &typing));
    ck_assert(policy_table_add(&table, BYTES_LIT("chat"), &chat));
    return table;
}

static const struct {
    const char *room;
    int64_t messages;
} lookups[] = {
    {"chat:a", 2}, {"chat:", 2}, {"chat:a:b", 2}, {"typing:x", 3}, {"chat", 1},
    {"", 1},       {":", 1},     {":chat", 1},    {"cha:t", 1},    {"chatt:a", 1},
    {"Chat:a", 1}, {"zzz:a", 1}, {"typin:g", 1},  {"typingg:", 1}, {"a:chat:b", 1},
};

START_TEST(the_namespace_is_what_stands_before_the_first_colon)
{
    struct policy_table table = two_namespaces();
    const struct namespace_policy *found =
        policy_table_find(&table, bytes_of_str(lookups[_i].room));
    ck_assert_int_eq(found->history_messages, lookups[_i].messages);
    policy_table_fini(&table);
}
END_TEST

START_TEST(a_namespace_is_added_once)
{
    struct policy_table table = two_namespaces();
    struct namespace_policy other = {.history_messages = 9};
    ck_assert(!policy_table_add(&table, BYTES_LIT("chat"), &other));
    ck_assert_uint_eq(table.count, 2);
    ck_assert_int_eq(policy_table_find(&table, BYTES_LIT("chat:a"))->history_messages, 2);
    policy_table_fini(&table);
}
END_TEST

START_TEST(a_copy_lives_on_alone)
{
    struct policy_table table = two_namespaces();
    struct policy_table copy = policy_table_copy(&table);
    policy_table_fini(&table);
    ck_assert_int_eq(policy_table_find(&copy, BYTES_LIT("typing:x"))->history_messages, 3);
    ck_assert_int_eq(policy_table_find(&copy, BYTES_LIT("x"))->history_messages, 1);
    policy_table_fini(&copy);
}
END_TEST

START_TEST(classes_settle_for_what_the_engine_can_do)
{
    struct policy_table table = {.fallback = {.class = ROOM_CLASS_UNSET}};
    struct namespace_policy durable = {.class = ROOM_DURABLE};
    struct namespace_policy ephemeral = {.class = ROOM_EPHEMERAL};
    ck_assert(policy_table_add(&table, BYTES_LIT("d"), &durable));
    ck_assert(policy_table_add(&table, BYTES_LIT("e"), &ephemeral));
    struct policy_table other = policy_table_copy(&table);
    ck_assert_uint_eq(policy_table_settle(&table, false), 1);
    ck_assert_int_eq(table.fallback.class, ROOM_MEMORY);
    ck_assert_int_eq(policy_table_find(&table, BYTES_LIT("d:"))->class, ROOM_MEMORY);
    ck_assert_int_eq(policy_table_find(&table, BYTES_LIT("e:"))->class, ROOM_EPHEMERAL);
    ck_assert_uint_eq(policy_table_settle(&other, true), 0);
    ck_assert_int_eq(other.fallback.class, ROOM_DURABLE);
    ck_assert_int_eq(policy_table_find(&other, BYTES_LIT("d:"))->class, ROOM_DURABLE);
    policy_table_fini(&table);
    policy_table_fini(&other);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("policy_table");
    TCase *tcase = tcase_create("all");
    tcase_add_loop_test(tcase, the_namespace_is_what_stands_before_the_first_colon, 0,
                        sizeof(lookups) / sizeof(lookups[0]));
    tcase_add_test(tcase, a_namespace_is_added_once);
    tcase_add_test(tcase, a_copy_lives_on_alone);
    tcase_add_test(tcase, classes_settle_for_what_the_engine_can_do);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
