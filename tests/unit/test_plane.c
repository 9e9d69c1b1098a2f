/* router/plane: hellos, and what a turn says to an edge. What edges and routers do to each other
 * over time is the simulator's matter. */
#include "common/mem.h"
#include "proto/plane_wire.h"
#include "router/bans.h"
#include "router/plane.h"
#include "tests/support/check_main.h"

#include <stdio.h>

enum { BEAT_MS = 500, DEAD_MS = 3000, HEARD_MAX = 64 };

/* The router with what it said, frame by frame. */
struct rig {
    struct router_plane *plane;
    struct arena arena;
    uint64_t now_ms;
    char peers[HEARD_MAX][8];
    enum plane_frame_kind kinds[HEARD_MAX];
    enum plane_refusal refusals[HEARD_MAX];
    size_t lens[HEARD_MAX];
    size_t count;
    struct plane_ticket_keys tickets[HEARD_MAX]; /* in welcomes and operations; copied */
    uint8_t ticket_bytes[HEARD_MAX][2];          /* of current and previous, the first of each */
    unsigned draws;
    unsigned dead;
    unsigned replaced;
    unsigned bad;
    uint64_t incarnation; /* of who says hello */
    unsigned bans;        /* BAN operations heard, and of these how many begin a set */
    unsigned ban_sets;
    unsigned expelled;
    unsigned limited;
    struct plane_sender sender; /* key and edge id of who speaks */
};

/* What a frame says about ticket keys: index `count`. */
static void note_tickets(struct rig *rig, const struct plane_frame *frame)
{
    struct bytes encoded =
        frame->kind == PLANE_FRAME_WELCOME ? frame->greeting.ticket_keys : BYTES_EMPTY;
    struct plane_cursor cursor = {0};
    struct plane_op op;
    while (frame->kind == PLANE_FRAME_DATA && plane_batch_next(&frame->batch, &cursor, &op)) {
        encoded = op.kind == OP_TICKET_KEYS ? op.bytes : encoded;
    }
    if (encoded.len == 0) {
        return;
    }
    struct plane_ticket_keys *keys = &rig->tickets[rig->count];
    ck_assert(plane_ticket_keys_read(&rig->arena, encoded, keys));
    rig->ticket_bytes[rig->count][0] = keys->current.data[0];
    rig->ticket_bytes[rig->count][1] = keys->previous.len == 0 ? 0 : keys->previous.data[0];
}

static void note_bans(struct rig *rig, const struct plane_frame *frame)
{
    struct plane_cursor cursor = {0};
    struct plane_op op;
    while (frame->kind == PLANE_FRAME_DATA && plane_batch_next(&frame->batch, &cursor, &op)) {
        rig->bans += op.kind == OP_BAN;
        rig->ban_sets += op.kind == OP_BAN && op.slot == 1;
    }
}

static enum status transmit(void *owner, struct bytes peer, struct bytes header, struct bytes body)
{
    struct rig *rig = owner;
    struct plane_frame frame;
    struct buf whole;
    ck_assert_uint_lt(rig->count, HEARD_MAX);
    buf_init(&whole, 0);
    buf_append(&whole, header);
    buf_append(&whole, body);
    arena_reset(&rig->arena);
    ck_assert(plane_frame_read(&rig->arena, buf_bytes(&whole), &frame));
    snprintf(rig->peers[rig->count], sizeof(rig->peers[0]), "%.*s", (int)peer.len,
             (const char *)peer.data);
    rig->kinds[rig->count] = frame.kind;
    rig->refusals[rig->count] = frame.refusal;
    note_tickets(rig, &frame);
    note_bans(rig, &frame);
    rig->lens[rig->count++] = whole.len;
    buf_fini(&whole);
    return STATUS_OK;
}

static void on_edge(void *owner, enum plane_edge_event event, struct bytes id, const char *text)
{
    struct rig *rig = owner;
    (void)id;
    (void)text;
    rig->dead += event == PLANE_EDGE_DEAD;
    rig->replaced += event == PLANE_EDGE_REPLACED;
    rig->bad += event == PLANE_EDGE_BAD_FRAME;
    rig->expelled += event == PLANE_EDGE_EXPELLED;
    rig->limited += event == PLANE_EDGE_LIMITED;
}

static void on_auth_failed(void *owner, struct bytes id, struct bytes address, const char *why)
{
    (void)owner;
    (void)id;
    (void)address;
    (void)why;
}

static void on_admin_done(void *owner, const struct core_effect *done)
{
    (void)owner;
    (void)done;
}

