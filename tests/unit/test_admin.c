#include "common/log.h"
#include "common/mem.h"
#include "proto/admin.pb-c.h"
#include "proto/arena.h"
#include "proto/pb_bytes.h"
#include "tests/support/admin_rig.h"
#include "tests/support/check_main.h"
#include "tests/support/rng.h"

#include <check.h>
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

static Splitrail__Admin__Request request_of(Splitrail__Admin__Request__AskCase ask)
{
    Splitrail__Admin__Request request = SPLITRAIL__ADMIN__REQUEST__INIT;
    request.version = ADMIN_VERSION;
    request.id = 77;
    request.ask_case = ask;
    return request;
}

/* Asks and reads the one reply there must be. */
static Splitrail__Admin__Reply *ask(const Splitrail__Admin__Request *request)
{
    struct buf bytes;
    buf_init(&bytes, 0);
    pb_append(&request->base, &bytes);
    uint64_t before = rig.reply_count;
    admin_rig_ask(&rig, buf_bytes(&bytes));
    buf_fini(&bytes);
    ck_assert_uint_eq(rig.reply_count, before + 1);
    ck_assert(bytes_equal(buf_bytes(&rig.peer), BYTES_LIT("tool")));
    arena_reset(&arena);
    Splitrail__Admin__Reply *reply =
        splitrail__admin__reply__unpack(&arena.allocator, rig.reply.len, rig.reply.data);
    ck_assert_ptr_nonnull(reply);
    ck_assert_uint_eq(reply->id, request->id);
    ck_assert_uint_eq(reply->as_of_ms, ADMIN_RIG_WALL_MS);
    ck_assert(reply->synced);
    return reply;
}

static Splitrail__Admin__Reply *ask_one(Splitrail__Admin__Request__AskCase which, const char *id)
{
    Splitrail__Admin__One one = SPLITRAIL__ADMIN__ONE__INIT;
    Splitrail__Admin__Request request = request_of(which);
    one.id = (char *)(uintptr_t)id;
    request.conn = &one;
    return ask(&request);
}

static Splitrail__Admin__Reply *ask_list(Splitrail__Admin__Request__AskCase which,
                                         Splitrail__Admin__List list)
{
    Splitrail__Admin__Request request = request_of(which);
    request.users = &list;
    return ask(&request);
}

static Splitrail__Admin__Reply *ask_empty(Splitrail__Admin__Request__AskCase which)
{
    Splitrail__Admin__Empty empty = SPLITRAIL__ADMIN__EMPTY__INIT;
    Splitrail__Admin__Request request = request_of(which);
    request.info = &empty;
    return ask(&request);
}

static Splitrail__Admin__Reply *ask_users(char **names, size_t count)
{
    Splitrail__Admin__PresenceUsers users = SPLITRAIL__ADMIN__PRESENCE_USERS__INIT;
    Splitrail__Admin__Request request = request_of(ASK(PRESENCE_USERS));
    users.users = names;
    users.n_users = count;
    request.presence_users = &users;
    return ask(&request);
}

static Splitrail__Admin__Reply *publish(const char *room, const char *payload, const char *key)
{
    Splitrail__Admin__Publish asked = SPLITRAIL__ADMIN__PUBLISH__INIT;
    Splitrail__Admin__Request request = request_of(ASK(PUBLISH));
    asked.room = (char *)(uintptr_t)room;
    asked.payload = pb_binary(bytes_of_str(payload));
    asked.key = (char *)(uintptr_t)key;
    request.publish = &asked;
    return ask(&request);
}

static Splitrail__Admin__Reply *kick(const char *user, const char *conn, const char *room)
{
    Splitrail__Admin__Kick asked = SPLITRAIL__ADMIN__KICK__INIT;
    Splitrail__Admin__Request request = request_of(ASK(KICK));
    asked.user = (char *)(uintptr_t)user;
    asked.conn = (char *)(uintptr_t)conn;
    asked.room = (char *)(uintptr_t)room;
    request.kick = &asked;
    return ask(&request);
}

