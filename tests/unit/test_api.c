#include "common/log.h"
#include "router/json_scan.h"
#include "tests/support/api_rig.h"
#include "tests/support/check_main.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static struct api_rig rig;

static void setup(void)
{
    log_configure(false, LOG_ERROR);
    api_rig_init(&rig, 0);
}

static void teardown(void)
{
    api_rig_fini(&rig);
}

static int ask(const char *key, const char *method, const char *target, const char *body)
{
    uint64_t before = rig.answers;
    int status = api_rig_ask(&rig, key, method, target, bytes_of_str(body));
    struct json_value value;
    ck_assert_uint_eq(rig.answers, before + 1);
    ck_assert_uint_eq(rig.id, 77);
    ck_assert(json_scan(bytes_of_str((const char *)rig.body.data), &value));
    return status;
}

static void expect(const char *part)
{
    ck_assert_msg(strstr((const char *)rig.body.data, part) != NULL, "%s has no %s",
                  (const char *)rig.body.data, part);
}

static const struct {
    const char *method;
    const char *target;
    const char *body;
    int status;
    const char *part;
} rows[] = {
    {"GET", "/v1/rooms", "", 200, "\"rooms\":[{\"roomId\":\"milk\""},
    {"HEAD", "/v1/rooms", "", 200, "\"tea\""},
    {"GET", "/v1/rooms?prefix=t", "", 200, "{\"rooms\":[{\"roomId\":\"tea\""},
    {"GET", "/v1/rooms?limit=1", "", 200, "\"cursor\":\"milk\""},
    {"GET", "/v1/rooms?limit=1&cursor=milk", "", 200, "\"roomId\":\"tea\""},
    {"GET", "/v1/rooms?cursor=tea", "", 200, "{\"rooms\":[],\"cursor\":null"},
    {"GET", "/v1/rooms/tea", "", 200, "\"members\":2,\"connections\":3"},
    {"GET", "/v1/rooms/none", "", 404, "\"code\":\"not_found\""},
    {"GET", "/v1/rooms/tea/members", "", 200, "[{\"userId\":\"user_alice\",\"connections\":2}"},
    {"GET", "/v1/rooms/tea/members?limit=1", "", 200, "\"cursor\":\"user_alice\""},
    {"GET", "/v1/rooms/tea/members?cursor=user_alice", "", 200, "[{\"userId\":\"user_bob\""},
    {"GET", "/v1/rooms/none/members", "", 200, "\"members\":[],\"cursor\":null"},
    {"GET", "/v1/rooms/none/messages", "", 200, "\"epoch\":null,\"offset\":0"},
    {"GET", "/v1/users", "", 200, "\"userId\":\"user_alice\",\"online\":true"},
    {"GET", "/v1/users/user_bob", "", 200, "\"rooms\":[\"tea\"],\"devices\":[{\"connectionId\":"},
    {"GET", "/v1/users/nobody", "", 200, "\"online\":false"},
    {"GET", "/v1/connections/e1.2.1", "", 200, "\"userId\":\"user_bob\""},
    {"GET", "/v1/connections/e1.9.1", "", 404, "no such connection"},
    {"GET", "/v1/edges", "", 200, "\"edgeId\":\"e1\",\"incarnation\":\"000000000000002a\""},
    {"POST", "/v1/edges/e1/drain", "", 409, "too old"},
    {"POST", "/v1/edges/e9/drain", "{}", 404, "no such edge"},
    {"DELETE", "/v1/users/user_alice/connections?reason=bye", "", 200, "{\"kicked\":2}"},
    {"DELETE", "/v1/users/user_bob/connections?ban=10m", "", 200, "{\"kicked\":1}"},
    {"DELETE", "/v1/users/nobody/connections", "", 404, "not_found"},
    {"DELETE", "/v1/rooms/tea/members/user_bob", "", 200, "{\"kicked\":1}"},
    {"DELETE", "/v1/rooms/milk/members/user_bob", "", 404, "not_found"},
    {"POST", "/v1/rooms/tea/messages", "{\"payload\":{}}", 200, "\"offset\":1,\"epoch\":\""},
    {"POST", "/v1/users/user_bob/messages", "{\"payload\":1}", 200,
     "{\"delivered\":1,\"offset\":1"},
    {"POST", "/v1/users/user_bob/messages", "{\"payload\":1,\"fromUserId\":\"x\"}", 200, "1"},
    {"POST", "/v1/broadcast", "{\"payload\":1,\"rooms\":[\"a\",\"b\"]}", 200,
     "{\"rooms\":2,\"published\":2,\"failed\":[]}"},
    {"POST", "/v1/broadcast", "{\"payload\":1,\"prefix\":\"t\"}", 200,
     "{\"rooms\":1,\"published\":1"},
    {"POST", "/v1/broadcast", "{\"payload\":1,\"prefix\":\"zz\"}", 200, "{\"rooms\":0"},
    {"POST", "/v1/broadcast", "{\"payload\":1}", 422, "give either rooms or prefix"},
    {"POST", "/v1/broadcast", "{\"payload\":1,\"prefix\":\"t\",\"rooms\":[\"a\"]}", 422, "either"},
    {"POST", "/v1/rooms/tea/messages", "{\"payload\":}", 400, "invalid_json"},
    {"POST", "/v1/rooms/tea/messages", "{\"payload\":1,\"x\":1}", 422, "invalid_field"},
    {"GET", "/v1/rooms?x=1", "", 400, "bad_query"},
    {"GET", "/v1/rooms/%FF", "", 400, "bad_path"},
    {"GET", "/v1/rooms", "{\"a\":1}", 400, "unexpected_body"},
    {"GET", "/v1/nothing", "", 404, "unknown_path"},
    {"PUT", "/v1/rooms", "", 405, "method_not_allowed"},
    {"GET", "/v1/edges", "", 200, "\"held\":false,\"canaryUs\":0}"},
    {"GET", "/v1/stats", "", 200, "\"figures\":{\"users_online\":2,"},
    {"GET", "/v1/stats", "", 200, "\"reasons\":[]},"},
    {"GET", "/v1/stats?limit=1", "", 400, "bad_query"},
    {"GET", "/v1/series", "", 200, "{\"intervalMs\":5000,\"samples\":[]}"},
    {"GET", "/v1/series?limit=1001", "", 400, "bad_query"},
    {"GET", "/v1/key", "", 200, "\"scopes\":[\"publish\",\"read\",\"admin\"]}"},
    {"GET", "/v1/openapi.json", "", 200, "\"openapi\":\"3.1.0\""},
};

