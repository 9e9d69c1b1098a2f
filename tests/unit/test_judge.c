/* The judge is judged: a trace that is in order passes, and each way of breaking it is refused. */
#include "tests/judge/judge_book.h"
#include "tests/judge/judge_seats.h"
#include "tests/judge/judge_trace.h"
#include "tests/judge/judge_view.h"
#include "tests/support/check_main.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { SECOND_US = 1000000 };

/* Four clients in one room. 0 publishes; 2 loses its edge and recovers; 1 is told a gap and fills
 * it; 3 comes and goes with a goodbye. */
static const char good_trace[] = "0 size 4 4 2 1 2 1000000 3000000\n"
                                 "0 limit 5000 20000\n"
                                 "1 user 0 0\n"
                                 "1 user 1 1\n"
                                 "1 user 2 2\n"
                                 "1 user 3 3\n"
                                 "2 open 0 0\n"
                                 "2 open 1 1\n"
                                 "2 open 2 1\n"
                                 "2 open 3 0\n"
                                 "3 ask 0 0\n"
                                 "4 join 0 0 7 0 1 0 0 0\n"
                                 "5 ask 1 0\n"
                                 "5 joined 0 0 1\n"
                                 "6 join 1 0 7 0 1 0 0 0\n"
                                 "6 listed 1 0 0\n"
                                 "7 ask 2 0\n"
                                 "7 ask 3 0\n"
                                 "8 join 2 0 7 0 1 0 0 0\n"
                                 "8 join 3 0 7 0 1 0 0 0\n"
                                 "9 joined 0 0 2\n"
                                 "9 joined 0 0 3\n"
                                 "9 joined 1 0 2\n"
                                 "10 send 0 0 2\n"
                                 "11 msg 0 0 1 2\n"
                                 "11 msg 1 0 1 2\n"
                                 "11 msg 2 0 1 2\n"
                                 "11 msg 3 0 1 2\n"
                                 "12 ok 0 0 2 1 0\n"
                                 "12 control\n"
                                 "13 bye 3\n"
                                 "14 left 0 0 3\n"
                                 "15 close 3 1000 1\n"
                                 "15 done 3\n"
                                 "20 fault\n"
                                 "20 may_close 1 1006\n"
                                 "21 send 0 0 3\n"
                                 "22 msg 0 0 2 3\n"
                                 "22 msg 1 0 2 3\n"
                                 "23 close 2 1006 0\n"
                                 "24 ok 0 0 3 2 0\n"
                                 "1030 open 2 0\n"
                                 "1030 ask 2 0\n"
                                 "1031 join 2 0 7 2 1 1 7 1\n"
                                 "1031 listed 2 0 0\n"
                                 "1032 msg 2 0 2 3\n"
                                 "1033 must_stay 1\n"
                                 "1040 send 0 0 4\n"
                                 "1041 error 0 0 4\n"
                                 "1042 send 0 0 4\n"
                                 "1043 ok 0 0 4 3 0\n"
                                 "1043 msg 0 0 3 4\n"
                                 "1043 msg 1 0 3 4\n"
                                 "1043 msg 2 0 3 4\n"
                                 "1050 calm\n"
                                 "1051 send 0 0 5\n"
                                 "1052 ok 0 0 5 4 0\n"
                                 "1053 msg 0 0 4 5\n"
                                 "1053 gap 1 0 4 4\n"
                                 "1053 msg 2 0 4 5\n"
                                 "1054 fill 1 0 4 5\n"
                                 "1055 send 0 1 6\n"
                                 "1056 abandon 0 1 6\n"
                                 "1070 online 0 1\n"
                                 "1070 online 1 1\n"
                                 "1070 online 2 1\n"
                                 "1070 there 0 0\n"
                                 "1070 there 0 1\n"
                                 "1070 there 0 2\n"
                                 "1080 log 0 7 1 2\n"
                                 "1080 log 0 7 2 3\n"
                                 "1080 log 0 7 3 4\n"
                                 "1080 log 0 7 4 5\n"
                                 "1090 end\n";

