/* What edges are asked about connections and deliveries: a real uplink and a real plane, joined by
 * two queues. */
#include "common/mem.h"
#include "edge/uplink_down.h"
#include "proto/plane_reports.h"
#include "router/explain.h"
#include "router/plane_internal.h"
#include "tests/support/check_main.h"

enum { GRACE_MS = 5000, CONNS = 4, QUEUE_MAX = 64 };

struct queue {
    struct buf messages[QUEUE_MAX];
    size_t count;
};

struct rig {
    struct uplink *uplink;
    struct router_plane *plane;
    struct queue up;
    struct queue down;
    uint64_t now_ms;
    bool old; /* the edge reports nothing */
    uint64_t random;
    /* at the edge */
    uint64_t queued_bytes; /* what it says of every connection */
    unsigned deliveries;
    size_t payloads;
    uint64_t trace; /* of the last delivery that was asked after */
    size_t traced_to;
    /* at the router */
    uint64_t tapped; /* number of the last message's trace */
    unsigned tapped_count;
    unsigned traced_count;
    unsigned asked;
    unsigned told;
    uint64_t hop_number;
    struct plane_hop hop;
    unsigned states;
    uint64_t question;
    struct conn_ref conn;
    bool open;
    struct plane_conn_state state;
};

static enum status put(struct queue *queue, struct bytes header, struct bytes body)
{
    ck_assert_uint_lt(queue->count, QUEUE_MAX);
    struct buf *message = &queue->messages[queue->count++];
    buf_init(message, 0);
    buf_append(message, header);
    buf_append(message, body);
    return STATUS_OK;
}

static enum status up(void *owner, struct bytes header, struct bytes body)
{
    struct rig *rig = owner;
    return put(&rig->up, header, body);
}

static enum status down(void *owner, struct bytes peer, struct bytes header, struct bytes body)
{
    struct rig *rig = owner;
    (void)peer;
    return put(&rig->down, header, body);
}

static void reconnect(void *owner)
{
    (void)owner;
}

static void send_one(void *owner, uint32_t slot, struct bytes payload, bool binary)
{
    (void)owner;
    (void)slot;
    (void)payload;
    (void)binary;
}

static void deliver(void *owner, const struct uplink_delivery *delivery)
{
    struct rig *rig = owner;
    rig->deliveries++;
    rig->payloads += delivery->payload_count;
    if (delivery->trace != 0) {
        rig->trace = delivery->trace;
        rig->traced_to = delivery->slot_count;
        ck_assert_uint_eq(delivery->payload_count, 1);
    }
}

static bool conn_state(void *owner, uint32_t slot, struct plane_conn_state *ret_state)
{
    const struct rig *rig = owner;
    *ret_state = (struct plane_conn_state){.queued_bytes = rig->queued_bytes + slot};
    return true;
}

static bool is_slow(void *owner, uint32_t slot)
{
    (void)owner;
    (void)slot;
    return false;
}

static void close_one(void *owner, uint32_t slot, uint16_t code, struct bytes text)
{
    (void)owner;
    (void)slot;
    (void)code;
    (void)text;
    ck_abort_msg("nobody is to be closed");
}

static void on_state(void *owner, enum uplink_state state)
{
    (void)owner;
    (void)state;
}

static void never(void *owner)
{
    (void)owner;
    ck_abort_msg("an honest edge was fenced");
}

static void refused(void *owner, struct bytes text)
{
    (void)owner;
    (void)text;
    ck_abort_msg("an honest edge was refused");
}

static void on_admission(void *owner, uint64_t rate, uint64_t cluster_rate)
{
    (void)owner;
    (void)rate;
    (void)cluster_rate;
}

static void on_ticket_keys(void *owner, const struct plane_ticket_keys *keys)
{
    (void)owner;
    (void)keys;
}

static uint64_t draw(void *owner)
{
    struct rig *rig = owner;
    return ++rig->random;
}

static void on_edge(void *owner, enum plane_edge_event event, struct bytes edge_id,
                    const char *text)
{
    (void)owner;
    (void)edge_id;
    (void)text;
    ck_assert_int_ne(event, PLANE_EDGE_BAD_FRAME);
}

static void on_auth_failed(void *owner, struct bytes edge_id, struct bytes address, const char *why)
{
    (void)owner;
    (void)edge_id;
    (void)address;
    (void)why;
}

static void on_admin_done(void *owner, const struct core_effect *done)
{
    (void)owner;
    (void)done;
}

