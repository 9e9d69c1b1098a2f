#include "common/mem.h"
#include "tests/bench/load/account.h"
#include "tests/bench/load/compact_stamp.h"
#include "tests/bench/load/histogram.h"
#include "tests/bench/load/plan.h"
#include "tests/bench/load/tally.h"
#include "tests/support/check_main.h"

#include <check.h>
#include <string.h>

enum { STEPS_MAX = 8 };

static const struct {
    const char *what;
    uint64_t numbers[STEPS_MAX]; /* 0 ends */
    uint64_t sent;
    struct account_totals expected;
} runs[] = {
    {"all in order", {1, 2, 3}, 3, {.expected = 3, .received = 3}},
    {"nothing", {0}, 3, {.expected = 3, .lost = 3}},
    {"a hole", {1, 3}, 3, {.expected = 3, .received = 2, .lost = 1}},
    {"the end is missing", {1, 2}, 5, {.expected = 5, .received = 2, .lost = 3}},
    {"the beginning is missing", {3}, 3, {.expected = 3, .received = 1, .lost = 2}},
    {"one twice", {1, 2, 2}, 2, {.expected = 2, .received = 2, .repeated = 1}},
    {"an old one twice", {1, 2, 3, 1}, 3, {.expected = 3, .received = 3, .repeated = 1}},
    {"two swapped", {2, 1}, 2, {.expected = 2, .received = 2, .reordered = 1}},
    {"late and twice", {2, 1, 1}, 2, {.expected = 2, .received = 2, .reordered = 1, .repeated = 1}},
    {"far ahead, then too late to be known",
     {100, 1},
     100,
     {.expected = 100, .received = 1, .lost = 99, .repeated = 1}},
    {"as late as can be known",
     {65, 2},
     65,
     {.expected = 65, .received = 2, .lost = 63, .reordered = 1}},
};

START_TEST(what_came_is_booked_exactly)
{
    struct account_stream stream = {0};
    struct account_totals totals = {0};
    for (int i = 0; i < STEPS_MAX && runs[_i].numbers[i] != 0; i++) {
        account_take(&stream, runs[_i].numbers[i], &totals);
    }
    account_close(&stream, runs[_i].sent, &totals);
    ck_assert_msg(memcmp(&totals, &runs[_i].expected, sizeof(totals)) == 0, "%s", runs[_i].what);
    ck_assert_uint_eq(totals.received + totals.lost, totals.expected);
}
END_TEST

START_TEST(a_stream_is_found_by_its_publisher_and_no_other)
{
    struct account_stream streams[] = {{.publisher = 2}, {.publisher = 5}, {.publisher = 9}};
    for (uint32_t p = 0; p < 12; p++) {
        const struct account_stream *found = account_find(streams, 3, p);
        bool there = p == 2 || p == 5 || p == 9;
        ck_assert_int_eq(found != NULL, there);
        ck_assert(found == NULL || found->publisher == p);
    }
    ck_assert_ptr_null(account_find(NULL, 0, 1));
}
END_TEST

static const struct plan plans[] = {
    {.connections = 1, .processes = 1, .rooms = 1, .rooms_min = 1, .rooms_max = 1, .publishers = 1},
    {.connections = 50, .processes = 3, .rooms = 7, .rooms_min = 1, .rooms_max = 2},
    {.connections = 50, .processes = 3, .rooms = 7, .rooms_max = 3, .publishers = 9},
    {.connections = 100,
     .processes = 7,
     .users = 9,
     .rooms = 2,
     .rooms_min = 5,
     .rooms_max = 5,
     .publishers = 100},
};

START_TEST(every_connection_is_in_one_process_and_in_different_rooms)
{
    const struct plan *plan = &plans[_i];
    ck_assert_uint_eq(plan_first(plan, 0), 0);
    ck_assert_uint_eq(plan_first(plan, plan->processes), plan->connections);
    for (uint32_t conn = 0; conn < plan->connections; conn++) {
        for (uint32_t i = 0; i < plan_room_count(plan, conn); i++) {
            ck_assert_uint_lt(plan_room(plan, conn, i), plan->rooms);
            for (uint32_t j = 0; j < i; j++) {
                ck_assert_uint_ne(plan_room(plan, conn, i), plan_room(plan, conn, j));
            }
        }
    }
}
END_TEST

