#include "router/api_call.h"
#include "tests/support/check_main.h"

#include <check.h>
#include <string.h>

static struct api_call call;
static enum api_error error;
static const char *which;

static bool read_call(const char *method, const char *path, const char *query, const char *body)
{
    struct api_match match;
    struct buf allow;
    buf_init(&allow, 0);
    ck_assert_int_eq(api_match(bytes_of_str(method), bytes_of_str(path), &match, &allow),
                     API_ERROR_NONE);
    buf_fini(&allow);
    error = API_ERROR_NONE;
    which = "";
    return api_call_read(&call, &match, bytes_of_str(query), bytes_of_str(body), &error, &which);
}

static void teardown(void)
{
    api_call_fini(&call);
}

START_TEST(parts_of_paths_and_queries_are_decoded)
{
    ck_assert(read_call("GET", "/v1/rooms/caf%C3%A9%20%2F+1/messages", "limit=5&&since=0", ""));
    ck_assert_str_eq(call.params[API_PARAM_ROOM], "caf\xC3\xA9 /+1");
    ck_assert_uint_eq(call.numbers[API_PARAM_LIMIT], 5);
    ck_assert_uint_eq(call.numbers[API_PARAM_SINCE], 0);
    ck_assert(call.given_params >> API_PARAM_SINCE & 1);
    ck_assert_str_eq(call.params[API_PARAM_EPOCH], "");
}
END_TEST

START_TEST(a_plus_in_a_query_is_a_space)
{
    ck_assert(read_call("GET", "/v1/users", "prefix=a+b%2B", ""));
    ck_assert_str_eq(call.params[API_PARAM_PREFIX], "a b+");
}
END_TEST

START_TEST(times_have_units)
{
    ck_assert(read_call("DELETE", "/v1/users/u/connections", "ban=10m&reason=x", ""));
    ck_assert_uint_eq(call.numbers[API_PARAM_BAN], 600000);
}
END_TEST

START_TEST(fields_are_decoded_and_the_payload_is_not_touched)
{
    ck_assert(
        read_call("POST", "/v1/rooms/r/messages", "",
                  " {\"payload\" : {\"a\":  1.50} ,\"user\\u0049d\":\"J\\u00f6\",\"key\":\"k\"}"));
    ck_assert(bytes_equal(call.payload, BYTES_LIT("{\"a\":  1.50}")));
    ck_assert_str_eq(call.fields[API_FIELD_USER_ID], "J\xC3\xB6");
    ck_assert_str_eq(call.fields[API_FIELD_KEY], "k");
    ck_assert_str_eq(call.fields[API_FIELD_EXCLUDE], "");
}
END_TEST

START_TEST(names_of_a_broadcast_are_a_list)
{
    ck_assert(
        read_call("POST", "/v1/broadcast", "", "{\"rooms\":[\"a\",\"b c\"],\"payload\":null}"));
    ck_assert_uint_eq(call.name_count, 2);
    ck_assert_str_eq(call.names[1], "b c");
    ck_assert(bytes_equal(call.payload, BYTES_LIT("null")));
}
END_TEST

#define ROOM "/v1/rooms/r/messages"