static void on_tapped(void *owner, const struct core_tapped *tapped, uint64_t trace)
{
    struct rig *rig = owner;
    ck_assert_int_eq(tapped->kind, CORE_TAPPED_MESSAGE);
    rig->tapped = trace;
    rig->tapped_count++;
    rig->traced_count += trace != 0;
}

static void on_hop(void *owner, uint64_t trace, struct bytes edge_id, const struct plane_hop *hop)
{
    struct rig *rig = owner;
    ck_assert(bytes_equal(edge_id, BYTES_LIT("e")));
    rig->hop_number = trace;
    rig->asked += hop == NULL;
    rig->told += hop != NULL;
    rig->hop = hop == NULL ? rig->hop : *hop;
}

static void on_conn_state(void *owner, uint64_t question, struct conn_ref conn,
                          const struct plane_conn_state *state)
{
    struct rig *rig = owner;
    rig->states++;
    rig->question = question;
    rig->conn = conn;
    rig->open = state != NULL;
    rig->state = state == NULL ? rig->state : *state;
}

static struct uplink *new_uplink(struct rig *rig)
{
    const struct uplink_callbacks callbacks = {.transmit = up,
                                               .reconnect = reconnect,
                                               .send = send_one,
                                               .deliver = deliver,
                                               .is_slow = is_slow,
                                               .close = close_one,
                                               .on_state = on_state,
                                               .fenced = never,
                                               .refused = refused,
                                               .on_ticket_keys = on_ticket_keys,
                                               .on_admission = on_admission,
                                               .conn_state = rig->old ? NULL : conn_state,
                                               .random = draw};
    const struct uplink_config config = {.edge_id = BYTES_LIT("e"),
                                         .hold_bytes_max = 1 << 20,
                                         .credit_bytes = 1 << 20,
                                         .slots_max = CONNS};
    return uplink_new(&config, &callbacks, rig, rig->now_ms);
}

static struct router_plane *new_plane(struct rig *rig, struct engine *engine)
{
    static const struct plane_callbacks callbacks = {.transmit = down,
                                                     .on_edge = on_edge,
                                                     .on_auth_failed = on_auth_failed,
                                                     .on_admin_done = on_admin_done,
                                                     .on_tapped = on_tapped,
                                                     .on_hop = on_hop,
                                                     .on_conn_state = on_conn_state};
    const struct plane_config config = {
        .router_id = BYTES_LIT("router"),
        .core = {.seed = 1,
                 .grace_ms = GRACE_MS,
                 .message_bytes = 1 << 16,
                 .rooms_per_connection_max = 10,
                 .watches_per_connection_max = 10,
                 .policy.fallback = {.class = ROOM_DURABLE, .history_messages = 10},
                 .rooms_max = 10,
                 .users_max = 100,
                 .members_max = 100,
                 .history_count = 10,
                 .history_bytes = 1 << 16,
                 .history_total_bytes = 1 << 20,
                 .idle_channel_ms = 100000},
        .auth = {.mode = AUTH_INSECURE},
        .credit_bytes = 1 << 20,
        .queue_bytes_max = 1 << 20,
        .heartbeat_ms = 500,
        .suspect_ms = 60000, /* the link's own watch is not what is tried here */
        .dead_ms = 120000,
        .edges_max = 8};
    return router_plane_new(&config, &engine, &callbacks, rig, rig->now_ms);
}

static void take_all(struct rig *rig)
{
    while (rig->up.count + rig->down.count != 0) {
        struct queue queue = rig->up;
        rig->up.count = 0;
        for (size_t i = 0; i < queue.count; i++) {
            router_plane_receive(rig->plane, BYTES_LIT("e"), buf_bytes(&queue.messages[i]),
                                 rig->now_ms, rig->now_ms);
            buf_fini(&queue.messages[i]);
        }
        router_plane_flush(rig->plane, rig->now_ms);
        queue = rig->down;
        rig->down.count = 0;
        for (size_t i = 0; i < queue.count; i++) {
            uplink_receive(rig->uplink, buf_bytes(&queue.messages[i]), rig->now_ms);
            buf_fini(&queue.messages[i]);
        }
        uplink_flush(rig->uplink, rig->now_ms);
    }
}