START_TEST(presence_of_a_user_names_each_connection_with_its_rooms)
{
    char *names[] = {"user_alice"};
    const Splitrail__Admin__Reply *reply = ask_users(names, 1);
    ck_assert_uint_eq(reply->n_users, 1);
    const Splitrail__Admin__User *user = reply->users[0];
    ck_assert(user->online);
    ck_assert_uint_eq(user->connections, 2);
    ck_assert_uint_eq(user->n_conns, 2);
    ck_assert_str_eq(user->conns[0]->id, "e1.0.1");
    ck_assert_str_eq(user->conns[0]->edge, "e1");
    ck_assert_str_eq(user->conns[0]->address, "127.0.0.1");
    ck_assert_str_eq(user->conns[0]->agent, "test");
    ck_assert_uint_eq(user->conns[0]->connected_at_ms, ADMIN_RIG_WALL_MS - 1000);
    ck_assert_uint_eq(user->conns[0]->n_rooms, 2);
    ck_assert_str_eq(user->conns[0]->rooms[0], "milk");
    ck_assert_str_eq(user->conns[0]->rooms[1], "tea");
    ck_assert_uint_eq(user->n_rooms, 2);
}
END_TEST

START_TEST(an_unknown_user_is_offline_and_never_seen)
{
    char *names[] = {"nobody", "user_bob"};
    const Splitrail__Admin__Reply *reply = ask_users(names, 2);
    ck_assert_int_eq(reply->status, STATUS_OF(OK));
    ck_assert_uint_eq(reply->n_users, 2);
    ck_assert_str_eq(reply->users[0]->name, "nobody");
    ck_assert(!reply->users[0]->online);
    ck_assert_uint_eq(reply->users[0]->since_ms, 0);
    ck_assert(reply->users[1]->online);
}
END_TEST

START_TEST(presence_of_a_room_lists_members_by_name)
{
    Splitrail__Admin__PresenceRoom room = SPLITRAIL__ADMIN__PRESENCE_ROOM__INIT;
    Splitrail__Admin__Request request = request_of(ASK(PRESENCE_ROOM));
    room.room = "tea";
    request.presence_room = &room;
    const Splitrail__Admin__Reply *reply = ask(&request);
    ck_assert_uint_eq(reply->n_members, 2);
    ck_assert_str_eq(reply->members[0]->user, "user_alice");
    ck_assert_uint_eq(reply->members[0]->connections, 2);
    ck_assert_str_eq(reply->members[1]->user, "user_bob");
    room.limit = 1;
    reply = ask(&request);
    ck_assert_uint_eq(reply->n_members, 1);
    ck_assert_uint_eq(reply->total, 2);
    room.room = "nowhere";
    reply = ask(&request);
    ck_assert_int_eq(reply->status, STATUS_OF(OK));
    ck_assert_uint_eq(reply->total, 0);
}
END_TEST

START_TEST(lists_are_sorted_limited_and_tell_the_total)
{
    Splitrail__Admin__List list = SPLITRAIL__ADMIN__LIST__INIT;
    list.limit = 1;
    list.sort = "members";
    const Splitrail__Admin__Reply *reply = ask_list(ASK(ROOMS), list);
    ck_assert_uint_eq(reply->n_rooms, 1);
    ck_assert_uint_eq(reply->total, 2);
    ck_assert_str_eq(reply->rooms[0]->name, "tea");
    ck_assert_uint_eq(reply->rooms[0]->members, 2);
    ck_assert_uint_eq(reply->rooms[0]->connections, 3);
    list.sort = "";
    reply = ask_list(ASK(ROOMS), list);
    ck_assert_str_eq(reply->rooms[0]->name, "milk");
    list.sort = "connections";
    reply = ask_list(ASK(USERS), list);
    ck_assert_str_eq(reply->users[0]->name, "user_alice");
    ck_assert_uint_eq(reply->total, 2);
}
END_TEST

static const struct {
    const char *prefix;
    const char *user;
    const char *edge;
    const char *ip;
    size_t found;
} filters[] = {
    {"", "", "", "", 3},           {"user_", "", "", "", 3},
    {"user_b", "", "", "", 1},     {"x", "", "", "", 0},
    {"", "user_alice", "", "", 2}, {"", "user_nobody", "", "", 0},
    {"", "", "e1", "", 3},         {"", "", "e", "", 0},
    {"", "", "", "127.0.0.1", 3},  {"", "", "", "127.0.0", 0},
    {"", "", "", "127.0.0.11", 0}, {"user_a", "user_alice", "e1", "127.0.0.1", 2},
};

START_TEST(connections_are_filtered)
{
    Splitrail__Admin__List list = SPLITRAIL__ADMIN__LIST__INIT;
    list.prefix = (char *)(uintptr_t)filters[_i].prefix;
    list.user = (char *)(uintptr_t)filters[_i].user;
    list.edge = (char *)(uintptr_t)filters[_i].edge;
    list.ip = (char *)(uintptr_t)filters[_i].ip;
    const Splitrail__Admin__Reply *reply = ask_list(ASK(CONNS), list);
    ck_assert_uint_eq(reply->n_conns, filters[_i].found);
    ck_assert_uint_eq(reply->total, filters[_i].found);
}
END_TEST