static bool in_room(const struct plan *plan, uint32_t conn, uint32_t room)
{
    for (uint32_t i = 0; i < plan_room_count(plan, conn); i++) {
        if (plan_room(plan, conn, i) == room) {
            return true;
        }
    }
    return false;
}

START_TEST(a_connection_hears_the_publishers_of_its_rooms_and_nobody_else)
{
    const struct plan *plan = &plans[_i];
    struct plan_index *index = plan_index_new(plan);
    for (uint32_t conn = 0; conn < plan->connections; conn++) {
        uint32_t count = 0;
        struct account_stream *streams = plan_streams(plan, index, conn, &count);
        uint32_t expected = 0;
        for (uint32_t p = 0; p < plan->publishers; p++) {
            uint32_t from = plan_publisher_conn(plan, p);
            ck_assert_uint_eq(plan_publisher(plan, from), p);
            bool hears = in_room(plan, conn, plan_room(plan, from, 0));
            ck_assert_int_eq(account_find(streams, count, p) != NULL, hears);
            expected += hears;
        }
        ck_assert_uint_eq(count, expected);
        mem_free(streams);
    }
    plan_index_free(&index);
}
END_TEST

START_TEST(as_many_deliveries_follow_as_connections_hear)
{
    const struct plan *plan = &plans[_i];
    struct plan_index *index = plan_index_new(plan);
    uint64_t *sent = mem_new(plan->publishers + 1, sizeof(*sent));
    uint64_t expected = 0;
    for (uint32_t p = 0; p < plan->publishers; p++) {
        sent[p] = p + 1;
    }
    for (uint32_t conn = 0; conn < plan->connections; conn++) {
        uint32_t count = 0;
        struct account_stream *streams = plan_streams(plan, index, conn, &count);
        for (uint32_t s = 0; s < count; s++) {
            expected += sent[streams[s].publisher];
        }
        mem_free(streams);
    }
    ck_assert_uint_eq(plan_deliveries(plan, sent), expected);
    mem_free(sent);
    plan_index_free(&index);
}
END_TEST

START_TEST(a_stamp_is_found_in_any_text_and_only_whole)
{
    const struct stamp stamp = {7, 4000000000U, UINT64_C(1) << 47, UINT64_MAX - 5};
    char text[] = "{\"~~~\":\"~~00 ??????????????????????????????????????????????????x\"}";
    uint8_t *at = (uint8_t *)strchr(text, '?');
    struct stamp found = {0};
    stamp_write(&stamp, at);
    for (size_t len = 0; len <= strlen(text); len++) {
        bool whole = len >= (size_t)(at - (uint8_t *)text) + STAMP_BYTES;
        struct bytes rest = bytes_of(text, len);
        ck_assert_int_eq(stamp_take(&rest, &found), whole);
        ck_assert_uint_le(rest.len, STAMP_BYTES - 1);
    }
    ck_assert_mem_eq(&found, &stamp, sizeof(stamp));
    for (size_t i = 0; i < STAMP_BYTES; i++) { /* no byte of it may be another */
        at[i] ^= 1;
        struct bytes rest = bytes_of_str(text);
        ck_assert(!stamp_take(&rest, &found));
        at[i] ^= 1;
    }
}
END_TEST

