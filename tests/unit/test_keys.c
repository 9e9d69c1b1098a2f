/* router/keys: what a sender said lately, and who gives way when there is no room. */
#include "router/keys.h"
#include "tests/support/check_main.h"

#include <stdio.h>

enum { MAX = 100 };

static const uint8_t seed[16] = {1, 2, 3};

static struct bytes key_of(char out[16], unsigned number)
{
    snprintf(out, 16, "k%u", number);
    return bytes_of_str(out);
}

static void put(struct keys *keys, const char *user, unsigned number)
{
    char key[16];
    keys_put(keys, bytes_of_str(user), key_of(key, number), number, 10, MAX);
}

static bool has(const struct keys *keys, const char *user, unsigned number)
{
    char key[16];
    uint64_t offset = 0;
    return keys_find(keys, bytes_of_str(user), key_of(key, number), 0, &offset) && offset == number;
}

START_TEST(the_oldest_of_a_lonely_sender_goes_first)
{
    struct keys *keys = keys_new(seed);
    for (unsigned i = 1; i <= 10 * MAX; i++) {
        put(keys, "u", i);
        ck_assert(has(keys, "u", i));
        ck_assert(i <= MAX || !has(keys, "u", i - MAX));
        ck_assert(i < MAX || has(keys, "u", i - MAX + 1));
    }
    keys_free(&keys);
}
END_TEST

START_TEST(who_sends_many_pushes_out_nobody_elses)
{
    struct keys *keys = keys_new(seed);
    put(keys, "quiet", 1);
    put(keys, "quiet", 2);
    for (unsigned i = 1; i <= 20 * MAX; i++) {
        put(keys, "loud", i);
    }
    ck_assert(has(keys, "quiet", 1) && has(keys, "quiet", 2));
    ck_assert(has(keys, "loud", 20 * MAX) && has(keys, "loud", 19 * MAX + 3));
    ck_assert(!has(keys, "loud", 19 * MAX + 2));
    keys_free(&keys);
}
END_TEST

START_TEST(a_newcomer_gets_its_share_from_who_has_more)
{
    struct keys *keys = keys_new(seed);
    for (unsigned i = 1; i <= MAX; i++) {
        put(keys, "loud", i);
    }
    for (unsigned i = 1; i <= MAX; i++) {
        put(keys, "late", i);
    }
    ck_assert(has(keys, "late", MAX / 2 + 1) && !has(keys, "late", MAX / 2));
    ck_assert(has(keys, "loud", MAX / 2 + 1) && !has(keys, "loud", MAX / 2));
    keys_free(&keys);
}
END_TEST

START_TEST(what_was_removed_or_replaced_takes_no_place)
{
    struct keys *keys = keys_new(seed);
    for (unsigned i = 1; i <= 50 * MAX; i++) {
        put(keys, "u", 1 + i % 3);
        keys_remove(keys, BYTES_LIT("u"), BYTES_LIT("k2"));
    }
    ck_assert(has(keys, "u", 1) && has(keys, "u", 3) && !has(keys, "u", 2));
    ck_assert_uint_le(keys->capacity, 16);
    keys_free(&keys);
}
END_TEST

START_TEST(many_senders_share_what_there_is)
{
    struct keys *keys = keys_new(seed);
    for (unsigned i = 1; i <= 100 * MAX; i++) {
        char user[16];
        snprintf(user, sizeof(user), "u%u", i * 7919 % (3 * MAX));
        put(keys, user, i);
        ck_assert(has(keys, user, i));
        ck_assert_uint_le(keys->live, MAX);
    }
    ck_assert_uint_le(keys->users.count, MAX);
    keys_free(&keys);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("keys");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, the_oldest_of_a_lonely_sender_goes_first);
    tcase_add_test(tcase, who_sends_many_pushes_out_nobody_elses);
    tcase_add_test(tcase, a_newcomer_gets_its_share_from_who_has_more);
    tcase_add_test(tcase, what_was_removed_or_replaced_takes_no_place);
    tcase_add_test(tcase, many_senders_share_what_there_is);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
