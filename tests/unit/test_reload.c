#include "router/policy_file.h"
#include "router/reload.h"
#include "tests/support/check_main.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#define KEY_A "0123456789abcdef0123456789abcdef"
#define KEY_B "abcdef0123456789abcdef0123456789"

static struct reload_report report;

static void setup(void)
{
    reload_report_init(&report);
}

static void teardown(void)
{
    reload_report_fini(&report);
}

/* All changes as lines of "what name field before>after". */
static const char *told(void)
{
    static char text[4096];
    size_t at = 0;
    text[0] = 0;
    for (size_t i = 0; i < report.count; i++) {
        const struct reload_change *change = &report.changes[i];
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s %s %s %s>%s\n", change->what,
                               change->name, change->field, change->before, change->after);
        ck_assert_uint_lt(at, sizeof(text));
    }
    return text;
}

static struct policy_table policy_of(const char *text)
{
    const struct namespace_policy built_in = {.class = ROOM_CLASS_UNSET, .history_messages = 100};
    struct policy_table table;
    struct buf why;
    buf_init(&why, 0);
    enum status status = policy_file_parse(bytes_of_str(text), "file", &built_in, &table, &why);
    ck_assert_int_eq(status, STATUS_OK);
    buf_fini(&why);
    return table;
}

static void compare_policies(const char *before, const char *after)
{
    struct policy_table old = policy_of(before);
    struct policy_table new = policy_of(after);
    reload_compare_policies(&report, &old, &new);
    policy_table_fini(&old);
    policy_table_fini(&new);
}

static const struct {
    const char *before;
    const char *after;
    const char *told;
} policies[] = {
    {"{}", "{}", ""},
    {"{\"default\":{\"class\":\"memory\"}}", "{\"default\":{\"class\":\"durable\"}}",
     "namespace default class memory>durable\n"},
    {"{}", "{\"default\":{\"class\":\"memory\"}}", "namespace default class unset>memory\n"},
    {"{\"namespaces\":{\"a\":{\"history\":{\"age\":\"90s\"}}}}",
     "{\"namespaces\":{\"a\":{\"history\":{\"age\":\"off\"}}}}",
     "namespace a history.age 90s>off\n"},
    /* One that comes or goes changes what its rooms had from the default. */
    {"{}", "{\"namespaces\":{\"a\":{\"echo\":\"off\"}}}",
     "namespace a  >listed\nnamespace a echo on>off\n"},
    {"{\"namespaces\":{\"a\":{\"echo\":\"off\"},\"b\":{}}}", "{\"namespaces\":{\"b\":{}}}",
     "namespace a  listed>\nnamespace a echo off>on\n"},
    /* What a namespace inherits is told there too. */
    {"{\"namespaces\":{\"a\":{}}}", "{\"default\":{\"echo\":\"off\"},\"namespaces\":{\"a\":{}}}",
     "namespace default echo on>off\nnamespace a echo on>off\n"},
};

START_TEST(policies_are_compared_by_namespace_and_field)
{
    compare_policies(policies[_i].before, policies[_i].after);
    ck_assert_str_eq(told(), policies[_i].told);
    ck_assert_uint_eq(report.total, report.count);
}
END_TEST

START_TEST(so_many_changes_are_kept_and_all_are_counted)
{
    struct policy_table old = policy_of("{}");
    struct policy_table new = policy_of("{\"default\":{\"echo\":\"off\"}}");
    for (int i = 0; i < RELOAD_CHANGES_MAX + 5; i++) {
        reload_compare_policies(&report, &old, &new);
    }
    ck_assert_uint_eq(report.count, RELOAD_CHANGES_MAX);
    ck_assert_uint_eq(report.total, RELOAD_CHANGES_MAX + 5);
    policy_table_fini(&old);
    policy_table_fini(&new);
}
END_TEST

static struct api_keys *api_keys_of(const char *text)
{
    struct buf why;
    buf_init(&why, 0);
    struct api_keys *keys = api_keys_read(bytes_of_str(text), &why);
    ck_assert_ptr_nonnull(keys);
    buf_fini(&why);
    return keys;
}

START_TEST(api_keys_are_told_by_name_and_never_shown)
{
    struct api_keys *old = api_keys_of("gone read " KEY_A "\nsame admin " KEY_A "x\n"
                                       "more read " KEY_A "y\nother read " KEY_A "z\n");
    struct api_keys *new = api_keys_of("same admin " KEY_A "x\nmore read,publish " KEY_A "y\n"
                                       "other read " KEY_B "\nfresh publish " KEY_B "1\n");
    reload_compare_api_keys(&report, old, new);
    ck_assert_str_eq(told(), "api_key gone scopes read>\n"
                             "api_key more scopes read>publish,read\n"
                             "api_key other key former>another\n"
                             "api_key fresh scopes >publish\n");
    api_keys_free(&old);
    api_keys_free(&new);
}
END_TEST

START_TEST(keys_that_were_not_there_at_all_are_new)
{
    struct api_keys *keys = api_keys_of("a read " KEY_A "\n");
    reload_compare_api_keys(&report, NULL, keys);
    reload_compare_api_keys(&report, keys, NULL);
    reload_compare_api_keys(&report, NULL, NULL);
    ck_assert_str_eq(told(), "api_key a scopes >read\napi_key a scopes read>\n");
    api_keys_free(&keys);
}
END_TEST

static struct jws_keys *token_keys_of(const char *text)
{
    struct jws_keys *keys = jws_keys_new();
    size_t skipped = 0;
    size_t private_parts = 0;
    struct buf why;
    buf_init(&why, 0);
    ck_assert(jws_keys_add_jwks(keys, bytes_of_str(text), &skipped, &private_parts, &why));
    buf_fini(&why);
    return keys;
}

#define OCT(kid, k) "{\"kty\":\"oct\",\"kid\":\"" kid "\",\"k\":\"" k "\"}"
#define SECRET_A "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define SECRET_B "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA"
#define OKP(kid, x) "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"" kid "\",\"x\":\"" x "\"}"
#define POINT_A "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
#define POINT_B "PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw"

START_TEST(token_keys_are_told_by_kid_and_never_shown)
{
    struct jws_keys *old =
        token_keys_of("{\"keys\":[" OCT("gone", SECRET_A) "," OCT("same", SECRET_A) "," OCT(
            "swap", SECRET_A) "," OKP("eq", POINT_A) "," OKP("turn", POINT_A) "]}");
    struct jws_keys *new =
        token_keys_of("{\"keys\":[" OKP("eq", POINT_A) "," OKP("turn", POINT_B) "," OCT(
            "same", SECRET_A) "," OCT("swap", SECRET_B) "," OKP("fresh", POINT_A) "]}");
    reload_compare_token_keys(&report, old, new);
    ck_assert_str_eq(told(), "token_key gone alg HS256>\n"
                             "token_key swap key former>another\n"
                             "token_key turn key former>another\n"
                             "token_key fresh alg >EdDSA\n");
    jws_keys_unref(&old);
    jws_keys_unref(&new);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reload");
    TCase *tests = tcase_create("reload");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, policies_are_compared_by_namespace_and_field, 0,
                        sizeof(policies) / sizeof(policies[0]));
    tcase_add_test(tests, so_many_changes_are_kept_and_all_are_counted);
    tcase_add_test(tests, api_keys_are_told_by_name_and_never_shown);
    tcase_add_test(tests, keys_that_were_not_there_at_all_are_new);
    tcase_add_test(tests, token_keys_are_told_by_kid_and_never_shown);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
