#include "router/json.h"
#include "tests/support/check_main.h"
#include "tests/support/guard_page.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

/* Reads from a copy that ends at a guard page; command and copy live until reading_fini(). */
struct reading {
    struct guard_page page;
    struct buf scratch;
    struct command command;
};

static void read_bytes(struct reading *reading, struct bytes text)
{
    *reading = (struct reading){.page = {0}};
    buf_init(&reading->scratch, 0);
    json_read_command(guard_page_copy(&reading->page, text), &reading->scratch, &reading->command);
}

static void reading_fini(struct reading *reading)
{
    buf_fini(&reading->scratch);
    guard_page_free(&reading->page);
}

static bool is(struct bytes bytes, const char *text)
{
    return bytes_equal(bytes, bytes_of_str(text));
}

#define A10 "aaaaaaaaaa"
#define A50 A10 A10 A10 A10 A10
#define A64 A50 A10 "aaaa"
#define A128 A64 A64
/* Ten and a hundred different user names. */
#define U10(d)                                                                                     \
    "\"" d "0\",\"" d "1\",\"" d "2\",\"" d "3\",\"" d "4\",\"" d "5\",\"" d "6\",\"" d "7\",\"" d \
    "8\",\"" d "9\""
#define U100                                                                                       \
    U10("a")                                                                                       \
    "," U10("b") "," U10("c") "," U10("d") "," U10("e") "," U10("f") "," U10("g") "," U10(         \
        "h") "," U10("i") "," U10("j")

enum {
    MESSAGE = CLIENT_ERROR_INVALID_MESSAGE,
    NAME = CLIENT_ERROR_INVALID_NAME,
    TYPE = CLIENT_ERROR_UNKNOWN_TYPE,
    JSON = CLIENT_ERROR_INVALID_JSON
};

/* What is said, why it cannot be done, what the detail must mention, which id the answer carries.
 */
