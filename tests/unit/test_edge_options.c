#include "common/mem.h"
#include "edge/edge_metrics.h"
#include "edge/edge_options.h"
#include "edge/notices.h"
#include "tests/support/check_main.h"

#include <check.h>

enum { ARGUMENTS_MAX = 10 };

/* What a command line of up to four words leads to; `text` gets the complaint. */
static enum status check_line(const char *const words[ARGUMENTS_MAX], struct edge_options *options,
                              struct buf *text)
{
    char *argv[ARGUMENTS_MAX + 2] = {"splitrail-edge"};
    char *env[] = {NULL};
    int argc = 1;
    for (int i = 0; i < ARGUMENTS_MAX && words[i] != NULL; i++) {
        argv[argc++] = (char *)(uintptr_t)words[i];
    }
    *options = (struct edge_options){0};
    ck_assert_int_eq(option_parse(edge_options_program(), argc, argv, env, options, NULL, text),
                     OPTION_RUN);
    return edge_options_check(options, text);
}

static const char *const good_lines[][ARGUMENTS_MAX] = {
    {NULL},
    {"--listen", "[::]:8080"},
    {"--router", "ipc:///run/splitrail/plane"},
    {"--router", "tcp://router:7400", "--insecure-plane"},
    {"--router", "tcp://router:7400", "--curve-key-file", "a", "--curve-server-key-file", "b"},
    {"--http-listen", "off"},
    {"--allowed-origins", "https://example.org"},
    {"--trusted-proxies", "10.0.0.0/8"},
    {"--soft-output", "1MiB", "--max-output", "1MiB"},
    {"--compression", "on", "--compression-min", "0B"},
    {"--compression-context", "both", "--compression-window-bits", "11"},
    {"--compression-context", "client", "--compression-memory", "1MiB"},
    {"--echo", "--max-message", "16MiB"},
    {"--tls-cert-file", "c.pem", "--tls-key-file", "k.pem"},
    {"--tls-min-version", "1.3", "--proxy-protocol", "v2"},
    {"--listen-tls", "127.0.0.1:8443", "--tls-cert-file", "a.pem,b.pem", "--tls-key-file", "a.key",
     "--tls-key-file", "b.key", "--max-handshakes", "0"},
};

START_TEST(a_good_command_line_passes)
{
    struct edge_options options;
    struct buf text;
    buf_init(&text, 0);
    ck_assert_int_eq(check_line(good_lines[_i], &options, &text), STATUS_OK);
    ck_assert_uint_eq(text.len, 0);
    option_fini(edge_options_program(), &options);
    buf_fini(&text);
}
END_TEST

START_TEST(a_reload_to_what_would_not_start_changes_nothing)
{
    struct edge_options options;
    struct buf text;
    char *argv[] = {"splitrail-edge", NULL};
    char *env[] = {"SPLITRAIL_SOFT_OUTPUT=2MiB", NULL};
    buf_init(&text, 0);
    ck_assert_int_eq(check_line(good_lines[0], &options, &text), STATUS_OK);
    int64_t before = options.soft_output;
    ck_assert_int_eq(option_reload(edge_options_program(), 1, argv, env, &options, &text),
                     STATUS_MALFORMED);
    ck_assert_int_eq(options.soft_output, before);
    ck_assert_uint_gt(text.len, 0);
    option_fini(edge_options_program(), &options);
    buf_fini(&text);
}
END_TEST

static const char *const bad_lines[][ARGUMENTS_MAX] = {
    {"--listen", "8080"},
    {"--listen", "::1:8080"},
    {"--router", "tcp://10.0.0.1:7400"},
    {"--router", "tcp://127.0.0.1"},
    {"--curve-key-file", "a"},
    {"--router", "ipc://"},
    {"--router", "http://127.0.0.1:1"},
    {"--router", "tcp://127.0.0.1:1", "--router", "tcp://127.0.0.1:2"},
    {"--id", "with space"},
    {"--id", "a/b"},
    {"--id", "12345678901234567890123456789012345678901234567890123456789012345"},
    {"--http-listen", "9101"},
    {"--path", "ws"},
    {"--path", "/health"},
    {"--path", ""},
    {"--path", " "},
    {"--path", "/a b"},
    {"--path", "/ws?x=1"},
    {"--path", "/ws?"},
    {"--path", "/ws#top"},
    {"--path", "/ws%2"},
    {"--path", "/w\xc3\xb6"},
    {"--allowed-origins", "example.org"},
    {"--allowed-origins", "https://"},
    {"--trusted-proxies", "10.0.0.0/40"},
    {"--soft-output", "2MiB"},
    {"--listen", ""},
    {"--listen-tls", "8443"},
    {"--listen-tls", "127.0.0.1:8443"},
    {"--listen-tls", "127.0.0.1:8443", "--tls-cert-file", "c.pem"},
    {"--tls-cert-file", "a.pem,b.pem", "--tls-key-file", "k.pem", "--listen-tls", "127.0.0.1:1"},
};

