/* edge/uplink: what the edge tells a router, and when. What both do to each other over time is the
 * simulator's matter. */
#include "common/mem.h"
#include "edge/uplink.h"
#include "proto/plane_wire.h"
#include "tests/support/check_main.h"

enum { OPS_MAX = 64 };

/* The edge with what it said last. */
struct rig {
    struct uplink *uplink;
    struct arena arena;
    uint64_t now_ms;
    uint64_t random;
    uint64_t seq;      /* of our last data frame to it */
    uint64_t hello_at; /* of the last hello */
    unsigned hellos;
    uint64_t attempt;
    struct plane_op ops[OPS_MAX]; /* of data frames since forget() */
    size_t count;
    unsigned controls; /* control frames that were sent */
    unsigned drains;
    unsigned closes;
    bool close_ends; /* the shell ends a connection at once when it is told to close it */
    unsigned fenced;
    unsigned refused;
    size_t delivered_to;
    bool slow;         /* slot 0 does not read */
    unsigned sends;    /* pushes to one connection */
    uint8_t record;    /* first byte of the record in the last LAGGING */
    unsigned tickets;  /* sets of ticket keys given */
    uint8_t ticket[2]; /* first bytes of the last current and previous one */
};

static enum status transmit(void *owner, struct bytes header, struct bytes body)
{
    struct rig *rig = owner;
    struct plane_frame frame;
    struct plane_cursor cursor = {0};
    struct buf whole;
    buf_init(&whole, 0);
    buf_append(&whole, header);
    buf_append(&whole, body);
    arena_reset(&rig->arena);
    ck_assert(plane_frame_read(&rig->arena, buf_bytes(&whole), &frame));
    if (frame.kind == PLANE_FRAME_HELLO) {
        ck_assert_uint_gt(frame.greeting.attempt, rig->attempt);
        rig->attempt = frame.greeting.attempt;
        rig->hello_at = rig->now_ms;
        rig->hellos++;
    }
    while (frame.kind == PLANE_FRAME_DATA && rig->count < OPS_MAX &&
           plane_batch_next(&frame.batch, &cursor, &rig->ops[rig->count])) {
        struct plane_op *op = &rig->ops[rig->count++];
        rig->record = op->kind == OP_LAGGING ? op->bytes.data[0] : rig->record;
        op->bytes = BYTES_EMPTY; /* the view ends here */
    }
    rig->controls += frame.kind == PLANE_FRAME_ACK;
    buf_fini(&whole);
    return STATUS_OK;
}

static void reconnect(void *owner)
{
    (void)owner;
}

static void send_one(void *owner, uint32_t slot, struct bytes payload, bool binary)
{
    struct rig *rig = owner;
    (void)slot;
    (void)payload;
    (void)binary;
    rig->sends++;
}

static bool is_slow(void *owner, uint32_t slot)
{
    const struct rig *rig = owner;
    return slot == 0 && rig->slow;
}

static void deliver(void *owner, const struct uplink_delivery *delivery)
{
    struct rig *rig = owner;
    rig->delivered_to += delivery->slot_count;
}

static void close_one(void *owner, uint32_t slot, uint16_t code, struct bytes text)
{
    struct rig *rig = owner;
    (void)code;
    (void)text;
    rig->closes++;
    if (rig->close_ends) {
        uplink_closed(rig->uplink, slot, 1000, false, BYTES_LIT("policy"));
    }
}

static void on_state(void *owner, enum uplink_state state)
{
    (void)owner;
    (void)state;
}

static void fenced(void *owner)
{
    struct rig *rig = owner;
    rig->fenced++;
}

static void refused(void *owner, struct bytes text)
{
    struct rig *rig = owner;
    (void)text;
    rig->refused++;
}

static void on_admission(void *owner, uint64_t rate, uint64_t cluster_rate)
{
    (void)owner;
    (void)rate;
    (void)cluster_rate;
}

static void on_ticket_keys(void *owner, const struct plane_ticket_keys *keys)
{
    struct rig *rig = owner;
    ck_assert_uint_eq(keys->current.len, PLANE_TICKET_KEY_BYTES);
    rig->tickets++;
    rig->ticket[0] = keys->current.data[0];
    rig->ticket[1] = keys->previous.len == 0 ? 0 : keys->previous.data[0];
}

static void on_drain(void *owner)
{
    struct rig *rig = owner;
    rig->drains++;
    uplink_drain(rig->uplink, 0); /* as a shell does at once */
}