START_TEST(each_call_is_answered_with_status_and_json)
{
    int status = ask(API_RIG_ALL, rows[_i].method, rows[_i].target, rows[_i].body);
    ck_assert_msg(status == rows[_i].status, "%d %s", status, (const char *)rig.body.data);
    expect(rows[_i].part);
    ck_assert_uint_eq(api_answered(rig.api, status), 1);
}
END_TEST

START_TEST(a_key_is_good_for_its_scopes_only)
{
    static const char *const keys[] = {API_RIG_PUBLISH, API_RIG_READ, API_RIG_ADMIN};
    static const struct {
        const char *method;
        const char *target;
        const char *body;
        unsigned scope;
    } calls[] = {
        {"POST", "/v1/rooms/a/messages", "{\"payload\":1}", API_SCOPE_PUBLISH},
        {"GET", "/v1/rooms", "", API_SCOPE_READ},
        {"DELETE", "/v1/users/u/connections", "", API_SCOPE_ADMIN},
    };
    for (size_t i = 0; i < 3; i++) {
        for (size_t k = 0; k < 3; k++) {
            int status = ask(keys[i], calls[k].method, calls[k].target, calls[k].body);
            ck_assert_int_eq(status == 403, i != k);
        }
    }
    ck_assert_uint_eq(rig.actions, 1);
}
END_TEST

START_TEST(every_key_may_ask_what_it_is_good_for)
{
    static const struct {
        const char *key;
        const char *scopes;
    } keys[] = {{API_RIG_PUBLISH, "\"scopes\":[\"publish\"]}"},
                {API_RIG_READ, "\"scopes\":[\"read\"]}"},
                {API_RIG_ADMIN, "\"scopes\":[\"admin\"]}"}};
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(ask(keys[i].key, "GET", "/v1/key", ""), 200);
        expect(keys[i].scopes);
        ck_assert_ptr_null(strstr((const char *)rig.body.data, keys[i].key));
    }
    ck_assert_int_eq(ask(NULL, "GET", "/v1/key", ""), 401);
    ck_assert_uint_eq(rig.actions, 0);
}
END_TEST