static void run(struct rig *rig, uint64_t ms)
{
    for (uint64_t end_ms = rig->now_ms + ms; rig->now_ms < end_ms; rig->now_ms += 10) {
        if (rig->now_ms >= uplink_deadline(rig->uplink)) {
            uplink_tick(rig->uplink, rig->now_ms);
        }
        uplink_flush(rig->uplink, rig->now_ms);
        if (rig->now_ms >= router_plane_deadline(rig->plane)) {
            router_plane_tick(rig->plane, rig->now_ms, rig->now_ms);
        }
        router_plane_flush(rig->plane, rig->now_ms);
        take_all(rig);
    }
}

static void command(struct rig *rig, uint32_t slot, const char *text)
{
    ck_assert_int_eq(uplink_message(rig->uplink, slot, bytes_of_str(text), false, rig->now_ms),
                     STATUS_OK);
}

static void open_all(struct rig *rig)
{
    for (uint32_t slot = 0; slot < CONNS; slot++) {
        char token[] = {(char)('a' + slot), '\0'};
        uplink_opened(rig->uplink, slot, 1,
                      &(struct uplink_open){.token = bytes_of_str(token), .token_source = 1});
        command(rig, slot, "{\"type\":\"join\",\"room\":\"r\",\"id\":1}");
    }
}

static void start_with(struct rig *rig, bool old)
{
    *rig = (struct rig){.now_ms = 1000, .old = old};
    rig->plane = new_plane(rig, engine_memory_new(7));
    rig->uplink = new_uplink(rig);
    run(rig, 100);
    open_all(rig);
    run(rig, 100);
    ck_assert(router_plane_tap(rig->plane, CORE_TAP_MESSAGES, BYTES_LIT("r")));
}

static void start(struct rig *rig)
{
    start_with(rig, false);
}

static void stop(struct rig *rig)
{
    router_plane_untap(rig->plane, CORE_TAP_MESSAGES, BYTES_LIT("r"));
    uplink_free(&rig->uplink);
    router_plane_free(&rig->plane);
}

static void say(struct rig *rig, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        command(rig, 0, "{\"type\":\"room_message\",\"room\":\"r\",\"payload\":1}");
    }
    run(rig, 10);
}

static uint64_t group_of_room(const struct rig *rig)
{
    struct explain_conn conn;
    uint64_t cursor = 0;
    ck_assert(explain_conn_next(router_plane_core(rig->plane), BYTES_LIT("user_a"), BYTES_LIT("r"),
                                &cursor, &conn));
    return conn.group;
}

static enum plane_ask ask(struct rig *rig, uint32_t slot, uint32_t gen, uint64_t *ret_question)
{
    enum plane_ask asked =
        router_plane_ask_conn(rig->plane, (struct conn_ref){.edge = 0, .slot = slot, .gen = gen},
                              group_of_room(rig), rig->now_ms, ret_question);
    run(rig, 10);
    return asked;
}

START_TEST(an_edge_tells_how_it_is_with_a_connection_and_in_the_room)
{
    struct rig rig;
    uint64_t question = 0;
    start(&rig);
    say(&rig, 2);
    rig.queued_bytes = 500;
    ck_assert_int_eq(ask(&rig, 3, 1, &question), PLANE_ASK_OK);
    ck_assert_uint_eq(rig.states, 1);
    ck_assert_uint_eq(rig.question, question);
    ck_assert(rig.conn.slot == 3 && rig.conn.gen == 1 && rig.open);
    ck_assert_uint_eq(rig.state.queued_bytes, 503);
    ck_assert(rig.state.in_group && !rig.state.lags && !rig.state.group_waits);
    ck_assert_uint_eq(rig.state.group_offset, 2);
    stop(&rig);
}
END_TEST

START_TEST(of_a_connection_that_is_another_by_now_an_edge_tells_that_it_has_none)
{
    struct rig rig;
    uint64_t question = 0;
    start(&rig);
    ck_assert_int_eq(ask(&rig, 3, 9, &question), PLANE_ASK_OK);
    ck_assert_uint_eq(rig.states, 1);
    ck_assert(!rig.open);
    uplink_closed(rig.uplink, 3, 1000, true, BYTES_LIT("client"));
    ck_assert_int_eq(ask(&rig, 3, 1, &question), PLANE_ASK_OK);
    ck_assert_uint_eq(rig.states, 2);
    ck_assert(!rig.open);
    stop(&rig);
}
END_TEST

