/* edge/uplink_repair: what the edge does when a delivery does not follow the one before it. */
#include "common/mem.h"
#include "edge/uplink.h"
#include "proto/plane_wire.h"
#include "tests/support/check_main.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { GROUP = 7, REPAIR_MS = 5000, BUFFER = 400 };

/* One edge with members in slots 0 and 1 of one group, whose newest offset is 5. Everything that it
 * does is written to `log`. */
struct rig {
    struct uplink *uplink;
    struct arena arena;
    struct buf log;
    uint64_t now_ms;
    uint64_t random;
    uint64_t seq;
};

__attribute__((format(printf, 2, 3))) static void out(struct rig *rig, const char *format, ...)
{
    char text[80];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    buf_append_str(&rig->log, text);
}

static enum status transmit(void *owner, struct bytes header, struct bytes body)
{
    struct rig *rig = owner;
    struct plane_frame frame;
    struct plane_cursor cursor = {0};
    struct plane_op op;
    struct buf whole;
    buf_init(&whole, 0);
    buf_append(&whole, header);
    buf_append(&whole, body);
    arena_reset(&rig->arena);
    ck_assert(plane_frame_read(&rig->arena, buf_bytes(&whole), &frame));
    while (frame.kind == PLANE_FRAME_DATA && plane_batch_next(&frame.batch, &cursor, &op)) {
        if (op.kind == OP_REPAIR) {
            ck_assert(bytes_equal(op.bytes, BYTES_LIT("record")));
            out(rig, "repair %u-%u\n", (unsigned)op.a, (unsigned)op.b);
        } else if (op.kind == OP_LAGGING) {
            out(rig, "lagging %u from %u\n", op.slot, (unsigned)op.a);
        } else if (op.kind == OP_ANNOUNCE_GROUP) {
            out(rig, "announce %u of %u\n", (unsigned)op.b, op.slot);
        }
    }
    buf_fini(&whole);
    return STATUS_OK;
}

static void ignore(void *owner)
{
    (void)owner;
}

static void ignore_state(void *owner, enum uplink_state state)
{
    (void)owner;
    (void)state;
}

static void ignore_text(void *owner, struct bytes text)
{
    (void)owner;
    (void)text;
}

static void on_admission(void *owner, uint64_t rate, uint64_t cluster_rate)
{
    (void)owner;
    (void)rate;
    (void)cluster_rate;
}

static void ignore_keys(void *owner, const struct plane_ticket_keys *keys)
{
    (void)owner;
    (void)keys;
}

static void ignore_close(void *owner, uint32_t slot, uint16_t code, struct bytes text)
{
    (void)owner;
    (void)slot;
    (void)code;
    (void)text;
}

static bool is_slow(void *owner, uint32_t slot)
{
    (void)owner;
    (void)slot;
    return false;
}

static void send_one(void *owner, uint32_t slot, struct bytes payload, bool binary)
{
    struct rig *rig = owner;
    (void)binary;
    out(rig, "send %u ", slot);
    buf_append(&rig->log, payload);
    buf_append_str(&rig->log, "\n");
}

static void deliver(void *owner, const struct uplink_delivery *delivery)
{
    struct rig *rig = owner;
    for (size_t i = 0; i < delivery->payload_count; i++) {
        for (size_t j = 0; j < delivery->slot_count; j++) {
            if (delivery->slots[j] != delivery->except) {
                out(rig, "%u ", delivery->slots[j]);
            }
        }
        buf_append_str(&rig->log, "< ");
        buf_append(&rig->log, delivery->payloads[i]);
        buf_append_str(&rig->log, "\n");
    }
}

static uint64_t random_bits(void *owner)
{
    struct rig *rig = owner;
    return ++rig->random;
}

static void expect(struct rig *rig, const char *lines)
{
    uplink_flush(rig->uplink, rig->now_ms);
    buf_append_byte(&rig->log, 0);
    ck_assert_str_eq((const char *)rig->log.data, lines);
    buf_clear(&rig->log);
}

/* Acknowledges nothing: the link has room for all of this. */
static void say(struct rig *rig, const struct plane_op *ops, size_t count)
{
    struct plane_builder builder;
    struct buf frame;
    uint8_t header[PLANE_HEADER_MAX];
    size_t len = 0;
    plane_builder_init(&builder, NULL);
    buf_init(&frame, 0);
    for (size_t i = 0; i < count; i++) {
        plane_builder_add(&builder, &ops[i]);
    }
    uint8_t *body = plane_builder_take(&builder, &len);
    buf_append(&frame, bytes_of(header, plane_header_write(header, ++rig->seq, 0)));
    buf_append(&frame, bytes_of(body, len));
    uplink_receive(rig->uplink, buf_bytes(&frame), rig->now_ms);
    buf_fini(&frame);
    plane_builder_fini(&builder);
    mem_free(body);
}

