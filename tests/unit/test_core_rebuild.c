/* A router that starts from nothing and learns from its edges; and edges that come and go. */
#include "router/edges.h"
#include "router/registry.h"
#include "tests/support/check_main.h"
#include "tests/support/core_driver.h"

enum { REBUILD_MS = 3000, OLD_EPOCH = 7 };

/* A fresh router with two edges that are about to announce. */
static struct core_driver start_rebuilding(void)
{
    struct core_driver d;
    struct core_config config = core_driver_config();
    config.rebuild_ms = REBUILD_MS;
    core_driver_start(&d, &config, 0);
    core_driver_edge_up(&d, 0, "e0");
    core_driver_edge_up(&d, 1, "e1");
    core_driver_forget(&d);
    d.others = edges_mix(CORE_DRIVER_INCARNATION) ^ edges_mix(CORE_DRIVER_INCARNATION + 1);
    return d;
}

static const uint32_t both[] = {0, 1};

/* Local 0: room r, local 1: the user's inbox. */
static void announce_one(struct core_driver *d, uint32_t edge, const char *user)
{
    core_driver_announce_group(d, edge, 0, CHANNEL_ROOM, "r", OLD_EPOCH, 4);
    core_driver_announce_group(d, edge, 1, CHANNEL_INBOX, user, OLD_EPOCH, 2);
    core_driver_announce_conn(d, edge, 1, user, both, 2);
    core_driver_announce_end(d, edge);
}

