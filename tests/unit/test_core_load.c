/* Logs of durable rooms and inboxes: read when they are needed first; what is asked meanwhile
 * waits, and nothing else does. */
#include "router/channel.h"
#include "tests/support/check_main.h"
#include "tests/support/core_driver.h"

#include <stdio.h>

enum { EPOCH = 0x77 };

static struct core_driver start(void)
{
    struct core_driver d;
    struct core_config config = core_driver_config();
    config.policy.fallback.class = ROOM_DURABLE;
    core_driver_start(&d, &config, 1);
    core_driver_open(&d, 0, 1, "alice");
    core_driver_forget(&d);
    d.loads_by_hand = true;
    return d;
}

/* Messages 1 to `count`, whose payloads are their numbers. */
static struct core_log log_of(struct core_record records[4], size_t count)
{
    const struct bytes digits[] = {BYTES_LIT("1"), BYTES_LIT("2"), BYTES_LIT("3"), BYTES_LIT("4")};
    for (size_t i = 0; i < count; i++) {
        records[i] = (struct core_record){.message = {.offset = i + 1,
                                                      .timestamp_ms = CORE_DRIVER_WALL_MS,
                                                      .user = BYTES_LIT("u"),
                                                      .payload = digits[i]}};
    }
    return (struct core_log){
        .found = true, .epoch = EPOCH, .top = count, .records = records, .record_count = count};
}

static void loaded_messages(struct core_driver *d, size_t count)
{
    struct core_record records[4];
    struct core_log log = log_of(records, count);
    core_driver_loaded(d, &log);
}