static const struct {
    const char *method;
    const char *path;
    const char *query;
    const char *body;
    enum api_error error;
    const char *which;
} bad[] = {
    {"GET", "/v1/rooms/%", "", "", API_ERROR_PATH, "room"},
    {"GET", "/v1/rooms/%4", "", "", API_ERROR_PATH, "room"},
    {"GET", "/v1/rooms/%zz", "", "", API_ERROR_PATH, "room"},
    {"GET", "/v1/rooms/%00", "", "", API_ERROR_PATH, "room"},
    {"GET", "/v1/rooms/a%0Ab", "", "", API_ERROR_PATH, "room"},
    {"GET", "/v1/rooms/%ff", "", "", API_ERROR_PATH, "room"},
    {"GET", "/v1/rooms", "limit=0", "", API_ERROR_QUERY, "limit"},
    {"GET", "/v1/rooms", "limit=1001", "", API_ERROR_QUERY, "limit"},
    {"GET", "/v1/rooms", "limit=99999999999999999999999", "", API_ERROR_QUERY, "limit"},
    {"GET", "/v1/rooms", "limit=-1", "", API_ERROR_QUERY, "limit"},
    {"GET", "/v1/rooms", "limit=1x", "", API_ERROR_QUERY, "limit"},
    {"GET", "/v1/rooms", "limit=", "", API_ERROR_QUERY, "limit"},
    {"GET", "/v1/rooms", "limit", "", API_ERROR_QUERY, "limit"},
    {"GET", "/v1/rooms", "limit=1&limit=1", "", API_ERROR_QUERY, "limit"},
    {"GET", "/v1/rooms", "page=2", "", API_ERROR_QUERY, "unknown"},
    {"GET", "/v1/rooms", "room=2", "", API_ERROR_QUERY, "unknown"},
    {"GET", "/v1/rooms", "=", "", API_ERROR_QUERY, "unknown"},
    {"GET", "/v1/rooms", "prefix=%80", "", API_ERROR_QUERY, "prefix"},
    {"GET", ROOM, "epoch=0123456789ABCDEF", "", API_ERROR_QUERY, "epoch"},
    {"GET", ROOM, "epoch=0123", "", API_ERROR_QUERY, "epoch"},
    {"DELETE", "/v1/users/u/connections", "ban=10", "", API_ERROR_QUERY, "ban"},
    {"DELETE", "/v1/users/u/connections", "ban=m", "", API_ERROR_QUERY, "ban"},
    {"DELETE", "/v1/users/u/connections", "ban=999ms", "", API_ERROR_QUERY, "ban"},
    {"DELETE", "/v1/users/u/connections", "ban=99999999999999h", "", API_ERROR_QUERY, "ban"},
    {"DELETE", "/v1/rooms/r/members/u", "ban=10m", "", API_ERROR_QUERY, "unknown"},
    {"GET", "/v1/rooms", "", "x", API_ERROR_BODY, ""},
    {"GET", "/v1/rooms", "", "{\"a\":1}", API_ERROR_BODY, ""},
    {"POST", ROOM, "", "", API_ERROR_JSON, ""},
    {"POST", ROOM, "", "[1]", API_ERROR_JSON, ""},
    {"POST", ROOM, "", "{\"payload\":1}}", API_ERROR_JSON, ""},
    {"POST", ROOM, "", "{}", API_ERROR_FIELD, "payload"},
    {"POST", ROOM, "", "{\"payload\":1,\"payload\":2}", API_ERROR_FIELD, "payload"},
    {"POST", ROOM, "", "{\"payload\":1,\"Key\":\"x\"}", API_ERROR_FIELD, "unknown"},
    {"POST", ROOM, "", "{\"payload\":1,\"rooms\":[]}", API_ERROR_FIELD, "unknown"},
    {"POST", ROOM, "", "{\"payload\":1,\"key\":7}", API_ERROR_FIELD, "key"},
    {"POST", ROOM, "", "{\"payload\":1,\"key\":\"\"}", API_ERROR_FIELD, "key"},
    {"POST", ROOM, "", "{\"payload\":1,\"key\":\"\\u0000\"}", API_ERROR_FIELD, "key"},
    {"POST", ROOM, "", "{\"payload\":1,\"userId\":\"\\ud800\"}", API_ERROR_FIELD, "userId"},
    {"POST", ROOM, "", "{\"payload\":1,\"userId\":\"a\\nb\"}", API_ERROR_FIELD, "userId"},
    {"POST", "/v1/broadcast", "", "{\"payload\":1,\"rooms\":[]}", API_ERROR_FIELD, "rooms"},
    {"POST", "/v1/broadcast", "", "{\"payload\":1,\"rooms\":\"a\"}", API_ERROR_FIELD, "rooms"},
    {"POST", "/v1/broadcast", "", "{\"payload\":1,\"rooms\":[1]}", API_ERROR_FIELD, "rooms"},
};

START_TEST(what_is_wrong_is_told_by_name)
{
    ck_assert(!read_call(bad[_i].method, bad[_i].path, bad[_i].query, bad[_i].body));
    ck_assert_int_eq(error, bad[_i].error);
    ck_assert_str_eq(which, bad[_i].which);
}
END_TEST

START_TEST(an_empty_object_is_no_body)
{
    ck_assert(read_call("POST", "/v1/edges/e/drain", "", " {} "));
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

int main(void)
{
    Suite *suite = suite_create("api_call");
    TCase *tcase = tcase_create("all");
    tcase_add_checked_fixture(tcase, NULL, teardown);
    tcase_add_test(tcase, parts_of_paths_and_queries_are_decoded);
    tcase_add_test(tcase, a_plus_in_a_query_is_a_space);
    tcase_add_test(tcase, times_have_units);
    tcase_add_test(tcase, fields_are_decoded_and_the_payload_is_not_touched);
    tcase_add_test(tcase, names_of_a_broadcast_are_a_list);
    tcase_add_loop_test(tcase, what_is_wrong_is_told_by_name, 0, ROWS(bad));
    tcase_add_test(tcase, an_empty_object_is_no_body);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
