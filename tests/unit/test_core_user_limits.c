/* Limits of a user over all edges, and of an address. */
#include "router/edge_clock.h"
#include "tests/support/check_main.h"
#include "tests/support/core_driver.h"

static struct core_driver start(const struct core_config *config)
{
    struct core_driver d;
    core_driver_start(&d, config, 3);
    for (uint32_t edge = 0; edge < 3; edge++) {
        core_driver_open(&d, edge, 1, "alice");
    }
    core_driver_open(&d, 0, 2, "bob");
    core_driver_forget(&d);
    d.now_ms += 5000; /* the half-full buckets of a start are full by now */
    return d;
}

static void ping(struct core_driver *d, uint32_t edge, uint32_t slot, uint64_t arrived_ms)
{
    struct command command = {.kind = COMMAND_PING};
    core_driver_step(d, &(struct core_event){.kind = CORE_COMMAND,
                                             .conn = {edge, slot, 1},
                                             .arrived_ms = arrived_ms,
                                             .wire_bytes = 100,
                                             .command = &command});
}

static unsigned count(struct core_driver *d, const char *part)
{
    unsigned found = 0;
    struct bytes log = buf_bytes(&d->log);
    struct bytes wanted = bytes_of_str(part);
    for (size_t i = 0; i < log.len; i++) {
        found += bytes_starts_with(bytes_slice(log, i, log.len), wanted);
    }
    return found;
}

START_TEST(the_devices_of_a_user_share_one_rate_and_nobody_else_has_to_do_with_it)
{
    struct core_config config = core_driver_config();
    config.rates.user_messages_per_second = 9;
    struct core_driver d = start(&config);
    for (uint32_t i = 0; i < 30; i++) {
        ping(&d, i % 3, 1, 0);
    }
    ck_assert_uint_eq(count(&d, "pong"), 9);
    ck_assert_uint_eq(
        count(&d, "message_rate_exceeded too many messages from all your devices retry"), 21);
    core_driver_forget(&d);
    ping(&d, 0, 2, 0);
    core_driver_expect_line(&d, "send 0/2 pong");
    d.now_ms += 112;
    ping(&d, 2, 1, 0);
    core_driver_expect_line(&d, "send 2/1 pong");
    struct registry_totals totals;
    registry_totals(d.core, &totals);
    ck_assert_uint_eq(totals.user_messages_limited, 21);
    core_driver_stop(&d);
}
END_TEST

START_TEST(the_bytes_of_a_user_too_and_a_refused_message_costs_none)
{
    struct core_config config = core_driver_config();
    config.rates.user_messages_per_second = 100;
    config.rates.user_bytes_per_second = 250;
    struct core_driver d = start(&config);
    for (uint32_t i = 0; i < 3; i++) {
        ping(&d, i, 1, 0);
    }
    ck_assert_uint_eq(count(&d, "pong"), 2);
    core_driver_expect_line(&d, "send 2/1 error");
    core_driver_expect_line(&d,
                            "byte_rate_exceeded too many bytes from all your devices retry 200");
    core_driver_stop(&d);
}
END_TEST

/* Clocks of edges have nothing in common; what was held up counts by when it was said. */
START_TEST(what_edges_held_counts_by_when_it_was_said_whatever_their_clocks_read)
{
    struct core_config config = core_driver_config();
    config.rates.user_messages_per_second = 2;
    struct core_driver d = start(&config);
    ping(&d, 0, 1, 1000000); /* tells how the clocks stand */
    ping(&d, 1, 1, UINT64_C(90000000000));
    d.now_ms += 10000;
    core_driver_forget(&d);
    for (uint32_t i = 1; i <= 9; i++) { /* one each second, over two edges, handed over at once */
        ping(&d, i % 2, 1, (i % 2 == 0 ? 1000000 : UINT64_C(90000000000)) + i * 1000);
    }
    ck_assert_uint_eq(count(&d, "pong"), 9);
    for (uint32_t i = 0; i < 9; i++) { /* and now at once */
        ping(&d, 0, 1, 1010000);
    }
    ck_assert_uint_eq(count(&d, "pong"), 9 + 2);
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_router_that_has_just_started_takes_buckets_for_half_full)
{
    struct core_config config = core_driver_config();
    config.rates.user_messages_per_second = 10;
    struct core_driver d;
    core_driver_start(&d, &config, 1);
    core_driver_open(&d, 0, 1, "alice");
    for (int i = 0; i < 20; i++) {
        ping(&d, 0, 1, 0);
    }
    ck_assert_uint_eq(count(&d, "pong"), 5);
    core_driver_stop(&d);
}
END_TEST

