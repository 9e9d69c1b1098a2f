/* common/link: the session between the planes. */
#include "common/link.h"
#include "common/mem.h"
#include "tests/support/check_main.h"
#include "tests/support/rng.h"

static const struct link_timing timing = {.heartbeat_ms = 500, .suspect_ms = 1500, .dead_ms = 3000};

static void up(struct link *link, uint64_t window, uint64_t now_ms)
{
    struct link_queue old;
    link_init(link, &timing, 1000, now_ms);
    link_start_fresh(link, window, now_ms, &old);
    link_queue_fini(&old);
}

static void push(struct link *link, size_t len, uint64_t tag)
{
    link_push(link, spares_take(NULL, len), len, tag);
}

/* Sends all that may go; how many went. */
static size_t send_all(struct link *link, uint64_t now_ms)
{
    uint64_t seq = 0;
    uint64_t ack = 0;
    struct bytes body;
    size_t count = 0;
    while (link_next(link, &seq, &ack, &body)) {
        link_sent(link, now_ms);
        count++;
    }
    return count;
}

START_TEST(nothing_goes_while_the_link_is_down)
{
    struct link link;
    uint64_t seq = 0;
    uint64_t ack = 0;
    struct bytes body;
    link_init(&link, &timing, 1000, 0);
    push(&link, 10, 1);
    ck_assert(!link_next(&link, &seq, &ack, &body));
    ck_assert_uint_eq(link_deadline(&link), UINT64_MAX);
    link_fini(&link);
}
END_TEST

START_TEST(frames_are_numbered_from_one_without_holes)
{
    struct link link;
    uint64_t seq = 0;
    uint64_t ack = 0;
    struct bytes body;
    up(&link, 1000, 0);
    push(&link, 10, 1);
    push(&link, 20, 2);
    ck_assert(link_next(&link, &seq, &ack, &body));
    ck_assert_uint_eq(seq, 1);
    ck_assert_uint_eq(body.len, 10);
    link_sent(&link, 0);
    ck_assert(link_next(&link, &seq, &ack, &body));
    ck_assert_uint_eq(seq, 2);
    ck_assert_uint_eq(body.len, 20);
    link_fini(&link);
}
END_TEST

START_TEST(credit_stops_sending_until_something_is_finished)
{
    struct link link;
    up(&link, 100, 0);
    push(&link, 60, 1);
    push(&link, 60, 2);
    ck_assert_uint_eq(send_all(&link, 0), 1);
    ck_assert_int_eq(link_receive(&link, 0, 0, 1, 0, 1), LINK_FRAME_CONTROL);
    ck_assert_uint_eq(send_all(&link, 1), 1);
    ck_assert_uint_eq(link.acked_tag, 1);
    link_fini(&link);
}
END_TEST

START_TEST(a_body_above_the_whole_credit_travels_alone)
{
    struct link link;
    up(&link, 100, 0);
    push(&link, 500, 1);
    push(&link, 1, 2);
    ck_assert_uint_eq(send_all(&link, 0), 1);
    ck_assert_int_eq(link_receive(&link, 0, 0, 1, 0, 1), LINK_FRAME_CONTROL);
    ck_assert_uint_eq(send_all(&link, 1), 1);
    link_fini(&link);
}
END_TEST

START_TEST(an_acknowledgement_of_what_was_never_sent_is_impossible)
{
    struct link link;
    up(&link, 1000, 0);
    push(&link, 10, 1);
    ck_assert_int_eq(link_receive(&link, 0, 0, 1, 0, 1), LINK_FRAME_IMPOSSIBLE);
    send_all(&link, 1);
    ck_assert_int_eq(link_receive(&link, 0, 0, 2, 0, 1), LINK_FRAME_IMPOSSIBLE);
    ck_assert_int_eq(link_receive(&link, 0, 0, 1, 0, 1), LINK_FRAME_CONTROL);
    link_fini(&link);
}
END_TEST

START_TEST(repeated_frames_and_holes_are_told_apart)
{
    struct link link;
    up(&link, 1000, 0);
    ck_assert_int_eq(link_receive(&link, 1, 0, 0, 10, 1), LINK_FRAME_NEW);
    ck_assert_int_eq(link_receive(&link, 1, 0, 0, 10, 1), LINK_FRAME_REPEATED);
    ck_assert_int_eq(link_receive(&link, 3, 0, 0, 10, 1), LINK_FRAME_HOLE);
    ck_assert_int_eq(link_receive(&link, 2, 0, 0, 10, 1), LINK_FRAME_NEW);
    link_fini(&link);
}
END_TEST