/* `from` (there once) becomes `to`, and at least `rule` must be complained of. */
static const struct broken {
    enum judge_rule rule;
    const char *from;
    const char *to;
} broken_traces[] = {
    {JUDGE_AGAIN, "22 msg 1 0 2 3\n", "22 msg 1 0 2 3\n22 msg 1 0 2 3\n"},
    {JUDGE_LACKS, "11 msg 1 0 1 2\n", ""},
    {JUDGE_LACKS, "1032 msg 2 0 2 3\n", ""},
    {JUDGE_GAP, "gap 1 0 4 4", "gap 1 0 5 5"},
    {JUDGE_GAP, "gap 1 0 4 4", "gap 1 0 4 3"},
    {JUDGE_FILLED, "1054 fill 1 0 4 5\n", "1054 fill 1 0 4 5\n1054 fill 1 0 4 5\n"},
    {JUDGE_NO_MEMBER, "6 join 1 0 7 0 1 0 0 0\n", ""},
    {JUDGE_NO_MEMBER, "15 done 3\n", "15 done 3\n15 msg 3 0 2 3\n"},
    {JUDGE_EPOCH, "1031 join 2 0 7 2 1 1 7 1", "1031 join 2 0 8 2 1 0 7 1"},
    {JUDGE_EPOCH, "1050 calm", "1050 epoch 1 0 8 3"},
    {JUDGE_EPOCH, "1080 log 0 7 4 5", "1080 log 0 8 4 5"},
    {JUDGE_RECOVERED, "1031 join 2 0 7 2 1 1 7 1", "1031 join 2 0 7 2 3 1 7 1"},
    {JUDGE_NOT_RECOVERED, "1031 join 2 0 7 2 1 1 7 1", "1031 join 2 0 7 2 1 0 7 1"},
    {JUDGE_TWO_MESSAGES, "1032 msg 2 0 2 3", "1032 msg 2 0 2 2"},
    {JUDGE_TWO_OFFSETS, "1043 ok 0 0 4 3 0", "1043 ok 0 0 4 9 0"},
    {JUDGE_ACCEPTED_TWICE, "24 ok 0 0 3 2 0\n",
     "24 ok 0 0 3 2 0\n25 send 0 0 3\n26 ok 0 0 3 2 1\n"},
    {JUDGE_UNKNOWN, "1053 msg 2 0 4 5", "1053 msg 2 0 4 99"},
    {JUDGE_UNKNOWN, "1080 log 0 7 4 5\n", "1080 log 0 7 4 5\n1080 log 0 7 5 99\n"},
    {JUDGE_LOG_HOLE, "1080 log 0 7 2 3\n", ""},
    {JUDGE_LOG_TWICE, "1080 log 0 7 4 5\n", "1080 log 0 7 4 5\n1080 log 0 7 5 5\n"},
    {JUDGE_NOT_IN_LOG, "1080 log 0 7 4 5\n", ""},
    {JUDGE_NOT_IN_LOG, "1043 ok 0 0 4 3 0", "1043 ok 0 0 4 9 0"},
    {JUDGE_LOG_ORDER, "1080 log 0 7 1 2\n1080 log 0 7 2 3\n",
     "1080 log 0 7 1 3\n1080 log 0 7 2 2\n"},
    {JUDGE_NO_ANSWER, "1052 ok 0 0 5 4 0\n", ""},
    {JUDGE_NO_ANSWER, "1056 abandon 0 1 6\n", ""},
    {JUDGE_NOBODY_WAITS, "24 ok 0 0 3 2 0\n", "24 ok 0 0 3 2 0\n24 ok 0 0 3 2 0\n"},
    {JUDGE_NOBODY_WAITS, "3 ask 0 0\n", ""},
    {JUDGE_JOINED_TWICE, "9 joined 0 0 2\n", "9 joined 0 0 2\n9 joined 0 0 2\n"},
    {JUDGE_LEFT_TWICE, "14 left 0 0 3\n", "14 left 0 0 3\n14 left 0 0 3\n"},
    {JUDGE_JOINED_THERE, "1033 must_stay 1\n", "1033 must_stay 1\n1033 joined 0 0 2\n"},
    {JUDGE_LEFT_THERE, "24 ok 0 0 3 2 0\n", "24 ok 0 0 3 2 0\n25 left 0 0 2\n"},
    {JUDGE_LEFT_THERE, "13 bye 3\n", ""},
    {JUDGE_LEFT_THERE, "20 may_close 1 1006\n", "20 may_close 1 1006\n20 pause 1\n20 left 0 0 2\n"},
    {JUDGE_TOLD_WRONG, "14 left 0 0 3\n", ""},
    {JUDGE_GHOST, "1070 there 0 2\n", "1070 there 0 2\n1070 there 0 3\n"},
    {JUDGE_GHOST, "1070 online 2 1\n", "1070 online 2 2\n"},
    {JUDGE_NOT_LISTED, "1070 there 0 1\n", ""},
    {JUDGE_NOT_LISTED, "1070 online 1 1\n", ""},
    {JUDGE_CLOSED, "20 may_close 1 1006", "20 may_close 1 1012"},
    {JUDGE_CLOSED, "20 may_close 1 1006", "20 may_close 0 1006"},
    {JUDGE_CLOSED, "20 may_close 1 1006\n", "20 may_close 1 1006\n20 must_stay 1\n"},
    {JUDGE_NOT_BACK, "15 done 3\n", ""},
    {JUDGE_BEHIND, "1054 fill 1 0 4 5\n", ""},
    {JUDGE_BEHIND, "1053 msg 2 0 4 5\n", ""},
    {JUDGE_PAUSE_MEDIAN, "limit 5000 20000", "limit 1 20000"},
    {JUDGE_PAUSE_WORST, "limit 5000 20000", "limit 5000 5"},
    {JUDGE_BAD_LINE, "1050 calm", "1050 calmness"},
    {JUDGE_BAD_LINE, "1050 calm", "calm"},
    {JUDGE_BAD_LINE, "1050 calm", "50 calm"},
    {JUDGE_BAD_LINE, "1050 calm", "1050 calm 1"},
    {JUDGE_BAD_LINE, "1070 there 0 2\n", "1070 there 0 4\n"},
    {JUDGE_BAD_LINE, "1070 there 0 2\n", "1070 there 0\n"},
    {JUDGE_BAD_LINE, "1070 there 0 2\n", "1070 there 0 99999999999999999999\n"},
    {JUDGE_BAD_LINE, "0 size 4 4 2 1 2 1000000 3000000\n",
     "0 size 4 99999999 99999999 1 2 1000000 3000000\n"},
    {JUDGE_BAD_LINE, "1090 end\n", "1090 end\n1091 calm\n"},
    {JUDGE_CUT_SHORT, "1090 end\n", ""},
};