/* A message whose text is `text`. */
static void message(struct rig *rig, uint64_t offset, const char *text)
{
    say(rig,
        &(struct plane_op){
            .kind = OP_DELIVER, .a = GROUP, .b = offset, .bytes = bytes_of_str(text)},
        1);
}

static void welcome(struct rig *rig, uint64_t incarnation)
{
    struct buf out_buf;
    buf_init(&out_buf, 0);
    uplink_tick(rig->uplink, rig->now_ms);
    plane_welcome_write(&(struct plane_greeting){.version = PLANE_VERSION,
                                                 .id = BYTES_LIT("router"),
                                                 .router_incarnation = incarnation,
                                                 .credit = 1 << 20,
                                                 .heartbeat_ms = 100000,
                                                 .suspect_ms = 200000,
                                                 .dead_ms = 300000},
                        &out_buf);
    uplink_receive(rig->uplink, buf_bytes(&out_buf), rig->now_ms);
    rig->seq = 0;
    buf_fini(&out_buf);
}

static void join(struct rig *rig, uint32_t slot, uint64_t offset, bool first)
{
    uplink_opened(rig->uplink, slot, 1, &(struct uplink_open){.token = BYTES_LIT("t")});
    say(rig,
        (const struct plane_op[]){
            {.kind = OP_ACCEPT, .slot = slot, .gen = 1, .bytes = BYTES_LIT("s")},
            {.kind = OP_GROUP_ADD,
             .slot = slot,
             .gen = 1,
             .a = GROUP,
             .b = offset,
             .bytes = first ? BYTES_LIT("record") : BYTES_EMPTY},
        },
        2);
}

static void start(struct rig *rig)
{
    static const struct uplink_callbacks callbacks = {.transmit = transmit,
                                                      .reconnect = ignore,
                                                      .send = send_one,
                                                      .deliver = deliver,
                                                      .is_slow = is_slow,
                                                      .close = ignore_close,
                                                      .on_state = ignore_state,
                                                      .fenced = ignore,
                                                      .refused = ignore_text,
                                                      .on_ticket_keys = ignore_keys,
                                                      .on_admission = on_admission,
                                                      .random = random_bits};
    const struct uplink_config config = {.edge_id = BYTES_LIT("edge"),
                                         .hold_bytes_max = 1 << 20,
                                         .repair_bytes_max = BUFFER,
                                         .repair_ms = REPAIR_MS,
                                         .credit_bytes = 1 << 20,
                                         .slots_max = 16};
    *rig = (struct rig){.now_ms = 1000};
    arena_init(&rig->arena, 1 << 20);
    buf_init(&rig->log, 0);
    rig->uplink = uplink_new(&config, &callbacks, rig, rig->now_ms);
    welcome(rig, 1);
    join(rig, 0, 5, true);
    join(rig, 1, 5, false);
    expect(rig, "");
}

static void stop(struct rig *rig)
{
    uplink_free(&rig->uplink);
    arena_fini(&rig->arena);
    buf_fini(&rig->log);
}

static void wait_ms(struct rig *rig, uint64_t ms)
{
    rig->now_ms += ms;
    uplink_tick(rig->uplink, rig->now_ms);
}

START_TEST(what_lacks_is_asked_for_and_what_comes_later_waits)
{
    struct rig rig;
    start(&rig);
    message(&rig, 6, "six");
    expect(&rig, "0 1 < six\n");
    message(&rig, 9, "nine");
    message(&rig, 10, "ten");
    expect(&rig, "repair 7-8\n");
    message(&rig, 7, "seven");
    expect(&rig, "0 1 < seven\n");
    message(&rig, 8, "eight");
    expect(&rig, "0 1 < eight\n0 1 < nine\n0 1 < ten\n");
    message(&rig, 11, "eleven");
    expect(&rig, "0 1 < eleven\n");
    stop(&rig);
}
END_TEST

START_TEST(what_comes_twice_is_given_once)
{
    struct rig rig;
    struct uplink_stats stats;
    start(&rig);
    message(&rig, 5, "five");
    message(&rig, 6, "six");
    message(&rig, 6, "six");
    expect(&rig, "0 1 < six\n");
    uplink_stats(rig.uplink, &stats);
    ck_assert_uint_eq(stats.repeated, 2);
    stop(&rig);
}
END_TEST

START_TEST(what_has_no_number_keeps_its_place)
{
    struct rig rig;
    start(&rig);
    message(&rig, 0, "before");
    message(&rig, 7, "seven");
    message(&rig, 0, "after");
    expect(&rig, "0 1 < before\nrepair 6-6\n");
    message(&rig, 6, "six");
    expect(&rig, "0 1 < six\n0 1 < seven\n0 1 < after\n");
    stop(&rig);
}
END_TEST