START_TEST(a_heartbeat_tells_of_a_lost_last_frame_and_its_acknowledgement_is_not_taken)
{
    struct link link;
    up(&link, 1000, 0);
    push(&link, 10, 1);
    send_all(&link, 0);
    ck_assert_int_eq(link_receive(&link, 0, 1, 1, 0, 1), LINK_FRAME_HOLE);
    ck_assert_uint_eq(link.acked_tag, 0);
    ck_assert_int_eq(link_receive(&link, 1, 0, 1, 10, 1), LINK_FRAME_NEW);
    ck_assert_uint_eq(link.acked_tag, 1);
    ck_assert_int_eq(link_receive(&link, 0, 1, 1, 0, 1), LINK_FRAME_CONTROL);
    link_fini(&link);
}
END_TEST

START_TEST(an_acknowledgement_never_overtakes_the_answers_that_wait_for_credit)
{
    struct link link;
    uint64_t seq = 0;
    uint64_t ack = 0;
    struct bytes body;
    up(&link, 100, 0);
    link.answers = true;
    link_receive(&link, 1, 0, 0, 10, 1);
    link_finish(&link, 1);
    push(&link, 90, 1); /* the answer to 1 */
    link_receive(&link, 2, 0, 0, 10, 1);
    link_finish(&link, 2);
    push(&link, 90, 2); /* the answer to 2 */
    ck_assert(link_next(&link, &seq, &ack, &body));
    ck_assert_uint_eq(ack, 1);
    link_sent(&link, 1);
    ck_assert(!link_next(&link, &seq, &ack, &body));
    ck_assert_uint_eq(link_control_ack(&link), 1);
    ck_assert_int_eq(link_receive(&link, 0, 2, 1, 0, 2), LINK_FRAME_CONTROL);
    ck_assert(link_next(&link, &seq, &ack, &body));
    ck_assert_uint_eq(ack, 2);
    link_sent(&link, 2);
    ck_assert_uint_eq(link_control_ack(&link), 2);
    link_fini(&link);
}
END_TEST

START_TEST(an_acknowledgement_does_not_overtake_answers_that_are_to_be_sent_again)
{
    struct link link;
    up(&link, 1000, 0);
    link.answers = true;
    link_receive(&link, 1, 0, 0, 10, 1);
    link_finish(&link, 1);
    push(&link, 90, 1); /* the answer to 1, lost on its way */
    ck_assert_uint_eq(send_all(&link, 1), 1);
    ck_assert(link_resume(&link, 1000, 0, 2));
    /* The transport takes no data yet; a beat or a hold goes first. */
    ck_assert_uint_eq(link_sent_seq(&link), 0);
    ck_assert_uint_eq(link_control_ack(&link), 0);
    ck_assert_uint_eq(send_all(&link, 3), 1);
    ck_assert_uint_eq(link_control_ack(&link), 1);
    link_fini(&link);
}
END_TEST

START_TEST(resuming_sends_again_exactly_what_the_other_side_lacks)
{
    struct link link;
    uint64_t seq = 0;
    uint64_t ack = 0;
    struct bytes body;
    up(&link, 1000, 0);
    for (uint64_t tag = 1; tag <= 5; tag++) {
        push(&link, tag, tag);
    }
    send_all(&link, 0);
    link_receive(&link, 0, 0, 1, 0, 1);
    link_break(&link, LINK_DOWN);
    ck_assert(link_resume(&link, 1000, 3, 2));
    ck_assert(link_next(&link, &seq, &ack, &body));
    ck_assert_uint_eq(seq, 4);
    ck_assert_uint_eq(body.len, 4);
    ck_assert_uint_eq(link.sent_bytes, 2 + 3); /* received, not finished */
    ck_assert_uint_eq(link.queued_bytes, 4 + 5);
    link_fini(&link);
}
END_TEST

START_TEST(resuming_with_numbers_that_cannot_be_is_refused)
{
    struct link link;
    up(&link, 1000, 0);
    push(&link, 1, 1);
    push(&link, 1, 2);
    send_all(&link, 0);
    link_receive(&link, 0, 0, 1, 0, 1);
    link_break(&link, LINK_DOWN);
    ck_assert(!link_resume(&link, 1000, 0, 2)); /* 1 is finished and no longer kept */
    ck_assert(!link_resume(&link, 1000, 3, 2)); /* 3 was never sent */
    ck_assert(!link_resume(&link, 1000, UINT64_MAX, 2));
    ck_assert(link_resume(&link, 1000, 2, 2));
    link_fini(&link);
}
END_TEST

