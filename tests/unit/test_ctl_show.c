/* What splitrailctl says about answers: verdicts, screens, colours, completion. */
#include "router/ctl/ctl_colour.h"
#include "router/ctl/ctl_completion.h"
#include "router/ctl/ctl_explain.h"
#include "router/ctl/ctl_plan.h"
#include "router/ctl/ctl_top.h"
#include "router/ctl/ctl_trace.h"
#include "tests/support/check_main.h"

#include <string.h>

static struct buf out;

static void setup(void)
{
    buf_init(&out, 0);
}

static void teardown(void)
{
    buf_fini(&out);
}

static const char *text(void)
{
    buf_append_byte(&out, 0);
    return (const char *)out.data;
}

/* ---- explain ---- */

struct facts {
    Splitrail__Admin__User user;
    Splitrail__Admin__Room room;
    Splitrail__Admin__Conn conn;
    Splitrail__Admin__Edge edge;
    Splitrail__Admin__BanInfo ban;
    Splitrail__Admin__EdgeView view;
    Splitrail__Admin__ExplainedConn explained;
    Splitrail__Admin__Explanation all;
};

/* Somebody who gets every message. */
static void well(struct facts *facts)
{
    splitrail__admin__user__init(&facts->user);
    splitrail__admin__room__init(&facts->room);
    splitrail__admin__conn__init(&facts->conn);
    splitrail__admin__edge__init(&facts->edge);
    splitrail__admin__ban_info__init(&facts->ban);
    splitrail__admin__explained_conn__init(&facts->explained);
    splitrail__admin__edge_view__init(&facts->view);
    facts->view.open = true;
    facts->view.in_group = true;
    facts->explained.view = &facts->view;
    splitrail__admin__explanation__init(&facts->all);
    facts->user.connections = 1;
    facts->room.class_ = (char *)(uintptr_t) "memory";
    facts->conn.attached = true;
    facts->edge.state = (char *)(uintptr_t) "up";
    facts->edge.synced = true;
    facts->explained.conn = &facts->conn;
    facts->explained.edge = &facts->edge;
    facts->explained.joined = true;
    facts->explained.may_join = true;
    facts->explained.may_history = true;
    facts->all.user = &facts->user;
    facts->all.room = &facts->room;
    facts->all.known = true;
    facts->all.room_known = true;
    facts->all.is_member = true;
}

static void none(struct facts *facts)
{
    (void)facts;
}

static void banned(struct facts *facts)
{
    facts->all.ban = &facts->ban;
}

static void unknown(struct facts *facts)
{
    facts->all.known = false;
}

static void offline(struct facts *facts)
{
    facts->user.connections = 0;
}

static void ephemeral(struct facts *facts)
{
    facts->room.class_ = (char *)(uintptr_t) "ephemeral";
}

static void detached(struct facts *facts)
{
    facts->conn.attached = false;
}

static void address_banned(struct facts *facts)
{
    facts->explained.address_ban = &facts->ban;
}

static void waiting(struct facts *facts)
{
    facts->explained.waiting = true;
}

static void not_joined(struct facts *facts)
{
    facts->explained.joined = false;
}

static void may_not(struct facts *facts)
{
    facts->explained.joined = false;
    facts->explained.may_join = false;
}

static void silent(struct facts *facts)
{
    facts->edge.state = (char *)(uintptr_t) "suspect";
}

static void slow(struct facts *facts)
{
    facts->edge.queued_bytes = 2 * 1024 * 1024;
}

static void untold(struct facts *facts)
{
    facts->explained.view = NULL;
    facts->explained.unseen = (char *)(uintptr_t) "its edge did not answer within a second";
}

static void edge_lacks(struct facts *facts)
{
    facts->view.open = false;
}

static void edge_not_joined(struct facts *facts)
{
    facts->view.in_group = false;
}

static void left_out(struct facts *facts)
{
    facts->view.lags = true;
}

static void repairs(struct facts *facts)
{
    facts->view.group_waits = true;
}

static void over_soft(struct facts *facts)
{
    facts->view.queued_bytes = 300000;
    facts->view.over_soft_ms = 1200;
}

