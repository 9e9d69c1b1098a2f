/* Who is online and who is in a room: grace, exact removal, watching. */
#include "tests/support/check_main.h"
#include "tests/support/core_driver.h"

/* alice (0/1) and bob (1/1) in room r; alice watches bob. */
static struct core_driver start_watching(void)
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
    return d;
}

START_TEST(a_goodbye_is_told_at_once)
{
    struct core_driver d = start_watching();
    core_driver_close(&d, 1, 1, true);
    core_driver_expect(&d, "deliver room:r to 0 left bob disconnect\n"
                           "deliver watch:bob to 0 presence bob offline\n");
    core_driver_wait(&d, 60000);
    core_driver_expect(&d, "");
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_loss_is_told_after_the_grace_and_not_before)
{
    struct core_driver d = start_watching();
    core_driver_close(&d, 1, 1, false);
    core_driver_wait(&d, 4999);
    core_driver_expect(&d, "");
    core_driver_wait(&d, 200);
    core_driver_expect(&d, "deliver room:r to 0 left bob disconnect\n"
                           "deliver watch:bob to 0 presence bob offline\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(who_is_back_within_the_grace_never_left)
{
    struct core_driver d = start_watching();
    core_driver_close(&d, 1, 1, false);
    core_driver_wait(&d, 4000);
    core_driver_open(&d, 0, 2, "bob");
    core_driver_forget(&d);
    core_driver_join(&d, 0, 2, "r");
    core_driver_expect(&d, "send 0/2 ok 4 join r @0 first 1\n"
                           "add 0/2 room:r @0\n");
    core_driver_wait(&d, 60000);
    core_driver_expect(&d, "");
    core_driver_stop(&d);
}
END_TEST

START_TEST(who_is_back_but_not_in_the_room_leaves_the_room_only)
{
    struct core_driver d = start_watching();
    core_driver_close(&d, 1, 1, false);
    core_driver_open(&d, 0, 2, "bob");
    core_driver_forget(&d);
    core_driver_wait(&d, 60000);
    core_driver_expect(&d, "deliver room:r to 0 left bob disconnect\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_lost_connection_gets_nothing_any_more)
{
    struct core_driver d = start_watching();
    core_driver_close(&d, 1, 1, false);
    core_driver_say(&d, 0, 1, "r", "1");
    core_driver_expect(&d, "deliver room:r to 0 message alice 1 @1 #1\n"
                           "send 0/1 ok 4 said r @1\n");
    core_driver_direct(&d, 0, 1, "bob", "2");
    core_driver_expect(&d, "send 0/1 ok 5 sent delivered 0\n");
    struct command presence = {.kind = COMMAND_PRESENCE_ROOM, .room = BYTES_LIT("r")};
    core_driver_command(&d, 0, 1, &presence);
    core_driver_expect_line(&d, "bob*0");
    core_driver_stop(&d);
}
END_TEST

START_TEST(one_device_of_two_goes_without_a_word)
{
    struct core_driver d = start_watching();
    core_driver_open(&d, 1, 2, "bob");
    core_driver_join(&d, 1, 2, "r");
    core_driver_forget(&d);
    core_driver_close(&d, 1, 1, true);
    core_driver_expect(&d, "");
    core_driver_close(&d, 1, 1, true);
    core_driver_close(&d, 1, 1, false);
    core_driver_wait(&d, 60000);
    core_driver_expect(&d, "");
    core_driver_close(&d, 1, 2, true);
    core_driver_expect_line(&d, "left bob disconnect\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_dead_edge_takes_its_users_after_the_grace_and_no_successor)
{
    struct core_driver d = start_watching();
    core_driver_edge_down(&d, 1);
    core_driver_expect(&d, "");
    core_driver_edge_up(&d, 1, "e1");
    core_driver_announce_end(&d, 1);
    core_driver_open(&d, 1, 1, "carol"); /* same edge index, same slot, same generation */
    core_driver_join(&d, 1, 1, "r");
    core_driver_forget(&d);
    core_driver_wait(&d, 60000);
    core_driver_expect(&d, "deliver room:r to 0 1 left bob disconnect\n"
                           "deliver watch:bob to 0 presence bob offline\n");
    struct registry_user user;
    ck_assert(registry_user_find(d.core, BYTES_LIT("carol"), &user));
    ck_assert_uint_eq(user.connections, 1);
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_drain_lengthens_the_grace_by_its_delay)
{
    struct core_driver d = start_watching();
    core_driver_step(&d,
                     &(struct core_event){.kind = CORE_EDGE_DRAINING, .edge = 1, .delay_ms = 7000});
    core_driver_step(
        &d, &(struct core_event){.kind = CORE_CONN_CLOSED, .conn = {1, 1, 1}, .drained = true});
    core_driver_wait(&d, 11900);
    core_driver_expect(&d, "");
    core_driver_wait(&d, 300);
    core_driver_expect_line(&d, "left bob disconnect\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(watching_tells_the_present_state_and_then_each_change)
{
    struct core_driver d;
    struct core_config config = core_driver_config();
    core_driver_start(&d, &config, 1);
    core_driver_open(&d, 0, 1, "alice");
    core_driver_forget(&d);
    core_driver_users(&d, 0, 1, COMMAND_WATCH, "bob");
    core_driver_expect(&d, "add 0/1 watch:bob info @0\n"
                           "send 0/1 ok 1 watch bob offline*0 seen 0\n");
    core_driver_open(&d, 0, 2, "bob");
    core_driver_expect_line(&d, "deliver watch:bob to 0 presence bob online\n");
    core_driver_forget(&d);
    core_driver_open(&d, 0, 3, "bob");
    core_driver_expect_none(&d, "presence");
    core_driver_forget(&d);
    core_driver_users(&d, 0, 1, COMMAND_PRESENCE_USERS, "bob");
    core_driver_expect(&d, "send 0/1 ok 2 presence bob online*2 since 1001000\n");
    core_driver_close(&d, 0, 2, true);
    core_driver_expect(&d, "");
    d.now_ms += 500;
    core_driver_close(&d, 0, 3, true);
    core_driver_expect(&d, "deliver watch:bob to 0 presence bob offline\n");
    core_driver_users(&d, 0, 1, COMMAND_UNWATCH, "bob");
    core_driver_expect(&d, "remove 0/1 gone\n" /* the last watcher ends the channel */
                           "send 0/1 ok 3 unwatch bob offline*0 seen 1001500\n");
    core_driver_open(&d, 0, 4, "bob");
    core_driver_expect_none(&d, "presence");
    core_driver_stop(&d);
}
END_TEST

START_TEST(watching_twice_is_watching_once)
{
    struct core_driver d = start_watching();
    core_driver_users(&d, 0, 1, COMMAND_WATCH, "bob");
    core_driver_expect_none(&d, "add");
    core_driver_users(&d, 0, 1, COMMAND_UNWATCH, "bob");
    core_driver_forget(&d);
    core_driver_users(&d, 0, 1, COMMAND_UNWATCH, "bob");
    core_driver_expect_none(&d, "remove");
    core_driver_stop(&d);
}
END_TEST

START_TEST(watches_end_with_their_connection)
{
    struct core_driver d = start_watching();
    core_driver_close(&d, 0, 1, false);
    struct registry_user user;
    ck_assert(registry_user_find(d.core, BYTES_LIT("bob"), &user));
    ck_assert_uint_eq(user.watchers, 0);
    core_driver_close(&d, 1, 1, true);
    core_driver_expect(&d, "");
    core_driver_stop(&d);
}
END_TEST

START_TEST(the_presence_of_an_unknown_room_or_user_creates_nothing)
{
    struct core_driver d = start_watching();
    struct registry_totals before;
    registry_totals(d.core, &before);
    struct command room = {.kind = COMMAND_PRESENCE_ROOM, .room = BYTES_LIT("nowhere")};
    core_driver_command(&d, 0, 1, &room);
    core_driver_users(&d, 0, 1, COMMAND_PRESENCE_USERS, "nobody");
    core_driver_users(&d, 0, 1, COMMAND_UNWATCH, "nobody");
    core_driver_expect(&d, "send 0/1 ok 4 presence nowhere members total 0\n"
                           "send 0/1 ok 5 presence nobody offline*0 seen 0\n"
                           "send 0/1 ok 6 unwatch nobody offline*0 seen 0\n");
    struct registry_totals after;
    registry_totals(d.core, &after);
    ck_assert_uint_eq(before.rooms, after.rooms);
    ck_assert_uint_eq(before.users_known, after.users_known);
    core_driver_stop(&d);
}
END_TEST

START_TEST(the_registry_agrees_with_what_happened)
{
    struct core_driver d = start_watching();
    core_driver_close(&d, 1, 1, false);
    struct registry_totals totals;
    registry_totals(d.core, &totals);
    ck_assert_uint_eq(totals.users_online, 2);
    ck_assert_uint_eq(totals.connections, 1);
    ck_assert_uint_eq(totals.detached, 1);
    ck_assert_uint_eq(totals.members, 2);
    ck_assert_uint_eq(totals.rooms, 1);
    ck_assert_uint_eq(totals.edges, 2);
    ck_assert(totals.synced);
    struct registry_conn conn;
    ck_assert(registry_conn_find(d.core, BYTES_LIT("e0.1.1"), &conn));
    ck_assert(bytes_equal(conn.user, BYTES_LIT("alice")));
    ck_assert_uint_eq(conn.rooms, 1);
    ck_assert_uint_eq(conn.watches, 1);
    ck_assert(!registry_conn_find(d.core, BYTES_LIT("e0.1.2"), &conn));
    ck_assert(!registry_conn_find(d.core, BYTES_LIT("e0.1"), &conn));
    ck_assert(!registry_conn_find(d.core, BYTES_LIT(""), &conn));
    ck_assert(!registry_conn_find(d.core, BYTES_LIT("e0.1.123456789"), &conn));
    uint64_t cursor = 0;
    ck_assert(registry_conn_next(d.core, BYTES_LIT("bob"), &cursor, &conn));
    ck_assert(!conn.attached);
    uint64_t room_cursor = 0;
    struct bytes room;
    ck_assert(registry_conn_room_next(d.core, &conn, &room_cursor, &room));
    ck_assert(!registry_conn_room_next(d.core, &conn, &room_cursor, &room));
    ck_assert(!registry_conn_next(d.core, BYTES_LIT("bob"), &cursor, &conn));
    struct registry_edge edge;
    cursor = 1;
    ck_assert(registry_edge_next(d.core, &cursor, &edge));
    ck_assert_uint_eq(edge.connections, 0);
    ck_assert_uint_eq(edge.detached, 1);
    core_driver_stop(&d);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core_presence");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, a_goodbye_is_told_at_once);
    tcase_add_test(tcase, a_loss_is_told_after_the_grace_and_not_before);
    tcase_add_test(tcase, who_is_back_within_the_grace_never_left);
    tcase_add_test(tcase, who_is_back_but_not_in_the_room_leaves_the_room_only);
    tcase_add_test(tcase, a_lost_connection_gets_nothing_any_more);
    tcase_add_test(tcase, one_device_of_two_goes_without_a_word);
    tcase_add_test(tcase, a_dead_edge_takes_its_users_after_the_grace_and_no_successor);
    tcase_add_test(tcase, a_drain_lengthens_the_grace_by_its_delay);
    tcase_add_test(tcase, watching_tells_the_present_state_and_then_each_change);
    tcase_add_test(tcase, watching_twice_is_watching_once);
    tcase_add_test(tcase, watches_end_with_their_connection);
    tcase_add_test(tcase, the_presence_of_an_unknown_room_or_user_creates_nothing);
    tcase_add_test(tcase, the_registry_agrees_with_what_happened);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