START_TEST(an_announce_brings_everything_back_without_a_word_to_clients_but_the_new_life)
{
    struct core_driver d = start_rebuilding();
    announce_one(&d, 0, "alice");
    core_driver_expect(&d, "bind 0.0 room:r info @0\n"
                           "deliver room:r to 0 epoch r\n"
                           "bind 0.1 inbox:alice info @0\n");
    announce_one(&d, 1, "bob");
    core_driver_forget(&d);
    core_driver_wait(&d, REBUILD_MS);
    core_driver_expect(&d, "");
    core_driver_say(&d, 0, 1, "r", "1");
    core_driver_expect(&d, "deliver room:r to 0 1 message alice 1 @1 #1\n"
                           "send 0/1 ok 1 said r @1\n");
    core_driver_close(&d, 1, 1, true);
    core_driver_expect(&d, "deliver room:r to 0 left bob disconnect\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(presence_is_not_synced_until_time_is_over_and_every_edge_has_ended)
{
    struct core_driver d = start_rebuilding();
    struct command presence = {.kind = COMMAND_PRESENCE_ROOM, .room = BYTES_LIT("r")};
    announce_one(&d, 0, "alice");
    core_driver_wait(&d, REBUILD_MS + 1000);
    core_driver_command(&d, 0, 1, &presence);
    core_driver_expect_line(&d, "alice*1 total 1 unsynced\n");
    announce_one(&d, 1, "bob");
    core_driver_forget(&d);
    core_driver_command(&d, 0, 1, &presence);
    core_driver_expect_line(&d, "total 2\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(members_of_a_late_edge_get_everything_said_before_however_small_the_history)
{
    struct core_driver d;
    struct core_config config = core_driver_config();
    config.rebuild_ms = REBUILD_MS;
    config.history_count = 2;
    config.policy.fallback.history_messages = 2;
    core_driver_start(&d, &config, 0);
    core_driver_edge_up(&d, 0, "e0");
    core_driver_edge_up(&d, 1, "e1");
    announce_one(&d, 0, "alice");
    for (int i = 0; i < 5; i++) {
        core_driver_say(&d, 0, 1, "r", "x");
    }
    core_driver_forget(&d);
    core_driver_announce_group(&d, 1, 0, CHANNEL_ROOM, "r", OLD_EPOCH, 4);
    core_driver_expect_none(&d, "gap");
    struct registry_room room;
    ck_assert(registry_room_find(d.core, BYTES_LIT("r"), &room));
    ck_assert_uint_eq(room.first_offset, 1);
    core_driver_announce_end(&d, 1);
    core_driver_wait(&d, REBUILD_MS + 1);
    core_driver_say(&d, 0, 1, "r", "x");
    ck_assert(registry_room_find(d.core, BYTES_LIT("r"), &room));
    ck_assert_uint_eq(room.first_offset, 5); /* from then on its own limit holds */
    core_driver_stop(&d);
}
END_TEST

START_TEST(nobody_leaves_while_another_edge_may_still_announce_them)
{
    struct core_driver d = start_rebuilding();
    announce_one(&d, 0, "alice");
    core_driver_forget(&d);
    core_driver_close(&d, 0, 1, true);
    core_driver_wait(&d, REBUILD_MS + 10000);
    core_driver_expect(&d, "");
    core_driver_announce_group(&d, 1, 0, CHANNEL_ROOM, "r", OLD_EPOCH, 4);
    core_driver_announce_conn(&d, 1, 1, "alice", both, 1);
    core_driver_announce_conn(&d, 1, 2, "bob", both, 1);
    core_driver_announce_end(&d, 1);
    core_driver_forget(&d);
    core_driver_wait(&d, 10000);
    core_driver_expect(&d, ""); /* alice is there by her other device */
    core_driver_close(&d, 1, 1, true);
    core_driver_expect_line(&d, "left alice disconnect\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(who_left_during_the_rebuild_and_is_nowhere_else_leaves_at_its_end)
{
    struct core_driver d = start_rebuilding();
    announce_one(&d, 0, "alice");
    core_driver_announce_group(&d, 1, 0, CHANNEL_ROOM, "r", OLD_EPOCH, 4);
    core_driver_announce_conn(&d, 1, 1, "bob", both, 1);
    core_driver_announce_conn(&d, 1, 2, "carol", both, 1);
    core_driver_forget(&d);
    core_driver_leave(&d, 1, 1, "r");
    core_driver_expect(&d, "remove 1/1 room:r\nsend 1/1 ok 1 leave r\n");
    core_driver_kick_user(&d, "carol", NULL);
    core_driver_expect(&d, "close 1/2 4003 bye\ndone 77 found @0 count 1\n");
    core_driver_announce_end(&d, 1);
    core_driver_wait(&d, REBUILD_MS - 1);
    core_driver_expect(&d, "");
    core_driver_wait(&d, 300);
    core_driver_expect_line(&d, "left bob leave\n");
    core_driver_expect_line(&d, "left carol disconnect\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(who_left_and_joined_again_during_the_rebuild_never_left)
{
    struct core_driver d = start_rebuilding();
    announce_one(&d, 0, "alice");
    announce_one(&d, 1, "bob");
    core_driver_leave(&d, 1, 1, "r");
    core_driver_join(&d, 1, 1, "r");
    core_driver_leave(&d, 1, 1, "r");
    core_driver_join(&d, 1, 1, "r");
    core_driver_forget(&d);
    core_driver_wait(&d, REBUILD_MS * 2);
    core_driver_expect(&d, "");
    core_driver_stop(&d);
}
END_TEST

START_TEST(what_is_said_between_a_group_and_its_connections_reaches_that_edge)
{
    struct core_driver d = start_rebuilding();
    announce_one(&d, 0, "alice");
    core_driver_announce_group(&d, 1, 0, CHANNEL_ROOM, "r", OLD_EPOCH, 4);
    core_driver_forget(&d);
    core_driver_say(&d, 0, 1, "r", "1");
    core_driver_expect_line(&d, "deliver room:r to 0 1 message alice 1 @1 #1\n");
    core_driver_announce_end(&d, 1); /* nobody came for it */
    core_driver_forget(&d);
    core_driver_say(&d, 0, 1, "r", "2");
    core_driver_expect_line(&d, "deliver room:r to 0 message alice 2 @2 #2\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(an_edge_that_resumes_gets_what_it_lacks)
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
    uint64_t epoch = core_driver_epoch(&d, "r");
    core_driver_edge_up(&d, 1, "e1");
    core_driver_forget(&d);
    core_driver_announce_group(&d, 1, 0, CHANNEL_ROOM, "r", epoch, 4);
    core_driver_expect(&d, "bind 1.0 room:r info @4\n"
                           "deliver room:r to 1 message alice x @5 #5\n");
    core_driver_edge_up(&d, 2, "e2");
    core_driver_announce_group(&d, 2, 1, CHANNEL_ROOM, "r", epoch, 1);
    core_driver_expect(&d, "bind 2.1 room:r info @1\n"
                           "deliver room:r to 2 gap 2-2 #2\n"
                           "deliver room:r to 2 message alice x @3 #3\n"
                           "deliver room:r to 2 message alice x @4 #4\n"
                           "deliver room:r to 2 message alice x @5 #5\n");
    core_driver_edge_up(&d, 3, "e3");
    core_driver_announce_group(&d, 3, 2, CHANNEL_ROOM, "r", epoch, 99);
    core_driver_expect(&d, "bind 3.2 room:r info @5\n");
    core_driver_announce_end(&d, 1);
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_room_that_an_edge_has_twice_is_brought_up_to_date_once)
{
    struct core_driver d;
    struct core_config config = core_driver_config();
    core_driver_start(&d, &config, 1);
    core_driver_open(&d, 0, 1, "alice");
    core_driver_join(&d, 0, 1, "r");
    core_driver_say(&d, 0, 1, "r", "x");
    core_driver_edge_up(&d, 1, "e1");
    core_driver_forget(&d);
    core_driver_announce_group(&d, 1, 0, CHANNEL_ROOM, "r", core_driver_epoch(&d, "r"), 0);
    core_driver_expect(&d, "bind 1.0 room:r info @0\n"
                           "deliver room:r to 1 message alice x @1 #1\n");
    core_driver_announce_group(&d, 1, 1, CHANNEL_ROOM, "r", 12345, 7);
    core_driver_expect(&d, "bind 1.1 room:r info @1\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_group_that_cannot_be_is_to_be_forgotten)
{
    struct core_driver d = start_rebuilding();
    core_driver_announce_group(&d, 0, 0, CHANNEL_ROOM, "", 1, 1);
    core_driver_announce_group(&d, 0, UINT32_MAX, CHANNEL_ROOM, "r", 1, 1);
    core_driver_announce_group(&d, 0, 2, (enum channel_kind)9, "r", 1, 1);
    core_driver_announce_group(&d, 0, 3, CHANNEL_WATCH, "\xff", 1, 1);
    core_driver_expect(&d, "bind 0.0 gone @0\n"
                           "bind 0.4294967295 gone @0\n"
                           "bind 0.2 gone @0\n"
                           "bind 0.3 gone @0\n");
    static const uint32_t wild[] = {0, UINT32_MAX, 2, 3, 100};
    core_driver_announce_conn(&d, 0, 1, "alice", wild, 5);
    core_driver_expect(&d, "add 0/1 inbox:alice info @0\n"); /* the edge had none for it */
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_connection_that_is_known_and_announced_again_stays_one)
{
    struct core_driver d = start_rebuilding();
    core_driver_announce_group(&d, 0, 0, CHANNEL_ROOM, "r", OLD_EPOCH, 4);
    core_driver_announce_group(&d, 0, 1, CHANNEL_INBOX, "alice", OLD_EPOCH, 4);
    core_driver_announce_conn(&d, 0, 1, "alice", both, 2);
    core_driver_announce_conn(&d, 0, 1, "alice", both, 2);
    core_driver_open(&d, 0, 1, "alice");
    core_driver_announce_end(&d, 0);
    struct registry_room room;
    ck_assert(registry_room_find(d.core, BYTES_LIT("r"), &room));
    ck_assert_uint_eq(room.connections, 1);
    struct registry_user user;
    ck_assert(registry_user_find(d.core, BYTES_LIT("alice"), &user));
    ck_assert_uint_eq(user.connections, 1);
    core_driver_stop(&d);
}
END_TEST

START_TEST(watches_are_announced_too)
{
    struct core_driver d = start_rebuilding();
    static const uint32_t watch[] = {0};
    core_driver_announce_group(&d, 0, 0, CHANNEL_WATCH, "bob", 1, 0);
    core_driver_announce_conn(&d, 0, 1, "alice", watch, 1);
    core_driver_announce_end(&d, 0);
    core_driver_forget(&d);
    core_driver_open(&d, 1, 1, "bob");
    core_driver_expect_line(&d, "deliver watch:bob to 0 presence bob online\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(an_edge_that_comes_back_after_the_grace_brings_its_users_back_aloud)
{
    struct core_driver d = start_rebuilding();
    announce_one(&d, 0, "alice");
    announce_one(&d, 1, "bob");
    core_driver_wait(&d, REBUILD_MS);
    uint64_t epoch = core_driver_epoch(&d, "r");
    core_driver_edge_down(&d, 1);
    core_driver_forget(&d);
    core_driver_wait(&d, d.config.grace_ms + 100);
    core_driver_expect(&d, "deliver room:r to 0 left bob disconnect\n");
    core_driver_edge_up(&d, 2, "e1");
    core_driver_announce_group(&d, 2, 0, CHANNEL_ROOM, "r", epoch, 0);
    core_driver_forget(&d);
    core_driver_announce_conn(&d, 2, 1, "bob", both, 1);
    core_driver_expect_line(&d, "deliver room:r to 0 2 joined bob by e1\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(an_edge_that_is_late_after_a_router_start_comes_without_a_word)
{
    struct core_driver d = start_rebuilding();
    announce_one(&d, 0, "alice");
    core_driver_edge_down(&d, 1);
    core_driver_wait(&d, REBUILD_MS * 10);
    core_driver_edge_up(&d, 1, "e1");
    core_driver_announce_group(&d, 1, 0, CHANNEL_ROOM, "r", OLD_EPOCH, 4);
    core_driver_forget(&d);
    core_driver_announce_conn(&d, 1, 1, "bob", both, 1);
    core_driver_expect_none(&d, "joined");
    core_driver_stop(&d);
}
END_TEST

START_TEST(who_was_told_to_have_left_comes_aloud_even_with_a_late_edge)
{
    struct core_driver d = start_rebuilding();
    announce_one(&d, 0, "alice");
    core_driver_edge_down(&d, 1);
    core_driver_wait(&d, REBUILD_MS * 10);
    core_driver_open(&d, 0, 5, "bob");
    core_driver_join(&d, 0, 5, "r");
    core_driver_leave(&d, 0, 5, "r");
    core_driver_edge_up(&d, 1, "e1");
    core_driver_announce_group(&d, 1, 0, CHANNEL_ROOM, "r", OLD_EPOCH, 4);
    core_driver_forget(&d);
    core_driver_announce_conn(&d, 1, 1, "bob", both, 1);
    core_driver_expect_line(&d, "joined bob by e1");
    core_driver_stop(&d);
}
END_TEST

START_TEST(an_edge_that_comes_back_within_the_grace_is_not_noticed)
{
    struct core_driver d = start_rebuilding();
    announce_one(&d, 0, "alice");
    announce_one(&d, 1, "bob");
    core_driver_wait(&d, REBUILD_MS);
    uint64_t epoch = core_driver_epoch(&d, "r");
    core_driver_forget(&d);
    core_driver_edge_down(&d, 1);
    core_driver_wait(&d, 2000);
    core_driver_edge_up(&d, 1, "e1");
    core_driver_announce_group(&d, 1, 0, CHANNEL_ROOM, "r", epoch, 0);
    core_driver_announce_conn(&d, 1, 1, "bob", both, 1);
    core_driver_announce_end(&d, 1);
    core_driver_wait(&d, 60000);
    core_driver_expect_none(&d, "joined");
    core_driver_expect_none(&d, "left");
    core_driver_stop(&d);
}
END_TEST

START_TEST(an_edge_that_dies_while_it_announces_holds_nobody_up)
{
    struct core_driver d = start_rebuilding();
    announce_one(&d, 0, "alice");
    core_driver_announce_group(&d, 1, 0, CHANNEL_ROOM, "r", OLD_EPOCH, 4);
    core_driver_announce_conn(&d, 1, 1, "bob", both, 1);
    core_driver_forget(&d);
    core_driver_edge_down(&d, 1);
    core_driver_wait(&d, REBUILD_MS + d.config.grace_ms + 200);
    core_driver_expect(&d, "deliver room:r to 0 gap 0-0\n" /* whom else had it? */
                           "deliver room:r to 0 left bob disconnect\n");
    struct registry_totals totals;
    registry_totals(d.core, &totals);
    ck_assert(totals.synced);
    core_driver_stop(&d);
}
END_TEST

/* alice on edge 0 in r and s and watching bob; the former router knew edges 10 and 11 of which
 * `others` is the number. Local 0: r, 1: s, 2: those who watch bob. */
static struct core_driver start_unsure(bool unsure, uint64_t others)
{
    static const uint32_t locals[] = {0, 1, 2};
    const struct group_info groups[] = {
        {.kind = CHANNEL_ROOM, .name = BYTES_LIT("r"), .epoch = OLD_EPOCH},
        {.kind = CHANNEL_ROOM, .name = BYTES_LIT("s"), .epoch = OLD_EPOCH},
        {.kind = CHANNEL_WATCH, .name = BYTES_LIT("bob"), .epoch = OLD_EPOCH}};
    struct core_driver d;
    struct core_config config = core_driver_config();
    config.rebuild_ms = REBUILD_MS;
    core_driver_start(&d, &config, 0);
    core_driver_step(&d, &(struct core_event){.kind = CORE_EDGE_UP,
                                              .edge = 0,
                                              .edge_id = BYTES_LIT("e0"),
                                              .edge_incarnation = 10});
    for (uint32_t i = 0; i < 3; i++) {
        core_driver_step(
            &d, &(struct core_event){
                    .kind = CORE_ANNOUNCE_GROUP, .edge = 0, .local = i, .group = &groups[i]});
        if (unsure && i != 1) {
            core_driver_step(
                &d, &(struct core_event){.kind = CORE_ANNOUNCE_UNSURE, .edge = 0, .local = i});
        }
    }
    core_driver_announce_conn(&d, 0, 1, "alice", locals, 3);
    core_driver_step(&d,
                     &(struct core_event){.kind = CORE_ANNOUNCE_END, .edge = 0, .others = others});
    core_driver_forget(&d);
    d.tells_unsure = true;
    return d;
}

START_TEST(where_somebody_was_in_grace_members_and_watchers_are_told_at_the_end)
{
    struct core_driver d = start_unsure(true, edges_mix(10));
    core_driver_wait(&d, REBUILD_MS - 100);
    core_driver_expect(&d, "");
    core_driver_wait(&d, 200);
    core_driver_expect(&d, "deliver room:r to 0 gap 0-0\n"
                           "sure room:r\n"
                           "deliver watch:bob to 0 presence bob offline\n"
                           "sure watch:bob\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(where_nobody_was_and_no_edge_is_missing_nothing_is_told)
{
    struct core_driver d = start_unsure(false, edges_mix(10));
    core_driver_wait(&d, 2 * REBUILD_MS);
    core_driver_expect(&d, "");
    core_driver_stop(&d);
}
END_TEST

START_TEST(when_an_edge_is_missing_everybody_is_told)
{
    struct core_driver d = start_unsure(false, edges_mix(10) ^ edges_mix(11));
    core_driver_wait(&d, 2 * REBUILD_MS);
    core_driver_expect(&d, "deliver room:r to 0 gap 0-0\n"
                           "deliver room:s to 0 gap 0-0\n"
                           "deliver watch:bob to 0 presence bob offline\n"
                           "unsure watch:bob\n"); /* the next router says it again */
    core_driver_edge_up(&d, 1, "e1");
    core_driver_announce_conn(&d, 1, 1, "bob", NULL, 0);
    core_driver_expect_line(&d, "sure watch:bob\n");
    core_driver_expect_line(&d, "deliver watch:bob to 0 presence bob online\n");
    core_driver_stop(&d);
}
END_TEST

/* The word of his end was not finished when the former router died: it may have told watchers, or
 * not, and is told of it again. */
START_TEST(watchers_are_told_of_who_ended_and_is_back_during_the_rebuild)
{
    uint64_t both_edges = edges_mix(10) ^ edges_mix(11);
    struct core_driver d = start_unsure(false, both_edges);
    core_driver_step(&d, &(struct core_event){.kind = CORE_EDGE_UP,
                                              .edge = 1,
                                              .edge_id = BYTES_LIT("e1"),
                                              .edge_incarnation = 11});
    core_driver_announce_conn(&d, 1, 1, "bob", NULL, 0);
    core_driver_step(
        &d, &(struct core_event){.kind = CORE_ANNOUNCE_END, .edge = 1, .others = both_edges});
    bool back_first = _i == 1; /* on another edge, say */
    if (back_first) {
        core_driver_open(&d, 1, 2, "bob");
    }
    core_driver_close(&d, 1, 1, true);
    if (!back_first) {
        core_driver_open(&d, 1, 2, "bob");
    }
    core_driver_forget(&d);
    core_driver_wait(&d, 2 * REBUILD_MS);
    core_driver_expect(&d, "deliver watch:bob to 0 presence bob online\n"
                           "sure watch:bob\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(edges_know_while_somebody_is_in_grace)
{
    struct core_driver d;
    struct core_config config = core_driver_config();
    core_driver_start(&d, &config, 2);
    core_driver_open(&d, 0, 1, "alice");
    core_driver_open(&d, 1, 1, "bob");
    core_driver_join(&d, 0, 1, "r");
    core_driver_join(&d, 1, 1, "r");
    core_driver_users(&d, 0, 1, COMMAND_WATCH, "bob");
    core_driver_forget(&d);
    d.tells_unsure = true;
    core_driver_close(&d, 1, 1, false);
    core_driver_expect_line(&d, "unsure room:r\n");
    core_driver_expect_line(&d, "unsure watch:bob\n");
    core_driver_forget(&d);
    core_driver_open(&d, 0, 2, "carol");
    core_driver_open(&d, 1, 2, "dave");
    core_driver_forget(&d);
    core_driver_join(&d, 1, 2, "r"); /* the first there on its edge is told too */
    core_driver_expect_line(&d, "unsure room:r\n");
    core_driver_forget(&d);
    core_driver_open(&d, 1, 3, "bob");
    core_driver_expect_line(&d, "sure watch:bob\n");
    core_driver_wait(&d, 5200);
    core_driver_expect_line(&d, "sure room:r\n");
    core_driver_stop(&d);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core_rebuild");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase,
                   an_announce_brings_everything_back_without_a_word_to_clients_but_the_new_life);
    tcase_add_test(tcase, presence_is_not_synced_until_time_is_over_and_every_edge_has_ended);
    tcase_add_test(tcase,
                   members_of_a_late_edge_get_everything_said_before_however_small_the_history);
    tcase_add_test(tcase, nobody_leaves_while_another_edge_may_still_announce_them);
    tcase_add_test(tcase, who_left_during_the_rebuild_and_is_nowhere_else_leaves_at_its_end);
    tcase_add_test(tcase, who_left_and_joined_again_during_the_rebuild_never_left);
    tcase_add_test(tcase, what_is_said_between_a_group_and_its_connections_reaches_that_edge);
    tcase_add_test(tcase, an_edge_that_resumes_gets_what_it_lacks);
    tcase_add_test(tcase, a_room_that_an_edge_has_twice_is_brought_up_to_date_once);
    tcase_add_test(tcase, a_group_that_cannot_be_is_to_be_forgotten);
    tcase_add_test(tcase, a_connection_that_is_known_and_announced_again_stays_one);
    tcase_add_test(tcase, watches_are_announced_too);
    tcase_add_test(tcase, an_edge_that_comes_back_after_the_grace_brings_its_users_back_aloud);
    tcase_add_test(tcase, an_edge_that_is_late_after_a_router_start_comes_without_a_word);
    tcase_add_test(tcase, who_was_told_to_have_left_comes_aloud_even_with_a_late_edge);
    tcase_add_test(tcase, an_edge_that_comes_back_within_the_grace_is_not_noticed);
    tcase_add_test(tcase, an_edge_that_dies_while_it_announces_holds_nobody_up);
    tcase_add_test(tcase, where_somebody_was_in_grace_members_and_watchers_are_told_at_the_end);
    tcase_add_test(tcase, where_nobody_was_and_no_edge_is_missing_nothing_is_told);
    tcase_add_test(tcase, when_an_edge_is_missing_everybody_is_told);
    tcase_add_loop_test(tcase, watchers_are_told_of_who_ended_and_is_back_during_the_rebuild, 0, 2);
    tcase_add_test(tcase, edges_know_while_somebody_is_in_grace);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
