/* Rows of files and what is read from them, or the line that refuses them. */
#include "router/policy_file.h"
#include "tests/support/check_main.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct namespace_policy built_in = {
    .class = ROOM_CLASS_UNSET, .history_messages = 100, .slow_reader = SLOW_READER_DISCONNECT};

static struct policy_table read_good(const char *content)
{
    struct policy_table table;
    struct buf text;
    buf_init(&text, 0);
    enum status status = policy_file_parse(bytes_of_str(content), "F", &built_in, &table, &text);
    ck_assert_msg(status == STATUS_OK, "%.*s", (int)text.len, (const char *)text.data);
    ck_assert_uint_eq(text.len, 0);
    buf_fini(&text);
    return table;
}

START_TEST(every_field_is_read)
{
    struct policy_table table =
        read_good("{\"namespaces\":{\"chat\":{\"class\":\"ephemeral\",\"slow_reader\":\"gap\","
                  "\"history\":{\"messages\":7,\"age\":\"90m\"}}}}");
    const struct namespace_policy *chat = policy_table_find(&table, BYTES_LIT("chat:x"));
    ck_assert_int_eq(chat->class, ROOM_EPHEMERAL);
    ck_assert_int_eq(chat->slow_reader, SLOW_READER_GAP);
    ck_assert_int_eq(chat->history_messages, 7);
    ck_assert_int_eq(chat->history_age_ms, 90 * 60000);
    policy_table_fini(&table);
}
END_TEST

START_TEST(a_namespace_inherits_from_default_wherever_it_stands_and_that_from_what_is_built_in)
{
    struct policy_table table =
        read_good("{\"namespaces\":{\"a\":{\"history\":{\"messages\":7}},\"b\":{}},"
                  "\"default\":{\"slow_reader\":\"gap\",\"history\":{\"age\":\"1h\"}}}");
    const struct namespace_policy *a = policy_table_find(&table, BYTES_LIT("a:x"));
    const struct namespace_policy *b = policy_table_find(&table, BYTES_LIT("b:x"));
    ck_assert_int_eq(a->history_messages, 7);
    ck_assert_int_eq(a->history_age_ms, 3600000);
    ck_assert_int_eq(a->slow_reader, SLOW_READER_GAP);
    ck_assert_int_eq(a->class, ROOM_CLASS_UNSET);
    ck_assert_int_eq(b->history_messages, 100);
    ck_assert_int_eq(b->slow_reader, SLOW_READER_GAP);
    ck_assert_int_eq(table.fallback.history_messages, 100);
    policy_table_fini(&table);
}
END_TEST

START_TEST(an_empty_object_changes_nothing)
{
    struct policy_table table = read_good("{}");
    ck_assert_uint_eq(table.count, 0);
    ck_assert_int_eq(table.fallback.history_messages, 100);
    policy_table_fini(&table);
}
END_TEST

#define CHAT(text) "{\"namespaces\":{\"chat\":" text "}}"

