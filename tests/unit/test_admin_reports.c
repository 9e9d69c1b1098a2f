/* What an operator is told of what edges report: the waiting, its end, and answers that are none.
 */
#include "common/log.h"
#include "proto/admin.pb-c.h"
#include "proto/arena.h"
#include "proto/pb_bytes.h"
#include "proto/plane_reports.h"
#include "tests/support/admin_rig.h"
#include "tests/support/check_main.h"

#include <string.h>

#define ASK(name) SPLITRAIL__ADMIN__REQUEST__ASK_##name

/* The first question of the rig's router, whose incarnation is 7. */
static const uint64_t FIRST = (UINT64_C(7) << 32) + 1;

static struct admin_rig rig;
static struct arena arena;

static void setup(void)
{
    log_configure(false, LOG_ERROR);
    admin_rig_init_with(&rig, PLANE_FEATURE_REPORTS);
    arena_init(&arena, 1 << 24);
}

static void teardown(void)
{
    admin_rig_fini(&rig);
    arena_fini(&arena);
}

static Splitrail__Admin__Reply *read_reply(void)
{
    arena_reset(&arena);
    Splitrail__Admin__Reply *reply =
        splitrail__admin__reply__unpack(&arena.allocator, rig.reply.len, rig.reply.data);
    ck_assert_ptr_nonnull(reply);
    return reply;
}

static void ask(Splitrail__Admin__Request *request, uint64_t id)
{
    struct buf bytes;
    buf_init(&bytes, 0);
    request->version = ADMIN_VERSION;
    request->id = id;
    pb_append(&request->base, &bytes);
    admin_rig_ask(&rig, buf_bytes(&bytes));
    buf_fini(&bytes);
}

static void explain(char *user, uint64_t id)
{
    Splitrail__Admin__Request request = SPLITRAIL__ADMIN__REQUEST__INIT;
    Splitrail__Admin__Explain asked = SPLITRAIL__ADMIN__EXPLAIN__INIT;
    asked.user = user;
    asked.room = (char *)(uintptr_t) "tea";
    request.ask_case = ASK(EXPLAIN);
    request.explain = &asked;
    ask(&request, id);
}

static void tell_state(uint64_t question, uint32_t slot, const struct plane_conn_state *state)
{
    struct buf bytes;
    buf_init(&bytes, 0);
    if (state != NULL) {
        plane_conn_state_write(state, &bytes);
    }
    admin_rig_say(&rig, &(struct plane_op){.kind = OP_CONN_STATE,
                                           .slot = slot,
                                           .gen = 1,
                                           .a = question,
                                           .bytes = buf_bytes(&bytes)});
    buf_fini(&bytes);
}

static void flush_at(uint64_t now_ms)
{
    rig.now_ms = now_ms;
    admin_flush(rig.admin, now_ms, ADMIN_RIG_WALL_MS);
}

START_TEST(explain_waits_until_every_edge_has_told)
{
    const struct plane_conn_state state = {
        .queued_bytes = 77, .over_soft_ms = 5, .paused = PLANE_PAUSED_OUTPUT, .in_group = true};
    explain((char *)(uintptr_t) "user_alice", 3);
    ck_assert_uint_eq(rig.reply_count, 0);
    tell_state(FIRST, 0, &state);
    ck_assert_uint_eq(rig.reply_count, 0);
    rig.now_ms += 20;
    tell_state(FIRST + 1, 1, NULL);
    ck_assert_uint_eq(rig.reply_count, 1);
    const Splitrail__Admin__Reply *reply = read_reply();
    ck_assert_uint_eq(reply->id, 3);
    ck_assert_uint_eq(reply->explanation->n_conns, 2);
    size_t open = 0;
    for (size_t i = 0; i < 2; i++) {
        const Splitrail__Admin__EdgeView *view = reply->explanation->conns[i]->view;
        ck_assert_ptr_nonnull(view);
        ck_assert_str_eq(reply->explanation->conns[i]->unseen, "");
        open += view->open ? 1 : 0;
        if (view->open) {
            ck_assert_uint_eq(view->queued_bytes, 77);
            ck_assert_uint_eq(view->n_paused, 1);
            ck_assert_str_eq(view->paused[0], "reads slowly");
        } else {
            ck_assert_uint_eq(view->took_ms, 20);
        }
    }
    ck_assert_uint_eq(open, 1);
    flush_at(5000);
    ck_assert_uint_eq(rig.reply_count, 1);
}
END_TEST

