#include "common/log.h"
#include "common/log_format.h"
#include "tests/support/check_main.h"

#include <check.h>
#include <stdio.h>
#include <unistd.h>

#define NO_FIELD LOG_I(NULL, 0)

static const uint64_t wall_ms = UINT64_C(1795502563123);

static const struct {
    struct bytes value;
    const char *text;
    const char *json;
} values[] = {
    {BYTES_INIT("plain:7,x/y"), "k=plain:7,x/y", "\"k\":\"plain:7,x/y\""},
    {BYTES_INIT(""), "k=\"\"", "\"k\":\"\""},
    {BYTES_INIT("two words"), "k=\"two words\"", "\"k\":\"two words\""},
    {BYTES_INIT("a=b"), "k=\"a=b\"", "\"k\":\"a=b\""},
    {BYTES_INIT("say \"hi\"\\"), "k=\"say \\\"hi\\\"\\\\\"", "\"k\":\"say \\\"hi\\\"\\\\\""},
    {BYTES_INIT("a\nb\r\t"), "k=\"a\\nb\\r\\t\"", "\"k\":\"a\\nb\\r\\t\""},
    {BYTES_INIT("\x1b[31m\0"), "k=\"\\x1b[31m\\x00\"", "\"k\":\"\\u001b[31m\\u0000\""},
    {BYTES_INIT("\x7f"), "k=\"\\x7f\"", "\"k\":\"\\u007f\""},
    {BYTES_INIT("caf\xc3\xa9 \xf0\x9f\x9a\x82"), "k=\"caf\xc3\xa9 \xf0\x9f\x9a\x82\"",
     "\"k\":\"caf\xc3\xa9 \xf0\x9f\x9a\x82\""},
    {BYTES_INIT("\xff\xc3"), "k=\"\\xff\\xc3\"", "\"k\":\"\\ufffd\\ufffd\""},
    {BYTES_INIT("\xc2\x9b"), "k=\"\\xc2\\x9b\"", "\"k\":\"\\ufffd\\ufffd\""},
    {BYTES_INIT("\xed\xa0\x80"), "k=\"\\xed\\xa0\\x80\"", "\"k\":\"\\ufffd\\ufffd\\ufffd\""},
};

START_TEST(values_are_quoted_and_escaped_so_that_a_line_stays_a_line)
{
    const struct log_field fields[] = {NO_FIELD, LOG_B("k", values[_i].value)};
    struct buf out;
    char expected[256];
    buf_init(&out, 0);
    log_format(&out, false, wall_ms, LOG_START, fields, 2);
    snprintf(expected, sizeof(expected), "2026-11-24T06:42:43.123Z info start %s\n",
             values[_i].text);
    ck_assert(bytes_equal(buf_bytes(&out), bytes_of_str(expected)));
    buf_clear(&out);
    log_format(&out, true, wall_ms, LOG_START, fields, 2);
    snprintf(expected, sizeof(expected),
             "{\"ts\":\"2026-11-24T06:42:43.123Z\",\"level\":\"info\",\"event\":\"start\",%s}\n",
             values[_i].json);
    ck_assert(bytes_equal(buf_bytes(&out), bytes_of_str(expected)));
    buf_fini(&out);
}
END_TEST

START_TEST(numbers_are_printed_whole)
{
    const struct log_field fields[] = {NO_FIELD, LOG_I("low", INT64_MIN),
                                       LOG_U("high", UINT64_MAX)};
    struct buf out;
    buf_init(&out, 0);
    log_format(&out, false, 0, LOG_LINK_LOST, fields, 3);
    ck_assert(bytes_equal(buf_bytes(&out),
                          BYTES_LIT("1970-01-01T00:00:00.000Z warn link.lost "
                                    "low=-9223372036854775808 high=18446744073709551615\n")));
    buf_fini(&out);
}
END_TEST

