/* What clients believe of who is there: kept by edges for the router after this one, and compared.
 */
#include "common/digest.h"
#include "router/edges.h"
#include "tests/support/check_main.h"
#include "tests/support/core_driver.h"

enum { REBUILD_MS = 3000, EPOCH = 7, ROOM = 0, WATCH = 1, OFFLINE = 1, ONLINE = 2 };

static uint32_t number_of(const char *names)
{
    uint32_t number = 0;
    for (const char *name = names; *name != '\0'; name++) {
        number ^= (uint32_t)digest_name(bytes_of(name, 1)); /* each letter is somebody */
    }
    return number;
}

static struct core_driver start(uint64_t rebuild_ms, uint32_t edges)
{
    struct core_driver d;
    struct core_config config = core_driver_config();
    config.rebuild_ms = rebuild_ms;
    core_driver_start(&d, &config, edges);
    return d;
}

/* ---- what edges are told ---- */

static void ck_last_roster(const struct core_driver *d, uint32_t roster, bool changes)
{
    const struct core_effect *effect = core_driver_last(d, CORE_GROUP_ROSTER);
    ck_assert_uint_eq(effect->roster, roster);
    ck_assert_int_eq(effect->roster_changes, changes);
}

START_TEST(the_first_member_of_an_edge_brings_it_the_whole_and_others_the_change)
{
    struct core_driver d = start(0, 2);
    d.tells_rosters = true;
    core_driver_open(&d, 0, 1, "a");
    core_driver_open(&d, 1, 1, "b");
    core_driver_join(&d, 0, 1, "r");
    core_driver_expect_line(&d, "roster room:r to 0\n");
    ck_last_roster(&d, number_of("a"), false);
    core_driver_forget(&d);
    core_driver_join(&d, 1, 1, "r");
    core_driver_expect_line(&d, "roster changes room:r to 0\n");
    core_driver_expect_line(&d, "roster room:r to 1\n");
    ck_last_roster(&d, number_of("ab"), false);
    core_driver_forget(&d);
    core_driver_leave(&d, 1, 1, "r");
    core_driver_expect_line(&d, "roster changes room:r to 0\n");
    ck_last_roster(&d, number_of("b"), true);
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_second_device_changes_nothing)
{
    struct core_driver d = start(0, 2);
    d.tells_rosters = true;
    core_driver_open(&d, 0, 1, "a");
    core_driver_open(&d, 0, 2, "a");
    core_driver_join(&d, 0, 1, "r");
    core_driver_forget(&d);
    core_driver_join(&d, 0, 2, "r");
    core_driver_expect_none(&d, "roster");
    core_driver_leave(&d, 0, 2, "r");
    core_driver_expect_none(&d, "roster");
    core_driver_stop(&d);
}
END_TEST

START_TEST(an_edge_knows_what_its_watchers_were_told)
{
    struct core_driver d = start(0, 2);
    d.tells_rosters = true;
    core_driver_open(&d, 0, 1, "a");
    core_driver_users(&d, 0, 1, COMMAND_WATCH, "b");
    core_driver_expect_line(&d, "roster watch:b to 0\n");
    ck_last_roster(&d, OFFLINE, false);
    core_driver_open(&d, 1, 1, "b");
    ck_last_roster(&d, ONLINE, false);
    core_driver_stop(&d);
}
END_TEST

/* ---- what the next router makes of it ---- */

/* Edge 0 has a and edge 1 has b in the room, both watch c, whom nobody has. */
static void announce(struct core_driver *d, uint32_t edge, uint32_t room, uint32_t watch)
{
    static const uint32_t locals[] = {ROOM, WATCH};
    const uint32_t rosters[] = {room, watch};
    core_driver_edge_up(d, edge, edge == 0 ? "e0" : "e1");
    core_driver_announce_group(d, edge, ROOM, CHANNEL_ROOM, "r", EPOCH, 4);
    core_driver_announce_group(d, edge, WATCH, CHANNEL_WATCH, "c", EPOCH, 0);
    for (uint32_t i = 0; i < 2; i++) {
        core_driver_step(d, &(struct core_event){.kind = CORE_ANNOUNCE_ROSTER,
                                                 .edge = edge,
                                                 .local = locals[i],
                                                 .roster = rosters[i]});
    }
    core_driver_announce_conn(d, edge, 1, edge == 0 ? "a" : "b", locals, 2);
    core_driver_announce_end(d, edge);
    core_driver_forget(d);
}

