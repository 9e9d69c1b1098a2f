/* A real uplink and a real plane, joined by two queues: canaries, and what happens to records that
 * went wrong. */
#include "common/mem.h"
#include "edge/uplink_down.h"
#include "proto/plane_digest.h"
#include "router/core_internal.h"
#include "router/plane_internal.h"
#include "router/registry.h"
#include "router/room.h"
#include "router/session.h"
#include "router/user.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum {
    CANARY_MS = 1000,
    TIMEOUT_MS = 3000,
    DIGEST_MS = 100,
    GRACE_MS = 5000,
    CONNS = 4,
    QUEUE_MAX = 64
};

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
    bool cut; /* nothing passes */
    uint64_t random;
    uint64_t took_us;
    unsigned returned;
    unsigned told; /* canaries that the router was told of */
    unsigned diverged;
    char what[128];
    uint16_t closed[CONNS]; /* codes, by slot */
};

static enum status put(const struct rig *rig, struct queue *queue, struct bytes header,
                       struct bytes body)
{
    if (rig->cut) {
        return STATUS_OK; /* and lost */
    }
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
    return put(rig, &rig->up, header, body);
}

static enum status down(void *owner, struct bytes peer, struct bytes header, struct bytes body)
{
    struct rig *rig = owner;
    (void)peer;
    return put(rig, &rig->down, header, body);
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
    (void)owner;
    (void)delivery;
}

static bool is_slow(void *owner, uint32_t slot)
{
    (void)owner;
    (void)slot;
    return false;
}