static struct judge_counts judged(const char *trace)
{
    struct judge *judge = judge_new();
    while (*trace != 0) {
        const char *end = strchr(trace, '\n');
        judge_line(judge, bytes_of(trace, (size_t)(end - trace)));
        trace = end + 1;
    }
    struct judge_counts counts;
    judge_finish(judge, &counts);
    judge_free(&judge);
    return counts;
}

static struct judge_counts judged_with(const char *from, const char *to)
{
    const char *at = strstr(good_trace, from);
    ck_assert_ptr_nonnull(at);
    ck_assert_ptr_null(strstr(at + 1, from));
    char *trace = calloc(1, sizeof(good_trace) + strlen(to));
    size_t before = (size_t)(at - good_trace);
    memcpy(trace, good_trace, before);
    memcpy(trace + before, to, strlen(to));
    strcpy(trace + before + strlen(to), at + strlen(from));
    struct judge_counts counts = judged(trace);
    free(trace);
    return counts;
}

START_TEST(a_trace_that_is_in_order_passes_and_is_counted)
{
    struct judge_counts counts = judged(good_trace);
    ck_assert_uint_eq(counts.complaints, 0);
    ck_assert_uint_eq(counts.sent, 5);
    ck_assert_uint_eq(counts.ok, 4);
    ck_assert_uint_eq(counts.repeated, 1);
    ck_assert_uint_eq(counts.abandoned, 1);
    ck_assert_uint_eq(counts.delivered, 12);
    ck_assert_uint_eq(counts.filled, 1);
    ck_assert_uint_eq(counts.closed, 1);
    ck_assert_uint_eq(counts.left, 1);
    ck_assert_uint_eq(counts.logged, 4);
    ck_assert_uint_eq(counts.control.count, 3); /* not the one that left */
    ck_assert_uint_eq(counts.control.worst, 9);
    ck_assert_uint_eq(counts.pause.count, 3);
    ck_assert_uint_eq(counts.pause.worst, 1021);
}
END_TEST

START_TEST(a_trace_that_is_broken_is_refused_for_that)
{
    const struct broken *row = &broken_traces[_i];
    struct judge_counts counts = judged_with(row->from, row->to);
    ck_assert_msg(counts.broken[row->rule] != 0, "not seen: %s", judge_rule_text(row->rule));
}
END_TEST

