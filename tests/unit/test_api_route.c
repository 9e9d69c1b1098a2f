#include "router/api_openapi.h"
#include "router/api_route.h"
#include "router/json_scan.h"
#include "tests/support/check_main.h"

#include <check.h>
#include <stdbool.h>
#include <string.h>

static struct buf allow;
static struct api_match match;

static void setup(void)
{
    buf_init(&allow, 0);
}

static void teardown(void)
{
    buf_fini(&allow);
}

static enum api_error find(const char *method, const char *path)
{
    buf_clear(&allow);
    return api_match(bytes_of_str(method), bytes_of_str(path), &match, &allow);
}

static const struct {
    const char *method;
    const char *path;
    enum api_call_id id;
    const char *room;
    const char *user;
    const char *other;
} found[] = {
    {"POST", "/v1/rooms/tea/messages", API_CALL_PUBLISH, "tea", "", ""},
    {"GET", "/v1/rooms/tea/messages", API_CALL_HISTORY, "tea", "", ""},
    {"HEAD", "/v1/rooms/messages", API_CALL_ROOM, "messages", "", ""},
    {"GET", "/v1/rooms", API_CALL_ROOMS, "", "", ""},
    {"GET", "/v1/rooms/a%2Fb", API_CALL_ROOM, "a%2Fb", "", ""},
    {"DELETE", "/v1/rooms/r/members/u", API_CALL_REMOVE_MEMBER, "r", "u", ""},
    {"DELETE", "/v1/users/u/connections", API_CALL_DISCONNECT, "", "u", ""},
    {"GET", "/v1/connections/e.1.2", API_CALL_CONNECTION, "", "", "e.1.2"},
    {"POST", "/v1/edges/e1/drain", API_CALL_DRAIN, "", "", "e1"},
    {"GET", "/v1/openapi.json", API_CALL_OPENAPI, "", "", ""},
};

START_TEST(a_path_and_a_method_find_their_call_and_its_parts)
{
    ck_assert_int_eq(find(found[_i].method, found[_i].path), API_ERROR_NONE);
    ck_assert_int_eq(match.route->id, found[_i].id);
    ck_assert(bytes_equal(match.parts[API_PARAM_ROOM], bytes_of_str(found[_i].room)));
    ck_assert(bytes_equal(match.parts[API_PARAM_USER], bytes_of_str(found[_i].user)));
    ck_assert(bytes_equal(match.parts[API_PARAM_ID], bytes_of_str(found[_i].other)));
}
END_TEST

static const char *const unknown[] = {
    "",
    "/",
    "/v1",
    "/v1/",
    "/v1/room",
    "/v1/rooms/",
    "/v1//tea",
    "v1/rooms",
    "/v2/rooms",
    "/v1/rooms/a/b",
    "/v1/rooms/a/messages/",
    "/v1/ROOMS",
    "/v1/edges/",
    "//v1/rooms",
    "/v1/rooms/a//",
    "/v1/rooms//messages",
};

START_TEST(other_paths_are_unknown_with_any_method)
{
    ck_assert_int_eq(find("GET", unknown[_i]), API_ERROR_PATH_UNKNOWN);
    ck_assert_int_eq(find("POST", unknown[_i]), API_ERROR_PATH_UNKNOWN);
    ck_assert_uint_eq(allow.len, 0);
}
END_TEST

START_TEST(a_method_that_a_path_does_not_have_is_told_those_that_it_has)
{
    ck_assert_int_eq(find("PUT", "/v1/rooms/tea/messages"), API_ERROR_METHOD);
    ck_assert(bytes_equal(buf_bytes(&allow), BYTES_LIT("POST, GET, HEAD")));
    ck_assert_int_eq(find("get", "/v1/rooms"), API_ERROR_METHOD);
    ck_assert_int_eq(find("HEAD", "/v1/broadcast"), API_ERROR_METHOD);
    ck_assert_int_eq(find("OPTIONS", "/v1/rooms"), API_ERROR_METHOD);
    ck_assert(bytes_equal(buf_bytes(&allow), BYTES_LIT("GET, HEAD")));
}
END_TEST

START_TEST(rows_of_one_path_stand_together_and_no_call_is_there_twice)
{
    for (size_t i = 0; i < API_CALL_COUNT; i++) {
        bool apart = false;
        for (size_t k = i + 1; k < API_CALL_COUNT; k++) {
            bool same = bytes_equal(api_routes[i].path, api_routes[k].path);
            ck_assert(!same || !apart);
            ck_assert(!same || !bytes_equal(api_routes[i].method, api_routes[k].method));
            apart = apart || !same;
        }
    }
}
END_TEST

static struct json_value member(struct json_value object, const char *name)
{
    struct bytes key = bytes_of_str(name);
    struct json_value value = {0};
    ck_assert_msg(json_members(object, &key, 1, &value).seen == 1, "no %s", name);
    return value;
}

START_TEST(the_document_is_json_and_has_every_call)
{
    struct buf text;
    struct json_value document;
    buf_init(&text, 0);
    api_openapi_write(BYTES_LIT("1.2\"3"), &text);
    ck_assert(json_scan(buf_bytes(&text), &document));
    struct json_value paths = member(document, "paths");
    for (size_t i = 0; i < API_CALL_COUNT; i++) {
        char path[64] = "";
        char method[8] = "";
        memcpy(path, api_routes[i].path.data, api_routes[i].path.len);
        for (size_t k = 0; k < api_routes[i].method.len; k++) {
            method[k] = (char)(api_routes[i].method.data[k] | 0x20);
        }
        struct json_value operation = member(member(paths, path), method);
        ck_assert_int_eq(member(operation, "responses").kind, JSON_KIND_OBJECT);
    }
    struct json_value schemas = member(member(document, "components"), "schemas");
    for (size_t i = 0; i < API_SCHEMA_COUNT; i++) {
        ck_assert_int_eq(member(schemas, api_schemas[i].name).kind, JSON_KIND_OBJECT);
    }
    buf_fini(&text);
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

int main(void)
{
    Suite *suite = suite_create("api_route");
    TCase *tcase = tcase_create("all");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, a_path_and_a_method_find_their_call_and_its_parts, 0, ROWS(found));
    tcase_add_loop_test(tcase, other_paths_are_unknown_with_any_method, 0, ROWS(unknown));
    tcase_add_test(tcase, a_method_that_a_path_does_not_have_is_told_those_that_it_has);
    tcase_add_test(tcase, rows_of_one_path_stand_together_and_no_call_is_there_twice);
    tcase_add_test(tcase, the_document_is_json_and_has_every_call);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