static const struct bad_row {
    const char *text;
    int error;
    const char *detail;
    const char *id;
} bad_rows[] = {
    {"", JSON, "", ""},
    {" ", JSON, "", ""},
    {"{", JSON, "", ""},
    {"\xef\xbb\xbf{\"type\":\"ping\"}", JSON, "", ""},
    {"{\"type\":\"ping\"}}", JSON, "", ""},
    {"{\"type\":\"ping\",}", JSON, "", ""},
    {"{\"type\":\"ping\" \"id\":1}", JSON, "", ""},
    {"{\"type\":\"ping\",\"id\":01}", JSON, "", ""},
    {"{\"type\":\"ping\",\"x\":\"\xff\"}", JSON, "", ""},
    {"{\"type\":\"ping\",\"x\":\"\xed\xa0\x80\"}", JSON, "", ""},
    {"{\"type\":\"ping\",\"x\":\"\n\"}", JSON, "", ""},
    {"{\"type\":\"ping\",\"x\":NaN}", JSON, "", ""},
    {"{'type':'ping'}", JSON, "", ""},
    {"{type:\"ping\"}", JSON, "", ""},
    {"ping", JSON, "", ""},
    {"null", JSON, "", ""},
    {"1", JSON, "", ""},
    {"\"ping\"", JSON, "", ""},
    {"[]", JSON, "", ""},
    {"[{\"type\":\"ping\"}]", JSON, "", ""},

    {"{}", TYPE, "", ""},
    {"{\"id\":1}", TYPE, "", "1"},
    {"{\"Type\":\"ping\"}", TYPE, "", ""},
    {"{\"type\":\"\"}", TYPE, "", ""},
    {"{\"type\":\"Ping\"}", TYPE, "", ""},
    {"{\"type\":\"ping \"}", TYPE, "", ""},
    {"{\"type\":\"pin\"}", TYPE, "", ""},
    {"{\"type\":\"ping\\u0000\"}", TYPE, "", ""},
    {"{\"type\":\"\\ud800\"}", TYPE, "", ""},
    {"{\"type\":\"welcome\",\"id\":\"x\"}", TYPE, "", "\"x\""},
    {"{\"id\":3,\"type\":\"nope\"}", TYPE, "", "3"},
    {"{\"type\":\"nope\",\"id\":-1}", TYPE, "", ""},
    {"{\"type\":\"nope\",\"id\":1,\"id\":2}", TYPE, "", ""},

    {"{\"type\":null}", MESSAGE, "'type'", ""},
    {"{\"type\":1,\"id\":2}", MESSAGE, "'type'", "2"},
    {"{\"type\":[\"ping\"]}", MESSAGE, "'type'", ""},
    {"{\"type\":\"ping\",\"type\":\"ping\",\"id\":4}", MESSAGE, "'type'", "4"},
    {"{\"type\":\"ping\",\"type\":\"join\"}", MESSAGE, "'type'", ""},
    {"{\"type\":\"ping\",\"\\u0074ype\":\"ping\"}", MESSAGE, "'type'", ""},

    {"{\"type\":\"ping\",\"id\":0}", MESSAGE, "'id'", ""},
    {"{\"type\":\"ping\",\"id\":-1}", MESSAGE, "'id'", ""},
    {"{\"type\":\"ping\",\"id\":-0}", MESSAGE, "'id'", ""},
    {"{\"type\":\"ping\",\"id\":1.0}", MESSAGE, "'id'", ""},
    {"{\"type\":\"ping\",\"id\":1e3}", MESSAGE, "'id'", ""},
    {"{\"type\":\"ping\",\"id\":9007199254740992}", MESSAGE, "'id'", ""},
    {"{\"type\":\"ping\",\"id\":18446744073709551617}", MESSAGE, "'id'", ""},
    {"{\"type\":\"ping\",\"id\":null}", MESSAGE, "'id'", ""},
    {"{\"type\":\"ping\",\"id\":true}", MESSAGE, "'id'", ""},
    {"{\"type\":\"ping\",\"id\":[1]}", MESSAGE, "'id'", ""},
    {"{\"type\":\"ping\",\"id\":{\"a\":1}}", MESSAGE, "'id'", ""},
    {"{\"type\":\"ping\",\"id\":\"\"}", MESSAGE, "'id'", ""},
    {"{\"type\":\"ping\",\"id\":\"" A64 "a\"}", MESSAGE, "'id'", ""},
    {"{\"type\":\"ping\",\"id\":\"\\u0061" A64 "\"}", MESSAGE, "'id'", ""},
    {"{\"type\":\"ping\",\"id\":\"\\ud800\"}", MESSAGE, "'id'", ""},
    {"{\"type\":\"ping\",\"id\":1,\"id\":1}", MESSAGE, "'id'", ""},
    {"{\"id\":1,\"type\":\"ping\",\"\\u0069d\":\"x\"}", MESSAGE, "'id'", ""},
    {"{\"type\":\"join\",\"id\":0,\"room\":\"\"}", MESSAGE, "'id'", ""},

    {"{\"type\":\"join\",\"id\":5}", MESSAGE, "'room' is required", "5"},
    {"{\"type\":\"join\",\"room\":null}", MESSAGE, "'room'", ""},
    {"{\"type\":\"join\",\"room\":1,\"id\":\"a\"}", MESSAGE, "'room'", "\"a\""},
    {"{\"type\":\"join\",\"room\":[\"r\"]}", MESSAGE, "'room'", ""},
    {"{\"type\":\"join\",\"room\":{\"a\":1}}", MESSAGE, "'room'", ""},
    {"{\"type\":\"join\",\"room\":true}", MESSAGE, "'room'", ""},
    {"{\"type\":\"join\",\"room\":\"\",\"id\":6}", NAME, "'room'", "6"},
    {"{\"type\":\"join\",\"room\":\"" A128 "a\"}", NAME, "'room'", ""},
    {"{\"type\":\"join\",\"room\":\"a\\u0000\"}", NAME, "'room'", ""},
    {"{\"type\":\"join\",\"room\":\"a\\nb\"}", NAME, "'room'", ""},
    {"{\"type\":\"join\",\"room\":\"\\u001f\"}", NAME, "'room'", ""},
    {"{\"type\":\"join\",\"room\":\"\x7f\"}", NAME, "'room'", ""},
    {"{\"type\":\"join\",\"room\":\"\\u0080\"}", NAME, "'room'", ""},
    {"{\"type\":\"join\",\"room\":\"\xc2\x9f\"}", NAME, "'room'", ""},
    {"{\"type\":\"join\",\"room\":\"\\ud800\"}", NAME, "'room'", ""},
    {"{\"type\":\"join\",\"room\":\"\\udc00\\ud800\"}", NAME, "'room'", ""},
    {"{\"type\":\"join\",\"room\":\"r\",\"room\":\"r\",\"id\":7}", MESSAGE, "'room'", "7"},
    {"{\"type\":\"join\",\"room\":\"r\",\"r\\u006fom\":\"r\"}", MESSAGE, "'room'", ""},
    {"{\"type\":\"join\",\"room\":\"r\",\"room\":5}", MESSAGE, "'room'", ""},
    {"{\"type\":\"join\",\"room\":\"r\",\"members\":1}", MESSAGE, "'members'", ""},
    {"{\"type\":\"join\",\"room\":\"r\",\"members\":null}", MESSAGE, "'members'", ""},
    {"{\"type\":\"join\",\"room\":\"r\",\"members\":\"true\"}", MESSAGE, "'members'", ""},
    {"{\"type\":\"join\",\"room\":\"r\",\"members\":true,\"members\":true}", MESSAGE, "'members'",
     ""},

    {"{\"type\":\"join\",\"room\":\"r\",\"since\":null}", MESSAGE, "'since'", ""},
    {"{\"type\":\"join\",\"room\":\"r\",\"since\":7}", MESSAGE, "'since'", ""},
    {"{\"type\":\"join\",\"room\":\"r\",\"since\":\"1\"}", MESSAGE, "'since'", ""},
    {"{\"type\":\"join\",\"room\":\"r\",\"since\":[]}", MESSAGE, "'since'", ""},
    {"{\"type\":\"join\",\"room\":\"r\",\"since\":{}}", MESSAGE, "'since'", ""},
    {"{\"type\":\"join\",\"room\":\"r\",\"since\":{\"epoch\":\"1\"}}", MESSAGE, "'since'", ""},
    {"{\"type\":\"join\",\"room\":\"r\",\"since\":{\"offset\":1}}", MESSAGE, "'since'", ""},
    {"{\"type\":\"join\",\"room\":\"r\",\"since\":{\"epoch\":1,\"offset\":1}}", MESSAGE, "'since'",
     ""},
    {"{\"type\":\"join\",\"room\":\"r\",\"since\":{\"epoch\":null,\"offset\":1}}", MESSAGE,
     "'since'", ""},
    {"{\"type\":\"join\",\"room\":\"r\",\"since\":{\"epoch\":\"1\",\"offset\":\"1\"}}", MESSAGE,
     "'since'", ""},
    {"{\"type\":\"join\",\"room\":\"r\",\"since\":{\"epoch\":\"1\",\"offset\":-1}}", MESSAGE,
     "'since'", ""},
    {"{\"type\":\"join\",\"room\":\"r\",\"since\":{\"epoch\":\"1\",\"offset\":1.5}}", MESSAGE,
     "'since'", ""},
    {"{\"type\":\"join\",\"room\":\"r\",\"since\":{\"epoch\":\"1\",\"offset\":1e1}}", MESSAGE,
     "'since'", ""},
    {"{\"type\":\"join\",\"room\":\"r\",\"since\":{\"epoch\":\"1\",\"offset\":9007199254740992}}",
     MESSAGE, "'since'", ""},
    {"{\"type\":\"join\",\"room\":\"r\",\"since\":{\"epoch\":\"1\",\"epoch\":\"1\",\"offset\":1}}",
     MESSAGE, "'since'", ""},
    {"{\"type\":\"join\",\"room\":\"r\",\"since\":{\"epoch\":\"1\",\"offset\":1,\"offs\\u0065t\":1}"
     "}",
     MESSAGE, "'since'", ""},

    {"{\"type\":\"leave\"}", MESSAGE, "'room' is required", ""},
    {"{\"type\":\"leave\",\"room\":\"\"}", NAME, "'room'", ""},
    {"{\"type\":\"leave\",\"room\":false,\"id\":8}", MESSAGE, "'room'", "8"},
    {"{\"type\":\"leave\",\"roomId\":\"r\"}", MESSAGE, "'room' is required", ""},

    {"{\"type\":\"room_message\",\"id\":9}", MESSAGE, "'room' is required", "9"},
    {"{\"type\":\"room_message\",\"room\":\"r\"}", MESSAGE, "'payload' is required", ""},
    {"{\"type\":\"room_message\",\"payload\":1}", MESSAGE, "'room' is required", ""},
    {"{\"type\":\"room_message\",\"room\":\"\",\"payload\":1}", NAME, "'room'", ""},
    {"{\"type\":\"room_message\",\"room\":\"r\",\"payload\":1,\"payload\":2}", MESSAGE, "'payload'",
     ""},
    {"{\"type\":\"room_message\",\"room\":\"r\",\"payload\":1,\"p\\u0061yload\":2}", MESSAGE,
     "'payload'", ""},
    {"{\"type\":\"room_message\",\"room\":\"r\",\"payload\":1,\"echo\":0}", MESSAGE, "'echo'", ""},
    {"{\"type\":\"room_message\",\"room\":\"r\",\"payload\":1,\"echo\":null}", MESSAGE, "'echo'",
     ""},
    {"{\"type\":\"room_message\",\"room\":\"r\",\"payload\":1,\"echo\":\"false\"}", MESSAGE,
     "'echo'", ""},
    {"{\"type\":\"room_message\",\"room\":\"r\",\"payload\":1,\"echo\":true,\"echo\":false}",
     MESSAGE, "'echo'", ""},
    {"{\"type\":\"room_message\",\"room\":\"r\",\"payload\":1,\"key\":1}", MESSAGE, "'key'", ""},
    {"{\"type\":\"room_message\",\"room\":\"r\",\"payload\":1,\"key\":null}", MESSAGE, "'key'", ""},
    {"{\"type\":\"room_message\",\"room\":\"r\",\"payload\":1,\"key\":\"\"}", MESSAGE, "'key'", ""},
    {"{\"type\":\"room_message\",\"room\":\"r\",\"payload\":1,\"key\":\"" A64 "a\"}", MESSAGE,
     "'key'", ""},
    {"{\"type\":\"room_message\",\"room\":\"r\",\"payload\":1,\"key\":\"\\udfff\"}", MESSAGE,
     "'key'", ""},
    {"{\"type\":\"room_message\",\"room\":\"r\",\"payload\":1,\"key\":\"a\",\"key\":\"a\"}",
     MESSAGE, "'key'", ""},
    {"{\"type\":\"room_message\",\"room\":\"r\",\"payload\":1e}", JSON, "", ""},
    {"{\"type\":\"room_message\",\"room\":\"r\",\"payload\":undefined}", JSON, "", ""},
    {"{\"type\":\"room_message\",\"room\":\"r\",\"payload\":}", JSON, "", ""},

    {"{\"type\":\"direct_message\",\"payload\":1}", MESSAGE, "'targetUserId' is required", ""},
    {"{\"type\":\"direct_message\",\"targetUserId\":\"u\"}", MESSAGE, "'payload' is required", ""},
    {"{\"type\":\"direct_message\",\"user\":\"u\",\"payload\":1}", MESSAGE, "'targetUserId'", ""},
    {"{\"type\":\"direct_message\",\"targetUserId\":3,\"payload\":1}", MESSAGE, "'targetUserId'",
     ""},
    {"{\"type\":\"direct_message\",\"targetUserId\":\"\",\"payload\":1}", NAME, "'targetUserId'",
     ""},
    {"{\"type\":\"direct_message\",\"targetUserId\":\"\\t\",\"payload\":1}", NAME, "'targetUserId'",
     ""},
    {"{\"type\":\"direct_message\",\"targetUserId\":\"u\",\"payload\":1,\"key\":[]}", MESSAGE,
     "'key'", ""},
    {"{\"type\":\"direct_message\",\"targetUserId\":\"u\",\"targetUserId\":\"u\",\"payload\":1}",
     MESSAGE, "'targetUserId'", ""},

    {"{\"type\":\"presence\",\"id\":10}", MESSAGE, "'room' and 'users'", "10"},
    {"{\"type\":\"presence\",\"room\":\"r\",\"users\":[\"u\"]}", MESSAGE, "'room' and 'users'", ""},
    {"{\"type\":\"presence\",\"room\":\"\"}", NAME, "'room'", ""},
    {"{\"type\":\"presence\",\"room\":null}", MESSAGE, "'room'", ""},
    {"{\"type\":\"presence\",\"users\":null}", MESSAGE, "'users'", ""},
    {"{\"type\":\"presence\",\"users\":[]}", MESSAGE, "'users'", ""},
    {"{\"type\":\"presence\",\"users\":\"u\"}", MESSAGE, "'users'", ""},
    {"{\"type\":\"presence\",\"users\":{\"u\":1}}", MESSAGE, "'users'", ""},
    {"{\"type\":\"presence\",\"users\":[1]}", MESSAGE, "'users'", ""},
    {"{\"type\":\"presence\",\"users\":[\"u\",null]}", MESSAGE, "'users'", ""},
    {"{\"type\":\"presence\",\"users\":[[\"u\"]]}", MESSAGE, "'users'", ""},
    {"{\"type\":\"presence\",\"users\":[\"u\",\"\"]}", NAME, "'users'", ""},
    {"{\"type\":\"presence\",\"users\":[\"\\u0001\"]}", NAME, "'users'", ""},
    {"{\"type\":\"presence\",\"users\":[\"" A128 "a\"]}", NAME, "'users'", ""},
    {"{\"type\":\"presence\",\"users\":[" U100 ",\"one more\"]}", MESSAGE, "'users'", ""},
    {"{\"type\":\"presence\",\"users\":[" U100 ",\"a0\"]}", MESSAGE, "'users'", ""},
    {"{\"type\":\"presence\",\"users\":[\"u\"],\"users\":[\"u\"]}", MESSAGE, "'users'", ""},

    {"{\"type\":\"watch\"}", MESSAGE, "'users' is required", ""},
    {"{\"type\":\"watch\",\"room\":\"r\"}", MESSAGE, "'users' is required", ""},
    {"{\"type\":\"watch\",\"users\":[]}", MESSAGE, "'users'", ""},
    {"{\"type\":\"watch\",\"users\":[\"\"]}", NAME, "'users'", ""},
    {"{\"type\":\"unwatch\",\"id\":\"w\"}", MESSAGE, "'users' is required", "\"w\""},
    {"{\"type\":\"unwatch\",\"users\":3}", MESSAGE, "'users'", ""},

    {"{\"type\":\"history\"}", MESSAGE, "'room' and 'inbox'", ""},
    {"{\"type\":\"history\",\"inbox\":false}", MESSAGE, "'room' and 'inbox'", ""},
    {"{\"type\":\"history\",\"inbox\":true,\"room\":\"r\"}", MESSAGE, "'room' and 'inbox'", ""},
    {"{\"type\":\"history\",\"inbox\":1}", MESSAGE, "'inbox'", ""},
    {"{\"type\":\"history\",\"inbox\":null,\"room\":\"r\"}", MESSAGE, "'inbox'", ""},
    {"{\"type\":\"history\",\"inbox\":true,\"inbox\":true}", MESSAGE, "'inbox'", ""},
    {"{\"type\":\"history\",\"room\":\"r\",\"limit\":0}", MESSAGE, "'limit'", ""},
    {"{\"type\":\"history\",\"room\":\"r\",\"limit\":1001}", MESSAGE, "'limit'", ""},
    {"{\"type\":\"history\",\"room\":\"r\",\"limit\":-1}", MESSAGE, "'limit'", ""},
    {"{\"type\":\"history\",\"room\":\"r\",\"limit\":1.0}", MESSAGE, "'limit'", ""},
    {"{\"type\":\"history\",\"room\":\"r\",\"limit\":1e2}", MESSAGE, "'limit'", ""},
    {"{\"type\":\"history\",\"room\":\"r\",\"limit\":\"10\"}", MESSAGE, "'limit'", ""},
    {"{\"type\":\"history\",\"room\":\"r\",\"limit\":null}", MESSAGE, "'limit'", ""},
    {"{\"type\":\"history\",\"room\":\"r\",\"limit\":4294967297}", MESSAGE, "'limit'", ""},
    {"{\"type\":\"history\",\"room\":\"r\",\"limit\":1,\"limit\":1}", MESSAGE, "'limit'", ""},
    {"{\"type\":\"history\",\"room\":\"r\",\"since\":5}", MESSAGE, "'since'", ""},

    {"{\"type\":\"refresh\"}", MESSAGE, "'token' is required", ""},
    {"{\"type\":\"refresh\",\"token\":\"\"}", MESSAGE, "'token'", ""},
    {"{\"type\":\"refresh\",\"token\":null}", MESSAGE, "'token'", ""},
    {"{\"type\":\"refresh\",\"token\":1,\"id\":11}", MESSAGE, "'token'", "11"},
    {"{\"type\":\"refresh\",\"token\":\"a\",\"token\":\"b\"}", MESSAGE, "'token'", ""},
    {"{\"type\":\"refresh\",\"token\":\"\\ud800\"}", MESSAGE, "'token'", ""},
};