START_TEST(explain_says_which_edge_has_not_told_after_a_second)
{
    explain((char *)(uintptr_t) "user_bob", 3);
    ck_assert_uint_eq(admin_deadline(rig.admin), 2000);
    flush_at(1999);
    ck_assert_uint_eq(rig.reply_count, 0);
    flush_at(2000);
    ck_assert_uint_eq(rig.reply_count, 1);
    const Splitrail__Admin__ExplainedConn *conn = read_reply()->explanation->conns[0];
    ck_assert_ptr_null(conn->view);
    ck_assert_ptr_nonnull(strstr(conn->unseen, "did not answer"));
    ck_assert_uint_eq(admin_deadline(rig.admin), UINT64_MAX);
    tell_state(FIRST, 2, NULL); /* too late: nobody is answered twice */
    ck_assert_uint_eq(rig.reply_count, 1);
}
END_TEST

START_TEST(an_answer_about_somebody_else_is_none)
{
    explain((char *)(uintptr_t) "user_bob", 3);
    tell_state(FIRST, 1, NULL);
    tell_state(FIRST + 9, 2, NULL);
    ck_assert_uint_eq(rig.reply_count, 0);
    tell_state(FIRST, 2, NULL);
    ck_assert_uint_eq(rig.reply_count, 1);
}
END_TEST

START_TEST(only_so_many_wait_and_the_others_are_answered_at_once)
{
    for (uint64_t i = 0; i < ADMIN_INQUIRIES_MAX; i++) {
        explain((char *)(uintptr_t) "user_bob", 10 + i);
    }
    ck_assert_uint_eq(rig.reply_count, 0);
    explain((char *)(uintptr_t) "user_bob", 99);
    ck_assert_uint_eq(rig.reply_count, 1);
    const Splitrail__Admin__Reply *reply = read_reply();
    ck_assert_uint_eq(reply->id, 99);
    ck_assert_ptr_nonnull(strstr(reply->explanation->conns[0]->unseen, "not asked"));
    flush_at(2000);
    ck_assert_uint_eq(rig.reply_count, 1 + ADMIN_INQUIRIES_MAX);
}
END_TEST

/* ---- the way of messages ---- */

static void trace_room(bool hops)
{
    Splitrail__Admin__Request request = SPLITRAIL__ADMIN__REQUEST__INIT;
    Splitrail__Admin__Watch asked = SPLITRAIL__ADMIN__WATCH__INIT;
    asked.room = (char *)(uintptr_t) "tea";
    asked.messages = true;
    asked.hops = hops;
    request.ask_case = ASK(WATCH);
    request.watch = &asked;
    ask(&request, 9);
}

static void publish(void)
{
    Splitrail__Admin__Request request = SPLITRAIL__ADMIN__REQUEST__INIT;
    Splitrail__Admin__Publish asked = SPLITRAIL__ADMIN__PUBLISH__INIT;
    asked.room = (char *)(uintptr_t) "tea";
    asked.payload = pb_binary(BYTES_LIT("1"));
    request.ask_case = ASK(PUBLISH);
    request.publish = &asked;
    ask(&request, 5);
}

static void tell_hop(uint64_t question, const struct plane_hop *hop)
{
    struct buf bytes;
    buf_init(&bytes, 0);
    plane_hop_write(hop, &bytes);
    admin_rig_say(&rig,
                  &(struct plane_op){.kind = OP_TRACED, .a = question, .bytes = buf_bytes(&bytes)});
    buf_fini(&bytes);
}