static uint64_t draw(void *owner)
{
    struct rig *rig = owner;
    return ++rig->random;
}

static void start(struct rig *rig)
{
    static const struct uplink_callbacks callbacks = {
        .transmit = transmit,
        .reconnect = reconnect,
        .send = send_one,
        .deliver = deliver,
        .is_slow = is_slow,
        .close = close_one,
        .on_state = on_state,
        .fenced = fenced,
        .refused = refused,
        .on_ticket_keys = on_ticket_keys,
        .drain = on_drain,
        .on_admission = on_admission,
        .random = draw,
    };
    const struct uplink_config config = {.edge_id = BYTES_LIT("edge"),
                                         .hold_bytes_max = 1 << 20,
                                         .repair_bytes_max = 1000,
                                         .repair_ms = 5000,
                                         .credit_bytes = 1 << 20,
                                         .slots_max = 16};
    *rig = (struct rig){.now_ms = 1000};
    arena_init(&rig->arena, 1 << 20);
    rig->uplink = uplink_new(&config, &callbacks, rig, rig->now_ms);
}

static void stop(struct rig *rig)
{
    uplink_free(&rig->uplink);
    arena_fini(&rig->arena);
}

static void turn(struct rig *rig)
{
    uplink_tick(rig->uplink, rig->now_ms);
    uplink_flush(rig->uplink, rig->now_ms);
}

static void receive(struct rig *rig, struct buf *frame)
{
    uplink_receive(rig->uplink, buf_bytes(frame), rig->now_ms);
    buf_fini(frame);
    uplink_flush(rig->uplink, rig->now_ms);
}

static void welcome_with(struct rig *rig, uint64_t router, struct bytes ticket_keys)
{
    struct buf out;
    buf_init(&out, 0);
    plane_welcome_write(&(struct plane_greeting){.version = PLANE_VERSION,
                                                 .id = BYTES_LIT("router"),
                                                 .router_incarnation = router,
                                                 .credit = 1 << 20,
                                                 .heartbeat_ms = 500,
                                                 .suspect_ms = 1500,
                                                 .dead_ms = 3000,
                                                 .ticket_keys = ticket_keys},
                        &out);
    rig->seq = 0;
    receive(rig, &out);
}

static void welcome(struct rig *rig, uint64_t router)
{
    welcome_with(rig, router, BYTES_EMPTY);
}

static void router_says(struct rig *rig, const struct plane_op *ops, size_t count)
{
    struct plane_builder builder;
    struct buf out;
    uint8_t header[PLANE_HEADER_MAX];
    size_t len = 0;
    plane_builder_init(&builder, NULL);
    for (size_t i = 0; i < count; i++) {
        plane_builder_add(&builder, &ops[i]);
    }
    uint8_t *body = plane_builder_take(&builder, &len);
    buf_init(&out, 0);
    buf_append(&out, bytes_of(header, plane_header_write(header, ++rig->seq, 0)));
    buf_append(&out, bytes_of(body, len));
    mem_free(body);
    plane_builder_fini(&builder);
    receive(rig, &out);
}

static void refuse(struct rig *rig, enum plane_refusal refusal)
{
    struct buf out;
    buf_init(&out, 0);
    plane_refuse_write(refusal, "no", &out);
    receive(rig, &out);
}

static void hold(struct rig *rig)
{
    struct buf out;
    buf_init(&out, 0);
    plane_hold_write(rig->seq, 0, &out);
    receive(rig, &out);
}

/* How many operations of a kind were sent since the last forget(). */
static unsigned count_of(const struct rig *rig, enum plane_op_kind kind)
{
    unsigned count = 0;
    for (size_t i = 0; i < rig->count; i++) {
        count += rig->ops[i].kind == kind;
    }
    return count;
}

static void forget(struct rig *rig)
{
    rig->count = 0;
}

/* Up with one accepted connection, slot 0 generation 1, in group 50. */
static void start_with_one(struct rig *rig)
{
    start(rig);
    turn(rig);
    welcome(rig, 7);
    uplink_opened(rig->uplink, 0, 1, &(struct uplink_open){.token = BYTES_LIT("t")});
    turn(rig);
    const struct plane_op ops[] = {
        {.kind = OP_ACCEPT, .gen = 1, .bytes = BYTES_LIT("record")},
        {.kind = OP_GROUP_ADD, .gen = 1, .a = 50, .b = 3, .bytes = BYTES_LIT("room")},
    };
    router_says(rig, ops, 2);
    forget(rig);
}