START_TEST(a_sample_of_the_series_is_shown)
{
    const struct series_sample sample = {.at_ms = 1000, .values = {[SERIES_USERS] = 7}};
    series_add(api_series(rig.api), &sample);
    ck_assert_int_eq(ask(API_RIG_READ, "GET", "/v1/series", ""), 200);
    expect("\"samples\":[{\"at\":1000,\"connections\":0,\"users\":7,");
}
END_TEST

START_TEST(without_a_good_key_nothing_is_told_but_the_document)
{
    ck_assert_int_eq(ask(NULL, "GET", "/v1/rooms", ""), 401);
    ck_assert(rig.authenticate);
    ck_assert_int_eq(ask("short", "GET", "/v1/rooms", ""), 401);
    ck_assert_int_eq(ask(API_RIG_ALL "x", "GET", "/v1/nothing", ""), 401);
    ck_assert_int_eq(ask(NULL, "PUT", "/v1/rooms", ""), 401);
    ck_assert_uint_eq(rig.denials, 4);
    ck_assert_int_eq(ask(NULL, "GET", "/v1/openapi.json", ""), 200);
}
END_TEST

START_TEST(failures_of_an_address_are_limited_and_good_keys_are_not)
{
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(ask("wrong", "GET", "/v1/rooms", ""), 401);
    }
    ck_assert_int_eq(ask("wrong", "GET", "/v1/rooms", ""), 429);
    ck_assert_uint_gt(rig.retry_after_ms, 0);
    ck_assert_uint_eq(rig.denials, 5);
    ck_assert_int_eq(ask(API_RIG_READ, "GET", "/v1/rooms", ""), 200);
    rig.admin.now_ms += 1000;
    ck_assert_int_eq(ask("wrong", "GET", "/v1/rooms", ""), 401);
}
END_TEST

START_TEST(calls_of_a_key_are_limited_by_what_they_cost)
{
    api_set_rate(rig.api, 25);
    ck_assert_int_eq(ask(API_RIG_READ, "GET", "/v1/rooms", ""), 200); /* 10 */
    ck_assert_int_eq(ask(API_RIG_READ, "GET", "/v1/rooms", ""), 200);
    ck_assert_int_eq(ask(API_RIG_READ, "GET", "/v1/rooms", ""), 429);
    expect("\"retryAfterMs\":");
    ck_assert_int_eq(ask(API_RIG_READ, "GET", "/v1/edges", ""), 200); /* 1 */
    ck_assert_int_eq(ask(API_RIG_ALL, "GET", "/v1/rooms", ""), 200);
    rig.admin.now_ms += 1000;
    ck_assert_int_eq(ask(API_RIG_READ, "GET", "/v1/rooms", ""), 200);
}
END_TEST

START_TEST(without_keys_the_api_is_closed)
{
    struct api_keys *none = NULL;
    api_set_keys(rig.api, &none);
    ck_assert_int_eq(ask(API_RIG_ALL, "GET", "/v1/rooms", ""), 403);
    expect("api_disabled");
    ck_assert_int_eq(ask(API_RIG_ALL, "GET", "/v1/openapi.json", ""), 200);
}
END_TEST

START_TEST(a_key_once_more_publishes_nothing)
{
    const char *body = "{\"payload\":1,\"userId\":\"u\",\"key\":\"k\"}";
    ck_assert_int_eq(ask(API_RIG_PUBLISH, "POST", "/v1/rooms/r/messages", body), 200);
    expect("\"offset\":1");
    expect("\"duplicate\":false");
    ck_assert_int_eq(ask(API_RIG_PUBLISH, "POST", "/v1/rooms/r/messages", body), 200);
    expect("\"offset\":1");
    expect("\"duplicate\":true");
}
END_TEST

