#include "router/auth_cache.h"
#include "tests/support/check_main.h"

#include <check.h>
#include <stdio.h>

static const uint8_t seed[16] = {1};

static void add(struct auth_cache *cache, const char *token, const char *user, uint64_t ends_ms)
{
    auth_cache_add(
        cache, bytes_of_str(token),
        &(struct auth_verdict){.ok = true, .user = bytes_of_str(user), .expires_at_ms = ends_ms});
}

/* The user, or NULL. */
static const char *find(struct auth_cache *cache, const char *token, uint64_t wall_ms)
{
    static char user[64];
    struct auth_verdict verdict;
    if (!auth_cache_find(cache, bytes_of_str(token), wall_ms, &verdict)) {
        return NULL;
    }
    ck_assert(verdict.ok && verdict.why == NULL);
    snprintf(user, sizeof(user), "%.*s", (int)verdict.user.len, (const char *)verdict.user.data);
    return user;
}

START_TEST(a_token_is_known_until_its_end)
{
    struct auth_cache *cache = auth_cache_new(10, seed);
    ck_assert_ptr_null(find(cache, "t", 0));
    add(cache, "t", "alice", 100);
    add(cache, "u", "bob", 0);
    ck_assert_str_eq(find(cache, "t", 99), "alice");
    ck_assert_str_eq(find(cache, "u", UINT64_MAX), "bob");
    ck_assert_ptr_null(find(cache, "T", 99));
    ck_assert_ptr_null(find(cache, "t", 100));
    ck_assert_ptr_null(find(cache, "t", 99)); /* forgotten, not asleep */
    ck_assert_uint_eq(auth_cache_count(cache), 1);
    auth_cache_free(&cache);
}
END_TEST

START_TEST(the_least_recently_used_goes_first)
{
    struct auth_cache *cache = auth_cache_new(2, seed);
    add(cache, "a", "a", 0);
    add(cache, "b", "b", 0);
    ck_assert_str_eq(find(cache, "a", 1), "a");
    add(cache, "c", "c", 0);
    ck_assert_ptr_null(find(cache, "b", 1));
    ck_assert_str_eq(find(cache, "a", 1), "a");
    ck_assert_str_eq(find(cache, "c", 1), "c");
    ck_assert_uint_eq(auth_cache_count(cache), 2);
    auth_cache_free(&cache);
}
END_TEST

START_TEST(the_same_token_twice_has_one_place)
{
    struct auth_cache *cache = auth_cache_new(2, seed);
    add(cache, "a", "a", 5);
    add(cache, "b", "b", 0);
    add(cache, "a", "a", 9);
    ck_assert_uint_eq(auth_cache_count(cache), 2);
    ck_assert_str_eq(find(cache, "a", 8), "a");
    auth_cache_free(&cache);
}
END_TEST

START_TEST(cleared_or_without_places_it_knows_nothing)
{
    struct auth_cache *cache = auth_cache_new(2, seed);
    add(cache, "a", "a", 0);
    auth_cache_clear(cache);
    ck_assert_ptr_null(find(cache, "a", 0));
    auth_cache_free(&cache);
    cache = auth_cache_new(0, seed);
    add(cache, "a", "a", 0);
    ck_assert_ptr_null(find(cache, "a", 0));
    auth_cache_free(&cache);
    auth_cache_free(&cache);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("auth_cache");
    TCase *tcase = tcase_create("auth_cache");
    tcase_add_test(tcase, a_token_is_known_until_its_end);
    tcase_add_test(tcase, the_least_recently_used_goes_first);
    tcase_add_test(tcase, the_same_token_twice_has_one_place);
    tcase_add_test(tcase, cleared_or_without_places_it_knows_nothing);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