static void move_to_next_router(struct rig *rig, uint64_t router)
{
    hold(rig);
    forget(rig);
    turn(rig);
    welcome(rig, router);
}

START_TEST(a_new_router_is_told_of_every_accepted_connection)
{
    struct rig rig;
    start_with_one(&rig);
    move_to_next_router(&rig, 8);
    ck_assert_uint_eq(count_of(&rig, OP_ANNOUNCE_GROUP), 1);
    ck_assert_uint_eq(count_of(&rig, OP_ANNOUNCE_CONN), 1);
    ck_assert_uint_eq(count_of(&rig, OP_ANNOUNCE_END), 1);
    ck_assert_uint_eq(count_of(&rig, OP_OPEN), 1); /* never acknowledged */
    stop(&rig);
}
END_TEST

START_TEST(a_router_that_asks_for_a_drain_hears_that_it_has_begun)
{
    struct rig rig;
    start_with_one(&rig);
    router_says(&rig, &(struct plane_op){.kind = OP_DRAIN}, 1);
    ck_assert_uint_eq(rig.drains, 1);
    uplink_flush(rig.uplink, rig.now_ms);
    ck_assert_uint_eq(count_of(&rig, OP_DRAINING), 1);
    stop(&rig);
}
END_TEST

START_TEST(a_connection_that_the_router_closed_is_not_told_to_the_next)
{
    struct rig rig;
    start_with_one(&rig);
    router_says(&rig, &(struct plane_op){.kind = OP_CLOSE, .gen = 1, .a = 4003}, 1);
    ck_assert_uint_eq(rig.closes, 1);
    ck_assert_int_eq(uplink_message(rig.uplink, 0, BYTES_LIT("x"), false, 1), STATUS_OK);
    move_to_next_router(&rig, 8);
    ck_assert_uint_eq(count_of(&rig, OP_ANNOUNCE_CONN), 0);
    ck_assert_uint_eq(count_of(&rig, OP_TEXT), 0);
    uplink_closed(rig.uplink, 0, 4003, false, BYTES_LIT("kicked"));
    stop(&rig);
}
END_TEST

START_TEST(the_first_member_as_the_router_counts_says_where_the_group_stands)
{
    struct rig rig;
    start_with_one(&rig);
    uplink_closed(rig.uplink, 0, 0, false, BYTES_LIT("client")); /* holds the group, unheard */
    uplink_opened(rig.uplink, 1, 1, &(struct uplink_open){.token = BYTES_LIT("t")});
    const struct plane_op ops[] = {
        {.kind = OP_ACCEPT, .slot = 1, .gen = 1, .bytes = BYTES_LIT("record")},
        {.kind = OP_GROUP_ADD, .slot = 1, .gen = 1, .a = 50, .b = 9, .bytes = BYTES_LIT("room")},
    };
    router_says(&rig, ops, 2);
    move_to_next_router(&rig, 8);
    ck_assert_int_eq(rig.ops[0].kind, OP_ANNOUNCE_GROUP);
    ck_assert_uint_eq(rig.ops[0].b, 9);
    stop(&rig);
}
END_TEST

START_TEST(groups_in_which_somebody_listens_are_announced_first)
{
    struct rig rig;
    start_with_one(&rig);
    router_says(&rig, &(struct plane_op){.kind = OP_CLOSE, .gen = 1, .a = 4003}, 1);
    uplink_opened(rig.uplink, 1, 1, &(struct uplink_open){.token = BYTES_LIT("t")});
    const struct plane_op add = {
        .kind = OP_GROUP_ADD, .slot = 1, .gen = 1, .a = 51, .b = 1, .bytes = BYTES_LIT("room")};
    router_says(&rig, &add, 1);
    move_to_next_router(&rig, 8);
    ck_assert_uint_eq(count_of(&rig, OP_ANNOUNCE_GROUP), 2);
    ck_assert_uint_eq(rig.ops[0].b, 1); /* the second, which is younger */
    ck_assert_uint_eq(rig.ops[1].b, 3);
    uplink_closed(rig.uplink, 0, 4003, false, BYTES_LIT("kicked"));
    stop(&rig);
}
END_TEST

