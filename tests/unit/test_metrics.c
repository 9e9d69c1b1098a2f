#include "common/metrics.h"
#include "tests/support/check_main.h"

#include <check.h>

static const double size_bounds[] = {64, 256.5, 1000000};

enum { CLIENTS, CLOSED, BYTES, SIZES, WAITS };

static const struct metric_spec specs[] = {
    {METRIC_GAUGE, "clients", "", "", METRIC_NO_BUCKETS, 1, "clients", "Now\nconnected\\."},
    {METRIC_COUNTER, "closed_total", "reason", "client drain", METRIC_NO_BUCKETS, 1, "", "Ended."},
    {METRIC_COUNTER, "bytes_total", "", "", METRIC_NO_BUCKETS, 0, "bytes", "Bytes | all."},
    {METRIC_HISTOGRAM, "size_bytes", "direction", "in out", {size_bounds, 3}, 1, "bytes", "Sizes."},
    {METRIC_HISTOGRAM, "wait", "", "", {size_bounds, 1}, 0, "s", "Waits."},
};

enum { SPECS = sizeof(specs) / sizeof(specs[0]) };

static const char expected[] = "# HELP clients Now\\nconnected\\\\.\n"
                               "# TYPE clients gauge\n"
                               "clients{server_id=\"e\\\"1\\\\\\n\"} -3\n"
                               "# HELP closed_total Ended.\n"
                               "# TYPE closed_total counter\n"
                               "closed_total{server_id=\"e\\\"1\\\\\\n\",reason=\"client\"} 0\n"
                               "closed_total{server_id=\"e\\\"1\\\\\\n\",reason=\"drain\"} 7\n"
                               "# HELP bytes_total Bytes | all.\n"
                               "# TYPE bytes_total counter\n"
                               "bytes_total 9223372036854775807\n";

START_TEST(the_page_has_help_type_and_one_line_for_each_label_value)
{
    struct metrics *metrics = metrics_new(specs, BYTES + 1, "e\"1\\\n");
    struct buf out;
    buf_init(&out, 0);
    metrics_add(metrics, CLIENTS, 0, 2);
    metrics_add(metrics, CLIENTS, 0, -5);
    metrics_add(metrics, CLOSED, 1, 7);
    metrics_set(metrics, BYTES, 0, INT64_MAX);
    ck_assert_int_eq(metrics_get(metrics, CLOSED, 1), 7);
    metrics_expose(metrics, &out);
    buf_append_byte(&out, '\0');
    ck_assert_str_eq((const char *)out.data, expected);
    buf_fini(&out);
    metrics_free(&metrics);
    ck_assert_ptr_null(metrics);
}
END_TEST

static const char histogram[] =
    "# HELP size_bytes Sizes.\n"
    "# TYPE size_bytes histogram\n"
    "size_bytes_bucket{server_id=\"e\",direction=\"in\",le=\"64\"} 2\n"
    "size_bytes_bucket{server_id=\"e\",direction=\"in\",le=\"256.5\"} 3\n"
    "size_bytes_bucket{server_id=\"e\",direction=\"in\",le=\"1000000\"} 3\n"
    "size_bytes_bucket{server_id=\"e\",direction=\"in\",le=\"+Inf\"} 4\n"
    "size_bytes_sum{server_id=\"e\",direction=\"in\"} 2000164.25\n"
    "size_bytes_count{server_id=\"e\",direction=\"in\"} 4\n"
    "size_bytes_bucket{server_id=\"e\",direction=\"out\",le=\"64\"} 0\n"
    "size_bytes_bucket{server_id=\"e\",direction=\"out\",le=\"256.5\"} 0\n"
    "size_bytes_bucket{server_id=\"e\",direction=\"out\",le=\"1000000\"} 0\n"
    "size_bytes_bucket{server_id=\"e\",direction=\"out\",le=\"+Inf\"} 0\n"
    "size_bytes_sum{server_id=\"e\",direction=\"out\"} 0\n"
    "size_bytes_count{server_id=\"e\",direction=\"out\"} 0\n"
    "# HELP wait Waits.\n"
    "# TYPE wait histogram\n"
    "wait_bucket{le=\"64\"} 1\n"
    "wait_bucket{le=\"+Inf\"} 1\n"
    "wait_sum 0.1\n"
    "wait_count 1\n";

START_TEST(buckets_are_cumulative_and_a_bound_belongs_to_its_bucket)
{
    struct metrics *metrics = metrics_new(specs + SIZES, 2, "e");
    struct buf out;
    buf_init(&out, 0);
    metrics_observe(metrics, 0, 0, 64);
    metrics_observe(metrics, 0, 0, 0.25);
    metrics_observe(metrics, 0, 0, 100);
    metrics_observe(metrics, 0, 0, 2000000);
    metrics_observe(metrics, 1, 0, 0.1);
    metrics_expose(metrics, &out);
    buf_append_byte(&out, '\0');
    ck_assert_str_eq((const char *)out.data, histogram);
    buf_fini(&out);
    metrics_free(&metrics);
}
END_TEST

START_TEST(seconds_are_kept_in_microseconds_and_shown_in_seconds)
{
    static const struct metric_spec about[] = {
        {METRIC_GAUGE, "uptime", "", "", METRIC_NO_BUCKETS, 0, "seconds", "Up."},
    };
    struct metrics *metrics = metrics_new(about, 1, "e");
    struct buf out;
    buf_init(&out, 0);
    metrics_set(metrics, 0, 0, 12000025);
    metrics_expose(metrics, &out);
    buf_append_byte(&out, '\0');
    ck_assert_str_eq((const char *)out.data,
                     "# HELP uptime Up.\n# TYPE uptime gauge\nuptime 12.000025\n");
    buf_fini(&out);
    metrics_free(&metrics);
}
END_TEST

START_TEST(the_reference_is_a_table_with_a_row_for_each_metric)
{
    struct buf out;
    buf_init(&out, 0);
    metrics_reference(specs, SPECS, &out);
    buf_append_byte(&out, '\0');
    const char *text = (const char *)out.data;
    ck_assert_ptr_nonnull(strstr(
        text, "| `closed_total` | counter | `server_id`, `reason`: client, drain |  | Ended. |\n"));
    ck_assert_ptr_nonnull(
        strstr(text, "| `bytes_total` | counter |  | bytes | Bytes \\| all. |\n"));
    buf_fini(&out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("metrics");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, the_page_has_help_type_and_one_line_for_each_label_value);
    tcase_add_test(tcase, buckets_are_cumulative_and_a_bound_belongs_to_its_bucket);
    tcase_add_test(tcase, seconds_are_kept_in_microseconds_and_shown_in_seconds);
    tcase_add_test(tcase, the_reference_is_a_table_with_a_row_for_each_metric);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
