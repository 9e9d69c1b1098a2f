#include "router/agents.h"
#include "router/core_internal.h"
#include "tests/support/check_main.h"

#include <check.h>

static struct router_core *core_new(void)
{
    return router_core_new(&(struct core_config){.users_max = 1}, 0);
}

START_TEST(those_who_say_the_same_share_one)
{
    struct router_core *core = core_new();
    struct agent *a = agents_take(&core->agents, BYTES_LIT("browser/1"));
    struct agent *b = agents_take(&core->agents, BYTES_LIT("browser/1"));
    struct agent *c = agents_take(&core->agents, BYTES_LIT("browser/2"));
    ck_assert_ptr_eq(a, b);
    ck_assert_ptr_ne(a, c);
    ck_assert(bytes_equal(agent_text(c), BYTES_LIT("browser/2")));
    agents_give(core, &a);
    ck_assert_ptr_null(a);
    ck_assert(bytes_equal(agent_text(b), BYTES_LIT("browser/1")));
    agents_give(core, &b);
    agents_give(core, &c);
    ck_assert_uint_eq(core->agents.by_text.count, 0);
    router_core_free(&core);
}
END_TEST

START_TEST(who_says_nothing_has_none)
{
    struct router_core *core = core_new();
    struct agent *none = agents_take(&core->agents, BYTES_EMPTY);
    ck_assert_ptr_null(none);
    ck_assert_uint_eq(agent_text(none).len, 0);
    agents_give(core, &none);
    router_core_free(&core);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("agents");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, those_who_say_the_same_share_one);
    tcase_add_test(tcase, who_says_nothing_has_none);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