START_TEST(two_groups_that_turn_out_to_be_one_are_joined)
{
    struct rig rig;
    struct uplink_stats stats;
    start_with_one(&rig);
    uplink_opened(rig.uplink, 1, 1, &(struct uplink_open){.token = BYTES_LIT("t")});
    const struct plane_op add = {
        .kind = OP_GROUP_ADD, .slot = 1, .gen = 1, .a = 51, .b = 1, .bytes = BYTES_LIT("room")};
    router_says(&rig, &add, 1);
    move_to_next_router(&rig, 8);
    const struct plane_op binds[] = {
        {.kind = OP_GROUP_BIND, .slot = 0, .a = 60, .b = 3, .bytes = BYTES_LIT("room")},
        {.kind = OP_GROUP_BIND, .slot = 1, .a = 60, .b = 3, .bytes = BYTES_LIT("room")},
        {.kind = OP_DELIVER, .a = 60, .b = 4, .bytes = BYTES_LIT("hello")},
    };
    router_says(&rig, binds, 3);
    uplink_stats(rig.uplink, &stats);
    ck_assert_uint_eq(rig.delivered_to, 2);
    ck_assert_uint_eq(stats.groups, 1);
    ck_assert_uint_eq(stats.bad_frames, 0);
    stop(&rig);
}
END_TEST

START_TEST(a_refusal_that_answers_no_hello_means_nothing)
{
    struct rig rig;
    start_with_one(&rig);
    refuse(&rig, PLANE_REFUSE_FENCED);
    ck_assert_uint_eq(rig.fenced, 0);
    ck_assert_int_eq(uplink_state(rig.uplink), UPLINK_UP);
    hold(&rig);
    turn(&rig);
    refuse(&rig, PLANE_REFUSE_FENCED);
    refuse(&rig, PLANE_REFUSE_FENCED); /* of the hello before it */
    ck_assert_uint_eq(rig.fenced, 1);
    uplink_closed(rig.uplink, 0, 0, false, BYTES_LIT("fenced"));
    stop(&rig);
}
END_TEST

START_TEST(a_hello_without_an_answer_is_repeated_soon_and_then_less_and_less)
{
    struct rig rig;
    uint64_t at[6];
    start(&rig);
    for (unsigned i = 0; i < 6; i++) {
        while (rig.hellos == i) {
            rig.now_ms = uplink_deadline(rig.uplink);
            turn(&rig);
        }
        at[i] = rig.hello_at;
    }
    ck_assert_uint_le(at[1] - at[0], 500);
    for (unsigned i = 2; i < 6; i++) {
        ck_assert_uint_gt(at[i] - at[i - 1], at[i - 1] - at[i - 2]);
    }
    ck_assert_uint_le(at[5] - at[4], 5000);
    stop(&rig);
}
END_TEST

START_TEST(in_a_long_turn_it_says_that_it_lives_as_often_as_a_heartbeat_is_due)
{
    struct rig rig;
    start(&rig);
    turn(&rig);
    uplink_alive(rig.uplink, rig.now_ms + 5000); /* nobody is there who would want to know */
    ck_assert_uint_eq(rig.controls, 0);
    welcome(&rig, 7);
    turn(&rig);
    unsigned before = rig.controls;
    uplink_alive(rig.uplink, rig.now_ms + 100);
    ck_assert_uint_eq(rig.controls, before);
    for (unsigned i = 1; i <= 20; i++) {
        uplink_alive(rig.uplink, rig.now_ms + 250 * i);
    }
    ck_assert_uint_eq(rig.controls, before + 10);
    ck_assert_int_eq(uplink_state(rig.uplink), UPLINK_UP); /* the router's silence is not judged */
    stop(&rig);
}
END_TEST

static void write_tickets(struct buf *out, uint8_t current, uint8_t previous)
{
    uint8_t keys[2][PLANE_TICKET_KEY_BYTES];
    memset(keys[0], current, sizeof(keys[0]));
    memset(keys[1], previous, sizeof(keys[1]));
    buf_init(out, 0);
    plane_ticket_keys_write(
        &(struct plane_ticket_keys){.current = bytes_of(keys[0], sizeof(keys[0])),
                                    .previous = bytes_of(keys[1], sizeof(keys[1]))},
        out);
}