START_TEST(what_cannot_be_done_is_answered_with_code_field_and_id)
{
    const struct bad_row *row = &bad_rows[_i];
    struct reading reading;
    read_bytes(&reading, bytes_of_str(row->text));
    const struct command *command = &reading.command;
    ck_assert_msg(command->kind == COMMAND_BAD, "not refused: %s", row->text);
    ck_assert_msg((int)command->error == row->error, "%s: %s", row->text,
                  client_error_code(command->error));
    char detail[256] = "";
    ck_assert_uint_lt(command->detail.len, sizeof(detail));
    memcpy(detail, command->detail.len == 0 ? "" : (const char *)command->detail.data,
           command->detail.len);
    ck_assert_msg(strstr(detail, row->detail) != NULL, "%s: %s", row->text, detail);
    ck_assert_msg((row->detail[0] == 0) == (detail[0] == 0), "%s: %s", row->text, detail);
    ck_assert_msg(is(command->id, row->id), "%s: wrong id", row->text);
    reading_fini(&reading);
}
END_TEST

/* What is said and the whole command it becomes. */
static const struct good_row {
    const char *text;
    struct command want;
} good_rows[] = {
#define B(literal)                                                                                 \
    {                                                                                              \
        (const uint8_t *)("" literal), sizeof(literal) - 1                                         \
    }
    {"{\"type\":\"ping\"}", {.kind = COMMAND_PING}},
    {" {\"id\":1 , \"type\" : \"ping\"}\n", {.kind = COMMAND_PING, .id = B("1")}},
    {"{\"type\":\"ping\",\"id\":9007199254740991}",
     {.kind = COMMAND_PING, .id = B("9007199254740991")}},
    {"{\"type\":\"ping\",\"id\":\"" A64 "\"}", {.kind = COMMAND_PING, .id = B("\"" A64 "\"")}},
    {"{\"type\":\"ping\",\"id\":\"\\u0061\\n\\ud83d\\ude00\"}",
     {.kind = COMMAND_PING, .id = B("\"\\u0061\\n\\ud83d\\ude00\"")}},
    {"{\"\\u0074\\u0079pe\":\"p\\u0069ng\",\"i\\u0064\":5}", {.kind = COMMAND_PING, .id = B("5")}},
    {"{\"x\":1,\"type\":\"ping\",\"x\":2,\"y\":{\"type\":\"join\"},\"x\":[]}",
     {.kind = COMMAND_PING}},
    {"{\"type\":\"ping\",\"room\":5,\"room\":6,\"payload\":0,\"users\":{}}",
     {.kind = COMMAND_PING}},
    {"{\"type\":\"join\",\"room\":\"lobby\"}", {.kind = COMMAND_JOIN, .room = B("lobby")}},
    {"{\"type\":\"join\",\"room\":\"" A128 "\",\"members\":true,\"id\":2}",
     {.kind = COMMAND_JOIN, .room = B(A128), .want_members = true, .id = B("2")}},
    {"{\"type\":\"join\",\"room\":\"r\",\"members\":false,\"payload\":1,\"payload\":2}",
     {.kind = COMMAND_JOIN, .room = B("r")}},
    {"{\"type\":\"join\",\"room\":\"\\u0063hat:\\ud83d\\ude00\\\"\"}",
     {.kind = COMMAND_JOIN, .room = B("chat:\xf0\x9f\x98\x80\"")}},
    {"{\"type\":\"join\",\"room\":\"\xc2\xa0\xe2\x80\xa8 \"}",
     {.kind = COMMAND_JOIN, .room = B("\xc2\xa0\xe2\x80\xa8 ")}},
    {"{\"type\":\"join\",\"since\":{\"epoch\":\"00000000000000af\",\"offset\":12},\"room\":\"r\"}",
     {.kind = COMMAND_JOIN, .room = B("r"), .since = {true, 0xaf, 12}}},
    {"{\"type\":\"join\",\"room\":\"r\",\"since\":{\"offset\":9007199254740991,\"x\":0,\"x\":0,"
     "\"\\u0065poch\":\"\\u0066fffffffffffffff\"}}",
     {.kind = COMMAND_JOIN,
      .room = B("r"),
      .since = {true, UINT64_MAX, UINT64_C(9007199254740991)}}},
    {"{\"type\":\"join\",\"room\":\"r\",\"since\":{\"epoch\":\"\",\"offset\":0}}",
     {.kind = COMMAND_JOIN, .room = B("r"), .since = {true, 0, 0}}},
    {"{\"type\":\"join\",\"room\":\"r\",\"since\":{\"epoch\":\"00000000000000001\",\"offset\":3}}",
     {.kind = COMMAND_JOIN, .room = B("r"), .since = {true, 0, 3}}},
    {"{\"type\":\"join\",\"room\":\"r\",\"since\":{\"epoch\":\"AF\",\"offset\":3}}",
     {.kind = COMMAND_JOIN, .room = B("r"), .since = {true, 0, 3}}},
    {"{\"type\":\"join\",\"room\":\"r\",\"since\":{\"epoch\":\"\\ud800\",\"offset\":3}}",
     {.kind = COMMAND_JOIN, .room = B("r"), .since = {true, 0, 3}}},
    {"{\"type\":\"leave\",\"room\":\"r\",\"id\":\"z\"}",
     {.kind = COMMAND_LEAVE, .room = B("r"), .id = B("\"z\"")}},
    {"{\"type\":\"room_message\",\"room\":\"r\",\"payload\": { \"b\":1e400, \"a\":"
     "12345678901234567890,\"b\" :\"\\u0041\\ud800\" } }",
     {.kind = COMMAND_ROOM_MESSAGE,
      .room = B("r"),
      .payload = B("{ \"b\":1e400, \"a\":12345678901234567890,\"b\" :\"\\u0041\\ud800\" }")}},
    {"{\"type\":\"room_message\",\"payload\":null,\"room\":\"r\",\"echo\":false,\"key\":\"k\"}",
     {.kind = COMMAND_ROOM_MESSAGE,
      .room = B("r"),
      .payload = B("null"),
      .no_echo = true,
      .key = B("k")}},
    {"{\"type\":\"room_message\",\"payload\":-0,\"room\":\"\\u0072\",\"echo\":true,"
     "\"key\":\"\\u006b\\u0000\"}",
     {.kind = COMMAND_ROOM_MESSAGE, .room = B("r"), .payload = B("-0"), .key = B("k\0")}},
    {"{\"type\":\"room_message\",\"payload\":\"\",\"room\":\"r\",\"key\":\"" A64 "\",\"since\":7}",
     {.kind = COMMAND_ROOM_MESSAGE, .room = B("r"), .payload = B("\"\""), .key = B(A64)}},
    {"{\"type\":\"direct_message\",\"targetUserId\":\"bob\",\"payload\":[1 ,2],\"echo\":5}",
     {.kind = COMMAND_DIRECT_MESSAGE, .user = B("bob"), .payload = B("[1 ,2]")}},
    {"{\"type\":\"direct_message\",\"targetUserId\":\"b\\u006fb\",\"payload\":false,\"key\":\"1\"}",
     {.kind = COMMAND_DIRECT_MESSAGE, .user = B("bob"), .payload = B("false"), .key = B("1")}},
    {"{\"type\":\"presence\",\"room\":\"r\"}", {.kind = COMMAND_PRESENCE_ROOM, .room = B("r")}},
    {"{\"type\":\"presence\",\"users\":[\"a\", \"\\u0062\" ,\"c\"]}",
     {.kind = COMMAND_PRESENCE_USERS, .users = {B("a"), B("b"), B("c")}, .user_count = 3}},
    {"{\"type\":\"presence\",\"users\":[\"a\",\"b\",\"\\u0061\",\"b\"]}",
     {.kind = COMMAND_PRESENCE_USERS, .users = {B("a"), B("b")}, .user_count = 2}},
    {"{\"type\":\"watch\",\"users\":[\"a\"],\"room\":0}",
     {.kind = COMMAND_WATCH, .users = {B("a")}, .user_count = 1}},
    {"{\"type\":\"unwatch\",\"users\":[\"a\"]}",
     {.kind = COMMAND_UNWATCH, .users = {B("a")}, .user_count = 1}},
    {"{\"type\":\"history\",\"room\":\"r\"}", {.kind = COMMAND_HISTORY_ROOM, .room = B("r")}},
    {"{\"type\":\"history\",\"room\":\"r\",\"inbox\":false,\"limit\":1}",
     {.kind = COMMAND_HISTORY_ROOM, .room = B("r"), .limit = 1}},
    {"{\"type\":\"history\",\"inbox\":true,\"limit\":1000,\"since\":{\"epoch\":\"1\",\"offset\":2}"
     "}",
     {.kind = COMMAND_HISTORY_INBOX, .limit = 1000, .since = {true, 1, 2}}},
    {"{\"type\":\"refresh\",\"token\":\"a.b.c\",\"id\":1}",
     {.kind = COMMAND_REFRESH, .token = B("a.b.c"), .id = B("1")}},
#undef B
};