START_TEST(an_edge_that_does_not_report_is_never_asked)
{
    struct rig rig;
    uint64_t question = 0;
    start_with(&rig, true);
    ck_assert_int_eq(ask(&rig, 3, 1, &question), PLANE_ASK_TOO_OLD);
    say(&rig, 1);
    ck_assert_uint_eq(rig.tapped_count, 1);
    ck_assert_uint_eq(rig.asked + rig.told + rig.states, 0);
    ck_assert_uint_eq(rig.trace, 0);
    ck_assert_int_eq(
        router_plane_ask_conn(rig.plane, (struct conn_ref){.edge = 77}, 0, rig.now_ms, &question),
        PLANE_ASK_NO_LINK);
    stop(&rig);
}
END_TEST

START_TEST(a_traced_delivery_goes_alone_and_its_way_comes_back)
{
    struct rig rig;
    start(&rig);
    say(&rig, 1);
    ck_assert_uint_ne(rig.trace, 0);
    ck_assert_uint_eq(rig.trace, rig.tapped);
    ck_assert_uint_eq(rig.traced_to, CONNS);
    ck_assert_uint_eq(rig.asked, 1);
    ck_assert_uint_eq(rig.told, 0);
    uplink_traced(rig.uplink, rig.trace, &(struct plane_hop){.queued = 4, .written = 3});
    run(&rig, 10);
    ck_assert_uint_eq(rig.told, 1);
    ck_assert_uint_eq(rig.hop_number, rig.trace);
    ck_assert(rig.hop.queued == 4 && rig.hop.written == 3);
    stop(&rig);
}
END_TEST

/* 150 in one turn: those above the rate are joined into one delivery, as ever. */
START_TEST(only_so_many_deliveries_a_second_are_asked_after_and_none_is_lost)
{
    struct rig rig;
    start(&rig);
    rig.payloads = 0;
    rig.deliveries = 0;
    say(&rig, 150);
    ck_assert_uint_eq(rig.tapped_count, 150);
    ck_assert_uint_eq(rig.traced_count, 70);
    ck_assert_uint_eq(rig.asked, 70);
    ck_assert_uint_eq(rig.payloads, 150);
    ck_assert_uint_lt(rig.deliveries, 80);
    stop(&rig);
}
END_TEST

START_TEST(a_delivery_that_nobody_can_be_given_is_told_of_at_once)
{
    struct rig rig;
    start(&rig);
    const struct plane_op ops[] = {
        {.kind = OP_TRACE, .a = 1234, .b = 1, .slot = 999},
        {.kind = OP_DELIVER, .a = 999, .b = 1, .bytes = BYTES_LIT("x")},
    };
    struct plane_edge *edge = rig.plane->edges[0];
    plane_say(rig.plane, edge, &ops[0]);
    plane_say(rig.plane, edge, &ops[1]);
    run(&rig, 10);
    ck_assert_uint_eq(rig.told, 1);
    ck_assert_uint_eq(rig.hop_number, 1234);
    ck_assert_uint_eq(rig.hop.queued, 0);
    stop(&rig);
}
END_TEST

START_TEST(a_delivery_before_which_something_lacks_is_told_of_as_held_back)
{
    struct rig rig;
    start(&rig);
    uint64_t group = group_of_room(&rig);
    const struct plane_op ops[] = {
        {.kind = OP_TRACE,
         .a = 1234,
         .b = 7,
         .slot = (uint32_t)group,
         .gen = (uint32_t)(group >> 32)},
        {.kind = OP_DELIVER, .a = group, .b = 7, .bytes = BYTES_LIT("x")},
    };
    struct plane_edge *edge = rig.plane->edges[0];
    plane_say(rig.plane, edge, &ops[0]);
    plane_say(rig.plane, edge, &ops[1]);
    run(&rig, 10);
    ck_assert_uint_eq(rig.told, 1);
    ck_assert(rig.hop.held_back);
    stop(&rig);
}
END_TEST

START_TEST(a_question_is_about_its_own_delivery_only)
{
    struct rig rig;
    start(&rig);
    uint64_t group = group_of_room(&rig);
    const struct plane_op ops[] = {
        {.kind = OP_TRACE,
         .a = 1234,
         .b = 2,
         .slot = (uint32_t)group,
         .gen = (uint32_t)(group >> 32)},
        {.kind = OP_DELIVER, .a = group, .b = 1, .bytes = BYTES_LIT("x")},
        {.kind = OP_DELIVER, .a = group, .b = 2, .bytes = BYTES_LIT("y")},
    };
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        plane_say(rig.plane, rig.plane->edges[0], &ops[i]);
    }
    run(&rig, 10);
    ck_assert_uint_eq(rig.trace, 0);
    ck_assert_uint_eq(rig.told, 0);
    stop(&rig);
}
END_TEST