START_TEST(ticket_keys_come_with_the_welcome_and_on_the_way)
{
    struct rig rig;
    struct buf keys;
    struct uplink_stats stats;
    start(&rig);
    turn(&rig);
    write_tickets(&keys, 4, 3);
    welcome_with(&rig, 7, buf_bytes(&keys));
    buf_fini(&keys);
    ck_assert_uint_eq(rig.tickets, 1);
    ck_assert_uint_eq(rig.ticket[0], 4);
    ck_assert_uint_eq(rig.ticket[1], 3);
    write_tickets(&keys, 5, 4);
    router_says(&rig, &(struct plane_op){.kind = OP_TICKET_KEYS, .bytes = buf_bytes(&keys)}, 1);
    buf_fini(&keys);
    ck_assert_uint_eq(rig.tickets, 2);
    ck_assert_uint_eq(rig.ticket[0], 5);
    ck_assert_uint_eq(rig.ticket[1], 4);
    move_to_next_router(&rig, 8); /* one that has none to give */
    ck_assert_int_eq(uplink_state(rig.uplink), UPLINK_UP);
    ck_assert_uint_eq(rig.tickets, 2);
    uplink_stats(rig.uplink, &stats);
    ck_assert_uint_eq(stats.bad_frames, 0);
    stop(&rig);
}
END_TEST

START_TEST(ticket_keys_that_are_none_are_counted_and_hurt_nobody)
{
    struct rig rig;
    struct uplink_stats stats;
    start(&rig);
    turn(&rig);
    welcome_with(&rig, 7, BYTES_LIT("nonsense"));
    ck_assert_int_eq(uplink_state(rig.uplink), UPLINK_UP);
    router_says(&rig, &(struct plane_op){.kind = OP_TICKET_KEYS, .bytes = BYTES_LIT("x")}, 1);
    ck_assert_int_eq(uplink_state(rig.uplink), UPLINK_UP);
    ck_assert_uint_eq(rig.tickets, 0);
    uplink_stats(rig.uplink, &stats);
    ck_assert_uint_eq(stats.bad_frames, 2);
    stop(&rig);
}
END_TEST

START_TEST(what_follows_the_end_of_a_connection_in_one_batch_is_not_for_it)
{
    struct rig rig;
    start_with_one(&rig);
    rig.close_ends = true;
    const struct plane_op ops[] = {
        {.kind = OP_SEND, .gen = 1, .bytes = BYTES_LIT("before")},
        {.kind = OP_CLOSE, .gen = 1, .a = 4003},
        {.kind = OP_SEND, .gen = 1, .bytes = BYTES_LIT("behind")},
        {.kind = OP_CLOSE, .gen = 1, .a = 4003},
    };
    router_says(&rig, ops, 4);
    ck_assert_uint_eq(rig.sends, 1);
    ck_assert_uint_eq(rig.closes, 1);
    stop(&rig);
}
END_TEST

/* As OP_TICKET_KEYS is to an edge that is older. */
START_TEST(an_operation_of_a_newer_router_is_skipped)
{
    struct rig rig;
    struct uplink_stats stats;
    start_with_one(&rig);
    const struct plane_op ops[] = {
        {.kind = (enum plane_op_kind)1000, .bytes = BYTES_LIT("what?")},
        {.kind = OP_DELIVER, .a = 50, .b = 4, .bytes = BYTES_LIT("hello")},
    };
    router_says(&rig, ops, 2);
    uplink_stats(rig.uplink, &stats);
    ck_assert_uint_eq(rig.delivered_to, 1);
    ck_assert_uint_eq(stats.bad_frames, 0);
    ck_assert_int_eq(uplink_state(rig.uplink), UPLINK_UP);
    stop(&rig);
}
END_TEST

static const struct plane_op may_be_left_out = {
    .kind = OP_GROUP_POLICY, .a = 50, .b = PLANE_GROUP_DROPPABLE};

static void deliver_one(struct rig *rig, uint64_t offset)
{
    router_says(
        rig, &(struct plane_op){.kind = OP_DELIVER, .a = 50, .b = offset, .bytes = BYTES_LIT("x")},
        1);
}

/* As start_with_one, but the connection in group 50 lags since offset 4. */
static void start_with_one_that_lags(struct rig *rig)
{
    start_with_one(rig);
    router_says(rig, &may_be_left_out, 1);
    rig->slow = true;
    deliver_one(rig, 4);
    ck_assert_uint_eq(rig->delivered_to, 0);
}

static struct plane_op the_question(struct rig *rig)
{
    uplink_caught_up(rig->uplink, 0);
    turn(rig);
    ck_assert_uint_eq(count_of(rig, OP_LAGGING), 1);
    struct plane_op asked = rig->ops[rig->count - 1];
    forget(rig);
    return asked;
}