static void draw(void *owner, uint8_t *out, size_t len)
{
    struct rig *rig = owner;
    ck_assert_uint_eq(len, PLANE_TICKET_KEY_BYTES);
    rig->draws++;
    memset(out, (int)rig->draws, len);
}

static void start_with(struct rig *rig, uint64_t ticket_period_ms)
{
    static const struct plane_callbacks callbacks = {.transmit = transmit,
                                                     .on_edge = on_edge,
                                                     .on_auth_failed = on_auth_failed,
                                                     .on_admin_done = on_admin_done,
                                                     .random = draw};
    const struct plane_config config = {
        .router_id = BYTES_LIT("router"),
        .core = {.seed = 1,
                 .grace_ms = 5000,
                 .message_bytes = 1 << 20,
                 .bans_max = 10,
                 .rooms_per_connection_max = 10,
                 .policy.fallback = {.class = ROOM_MEMORY, .history_messages = 10},
                 .rooms_max = 10,
                 .users_max = 100,
                 .members_max = 100,
                 .history_count = 10,
                 .history_bytes = 1 << 22,
                 .history_total_bytes = 1 << 24,
                 .idle_channel_ms = 100000},
        .auth = {.mode = AUTH_INSECURE},
        .credit_bytes = 1 << 30,
        .queue_bytes_max = 1 << 30,
        .heartbeat_ms = BEAT_MS,
        .suspect_ms = 1500,
        .dead_ms = DEAD_MS,
        .ticket_period_ms = ticket_period_ms,
        .edges_max = 8,
        .rooms_per_edge_max = 4,
        .users_per_edge_max = 2};
    struct engine *engine = engine_memory_new(7);
    *rig = (struct rig){.now_ms = 1000};
    arena_init(&rig->arena, PLANE_FRAME_BYTES_MAX);
    rig->plane = router_plane_new(&config, &engine, &callbacks, rig, rig->now_ms);
}

static void start(struct rig *rig)
{
    start_with(rig, 0);
}

static void stop(struct rig *rig)
{
    router_plane_free(&rig->plane);
    arena_fini(&rig->arena);
}

static void hello_with(struct rig *rig, const char *peer, uint64_t router, uint64_t attempt,
                       uint32_t features)
{
    uint64_t incarnation = rig->incarnation;
    struct buf out;
    buf_init(&out, 0);
    plane_hello_write(&(struct plane_greeting){.version = PLANE_VERSION,
                                               .id = BYTES_LIT("edge"),
                                               .edge_incarnation = incarnation,
                                               .router_incarnation = router,
                                               .credit = 1 << 30,
                                               .attempt = attempt,
                                               .features = features},
                      &out);
    struct plane_sender sender = rig->sender;
    sender.peer = bytes_of_str(peer);
    router_plane_receive_from(rig->plane, &sender, buf_bytes(&out), rig->now_ms, 1);
    buf_fini(&out);
}

static void hello(struct rig *rig, const char *peer, uint64_t incarnation, uint64_t router,
                  uint64_t attempt)
{
    rig->incarnation = incarnation;
    hello_with(rig, peer, router, attempt, 0);
}

static void hello_bans(struct rig *rig, const char *peer, uint64_t attempt)
{
    rig->incarnation = 5;
    hello_with(rig, peer, 0, attempt, PLANE_FEATURE_BANS);
}

/* Sends what is in the builder as data frame `seq`. */
static void say(struct rig *rig, const char *peer, uint64_t seq, struct plane_builder *builder)
{
    size_t len = 0;
    uint8_t *body = plane_builder_take(builder, &len);
    uint8_t header[PLANE_HEADER_MAX];
    struct buf out;
    buf_init(&out, 0);
    buf_append(&out, bytes_of(header, plane_header_write(header, seq, 0)));
    buf_append(&out, bytes_of(body, len));
    struct plane_sender sender = rig->sender;
    sender.peer = bytes_of_str(peer);
    router_plane_receive_from(rig->plane, &sender, buf_bytes(&out), rig->now_ms, 1);
    buf_fini(&out);
    mem_free(body);
    plane_builder_fini(builder);
}

static void announce_nothing(struct rig *rig, const char *peer)
{
    struct plane_builder builder;
    plane_builder_init(&builder, NULL);
    plane_builder_add(&builder, &(struct plane_op){.kind = OP_ANNOUNCE_END});
    say(rig, peer, 1, &builder);
}