START_TEST(what_is_asked_of_a_loading_room_waits_and_nothing_else_does)
{
    struct core_driver d = start();
    core_driver_join(&d, 0, 1, "r");
    core_driver_expect(&d, "load r\n");
    core_driver_users(&d, 0, 1, COMMAND_PRESENCE_USERS, "nobody");
    core_driver_expect_line(&d, "send 0/1 ok 2 presence");
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_room_continues_its_log)
{
    struct core_driver d = start();
    core_driver_join(&d, 0, 1, "r");
    core_driver_say(&d, 0, 1, "r", "a");
    core_driver_expect(&d, "load r\n");
    loaded_messages(&d, 3);
    core_driver_expect(&d, "send 0/1 ok 1 join r @3 first 1\n"
                           "add 0/1 room:r info @3\n"
                           "append r alice a @4\n");
    ck_assert_uint_eq(core_driver_epoch(&d, "r"), EPOCH);
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_failed_load_is_unavailable_and_tried_again_at_the_next_touch)
{
    struct core_driver d = start();
    core_driver_join(&d, 0, 1, "r");
    core_driver_forget(&d);
    core_driver_load_failed(&d);
    core_driver_expect(&d, "send 0/1 error 1 unavailable\n");
    core_driver_join(&d, 0, 1, "r");
    core_driver_expect(&d, "load r\n");
    core_driver_loaded(&d, NULL);
    core_driver_expect_line(&d, "send 0/1 ok 2 join r @0 first 1\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(an_edge_is_bound_as_it_is_and_told_what_it_lacks_from_the_log)
{
    struct core_driver d = start();
    core_driver_edge_up(&d, 1, "e1");
    core_driver_announce_group(&d, 1, 5, CHANNEL_ROOM, "r", EPOCH, 1);
    core_driver_expect(&d, "load r\nbind 1.5 room:r info @1\n");
    loaded_messages(&d, 3);
    core_driver_expect(&d, "bind 1.5 room:r info @1\n"
                           "deliver room:r to 1 message u 2 @2 #2\n"
                           "deliver room:r to 1 message u 3 @3 #3\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(an_edge_gets_from_the_log_what_history_does_not_keep_for_others)
{
    struct core_config config = core_driver_config();
    struct core_driver d;
    config.policy.fallback.class = ROOM_DURABLE;
    config.policy.fallback.history_messages = 1;
    core_driver_start(&d, &config, 1);
    d.loads_by_hand = true;
    core_driver_open(&d, 0, 1, "alice");
    core_driver_join(&d, 0, 1, "r");
    loaded_messages(&d, 3); /* the ring holds the newest only */
    core_driver_edge_up(&d, 1, "late");
    core_driver_forget(&d);
    core_driver_announce_group(&d, 1, 5, CHANNEL_ROOM, "r", EPOCH, 1);
    core_driver_expect(&d, "load r\nbind 1.5 room:r info @1\n");
    loaded_messages(&d, 3);
    core_driver_expect(&d, "bind 1.5 room:r info @1\n"
                           "deliver room:r to 1 message u 2 @2 #2\n"
                           "deliver room:r to 1 message u 3 @3 #3\n");
    core_driver_join(&d, 0, 1, "r");
    core_driver_expect_line(&d, "join r @3 first 3"); /* others are told of what is kept */
    core_driver_stop(&d);
}
END_TEST

START_TEST(an_edge_that_is_late_gets_what_the_rebuild_kept_for_it)
{
    struct core_config config = core_driver_config();
    struct core_driver d;
    config.rebuild_ms = 500;
    config.policy.fallback.history_messages = 1;
    core_driver_start(&d, &config, 1);
    core_driver_open(&d, 0, 1, "alice");
    core_driver_join(&d, 0, 1, "r");
    for (int i = 0; i < 3; i++) {
        core_driver_say(&d, 0, 1, "r", "1");
    }
    uint64_t epoch = core_driver_epoch(&d, "r");
    core_driver_wait(&d, 1000);
    core_driver_edge_up(&d, 1, "late");
    core_driver_forget(&d);
    core_driver_announce_group(&d, 1, 5, CHANNEL_ROOM, "r", epoch, 1);
    core_driver_expect_line(&d, "deliver room:r to 1 message alice 1 @2 #2");
    core_driver_expect_none(&d, "gap");
    core_driver_stop(&d);
}
END_TEST

START_TEST(an_edge_waits_for_a_log_that_cannot_be_read_at_first)
{
    struct core_driver d = start();
    core_driver_edge_up(&d, 1, "e1");
    core_driver_announce_group(&d, 1, 5, CHANNEL_ROOM, "r", EPOCH, 3);
    core_driver_forget(&d);
    core_driver_load_failed(&d);
    core_driver_expect(&d, "");
    core_driver_wait(&d, 1000);
    core_driver_expect(&d, "load r\n");
    loaded_messages(&d, 3);
    core_driver_expect(&d, "bind 1.5 room:r info @3\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(what_an_edge_has_above_the_log_becomes_a_hole)
{
    struct core_driver d = start();
    core_driver_edge_up(&d, 1, "e1");
    core_driver_announce_group(&d, 1, 5, CHANNEL_ROOM, "r", EPOCH, 4);
    core_driver_join(&d, 0, 1, "r");
    core_driver_forget(&d);
    loaded_messages(&d, 3);
    core_driver_expect_line(&d, "bind 1.5 room:r info @4\n");
    core_driver_expect_line(&d, "send 0/1 ok 1 join r @4 first 1\n");
    core_driver_expect_none(&d, "epoch");
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_room_in_which_nobody_spoke_keeps_its_epoch)
{
    struct core_driver a = start();
    core_driver_join(&a, 0, 1, "r");
    core_driver_loaded(&a, NULL);
    uint64_t epoch = core_driver_epoch(&a, "r");
    core_driver_stop(&a);
    struct core_driver b = start();
    core_driver_edge_up(&b, 1, "e1");
    core_driver_announce_group(&b, 1, 5, CHANNEL_ROOM, "r", epoch, 0);
    core_driver_loaded(&b, NULL);
    core_driver_expect_none(&b, "epoch");
    ck_assert_uint_eq(core_driver_epoch(&b, "r"), epoch);
    core_driver_stop(&b);
}
END_TEST

static struct core_driver start_inboxes(void)
{
    struct core_driver d;
    struct core_config config = core_driver_config();
    config.inbox_durable = true;
    core_driver_start(&d, &config, 1);
    d.loads_by_hand = true;
    return d;
}

START_TEST(a_welcome_waits_for_the_inbox_and_commands_for_the_welcome)
{
    struct core_driver d = start_inboxes();
    core_driver_open(&d, 0, 1, "alice");
    core_driver_join(&d, 0, 1, "r");
    core_driver_expect(&d, "load inbox alice\n");
    loaded_messages(&d, 3);
    core_driver_expect(&d, "accept 0/1 alice\n"
                           "add 0/1 inbox:alice info @3\n"
                           "send 0/1 welcome alice inbox @3\n"
                           "send 0/1 routing e0\n"
                           "send 0/1 ok 1 join r @0 first 1\n"
                           "add 0/1 room:r info @0\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(who_cannot_be_welcomed_is_closed)
{
    struct core_driver d = start_inboxes();
    core_driver_open(&d, 0, 1, "alice");
    core_driver_forget(&d);
    core_driver_load_failed(&d);
    core_driver_expect(&d, "close 0/1 1013 Try again later\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_direct_message_is_committed_then_delivered_then_answered)
{
    struct core_driver d = start_inboxes();
    core_driver_open(&d, 0, 1, "alice");
    core_driver_loaded(&d, NULL);
    core_driver_direct(&d, 0, 1, "bob", "x");
    core_driver_loaded(&d, NULL);
    core_driver_expect_line(&d, "append inbox bob alice x @1\n");
    core_driver_forget(&d);
    core_driver_appended(&d, 0, APPEND_OK);
    core_driver_expect(&d, "send 0/1 ok 1 sent delivered 0\n");
    core_driver_stop(&d);
}
END_TEST

/* What an edge sends to two routers in a row. */
static void say_numbered(struct core_driver *d, uint64_t number)
{
    struct command say = {.kind = COMMAND_ROOM_MESSAGE,
                          .id = BYTES_LIT("7"),
                          .room = BYTES_LIT("r"),
                          .payload = BYTES_LIT("x")};
    core_driver_step(d, &(struct core_event){.kind = CORE_COMMAND,
                                             .conn = {0, 1, 1},
                                             .number = number,
                                             .cause = 9,
                                             .command = &say});
}

START_TEST(a_message_that_the_log_has_is_answered_and_not_stored_again)
{
    struct core_driver d = start();
    core_driver_join(&d, 0, 1, "r");
    core_driver_loaded(&d, NULL);
    say_numbered(&d, 5);
    const struct core_effect *append = core_driver_last(&d, CORE_APPEND);
    uint8_t key[COMMAND_KEY_MAX];
    ck_assert(append->key.len != 0 && append->key.len <= sizeof(key));
    ck_assert_uint_eq(append->key.data[0], 0xFF);
    memcpy(key, append->key.data, append->key.len);
    struct core_record record = {.message = {.offset = 1, .user = BYTES_LIT("alice")},
                                 .key = bytes_of(key, append->key.len)};
    core_driver_stop(&d);
    d = start();
    core_driver_join(&d, 0, 1, "r");
    core_driver_loaded(
        &d, &(struct core_log){
                .found = true, .epoch = EPOCH, .top = 1, .records = &record, .record_count = 1});
    core_driver_forget(&d);
    say_numbered(&d, 5);
    core_driver_expect(&d, "send 0/1 ok 7 said r @1\n");
    say_numbered(&d, 6);
    core_driver_expect_line(&d, "held 9\n");
    core_driver_expect_line(&d, "append r alice x @2\n");
    core_driver_stop(&d);
}
END_TEST

static void say_keyed(struct core_driver *d, uint64_t number)
{
    struct command say = {.kind = COMMAND_ROOM_MESSAGE,
                          .id = BYTES_LIT("7"),
                          .room = BYTES_LIT("r"),
                          .payload = BYTES_LIT("x"),
                          .key = BYTES_LIT("k")};
    core_driver_step(d, &(struct core_event){.kind = CORE_COMMAND,
                                             .conn = {0, 1, 1},
                                             .number = number,
                                             .cause = 9,
                                             .command = &say});
}

START_TEST(a_keyed_message_is_a_duplicate_only_when_its_client_repeats_it)
{
    struct core_driver d = start();
    core_driver_join(&d, 0, 1, "r");
    core_driver_loaded(&d, NULL);
    say_keyed(&d, 5);
    uint8_t both[MESSAGE_ID_BYTES + 1];
    struct bytes key = core_driver_last(&d, CORE_APPEND)->key;
    ck_assert_uint_eq(key.len, sizeof(both));
    ck_assert_uint_eq(key.data[0], MESSAGE_BOTH_MARK);
    memcpy(both, key.data, key.len);
    struct core_record record = {.message = {.offset = 1,
                                             .timestamp_ms = CORE_DRIVER_WALL_MS + 1000,
                                             .user = BYTES_LIT("alice")},
                                 .key = bytes_of(both, sizeof(both))};
    core_driver_stop(&d);
    d = start();
    core_driver_join(&d, 0, 1, "r");
    core_driver_loaded(
        &d, &(struct core_log){
                .found = true, .epoch = EPOCH, .top = 1, .records = &record, .record_count = 1});
    core_driver_forget(&d);
    say_keyed(&d, 5);
    core_driver_expect(&d, "send 0/1 ok 7 said r @1\n");
    say_keyed(&d, 6);
    core_driver_expect_line(&d, "send 0/1 ok 7 said r @1 duplicate\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(older_messages_that_memory_has_no_more_are_read_again)
{
    struct core_driver d;
    struct core_config config = core_driver_config();
    config.policy.fallback.class = ROOM_DURABLE;
    config.history_total_bytes = 100; /* one message or two */
    core_driver_start(&d, &config, 1);
    core_driver_open(&d, 0, 1, "alice");
    d.loads_by_hand = true;
    core_driver_join(&d, 0, 1, "r");
    loaded_messages(&d, 3);
    core_driver_say(&d, 0, 1, "r", "4");
    core_driver_appended(&d, 0, APPEND_OK);
    core_driver_forget(&d);
    struct command history = {.kind = COMMAND_HISTORY_ROOM, .room = BYTES_LIT("r")};
    core_driver_command(&d, 0, 1, &history);
    core_driver_expect(&d, "load r\n");
    loaded_messages(&d, 4);
    core_driver_expect(&d, "send 0/1 ok 3 history r @4 first 1 u 1 @1 u 2 @2 u 3 @3 u 4 @4\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_message_of_which_only_the_id_was_read_is_not_stored_again)
{
    struct core_driver d = start();
    core_driver_join(&d, 0, 1, "r");
    core_driver_loaded(&d, NULL);
    say_numbered(&d, 5);
    uint8_t id[COMMAND_KEY_MAX];
    struct bytes key = core_driver_last(&d, CORE_APPEND)->key;
    memcpy(id, key.data, key.len);
    core_driver_stop(&d);
    struct core_record records[2] = {
        {.message = {.offset = 1, .user = BYTES_LIT("alice")},
         .key = bytes_of(id, key.len),
         .bare = true},
        {.message = {.offset = 2, .user = BYTES_LIT("u"), .payload = BYTES_LIT("2")}}};
    d = start();
    core_driver_join(&d, 0, 1, "r");
    ck_assert(core_driver_last(&d, CORE_LOAD)->ids);
    core_driver_loaded(
        &d, &(struct core_log){
                .found = true, .epoch = EPOCH, .top = 2, .records = records, .record_count = 2});
    core_driver_expect_line(&d, "send 0/1 ok 1 join r @2 first 2\n");
    core_driver_forget(&d);
    say_numbered(&d, 5);
    core_driver_expect(&d, "send 0/1 ok 7 said r @1\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(ids_of_a_log_are_forgotten_after_a_while)
{
    struct core_driver d = start();
    core_driver_join(&d, 0, 1, "r");
    core_driver_loaded(&d, NULL);
    say_numbered(&d, 5);
    uint8_t id[COMMAND_KEY_MAX];
    struct bytes key = core_driver_last(&d, CORE_APPEND)->key;
    memcpy(id, key.data, key.len);
    core_driver_stop(&d);
    struct core_record record = {.message = {.offset = 1, .user = BYTES_LIT("alice")},
                                 .key = bytes_of(id, key.len)};
    d = start();
    core_driver_join(&d, 0, 1, "r");
    core_driver_loaded(
        &d, &(struct core_log){
                .found = true, .epoch = EPOCH, .top = 1, .records = &record, .record_count = 1});
    core_driver_wait(&d, 600000);
    core_driver_forget(&d);
    say_numbered(&d, 5);
    core_driver_expect_line(&d, "append r alice x @2\n");
    core_driver_stop(&d);
}
END_TEST

/* What edge 1 lacks is asked for, however large it is; and when it comes while less is being read,
 * the log is read once more. */
START_TEST(an_edge_that_lacks_more_than_is_being_read_has_it_read_again)
{
    struct core_driver d = start();
    core_driver_edge_up(&d, 1, "e1");
    core_driver_announce_group(&d, 1, 5, CHANNEL_ROOM, "r", EPOCH, 3);
    ck_assert_uint_eq(core_driver_last(&d, CORE_LOAD)->offset, 4);
    core_driver_edge_up(&d, 2, "e2");
    core_driver_announce_group(&d, 2, 6, CHANNEL_ROOM, "r", EPOCH, 1);
    core_driver_forget(&d);
    struct core_record records[4];
    struct core_log log = log_of(records, 4);
    log.records = records + 3;
    log.record_count = 1;
    core_driver_loaded(&d, &log);
    core_driver_expect(&d, "bind 1.5 room:r info @3\n"
                           "deliver room:r to 1 message u 4 @4 #4\n"
                           "load r\n");
    ck_assert_uint_eq(core_driver_last(&d, CORE_LOAD)->offset, 2);
    loaded_messages(&d, 4);
    core_driver_expect(&d, "bind 2.6 room:r info @1\n"
                           "deliver room:r to 2 message u 2 @2 #2\n"
                           "deliver room:r to 2 message u 3 @3 #3\n"
                           "deliver room:r to 2 message u 4 @4 #4\n");
    core_driver_stop(&d);
}
END_TEST

START_TEST(what_readers_made_to_be_read_is_bounded_like_what_is_said)
{
    struct core_driver d;
    struct core_config config = core_driver_config();
    config.policy.fallback.class = ROOM_DURABLE;
    config.history_total_bytes = 1000;
    core_driver_start(&d, &config, 1);
    core_driver_open(&d, 0, 1, "alice");
    d.loads_by_hand = true;
    for (int i = 0; i < 40; i++) {
        char name[8];
        struct registry_totals totals;
        (void)snprintf(name, sizeof(name), "r%d", i);
        struct command history = {.kind = COMMAND_HISTORY_ROOM, .room = bytes_of_str(name)};
        core_driver_command(&d, 0, 1, &history);
        loaded_messages(&d, 4);
        core_driver_expect_line(&d, "u 1 @1 u 2 @2 u 3 @3 u 4 @4\n");
        core_driver_forget(&d);
        registry_totals(d.core, &totals);
        ck_assert_uint_le(totals.history_bytes, config.history_total_bytes);
    }
    core_driver_stop(&d);
}
END_TEST

START_TEST(a_record_that_cannot_be_is_a_hole)
{
    static uint8_t name[70000];
    struct core_record records[4];
    struct core_driver d = start();
    struct core_log log = log_of(records, 4);
    memset(name, 'n', sizeof(name));
    records[0].message.offset = 0;
    records[2].message.user = bytes_of(name, sizeof(name));
    core_driver_join(&d, 0, 1, "r");
    core_driver_loaded(&d, &log);
    core_driver_expect_line(&d, "join r @4 first 2\n");
    core_driver_forget(&d);
    struct command history = {.kind = COMMAND_HISTORY_ROOM, .room = BYTES_LIT("r")};
    core_driver_command(&d, 0, 1, &history);
    core_driver_expect(&d, "send 0/1 ok 2 history r @4 first 2 u 2 @2 u 4 @4\n");
    core_driver_stop(&d);
}
END_TEST

static void say_and_commit(struct core_driver *d, int count)
{
    for (int i = 0; i < count; i++) {
        core_driver_say(d, 0, 1, "r", "12");
        core_driver_appended(d, d->append_count - 1, APPEND_OK);
    }
    core_driver_forget(d);
}

/* What the limits took away is not promised, neither by join nor by history. */
START_TEST(the_first_offset_follows_each_limit)
{
    static const struct {
        uint64_t bytes;
        int64_t count;
        int64_t age_ms;
        const char *says;
    } rows[] = {{1000, 100, 1000, "@5 first 6\n"},
                {5, 100, 0, "@5 first 4\n"},
                {1000, 2, 0, "@5 first 4\n"},
                {1000, 0, 0, "@5 first 6\n"}};
    struct core_config config = core_driver_config();
    struct core_driver d;
    config.policy.fallback.class = ROOM_DURABLE;
    config.history_bytes = rows[_i].bytes;
    config.policy.fallback.history_messages = rows[_i].count;
    config.policy.fallback.history_age_ms = rows[_i].age_ms;
    core_driver_start(&d, &config, 1);
    core_driver_open(&d, 0, 1, "alice");
    core_driver_join(&d, 0, 1, "r");
    say_and_commit(&d, 5);
    core_driver_wait(&d, 2000);
    d.loads_by_hand = true;
    for (int i = 0; i < 2; i++) {
        core_driver_forget(&d);
        core_driver_join(&d, 0, 1, "r");
        core_driver_expect_line(&d, rows[_i].says);
        struct command history = {.kind = COMMAND_HISTORY_ROOM,
                                  .room = BYTES_LIT("r"),
                                  .since = {.present = true, .epoch = core_driver_epoch(&d, "r")}};
        core_driver_command(&d, 0, 1, &history);
        core_driver_expect_none(&d, "load");
    }
    core_driver_stop(&d);
}
END_TEST

/* `history` says much for few bytes, in commands that waited for the log too. */
START_TEST(what_one_connection_recovers_is_bounded_in_time)
{
    static uint8_t large[4000];
    struct core_driver d;
    struct core_record records[4];
    struct core_log log = log_of(records, 1);
    struct core_config config = core_driver_config();
    memset(large, '1', sizeof(large));
    records[0].message.payload = bytes_of(large, sizeof(large));
    config.policy.fallback.class = ROOM_DURABLE;
    config.rates.bytes_per_second = 1000;
    core_driver_start(&d, &config, 1);
    core_driver_open(&d, 0, 1, "alice");
    core_driver_open(&d, 0, 2, "bob");
    core_driver_forget(&d);
    d.loads_by_hand = true;
    struct command history = {.kind = COMMAND_HISTORY_ROOM, .room = BYTES_LIT("r")};
    core_driver_command(&d, 0, 1, &history);
    core_driver_command(&d, 0, 1, &history);
    core_driver_loaded(&d, &log); /* four seconds' worth */
    core_driver_expect_line(&d, "send 0/1 ok 1 history");
    core_driver_expect_line(&d, "send 0/1 error 2 byte_rate_exceeded retry 1000\n");
    struct command join = {
        .kind = COMMAND_JOIN, .room = BYTES_LIT("r"), .since = {.present = true, .epoch = EPOCH}};
    core_driver_command(&d, 0, 1, &join);
    core_driver_expect_line(&d, "send 0/1 error 3 byte_rate_exceeded retry 1000\n");
    core_driver_command(&d, 0, 2, &join);
    core_driver_expect_line(&d, "send 0/2 ok 4 join r @1 first 1 recovered\n");
    core_driver_wait(&d, 1000);
    core_driver_command(&d, 0, 1, &join);
    core_driver_expect_line(&d, "send 0/1 ok 5 join r @1 first 1 recovered\n");
    core_driver_stop(&d);
}
END_TEST

/* A room that was durable, of class memory for a while, and durable again comes back with a life
 * that its members knew: they do not hear it once more, but what is new in it. */
START_TEST(a_life_from_the_log_is_not_told_again_to_who_had_another)
{
    struct core_driver d = start();
    core_driver_edge_up(&d, 1, "e1");
    core_driver_announce_group(&d, 1, 5, CHANNEL_ROOM, "r", EPOCH + 1, 7);
    core_driver_forget(&d);
    loaded_messages(&d, 3);
    core_driver_expect(&d, "bind 1.5 room:r info @3\n"
                           "deliver room:r to 1 epoch r\n");
    core_driver_join(&d, 0, 1, "r");
    core_driver_say(&d, 0, 1, "r", "4");
    core_driver_appended(&d, 0, APPEND_OK);
    core_driver_edge_up(&d, 2, "e2");
    core_driver_forget(&d);
    core_driver_announce_group(&d, 2, 6, CHANNEL_ROOM, "r", EPOCH + 1, 7);
    core_driver_expect(&d, "bind 2.6 room:r info @3\n"
                           "deliver room:r to 2 epoch r\n"
                           "deliver room:r to 2 message alice 4 @4 #4\n");
    core_driver_stop(&d);
}
END_TEST

/* With keys switched off a message that has one is known by its id like all others. */
START_TEST(a_key_that_means_nothing_takes_no_place_of_the_id)
{
    struct core_driver d;
    struct core_config config = core_driver_config();
    config.policy.fallback.class = ROOM_DURABLE;
    config.key_window_ms = 0;
    core_driver_start(&d, &config, 1);
    core_driver_open(&d, 0, 1, "alice");
    core_driver_join(&d, 0, 1, "r");
    struct command say = {.kind = COMMAND_ROOM_MESSAGE,
                          .room = BYTES_LIT("r"),
                          .payload = BYTES_LIT("x"),
                          .key = BYTES_LIT("k")};
    core_driver_step(&d,
                     &(struct core_event){
                         .kind = CORE_COMMAND, .conn = {0, 1, 1}, .number = 5, .command = &say});
    ck_assert_uint_eq(core_driver_last(&d, CORE_APPEND)->key.data[0], 0xFF);
    core_driver_stop(&d);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core_load");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, a_room_continues_its_log);
    tcase_add_test(tcase, what_is_asked_of_a_loading_room_waits_and_nothing_else_does);
    tcase_add_test(tcase, a_failed_load_is_unavailable_and_tried_again_at_the_next_touch);
    tcase_add_test(tcase, an_edge_is_bound_as_it_is_and_told_what_it_lacks_from_the_log);
    tcase_add_test(tcase, an_edge_gets_from_the_log_what_history_does_not_keep_for_others);
    tcase_add_test(tcase, an_edge_that_is_late_gets_what_the_rebuild_kept_for_it);
    tcase_add_test(tcase, an_edge_waits_for_a_log_that_cannot_be_read_at_first);
    tcase_add_test(tcase, what_an_edge_has_above_the_log_becomes_a_hole);
    tcase_add_test(tcase, a_room_in_which_nobody_spoke_keeps_its_epoch);
    tcase_add_test(tcase, a_welcome_waits_for_the_inbox_and_commands_for_the_welcome);
    tcase_add_test(tcase, who_cannot_be_welcomed_is_closed);
    tcase_add_test(tcase, a_direct_message_is_committed_then_delivered_then_answered);
    tcase_add_test(tcase, a_message_that_the_log_has_is_answered_and_not_stored_again);
    tcase_add_test(tcase, a_keyed_message_is_a_duplicate_only_when_its_client_repeats_it);
    tcase_add_test(tcase, older_messages_that_memory_has_no_more_are_read_again);
    tcase_add_test(tcase, a_message_of_which_only_the_id_was_read_is_not_stored_again);
    tcase_add_test(tcase, ids_of_a_log_are_forgotten_after_a_while);
    tcase_add_test(tcase, an_edge_that_lacks_more_than_is_being_read_has_it_read_again);
    tcase_add_test(tcase, what_readers_made_to_be_read_is_bounded_like_what_is_said);
    tcase_add_test(tcase, a_record_that_cannot_be_is_a_hole);
    tcase_add_test(tcase, what_one_connection_recovers_is_bounded_in_time);
    tcase_add_test(tcase, a_life_from_the_log_is_not_told_again_to_who_had_another);
    tcase_add_test(tcase, a_key_that_means_nothing_takes_no_place_of_the_id);
    tcase_add_loop_test(tcase, the_first_offset_follows_each_limit, 0, 4);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
