#include "router/conn.h"
#include "router/core_internal.h"
#include "router/rates.h"
#include "tests/support/check_main.h"

#include <check.h>

enum { CONNS = 3000 };

static struct conn conns[CONNS];

static struct router_core *core_at(uint64_t now_ms)
{
    struct core_config config = {.rates = {.messages_per_second = 2}};
    for (int i = 0; i < CONNS; i++) {
        conns[i] = (struct conn){.rates_at = 0};
    }
    return router_core_new(&config, now_ms);
}

static enum policy_verdict say(struct router_core *core, struct conn *conn, uint64_t at_ms)
{
    uint64_t retry_ms = 0;
    const struct policy_message message = {.at_ms = at_ms};
    struct policy_rates *rates = rates_made(core, conn);
    enum policy_verdict verdict = policy_admit(rates, NULL, &core->config, &message, &retry_ms);
    policy_charged(rates, at_ms, core->now_ms);
    return verdict;
}

static void sweep_at(struct router_core *core, uint64_t now_ms)
{
    core->now_ms = now_ms;
    rates_sweep(core);
}

START_TEST(who_never_spoke_has_no_rates)
{
    struct router_core *core = core_at(1000);
    ck_assert_uint_eq(rates_of(core, &conns[0])->messages.tat_ns, 0);
    ck_assert_uint_eq(core->rates.count, 0);
    ck_assert_uint_eq(rates_deadline(core), UINT64_MAX);
    rates_drop(core, &conns[0]);
    router_core_free(&core);
}
END_TEST

START_TEST(rates_are_forgotten_once_they_say_nothing_and_not_before)
{
    struct router_core *core = core_at(100000);
    uint64_t edge_ms = 5; /* its clock is another one */
    for (int i = 0; i < 2; i++) {
        ck_assert_uint_eq(say(core, &conns[0], edge_ms), POLICY_OK);
    }
    ck_assert_uint_eq(rates_deadline(core), 101000);
    sweep_at(core, 102000);
    ck_assert_uint_eq(core->rates.count, 1);
    ck_assert_uint_eq(say(core, &conns[0], edge_ms), POLICY_MESSAGES);
    sweep_at(core, 130000);
    ck_assert_uint_eq(core->rates.count, 0);
    ck_assert_uint_eq(conns[0].rates_at, 0);
    ck_assert_uint_eq(rates_deadline(core), UINT64_MAX);
    router_core_free(&core);
}
END_TEST

START_TEST(an_announced_connection_without_a_known_clock_is_kept_until_it_speaks)
{
    struct router_core *core = core_at(100000);
    policy_half(rates_made(core, &conns[0]), UINT64_MAX, core->now_ms);
    sweep_at(core, 900000);
    ck_assert_uint_eq(core->rates.count, 1);
    ck_assert_uint_eq(say(core, &conns[0], 50), POLICY_OK);
    ck_assert_uint_eq(say(core, &conns[0], 50), POLICY_MESSAGES); /* half was gone */
    sweep_at(core, 950000);
    ck_assert_uint_eq(core->rates.count, 0);
    router_core_free(&core);
}
END_TEST

START_TEST(denials_count_for_longer_than_the_other_rates)
{
    struct router_core *core = core_at(100000);
    core->config.denials_max = 1;
    ck_assert(policy_forgives(rates_made(core, &conns[0]), &core->config, core->now_ms));
    sweep_at(core, 105000);
    ck_assert(!policy_forgives(rates_made(core, &conns[0]), &core->config, core->now_ms));
    sweep_at(core, 111000);
    ck_assert_uint_eq(core->rates.count, 0);
    router_core_free(&core);
}
END_TEST

START_TEST(each_keeps_its_own_while_others_come_and_go)
{
    struct router_core *core = core_at(100000);
    for (uint64_t i = 0; i < CONNS; i++) {
        rates_made(core, &conns[i])->recovered_ms = i;
    }
    for (size_t i = 0; i < CONNS; i += 3) {
        rates_drop(core, &conns[i]);
    }
    size_t wrong = 0;
    for (uint64_t i = 0; i < CONNS; i++) {
        wrong += rates_of(core, &conns[i])->recovered_ms != (i % 3 == 0 ? 0 : i);
    }
    ck_assert_uint_eq(wrong, 0);
    for (uint64_t second = 1; core->rates.count != 0; second++) {
        ck_assert_uint_lt(second, 100);
        sweep_at(core, 100000 + second * 1000);
    }
    router_core_free(&core);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rates");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, who_never_spoke_has_no_rates);
    tcase_add_test(tcase, rates_are_forgotten_once_they_say_nothing_and_not_before);
    tcase_add_test(tcase, an_announced_connection_without_a_known_clock_is_kept_until_it_speaks);
    tcase_add_test(tcase, denials_count_for_longer_than_the_other_rates);
    tcase_add_test(tcase, each_keeps_its_own_while_others_come_and_go);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