/* A router dies in the middle of a flood over three edges; what it told them comes back. */
static void announce_spent(struct core_driver *d, uint32_t edge, const char *user,
                           uint64_t messages_ms, uint64_t bytes_ms)
{
    core_driver_step(d, &(struct core_event){.kind = CORE_ANNOUNCE_SPENT,
                                             .edge = edge,
                                             .user = bytes_of_str(user),
                                             .messages_ms = messages_ms,
                                             .bytes_ms = bytes_ms});
}

START_TEST(who_has_more_than_half_a_burst_left_is_told_to_nobody_and_who_has_less_to_his_edge)
{
    struct core_config config = core_driver_config();
    config.rates.user_messages_per_second = 10;
    struct core_driver d = start(&config);
    for (uint32_t i = 0; i < 5; i++) {
        ping(&d, i % 3, 1, 0);
    }
    ck_assert_uint_eq(count(&d, "spent"), 0);
    ping(&d, 2, 1, 0);
    core_driver_expect_line(&d, "spent 2/1 600 0");
    for (uint32_t i = 0; i < 4; i++) {
        ping(&d, 1, 1, 0);
    }
    core_driver_expect_line(&d, "spent 1/1 1000 0");
    core_driver_forget(&d);
    ping(&d, 1, 1, 0); /* refused: it costs nothing */
    ck_assert_uint_eq(count(&d, "spent"), 0);
    core_driver_stop(&d);
}
END_TEST

static void start_again(struct core_driver *d, const struct core_config *config)
{
    core_driver_start(d, config, 0);
    for (uint32_t edge = 0; edge < 3; edge++) {
        core_driver_edge_up(d, edge, (const char *[]){"e0", "e1", "e2"}[edge]);
        core_driver_announce_conn(d, edge, 1, "alice", NULL, 0);
    }
    core_driver_announce_conn(d, 0, 2, "bob", NULL, 0);
}

/* 900 ms are not paid back, at ten messages a second: one may be said now and one each 100 ms. */
START_TEST(what_a_user_had_spent_before_the_router_died_stays_spent)
{
    struct core_config config = core_driver_config();
    config.rates.user_messages_per_second = 10;
    struct core_driver d;
    start_again(&d, &config);
    announce_spent(&d, 0, "alice", 600, 0);
    announce_spent(&d, 1, "alice", 900, 0);
    announce_spent(&d, 2, "alice", 700, 0);
    for (uint32_t i = 0; i < 20; i++) {
        ping(&d, i % 3, 1, 0);
    }
    ck_assert_uint_eq(count(&d, "pong"), 1);
    core_driver_forget(&d);
    for (uint32_t i = 0; i < 30; i++) {
        d.now_ms += 50;
        ping(&d, i % 3, 1, 0);
    }
    ck_assert_uint_eq(count(&d, "pong"), 15);
    core_driver_stop(&d);
}
END_TEST

/* Those of one edge are served while another has not said anything yet. */
START_TEST(what_was_let_through_before_an_edge_told_is_counted_all_the_same)
{
    struct core_config config = core_driver_config();
    config.rates.user_messages_per_second = 10;
    struct core_driver d;
    start_again(&d, &config);
    for (uint32_t i = 0; i < 20; i++) {
        ping(&d, 0, 1, 0);
    }
    ck_assert_uint_eq(count(&d, "pong"), 5);
    announce_spent(&d, 1, "alice", 900, 0); /* four more than there were */
    core_driver_forget(&d);
    for (uint32_t i = 0; i < 9; i++) {
        d.now_ms += 50;
        ping(&d, i % 3, 1, 0);
    }
    ck_assert_uint_eq(count(&d, "pong"), 0);
    d.now_ms += 50;
    ping(&d, 0, 1, 0);
    ck_assert_uint_eq(count(&d, "pong"), 1);
    core_driver_stop(&d);
}
END_TEST

