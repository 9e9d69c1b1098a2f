/* Watching over the admin endpoint: batches, the window, what is lost, and the end of it. */
#include "common/log.h"
#include "common/mem.h"
#include "proto/admin.pb-c.h"
#include "proto/arena.h"
#include "proto/pb_bytes.h"
#include "tests/support/admin_rig.h"
#include "tests/support/check_main.h"

#include <string.h>

#define ASK(name) SPLITRAIL__ADMIN__REQUEST__ASK_##name
#define STATUS_OF(name) SPLITRAIL__ADMIN__REPLY__STATUS__##name

static struct admin_rig rig;
static struct arena arena;

static void setup(void)
{
    log_configure(false, LOG_ERROR);
    admin_rig_init(&rig);
    arena_init(&arena, 1 << 24);
}

static void teardown(void)
{
    admin_rig_fini(&rig);
    arena_fini(&arena);
}

static Splitrail__Admin__Reply *read_reply(void)
{
    arena_reset(&arena);
    Splitrail__Admin__Reply *reply =
        splitrail__admin__reply__unpack(&arena.allocator, rig.reply.len, rig.reply.data);
    ck_assert_ptr_nonnull(reply);
    return reply;
}

static void ask(Splitrail__Admin__Request *request, uint64_t id)
{
    struct buf bytes;
    buf_init(&bytes, 0);
    request->version = ADMIN_VERSION;
    request->id = id;
    pb_append(&request->base, &bytes);
    admin_rig_ask(&rig, buf_bytes(&bytes));
    buf_fini(&bytes);
}

static void watch(uint64_t id, Splitrail__Admin__Watch watch)
{
    Splitrail__Admin__Request request = SPLITRAIL__ADMIN__REQUEST__INIT;
    request.ask_case = ASK(WATCH);
    request.watch = &watch;
    ask(&request, id);
}

static Splitrail__Admin__Watch tail_of(char *room)
{
    Splitrail__Admin__Watch asked = SPLITRAIL__ADMIN__WATCH__INIT;
    asked.room = room;
    asked.messages = true;
    return asked;
}

static Splitrail__Admin__Watch seen(char *room, uint32_t count)
{
    Splitrail__Admin__Watch asked = tail_of(room);
    asked.seen = count;
    return asked;
}

static void publish(char *room, const char *payload)
{
    Splitrail__Admin__Publish asked = SPLITRAIL__ADMIN__PUBLISH__INIT;
    Splitrail__Admin__Request request = SPLITRAIL__ADMIN__REQUEST__INIT;
    request.ask_case = ASK(PUBLISH);
    request.publish = &asked;
    asked.room = room;
    asked.payload = pb_binary(bytes_of_str(payload));
    ask(&request, 5);
}

/* How many replies the end of a turn sends. */
static uint64_t flush(void)
{
    uint64_t before = rig.reply_count;
    admin_flush(rig.admin, rig.now_ms, ADMIN_RIG_WALL_MS);
    return rig.reply_count - before;
}

START_TEST(what_is_said_in_a_turn_comes_in_one_batch)
{
    watch(9, tail_of("tea"));
    ck_assert(read_reply()->watching);
    ck_assert_uint_eq(flush(), 0);
    publish("tea", "1");
    publish("milk", "2");
    publish("tea", "3");
    ck_assert_uint_eq(flush(), 1);
    const Splitrail__Admin__Reply *reply = read_reply();
    ck_assert_uint_eq(reply->id, 9);
    ck_assert_uint_eq(reply->batch, 1);
    ck_assert_uint_eq(reply->n_events, 2);
    ck_assert_str_eq(reply->events[0]->kind, "message");
    ck_assert_str_eq(reply->events[0]->room, "tea");
    ck_assert_uint_eq(reply->events[1]->message->offset, 2);
    ck_assert_uint_eq(reply->events[1]->message->payload.data[0], '3');
    ck_assert_uint_eq(reply->events[1]->members, 3);
    ck_assert_uint_eq(flush(), 0);
}
END_TEST

START_TEST(a_tool_that_does_not_keep_up_is_told_how_much_it_lost)
{
    char payload[60 * 1024];
    memset(payload, '1', sizeof(payload) - 1);
    payload[sizeof(payload) - 1] = 0;
    watch(9, tail_of("tea"));
    for (int i = 0; i < ADMIN_WATCH_WINDOW; i++) {
        publish("tea", "1");
        ck_assert_uint_eq(flush(), 1);
    }
    for (int i = 0; i < 10; i++) {
        publish("tea", payload);
        ck_assert_uint_eq(flush(), 0);
    }
    watch(9, seen("tea", 1));
    ck_assert_uint_eq(flush(), 1);
    const Splitrail__Admin__Reply *reply = read_reply();
    ck_assert_uint_eq(reply->n_events, 4);
    ck_assert_uint_eq(reply->lost, 0);
    watch(9, seen("tea", 2));
    ck_assert_uint_eq(flush(), 1);
    reply = read_reply();
    ck_assert_uint_eq(reply->n_events, 0);
    ck_assert_uint_eq(reply->lost, 6);
    watch(9, seen("tea", 10));
    publish("tea", "1");
    ck_assert_uint_eq(flush(), 1);
    ck_assert_uint_eq(read_reply()->n_events, 1);
}
END_TEST