START_TEST(one_of_a_kind_is_found_or_not_found)
{
    const Splitrail__Admin__Reply *reply = ask_one(ASK(CONN), "e1.2.1");
    ck_assert_uint_eq(reply->n_conns, 1);
    ck_assert_str_eq(reply->conns[0]->user, "user_bob");
    ck_assert_str_eq(reply->conns[0]->rooms[0], "tea");
    ck_assert_int_eq(ask_one(ASK(CONN), "e1.2.2")->status, STATUS_OF(NOT_FOUND));
    ck_assert_int_eq(ask_one(ASK(CONN), "")->status, STATUS_OF(NOT_FOUND));
    reply = ask_one(ASK(ROOM), "tea");
    ck_assert_str_eq(reply->rooms[0]->class_, "memory");
    ck_assert_uint_eq(reply->n_members, 2);
    ck_assert_int_eq(ask_one(ASK(ROOM), "nowhere")->status, STATUS_OF(NOT_FOUND));
}
END_TEST

START_TEST(edges_are_told_with_their_links)
{
    const Splitrail__Admin__Reply *reply = ask_empty(ASK(EDGES));
    ck_assert_uint_eq(reply->n_edges, 1);
    ck_assert_str_eq(reply->edges[0]->id, "e1");
    ck_assert_str_eq(reply->edges[0]->state, "up");
    ck_assert_uint_eq(reply->edges[0]->incarnation, 42);
    ck_assert_uint_eq(reply->edges[0]->connections, 3);
}
END_TEST

START_TEST(info_and_figures_are_those_of_the_router)
{
    const Splitrail__Admin__Reply *reply = ask_empty(ASK(INFO));
    ck_assert_str_eq(reply->info->version, SPLITRAIL_VERSION);
    ck_assert_str_eq(reply->info->router_id, "r1");
    ck_assert_uint_eq(reply->info->incarnation, 7);
    ck_assert_uint_eq(reply->info->uptime_ms, 500);
    ck_assert(reply->info->ready);
    reply = ask_empty(ASK(STATS));
    int64_t joins = -1;
    for (size_t i = 0; i < reply->n_figures; i++) {
        if (strcmp(reply->figures[i]->name, "commands.join") == 0) {
            joins = reply->figures[i]->value;
        }
    }
    ck_assert_int_eq(joins, 4);
}
END_TEST

START_TEST(what_is_published_gets_the_next_offset_and_a_key_counts_once)
{
    const Splitrail__Admin__Reply *reply = publish("tea", "{\"a\": 1}", "k");
    ck_assert_int_eq(reply->status, STATUS_OF(OK));
    ck_assert_uint_eq(reply->done->offset, 1);
    ck_assert_uint_eq(strlen(reply->done->epoch), 16);
    reply = publish("tea", "{\"a\": 1}", "k");
    ck_assert_uint_eq(reply->done->offset, 1);
    ck_assert(reply->done->duplicate);
    ck_assert_uint_eq(publish("tea", "2", "")->done->offset, 2);
}
END_TEST

static const struct {
    const char *room;
    const char *payload;
    const char *key;
} bad_publications[] = {
    {"", "1", ""},
    {"a\nb", "1", ""},
    {"\xff", "1", ""},
    {"tea", "", ""},
    {"tea", "{\"a\"", ""},
    {"tea", "1 2", ""},
    {"tea", "1", "k\n"},
    {"tea", "1", "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"},
};

START_TEST(a_publication_that_no_client_could_read_is_refused)
{
    const Splitrail__Admin__Reply *reply =
        publish(bad_publications[_i].room, bad_publications[_i].payload, bad_publications[_i].key);
    ck_assert_int_eq(reply->status, STATUS_OF(BAD_REQUEST));
    ck_assert_str_ne(reply->text, "");
}
END_TEST

START_TEST(a_payload_above_the_limit_is_refused)
{
    char *large = mem_new(65536 + 3, 1);
    memset(large, 'x', 65536 + 2);
    large[0] = '"';
    large[65535] = '"';
    large[65536] = 0;
    ck_assert_int_eq(publish("tea", large, "")->status, STATUS_OF(OK));
    large[65535] = 'x';
    large[65536] = '"';
    ck_assert_int_eq(publish("tea", large, "")->status, STATUS_OF(BAD_REQUEST));
    mem_free(large);
}
END_TEST