START_TEST(a_second_hole_is_asked_for_after_the_first)
{
    struct rig rig;
    start(&rig);
    message(&rig, 7, "seven");
    message(&rig, 9, "nine");
    expect(&rig, "repair 6-6\n");
    message(&rig, 6, "six");
    expect(&rig, "0 1 < six\n0 1 < seven\nrepair 8-8\n");
    message(&rig, 8, "eight");
    expect(&rig, "0 1 < eight\n0 1 < nine\n");
    stop(&rig);
}
END_TEST

START_TEST(a_gap_stands_for_all_its_numbers)
{
    struct rig rig;
    start(&rig);
    message(&rig, 9, "nine");
    expect(&rig, "repair 6-8\n");
    say(&rig,
        &(struct plane_op){
            .kind = OP_DELIVER, .slot = 2, .a = GROUP, .b = 8, .bytes = BYTES_LIT("gap 6-8")},
        1);
    expect(&rig, "0 1 < gap 6-8\n0 1 < nine\n");
    stop(&rig);
}
END_TEST

START_TEST(who_comes_meanwhile_gets_only_what_it_lacks)
{
    struct rig rig;
    start(&rig);
    message(&rig, 7, "seven");
    message(&rig, 0, "somebody came");
    join(&rig, 2, 7, false);
    message(&rig, 8, "eight");
    expect(&rig, "repair 6-6\n");
    message(&rig, 6, "six");
    expect(&rig, "0 1 < six\n0 1 < seven\n0 1 < somebody came\n0 1 2 < eight\n");
    stop(&rig);
}
END_TEST

START_TEST(who_has_some_of_what_one_gap_stands_for_is_told_by_the_router)
{
    struct rig rig;
    start(&rig);
    message(&rig, 9, "nine");
    join(&rig, 2, 7, false);
    join(&rig, 3, 9, false);
    expect(&rig, "repair 6-8\n");
    say(&rig,
        &(struct plane_op){
            .kind = OP_DELIVER, .slot = 2, .a = GROUP, .b = 8, .bytes = BYTES_LIT("gap 6-8")},
        1);
    expect(&rig, "0 1 < gap 6-8\n0 1 < nine\nlagging 2 from 8\n");
    message(&rig, 10, "ten");
    expect(&rig, "0 1 3 < ten\n");
    stop(&rig);
}
END_TEST

START_TEST(a_member_that_comes_shows_what_the_others_lack)
{
    struct rig rig;
    start(&rig);
    join(&rig, 2, 6, false);
    expect(&rig, "repair 6-6\n");
    message(&rig, 6, "six");
    message(&rig, 7, "seven");
    expect(&rig, "0 1 < six\n0 1 2 < seven\n");
    stop(&rig);
}
END_TEST

START_TEST(the_newest_number_shows_what_lacks)
{
    struct rig rig;
    start(&rig);
    say(&rig, &(struct plane_op){.kind = OP_GROUP_TOP, .a = GROUP, .b = 5}, 1);
    expect(&rig, "");
    say(&rig, &(struct plane_op){.kind = OP_GROUP_TOP, .a = GROUP, .b = 7}, 1);
    expect(&rig, "repair 6-7\n");
    stop(&rig);
}
END_TEST

START_TEST(the_question_is_repeated_and_then_the_members_are_told)
{
    struct rig rig;
    start(&rig);
    message(&rig, 7, "seven");
    message(&rig, 0, "somebody came");
    expect(&rig, "repair 6-6\n");
    ck_assert_uint_le(uplink_deadline(rig.uplink), rig.now_ms + 1000);
    wait_ms(&rig, 1000);
    expect(&rig, "repair 6-6\n");
    wait_ms(&rig, REPAIR_MS - 1000);
    expect(&rig, "0 1 < somebody came\nlagging 0 from 6\nlagging 1 from 6\n");
    message(&rig, 8, "eight");
    expect(&rig, "");
    say(&rig,
        (const struct plane_op[]){
            {.kind = OP_CATCH_UP, .slot = 0, .gen = 1, .a = 1, .b = 1, .bytes = BYTES_LIT("gap")},
            {.kind = OP_CATCH_UP, .slot = 1, .gen = 1, .a = 2, .b = 1, .bytes = BYTES_LIT("gap")},
            {.kind = OP_DELIVER, .a = GROUP, .b = 9, .bytes = BYTES_LIT("nine")}},
        3);
    expect(&rig, "send 0 gap\nsend 1 gap\n0 1 < nine\n");
    stop(&rig);
}
END_TEST