static const struct {
    const char *first;
    const char *second;
    uint32_t watch;
    const char *told;
} beliefs[] = {
    {"ab", "ab", OFFLINE, ""},
    {"abc", "abc", OFFLINE, "deliver room:r to 0 1 gap 0-0\n"}, /* only the dead router had c */
    {"ab", "abc", OFFLINE, "deliver room:r to 0 1 gap 0-0\n"},
    {"abc", "ab", OFFLINE, "deliver room:r to 0 1 gap 0-0\n"}, /* a "left" that one did not hear */
    {"b", "ab", OFFLINE, "deliver room:r to 0 1 gap 0-0\n"},   /* nor a "joined" */
    {"ab", "ab", ONLINE, "deliver watch:c to 0 1 presence c offline\n"},
    {"", "", 0, ""}, /* edges that do not keep it */
    {"", "abc", 0, "deliver room:r to 0 1 gap 0-0\n"},
};

START_TEST(who_was_told_otherwise_than_it_is_is_told_to_ask)
{
    struct core_driver d = start(REBUILD_MS, 0);
    d.others = edges_mix(CORE_DRIVER_INCARNATION) ^ edges_mix(CORE_DRIVER_INCARNATION + 1);
    announce(&d, 0, number_of(beliefs[_i].first), beliefs[_i].watch);
    announce(&d, 1, number_of(beliefs[_i].second), beliefs[_i].watch);
    core_driver_wait(&d, 2 * REBUILD_MS);
    core_driver_expect(&d, beliefs[_i].told);
    core_driver_wait(&d, 2 * REBUILD_MS);
    core_driver_expect(&d, ""); /* once */
    core_driver_stop(&d);
}
END_TEST

/* Its router died before it said which edges there are, or it is a new one. */
START_TEST(a_late_edge_that_cannot_say_which_edges_there_were_is_compared)
{
    struct core_driver d = start(REBUILD_MS, 0);
    announce(&d, 0, number_of("a"), OFFLINE);
    core_driver_wait(&d, 2 * REBUILD_MS);
    core_driver_forget(&d);
    announce(&d, 1, number_of("ab"), OFFLINE);
    core_driver_wait(&d, REBUILD_MS);
    core_driver_expect(&d, "deliver room:r to 0 1 gap 0-0\n"); /* a may not know b */
    core_driver_stop(&d);
}
END_TEST

START_TEST(what_is_told_during_the_rebuild_counts_as_told)
{
    struct core_driver d = start(REBUILD_MS, 0);
    d.others = edges_mix(CORE_DRIVER_INCARNATION) ^ edges_mix(CORE_DRIVER_INCARNATION + 1);
    announce(&d, 0, number_of("ab"), OFFLINE);
    announce(&d, 1, number_of("ab"), OFFLINE);
    core_driver_leave(&d, 1, 1, "r");
    core_driver_forget(&d);
    core_driver_wait(&d, 2 * REBUILD_MS);
    core_driver_expect(&d, "deliver room:r to 0 left b leave\n");
    core_driver_stop(&d);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core_roster");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, the_first_member_of_an_edge_brings_it_the_whole_and_others_the_change);
    tcase_add_test(tcase, a_second_device_changes_nothing);
    tcase_add_test(tcase, an_edge_knows_what_its_watchers_were_told);
    tcase_add_loop_test(tcase, who_was_told_otherwise_than_it_is_is_told_to_ask, 0,
                        sizeof(beliefs) / sizeof(beliefs[0]));
    tcase_add_loop_test(tcase, a_late_edge_that_cannot_say_which_edges_there_were_is_compared, 0,
                        2);
    tcase_add_test(tcase, what_is_told_during_the_rebuild_counts_as_told);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
