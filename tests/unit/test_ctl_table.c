#include "router/ctl/ctl_table.h"
#include "router/ctl/ctl_text.h"
#include "tests/support/check_main.h"

#include <check.h>

static struct buf out;

static void setup(void)
{
    buf_init(&out, 0);
}

static void teardown(void)
{
    buf_fini(&out);
}

static void expect(const char *text)
{
    struct buf whole;
    buf_init(&whole, 0);
    buf_append(&whole, buf_bytes(&out));
    buf_append_byte(&whole, 0);
    ck_assert_str_eq((const char *)whole.data, text);
    buf_fini(&whole);
}

START_TEST(columns_are_as_wide_as_their_widest_cell)
{
    static const char *const headers[] = {"NAME", ">N", "LAST", NULL};
    struct ctl_table *table = ctl_table_new(headers);
    ctl_table_str(table, "a");
    ctl_table_u64(table, 7);
    ctl_table_str(table, "x");
    ctl_table_str(table, "longer");
    ctl_table_u64(table, 12345);
    ctl_table_str(table, "");
    ctl_table_print(table, &out);
    expect("NAME        N  LAST\n"
           "a           7  x\n"
           "longer  12345  -\n");
    ctl_table_free(&table);
    ck_assert_ptr_null(table);
}
END_TEST

START_TEST(a_row_that_was_not_filled_is_completed)
{
    static const char *const headers[] = {"A", "B", NULL};
    struct ctl_table *table = ctl_table_new(headers);
    ctl_table_str(table, "1");
    ctl_table_print(table, &out);
    expect("A  B\n1  -\n");
    ctl_table_free(&table);
}
END_TEST

START_TEST(width_counts_letters_not_bytes)
{
    static const char *const headers[] = {"A", "B", NULL};
    struct ctl_table *table = ctl_table_new(headers);
    ctl_table_str(table, "\xc3\xa9\xc3\xa9");
    ctl_table_str(table, "1");
    ctl_table_str(table, "xy");
    ctl_table_str(table, "2");
    ctl_table_print(table, &out);
    expect("A   B\n\xc3\xa9\xc3\xa9  1\nxy  2\n");
    ctl_table_free(&table);
}
END_TEST

static const struct {
    const char *from;
    const char *to;
} cleans[] = {
    {"plain", "plain"},
    {"\xe2\x82\xac", "\xe2\x82\xac"},
    {"a\x1b[31mb", "a\xef\xbf\xbd[31mb"},
    {"a\nb\tc\x7f", "a\xef\xbf\xbd"
                    "b\xef\xbf\xbd"
                    "c\xef\xbf\xbd"},
    {"\xc2\x9b"
     "31m",
     "\xef\xbf\xbd"
     "31m"},
    {"\xff\xc3", "\xef\xbf\xbd\xef\xbf\xbd"},
    {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
};

START_TEST(names_cannot_steer_a_terminal)
{
    ctl_text_clean(bytes_of_str(cleans[_i].from), &out);
    expect(cleans[_i].to);
}
END_TEST

static const struct {
    uint64_t ms;
    const char *text;
} ages[] = {
    {0, "0ms"},          {999, "999ms"},         {1000, "1s"},       {59999, "59s"},
    {60000, "1m00s"},    {192000, "3m12s"},      {3600000, "1h00m"}, {86399999, "23h59m"},
    {86400000, "1d00h"}, {1047600000, "12d03h"},
};

START_TEST(an_age_is_told_in_two_units)
{
    ctl_text_age(ages[_i].ms, &out);
    expect(ages[_i].text);
}
END_TEST

static const struct {
    uint64_t at_ms;
    uint64_t now_ms;
    const char *text;
} times[] = {
    {0, 5, "-"},
    {1700000000000, 1700000192000, "2023-11-14T22:13:20Z (3m12s)"},
    {1700000000000, 0, "2023-11-14T22:13:20Z"},
    {951826400123, 951826400123, "2000-02-29T12:13:20Z (0ms)"},
};

START_TEST(a_time_is_rfc_3339_in_utc_with_its_age)
{
    ctl_text_time(times[_i].at_ms, times[_i].now_ms, &out);
    expect(times[_i].text);
}
END_TEST

static const struct {
    uint64_t bytes;
    const char *text;
} byte_sizes[] = {
    {0, "0B"},
    {1023, "1023B"},
    {1024, "1.0KiB"},
    {1536, "1.5KiB"},
    {1048575, "1023.9KiB"},
    {1048576, "1.0MiB"},
    {UINT64_MAX, "15.9EiB"},
};

START_TEST(a_size_is_told_in_the_largest_unit)
{
    ctl_text_size(byte_sizes[_i].bytes, &out);
    expect(byte_sizes[_i].text);
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

int main(void)
{
    Suite *suite = suite_create("ctl_table");
    TCase *tcase = tcase_create("all");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, columns_are_as_wide_as_their_widest_cell);
    tcase_add_test(tcase, a_row_that_was_not_filled_is_completed);
    tcase_add_test(tcase, width_counts_letters_not_bytes);
    tcase_add_loop_test(tcase, names_cannot_steer_a_terminal, 0, ROWS(cleans));
    tcase_add_loop_test(tcase, an_age_is_told_in_two_units, 0, ROWS(ages));
    tcase_add_loop_test(tcase, a_time_is_rfc_3339_in_utc_with_its_age, 0, ROWS(times));
    tcase_add_loop_test(tcase, a_size_is_told_in_the_largest_unit, 0, ROWS(byte_sizes));
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