START_TEST(a_long_value_is_cut_between_characters_and_says_so)
{
    static char text[2000];
    memset(text, 'a', sizeof(text));
    memcpy(text + 511, "\xc3\xa9", 2); /* across the limit */
    const struct log_field fields[] = {NO_FIELD, LOG_B("k", bytes_of(text, sizeof(text)))};
    struct buf out;
    buf_init(&out, 0);
    log_format(&out, false, 0, LOG_START, fields, 2);
    ck_assert_ptr_nonnull(memmem(out.data, out.len, "aaa...(1489 more bytes)\"\n", 25));
    ck_assert_ptr_null(memchr(out.data, 0xC3, out.len));
    buf_fini(&out);
}
END_TEST

START_TEST(a_flood_is_limited_and_counted_and_ends_with_its_window)
{
    struct log_limit limit = {0};
    unsigned printed = 0;
    for (int i = 0; i < 1000; i++) {
        printed += log_limit_admit(&limit, 5000);
    }
    ck_assert_uint_eq(printed, LOG_LIMIT_LINES);
    ck_assert_uint_eq(log_limit_take_suppressed(&limit, 5000 + LOG_LIMIT_WINDOW_MS - 1), 0);
    ck_assert_uint_eq(log_limit_take_suppressed(&limit, 5000 + LOG_LIMIT_WINDOW_MS), 980);
    ck_assert_uint_eq(log_limit_take_suppressed(&limit, 5000 + LOG_LIMIT_WINDOW_MS), 0);
    ck_assert(log_limit_admit(&limit, 5000 + LOG_LIMIT_WINDOW_MS));
}
END_TEST

/* What a call of log_event writes to stderr. */
static size_t captured(void (*act)(void), char *text, size_t size)
{
    FILE *file = tmpfile();
    int saved = dup(STDERR_FILENO);
    ck_assert_int_ge(dup2(fileno(file), STDERR_FILENO), 0);
    act();
    ck_assert_int_ge(dup2(saved, STDERR_FILENO), 0);
    close(saved);
    rewind(file);
    size_t len = fread(text, 1, size - 1, file);
    text[len] = '\0';
    fclose(file);
    return len;
}

static void emit_some(void)
{
    log_configure(false, LOG_INFO);
    log_event(LOG_CONN_OPEN, LOG_U("conn", 1));
    log_event(LOG_READY);
    log_configure(true, LOG_DEBUG);
    log_event(LOG_CONN_OPEN, LOG_U("conn", 2));
    log_configure(false, LOG_ERROR);
    log_event(LOG_LINK_LOST);
}

START_TEST(only_lines_of_the_wanted_level_reach_the_sink)
{
    char text[1024];
    captured(emit_some, text, sizeof(text));
    ck_assert_ptr_nonnull(strstr(text, " info ready\n"));
    ck_assert_ptr_nonnull(strstr(text, "\"event\":\"conn.open\",\"conn\":2}\n"));
    ck_assert_ptr_null(strstr(text, "conn=1"));
    ck_assert_ptr_null(strstr(text, "link.lost"));
    ck_assert(log_enabled(LOG_ERROR));
    ck_assert(!log_enabled(LOG_WARN));
}
END_TEST

static void emit_flood(void)
{
    log_configure(false, LOG_INFO);
    for (int i = 0; i < 1000; i++) {
        log_event(LOG_CONN_REFUSED, LOG_I("i", i));
    }
}

START_TEST(a_peer_cannot_fill_the_disk_with_lines)
{
    static char text[100000];
    unsigned lines = 0;
    captured(emit_flood, text, sizeof(text));
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++) {
        lines++;
    }
    ck_assert_uint_eq(lines, LOG_LIMIT_LINES);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("log");
    TCase *tcase = tcase_create("all");
    tcase_add_loop_test(tcase, values_are_quoted_and_escaped_so_that_a_line_stays_a_line, 0,
                        (int)(sizeof(values) / sizeof(values[0])));
    tcase_add_test(tcase, numbers_are_printed_whole);
    tcase_add_test(tcase, a_long_value_is_cut_between_characters_and_says_so);
    tcase_add_test(tcase, a_flood_is_limited_and_counted_and_ends_with_its_window);
    tcase_add_test(tcase, only_lines_of_the_wanted_level_reach_the_sink);
    tcase_add_test(tcase, a_peer_cannot_fill_the_disk_with_lines);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