START_TEST(a_direct_message_tells_how_many_connections_it_reached)
{
    Splitrail__Admin__Send asked = SPLITRAIL__ADMIN__SEND__INIT;
    Splitrail__Admin__Request request = request_of(ASK(SEND));
    asked.user = "user_alice";
    asked.payload = pb_binary(BYTES_LIT("[]"));
    request.send = &asked;
    ck_assert_uint_eq(ask(&request)->done->count, 2);
    asked.user = "stranger";
    ck_assert_uint_eq(ask(&request)->done->count, 0);
    asked.from = "a\tb";
    ck_assert_int_eq(ask(&request)->status, STATUS_OF(BAD_REQUEST));
}
END_TEST

START_TEST(a_kick_ends_connections_or_memberships_and_says_when_there_are_none)
{
    ck_assert_uint_eq(kick("user_alice", "", "milk")->done->count, 1);
    ck_assert_uint_eq(kick("", "e1.2.1", "")->done->count, 1);
    ck_assert_int_eq(kick("", "e1.2.1", "")->status, STATUS_OF(NOT_FOUND));
    ck_assert_uint_eq(kick("user_alice", "", "")->done->count, 2);
    ck_assert_int_eq(kick("user_alice", "", "")->status, STATUS_OF(NOT_FOUND)); /* still known */
    ck_assert_int_eq(kick("stranger", "", "")->status, STATUS_OF(NOT_FOUND));
    ck_assert_int_eq(kick("", "", "")->status, STATUS_OF(BAD_REQUEST));
    ck_assert_int_eq(kick("user_alice", "e1.0.1", "")->status, STATUS_OF(BAD_REQUEST));
}
END_TEST

START_TEST(impossible_questions_are_bad_requests)
{
    Splitrail__Admin__List list = SPLITRAIL__ADMIN__LIST__INIT;
    list.sort = "colour";
    ck_assert_int_eq(ask_list(ASK(USERS), list)->status, STATUS_OF(BAD_REQUEST));
    list.sort = "";
    list.limit = ADMIN_LIST_MAX + 1;
    ck_assert_int_eq(ask_list(ASK(CONNS), list)->status, STATUS_OF(BAD_REQUEST));
    ck_assert_int_eq(ask_users(NULL, 0)->status, STATUS_OF(BAD_REQUEST));
    char *names[] = {"ok", ""};
    ck_assert_int_eq(ask_users(names, 2)->status, STATUS_OF(BAD_REQUEST));
    Splitrail__Admin__Request request = request_of(ASK(_NOT_SET));
    ck_assert_int_eq(ask(&request)->status, STATUS_OF(BAD_REQUEST));
    request = request_of(ASK(_NOT_SET));
    request.version = 2;
    ck_assert_int_eq(ask(&request)->status, STATUS_OF(VERSION));
}
END_TEST

START_TEST(a_question_names_at_most_a_thousand_users)
{
    char *names[ADMIN_USERS_MAX + 1];
    for (size_t i = 0; i <= ADMIN_USERS_MAX; i++) {
        names[i] = "user_alice";
    }
    ck_assert_uint_eq(ask_users(names, ADMIN_USERS_MAX)->n_users, ADMIN_USERS_MAX);
    ck_assert_int_eq(ask_users(names, ADMIN_USERS_MAX + 1)->status, STATUS_OF(BAD_REQUEST));
}
END_TEST