START_TEST(what_is_held_back_is_bounded)
{
    struct rig rig;
    struct uplink_stats stats;
    char large[300];
    memset(large, 'x', sizeof(large));
    large[sizeof(large) - 1] = 0;
    start(&rig);
    message(&rig, 7, large);
    expect(&rig, "repair 6-6\n");
    uplink_stats(rig.uplink, &stats);
    ck_assert_uint_le(stats.held_back_bytes, BUFFER);
    message(&rig, 8, large);
    expect(&rig, "lagging 0 from 6\nlagging 1 from 6\n");
    uplink_stats(rig.uplink, &stats);
    ck_assert_uint_eq(stats.held_back_bytes, 0);
    ck_assert_uint_eq(stats.repairs_given_up, 1);
    stop(&rig);
}
END_TEST

START_TEST(a_new_router_is_told_what_members_have_and_what_is_known_of)
{
    struct rig rig;
    start(&rig);
    message(&rig, 8, "eight");
    expect(&rig, "repair 6-7\n");
    struct buf reset;
    buf_init(&reset, 0);
    plane_reset_write(2, &reset);
    uplink_receive(rig.uplink, buf_bytes(&reset), rig.now_ms);
    buf_fini(&reset);
    wait_ms(&rig, 1);
    welcome(&rig, 2);
    uplink_flush(rig.uplink, rig.now_ms);
    ck_assert_ptr_nonnull(
        strstr((buf_append_byte(&rig.log, 0), (const char *)rig.log.data), "announce 5 of 8\n"));
    buf_clear(&rig.log);
    say(&rig,
        (const struct plane_op[]){
            {.kind = OP_GROUP_BIND, .a = GROUP, .b = 5, .bytes = BYTES_LIT("record")},
            {.kind = OP_DELIVER, .a = GROUP, .b = 6, .bytes = BYTES_LIT("six")}},
        2);
    expect(&rig, "0 1 < six\n");
    stop(&rig);
}
END_TEST

/* First it waited for the room's log, now that is there. */
static void bind_again(struct rig *rig, const char *record, uint64_t offset)
{
    say(rig,
        &(struct plane_op){
            .kind = OP_GROUP_BIND, .a = GROUP, .b = offset, .bytes = bytes_of_str(record)},
        1);
}

START_TEST(what_has_no_number_stays_when_the_group_is_bound_again)
{
    struct rig rig;
    start(&rig);
    message(&rig, 7, "seven");
    message(&rig, 0, "after");
    expect(&rig, "repair 6-6\n");
    bind_again(&rig, "record", 5);
    expect(&rig, "");
    message(&rig, 6, "six");
    message(&rig, 7, "seven");
    expect(&rig, "0 1 < six\n0 1 < seven\n0 1 < after\n");
    message(&rig, 8, "eight");
    expect(&rig, "0 1 < eight\n");
    stop(&rig);
}
END_TEST

START_TEST(what_has_no_number_follows_when_the_bind_says_that_nothing_lacks)
{
    struct rig rig;
    start(&rig);
    message(&rig, 7, "seven");
    message(&rig, 0, "after");
    expect(&rig, "repair 6-6\n");
    bind_again(&rig, "record", 7);
    expect(&rig, "0 1 < after\n");
    stop(&rig);
}
END_TEST

START_TEST(what_has_no_number_is_given_when_a_life_ends)
{
    struct rig rig;
    start(&rig);
    message(&rig, 7, "seven");
    message(&rig, 0, "after");
    expect(&rig, "repair 6-6\n");
    bind_again(&rig, "another", 0);
    message(&rig, 1, "one");
    expect(&rig, "0 1 < after\n0 1 < one\n");
    stop(&rig);
}
END_TEST

int main(void)
{
    Suite *all = suite_create("uplink_repair");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, what_lacks_is_asked_for_and_what_comes_later_waits);
    tcase_add_test(tcase, what_comes_twice_is_given_once);
    tcase_add_test(tcase, what_has_no_number_keeps_its_place);
    tcase_add_test(tcase, a_second_hole_is_asked_for_after_the_first);
    tcase_add_test(tcase, a_gap_stands_for_all_its_numbers);
    tcase_add_test(tcase, who_comes_meanwhile_gets_only_what_it_lacks);
    tcase_add_test(tcase, who_has_some_of_what_one_gap_stands_for_is_told_by_the_router);
    tcase_add_test(tcase, a_member_that_comes_shows_what_the_others_lack);
    tcase_add_test(tcase, the_newest_number_shows_what_lacks);
    tcase_add_test(tcase, the_question_is_repeated_and_then_the_members_are_told);
    tcase_add_test(tcase, what_is_held_back_is_bounded);
    tcase_add_test(tcase, a_new_router_is_told_what_members_have_and_what_is_known_of);
    tcase_add_test(tcase, what_has_no_number_stays_when_the_group_is_bound_again);
    tcase_add_test(tcase, what_has_no_number_follows_when_the_bind_says_that_nothing_lacks);
    tcase_add_test(tcase, what_has_no_number_is_given_when_a_life_ends);
    suite_add_tcase(all, tcase);
    return check_main(all);
}