START_TEST(a_compact_stamp_is_found_in_any_text_and_only_whole)
{
    const uint64_t now_us = UINT64_C(123456789012345);
    const struct stamp stamp = {999999, 0, (1 << 24) - 1, now_us - (1 << 30) + 1};
    char text[] = "{\"~~~\":\"~~00 ????????????????x\"}";
    uint8_t *at = (uint8_t *)strchr(text, '?');
    struct stamp found = {0};
    compact_stamp_write(&stamp, at);
    for (size_t len = 0; len <= strlen(text); len++) {
        bool whole = len >= (size_t)(at - (uint8_t *)text) + COMPACT_STAMP_BYTES;
        struct bytes rest = bytes_of(text, len);
        ck_assert_int_eq(compact_stamp_take(&rest, now_us, &found), whole);
        ck_assert_uint_le(rest.len, COMPACT_STAMP_BYTES - 1);
    }
    ck_assert_mem_eq(&found, &stamp, sizeof(stamp));
    for (size_t i = 0; i < COMPACT_STAMP_BYTES; i++) { /* no byte of it may be another */
        at[i] ^= 1;
        struct bytes rest = bytes_of_str(text);
        ck_assert(!compact_stamp_take(&rest, now_us, &found));
        at[i] ^= 1;
    }
}
END_TEST

START_TEST(compact_stamps_keep_every_bit_of_their_fields)
{
    for (unsigned bit = 0; bit < 24; bit++) {
        const struct stamp stamp = {
            .publisher = bit < 20 ? UINT32_C(1) << bit : 0,
            .number = UINT64_C(1) << bit,
            .time_us = UINT64_C(1) << (bit + 6),
        };
        uint8_t text[COMPACT_STAMP_BYTES];
        struct stamp found = {0};
        struct bytes rest = bytes_of(text, sizeof(text));
        compact_stamp_write(&stamp, text);
        ck_assert(compact_stamp_take(&rest, (UINT64_C(1) << 30) - 1, &found));
        ck_assert_mem_eq(&found, &stamp, sizeof(stamp));
    }
}
END_TEST

START_TEST(stamps_in_a_stream_are_found_wherever_it_is_cut)
{
    uint8_t text[3 * STAMP_BYTES + 3];
    memset(text, '~', sizeof(text));
    for (uint32_t i = 0; i < 3; i++) {
        const struct stamp stamp = {.publisher = i};
        stamp_write(&stamp, text + i * (STAMP_BYTES + 1));
    }
    for (size_t cut = 0; cut <= sizeof(text); cut++) {
        uint8_t tail[sizeof(text)];
        struct bytes rest = bytes_of(text, cut);
        struct stamp stamp;
        uint32_t found = 0;
        while (stamp_take(&rest, &stamp)) {
            ck_assert_uint_eq(stamp.publisher, found++);
        }
        memmove(tail, rest.data, rest.len);
        memcpy(tail + rest.len, text + cut, sizeof(text) - cut);
        rest = bytes_of(tail, rest.len + sizeof(text) - cut);
        while (stamp_take(&rest, &stamp)) {
            ck_assert_uint_eq(stamp.publisher, found++);
        }
        ck_assert_uint_eq(found, 3);
    }
}
END_TEST

START_TEST(direct_messages_go_between_the_two_of_a_pair)
{
    const struct plan plan = {
        .connections = 50, .processes = 1, .rooms = 1, .publishers = 8, .direct = true};
    struct plan_index *index = plan_index_new(&plan);
    for (uint32_t conn = 0; conn < plan.connections; conn++) {
        uint32_t count = 0;
        struct account_stream *streams = plan_streams(&plan, index, conn, &count);
        uint32_t own = plan_publisher(&plan, conn);
        uint32_t peer = plan_peer_conn(&plan, conn);
        ck_assert_uint_eq(count, own == PLAN_NOBODY ? 0 : 1);
        if (own != PLAN_NOBODY) {
            ck_assert_uint_ne(peer, conn);
            ck_assert_uint_eq(plan_peer_conn(&plan, peer), conn);
            ck_assert_uint_eq(streams[0].publisher, plan_publisher(&plan, peer));
            ck_assert(plan_answers(&plan, conn, streams[0].publisher));
            ck_assert(!plan_answers(&plan, conn, own));
        }
        mem_free(streams);
    }
    plan_index_free(&index);
}
END_TEST