START_TEST(what_can_be_done_becomes_a_command)
{
    const struct command *want = &good_rows[_i].want;
    struct reading reading;
    read_bytes(&reading, bytes_of_str(good_rows[_i].text));
    const struct command *got = &reading.command;
    ck_assert_msg(got->kind == want->kind, "%s: kind %d, %.*s", good_rows[_i].text, got->kind,
                  (int)got->detail.len, (const char *)got->detail.data);
    ck_assert_int_eq(got->error, CLIENT_ERROR_NONE);
    ck_assert(bytes_equal(got->id, want->id));
    ck_assert(bytes_equal(got->room, want->room));
    ck_assert(bytes_equal(got->user, want->user));
    ck_assert(bytes_equal(got->payload, want->payload));
    ck_assert(bytes_equal(got->key, want->key));
    ck_assert(bytes_equal(got->token, want->token));
    ck_assert(got->since.present == want->since.present);
    ck_assert_uint_eq(got->since.epoch, want->since.epoch);
    ck_assert_uint_eq(got->since.offset, want->since.offset);
    ck_assert_uint_eq(got->limit, want->limit);
    ck_assert(got->want_members == want->want_members);
    ck_assert(got->no_echo == want->no_echo);
    ck_assert_uint_eq(got->user_count, want->user_count);
    for (size_t i = 0; i < want->user_count; i++) {
        ck_assert(bytes_equal(got->users[i], want->users[i]));
    }
    reading_fini(&reading);
}
END_TEST