/* ---- bytes ---- */

static void feed_hop(const uint8_t *data, size_t len, void *owner)
{
    struct arena *arena = owner;
    struct plane_hop hop;
    struct plane_conn_state state;
    arena_reset(arena);
    (void)plane_hop_read(arena, bytes_of(data, len), &hop); /* does not crash: guard page */
    (void)plane_conn_state_read(arena, bytes_of(data, len), &state);
}

START_TEST(reports_come_out_as_they_went_in)
{
    struct arena arena;
    struct buf out;
    const struct plane_hop hop = {.began_us = 1700000000123456,
                                  .queued_first_us = 1,
                                  .queued_last_us = 2,
                                  .written_first_us = 3,
                                  .written_last_us = 4,
                                  .queued = 6,
                                  .written = 5,
                                  .held_back = true};
    const struct plane_conn_state state = {1, 2,  3,  4,    5,     6,    7,   8,
                                           9, 10, 11, true, false, true, true};
    struct plane_hop hop_again;
    struct plane_conn_state state_again;
    arena_init(&arena, 1 << 16);
    buf_init(&out, 0);
    plane_hop_write(&hop, &out);
    ck_assert(plane_hop_read(&arena, buf_bytes(&out), &hop_again));
    ck_assert_uint_eq(hop_again.began_us, hop.began_us);
    ck_assert(hop_again.queued_first_us == 1 && hop_again.queued_last_us == 2);
    ck_assert(hop_again.written_first_us == 3 && hop_again.written_last_us == 4);
    ck_assert(hop_again.queued == 6 && hop_again.written == 5 && hop_again.held_back);
    for (size_t len = 0; len < out.len; len++) {
        feed_hop(out.data, len, &arena);
    }
    buf_clear(&out);
    plane_conn_state_write(&state, &out);
    ck_assert(plane_conn_state_read(&arena, buf_bytes(&out), &state_again));
    ck_assert_uint_eq(state_again.group_offset, 10);
    ck_assert_uint_eq(state_again.paused, 11);
    ck_assert(state_again.behind && !state_again.in_group && state_again.lags);
    for (size_t len = 0; len < out.len; len++) {
        feed_hop(out.data, len, &arena);
    }
    buf_fini(&out);
    arena_fini(&arena);
}
END_TEST

static const struct plane_hop impossible[] = {
    {.queued = 1, .written = 2},
    {.queued = 2, .queued_first_us = 3, .queued_last_us = 2},
    {.queued = 2, .written = 2, .written_first_us = 3, .written_last_us = 2},
    {.queued = 1, .queued_last_us = UINT64_MAX},
    {.queued = 1, .written = 1, .written_last_us = UINT64_C(4000000000)},
};

START_TEST(a_way_that_contradicts_itself_is_none)
{
    struct arena arena;
    struct buf out;
    struct plane_hop hop;
    arena_init(&arena, 1 << 16);
    buf_init(&out, 0);
    plane_hop_write(&impossible[_i], &out);
    ck_assert(!plane_hop_read(&arena, buf_bytes(&out), &hop));
    buf_fini(&out);
    arena_fini(&arena);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plane_reports");
    TCase *tcase = tcase_create("reports");
    tcase_add_test(tcase, an_edge_tells_how_it_is_with_a_connection_and_in_the_room);
    tcase_add_test(tcase, of_a_connection_that_is_another_by_now_an_edge_tells_that_it_has_none);
    tcase_add_test(tcase, an_edge_that_does_not_report_is_never_asked);
    tcase_add_test(tcase, a_traced_delivery_goes_alone_and_its_way_comes_back);
    tcase_add_test(tcase, only_so_many_deliveries_a_second_are_asked_after_and_none_is_lost);
    tcase_add_test(tcase, a_delivery_that_nobody_can_be_given_is_told_of_at_once);
    tcase_add_test(tcase, a_delivery_before_which_something_lacks_is_told_of_as_held_back);
    tcase_add_test(tcase, a_question_is_about_its_own_delivery_only);
    tcase_add_test(tcase, reports_come_out_as_they_went_in);
    tcase_add_loop_test(tcase, a_way_that_contradicts_itself_is_none, 0,
                        sizeof(impossible) / sizeof(impossible[0]));
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