static void answer(struct rig *rig, uint64_t token, bool last)
{
    router_says(
        rig,
        &(struct plane_op){
            .kind = OP_CATCH_UP, .gen = 1, .a = token, .b = last, .bytes = BYTES_LIT("gap")},
        1);
}

START_TEST(a_slow_reader_of_a_group_that_must_be_whole_gets_everything)
{
    struct rig rig;
    start_with_one(&rig);
    rig.slow = true;
    deliver_one(&rig, 4);
    ck_assert_uint_eq(rig.delivered_to, 1);
    stop(&rig);
}
END_TEST

START_TEST(deliveries_are_left_out_for_a_slow_reader_until_it_was_told)
{
    struct rig rig;
    struct uplink_stats stats;
    start_with_one_that_lags(&rig);
    deliver_one(&rig, 5);
    rig.slow = false;
    deliver_one(&rig, 6);
    ck_assert_uint_eq(rig.delivered_to, 0);
    struct plane_op asked = the_question(&rig);
    ck_assert_uint_eq(asked.slot, 0);
    ck_assert_uint_eq(asked.gen, 1);
    ck_assert_uint_eq(asked.a, 4);
    ck_assert_uint_eq(rig.record, 'r');
    deliver_one(&rig, 7);
    ck_assert_uint_eq(rig.delivered_to, 0);
    answer(&rig, asked.b, true);
    ck_assert_uint_eq(rig.sends, 1);
    deliver_one(&rig, 8);
    ck_assert_uint_eq(rig.delivered_to, 1);
    uplink_stats(rig.uplink, &stats);
    ck_assert_uint_eq(stats.left_out, 4);
    ck_assert_uint_eq(stats.lagging, 0);
    stop(&rig);
}
END_TEST

START_TEST(it_is_asked_once_and_an_answer_that_comes_again_is_not_told)
{
    struct rig rig;
    start_with_one_that_lags(&rig);
    struct plane_op asked = the_question(&rig);
    uplink_caught_up(rig.uplink, 0);
    turn(&rig);
    ck_assert_uint_eq(count_of(&rig, OP_LAGGING), 0);
    answer(&rig, asked.b + 1, true);
    ck_assert_uint_eq(rig.sends, 0);
    answer(&rig, asked.b, false);
    answer(&rig, asked.b, true);
    answer(&rig, asked.b, true);
    ck_assert_uint_eq(rig.sends, 2);
    stop(&rig);
}
END_TEST

START_TEST(what_waits_in_one_batch_is_left_out_from_its_first_offset_on)
{
    struct rig rig;
    start_with_one(&rig);
    router_says(&rig, &may_be_left_out, 1);
    rig.slow = true;
    const struct plane_op ops[] = {
        {.kind = OP_DELIVER, .a = 50, .b = 4, .bytes = BYTES_LIT("x")},
        {.kind = OP_DELIVER, .a = 50, .b = 0, .bytes = BYTES_LIT("x")},
        {.kind = OP_DELIVER, .a = 50, .b = 5, .bytes = BYTES_LIT("x")},
    };
    router_says(&rig, ops, 3);
    ck_assert_uint_eq(the_question(&rig).a, 4);
    stop(&rig);
}
END_TEST

START_TEST(an_unanswered_question_is_asked_again_of_the_next_router)
{
    struct rig rig;
    start_with_one_that_lags(&rig);
    struct plane_op asked = the_question(&rig);
    move_to_next_router(&rig, 8);
    ck_assert_uint_eq(count_of(&rig, OP_LAGGING), 1);
    answer(&rig, asked.b, true);
    ck_assert_uint_eq(rig.sends, 1);
    stop(&rig);
}
END_TEST

START_TEST(an_unanswered_question_about_a_life_that_is_over_is_asked_anew)
{
    struct rig rig;
    start_with_one_that_lags(&rig);
    struct plane_op asked = the_question(&rig);
    move_to_next_router(&rig, 8);
    router_says(&rig, &(struct plane_op){.kind = OP_GROUP_BIND, .a = 9, .bytes = BYTES_LIT("new")},
                1);
    answer(&rig, asked.b, true);
    ck_assert_uint_eq(rig.sends, 0);
    answer(&rig, asked.b + 1, true);
    ck_assert_uint_eq(rig.sends, 1);
    stop(&rig);
}
END_TEST