START_TEST(every_rule_of_a_trace_has_a_trace_that_breaks_it)
{
    for (size_t rule = 1; rule < JUDGE_RULES; rule++) {
        bool found = rule == JUDGE_REPEATED || rule == JUDGE_NOTHING; /* tests of their own */
        for (size_t i = 0; i < sizeof(broken_traces) / sizeof(broken_traces[0]); i++) {
            found = found || broken_traces[i].rule == rule;
        }
        ck_assert_msg(found, "no trace breaks: %s", judge_rule_text((enum judge_rule)rule));
    }
}
END_TEST

START_TEST(a_trace_without_deliveries_is_refused)
{
    struct judge_counts counts = judged("0 size 1 1 1 1 1 1 1\n1 end\n");
    ck_assert_uint_eq(counts.broken[JUDGE_NOTHING], 1);
}
END_TEST

START_TEST(leaving_is_told_after_the_grace_or_when_the_edge_stood_still_so_long)
{
    ck_assert_uint_eq(judged_with("24 ok 0 0 3 2 0\n1030 open 2 0\n",
                                  "24 ok 0 0 3 2 0\n1000023 left 0 0 2\n1000024 open 2 0\n")
                          .broken[JUDGE_LEFT_THERE],
                      0);
    ck_assert_uint_eq(judged_with("23 close 2 1006 0\n24 ok 0 0 3 2 0\n1030 open 2 0\n",
                                  "23 pause 1\n24 ok 0 0 3 2 0\n4000023 left 0 0 2\n"
                                  "4000024 resume 1\n4000025 close 2 1006 0\n4000026 open 2 0\n")
                          .broken[JUDGE_LEFT_THERE],
                      0);
    ck_assert_uint_eq(judged_with("23 close 2 1006 0\n24 ok 0 0 3 2 0\n1030 open 2 0\n",
                                  "23 pause 1\n24 ok 0 0 3 2 0\n3999999 left 0 0 2\n"
                                  "4000024 resume 1\n4000025 close 2 1006 0\n4000026 open 2 0\n")
                          .broken[JUDGE_LEFT_THERE],
                      1);
}
END_TEST

START_TEST(a_socket_closed_is_excused_for_one_client_alone)
{
    ck_assert_uint_eq(
        judged_with("20 may_close 1 1006\n", "20 excuse 2 1006\n").broken[JUDGE_CLOSED], 0);
    ck_assert_uint_eq(
        judged_with("20 may_close 1 1006\n", "20 excuse 1 1006\n").broken[JUDGE_CLOSED], 1);
}
END_TEST

START_TEST(whom_only_a_dead_router_knew_is_not_told)
{
    ck_assert_uint_eq(
        judged_with("14 left 0 0 3\n15 close 3 1000 1\n", "15 close 3 1000 1\n15 router_died\n")
            .complaints,
        0);
}
END_TEST

START_TEST(a_later_router_must_not_repeat_what_was_accepted_where_nothing_is_kept)
{
    const struct judge_place first = {.log = 1, .life = 1, .epoch = 5, .offset = 1};
    const struct judge_place later = {.log = 1, .life = 2, .epoch = 6, .offset = 1};
    for (int kept = 0; kept <= 1; kept++) {
        struct judge_book *book = judge_book_new(kept);
        ck_assert_int_eq(judge_book_seen(book, &first, 9), JUDGE_HOLDS);
        ck_assert_int_eq(judge_book_accepted(book, 1, 9), JUDGE_HOLDS);
        ck_assert_int_eq(judge_book_seen(book, &later, 9), kept ? JUDGE_HOLDS : JUDGE_REPEATED);
        ck_assert_uint_eq(judge_book_at(book, 1, 5, 1), 9);
        ck_assert_uint_eq(judge_book_at(book, 1, 7, 1), 0);
        judge_book_free(&book);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("judge");
    TCase *tcase = tcase_create("judge");
    tcase_add_test(tcase, a_trace_that_is_in_order_passes_and_is_counted);
    tcase_add_loop_test(tcase, a_trace_that_is_broken_is_refused_for_that, 0,
                        (int)(sizeof(broken_traces) / sizeof(broken_traces[0])));
    tcase_add_test(tcase, every_rule_of_a_trace_has_a_trace_that_breaks_it);
    tcase_add_test(tcase, a_trace_without_deliveries_is_refused);
    tcase_add_test(tcase, leaving_is_told_after_the_grace_or_when_the_edge_stood_still_so_long);
    tcase_add_test(tcase, a_socket_closed_is_excused_for_one_client_alone);
    tcase_add_test(tcase, whom_only_a_dead_router_knew_is_not_told);
    tcase_add_test(tcase, a_later_router_must_not_repeat_what_was_accepted_where_nothing_is_kept);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