START_TEST(a_fresh_start_gives_back_what_is_not_finished_in_order)
{
    struct link link;
    struct link_queue old;
    struct link_entry entry;
    up(&link, 3, 0);
    for (uint64_t tag = 1; tag <= 3; tag++) {
        push(&link, 2, tag);
    }
    ck_assert_uint_eq(send_all(&link, 0), 1);
    link_break(&link, LINK_DEAD);
    link_start_fresh(&link, 1000, 10, &old);
    for (uint64_t tag = 1; tag <= 3; tag++) {
        ck_assert(link_queue_pop(&old, &entry));
        ck_assert_uint_eq(entry.tag, tag);
        link_push(&link, entry.body, entry.len, entry.tag);
    }
    ck_assert(!link_queue_pop(&old, &entry));
    link_queue_fini(&old);
    ck_assert_uint_eq(send_all(&link, 10), 3);
    ck_assert_uint_eq(link.first_seq, 1);
    link_fini(&link);
}
END_TEST

START_TEST(silence_makes_suspect_then_dead_and_any_frame_makes_up_again)
{
    struct link link;
    uint64_t now = 0;
    up(&link, 1000, now);
    enum link_tick tick = LINK_TICK_NOTHING;
    for (; now < 1500; now += 100) {
        tick = link_tick(&link, now);
        ck_assert(tick == LINK_TICK_NOTHING || tick == LINK_TICK_SPEAK);
        link_spoke(&link, now);
    }
    ck_assert_int_eq(link_tick(&link, 1500), LINK_TICK_SUSPECT);
    link_receive(&link, 0, 0, 0, 0, 1600);
    ck_assert_int_eq(link.phase, LINK_UP);
    for (now = 1600; now < 4600; now += 100) {
        ck_assert_int_ne(link_tick(&link, now), LINK_TICK_DEAD);
        link_spoke(&link, now);
    }
    ck_assert_int_eq(link_tick(&link, 4600), LINK_TICK_DEAD);
    ck_assert_int_eq(link_tick(&link, 4700), LINK_TICK_NOTHING);
    link_fini(&link);
}
END_TEST

START_TEST(our_own_stall_is_not_the_other_sides_silence)
{
    struct link link;
    up(&link, 1000, 0);
    link_tick(&link, 100);
    ck_assert_int_ne(link_tick(&link, 60000), LINK_TICK_DEAD);
    ck_assert_int_eq(link.phase, LINK_UP);
    link_fini(&link);
}
END_TEST

START_TEST(a_heartbeat_is_due_after_our_own_silence)
{
    struct link link;
    up(&link, 1000, 0);
    ck_assert_int_eq(link_tick(&link, 499), LINK_TICK_NOTHING);
    ck_assert_int_eq(link_tick(&link, 500), LINK_TICK_SPEAK);
    link_spoke(&link, 500);
    ck_assert_int_eq(link_tick(&link, 501), LINK_TICK_NOTHING);
    ck_assert_uint_le(link_deadline(&link), 1000);
    link_fini(&link);
}
END_TEST

START_TEST(an_acknowledgement_is_told_early_when_much_was_received)
{
    struct link link;
    up(&link, 1000, 0); /* own credit 1000 */
    link_receive(&link, 1, 0, 0, 200, 10);
    link_finish(&link, 1);
    ck_assert_int_eq(link_tick(&link, 11), LINK_TICK_NOTHING);
    link_receive(&link, 2, 0, 0, 100, 12);
    ck_assert_int_eq(link_tick(&link, 12), LINK_TICK_SPEAK);
    link_fini(&link);
}
END_TEST

START_TEST(an_acknowledgement_that_is_due_early_is_a_deadline)
{
    struct link link;
    up(&link, 1000, 0);
    ck_assert_uint_gt(link_deadline(&link), 20);
    link_receive(&link, 1, 0, 0, 300, 20);
    link_finish(&link, 1);
    ck_assert_uint_le(link_deadline(&link), 20);
    ck_assert_int_eq(link_tick(&link, 20), LINK_TICK_SPEAK);
    link_spoke(&link, 20);
    ck_assert_uint_gt(link_deadline(&link), 20);
    link_fini(&link);
}
END_TEST

START_TEST(an_acknowledgement_that_waits_for_credit_is_no_deadline)
{
    struct link link;
    up(&link, 100, 0);
    link.answers = true;
    push(&link, 90, 1);
    push(&link, 90, 2);
    (void)send_all(&link, 1);
    link_receive(&link, 1, 0, 0, 300, 20);
    link_finish(&link, 1);
    ck_assert_uint_gt(link_deadline(&link), 20);
    ck_assert_int_eq(link_tick(&link, 20), LINK_TICK_NOTHING);
    link_fini(&link);
}
END_TEST

