#include "router/series.h"
#include "tests/support/check_main.h"

#include <check.h>
#include <string.h>

static struct series *series;
static struct buf out;

static void setup(void)
{
    series = series_new();
    buf_init(&out, 0);
}

static void teardown(void)
{
    series_free(&series);
    ck_assert_ptr_null(series);
    buf_fini(&out);
}

static void add(uint64_t from, uint64_t to)
{
    for (uint64_t at_ms = from; at_ms <= to; at_ms++) {
        const struct series_sample sample = {.at_ms = at_ms, .values = {at_ms * 2}};
        series_add(series, &sample);
    }
}

static const char *written(size_t limit)
{
    buf_clear(&out);
    series_write(series, limit, &out);
    buf_append_byte(&out, 0);
    return (const char *)out.data;
}

static size_t samples(const char *text)
{
    size_t count = 0;
    while ((text = strstr(text, "{\"at\":")) != NULL) {
        text++;
        count++;
    }
    return count;
}

START_TEST(without_samples_it_is_empty)
{
    ck_assert_str_eq(written(0), "{\"intervalMs\":5000,\"samples\":[]}\n");
}
END_TEST

START_TEST(the_newest_samples_come_oldest_first)
{
    add(1, 5);
    const char *text = written(2);
    ck_assert_uint_eq(samples(text), 2);
    ck_assert_ptr_nonnull(strstr(text, "[{\"at\":4,\"connections\":8,"));
    ck_assert_ptr_nonnull(strstr(text, ",{\"at\":5,\"connections\":10,"));
    ck_assert_uint_eq(samples(written(1000)), 5);
}
END_TEST

START_TEST(a_hundred_are_given_when_nobody_says_how_many)
{
    add(1, 200);
    ck_assert_uint_eq(samples(written(0)), 100);
}
END_TEST

START_TEST(the_oldest_give_way)
{
    add(1, SERIES_SAMPLES_MAX + 3);
    const char *text = written(1000);
    ck_assert_uint_eq(samples(text), SERIES_SAMPLES_MAX);
    ck_assert_ptr_nonnull(strstr(text, "[{\"at\":4,"));
    ck_assert_ptr_nonnull(strstr(text, ",{\"at\":723,"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("series");
    TCase *tcase = tcase_create("all");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, without_samples_it_is_empty);
    tcase_add_test(tcase, the_newest_samples_come_oldest_first);
    tcase_add_test(tcase, a_hundred_are_given_when_nobody_says_how_many);
    tcase_add_test(tcase, the_oldest_give_way);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