static void waits(struct facts *facts)
{
    facts->view.queued_bytes = 100;
}

static void pinged(struct facts *facts)
{
    facts->view.ping_ms = 3000;
}

static void over_rate(struct facts *facts)
{
    facts->explained.retry_ms = 5;
}

static const struct {
    void (*spoil)(struct facts *);
    const char *code; /* that is found, of user or connection; NULL = none */
    bool stops;
} verdicts[] = {
    {none, NULL, false},
    {banned, "user_banned", true},
    {unknown, "user_unknown", true},
    {offline, "user_offline", true},
    {ephemeral, "room_ephemeral", false},
    {detached, "detached", true},
    {address_banned, "address_banned", true},
    {waiting, "waiting", true},
    {not_joined, "not_joined", true},
    {may_not, "may_not_join", true},
    {silent, "edge_silent", true},
    {slow, "edge_slow", false},
    {over_rate, "rate_limited", false},
    {untold, "edge_untold", false},
    {edge_lacks, "edge_lacks", true},
    {edge_not_joined, "edge_not_joined", true},
    {left_out, "left_out", true},
    {repairs, "edge_repairs", true},
    {over_soft, "over_soft", false},
    {waits, "waits", false},
    {pinged, "ping_unanswered", false},
};

START_TEST(what_is_wrong_is_found_and_nothing_else)
{
    struct facts facts;
    struct ctl_finding found[2 * CTL_FINDINGS_MAX];
    well(&facts);
    verdicts[_i].spoil(&facts);
    size_t count = ctl_explain_user(&facts.all, found);
    count += ctl_explain_conn(&facts.all, &facts.explained, found + count);
    if (verdicts[_i].code == NULL) {
        ck_assert_uint_eq(count, 0);
        return;
    }
    bool seen = false;
    for (size_t i = 0; i < count; i++) {
        seen = seen || (strcmp(found[i].code, verdicts[_i].code) == 0 &&
                        found[i].stops == verdicts[_i].stops);
    }
    ck_assert_msg(seen, "%s is not found", verdicts[_i].code);
}
END_TEST

/* ---- top ---- */

struct look {
    Splitrail__Admin__Reply info;
    Splitrail__Admin__Reply stats;
    Splitrail__Admin__Reply edges;
    Splitrail__Admin__Reply hot;
    Splitrail__Admin__Info about;
    Splitrail__Admin__Hot names;
    Splitrail__Admin__HotName room;
    Splitrail__Admin__HotName *rooms[1];
    Splitrail__Admin__Figure figure;
    Splitrail__Admin__Figure *figures[1];
};

static struct ctl_top_sample look_of(struct look *look, uint64_t at_ms, int64_t deliveries)
{
    splitrail__admin__reply__init(&look->info);
    splitrail__admin__reply__init(&look->stats);
    splitrail__admin__reply__init(&look->edges);
    splitrail__admin__reply__init(&look->hot);
    splitrail__admin__info__init(&look->about);
    splitrail__admin__hot__init(&look->names);
    splitrail__admin__hot_name__init(&look->room);
    splitrail__admin__figure__init(&look->figure);
    look->about.router_id = (char *)(uintptr_t) "r1";
    look->about.ready = true;
    look->info.info = &look->about;
    look->figure.name = (char *)(uintptr_t) "deliveries";
    look->figure.value = deliveries;
    look->figures[0] = &look->figure;
    look->stats.figures = look->figures;
    look->stats.n_figures = 1;
    look->stats.as_of_ms = at_ms;
    look->room.name = (char *)(uintptr_t) "tea\033[31m";
    look->room.messages = 30;
    look->room.bytes = 4096;
    look->rooms[0] = &look->room;
    look->names.window_ms = 2000;
    look->names.rooms = look->rooms;
    look->names.n_rooms = 1;
    look->hot.hot = &look->names;
    return (struct ctl_top_sample){&look->info, &look->stats, &look->edges, &look->hot};
}