START_TEST(who_is_not_heard_of_is_forgotten)
{
    watch(9, tail_of("tea"));
    rig.now_ms += ADMIN_WATCH_ALIVE_MS;
    publish("tea", "1");
    ck_assert_uint_eq(flush(), 1);
    watch(9, seen("tea", 1));
    rig.now_ms += ADMIN_WATCH_ALIVE_MS + 1;
    publish("tea", "1");
    ck_assert_uint_eq(flush(), 0);
    watch(9, seen("tea", 1));
    ck_assert(read_reply()->watching); /* begins anew */
}
END_TEST

START_TEST(who_is_gone_or_stops_is_forgotten_at_once)
{
    watch(9, tail_of("tea"));
    publish("tea", "1");
    rig.deaf = true;
    ck_assert_uint_eq(flush(), 1);
    publish("tea", "1");
    rig.deaf = false;
    ck_assert_uint_eq(flush(), 0);
    watch(10, tail_of("tea"));
    Splitrail__Admin__Watch stop = tail_of("tea");
    stop.stop = true;
    watch(10, stop);
    publish("tea", "1");
    ck_assert_uint_eq(flush(), 0);
}
END_TEST

START_TEST(a_beat_is_answered)
{
    watch(9, tail_of("tea"));
    uint64_t before = rig.reply_count;
    watch(9, seen("tea", 0));
    ck_assert_uint_eq(rig.reply_count, before);
    Splitrail__Admin__Watch beat = tail_of("tea");
    beat.beat = true;
    watch(9, beat);
    ck_assert_uint_eq(rig.reply_count, before + 1);
    ck_assert(!read_reply()->watching);
}
END_TEST

START_TEST(only_so_many_watch)
{
    for (uint64_t i = 0; i < ADMIN_WATCHERS_MAX; i++) {
        watch(100 + i, tail_of("tea"));
        ck_assert(read_reply()->watching);
    }
    watch(9, tail_of("tea"));
    ck_assert_int_eq(read_reply()->status, STATUS_OF(REFUSED));
    publish("tea", "1");
    ck_assert_uint_eq(flush(), ADMIN_WATCHERS_MAX);
}
END_TEST

START_TEST(a_watch_of_nothing_or_of_two_things_is_refused)
{
    watch(9, tail_of(""));
    ck_assert_int_eq(read_reply()->status, STATUS_OF(BAD_REQUEST));
    Splitrail__Admin__Watch both = tail_of("tea");
    both.user = "user_bob";
    watch(9, both);
    ck_assert_int_eq(read_reply()->status, STATUS_OF(BAD_REQUEST));
}
END_TEST

static Splitrail__Admin__Hot *top(void)
{
    Splitrail__Admin__Top asked = SPLITRAIL__ADMIN__TOP__INIT;
    Splitrail__Admin__Request request = SPLITRAIL__ADMIN__REQUEST__INIT;
    request.ask_case = ASK(TOP);
    request.top = &asked;
    ask(&request, 3);
    return read_reply()->hot;
}

START_TEST(what_is_hot_is_counted_between_questions)
{
    publish("tea", "1");
    ck_assert_uint_eq(top()->messages, 0);
    publish("tea", "1");
    publish("tea", "1");
    publish("milk", "1");
    rig.now_ms += 500;
    const Splitrail__Admin__Hot *hot = top();
    ck_assert_uint_eq(hot->window_ms, 500);
    ck_assert_uint_eq(hot->messages, 3);
    ck_assert_uint_eq(hot->deliveries, 7);
    ck_assert_uint_eq(hot->n_rooms, 2);
    ck_assert_str_eq(hot->rooms[0]->name, "tea");
    ck_assert_uint_eq(hot->rooms[0]->messages, 2);
    rig.now_ms += ADMIN_WATCH_ALIVE_MS + 1;
    flush();
    publish("tea", "1");
    hot = top();
    ck_assert_uint_eq(hot->window_ms, 0);
    ck_assert_uint_eq(hot->messages, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("admin_watch");
    TCase *tcase = tcase_create("all");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, what_is_said_in_a_turn_comes_in_one_batch);
    tcase_add_test(tcase, a_tool_that_does_not_keep_up_is_told_how_much_it_lost);
    tcase_add_test(tcase, who_is_not_heard_of_is_forgotten);
    tcase_add_test(tcase, who_is_gone_or_stops_is_forgotten_at_once);
    tcase_add_test(tcase, a_beat_is_answered);
    tcase_add_test(tcase, only_so_many_watch);
    tcase_add_test(tcase, a_watch_of_nothing_or_of_two_things_is_refused);
    tcase_add_test(tcase, what_is_hot_is_counted_between_questions);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