START_TEST(a_bad_option_is_named_in_one_line)
{
    struct edge_options options;
    struct buf text;
    buf_init(&text, 0);
    ck_assert_int_eq(check_line(bad_lines[_i], &options, &text), STATUS_MALFORMED);
    size_t name_len = strlen(bad_lines[_i][0]);
    ck_assert(bytes_equal(bytes_slice(buf_bytes(&text), 0, name_len),
                          bytes_of(bad_lines[_i][0], name_len)));
    ck_assert_ptr_null(memchr(text.data, '\n', text.len));
    option_fini(edge_options_program(), &options);
    buf_fini(&text);
}
END_TEST

START_TEST(the_default_id_ends_with_the_first_port_and_is_itself_a_good_id)
{
    static const char *const line[ARGUMENTS_MAX] = {"--listen", "127.0.0.1:18081", "--listen",
                                                    "127.0.0.1:18082"};
    struct edge_options options;
    struct buf text;
    buf_init(&text, 0);
    ck_assert_int_eq(check_line(line, &options, &text), STATUS_OK);
    char *id = edge_options_id(&options);
    size_t len = strlen(id);
    ck_assert_uint_gt(len, 6);
    ck_assert_uint_le(len, 64);
    ck_assert_str_eq(id + len - 6, "-18081");
    option_fini(edge_options_program(), &options);

    const char *const again[ARGUMENTS_MAX] = {"--id", id};
    ck_assert_int_eq(check_line(again, &options, &text), STATUS_OK);
    option_fini(edge_options_program(), &options);
    mem_free(id);
    buf_fini(&text);
}
END_TEST

START_TEST(every_close_reason_has_a_metric_label)
{
    ck_assert_uint_eq(edge_metrics_reason_index(WS_REASON_CLIENT), 0);
    for (int reason = 0; reason < WS_REASON_COUNT; reason++) {
        ck_assert_uint_le(edge_metrics_reason_index((enum ws_reason)reason), 11);
    }
}
END_TEST

static void assert_notice(struct buf *notice, struct bytes wanted)
{
    ck_assert(bytes_equal(buf_bytes(notice), wanted));
    buf_fini(notice);
}

START_TEST(the_edge_says_its_two_notices_in_the_words_of_the_protocol)
{
    struct buf notice;
    buf_init(&notice, 0);
    notice_server_shutdown(&notice, 5000);
    assert_notice(&notice,
                  BYTES_LIT("{\"type\":\"server_shutdown\",\"reason\":\"Deployment in progress\","
                            "\"reconnectDelay\":5000}"));
    notice_unavailable(&notice);
    assert_notice(
        &notice,
        BYTES_LIT("{\"type\":\"error\",\"code\":\"unavailable\",\"error\":\"unavailable\"}"));
}
END_TEST

#define ROWS(table) ((int)(sizeof(table) / sizeof((table)[0])))

int main(void)
{
    Suite *suite = suite_create("edge_options");
    TCase *tcase = tcase_create("all");
    tcase_add_loop_test(tcase, a_good_command_line_passes, 0, ROWS(good_lines));
    tcase_add_loop_test(tcase, a_bad_option_is_named_in_one_line, 0, ROWS(bad_lines));
    tcase_add_test(tcase, the_default_id_ends_with_the_first_port_and_is_itself_a_good_id);
    tcase_add_test(tcase, a_reload_to_what_would_not_start_changes_nothing);
    tcase_add_test(tcase, every_close_reason_has_a_metric_label);
    tcase_add_test(tcase, the_edge_says_its_two_notices_in_the_words_of_the_protocol);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