static void expect_last(const struct rig *rig, const char *peer, enum plane_frame_kind kind)
{
    ck_assert_uint_ne(rig->count, 0);
    ck_assert_str_eq(rig->peers[rig->count - 1], peer);
    ck_assert_int_eq(rig->kinds[rig->count - 1], kind);
}

START_TEST(a_hello_of_a_socket_long_given_up_disturbs_nobody)
{
    struct rig rig;
    start(&rig);
    hello(&rig, "b", 5, 6, 2);
    expect_last(&rig, "b", PLANE_FRAME_WELCOME);
    announce_nothing(&rig, "b");
    size_t count = rig.count;
    hello(&rig, "a", 5, 6, 1);
    ck_assert_uint_eq(rig.count, count);
    ck_assert_uint_eq(rig.dead, 0);
    hello(&rig, "c", 5, 7, 3);
    expect_last(&rig, "c", PLANE_FRAME_WELCOME);
    stop(&rig);
}
END_TEST

static void acknowledge(struct rig *rig, const char *peer, uint64_t ack)
{
    uint8_t frame[PLANE_HEADER_MAX];
    size_t len = plane_ack_write(frame, 0, ack);
    router_plane_receive(rig->plane, bytes_of_str(peer), bytes_of(frame, len), rig->now_ms, 1);
}

/* The first thing said on a link does not wait for the edge: it may have it before the copy comes.
 */
START_TEST(a_hello_that_comes_doubled_does_not_begin_the_link_again)
{
    struct rig rig;
    start(&rig);
    hello_bans(&rig, "a", 1);
    router_plane_flush(rig.plane, rig.now_ms);
    expect_last(&rig, "a", PLANE_FRAME_DATA);
    hello_bans(&rig, "a", 1);
    acknowledge(&rig, "a", 1);
    ck_assert_uint_eq(rig.bad, 0);
    ck_assert_uint_eq(rig.ban_sets, 1);
    stop(&rig);
}
END_TEST

START_TEST(an_edge_hears_of_all_bans_on_a_fresh_link_and_then_of_changes)
{
    struct rig rig;
    struct ban ban = {.kind = BAN_ADDRESS};
    start(&rig);
    ck_assert(address_net_parse(BYTES_LIT("192.0.2.0/24"), &ban.net));
    router_plane_admin(rig.plane, &(struct core_event){.kind = CORE_BAN, .ban = &ban}, 1,
                       rig.now_ms, 1);
    hello_bans(&rig, "a", 1);
    router_plane_flush(rig.plane, rig.now_ms);
    ck_assert_uint_eq(rig.ban_sets, 1);
    ck_assert_uint_eq(rig.bans, 2);
    hello_bans(&rig, "b", 2); /* the first answer was lost: all of it again */
    router_plane_flush(rig.plane, rig.now_ms);
    ck_assert_uint_eq(rig.ban_sets, 2);
    ck_assert_uint_eq(rig.bans, 4);
    ck_assert(address_net_parse(BYTES_LIT("10.0.0.0/8"), &ban.net));
    router_plane_admin(rig.plane, &(struct core_event){.kind = CORE_BAN, .ban = &ban}, 1,
                       rig.now_ms, 1);
    router_plane_flush(rig.plane, rig.now_ms);
    ck_assert_uint_eq(rig.bans, 5);
    stop(&rig);
}
END_TEST

START_TEST(a_second_process_with_the_id_of_a_living_edge_is_refused)
{
    struct rig rig;
    start(&rig);
    hello(&rig, "a", 5, 0, 1);
    announce_nothing(&rig, "a");
    rig.now_ms += BEAT_MS;
    hello(&rig, "b", 6, 0, 1);
    expect_last(&rig, "b", PLANE_FRAME_REFUSE);
    ck_assert_int_eq(rig.refusals[rig.count - 1], PLANE_REFUSE_LIMIT);
    ck_assert_uint_eq(rig.replaced, 0);
    rig.now_ms += 2 * BEAT_MS;
    hello(&rig, "c", 6, 0, 2);
    expect_last(&rig, "c", PLANE_FRAME_WELCOME);
    ck_assert_uint_eq(rig.replaced, 1);
    stop(&rig);
}
END_TEST