START_TEST(a_histogram_is_right_within_two_percent)
{
    struct histogram histogram = {{0}};
    ck_assert_uint_eq(histogram_at(&histogram, 1000), 0);
    for (uint64_t us = 1; us <= 100000; us++) {
        histogram_record(&histogram, us);
    }
    ck_assert_uint_eq(histogram_count(&histogram), 100000);
    for (unsigned permille = 10; permille <= 1000; permille += 10) {
        uint64_t value = histogram_at(&histogram, permille);
        ck_assert_uint_ge(value, permille * 100);
        ck_assert_uint_le(value, permille * 102);
    }
    histogram_record(&histogram, UINT64_MAX);
    ck_assert_uint_eq(histogram_count(&histogram), 100001);
}
END_TEST

START_TEST(what_a_histogram_had_before_can_be_taken_away)
{
    struct histogram sum = {{0}};
    struct histogram before = {{0}};
    histogram_record(&before, 5);
    histogram_add(&sum, &before);
    histogram_record(&sum, 50);
    histogram_subtract(&sum, &before);
    ck_assert_uint_eq(histogram_count(&sum), 1);
    ck_assert_uint_eq(histogram_at(&sum, 1000), 50);
}
END_TEST

START_TEST(a_tally_that_is_full_counts_what_is_new_as_other)
{
    struct tally tally = {0};
    tally_count(&tally, BYTES_LIT("a name that is far too long for the row"), 2);
    tally_count(&tally, BYTES_EMPTY, 1);
    for (uint64_t i = 0; i < 100; i++) {
        tally_count_number(&tally, i);
    }
    ck_assert_uint_eq(tally_total(&tally), 103);
    ck_assert_str_eq(tally.rows[TALLY_NAMES - 1].name, "other");
    ck_assert_uint_eq(strlen(tally.rows[0].name), TALLY_NAME_BYTES - 1);
}
END_TEST

START_TEST(a_tally_knows_what_came_since)
{
    struct tally before = {0};
    tally_count(&before, BYTES_LIT("a"), 3);
    struct tally now = {0};
    tally_count(&now, BYTES_LIT("b"), 1);
    tally_add(&now, &before);
    tally_count(&now, BYTES_LIT("a"), 4);
    struct tally since = tally_since(&now, &before);
    ck_assert_str_eq(since.rows[0].name, "b");
    ck_assert_uint_eq(since.rows[0].count, 1);
    ck_assert_str_eq(since.rows[1].name, "a");
    ck_assert_uint_eq(since.rows[1].count, 4);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("load_account");
    TCase *tcase = tcase_create("all");
    tcase_add_loop_test(tcase, what_came_is_booked_exactly, 0, sizeof(runs) / sizeof(runs[0]));
    tcase_add_test(tcase, a_stream_is_found_by_its_publisher_and_no_other);
    tcase_add_loop_test(tcase, every_connection_is_in_one_process_and_in_different_rooms, 0,
                        sizeof(plans) / sizeof(plans[0]));
    tcase_add_loop_test(tcase, a_connection_hears_the_publishers_of_its_rooms_and_nobody_else, 0,
                        sizeof(plans) / sizeof(plans[0]));
    tcase_add_loop_test(tcase, as_many_deliveries_follow_as_connections_hear, 0,
                        sizeof(plans) / sizeof(plans[0]));
    tcase_add_test(tcase, a_stamp_is_found_in_any_text_and_only_whole);
    tcase_add_test(tcase, a_compact_stamp_is_found_in_any_text_and_only_whole);
    tcase_add_test(tcase, compact_stamps_keep_every_bit_of_their_fields);
    tcase_add_test(tcase, stamps_in_a_stream_are_found_wherever_it_is_cut);
    tcase_add_test(tcase, direct_messages_go_between_the_two_of_a_pair);
    tcase_add_test(tcase, a_histogram_is_right_within_two_percent);
    tcase_add_test(tcase, what_a_histogram_had_before_can_be_taken_away);
    tcase_add_test(tcase, a_tally_that_is_full_counts_what_is_new_as_other);
    tcase_add_test(tcase, a_tally_knows_what_came_since);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
