#include "router/auth_pool.h"
#include "tests/support/check_main.h"

#include <check.h>
#include <poll.h>

enum { JOBS = 100, PATIENCE_MS = 20000 };

/* Nobody can read these tokens: what counts is that each comes back with a verdict. */
static void submit(struct auth_pool *pool, uint64_t id)
{
    const struct auth_config config = {.mode = AUTH_JWT};
    auth_pool_submit(pool, auth_job_new(id, &config, BYTES_LIT("no token"), 0));
}

static struct auth_job *await(struct auth_pool *pool)
{
    struct auth_job *job = NULL;
    while ((job = auth_pool_take(pool)) == NULL) {
        struct pollfd poll_fd = {.fd = auth_pool_fd(pool), .events = POLLIN};
        ck_assert_int_eq(poll(&poll_fd, 1, PATIENCE_MS), 1);
    }
    return job;
}

static void each_comes_back_once(unsigned threads, uint64_t jobs)
{
    struct auth_pool *pool = auth_pool_new(threads);
    uint64_t sum = 0;
    ck_assert_ptr_nonnull(pool);
    for (uint64_t id = 1; id <= jobs; id++) {
        submit(pool, id);
    }
    for (uint64_t i = 0; i < jobs; i++) {
        struct auth_job *job = await(pool);
        ck_assert(!job->verdict.ok);
        ck_assert_ptr_nonnull(job->verdict.why);
        sum += job->id;
        auth_job_free(&job);
    }
    ck_assert_uint_eq(sum, jobs * (jobs + 1) / 2);
    ck_assert_ptr_null(auth_pool_take(pool));
    auth_pool_free(&pool);
    ck_assert_ptr_null(pool);
}

START_TEST(every_check_comes_back_once)
{
    each_comes_back_once(1, JOBS);
    each_comes_back_once(4, JOBS);
}
END_TEST

START_TEST(checks_are_done_although_the_idle_threads_get_no_time)
{
    each_comes_back_once(0, 3);
}
END_TEST

START_TEST(a_pool_that_ends_drops_what_waits)
{
    struct auth_pool *pool = auth_pool_new(0);
    for (uint64_t id = 1; id <= JOBS; id++) {
        submit(pool, id);
    }
    auth_pool_free(&pool);
    ck_assert_ptr_null(pool);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("auth_pool");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, every_check_comes_back_once);
    tcase_add_test(tcase, checks_are_done_although_the_idle_threads_get_no_time);
    tcase_add_test(tcase, a_pool_that_ends_drops_what_waits);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