static void close_one(void *owner, uint32_t slot, uint16_t code, struct bytes text)
{
    struct rig *rig = owner;
    (void)text;
    ck_assert_uint_lt(slot, CONNS);
    rig->closed[slot] = code;
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

static void on_canary(void *owner, uint64_t took_us)
{
    struct rig *rig = owner;
    rig->took_us = took_us;
    rig->returned++;
}

static uint64_t clock_us(void *owner)
{
    const struct rig *rig = owner;
    return rig->now_ms * 1000;
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

static void told_of_canary(void *owner, uint64_t took_us)
{
    struct rig *rig = owner;
    rig->told += took_us != 0;
}

static void on_diverged(void *owner, struct bytes edge_id, const struct core_effect *diverged)
{
    struct rig *rig = owner;
    ck_assert(bytes_equal(edge_id, BYTES_LIT("e")));
    rig->diverged++;
    memcpy(rig->what, diverged->text.data, diverged->text.len);
    rig->what[diverged->text.len] = '\0';
}

static struct uplink *new_uplink(struct rig *rig)
{
    static const struct uplink_callbacks callbacks = {.transmit = up,
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
                                                      .on_canary = on_canary,
                                                      .clock_us = clock_us,
                                                      .random = draw};
    const struct uplink_config config = {.edge_id = BYTES_LIT("e"),
                                         .hold_bytes_max = 1 << 20,
                                         .credit_bytes = 1 << 20,
                                         .slots_max = CONNS,
                                         .canary_ms = CANARY_MS};
    return uplink_new(&config, &callbacks, rig, rig->now_ms);
}

static struct router_plane *new_plane(struct rig *rig, struct engine *engine)
{
    static const struct plane_callbacks callbacks = {.transmit = down,
                                                     .on_edge = on_edge,
                                                     .on_auth_failed = on_auth_failed,
                                                     .on_admin_done = on_admin_done,
                                                     .on_canary = told_of_canary,
                                                     .on_diverged = on_diverged};
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
        .canary_timeout_ms = TIMEOUT_MS,
        .digest_ms = DIGEST_MS,
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
        command(rig, slot, "{\"type\":\"join\",\"room\":\"s\",\"id\":2}");
        command(rig, slot, "{\"type\":\"watch\",\"users\":[\"user_a\"],\"id\":3}");
    }
}

static void start(struct rig *rig)
{
    *rig = (struct rig){.now_ms = 1000};
    rig->plane = new_plane(rig, engine_memory_new(7));
    rig->uplink = new_uplink(rig);
    run(rig, 100);
    open_all(rig);
    run(rig, 100);
}

static void drop(struct queue *queue)
{
    while (queue->count != 0) {
        buf_fini(&queue->messages[--queue->count]);
    }
}

static void stop(struct rig *rig)
{
    drop(&rig->up);
    drop(&rig->down);
    uplink_free(&rig->uplink);
    router_plane_free(&rig->plane);
}

/* ---- canaries ---- */

START_TEST(a_canary_comes_back_and_the_router_hears_what_it_took)
{
    struct rig rig;
    start(&rig);
    run(&rig, 5 * CANARY_MS);
    ck_assert_uint_ge(rig.returned, 5);
    ck_assert_uint_ge(rig.told, 4);
    ck_assert_uint_ge(rig.took_us, 1);
    ck_assert(!uplink_canary_overdue(rig.uplink, rig.now_ms, TIMEOUT_MS));
    ck_assert(!router_plane_canary_overdue(rig.plane, rig.now_ms));
    stop(&rig);
}
END_TEST

START_TEST(before_the_first_canary_is_back_an_edge_is_not_ready)
{
    struct rig rig = {.now_ms = 1000};
    rig.plane = new_plane(&rig, engine_memory_new(7));
    rig.uplink = new_uplink(&rig);
    uplink_tick(rig.uplink, rig.now_ms);
    ck_assert_uint_eq(rig.up.count, 1);
    router_plane_receive(rig.plane, BYTES_LIT("e"), buf_bytes(&rig.up.messages[0]), 1000, 1000);
    buf_fini(&rig.up.messages[0]);
    rig.up.count = 0;
    uplink_receive(rig.uplink, buf_bytes(&rig.down.messages[0]), 1000);
    buf_fini(&rig.down.messages[0]);
    rig.down.count = 0;
    ck_assert_int_eq(uplink_state(rig.uplink), UPLINK_UP);
    ck_assert(uplink_canary_overdue(rig.uplink, 1000, TIMEOUT_MS));
    run(&rig, 100);
    ck_assert(!uplink_canary_overdue(rig.uplink, rig.now_ms, TIMEOUT_MS));
    stop(&rig);
}
END_TEST

START_TEST(silence_makes_both_ends_overdue_and_they_recover_by_themselves)
{
    struct rig rig;
    start(&rig);
    rig.cut = true;
    run(&rig, TIMEOUT_MS + CANARY_MS + 100);
    ck_assert(uplink_canary_overdue(rig.uplink, rig.now_ms, TIMEOUT_MS));
    ck_assert(router_plane_canary_overdue(rig.plane, rig.now_ms));
    rig.cut = false;
    run(&rig, 10000);
    ck_assert(!uplink_canary_overdue(rig.uplink, rig.now_ms, TIMEOUT_MS));
    ck_assert(!router_plane_canary_overdue(rig.plane, rig.now_ms));
    stop(&rig);
}
END_TEST

START_TEST(a_router_that_gives_no_canaries_back_is_not_blamed)
{
    struct rig rig = {.now_ms = 1000};
    struct buf out;
    rig.uplink = new_uplink(&rig);
    uplink_tick(rig.uplink, rig.now_ms);
    buf_init(&out, 0);
    plane_welcome_write(&(struct plane_greeting){.version = PLANE_VERSION,
                                                 .id = BYTES_LIT("old"),
                                                 .router_incarnation = 7,
                                                 .credit = 1 << 20,
                                                 .heartbeat_ms = 500,
                                                 .suspect_ms = 1500,
                                                 .dead_ms = 3000},
                        &out);
    uplink_receive(rig.uplink, buf_bytes(&out), rig.now_ms);
    buf_fini(&out);
    ck_assert_int_eq(uplink_state(rig.uplink), UPLINK_UP);
    uplink_tick(rig.uplink, rig.now_ms + CANARY_MS);
    ck_assert_uint_eq(rig.uplink->up.count, 0);
    ck_assert(!uplink_canary_overdue(rig.uplink, rig.now_ms + 100000, TIMEOUT_MS));
    uplink_free(&rig.uplink);
    drop(&rig.up);
}
END_TEST

START_TEST(a_draining_edge_sends_no_canaries_and_is_not_missed)
{
    struct rig rig;
    start(&rig);
    run(&rig, CANARY_MS);
    uplink_drain(rig.uplink, 1000);
    run(&rig, CANARY_MS);
    unsigned before = rig.returned;
    run(&rig, TIMEOUT_MS + CANARY_MS);
    ck_assert_uint_eq(rig.returned, before);
    ck_assert(!router_plane_canary_overdue(rig.plane, rig.now_ms));
    stop(&rig);
}
END_TEST

/* ---- the store ---- */

static bool nothing(struct engine *engine, struct engine_completion *ret_completion)
{
    (void)engine;
    (void)ret_completion;
    return false;
}

START_TEST(a_store_that_finishes_nothing_is_noticed)
{
    struct rig rig;
    start(&rig);
    struct engine_ops stuck = *rig.plane->engine->ops;
    const struct engine_ops *well = rig.plane->engine->ops;
    stuck.poll = nothing;
    rig.plane->engine->ops = &stuck;
    ck_assert(!router_plane_store_stalled(rig.plane, rig.now_ms + 100000));
    command(&rig, 0, "{\"type\":\"room_message\",\"room\":\"r\",\"payload\":1,\"id\":4}");
    run(&rig, TIMEOUT_MS);
    ck_assert(!router_plane_store_stalled(rig.plane, rig.now_ms));
    run(&rig, 100);
    ck_assert(router_plane_store_stalled(rig.plane, rig.now_ms));
    rig.plane->engine->ops = well;
    run(&rig, 20);
    ck_assert(!router_plane_store_stalled(rig.plane, rig.now_ms));
    stop(&rig);
}
END_TEST

/* ---- digests ---- */

static struct conn *conn_at(const struct rig *rig, uint32_t slot)
{
    return conn_find(rig->plane->core, (struct conn_ref){.slot = slot, .gen = 1});
}

START_TEST(what_edge_and_router_hold_is_compared_and_the_same)
{
    struct rig rig;
    start(&rig);
    command(&rig, 0, "{\"type\":\"leave\",\"room\":\"s\",\"id\":5}");
    uplink_closed(rig.uplink, 3, 1000, true, BYTES_LIT("client"));
    run(&rig, 1000);
    ck_assert_uint_ge(rig.plane->stats.buckets_compared, (uint64_t)64 * 8);
    ck_assert_uint_eq(rig.plane->stats.divergences, 0);
    ck_assert_uint_eq(rig.uplink->groups.digest.sums[0],
                      rig.plane->core->edges.items[0]->digest.sums[0]);
    ck_assert_uint_ne(rig.uplink->groups.digest.sums[0], 0);
    ck_assert_uint_eq(rig.uplink->groups.digest.sums[3], 0);
    stop(&rig);
}
END_TEST

static void lose_place(struct rig *rig)
{
    struct conn *conn = conn_at(rig, 1);
    conn_ids_remove(&conn->rooms, 0);
}

static void lose_watch(struct rig *rig)
{
    struct conn *conn = conn_at(rig, 1);
    (void)conn_remove_watch(rig->plane->core, conn,
                            user_find(rig->plane->core, BYTES_LIT("user_a")));
}

static void lose_slot(struct rig *rig)
{
    router_edge_set_conn(rig->plane->core->edges.items[0], 1, 0);
}

static void lose_conn(struct rig *rig)
{
    session_lose(rig->plane->core, conn_at(rig, 1), rig->now_ms + GRACE_MS);
}

static void lose_member(struct rig *rig)
{
    struct room *room = room_find(rig->plane->core, BYTES_LIT("r"));
    ck_assert(u32map_remove(&room->members, slot_id_index(conn_at(rig, 1)->user->id)));
    rig->plane->core->member_count--;
}

static void lose_fan_out(struct rig *rig)
{
    struct channel *channel = &room_find(rig->plane->core, BYTES_LIT("r"))->channel;
    channel->edge_count = 0;
    channel->member_count = 0;
}

static void lose_place_at_edge(struct rig *rig)
{
    struct groups *groups = &rig->uplink->groups;
    struct edge_session *session = groups_current(groups, 1);
    groups_leave(groups, groups_at(groups, groups_of(session)[1].local), session);
}

static void gain_place_at_edge(struct rig *rig)
{
    struct groups *groups = &rig->uplink->groups;
    struct edge_group *group = groups_add(groups, 12345, BYTES_LIT("what"));
    groups_join(groups, group, groups_current(groups, 1));
}

static void lose_session(struct rig *rig)
{
    struct groups *groups = &rig->uplink->groups;
    groups_forget(groups, groups_current(groups, 1));
}

static const struct {
    void (*make_wrong)(struct rig *rig);
    const char *what;
    bool closed;
} wrongs[] = {
    {lose_place, "edge and router have it in different groups: closed", true},
    {lose_watch, "edge and router have it in different groups: closed", true},
    {lose_slot, "the router had lost its record: closed", true},
    {lose_conn, "the router does not have it: closed", true},
    {lose_member, "edge and router have it in different groups: closed", true},
    {lose_fan_out, "edge and router have it in different groups: closed", true},
    {lose_place_at_edge, "edge and router have it in different groups: closed", true},
    {gain_place_at_edge, "edge and router have it in different groups: closed", true},
    {lose_session, "the edge does not have it: lost", false},
};

/* Long enough for every bucket to be counted anew. */
static void let_find(struct rig *rig)
{
    run(rig, (DIGEST_BUCKETS + 8) * (DIGEST_MS + 10));
}

static uint32_t members_of(const struct rig *rig, const char *name)
{
    return room_find(rig->plane->core, bytes_of_str(name))->members.count;
}

START_TEST(a_wrong_record_is_found_and_only_its_connection_is_closed)
{
    struct rig rig;
    start(&rig);
    run(&rig, 1000);
    wrongs[_i].make_wrong(&rig);
    let_find(&rig);
    ck_assert_uint_ge(rig.plane->stats.divergences, 1);
    ck_assert_str_eq(rig.what, wrongs[_i].what);
    ck_assert_uint_eq(rig.closed[1], wrongs[_i].closed ? 1012 : 0);
    if (wrongs[_i].make_wrong != lose_fan_out) {
        ck_assert_uint_eq(rig.diverged, 1);
        ck_assert_uint_eq(rig.closed[0], 0);
        ck_assert_uint_eq(rig.closed[2], 0);
    }
    for (uint32_t slot = 0; wrongs[_i].make_wrong == lose_fan_out && slot < CONNS; slot++) {
        ck_assert_uint_eq(rig.closed[slot], 1012); /* nobody there heard the room */
    }
    if (wrongs[_i].closed) {
        uplink_closed(rig.uplink, 1, 1012, false, BYTES_LIT("x"));
    }
    uint64_t found = rig.plane->stats.divergences;
    run(&rig, GRACE_MS + 1000);
    let_find(&rig);
    ck_assert_uint_eq(rig.plane->stats.divergences, found);
    struct registry_user user;
    ck_assert(!registry_user_find(rig.plane->core, BYTES_LIT("user_b"), &user) || !user.online);
    if (wrongs[_i].make_wrong != lose_fan_out) {
        ck_assert_uint_eq(members_of(&rig, "r"), CONNS - 1);
        ck_assert_uint_eq(members_of(&rig, "s"), CONNS - 1);
    }
    stop(&rig);
}
END_TEST

START_TEST(an_answer_to_a_former_router_is_not_compared)
{
    static const uint64_t sums[DIGEST_BUCKETS] = {1};
    struct rig rig;
    struct buf bytes;
    start(&rig);
    buf_init(&bytes, 0);
    plane_digest_write(&(struct plane_digest){.sums = sums, .count = DIGEST_BUCKETS}, &bytes);
    rig.now_ms = rig.plane->edges[0]->truth.due_ms;
    router_plane_tick(rig.plane, rig.now_ms, rig.now_ms);
    ck_assert(rig.plane->edges[0]->truth.asked);
    plane_builder_add(&rig.uplink->up, &(struct plane_op){.kind = OP_DIGEST,
                                                          .a = rig.plane->edges[0]->truth.question -
                                                               (UINT64_C(1) << 32),
                                                          .bytes = buf_bytes(&bytes)});
    run(&rig, 20);
    ck_assert_uint_eq(rig.plane->stats.divergences, 0);
    buf_fini(&bytes);
    stop(&rig);
}
END_TEST

START_TEST(a_connection_that_no_edge_has_is_lost)
{
    struct rig rig;
    start(&rig);
    struct router_core *core = rig.plane->core;
    struct conn *ghost =
        conn_new(core, user_ensure(core, BYTES_LIT("ghost")),
                 (struct conn_ref){.slot = 900, .gen = 4}, &(struct session_info){.encoding = 0});
    (void)conn_enter_inbox(core, ghost);
    run(&rig, 1000);
    ck_assert_uint_eq(rig.diverged, 1);
    run(&rig, GRACE_MS);
    struct registry_user user;
    ck_assert(registry_user_find(core, BYTES_LIT("ghost"), &user) && !user.online);
    stop(&rig);
}
END_TEST

START_TEST(a_listing_that_contradicts_itself_is_refused)
{
    static const uint32_t slots[] = {1, 65, 2, 129};
    static const uint32_t gens[] = {1, 1, 1, 0};
    static const uint32_t counts[] = {1, 0, 0, 0};
    static const uint64_t groups[] = {9, 9};
    static const struct {
        size_t first;
        size_t conns;
        size_t groups;
        bool good;
    } rows[] = {{0, 2, 1, true},  {0, 2, 2, false}, {0, 2, 0, false}, {0, 3, 1, false},
                {1, 2, 0, false}, {3, 1, 0, false}, {0, 0, 0, true},  {0, 0, 1, false}};
    struct arena arena;
    struct buf out;
    arena_init(&arena, 4096);
    buf_init(&out, 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        buf_clear(&out);
        plane_listing_write(&(struct plane_listing){.slots = slots + rows[i].first,
                                                    .gens = gens + rows[i].first,
                                                    .group_counts = counts + rows[i].first,
                                                    .conn_count = rows[i].conns,
                                                    .groups = groups,
                                                    .group_count = rows[i].groups},
                            &out);
        struct plane_listing listing;
        arena_reset(&arena);
        ck_assert_int_eq(plane_listing_read(&arena, buf_bytes(&out), &listing), rows[i].good);
    }
    buf_fini(&out);
    arena_fini(&arena);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("truth");
    TCase *tcase = tcase_create("truth");
    tcase_add_test(tcase, a_canary_comes_back_and_the_router_hears_what_it_took);
    tcase_add_test(tcase, before_the_first_canary_is_back_an_edge_is_not_ready);
    tcase_add_test(tcase, silence_makes_both_ends_overdue_and_they_recover_by_themselves);
    tcase_add_test(tcase, a_router_that_gives_no_canaries_back_is_not_blamed);
    tcase_add_test(tcase, a_draining_edge_sends_no_canaries_and_is_not_missed);
    tcase_add_test(tcase, a_store_that_finishes_nothing_is_noticed);
    tcase_add_test(tcase, what_edge_and_router_hold_is_compared_and_the_same);
    tcase_add_loop_test(tcase, a_wrong_record_is_found_and_only_its_connection_is_closed, 0,
                        sizeof(wrongs) / sizeof(wrongs[0]));
    tcase_add_test(tcase, an_answer_to_a_former_router_is_not_compared);
    tcase_add_test(tcase, a_connection_that_no_edge_has_is_lost);
    tcase_add_test(tcase, a_listing_that_contradicts_itself_is_refused);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