START_TEST(a_command_cut_anywhere_is_invalid_json)
{
    struct bytes text = bytes_of_str(good_rows[_i].text);
    while (text.data[text.len - 1] != '}') {
        text.len--;
    }
    for (size_t len = 0; len < text.len; len++) {
        struct reading reading;
        read_bytes(&reading, bytes_slice(text, 0, len));
        ck_assert_int_eq(reading.command.error, CLIENT_ERROR_INVALID_JSON);
        reading_fini(&reading);
    }
}
END_TEST

START_TEST(a_hundred_escaped_names_stay_where_they_were_decoded)
{
    struct buf text;
    struct reading reading;
    buf_init(&text, 0);
    buf_append_str(&text, "{\"type\":\"watch\",\"users\":[");
    for (unsigned i = 0; i < COMMAND_USERS_MAX; i++) {
        buf_append_str(&text, i == 0 ? "\"\\u0075" : ",\"\\u0075");
        buf_append_u64(&text, i);
        buf_append_str(&text, "\"");
    }
    buf_append_str(&text, "]}");
    read_bytes(&reading, buf_bytes(&text));
    ck_assert_int_eq(reading.command.kind, COMMAND_WATCH);
    ck_assert_uint_eq(reading.command.user_count, COMMAND_USERS_MAX);
    for (unsigned i = 0; i < COMMAND_USERS_MAX; i++) {
        char want[8];
        ck_assert_int_gt(snprintf(want, sizeof(want), "u%u", i), 0);
        ck_assert(is(reading.command.users[i], want));
    }
    reading_fini(&reading);
    buf_fini(&text);
}
END_TEST