START_TEST(rates_are_those_between_two_looks)
{
    struct ctl_top top = {{0}, 0, {0}, false};
    struct look look;
    const struct ctl_top_size size = {0, 0, false};
    struct ctl_top_sample sample = look_of(&look, 1000, 100);
    ctl_top_take(&top, &sample);
    ck_assert(!top.has_rates);
    sample = look_of(&look, 3000, 150);
    ctl_top_take(&top, &sample);
    ctl_top_draw(&top, &sample, &size, &out);
    const char *drawn = text();
    ck_assert_ptr_nonnull(strstr(drawn, "deliveries 25.0/s"));
    ck_assert_ptr_nonnull(strstr(drawn, "15.0   2.0KiB"));
    ck_assert_ptr_null(strchr(drawn, '\033')); /* nobody's name steers a terminal */
    sample = look_of(&look, 4000, 10);         /* the router began anew */
    ctl_top_take(&top, &sample);
    ck_assert_uint_eq(top.rates[CTL_TOP_DELIVERIES], 100);
}
END_TEST

START_TEST(a_screen_is_never_larger_than_the_terminal)
{
    struct ctl_top top = {{0}, 0, {0}, false};
    struct look look;
    struct ctl_top_sample sample = look_of(&look, 1000, 100);
    ctl_top_take(&top, &sample);
    for (size_t rows = 1; rows < 12; rows++) {
        for (size_t columns = 1; columns < 40; columns += 3) {
            const struct ctl_top_size size = {rows, columns, false};
            buf_clear(&out);
            ctl_top_draw(&top, &sample, &size, &out);
            size_t lines = 0;
            size_t wide = 0;
            for (size_t i = 0; i < out.len; i++) {
                wide = out.data[i] == '\n' ? 0 : wide + ((out.data[i] & 0xc0) != 0x80);
                lines += out.data[i] == '\n';
                ck_assert_uint_le(wide, columns);
            }
            ck_assert_uint_le(lines, rows);
        }
    }
}
END_TEST

/* ---- colours ---- */

static const struct {
    const char *plain;
    const char *painted;
} paintings[] = {
    {"USER  STATE\nu  online\n", "\033[1mUSER  STATE\033[0m\nu  online\n"},
    {"a USER\n", "a USER\n"},
    {"-\n\n", "-\n\n"},
    {"  NO   x: y\n", "\033[31m  NO   x: y\033[0m\n"},
    {"ready    no", "\033[31mready    no\033[0m"},
    {"", ""},
};

START_TEST(titles_are_bold_and_troubles_red)
{
    ctl_colour_paint(bytes_of_str(paintings[_i].plain), &out);
    ck_assert_str_eq(text(), paintings[_i].painted);
}
END_TEST

START_TEST(completion_is_there_for_two_shells)
{
    ck_assert(!ctl_completion("fish", &out));
    ck_assert_uint_eq(out.len, 0);
    ck_assert(ctl_completion("zsh", &out));
    ck_assert_int_eq(out.data[0], '#');
    ck_assert_ptr_nonnull(strstr(text(), "explain"));
}
END_TEST

static const struct {
    struct ctl_plan_load load;
    uint64_t edges;
    bool for_work;
} plans[] = {
    {{1000000, 1, 100, 10, 256, 50000, false}, 20, false},
    {{1, 0, 0, 0, 0, 50000, false}, 1, false},
    {{50001, 1, 0, 0, 0, 50000, true}, 2, false},
    {{1000, 1, 1000, 1000, 256, 50000, false}, 12, true},
    {{1000000000, 100000, 1000000000, 1000000000, 16777216, 1, true}, 9223372037, true},
};

START_TEST(a_plan_has_edges_for_connections_and_for_work)
{
    struct ctl_plan plan = ctl_plan_of(&plans[_i].load);
    ck_assert_uint_eq(plan.edges, plans[_i].edges);
    ck_assert(plan.for_work == plans[_i].for_work);
    ck_assert_uint_ge(plan.edges * plan.edge_clients, plans[_i].load.connections);
    ck_assert_uint_gt(plan.edge_descriptors, plan.edge_clients);
    ck_assert_uint_le(plan.router_bytes_out, (uint64_t)1 << 62);
    ctl_plan_print(&plans[_i].load, &plan, &out);
    ck_assert_ptr_nonnull(strstr(text(), "edges with one to spare"));
}
END_TEST

/* ---- trace ---- */

