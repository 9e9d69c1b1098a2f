/* What an edge lacks: of this life of a room when it asks, of a former one when it announces. */
#include "tests/support/check_main.h"
#include "tests/support/core_driver.h"

enum { OLD_EPOCH = 7, REBUILD_MS = 3000 };

/* Room r keeps 3 of the 5 messages that alice, on edge 0, said. */
static struct core_driver start_said(void)
{
    struct core_driver d;
    struct core_config config = core_driver_config();
    config.history_count = 3;
    config.policy.fallback.history_messages = 3;
    core_driver_start(&d, &config, 1);
    core_driver_open(&d, 0, 1, "alice");
    core_driver_join(&d, 0, 1, "r");
    for (int i = 0; i < 5; i++) {
        core_driver_say(&d, 0, 1, "r", "x");
    }
    core_driver_forget(&d);
    return d;
}

static void ask(struct core_driver *d, uint32_t edge, uint64_t epoch, uint64_t from, uint64_t to)
{
    struct group_info group = {.kind = CHANNEL_ROOM, .name = BYTES_LIT("r"), .epoch = epoch};
    core_driver_step(d, &(struct core_event){.kind = CORE_REPAIR,
                                             .edge = edge,
                                             .group = &group,
                                             .last_offset = from,
                                             .to_offset = to});
}