static enum client_error read_token_of(size_t len)
{
    struct buf text;
    struct reading reading;
    buf_init(&text, 0);
    buf_append_str(&text, "{\"type\":\"refresh\",\"token\":\"");
    memset(buf_extend(&text, len), 't', len);
    buf_append_str(&text, "\"}");
    read_bytes(&reading, buf_bytes(&text));
    enum client_error error = reading.command.error;
    ck_assert(error != CLIENT_ERROR_NONE || reading.command.token.len == len);
    reading_fini(&reading);
    buf_fini(&text);
    return error;
}

START_TEST(a_token_has_at_most_8192_bytes)
{
    ck_assert_int_eq(read_token_of(8192), CLIENT_ERROR_NONE);
    ck_assert_int_eq(read_token_of(8193), CLIENT_ERROR_INVALID_MESSAGE);
}
END_TEST

static enum client_error read_payload_of_depth(size_t depth)
{
    struct buf text;
    struct reading reading;
    buf_init(&text, 0);
    buf_append_str(&text, "{\"type\":\"room_message\",\"room\":\"r\",\"payload\":");
    memset(buf_extend(&text, depth), '[', depth);
    memset(buf_extend(&text, depth), ']', depth);
    buf_append_str(&text, "}");
    read_bytes(&reading, buf_bytes(&text));
    enum client_error error = reading.command.error;
    reading_fini(&reading);
    buf_fini(&text);
    return error;
}

