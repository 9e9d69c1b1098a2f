#include "router/json.h"
#include "tests/support/check_main.h"

#include <check.h>
#include <jansson.h>
#include <string.h>

/* A view in a static table, where BYTES_LIT may not stand. */
#define B(literal)                                                                                 \
    {                                                                                              \
        (const uint8_t *)("" literal), sizeof(literal) - 1                                         \
    }

#define NOW UINT64_C(1767225600000)

static const struct push_welcome welcome = {
    .edge_id = B("edge-1"),
    .slot = 0x3f,
    .gen = 7,
    .user = B("alice"),
    .heartbeat_interval_ms = 30000,
    .heartbeat_timeout_ms = 10000,
    .message_bytes = 65536,
    .messages_per_second = 50,
    .bytes_per_second = 1048576,
    .rooms = 100,
    .inbox_epoch = 0xabc,
    .inbox_offset = 7,
    .expires_at_ms = NOW,
};

static const struct push_welcome welcome_odd = {
    .edge_id = B("e\"\n"),
    .slot = UINT32_MAX,
    .gen = 0,
    .user = B("\xc3\xa9\\"),
    .inbox_epoch = UINT64_MAX,
};

static const struct push_member members[] = {{B("alice"), 2, B("{\"n\":1}")},
                                             {B("b\"ob"), 1, BYTES_INIT("")}};

static const struct push_user users[] = {
    {B("alice"), true, 2, NOW},
    {B("bob"), false, 0, NOW + 1},
    {B("ca\trol"), false, 0, 0},
};

static const struct push_message messages[] = {
    {41, NOW, B("alice"), B("edge-1"), B("{ \"a\":1e400 }")},
    {42, NOW + 1, B("bob"), B("edge-2"), B("\"\\ud800\"")},
};

static const struct push_message mails[] = {{8, NOW, B("alice"), {NULL, 0}, B("[1]")}};