START_TEST(an_edge_tells_of_its_own_users_only_while_it_announces_and_locks_nobody_out)
{
    struct core_config config = core_driver_config();
    config.rates.user_messages_per_second = 10;
    struct core_driver d;
    start_again(&d, &config);
    announce_spent(&d, 1, "bob", 1000, 0);   /* is at edge 0 */
    announce_spent(&d, 1, "carol", 1000, 0); /* nobody knows her */
    announce_spent(&d, 1, "", 1000, 0);
    announce_spent(&d, 7, "bob", 1000, 0);
    core_driver_announce_end(&d, 0);
    announce_spent(&d, 0, "bob", 1000, 0);
    ping(&d, 0, 2, 0);
    core_driver_expect_line(&d, "send 0/2 pong");
    core_driver_forget(&d);
    announce_spent(&d, 1, "alice", UINT64_MAX, UINT64_MAX);
    ping(&d, 1, 1, 0);
    ck_assert_uint_eq(count(&d, "pong"), 0);
    d.now_ms += 61000;
    ping(&d, 1, 1, 0);
    ck_assert_uint_eq(count(&d, "pong"), 1);
    core_driver_stop(&d);
}
END_TEST

START_TEST(an_announced_connection_has_half_of_its_burst)
{
    struct core_config config = core_driver_config();
    config.rates.messages_per_second = 10;
    struct core_driver d;
    core_driver_start(&d, &config, 0);
    core_driver_edge_up(&d, 0, "e0");
    core_driver_announce_conn(&d, 0, 1, "alice", NULL, 0);
    core_driver_announce_end(&d, 0);
    for (int i = 0; i < 20; i++) {
        ping(&d, 0, 1, 0);
    }
    ck_assert_uint_eq(count(&d, "pong"), 5);
    core_driver_stop(&d);
}
END_TEST

START_TEST(what_its_edge_held_of_it_has_the_whole_burst_and_what_follows_half_at_most)
{
    struct core_config config = core_driver_config();
    config.rates.messages_per_second = 10;
    struct core_driver d;
    core_driver_start(&d, &config, 0);
    core_driver_step(&d, &(struct core_event){.kind = CORE_EDGE_UP,
                                              .edge_id = BYTES_LIT("e0"),
                                              .edge_incarnation = 1,
                                              .edge_clock_ms = 700000});
    core_driver_announce_conn(&d, 0, 1, "alice", NULL, 0);
    core_driver_announce_end(&d, 0);
    for (int i = 0; i < 20; i++) {
        ping(&d, 0, 1, 697000);
    }
    ck_assert_uint_eq(count(&d, "pong"), 10);
    core_driver_forget(&d);
    for (int i = 0; i < 20; i++) {
        ping(&d, 0, 1, 700000);
    }
    ck_assert_uint_eq(count(&d, "pong"), 5);
    core_driver_stop(&d);
}
END_TEST

START_TEST(joins_have_a_rate_of_their_own)
{
    struct core_config config = core_driver_config();
    config.rates.joins_per_second = 2;
    struct core_driver d = start(&config);
    core_driver_join(&d, 0, 1, "a");
    core_driver_join(&d, 0, 1, "b");
    core_driver_forget(&d);
    core_driver_join(&d, 0, 1, "c");
    core_driver_expect(&d, "send 0/1 error 3 join_rate_exceeded retry 500\n");
    ping(&d, 0, 1, 0);
    core_driver_expect_line(&d, "send 0/1 pong");
    core_driver_stop(&d);
}
END_TEST

static void open_from(struct core_driver *d, uint32_t edge, uint32_t slot, const char *address)
{
    struct session_info session = {.user = BYTES_LIT("carol"), .address = bytes_of_str(address)};
    core_driver_step(d, &(struct core_event){
                            .kind = CORE_CONN_OPEN, .conn = {edge, slot, 1}, .session = &session});
}