START_TEST(a_payload_nested_too_deep_is_invalid_json)
{
    ck_assert_int_eq(read_payload_of_depth(127), CLIENT_ERROR_NONE);
    ck_assert_int_eq(read_payload_of_depth(128), CLIENT_ERROR_INVALID_JSON);
    ck_assert_int_eq(read_payload_of_depth(60000), CLIENT_ERROR_INVALID_JSON);
}
END_TEST

START_TEST(scratch_that_may_not_grow_gives_an_answer_not_a_crash)
{
    struct buf scratch;
    struct command command;
    buf_init(&scratch, 4);
    json_read_command(BYTES_LIT("{\"type\":\"join\",\"room\":\"r\"}"), &scratch, &command);
    ck_assert_int_eq(command.kind, COMMAND_JOIN);
    json_read_command(BYTES_LIT("{\"type\":\"join\",\"id\":1,\"room\":\"\\u0072\"}"), &scratch,
                      &command);
    ck_assert_int_eq(command.kind, COMMAND_BAD);
    ck_assert_int_eq(command.error, CLIENT_ERROR_INTERNAL);
    ck_assert(is(command.id, "1"));
    buf_fini(&scratch);
}
END_TEST

START_TEST(scratch_is_used_again_from_message_to_message)
{
    struct buf scratch;
    struct command command;
    buf_init(&scratch, 0);
    for (int i = 0; i < 3; i++) {
        json_read_command(BYTES_LIT("{\"type\":\"join\",\"room\":\"\\u0072oom\"}"), &scratch,
                          &command);
        ck_assert(is(command.room, "room"));
        ck_assert_uint_eq(scratch.len, 4);
    }
    buf_fini(&scratch);
}
END_TEST