START_TEST(who_traces_hears_of_a_message_when_its_edge_has_told)
{
    trace_room(true);
    publish();
    uint64_t before = rig.reply_count;
    flush_at(1001);
    ck_assert_uint_eq(rig.reply_count, before);
    tell_hop(FIRST, &(struct plane_hop){.began_us = 1000,
                                        .queued = 3,
                                        .written = 2,
                                        .queued_last_us = 4,
                                        .written_last_us = 9});
    flush_at(1002);
    ck_assert_uint_eq(rig.reply_count, before + 1);
    const Splitrail__Admin__Reply *reply = read_reply();
    ck_assert_uint_eq(reply->n_events, 1);
    const Splitrail__Admin__Event *event = reply->events[0];
    ck_assert_uint_eq(event->message->payload.len, 0);
    ck_assert_uint_eq(event->n_hops, 1);
    ck_assert(!event->hops_open && !event->hops_skipped);
    ck_assert_str_eq(event->hops[0]->edge, "e1");
    ck_assert_uint_eq(event->hops[0]->written, 2);
    ck_assert_uint_eq(event->hops[0]->written_last_us, 1009);
    flush_at(9000);
    ck_assert_uint_eq(rig.reply_count, before + 1);
}
END_TEST

START_TEST(who_traces_hears_of_it_without_an_edge_that_does_not_tell)
{
    trace_room(true);
    publish();
    uint64_t before = rig.reply_count;
    flush_at(2999);
    ck_assert_uint_eq(rig.reply_count, before);
    ck_assert_uint_eq(admin_deadline(rig.admin), 3000);
    flush_at(3000);
    ck_assert_uint_eq(rig.reply_count, before + 1);
    const Splitrail__Admin__Event *event = read_reply()->events[0];
    ck_assert_uint_eq(event->n_hops, 1);
    ck_assert(!event->hops[0]->told && !event->hops_open);
}
END_TEST

START_TEST(who_tails_hears_of_it_at_once)
{
    trace_room(false);
    publish();
    uint64_t before = rig.reply_count;
    flush_at(1001);
    ck_assert_uint_eq(rig.reply_count, before + 1);
    ck_assert_uint_eq(read_reply()->events[0]->message->payload.len, 1);
}
END_TEST

static const Splitrail__Admin__Event *trace_message(void)
{
    Splitrail__Admin__Request request = SPLITRAIL__ADMIN__REQUEST__INIT;
    Splitrail__Admin__Trace asked = SPLITRAIL__ADMIN__TRACE__INIT;
    asked.room = (char *)(uintptr_t) "tea";
    asked.offset = 1;
    request.ask_case = ASK(TRACE);
    request.trace = &asked;
    ask(&request, 6);
    const Splitrail__Admin__Reply *reply = read_reply();
    ck_assert_uint_eq(reply->n_events, 1);
    return reply->events[0];
}

START_TEST(the_way_of_a_message_says_what_is_still_to_come)
{
    trace_room(false);
    publish();
    ck_assert(trace_message()->hops_open);
    tell_hop(FIRST + 5, &(struct plane_hop){.queued = 1}); /* of no message of ours */
    ck_assert(trace_message()->hops_open);
    tell_hop(FIRST, &(struct plane_hop){.queued = 3, .written = 3});
    const Splitrail__Admin__Event *event = trace_message();
    ck_assert(!event->hops_open);
    ck_assert_uint_eq(event->hops[0]->queued, 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("admin_reports");
    TCase *tcase = tcase_create("all");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, explain_waits_until_every_edge_has_told);
    tcase_add_test(tcase, explain_says_which_edge_has_not_told_after_a_second);
    tcase_add_test(tcase, an_answer_about_somebody_else_is_none);
    tcase_add_test(tcase, only_so_many_wait_and_the_others_are_answered_at_once);
    tcase_add_test(tcase, who_traces_hears_of_a_message_when_its_edge_has_told);
    tcase_add_test(tcase, who_traces_hears_of_it_without_an_edge_that_does_not_tell);
    tcase_add_test(tcase, who_tails_hears_of_it_at_once);
    tcase_add_test(tcase, the_way_of_a_message_says_what_is_still_to_come);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