static const struct write_row {
    struct push push;
    const char *text;
} write_rows[] = {
    {{.kind = PUSH_WELCOME, .welcome = &welcome},
     "{\"type\":\"welcome\",\"connectionId\":\"edge-1.3f.7\",\"userId\":\"alice\",\"serverId\":"
     "\"edge-1\",\"heartbeat\":{\"intervalMs\":30000,\"timeoutMs\":10000},\"limits\":{"
     "\"messageBytes\":65536,\"messagesPerSecond\":50,\"bytesPerSecond\":1048576,\"rooms\":100},"
     "\"inbox\":{\"epoch\":\"0000000000000abc\",\"offset\":7},\"expiresAt\":1767225600000}"},
    {{.kind = PUSH_WELCOME, .welcome = &welcome_odd},
     "{\"type\":\"welcome\",\"connectionId\":\"e\\\"\\n.ffffffff.0\",\"userId\":\"\xc3\xa9\\\\\","
     "\"serverId\":\"e\\\"\\n\",\"heartbeat\":{\"intervalMs\":0,\"timeoutMs\":0},\"limits\":{"
     "\"messageBytes\":0,\"messagesPerSecond\":0,\"bytesPerSecond\":0,\"rooms\":0},"
     "\"inbox\":{\"epoch\":\"ffffffffffffffff\",\"offset\":0}}"},
    {{.kind = PUSH_ROUTING_TOKEN, .token = B("edge-1.abc_-")},
     "{\"type\":\"routing_token\",\"token\":\"edge-1.abc_-\"}"},

    {{.kind = PUSH_OK,
      .command = COMMAND_JOIN,
      .id = B("7"),
      .room = B("r"),
      .epoch = 1,
      .offset = 42,
      .first_offset = 3,
      .recovered = true},
     "{\"type\":\"ok\",\"id\":7,\"room\":\"r\",\"epoch\":\"0000000000000001\",\"offset\":42,"
     "\"firstOffset\":3,\"recovered\":true}"},
    {{.kind = PUSH_OK,
      .command = COMMAND_JOIN,
      .id = B("\"a\\u0062\""),
      .room = B("r"),
      .members = members,
      .member_count = 2},
     "{\"type\":\"ok\",\"id\":\"a\\u0062\",\"room\":\"r\",\"epoch\":\"0000000000000000\","
     "\"offset\":0,"
     "\"firstOffset\":0,\"recovered\":false,\"members\":[{\"userId\":\"alice\",\"connections\":2,"
     "\"info\":{\"n\":1}},"
     "{\"userId\":\"b\\\"ob\",\"connections\":1}]}"},
    {{.kind = PUSH_OK, .command = COMMAND_JOIN, .id = B("1"), .room = B("r"), .members = members},
     "{\"type\":\"ok\",\"id\":1,\"room\":\"r\",\"epoch\":\"0000000000000000\",\"offset\":0,"
     "\"firstOffset\":0,\"recovered\":false,\"members\":[]}"},
    {{.kind = PUSH_OK, .command = COMMAND_LEAVE, .id = B("2"), .room = B("r")},
     "{\"type\":\"ok\",\"id\":2,\"room\":\"r\"}"},
    {{.kind = PUSH_OK, .command = COMMAND_ROOM_MESSAGE, .id = B("3"), .room = B("r"), .offset = 42},
     "{\"type\":\"ok\",\"id\":3,\"room\":\"r\",\"offset\":42}"},
    {{.kind = PUSH_OK,
      .command = COMMAND_ROOM_MESSAGE,
      .id = B("3"),
      .room = B("r"),
      .offset = UINT64_MAX,
      .duplicate = true},
     "{\"type\":\"ok\",\"id\":3,\"room\":\"r\",\"offset\":18446744073709551615,\"duplicate\":"
     "true}"},
    {{.kind = PUSH_OK, .command = COMMAND_DIRECT_MESSAGE, .id = B("4"), .delivered = 0},
     "{\"type\":\"ok\",\"id\":4,\"delivered\":0}"},
    {{.kind = PUSH_OK,
      .command = COMMAND_DIRECT_MESSAGE,
      .id = B("4"),
      .delivered = 2,
      .duplicate = true},
     "{\"type\":\"ok\",\"id\":4,\"delivered\":2,\"duplicate\":true}"},
    {{.kind = PUSH_OK,
      .command = COMMAND_PRESENCE_ROOM,
      .id = B("5"),
      .members = members,
      .member_count = 1,
      .total = 9,
      .as_of_ms = NOW,
      .synced = true},
     "{\"type\":\"ok\",\"id\":5,\"members\":[{\"userId\":\"alice\",\"connections\":2,\"info\":{"
     "\"n\":1}}],\"total\":9,"
     "\"asOf\":1767225600000,\"synced\":true}"},
    {{.kind = PUSH_OK, .command = COMMAND_PRESENCE_ROOM, .id = B("5")},
     "{\"type\":\"ok\",\"id\":5,\"members\":[],\"total\":0,\"asOf\":0,\"synced\":false}"},
    {{.kind = PUSH_OK,
      .command = COMMAND_PRESENCE_USERS,
      .id = B("6"),
      .users = users,
      .user_count = 3,
      .as_of_ms = 5,
      .synced = true},
     "{\"type\":\"ok\",\"id\":6,\"users\":{\"alice\":{\"online\":true,\"connections\":2,\"since\":"
     "1767225600000},\"bob\":{\"online\":false,\"connections\":0,\"lastSeen\":1767225600001},"
     "\"ca\\trol\":{\"online\":false,\"connections\":0}},\"asOf\":5,\"synced\":true}"},
    {{.kind = PUSH_OK, .command = COMMAND_WATCH, .id = B("6"), .users = users, .user_count = 1},
     "{\"type\":\"ok\",\"id\":6,\"users\":{\"alice\":{\"online\":true,\"connections\":2,\"since\":"
     "1767225600000}},\"asOf\":0,\"synced\":false}"},
    {{.kind = PUSH_OK, .command = COMMAND_UNWATCH, .id = B("6")},
     "{\"type\":\"ok\",\"id\":6,\"users\":{},\"asOf\":0,\"synced\":false}"},
    {{.kind = PUSH_OK,
      .command = COMMAND_HISTORY_ROOM,
      .id = B("8"),
      .room = B("r"),
      .messages = messages,
      .message_count = 2,
      .epoch = 16,
      .offset = 50,
      .first_offset = 1},
     "{\"type\":\"ok\",\"id\":8,\"messages\":[{\"type\":\"room_message\",\"roomId\":\"r\","
     "\"userId\":"
     "\"alice\",\"payload\":{ \"a\":1e400 },\"timestamp\":1767225600000,\"serverId\":\"edge-1\","
     "\"offset\":41},{\"type\":\"room_message\",\"roomId\":\"r\",\"userId\":\"bob\",\"payload\":"
     "\"\\ud800\",\"timestamp\":1767225600001,\"serverId\":\"edge-2\",\"offset\":42}],"
     "\"epoch\":\"0000000000000010\",\"offset\":50,\"firstOffset\":1}"},
    {{.kind = PUSH_OK,
      .command = COMMAND_HISTORY_INBOX,
      .id = B("8"),
      .messages = mails,
      .message_count = 1,
      .offset = 8},
     "{\"type\":\"ok\",\"id\":8,\"messages\":[{\"type\":\"direct_message\",\"fromUserId\":"
     "\"alice\","
     "\"payload\":[1],\"timestamp\":1767225600000,\"offset\":8}],\"epoch\":\"0000000000000000\","
     "\"offset\":8,\"firstOffset\":0}"},
    {{.kind = PUSH_OK, .command = COMMAND_HISTORY_ROOM, .id = B("8"), .room = B("r")},
     "{\"type\":\"ok\",\"id\":8,\"messages\":[],\"epoch\":\"0000000000000000\",\"offset\":0,"
     "\"firstOffset\":0}"},
    {{.kind = PUSH_OK, .command = COMMAND_REFRESH, .id = B("9"), .expires_at_ms = NOW},
     "{\"type\":\"ok\",\"id\":9,\"expiresAt\":1767225600000}"},
    {{.kind = PUSH_OK, .command = COMMAND_REFRESH, .id = B("9")}, "{\"type\":\"ok\",\"id\":9}"},

    {{.kind = PUSH_PONG, .id = B("\"x\"")}, "{\"type\":\"pong\",\"id\":\"x\"}"},
    {{.kind = PUSH_PONG}, "{\"type\":\"pong\"}"},

    {{.kind = PUSH_ERROR, .error = CLIENT_ERROR_INVALID_JSON},
     "{\"type\":\"error\",\"code\":\"invalid_json\",\"error\":\"Invalid JSON\"}"},
    {{.kind = PUSH_ERROR, .error = CLIENT_ERROR_UNKNOWN_TYPE, .id = B("1")},
     "{\"type\":\"error\",\"code\":\"unknown_type\",\"error\":\"Unknown message type\",\"id\":1}"},
    {{.kind = PUSH_ERROR, .error = CLIENT_ERROR_MESSAGE_RATE, .retry_after_ms = 20, .id = B("1")},
     "{\"type\":\"error\",\"code\":\"message_rate_exceeded\",\"error\":\"message_rate_exceeded\","
     "\"id\":1,\"retryAfterMs\":20}"},
    {{.kind = PUSH_ERROR, .error = CLIENT_ERROR_INVALID_MESSAGE, .text = B("say \"room\"")},
     "{\"type\":\"error\",\"code\":\"invalid_message\",\"error\":\"say \\\"room\\\"\"}"},

    {{.kind = PUSH_ROOM_MESSAGE,
      .room = B("r"),
      .message = {42, NOW, B("alice"), B("edge-1"), B("{ \"b\" : 1.10,\"b\":2 }")}},
     "{\"type\":\"room_message\",\"roomId\":\"r\",\"userId\":\"alice\",\"payload\":{ \"b\" : "
     "1.10,\"b\":2 },\"timestamp\":1767225600000,\"serverId\":\"edge-1\",\"offset\":42}"},
    {{.kind = PUSH_ROOM_MESSAGE,
      .room = B("typing:r"),
      .message = {0, NOW, B("alice"), B("edge-1"), B("null")}},
     "{\"type\":\"room_message\",\"roomId\":\"typing:r\",\"userId\":\"alice\",\"payload\":null,"
     "\"timestamp\":1767225600000,\"serverId\":\"edge-1\"}"},
    {{.kind = PUSH_ROOM_MESSAGE,
      .room = B("news"),
      .message = {1, NOW, {NULL, 0}, {NULL, 0}, B("0")}},
     "{\"type\":\"room_message\",\"roomId\":\"news\",\"payload\":0,\"timestamp\":1767225600000,"
     "\"offset\":1}"},
    {{.kind = PUSH_DIRECT_MESSAGE, .message = {8, NOW, B("alice"), {NULL, 0}, B("{}")}},
     "{\"type\":\"direct_message\",\"fromUserId\":\"alice\",\"payload\":{},\"timestamp\":"
     "1767225600000,\"offset\":8}"},
    {{.kind = PUSH_DIRECT_MESSAGE, .message = {8, NOW, {NULL, 0}, {NULL, 0}, B("{}")}},
     "{\"type\":\"direct_message\",\"payload\":{},\"timestamp\":1767225600000,\"offset\":8}"},
    {{.kind = PUSH_USER_JOINED, .room = B("r"), .user = B("bob"), .server_id = B("edge-2")},
     "{\"type\":\"user_joined\",\"roomId\":\"r\",\"userId\":\"bob\",\"serverId\":\"edge-2\"}"},
    {{.kind = PUSH_USER_LEFT, .room = B("r"), .user = B("bob"), .text = B("disconnect")},
     "{\"type\":\"user_left\",\"roomId\":\"r\",\"userId\":\"bob\",\"reason\":\"disconnect\"}"},
    {{.kind = PUSH_PRESENCE, .user = B("bob"), .online = true, .timestamp_ms = NOW},
     "{\"type\":\"presence\",\"userId\":\"bob\",\"online\":true,\"timestamp\":1767225600000}"},
    {{.kind = PUSH_PRESENCE, .user = B("bob"), .timestamp_ms = 1},
     "{\"type\":\"presence\",\"userId\":\"bob\",\"online\":false,\"timestamp\":1}"},
    {{.kind = PUSH_GAP, .room = B("r"), .from = 43, .to = 57},
     "{\"type\":\"gap\",\"roomId\":\"r\",\"from\":43,\"to\":57}"},
    {{.kind = PUSH_EPOCH, .room = B("r"), .epoch = 0xfedcba9876543210, .offset = 0},
     "{\"type\":\"epoch\",\"roomId\":\"r\",\"epoch\":\"fedcba9876543210\",\"offset\":0}"},
    {{.kind = PUSH_KICKED, .room = B("r"), .text = B("spam\n\"again\"")},
     "{\"type\":\"kicked\",\"roomId\":\"r\",\"reason\":\"spam\\n\\\"again\\\"\"}"},
};