START_TEST(the_two_texts_of_the_original_server_are_kept)
{
    ck_assert_str_eq(client_error_text(CLIENT_ERROR_INVALID_JSON), "Invalid JSON");
    ck_assert_str_eq(client_error_text(CLIENT_ERROR_UNKNOWN_TYPE), "Unknown message type");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json_read");
    TCase *tcase = tcase_create("read");
    tcase_add_loop_test(tcase, what_cannot_be_done_is_answered_with_code_field_and_id, 0,
                        sizeof(bad_rows) / sizeof(bad_rows[0]));
    tcase_add_loop_test(tcase, what_can_be_done_becomes_a_command, 0,
                        sizeof(good_rows) / sizeof(good_rows[0]));
    tcase_add_loop_test(tcase, a_command_cut_anywhere_is_invalid_json, 0,
                        sizeof(good_rows) / sizeof(good_rows[0]));
    tcase_add_test(tcase, a_hundred_escaped_names_stay_where_they_were_decoded);
    tcase_add_test(tcase, a_token_has_at_most_8192_bytes);
    tcase_add_test(tcase, a_payload_nested_too_deep_is_invalid_json);
    tcase_add_test(tcase, scratch_that_may_not_grow_gives_an_answer_not_a_crash);
    tcase_add_test(tcase, scratch_is_used_again_from_message_to_message);
    tcase_add_test(tcase, the_two_texts_of_the_original_server_are_kept);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