START_TEST(an_edge_gets_again_what_is_kept_and_is_told_what_is_not)
{
    struct core_driver d = start_said();
    uint64_t epoch = core_driver_epoch(&d, "r");
    ask(&d, 0, epoch, 4, 4);
    core_driver_expect(&d, "deliver room:r to 0 message alice x @4 #4\n");
    ask(&d, 0, epoch, 1, 3);
    core_driver_expect(&d, "deliver room:r to 0 gap 1-2 #2 and 1 before\n"
                           "deliver room:r to 0 message alice x @3 #3\n");
    ask(&d, 0, epoch, 1, 1);
    core_driver_expect(&d, "deliver room:r to 0 gap 1-1 #1\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_question_that_makes_no_sense_is_not_answered)
{
    struct core_driver d = start_said();
    uint64_t epoch = core_driver_epoch(&d, "r");
    ask(&d, 0, epoch + 1, 4, 4); /* another life */
    ask(&d, 9, epoch, 4, 4);     /* no member there */
    ask(&d, 0, epoch, 6, 9);     /* not said yet */
    ask(&d, 0, epoch, 5, 4);
    ask(&d, 0, epoch, 0, 4);
    core_driver_expect(&d, "");
    ask(&d, 0, epoch, 5, 1000);
    core_driver_expect(&d, "deliver room:r to 0 message alice x @5 #5\n");
    core_driver_stop(&d);
}
END_TEST

static struct core_driver start_rebuilding(void)
{
    struct core_driver d;
    struct core_config config = core_driver_config();
    config.rebuild_ms = REBUILD_MS;
    core_driver_start(&d, &config, 0);
    core_driver_edge_up(&d, 0, "e0");
    core_driver_edge_up(&d, 1, "e1");
    core_driver_forget(&d);
    return d;
}

static void announce(struct core_driver *d, uint32_t edge, uint64_t epoch, uint64_t last)
{
    core_driver_announce_group(d, edge, 0, CHANNEL_ROOM, "r", epoch, last);
}

START_TEST(who_lacks_messages_of_a_former_life_is_told_whoever_announces_first)
{
    struct core_driver d = start_rebuilding();
    announce(&d, 0, OLD_EPOCH, 4);
    core_driver_expect(&d, "bind 0.0 room:r info @0\n"
                           "deliver room:r to 0 epoch r\n");
    announce(&d, 1, OLD_EPOCH, 6);
    core_driver_expect(&d, "bind 1.0 room:r info @0\n"
                           "deliver room:r to 0 gap 5-6 of a former life always\n"
                           "deliver room:r to 1 epoch r\n");
    core_driver_edge_up(&d, 2, "e2");
    core_driver_forget(&d);
    announce(&d, 2, OLD_EPOCH, 5);
    core_driver_expect(&d, "bind 2.0 room:r info @0\n"
                           "deliver room:r to 2 gap 6-6 of a former life always\n"
                           "deliver room:r to 2 epoch r\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(who_has_nothing_of_a_former_life_is_told_whoever_announces_first)
{
    struct core_driver d = start_rebuilding();
    announce(&d, 0, OLD_EPOCH, 0);
    core_driver_expect(&d, "bind 0.0 room:r info @0\n"
                           "deliver room:r to 0 epoch r\n");
    announce(&d, 1, OLD_EPOCH, 6);
    core_driver_expect(&d, "bind 1.0 room:r info @0\n"
                           "deliver room:r to 0 gap 1-6 of a former life always\n"
                           "deliver room:r to 1 epoch r\n");
    core_driver_edge_up(&d, 2, "e2");
    core_driver_forget(&d);
    announce(&d, 2, OLD_EPOCH, 0);
    core_driver_expect(&d, "bind 2.0 room:r info @0\n"
                           "deliver room:r to 2 gap 1-6 of a former life always\n"
                           "deliver room:r to 2 epoch r\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(an_edge_that_missed_a_whole_life_does_not_hide_the_last_one)
{
    struct core_driver d = start_rebuilding();
    announce(&d, 0, OLD_EPOCH - 1, 9);
    core_driver_forget(&d);
    announce(&d, 1, OLD_EPOCH, 6);
    core_driver_expect(&d, "bind 1.0 room:r info @0\n"
                           "deliver room:r to 1 epoch r\n");
    core_driver_edge_up(&d, 2, "e2");
    core_driver_forget(&d);
    announce(&d, 2, OLD_EPOCH, 5);
    core_driver_expect(&d, "bind 2.0 room:r info @0\n"
                           "deliver room:r to 2 gap 6-6 of a former life always\n"
                           "deliver room:r to 2 epoch r\n");
    core_driver_stop(&d);
}
END_TEST

/* The router that heard of that life by announces died before it answered. */
static void lag(struct core_driver *d, uint32_t edge, uint64_t first, uint64_t newest)
{
    struct group_info group = {.kind = CHANNEL_ROOM, .name = BYTES_LIT("r"), .epoch = OLD_EPOCH};
    core_driver_step(d, &(struct core_event){.kind = CORE_LAGGING,
                                             .conn = {edge, 1, 1},
                                             .group = &group,
                                             .last_offset = first,
                                             .to_offset = newest,
                                             .token = 7});
}

START_TEST(who_lags_since_a_former_life_is_told_what_any_edge_knows_of_it)
{
    struct core_driver d = start_rebuilding();
    core_driver_open(&d, 0, 1, "alice");
    core_driver_open(&d, 1, 1, "bob");
    core_driver_join(&d, 0, 1, "r");
    core_driver_join(&d, 1, 1, "r");
    core_driver_forget(&d);
    lag(&d, 0, 3, 5);
    core_driver_expect(&d, "top room:r to 0 @0\n"
                           "catch up 0/1 token 7 gap 3-5 of a former life\n"
                           "catch up 0/1 token 7 epoch r\n"
                           "catch up 0/1 token 7 gap 0-0 last\n");
    lag(&d, 1, 4, 6);
    core_driver_expect(&d, "deliver room:r to 0 gap 6-6 of a former life always\n"
                           "top room:r to 1 @0\n"
                           "catch up 1/1 token 7 gap 4-6 of a former life\n"
                           "catch up 1/1 token 7 epoch r\n"
                           "catch up 1/1 token 7 gap 0-0 last\n");
    lag(&d, 0, 7, UINT64_MAX);
    core_driver_expect_none(&d, "of a former life");
    core_driver_stop(&d);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core_repair");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, an_edge_gets_again_what_is_kept_and_is_told_what_is_not);
    tcase_add_test(tcase, a_question_that_makes_no_sense_is_not_answered);
    tcase_add_test(tcase, who_lacks_messages_of_a_former_life_is_told_whoever_announces_first);
    tcase_add_test(tcase, who_has_nothing_of_a_former_life_is_told_whoever_announces_first);
    tcase_add_test(tcase, who_lags_since_a_former_life_is_told_what_any_edge_knows_of_it);
    tcase_add_test(tcase, an_edge_that_missed_a_whole_life_does_not_hide_the_last_one);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