START_TEST(who_lags_over_a_routers_death_names_the_life_that_it_knows)
{
    struct rig rig;
    start_with_one_that_lags(&rig);
    move_to_next_router(&rig, 8);
    const struct plane_op ops[] = {
        {.kind = OP_GROUP_BIND, .a = 9, .bytes = BYTES_LIT("new")},
        {.kind = OP_DELIVER, .a = 9, .bytes = BYTES_LIT("epoch")},
    };
    router_says(&rig, ops, 2);
    ck_assert_uint_eq(rig.delivered_to, 0);
    (void)the_question(&rig);
    ck_assert_uint_eq(rig.record, 'r');
    stop(&rig);
}
END_TEST

START_TEST(who_leaves_or_ends_lags_no_more)
{
    struct rig rig;
    struct uplink_stats stats;
    start_with_one_that_lags(&rig);
    router_says(&rig, &(struct plane_op){.kind = OP_GROUP_REMOVE, .gen = 1, .a = 50}, 1);
    uplink_stats(rig.uplink, &stats);
    ck_assert_uint_eq(stats.lagging, 0);
    const struct plane_op ops[] = {
        {.kind = OP_GROUP_ADD, .gen = 1, .a = 50, .b = 8, .bytes = BYTES_LIT("room")},
        may_be_left_out,
        {.kind = OP_DELIVER, .a = 50, .b = 9, .bytes = BYTES_LIT("x")},
    };
    router_says(&rig, ops, 3);
    uplink_stats(rig.uplink, &stats);
    ck_assert_uint_eq(stats.lagging, 1);
    uplink_closed(rig.uplink, 0, 1000, true, BYTES_LIT("client"));
    uplink_stats(rig.uplink, &stats);
    ck_assert_uint_eq(stats.lagging, 0);
    stop(&rig);
}
END_TEST

static void ban(struct rig *rig, enum plane_op_kind kind, uint32_t slot, const char *text,
                uint64_t for_ms)
{
    uint8_t bytes[PLANE_NET_BYTES] = {0};
    struct address_net net;
    struct plane_op op = {.kind = kind, .slot = slot, .a = for_ms};
    if (text != NULL) {
        ck_assert(address_net_parse(bytes_of_str(text), &net));
        memcpy(bytes, net.base.octets, sizeof(net.base.octets));
        bytes[PLANE_NET_BYTES - 1] = net.prefix_bits;
        op.bytes = bytes_of(bytes, PLANE_NET_BYTES);
    }
    router_says(rig, &op, 1);
}

static bool banned(const struct rig *rig, const char *text)
{
    struct address address;
    ck_assert(address_parse(bytes_of_str(text), &address));
    return uplink_is_banned(rig->uplink, &address, rig->now_ms);
}

START_TEST(banned_ranges_hold_for_their_time_also_without_a_router)
{
    struct rig rig;
    start_with_one(&rig);
    ban(&rig, OP_BAN, 0, "192.0.2.0/24", 0);
    ban(&rig, OP_BAN, 0, "192.0.2.7", 500);
    ban(&rig, OP_BAN, 0, "10.0.0.0/8", 500);
    ck_assert(banned(&rig, "192.0.2.7") && banned(&rig, "10.1.1.1") && !banned(&rig, "11.1.1.1"));
    hold(&rig);
    rig.now_ms += 500;
    ck_assert(banned(&rig, "192.0.2.7")); /* the wider one has no end */
    ck_assert(!banned(&rig, "10.1.1.1"));
    move_to_next_router(&rig, 6);
    ck_assert(banned(&rig, "192.0.2.7"));
    ban(&rig, OP_BAN, 1, NULL, 0); /* the new one's are all there are */
    ck_assert(!banned(&rig, "192.0.2.7"));
    ban(&rig, OP_BAN, 0, "2001:db8::/64", 0);
    ck_assert(banned(&rig, "2001:db8::1"));
    ban(&rig, OP_UNBAN, 0, "2001:db8::/64", 0);
    ck_assert(!banned(&rig, "2001:db8::1"));
    ban(&rig, OP_UNBAN, 0, "2001:db8::/64", 0); /* again: harmless */
    struct uplink_stats stats;
    uplink_stats(rig.uplink, &stats);
    ck_assert_uint_eq(stats.bans, 0);
    ck_assert_uint_eq(stats.bad_frames, 0);
    ban(&rig, OP_BAN, 0, NULL, 0);
    router_says(&rig,
                &(struct plane_op){.kind = OP_BAN, .bytes = BYTES_LIT("0123456789abcdef\x81")}, 1);
    uplink_stats(rig.uplink, &stats);
    ck_assert_uint_eq(stats.bad_frames, 2);
    stop(&rig);
}
END_TEST