START_TEST(two_ends_that_are_both_out_of_credit_do_not_wait_for_each_other)
{
    struct link router;
    struct link edge;
    up(&router, 100, 0);
    up(&edge, 100, 0);
    router.answers = true;
    for (uint64_t i = 1; i <= 2; i++) {
        push(&router, 90, i);
        push(&edge, 90, i);
    }
    ck_assert_uint_eq(send_all(&router, 1), 1);
    ck_assert_uint_eq(send_all(&edge, 1), 1);
    link_receive(&edge, 1, 0, 0, 90, 2);
    link_receive(&router, 1, 0, 0, 90, 2);
    link_finish(&edge, 1);
    link_finish(&router, 1);
    link_receive(&router, 0, 1, link_control_ack(&edge), 0, 3);
    ck_assert_uint_eq(send_all(&router, 3), 1);
    link_receive(&edge, 0, 1, link_control_ack(&router), 0, 4);
    ck_assert_uint_eq(send_all(&edge, 4), 1);
    link_fini(&router);
    link_fini(&edge);
}
END_TEST

/* Two ends over a transport that loses, and breaks: all arrives once and in order. */
START_TEST(two_ends_lose_nothing_and_repeat_nothing_over_a_bad_transport)
{
    struct rng rng = {(uint64_t)_i + 1};
    struct link a;
    struct link b;
    uint64_t now = 0;
    uint64_t pushed = 0;
    uint64_t got = 0;
    up(&a, 64, now);
    up(&b, 64, now);
    bool broken = false;
    while (got < 500) {
        now += 10;
        if (pushed < 500 && rng_below(&rng, 2) == 0) {
            push(&a, 1 + rng_below(&rng, 20), ++pushed);
        }
        uint64_t seq = 0;
        uint64_t ack = 0;
        struct bytes body;
        while (!broken && link_next(&a, &seq, &ack, &body)) {
            size_t len = body.len;
            link_sent(&a, now);
            if (rng_below(&rng, 10) == 0) {
                continue; /* lost */
            }
            enum link_verdict verdict = link_receive(&b, seq, 0, 0, len, now);
            ck_assert(verdict == LINK_FRAME_NEW || verdict == LINK_FRAME_HOLE);
            got += verdict == LINK_FRAME_NEW;
            broken = verdict == LINK_FRAME_HOLE;
        }
        if (rng_below(&rng, 3) == 0) {
            link_finish(&b, b.received);
            if (!broken) {
                ck_assert_int_eq(link_receive(&a, 0, 0, link_control_ack(&b), 0, now),
                                 LINK_FRAME_CONTROL);
            }
        }
        if (broken || rng_below(&rng, 20) == 0) {
            link_break(&a, LINK_DOWN);
            ck_assert(link_resume(&a, 64, b.received, now));
            broken = false;
        }
        ck_assert_uint_eq(b.received, got);
    }
    ck_assert_uint_eq(pushed, 500);
    link_fini(&a);
    link_fini(&b);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("link");
    TCase *tcase = tcase_create("link");
    tcase_add_test(tcase, nothing_goes_while_the_link_is_down);
    tcase_add_test(tcase, frames_are_numbered_from_one_without_holes);
    tcase_add_test(tcase, credit_stops_sending_until_something_is_finished);
    tcase_add_test(tcase, a_body_above_the_whole_credit_travels_alone);
    tcase_add_test(tcase, an_acknowledgement_of_what_was_never_sent_is_impossible);
    tcase_add_test(tcase, repeated_frames_and_holes_are_told_apart);
    tcase_add_test(tcase,
                   a_heartbeat_tells_of_a_lost_last_frame_and_its_acknowledgement_is_not_taken);
    tcase_add_test(tcase, an_acknowledgement_never_overtakes_the_answers_that_wait_for_credit);
    tcase_add_test(tcase, an_acknowledgement_does_not_overtake_answers_that_are_to_be_sent_again);
    tcase_add_test(tcase, resuming_sends_again_exactly_what_the_other_side_lacks);
    tcase_add_test(tcase, resuming_with_numbers_that_cannot_be_is_refused);
    tcase_add_test(tcase, a_fresh_start_gives_back_what_is_not_finished_in_order);
    tcase_add_test(tcase, silence_makes_suspect_then_dead_and_any_frame_makes_up_again);
    tcase_add_test(tcase, our_own_stall_is_not_the_other_sides_silence);
    tcase_add_test(tcase, a_heartbeat_is_due_after_our_own_silence);
    tcase_add_test(tcase, an_acknowledgement_is_told_early_when_much_was_received);
    tcase_add_test(tcase, an_acknowledgement_that_is_due_early_is_a_deadline);
    tcase_add_test(tcase, an_acknowledgement_that_waits_for_credit_is_no_deadline);
    tcase_add_test(tcase, two_ends_that_are_both_out_of_credit_do_not_wait_for_each_other);
    tcase_add_loop_test(tcase, two_ends_lose_nothing_and_repeat_nothing_over_a_bad_transport, 0,
                        50);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