START_TEST(an_address_has_so_many_connections_at_all_edges_together)
{
    struct core_config config = core_driver_config();
    config.connections_per_address_max = 2;
    struct core_driver d;
    core_driver_start(&d, &config, 3);
    open_from(&d, 0, 1, "2001:db8:0:1::1");
    open_from(&d, 1, 1, "2001:db8:0:1::2");
    core_driver_forget(&d);
    open_from(&d, 2, 1, "2001:db8:0:1:ffff::");
    core_driver_expect(&d, "close 2/1 1008 Connection limit of this address\n");
    open_from(&d, 2, 2, "2001:db8:0:2::1");
    core_driver_expect_line(&d, "accept 2/2 carol");
    open_from(&d, 2, 3, "not an address");
    core_driver_expect_line(&d, "accept 2/3 carol");
    core_driver_close(&d, 0, 1, false); /* in grace it is not there */
    core_driver_forget(&d);
    open_from(&d, 2, 1, "2001:db8:0:1::1");
    core_driver_expect_line(&d, "accept 2/1 carol");
    core_driver_edge_down(&d, 1);
    core_driver_edge_up(&d, 1, "e1");
    core_driver_forget(&d);
    open_from(&d, 1, 1, "2001:db8:0:1::2");
    core_driver_expect_line(&d, "accept 1/1 carol");
    core_driver_stop(&d);
}
END_TEST

START_TEST(the_least_delay_tells_how_clocks_stand_and_drift_is_followed)
{
    struct edge_clock clock = {0};
    ck_assert_uint_eq(edge_clock_theirs(&clock, 77), UINT64_MAX);
    edge_clock_sample(&clock, 1000, 500200);
    ck_assert_uint_eq(edge_clock_ours(&clock, 1000, 500200), 500200);
    edge_clock_sample(&clock, 2000, 501050); /* 150 less */
    ck_assert_uint_eq(edge_clock_ours(&clock, 2000, 501050), 501050);
    edge_clock_sample(&clock, 2100, 505000);
    ck_assert_uint_eq(edge_clock_ours(&clock, 2100, 505000), 501150);
    ck_assert_uint_eq(edge_clock_theirs(&clock, 501150), 2100);
    edge_clock_sample(&clock, 100000, 600000); /* it is slow: two windows later that is known */
    edge_clock_sample(&clock, 170000, 670000);
    ck_assert_uint_eq(edge_clock_ours(&clock, 170000, 670000), 670000);
    /* Nothing is from the future, or from long ago. */
    ck_assert_uint_eq(edge_clock_ours(&clock, UINT64_MAX, 670001), 499999);
    ck_assert_uint_eq(edge_clock_ours(&clock, 300000, 670001), 670001);
    ck_assert_uint_le(edge_clock_ours(&clock, 1, 70000000), 70000000);
    ck_assert_uint_eq(edge_clock_ours(&clock, 1, 70000000), 70000000 - 3600000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core_user_limits");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, the_devices_of_a_user_share_one_rate_and_nobody_else_has_to_do_with_it);
    tcase_add_test(tcase, the_bytes_of_a_user_too_and_a_refused_message_costs_none);
    tcase_add_test(tcase, what_edges_held_counts_by_when_it_was_said_whatever_their_clocks_read);
    tcase_add_test(tcase, a_router_that_has_just_started_takes_buckets_for_half_full);
    tcase_add_test(
        tcase, who_has_more_than_half_a_burst_left_is_told_to_nobody_and_who_has_less_to_his_edge);
    tcase_add_test(tcase, what_a_user_had_spent_before_the_router_died_stays_spent);
    tcase_add_test(tcase, what_was_let_through_before_an_edge_told_is_counted_all_the_same);
    tcase_add_test(tcase,
                   an_edge_tells_of_its_own_users_only_while_it_announces_and_locks_nobody_out);
    tcase_add_test(tcase, an_announced_connection_has_half_of_its_burst);
    tcase_add_test(tcase,
                   what_its_edge_held_of_it_has_the_whole_burst_and_what_follows_half_at_most);
    tcase_add_test(tcase, joins_have_a_rate_of_their_own);
    tcase_add_test(tcase, an_address_has_so_many_connections_at_all_edges_together);
    tcase_add_test(tcase, the_least_delay_tells_how_clocks_stand_and_drift_is_followed);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