static const struct {
    const char *content;
    const char *line;
} bad[] = {
    {CHAT("{\"slow_reader\":\"slow\"}"), "namespaces.chat.slow_reader: \"slow\" is not one of the "
                                         "choices; allowed: disconnect, gap"},
    {CHAT("{\"slow_reader\":1}"),
     "namespaces.chat.slow_reader: must be text; allowed: disconnect, gap"},
    {CHAT("{\"class\":\"Durable\"}"), "namespaces.chat.class: \"Durable\" is not one of the "
                                      "choices; allowed: durable, memory, ephemeral"},
    {CHAT("{\"class\":null}"),
     "namespaces.chat.class: must be text; allowed: durable, memory, ephemeral"},
    {CHAT("{\"history\":{\"messages\":-1}}"),
     "namespaces.chat.history.messages: \"-1\" is out of range; allowed: 0 to 1000000"},
    {CHAT("{\"history\":{\"messages\":1000001}}"),
     "namespaces.chat.history.messages: \"1000001\" is out of range; allowed: 0 to 1000000"},
    {CHAT("{\"history\":{\"messages\":1.5}}"),
     "namespaces.chat.history.messages: must be a number; allowed: 0 to 1000000"},
    {CHAT("{\"history\":{\"messages\":\"5\"}}"),
     "namespaces.chat.history.messages: must be a number; allowed: 0 to 1000000"},
    {CHAT("{\"history\":{\"age\":60}}"), "namespaces.chat.history.age: must be text; allowed: "},
    {CHAT("{\"history\":{\"age\":\"60\"}}"), "namespaces.chat.history.age: \"60\" "},
    {CHAT("{\"history\":{\"size\":5}}"),
     "namespaces.chat.history.size: unknown key; allowed: messages, age"},
    {CHAT("{\"history\":5}"), "namespaces.chat.history: must be an object; allowed: {…}"},
    {CHAT("{\"history.age\":\"1h\"}"), "namespaces.chat.history.age: unknown key; allowed: class, "
                                       "history, permissions, "},
    {CHAT("{\"age\":\"1h\"}"),
     "namespaces.chat.age: unknown key; allowed: class, history, permissions, "},
    {CHAT("{\"\":1}"), "namespaces.chat.: unknown key; allowed: class, history, permissions, "},
    {CHAT("{\"\\u0001\\u007f\":1}"), "namespaces.chat.??: unknown key; "},
    {CHAT("[]"), "namespaces.chat: must be an object; allowed: {…}"},
    {"{\"default\":{\"sloow\":1}}", "default.sloow: unknown key; allowed: class, history, "},
    {"{\"default\":[]}", "default: must be an object; allowed: {…}"},
    {"{\"defaults\":{}}", "defaults: unknown key; allowed: default, namespaces"},
    {"{\"namespaces\":[]}", "namespaces: must be an object; allowed: {\"NAMESPACE\": {…}}"},
    {"{\"namespaces\":{\"a:b\":{}}}", "namespaces.a:b: is not the beginning of a room's name; "},
    {"{\"namespaces\":{\"a\\n\":{}}}", "namespaces.a?: is not the beginning of a room's name; "},
    {"{\"namespaces\":{\"a\":{},\"a\":{}}}", "line 1: duplicate object key"},
    {"{\"default\":{},\n\"default\":{}}", "line 2: duplicate object key"},
    {CHAT("{\"class\":\"memory\",\"class\":\"memory\"}"), "line 1: duplicate object key"},
    {"[]", "must be an object; allowed: {\"default\": {…}, \"namespaces\": {…}}"},
    {"", "line 1: "},
    {"{", "line 1: "},
    {"{}x", "line 1: "},
    {"{\"default\":{\"class\":\"\xff\"}}", "line 1: unable to decode byte 0xff"},
};

START_TEST(what_is_wrong_refuses_the_file_with_its_place_and_what_is_allowed)
{
    struct policy_table table = {.count = 77};
    struct buf text;
    buf_init(&text, 0);
    ck_assert_int_eq(
        policy_file_parse(bytes_of_str(bad[_i].content), "F", &built_in, &table, &text),
        STATUS_MALFORMED);
    buf_append_byte(&text, 0);
    char start[512];
    (void)snprintf(start, sizeof(start), "--policy-file F: %s", bad[_i].line);
    ck_assert_msg(strncmp((const char *)text.data, start, strlen(start)) == 0, "%s", text.data);
    ck_assert_ptr_nonnull(strstr((const char *)text.data, "; allowed: "));
    ck_assert_uint_eq(table.count, 77);
    buf_fini(&text);
}
END_TEST

START_TEST(every_cut_of_a_file_is_refused)
{
    static const char whole[] = "{\"default\":{\"class\":\"memory\",\"history\":{\"messages\":7,"
                                "\"age\":\"1h\"}},\"namespaces\":{\"a\":{}}}";
    struct policy_table table;
    struct buf text;
    buf_init(&text, 0);
    for (size_t len = 0; len < sizeof(whole) - 1; len++) {
        buf_clear(&text);
        ck_assert_int_eq(policy_file_parse(bytes_of(whole, len), "F", &built_in, &table, &text),
                         STATUS_MALFORMED);
    }
    buf_fini(&text);
}
END_TEST

START_TEST(a_file_is_read_and_one_that_is_not_there_is_told)
{
    char path[] = "/tmp/splitrail-test-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, "{}", 2), 2);
    ck_assert_int_eq(close(fd), 0);
    struct policy_table table;
    struct buf text;
    buf_init(&text, 0);
    ck_assert_int_eq(policy_file_read(path, &built_in, &table, &text), STATUS_OK);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(policy_file_read(path, &built_in, &table, &text), STATUS_MALFORMED);
    buf_append_byte(&text, 0);
    ck_assert_ptr_nonnull(strstr((const char *)text.data, "cannot be read (No such file"));
    ck_assert_int_eq(policy_file_read(NULL, &built_in, &table, &text), STATUS_OK);
    ck_assert_int_eq(table.fallback.history_messages, 100);
    buf_fini(&text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("policy_file");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, every_field_is_read);
    tcase_add_test(
        tcase, a_namespace_inherits_from_default_wherever_it_stands_and_that_from_what_is_built_in);
    tcase_add_test(tcase, an_empty_object_changes_nothing);
    tcase_add_loop_test(tcase, what_is_wrong_refuses_the_file_with_its_place_and_what_is_allowed, 0,
                        (int)(sizeof(bad) / sizeof(bad[0])));
    tcase_add_test(tcase, every_cut_of_a_file_is_refused);
    tcase_add_test(tcase, a_file_is_read_and_one_that_is_not_there_is_told);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