START_TEST(a_router_that_said_hold_is_deaf_and_mute)
{
    struct rig rig;
    start(&rig);
    hello(&rig, "a", 5, 0, 1);
    announce_nothing(&rig, "a");
    router_plane_hold(rig.plane, rig.now_ms);
    expect_last(&rig, "a", PLANE_FRAME_HOLD);
    size_t count = rig.count;
    hello(&rig, "b", 5, 7, 2);
    rig.now_ms += DEAD_MS * 2;
    router_plane_tick(rig.plane, rig.now_ms, 1);
    router_plane_flush(rig.plane, rig.now_ms);
    ck_assert_uint_eq(rig.count, count);
    ck_assert_uint_eq(rig.dead, 0);
    ck_assert_uint_eq(router_plane_deadline(rig.plane), UINT64_MAX);
    stop(&rig);
}
END_TEST

static void speak_as(struct rig *rig, const char *key, const char *edge_id)
{
    rig->sender = (struct plane_sender){.key = bytes_of_str(key), .edge_id = bytes_of_str(edge_id)};
}

static const struct {
    const char *allowed;
    bool fits;
} ids[] = {{"edge", true},   {"edge*", true}, {"e*", true},      {"*", true}, {"edg", false},
           {"edge2", false}, {"dge*", false}, {"edge-*", false}, {"", false}};

START_TEST(a_key_is_good_for_its_edge_id_only)
{
    struct rig rig;
    start(&rig);
    speak_as(&rig, "key", ids[_i].allowed);
    hello(&rig, "a", 5, 0, 1);
    expect_last(&rig, "a", ids[_i].fits ? PLANE_FRAME_WELCOME : PLANE_FRAME_REFUSE);
    stop(&rig);
}
END_TEST

START_TEST(frames_on_the_link_of_another_edge_are_not_taken_and_do_it_no_harm)
{
    struct rig rig;
    struct plane_stats stats;
    start(&rig);
    speak_as(&rig, "key", "edge");
    hello(&rig, "a", 5, 0, 1);
    speak_as(&rig, "other key", "other");
    announce_nothing(&rig, "a");
    ck_assert_uint_eq(rig.dead, 0);
    speak_as(&rig, "key", "edge");
    announce_nothing(&rig, "a"); /* as its first frame still */
    router_plane_flush(rig.plane, rig.now_ms);
    router_plane_stats(rig.plane, &stats);
    ck_assert_uint_eq(stats.impostors, 1);
    ck_assert_uint_eq(rig.bad, 0);
    stop(&rig);
}
END_TEST

START_TEST(an_edge_that_was_expelled_has_to_come_back_as_new)
{
    struct rig rig;
    uint64_t cursor = 0;
    struct plane_edge_info info;
    start(&rig);
    speak_as(&rig, "key", "edge");
    hello(&rig, "a", 5, 0, 1);
    ck_assert(router_plane_edge_next(rig.plane, rig.now_ms, &cursor, &info));
    ck_assert(bytes_equal(info.key, BYTES_LIT("key")));
    router_plane_expel(rig.plane, info.edge, rig.now_ms, 1);
    router_plane_expel(rig.plane, info.edge, rig.now_ms, 1);
    ck_assert_uint_eq(rig.expelled, 1);
    hello(&rig, "b", 5, 7, 2);
    expect_last(&rig, "b", PLANE_FRAME_REFUSE);
    hello(&rig, "c", 6, 0, 3);
    expect_last(&rig, "c", PLANE_FRAME_WELCOME);
    stop(&rig);
}
END_TEST

/* Rooms and users above the limits are told that there is no such group, once it is logged. */
START_TEST(an_edge_announces_no_more_than_it_may)
{
    enum { EACH = 20 };
    struct rig rig;
    struct plane_builder builder;
    struct plane_stats stats;
    struct buf record;
    char name[16];
    start(&rig);
    hello(&rig, "a", 5, 0, 1);
    plane_builder_init(&builder, NULL);
    buf_init(&record, 0);
    for (uint32_t i = 0; i < 2 * EACH; i++) {
        buf_clear(&record);
        snprintf(name, sizeof(name), "n%u", i);
        plane_group_record_write(&(struct plane_group_record){.kind = i < EACH ? 1 : 2,
                                                              .name = bytes_of_str(name),
                                                              .epoch = 1},
                                 &record);
        plane_builder_add(
            &builder,
            &(struct plane_op){.kind = OP_ANNOUNCE_GROUP, .a = i, .bytes = buf_bytes(&record)});
    }
    buf_fini(&record);
    say(&rig, "a", 1, &builder);
    router_plane_flush(rig.plane, rig.now_ms);
    router_plane_stats(rig.plane, &stats);
    ck_assert_uint_eq(stats.groups_refused, EACH - 4 + EACH - 2);
    ck_assert_uint_eq(rig.limited, 2);
    ck_assert_uint_eq(rig.bad, 0);
    stop(&rig);
}
END_TEST