static const struct {
    bool told;
    uint32_t queued;
    uint32_t written;
    const char *wanted;
} hop_rows[] = {
    {false, 0, 0, "  edge e1: has not told\n"},
    {true, 0, 0, "  edge e1: gave it to nobody now (they read too slowly, or are gone)\n"},
    {true, 2, 0, "    written           by 0 connections  (none within a second)\n"},
    {true, 2, 1, "    still waits       for 1 connection a second later\n"},
    {true, 2, 2, "    written           by 2 connections  -0.500ms to +1.250ms\n"},
};

START_TEST(the_part_of_an_edge_is_told_in_words)
{
    Splitrail__Admin__Event event = SPLITRAIL__ADMIN__EVENT__INIT;
    Splitrail__Admin__EdgeHop hop = SPLITRAIL__ADMIN__EDGE_HOP__INIT;
    Splitrail__Admin__EdgeHop *hops[] = {&hop};
    hop.edge = (char *)(uintptr_t) "e1";
    hop.told = hop_rows[_i].told;
    hop.queued = hop_rows[_i].queued;
    hop.written = hop_rows[_i].written;
    hop.at_us = 1700000000000000;
    hop.written_first_us = 1699999999999500; /* a clock that is behind the router's */
    hop.written_last_us = 1700000000001250;
    event.router_at_us = 1700000000000000;
    event.sent_at_us = 1700000000000000;
    event.edges = 1;
    event.hops = hops;
    event.n_hops = 1;
    ctl_trace_hops(&event, &out);
    ck_assert_msg(strstr(text(), hop_rows[_i].wanted) != NULL, "%s", text());
    ck_assert_ptr_nonnull(strstr(text(), "clocks of their hosts"));
}
END_TEST

START_TEST(why_there_is_nothing_of_the_edges_is_told)
{
    Splitrail__Admin__Event event = SPLITRAIL__ADMIN__EVENT__INIT;
    event.router_at_us = 1700000000000000;
    event.edges = 1;
    ctl_trace_hops(&event, &out);
    ck_assert_ptr_nonnull(strstr(text(), "too old to tell"));
    buf_clear(&out);
    event.hops_skipped = true;
    ctl_trace_hops(&event, &out);
    ck_assert_ptr_nonnull(strstr(text(), "were not asked"));
    buf_clear(&out);
    event.router_at_us = 0; /* an older router */
    ctl_trace_hops(&event, &out);
    ck_assert_ptr_null(strstr(text(), "were not asked"));
}
END_TEST

START_TEST(a_plan_with_tls_and_rooms_counts_them)
{
    struct ctl_plan_load load = {.connections = 1000, .edge_connections = 50000};
    struct ctl_plan plain = ctl_plan_of(&load);
    load.tls = true;
    load.rooms_each = 10;
    struct ctl_plan plan = ctl_plan_of(&load);
    ck_assert_uint_eq(plan.edge_memory - plain.edge_memory, 1000 * (13111 + 10 * 60));
    ck_assert_uint_eq(plan.router_memory - plain.router_memory, 1000 * 10 * 100);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl_show");
    TCase *tcase = tcase_create("all");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, what_is_wrong_is_found_and_nothing_else, 0,
                        (int)(sizeof(verdicts) / sizeof(verdicts[0])));
    tcase_add_test(tcase, rates_are_those_between_two_looks);
    tcase_add_test(tcase, a_screen_is_never_larger_than_the_terminal);
    tcase_add_loop_test(tcase, titles_are_bold_and_troubles_red, 0,
                        (int)(sizeof(paintings) / sizeof(paintings[0])));
    tcase_add_test(tcase, completion_is_there_for_two_shells);
    tcase_add_loop_test(tcase, the_part_of_an_edge_is_told_in_words, 0,
                        (int)(sizeof(hop_rows) / sizeof(hop_rows[0])));
    tcase_add_test(tcase, why_there_is_nothing_of_the_edges_is_told);
    tcase_add_test(tcase, a_plan_with_tls_and_rooms_counts_them);
    tcase_add_loop_test(tcase, a_plan_has_edges_for_connections_and_for_work, 0,
                        (int)(sizeof(plans) / sizeof(plans[0])));
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