static void spent(struct rig *rig, const char *user, uint64_t messages_ms, uint64_t bytes_ms)
{
    router_says(rig,
                &(struct plane_op){
                    .kind = OP_SPENT, .a = messages_ms, .b = bytes_ms, .bytes = bytes_of_str(user)},
                1);
}

static bool announced_spent(const struct rig *rig, uint64_t messages_ms, uint64_t bytes_ms)
{
    bool found = false;
    for (size_t i = 0; i < rig->count; i++) {
        const struct plane_op *op = &rig->ops[i];
        found =
            found || (op->kind == OP_ANNOUNCE_SPENT && op->a == messages_ms && op->b == bytes_ms);
    }
    return found;
}

START_TEST(what_users_have_spent_is_told_to_the_next_router_until_it_is_paid_back)
{
    struct rig rig;
    start_with_one(&rig);
    spent(&rig, "alice", 600, 100);
    spent(&rig, "bob", 300, 0);
    spent(&rig, "carol", 100, 900);
    rig.now_ms += 200;
    spent(&rig, "alice", 700, 100);
    spent(&rig, "carol", 0, 0); /* no word of the router shortens what it said */
    rig.now_ms += 100;
    move_to_next_router(&rig, 8);
    ck_assert_uint_eq(count_of(&rig, OP_ANNOUNCE_SPENT), 2);
    ck_assert(announced_spent(&rig, 600, 0)); /* alice */
    ck_assert(announced_spent(&rig, 0, 600)); /* carol */
    rig.now_ms += 600;
    move_to_next_router(&rig, 9);
    ck_assert_uint_eq(count_of(&rig, OP_ANNOUNCE_SPENT), 0);
    spent(&rig, "", 1, 1);
    struct uplink_stats stats;
    uplink_stats(rig.uplink, &stats);
    ck_assert_uint_eq(stats.bad_frames, 1);
    stop(&rig);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("uplink");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, a_new_router_is_told_of_every_accepted_connection);
    tcase_add_test(tcase, a_connection_that_the_router_closed_is_not_told_to_the_next);
    tcase_add_test(tcase, the_first_member_as_the_router_counts_says_where_the_group_stands);
    tcase_add_test(tcase, groups_in_which_somebody_listens_are_announced_first);
    tcase_add_test(tcase, two_groups_that_turn_out_to_be_one_are_joined);
    tcase_add_test(tcase, a_refusal_that_answers_no_hello_means_nothing);
    tcase_add_test(tcase, a_hello_without_an_answer_is_repeated_soon_and_then_less_and_less);
    tcase_add_test(tcase, in_a_long_turn_it_says_that_it_lives_as_often_as_a_heartbeat_is_due);
    tcase_add_test(tcase, ticket_keys_come_with_the_welcome_and_on_the_way);
    tcase_add_test(tcase, ticket_keys_that_are_none_are_counted_and_hurt_nobody);
    tcase_add_test(tcase, what_follows_the_end_of_a_connection_in_one_batch_is_not_for_it);
    tcase_add_test(tcase, an_operation_of_a_newer_router_is_skipped);
    tcase_add_test(tcase, a_slow_reader_of_a_group_that_must_be_whole_gets_everything);
    tcase_add_test(tcase, deliveries_are_left_out_for_a_slow_reader_until_it_was_told);
    tcase_add_test(tcase, it_is_asked_once_and_an_answer_that_comes_again_is_not_told);
    tcase_add_test(tcase, what_waits_in_one_batch_is_left_out_from_its_first_offset_on);
    tcase_add_test(tcase, an_unanswered_question_is_asked_again_of_the_next_router);
    tcase_add_test(tcase, an_unanswered_question_about_a_life_that_is_over_is_asked_anew);
    tcase_add_test(tcase, who_lags_over_a_routers_death_names_the_life_that_it_knows);
    tcase_add_test(tcase, who_leaves_or_ends_lags_no_more);
    tcase_add_test(tcase, banned_ranges_hold_for_their_time_also_without_a_router);
    tcase_add_test(tcase, a_router_that_asks_for_a_drain_hears_that_it_has_begun);
    tcase_add_test(tcase, what_users_have_spent_is_told_to_the_next_router_until_it_is_paid_back);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
