/* router/plane_frames: frames of an edge are acknowledged in their order, once all that each of
 * them caused is done. */
#include "common/mem.h"
#include "router/plane_internal.h"
#include "tests/support/check_main.h"

struct rig {
    struct router_plane *plane;
    struct plane_edge edge;
    struct plane_edge *edges[4];
};

static void start(struct rig *rig, uint64_t received)
{
    memset(rig, 0, sizeof(*rig));
    rig->plane = mem_new(1, sizeof(*rig->plane));
    rig->plane->edges = rig->edges;
    rig->plane->edge_capacity = 4;
    rig->edge.index = 2;
    rig->edge.tag = 7;
    rig->edge.link.received = received;
    rig->edge.link.finished = received;
    rig->edges[2] = &rig->edge;
}

static void stop(struct rig *rig)
{
    mem_free(rig->edge.unfinished);
    mem_free(rig->plane);
}

/* Receives a frame; returns its cause. */
static uint64_t receive_unread(struct rig *rig)
{
    rig->edge.link.received++;
    plane_frame_begin(rig->plane, &rig->edge);
    return rig->plane->cause;
}

static void hold(struct rig *rig, uint64_t cause)
{
    plane_frame_hold(rig->plane, cause, true);
}

static void release(struct rig *rig, uint64_t cause)
{
    plane_frame_hold(rig->plane, cause, false);
}

/* Receives a frame and reads all of it; returns its cause. */
static uint64_t receive(struct rig *rig)
{
    uint64_t cause = receive_unread(rig);
    release(rig, cause);
    return cause;
}

/* What may be acknowledged now, from the start; acknowledges it. */
static uint64_t finished(struct rig *rig)
{
    rig->edge.link.finished = plane_frames_finished(&rig->edge);
    return rig->edge.link.finished;
}

/* Before the ring wraps, when it does, and where the low half of the number does. */
static const uint64_t starts[] = {0, 60, UINT32_MAX - 2, (uint64_t)UINT32_MAX * 3};

START_TEST(a_frame_that_causes_nothing_lasting_is_finished_at_once)
{
    struct rig rig;
    start(&rig, starts[_i]);
    for (uint64_t i = 1; i <= 200; i++) {
        (void)receive(&rig);
        ck_assert_uint_eq(finished(&rig), starts[_i] + i);
    }
    stop(&rig);
}
END_TEST

START_TEST(a_frame_that_is_not_read_to_its_end_is_not_finished)
{
    struct rig rig;
    start(&rig, starts[_i]);
    uint64_t cause = receive_unread(&rig);
    ck_assert_uint_eq(finished(&rig), starts[_i]);
    (void)receive(&rig);
    ck_assert_uint_eq(finished(&rig), starts[_i]);
    release(&rig, cause);
    ck_assert_uint_eq(finished(&rig), starts[_i] + 2);
    stop(&rig);
}
END_TEST

START_TEST(a_held_frame_holds_back_those_behind_it)
{
    struct rig rig;
    start(&rig, starts[_i]);
    (void)receive(&rig);
    uint64_t second = receive(&rig);
    hold(&rig, second);
    uint64_t third = receive(&rig);
    hold(&rig, third);
    (void)receive(&rig);
    ck_assert_uint_eq(finished(&rig), starts[_i] + 1);
    release(&rig, third);
    ck_assert_uint_eq(finished(&rig), starts[_i] + 1);
    release(&rig, second);
    ck_assert_uint_eq(finished(&rig), starts[_i] + 4);
    stop(&rig);
}
END_TEST

START_TEST(everything_that_a_frame_caused_must_be_done)
{
    struct rig rig;
    start(&rig, starts[_i]);
    uint64_t cause = receive(&rig);
    for (int i = 0; i < 3; i++) {
        hold(&rig, cause);
    }
    for (int i = 0; i < 3; i++) {
        ck_assert_uint_eq(finished(&rig), starts[_i]);
        release(&rig, cause);
    }
    ck_assert_uint_eq(finished(&rig), starts[_i] + 1);
    stop(&rig);
}
END_TEST

START_TEST(thousands_of_frames_may_wait_and_each_keeps_its_own_count)
{
    enum { FRAMES = 3000 };
    struct rig rig;
    uint64_t causes[FRAMES];
    start(&rig, starts[_i]);
    for (unsigned i = 0; i < FRAMES; i++) {
        causes[i] = receive(&rig);
        for (unsigned k = 0; k <= i % 3; k++) {
            hold(&rig, causes[i]);
        }
    }
    for (unsigned i = FRAMES; i-- > 1;) { /* the newest first: nothing is finished by that */
        for (unsigned k = 0; k <= i % 3; k++) {
            release(&rig, causes[i]);
        }
    }
    ck_assert_uint_eq(finished(&rig), starts[_i]);
    release(&rig, causes[0]);
    ck_assert_uint_eq(finished(&rig), starts[_i] + FRAMES);
    stop(&rig);
}
END_TEST

START_TEST(what_an_edge_left_behind_does_not_count_for_its_successor)
{
    struct rig rig;
    start(&rig, starts[_i]);
    uint64_t former = receive(&rig);
    hold(&rig, former);
    rig.edge.tag = 8; /* another edge with the same index */
    rig.edge.link.finished = starts[_i];
    rig.edge.link.received = starts[_i];
    uint64_t cause = receive(&rig);
    hold(&rig, cause);
    release(&rig, former);
    ck_assert_uint_eq(finished(&rig), starts[_i]);
    rig.edges[2] = NULL;
    release(&rig, cause); /* nobody is there: harmless */
    rig.edges[2] = &rig.edge;
    ck_assert_uint_eq(finished(&rig), starts[_i]);
    release(&rig, cause);
    ck_assert_uint_eq(finished(&rig), starts[_i] + 1);
    stop(&rig);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plane_frames");
    TCase *tcase = tcase_create("all");
    int count = (int)(sizeof(starts) / sizeof(starts[0]));
    tcase_add_loop_test(tcase, a_frame_that_causes_nothing_lasting_is_finished_at_once, 0, count);
    tcase_add_loop_test(tcase, a_frame_that_is_not_read_to_its_end_is_not_finished, 0, count);
    tcase_add_loop_test(tcase, a_held_frame_holds_back_those_behind_it, 0, count);
    tcase_add_loop_test(tcase, everything_that_a_frame_caused_must_be_done, 0, count);
    tcase_add_loop_test(tcase, thousands_of_frames_may_wait_and_each_keeps_its_own_count, 0, count);
    tcase_add_loop_test(tcase, what_an_edge_left_behind_does_not_count_for_its_successor, 0, count);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