START_TEST(a_push_is_written_as_the_protocol_says)
{
    struct buf out;
    buf_init(&out, 0);
    buf_append_str(&out, "before");
    json_write_push(&write_rows[_i].push, &out);
    buf_append_byte(&out, 0);
    ck_assert_mem_eq(out.data, "before", 6);
    ck_assert_str_eq((const char *)out.data + 6, write_rows[_i].text);
    buf_fini(&out);
}
END_TEST

/* Payloads that the other library does not take: a number that is too big, a lone surrogate. */
static bool only_we_take(const char *text)
{
    return strstr(text, "1e400") != NULL || strstr(text, "\\ud800") != NULL;
}

START_TEST(a_push_is_json_to_another_library)
{
    json_error_t error;
    struct buf out;
    buf_init(&out, 0);
    json_write_push(&write_rows[_i].push, &out);
    json_t *parsed = json_loadb((const char *)out.data, out.len, JSON_ALLOW_NUL, &error);
    bool big = strstr(write_rows[_i].text, "18446744073709551615") != NULL;
    ck_assert_msg(parsed != NULL || big || only_we_take(write_rows[_i].text), "%s: %s",
                  write_rows[_i].text, error.text);
    json_decref(parsed);
    buf_fini(&out);
}
END_TEST

START_TEST(every_ascii_byte_in_a_string_comes_back)
{
    struct buf text;
    struct buf out;
    json_error_t error;
    buf_init(&text, 0);
    buf_init(&out, 0);
    for (uint8_t byte = 0; byte < 0x80; byte++) {
        buf_append_byte(&text, byte);
    }
    buf_append_str(&text, "\xe2\x80\xa8\xe2\x80\xa9\xf0\x9f\x98\x80");
    json_write_string(buf_bytes(&text), &out);
    json_t *parsed =
        json_loadb((const char *)out.data, out.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    ck_assert(json_is_string(parsed));
    ck_assert(bytes_equal(bytes_of(json_string_value(parsed), json_string_length(parsed)),
                          buf_bytes(&text)));
    json_decref(parsed);
    buf_fini(&out);
    buf_fini(&text);
}
END_TEST

START_TEST(controls_are_escaped_and_line_separators_pass)
{
    struct buf out;
    buf_init(&out, 0);
    json_write_string(BYTES_LIT("\x01\x1f\b\f\n\r\t\"\\/\x7f\xe2\x80\xa8"), &out);
    ck_assert(bytes_equal(buf_bytes(&out),
                          BYTES_LIT("\"\\u0001\\u001f\\b\\f\\n\\r\\t\\\"\\\\/\x7f\xe2\x80\xa8\"")));
    buf_clear(&out);
    json_write_string(BYTES_EMPTY, &out);
    ck_assert(bytes_equal(buf_bytes(&out), BYTES_LIT("\"\"")));
    buf_fini(&out);
}
END_TEST

START_TEST(what_does_not_fit_is_seen_by_the_buffer)
{
    for (size_t max = 1; max < strlen(write_rows[0].text); max++) {
        struct buf out;
        buf_init(&out, max);
        json_write_push(&write_rows[0].push, &out);
        ck_assert(!buf_ok(&out));
        buf_fini(&out);
    }
}
END_TEST

START_TEST(every_error_has_a_code_of_its_own)
{
    for (int i = 0; i < CLIENT_ERROR_COUNT; i++) {
        ck_assert_str_ne(client_error_text((enum client_error)i), "");
        for (int j = 0; j < i; j++) {
            ck_assert_str_ne(client_error_code((enum client_error)i),
                             client_error_code((enum client_error)j));
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json_write");
    TCase *tcase = tcase_create("write");
    enum { ROWS = sizeof(write_rows) / sizeof(write_rows[0]) };
    tcase_add_loop_test(tcase, a_push_is_written_as_the_protocol_says, 0, ROWS);
    tcase_add_loop_test(tcase, a_push_is_json_to_another_library, 0, ROWS);
    tcase_add_test(tcase, every_ascii_byte_in_a_string_comes_back);
    tcase_add_test(tcase, controls_are_escaped_and_line_separators_pass);
    tcase_add_test(tcase, what_does_not_fit_is_seen_by_the_buffer);
    tcase_add_test(tcase, every_error_has_a_code_of_its_own);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