static void open_and_join(struct plane_builder *builder, uint32_t slot)
{
    char token[16];
    struct buf open;
    buf_init(&open, 0);
    snprintf(token, sizeof(token), "u%u", slot);
    plane_open_write(&(struct plane_open){.token = bytes_of_str(token), .token_source = 1}, &open);
    plane_builder_add(
        builder,
        &(struct plane_op){.kind = OP_OPEN, .slot = slot, .gen = 1, .bytes = buf_bytes(&open)});
    buf_fini(&open);
    plane_builder_add(builder,
                      &(struct plane_op){.kind = OP_TEXT,
                                         .slot = slot,
                                         .gen = 1,
                                         .a = 1,
                                         .bytes = BYTES_LIT("{\"type\":\"join\",\"room\":\"r\"}")});
}

/* Many who come back at once, each with a history to recover, would make one frame above what the
 * transport takes. */
START_TEST(what_a_turn_says_to_an_edge_is_split_into_frames_that_fit)
{
    enum { MESSAGE_BYTES = 500000, FRAME_BYTES_MAX = 16 << 20 };
    struct rig rig;
    struct plane_builder builder;
    struct buf text;
    start(&rig);
    hello(&rig, "a", 5, 0, 1);
    announce_nothing(&rig, "a");
    plane_builder_init(&builder, NULL);
    open_and_join(&builder, 0);
    buf_init(&text, 0);
    buf_append_str(&text, "{\"type\":\"room_message\",\"room\":\"r\",\"payload\":\"");
    for (size_t i = 0; i < MESSAGE_BYTES; i++) {
        buf_append_byte(&text, 'x');
    }
    buf_append_str(&text, "\"}");
    for (uint64_t i = 0; i < 60; i++) {
        plane_builder_add(
            &builder,
            &(struct plane_op){.kind = OP_TEXT, .gen = 1, .a = 2 + i, .bytes = buf_bytes(&text)});
    }
    buf_fini(&text);
    say(&rig, "a", 2, &builder);
    router_plane_flush(rig.plane, rig.now_ms);
    size_t total = 0;
    for (size_t i = 0; i < rig.count; i++) {
        ck_assert_uint_lt(rig.lens[i], FRAME_BYTES_MAX);
        total += rig.lens[i];
    }
    ck_assert_uint_gt(total, (size_t)60 * MESSAGE_BYTES);
    stop(&rig);
}
END_TEST

/* The last frame gives the `current`th key drawn, and the `previous`th before it. */
static void expect_tickets(const struct rig *rig, unsigned current, unsigned previous,
                           uint32_t age_ms)
{
    ck_assert_uint_eq(rig->ticket_bytes[rig->count - 1][0], current);
    ck_assert_uint_eq(rig->ticket_bytes[rig->count - 1][1], previous);
    ck_assert_uint_eq(rig->tickets[rig->count - 1].age_ms, age_ms);
}

static void tick(struct rig *rig)
{
    router_plane_tick(rig->plane, rig->now_ms, 1);
    router_plane_flush(rig->plane, rig->now_ms);
}

enum { TICKET_PERIOD_MS = 2000 };

START_TEST(a_welcome_carries_the_ticket_keys_fresh_or_resumed)
{
    struct rig rig;
    start_with(&rig, TICKET_PERIOD_MS);
    rig.now_ms += 5;
    hello(&rig, "a", 5, 0, 1);
    expect_last(&rig, "a", PLANE_FRAME_WELCOME);
    expect_tickets(&rig, 1, 0, 5);
    rig.now_ms += 5;
    hello(&rig, "b", 5, 7, 2);
    expect_last(&rig, "b", PLANE_FRAME_WELCOME);
    expect_tickets(&rig, 1, 0, 10);
    stop(&rig);
}
END_TEST

START_TEST(new_ticket_keys_reach_every_edge_when_their_time_has_come)
{
    struct rig rig;
    start_with(&rig, TICKET_PERIOD_MS);
    hello(&rig, "a", 5, 0, 1);
    announce_nothing(&rig, "a");
    rig.now_ms += TICKET_PERIOD_MS - 1;
    tick(&rig);
    ck_assert_uint_eq(rig.draws, 1);
    ck_assert_uint_le(router_plane_deadline(rig.plane), rig.now_ms + 1);
    rig.now_ms++;
    tick(&rig);
    ck_assert_uint_eq(rig.draws, 2);
    expect_last(&rig, "a", PLANE_FRAME_DATA);
    expect_tickets(&rig, 2, 1, 0);
    size_t next = rig.count;
    hello(&rig, "b", 5, 7, 2); /* the link is taken up again: told once more */
    ck_assert_int_eq(rig.kinds[next], PLANE_FRAME_WELCOME);
    ck_assert_uint_eq(rig.ticket_bytes[next][0], 2);
    ck_assert_uint_eq(rig.ticket_bytes[next][1], 1);
    stop(&rig);
}
END_TEST