static const struct {
    const char *bytes;
    size_t len;
    bool answered;
} garbage[] = {
    {"", 0, true}, /* an empty request is valid protobuf: of version 0 */
    {"GET / HTTP/1.1\r\n\r\n", 18, false},
    {"\x08", 1, false},
    {"\x08\x01\x10\x4d\xff", 5, true},
    {"\x10\x4d\x1a\x7f", 4, true},
    {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x10\x01\xff", 15, false},
    {"\x08\x01\x10", 3, false},
};

START_TEST(garbage_is_counted_and_answered_when_it_has_an_id)
{
    uint64_t before = rig.reply_count;
    admin_rig_ask(&rig, bytes_of(garbage[_i].bytes, garbage[_i].len));
    ck_assert_uint_eq(rig.reply_count - before, garbage[_i].answered ? 1 : 0);
    struct admin_stats stats;
    admin_stats(rig.admin, &stats);
    ck_assert_uint_eq(stats.garbage, garbage[_i].len == 0 ? 0 : 1);
}
END_TEST

static void pack_sample(unsigned which, struct buf *out)
{
    static const Splitrail__Admin__Request__AskCase lists[] = {ASK(USERS), ASK(ROOMS), ASK(CONNS)};
    Splitrail__Admin__List list = SPLITRAIL__ADMIN__LIST__INIT;
    Splitrail__Admin__Publish asked = SPLITRAIL__ADMIN__PUBLISH__INIT;
    Splitrail__Admin__PresenceUsers users = SPLITRAIL__ADMIN__PRESENCE_USERS__INIT;
    char *names[] = {"user_alice", "user_bob", "nobody"};
    Splitrail__Admin__Request request = request_of(lists[which % 3]);
    list.prefix = "user_";
    list.sort = "name";
    list.limit = 5;
    request.users = &list;
    if (which % 5 == 3) {
        asked.room = "tea";
        asked.payload = pb_binary(BYTES_LIT("{\"a\":[1,2,3]}"));
        request.ask_case = ASK(PUBLISH);
        request.publish = &asked;
    } else if (which % 5 == 4) {
        users.users = names;
        users.n_users = 3;
        request.ask_case = ASK(PRESENCE_USERS);
        request.presence_users = &users;
    }
    pb_append(&request.base, out);
}

START_TEST(two_thousand_mutated_requests_are_survived_and_answered_at_most_once)
{
    struct rng rng = {2024};
    struct buf bytes;
    buf_init(&bytes, 0);
    for (unsigned round = 0; round < 2000; round++) {
        buf_clear(&bytes);
        pack_sample(round, &bytes);
        for (uint32_t i = rng_below(&rng, 4); i > 0; i--) {
            bytes.data[rng_below(&rng, (uint32_t)bytes.len)] = (uint8_t)rng_u64(&rng);
        }
        bytes.len -= rng_below(&rng, 3) == 0 ? rng_below(&rng, (uint32_t)bytes.len) : 0;
        uint8_t *exact = mem_copy(buf_bytes(&bytes));
        uint64_t before = rig.reply_count;
        admin_rig_ask(&rig, bytes_of(exact, bytes.len));
        ck_assert_uint_le(rig.reply_count - before, 1);
        mem_free(exact);
    }
    buf_fini(&bytes);
    char *names[] = {"user_alice"};
    ck_assert_uint_eq(ask_users(names, 1)->users[0]->connections, 2);
}
END_TEST

static Splitrail__Admin__Reply *ban(Splitrail__Admin__Request__AskCase which, const char *user,
                                    const char *ip, uint64_t for_ms)
{
    Splitrail__Admin__Ban asked = SPLITRAIL__ADMIN__BAN__INIT;
    Splitrail__Admin__Request request = request_of(which);
    asked.user = (char *)(uintptr_t)user;
    asked.ip = (char *)(uintptr_t)ip;
    asked.for_ms = for_ms;
    asked.reason = (char *)(uintptr_t) "why";
    request.by = (char *)(uintptr_t) "operator";
    request.ban = &asked;
    return ask(&request);
}

START_TEST(bans_are_set_listed_in_order_and_ended)
{
    ck_assert_uint_eq(ban(ASK(BAN), "user_alice", "", 60000)->done->count, 2);
    ck_assert_uint_eq(ban(ASK(BAN), "", "127.0.0.9/8", 0)->done->count, 1);
    ck_assert_uint_eq(ban(ASK(BAN), "", "10.0.0.1", 0)->done->count, 0);
    const Splitrail__Admin__Reply *reply =
        ask_list(ASK(BANS), (Splitrail__Admin__List)SPLITRAIL__ADMIN__LIST__INIT);
    ck_assert_uint_eq(reply->total, 3);
    ck_assert_uint_eq(reply->n_bans, 3);
    ck_assert_str_eq(reply->bans[0]->user, "user_alice");
    ck_assert_uint_eq(reply->bans[0]->left_ms, 60000);
    ck_assert_uint_eq(reply->bans[0]->until_ms, ADMIN_RIG_WALL_MS + 60000);
    ck_assert_str_eq(reply->bans[0]->by, "operator");
    ck_assert_str_eq(reply->bans[0]->reason, "why");
    ck_assert_str_eq(reply->bans[1]->ip, "10.0.0.1");
    ck_assert_str_eq(reply->bans[2]->ip, "127.0.0.0/8");
    ck_assert_uint_eq(reply->bans[2]->until_ms, 0);
    Splitrail__Admin__List some = SPLITRAIL__ADMIN__LIST__INIT;
    some.prefix = (char *)(uintptr_t) "127.";
    ck_assert_uint_eq(ask_list(ASK(BANS), some)->total, 1);
    ck_assert_int_eq(ban(ASK(UNBAN), "", "127.0.0.0/8", 0)->status, STATUS_OF(OK));
    ck_assert_int_eq(ban(ASK(UNBAN), "", "127.0.0.0/8", 0)->status, STATUS_OF(NOT_FOUND));
    ck_assert_int_eq(ban(ASK(UNBAN), "user_bob", "", 0)->status, STATUS_OF(NOT_FOUND));
}
END_TEST

static const struct {
    const char *user;
    const char *ip;
    uint64_t for_ms;
} bad_bans[] = {
    {"", "", 0},          {"a", "10.0.0.1", 0},  {"a\n", "", 0},   {"", "nonsense", 0},
    {"", "0.0.0.0/7", 0}, {"", "::/0", 0},       {"", "::/80", 0}, {"", "2001::/15", 0},
    {"", "10.0.0.0/", 0}, {"a", "", UINT64_MAX},
};

START_TEST(a_ban_that_cannot_be_meant_is_a_bad_request)
{
    ck_assert_int_eq(ban(ASK(BAN), bad_bans[_i].user, bad_bans[_i].ip, bad_bans[_i].for_ms)->status,
                     STATUS_OF(BAD_REQUEST));
}
END_TEST

START_TEST(a_kick_may_be_a_ban_of_the_user_as_well)
{
    Splitrail__Admin__Kick asked = SPLITRAIL__ADMIN__KICK__INIT;
    Splitrail__Admin__Request request = request_of(ASK(KICK));
    asked.conn = (char *)(uintptr_t) "e1.0.1";
    asked.ban_ms = 1000;
    request.kick = &asked;
    ck_assert_uint_eq(ask(&request)->done->count, 2);
    Splitrail__Admin__List all = SPLITRAIL__ADMIN__LIST__INIT;
    ck_assert_str_eq(ask_list(ASK(BANS), all)->bans[0]->user, "user_alice");
    asked.room = (char *)(uintptr_t) "tea";
    ck_assert_int_eq(ask(&request)->status, STATUS_OF(BAD_REQUEST));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("admin");
    TCase *tcase = tcase_create("all");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, presence_of_a_user_names_each_connection_with_its_rooms);
    tcase_add_test(tcase, an_unknown_user_is_offline_and_never_seen);
    tcase_add_test(tcase, presence_of_a_room_lists_members_by_name);
    tcase_add_test(tcase, lists_are_sorted_limited_and_tell_the_total);
    tcase_add_loop_test(tcase, connections_are_filtered, 0,
                        (int)(sizeof(filters) / sizeof(filters[0])));
    tcase_add_test(tcase, one_of_a_kind_is_found_or_not_found);
    tcase_add_test(tcase, edges_are_told_with_their_links);
    tcase_add_test(tcase, info_and_figures_are_those_of_the_router);
    tcase_add_test(tcase, what_is_published_gets_the_next_offset_and_a_key_counts_once);
    tcase_add_loop_test(tcase, a_publication_that_no_client_could_read_is_refused, 0,
                        (int)(sizeof(bad_publications) / sizeof(bad_publications[0])));
    tcase_add_test(tcase, a_payload_above_the_limit_is_refused);
    tcase_add_test(tcase, a_direct_message_tells_how_many_connections_it_reached);
    tcase_add_test(tcase, a_kick_ends_connections_or_memberships_and_says_when_there_are_none);
    tcase_add_test(tcase, bans_are_set_listed_in_order_and_ended);
    tcase_add_loop_test(tcase, a_ban_that_cannot_be_meant_is_a_bad_request, 0,
                        (int)(sizeof(bad_bans) / sizeof(bad_bans[0])));
    tcase_add_test(tcase, a_kick_may_be_a_ban_of_the_user_as_well);
    tcase_add_test(tcase, impossible_questions_are_bad_requests);
    tcase_add_test(tcase, a_question_names_at_most_a_thousand_users);
    tcase_add_loop_test(tcase, garbage_is_counted_and_answered_when_it_has_an_id, 0,
                        (int)(sizeof(garbage) / sizeof(garbage[0])));
    tcase_add_test(tcase, two_thousand_mutated_requests_are_survived_and_answered_at_most_once);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
