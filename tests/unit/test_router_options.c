#include "router/endpoint.h"
#include "router/router_options.h"
#include "tests/support/check_main.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WORDS_MAX = 8 };

static struct router_options options;
static struct buf text;
static char folder[64];
static char file[96];

static void setup(void)
{
    options = (struct router_options){0};
    buf_init(&text, 0);
    snprintf(folder, sizeof(folder), "/tmp/splitrail-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(file, sizeof(file), "%s/secret", folder);
    ck_assert_int_eq(setenv("RUNTIME_DIRECTORY", folder, 1), 0);
}

static void teardown(void)
{
    char inner[96];
    router_options_fini(&options);
    buf_fini(&text);
    (void)unlink(file); /* only some tests make it */
    snprintf(inner, sizeof(inner), "%s/splitrail", folder);
    (void)rmdir(inner);
    ck_assert_int_eq(rmdir(folder), 0);
    ck_assert_int_eq(unsetenv("RUNTIME_DIRECTORY"), 0);
}

static enum status complete(char *const *words)
{
    char *argv[WORDS_MAX + 2] = {"splitrail-router"};
    char *env[] = {NULL};
    int argc = 1;
    while (words[argc - 1] != NULL) {
        argv[argc] = words[argc - 1];
        argc++;
    }
    ck_assert_int_eq(option_parse(&router_option_program, argc, argv, env, &options, NULL, &text),
                     OPTION_RUN);
    return router_options_complete(&options, &text);
}

static void write_secret(const char *secret)
{
    FILE *out = fopen(file, "w");
    ck_assert_ptr_nonnull(out);
    ck_assert_int_ge(fputs(secret, out), 0);
    ck_assert_int_eq(fclose(out), 0);
}

static const struct {
    char *words[WORDS_MAX];
    const char *text;
} refused[] = {
    {{NULL}, "--jwt-hs256-file"},
    {{NULL}, "--auth insecure"},
    {{"--auth", "insecure", "--id", "a b", NULL}, "--id"},
    {{"--auth", "insecure", "--bind", "tcp://0.0.0.0:1", NULL}, "--insecure-plane"},
    {{"--auth", "insecure", "--bind", "tcp://*:1", NULL}, "--bind"},
    {{"--auth", "insecure", "--admin-bind", "tcp://10.0.0.1:1", NULL}, "--admin-bind"},
    {{"--auth", "insecure", "--edge-dead", "1s", NULL}, "--edge-dead"},
    {{"--auth", "insecure", "--bind", "tcp://0.0.0.0:1", NULL}, "--curve-key-file"},
    {{"--auth", "insecure", "--curve-key-file", "x", NULL}, "--curve-allowed-file"},
    {{"--auth", "insecure", "--curve-allowed-file", "x", NULL}, "need --curve-key-file"},
    {{"--jwt-hs256-file", "/nonexistent/secret", NULL}, "No such file"},
};

START_TEST(what_cannot_be_run_is_refused_with_the_option_that_is_to_blame)
{
    ck_assert_int_eq(complete(refused[_i].words), STATUS_MALFORMED);
    buf_append_byte(&text, 0);
    ck_assert_ptr_nonnull(strstr((const char *)text.data, refused[_i].text));
}
END_TEST

START_TEST(without_options_the_machine_gives_id_and_admin_endpoints)
{
    char *words[] = {"--auth", "insecure", NULL};
    char expected[128];
    ck_assert_int_eq(complete(words), STATUS_OK);
    ck_assert_uint_eq(text.len, 0);
    ck_assert_uint_ge(strlen(options.router_id), 1);
    snprintf(expected, sizeof(expected), "ipc://%s/splitrail/router.sock", folder);
    ck_assert_uint_eq(options.admin_endpoints.count, 2);
    ck_assert_str_eq(options.admin_endpoints.items[0], expected);
    ck_assert_str_eq(options.admin_endpoints.items[1], "tcp://127.0.0.1:7401");
    ck_assert(!options.exposed);
}
END_TEST

START_TEST(an_endpoint_for_others_is_allowed_by_name)
{
    char *words[] = {"--auth",           "insecure", "--bind", "tcp://0.0.0.0:7400",
                     "--insecure-plane", NULL};
    ck_assert_int_eq(complete(words), STATUS_OK);
    ck_assert(options.exposed);
}
END_TEST

static const struct {
    const char *content;
    size_t len; /* 0 = refused */
} secrets[] = {
    {"0123456789abcdef0123456789abcdef", 32},
    {"0123456789abcdef0123456789abcdef\n", 32},
    {"0123456789abcdef0123456789abcdef\r\n", 32},
    {"0123456789abcdef0123456789abcdef\n\n", 33},
    {"0123456789abcdef0123456789abcde\n", 0},
    {"", 0},
    {"\n", 0},
};

START_TEST(one_newline_at_the_end_is_no_part_of_a_secret)
{
    write_secret(secrets[_i].content);
    char *words[] = {"--jwt-hs256-file", file, NULL};
    enum status status = complete(words);
    ck_assert_int_eq(status, secrets[_i].len == 0 ? STATUS_MALFORMED : STATUS_OK);
    if (status == STATUS_OK) {
        size_t cursor = 0;
        const struct jws_key *key = jws_keys_next(options.keys, JWS_HS256, BYTES_EMPTY, &cursor);
        ck_assert_ptr_nonnull(key);
        ck_assert_uint_eq(key->secret.len, secrets[_i].len);
    }
}
END_TEST

static const struct {
    const char *content;
    const char *why; /* NULL = taken */
} key_sets[] = {
    {"{\"keys\":[]}", NULL},
    {"{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}]}\n",
     NULL},
    {"", "not a JWK set"},
    {"{\"keys\":[{\"kty\":\"oct\",\"k\":\"AA\"}]}", "key 1: k is shorter"},
};

START_TEST(a_set_of_keys_comes_from_a_file)
{
    write_secret(key_sets[_i].content);
    char *words[] = {"--jwks-file", file, NULL};
    enum status status = complete(words);
    ck_assert_int_eq(status, key_sets[_i].why == NULL ? STATUS_OK : STATUS_MALFORMED);
    if (key_sets[_i].why != NULL) {
        buf_append_byte(&text, 0);
        ck_assert_ptr_nonnull(strstr((const char *)text.data, "--jwks-file"));
        ck_assert_ptr_nonnull(strstr((const char *)text.data, key_sets[_i].why));
    }
}
END_TEST

static const struct {
    const char *endpoint;
    bool local;
} endpoints[] = {
    {"ipc:///run/x", true},
    {"tcp://127.0.0.1:1", true},
    {"tcp://127.9.9.9:1", true},
    {"tcp://[::1]:1", true},
    {"tcp://localhost:1", true},
    {"tcp://0.0.0.0:1", false},
    {"tcp://*:1", false},
    {"tcp://[::]:1", false},
    {"tcp://127.evil.example:1", false},
    {"tcp://192.168.1.1:1", false},
    {"tcp://eth0:1", false},
    {"udp://127.0.0.1:1", false},
    {"", false},
    {"tcp://", false},
};

START_TEST(only_this_machine_is_local)
{
    ck_assert_int_eq(endpoint_is_local(endpoints[_i].endpoint), endpoints[_i].local);
}
END_TEST

START_TEST(the_runtime_folder_is_ours_alone_or_not_used)
{
    char inner[96];
    struct stat found;
    snprintf(inner, sizeof(inner), "%s/splitrail", folder);
    ck_assert_int_eq(endpoint_make_runtime_dir(geteuid(), getegid()), STATUS_OK);
    ck_assert_int_eq(stat(inner, &found), 0);
    ck_assert_uint_eq(found.st_mode & 0777, 0700);
    ck_assert_int_eq(endpoint_make_runtime_dir(geteuid(), getegid()), STATUS_OK);
    ck_assert_int_eq(chmod(inner, 0755), 0);
    ck_assert_int_eq(endpoint_make_runtime_dir(geteuid(), getegid()), STATUS_DENIED);
    ck_assert_int_eq(rmdir(inner), 0);
    ck_assert_int_eq(symlink("/tmp", inner), 0);
    ck_assert_int_eq(endpoint_make_runtime_dir(geteuid(), getegid()), STATUS_DENIED);
    ck_assert_int_eq(unlink(inner), 0);
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

int main(void)
{
    Suite *suite = suite_create("router_options");
    TCase *tcase = tcase_create("all");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, what_cannot_be_run_is_refused_with_the_option_that_is_to_blame, 0,
                        ROWS(refused));
    tcase_add_test(tcase, without_options_the_machine_gives_id_and_admin_endpoints);
    tcase_add_test(tcase, an_endpoint_for_others_is_allowed_by_name);
    tcase_add_loop_test(tcase, one_newline_at_the_end_is_no_part_of_a_secret, 0, ROWS(secrets));
    tcase_add_loop_test(tcase, a_set_of_keys_comes_from_a_file, 0, ROWS(key_sets));
    tcase_add_loop_test(tcase, only_this_machine_is_local, 0, ROWS(endpoints));
    tcase_add_test(tcase, the_runtime_folder_is_ours_alone_or_not_used);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