START_TEST(a_router_without_a_ticket_period_gives_no_keys)
{
    struct rig rig;
    start(&rig);
    hello(&rig, "a", 5, 0, 1);
    expect_tickets(&rig, 0, 0, 0);
    ck_assert_uint_eq(rig.draws, 0);
    stop(&rig);
}
END_TEST

START_TEST(an_edge_that_gives_ticket_keys_is_given_up)
{
    struct rig rig;
    struct plane_builder builder;
    start_with(&rig, TICKET_PERIOD_MS);
    hello(&rig, "a", 5, 0, 1);
    plane_builder_init(&builder, NULL);
    plane_builder_add(&builder, &(struct plane_op){.kind = OP_TICKET_KEYS});
    say(&rig, "a", 1, &builder);
    uint64_t cursor = 0;
    struct plane_edge_info info;
    ck_assert(!router_plane_edge_next(rig.plane, rig.now_ms, &cursor, &info));
    stop(&rig);
}
END_TEST

static const struct {
    enum plane_op_kind kind;
    uint32_t gen;
    const char *bytes;
} impossible[] = {
    {OP_GROUP_POLICY, 0, ""},    {OP_CATCH_UP, 1, ""},    {OP_LAGGING, 0, "\x08\x01\x12\x01r"},
    {OP_LAGGING, 1, ""},         {OP_LAGGING, 1, "\xff"}, {OP_LAGGING, 1, "\x08\x09\x12\x01r"},
    {OP_LAGGING, 1, "\x08\x01"},
};

START_TEST(an_edge_that_says_what_no_edge_says_is_given_up)
{
    struct rig rig;
    struct plane_builder builder;
    start(&rig);
    hello(&rig, "a", 5, 0, 1);
    plane_builder_init(&builder, NULL);
    plane_builder_add(&builder, &(struct plane_op){.kind = impossible[_i].kind,
                                                   .gen = impossible[_i].gen,
                                                   .bytes = bytes_of_str(impossible[_i].bytes)});
    say(&rig, "a", 1, &builder);
    uint64_t cursor = 0;
    struct plane_edge_info info;
    ck_assert(!router_plane_edge_next(rig.plane, rig.now_ms, &cursor, &info));
    stop(&rig);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plane");
    TCase *tcase = tcase_create("all");
    tcase_add_loop_test(tcase, a_key_is_good_for_its_edge_id_only, 0, sizeof(ids) / sizeof(ids[0]));
    tcase_add_test(tcase, frames_on_the_link_of_another_edge_are_not_taken_and_do_it_no_harm);
    tcase_add_test(tcase, an_edge_that_was_expelled_has_to_come_back_as_new);
    tcase_add_test(tcase, an_edge_announces_no_more_than_it_may);
    tcase_add_test(tcase, a_hello_of_a_socket_long_given_up_disturbs_nobody);
    tcase_add_test(tcase, a_second_process_with_the_id_of_a_living_edge_is_refused);
    tcase_add_test(tcase, a_router_that_said_hold_is_deaf_and_mute);
    tcase_add_test(tcase, what_a_turn_says_to_an_edge_is_split_into_frames_that_fit);
    tcase_add_test(tcase, a_welcome_carries_the_ticket_keys_fresh_or_resumed);
    tcase_add_test(tcase, new_ticket_keys_reach_every_edge_when_their_time_has_come);
    tcase_add_test(tcase, a_router_without_a_ticket_period_gives_no_keys);
    tcase_add_test(tcase, an_edge_that_gives_ticket_keys_is_given_up);
    tcase_add_loop_test(tcase, an_edge_that_says_what_no_edge_says_is_given_up, 0,
                        (int)(sizeof(impossible) / sizeof(impossible[0])));
    tcase_add_test(tcase, a_hello_that_comes_doubled_does_not_begin_the_link_again);
    tcase_add_test(tcase, an_edge_hears_of_all_bans_on_a_fresh_link_and_then_of_changes);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