START_TEST(history_gives_payloads_byte_for_byte_and_goes_on_after_an_offset)
{
    char body[64];
    for (int i = 1; i <= 5; i++) {
        snprintf(body, sizeof(body), "{\"payload\":{\"n\":  %d}}", i);
        ck_assert_int_eq(ask(API_RIG_ALL, "POST", "/v1/rooms/r/messages", body), 200);
    }
    ck_assert_int_eq(ask(API_RIG_ALL, "GET", "/v1/rooms/r/messages?limit=2", ""), 200);
    expect("\"messages\":[{\"offset\":4,");
    expect("\"payload\":{\"n\":  5}}]");
    ck_assert_int_eq(ask(API_RIG_ALL, "GET", "/v1/rooms/r/messages?since=1&limit=2", ""), 200);
    expect("\"messages\":[{\"offset\":2,");
    ck_assert_ptr_null(strstr((const char *)rig.body.data, "\"offset\":4,"));
    ck_assert_int_eq(ask(API_RIG_ALL, "GET", "/v1/rooms/r/messages?since=5", ""), 200);
    expect("\"messages\":[]");
    /* Of another life: everything is new. */
    ck_assert_int_eq(
        ask(API_RIG_ALL, "GET", "/v1/rooms/r/messages?since=5&epoch=0000000000000001", ""), 200);
    expect("\"messages\":[{\"offset\":1,");
}
END_TEST

START_TEST(names_with_quotes_stay_names)
{
    ck_assert_int_eq(ask(API_RIG_ALL, "POST", "/v1/rooms/%22%5C/messages", "{\"payload\":1}"), 200);
    ck_assert_int_eq(ask(API_RIG_ALL, "GET", "/v1/rooms/%22%5C", ""), 200);
    expect("\"roomId\":\"\\\"\\\\\"");
}
END_TEST

START_TEST(bodies_and_payloads_have_their_limits)
{
    struct buf body;
    buf_init(&body, 0);
    buf_append_str(&body, "{\"payload\":\"");
    memset(buf_extend(&body, 70000), 'x', 70000);
    buf_append_str(&body, "\"}");
    ck_assert_int_eq(
        api_rig_ask(&rig, API_RIG_ALL, "POST", "/v1/rooms/r/messages", buf_bytes(&body)), 413);
    memset(buf_extend(&body, 400000), ' ', 400000);
    ck_assert_int_eq(
        api_rig_ask(&rig, API_RIG_ALL, "POST", "/v1/rooms/r/messages", buf_bytes(&body)), 413);
    buf_fini(&body);
}
END_TEST

START_TEST(a_body_must_say_that_it_is_json)
{
    static const struct {
        const char *type;
        int status;
    } types[] = {{"application/json; charset=utf-8", 200},
                 {"Application/JSON", 200},
                 {"", 415},
                 {"text/plain", 415},
                 {"application/jsonx", 415}};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        const struct api_request request = {
            .id = 1,
            .method = BYTES_LIT("POST"),
            .path = BYTES_LIT("/v1/rooms/r/messages"),
            .authorization = BYTES_LIT("bEARER  " API_RIG_ALL),
            .content_type = bytes_of_str(types[i].type),
            .body = BYTES_LIT("{\"payload\":1}"),
        };
        api_handle(rig.api, &request, rig.admin.now_ms, ADMIN_RIG_WALL_MS);
        ck_assert_int_eq(rig.status, types[i].status);
    }
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

int main(void)
{
    Suite *suite = suite_create("api");
    TCase *tcase = tcase_create("all");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, each_call_is_answered_with_status_and_json, 0, ROWS(rows));
    tcase_add_test(tcase, a_key_is_good_for_its_scopes_only);
    tcase_add_test(tcase, every_key_may_ask_what_it_is_good_for);
    tcase_add_test(tcase, a_sample_of_the_series_is_shown);
    tcase_add_test(tcase, without_a_good_key_nothing_is_told_but_the_document);
    tcase_add_test(tcase, failures_of_an_address_are_limited_and_good_keys_are_not);
    tcase_add_test(tcase, calls_of_a_key_are_limited_by_what_they_cost);
    tcase_add_test(tcase, without_keys_the_api_is_closed);
    tcase_add_test(tcase, a_key_once_more_publishes_nothing);
    tcase_add_test(tcase, history_gives_payloads_byte_for_byte_and_goes_on_after_an_offset);
    tcase_add_test(tcase, names_with_quotes_stay_names);
    tcase_add_test(tcase, bodies_and_payloads_have_their_limits);
    tcase_add_test(tcase, a_body_must_say_that_it_is_json);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
