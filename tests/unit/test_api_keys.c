#include "router/api_keys.h"
#include "router/api_route.h"
#include "tests/support/check_main.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#define PLAIN "0123456789abcdef0123456789abcdef"
/* SHA-256 of PLAIN, as sha256sum gives it. */
#define HASHED "sha256:3eb1bd439947eb762998e566ccc2e099c791118b2f40579cc4f7da2b5061b7f9"

static struct buf why;

static void setup(void)
{
    buf_init(&why, 0);
}

static void teardown(void)
{
    buf_fini(&why);
}

static struct api_keys *read_text(const char *text)
{
    buf_clear(&why);
    return api_keys_read(bytes_of_str(text), &why);
}

START_TEST(comments_and_empty_lines_are_no_keys)
{
    struct api_keys *keys = read_text("# a comment\n\n  \t\n#b read x\r\n");
    ck_assert_ptr_nonnull(keys);
    ck_assert_uint_eq(api_keys_count(keys), 0);
    ck_assert_ptr_null(api_keys_find(keys, bytes_of_str(PLAIN)));
    api_keys_free(&keys);
}
END_TEST

START_TEST(a_plain_key_is_found_with_its_name_and_scopes)
{
    struct api_keys *keys = read_text("shop read,publish " PLAIN "\n");
    ck_assert_ptr_nonnull(keys);
    ck_assert(api_keys_plain(keys));
    const struct api_key *key = api_keys_find(keys, bytes_of_str(PLAIN));
    ck_assert_ptr_nonnull(key);
    ck_assert_str_eq(key->name, "shop");
    ck_assert_uint_eq(key->scopes, API_SCOPE_READ | API_SCOPE_PUBLISH);
    ck_assert_ptr_null(api_keys_find(keys, bytes_slice(bytes_of_str(PLAIN), 0, 31)));
    ck_assert_ptr_null(api_keys_find(keys, bytes_of_str(PLAIN "0")));
    ck_assert_ptr_null(api_keys_find(keys, BYTES_EMPTY));
    api_keys_free(&keys);
    ck_assert_ptr_null(keys);
}
END_TEST

START_TEST(a_hash_as_other_tools_make_it_is_understood)
{
    struct api_keys *keys = read_text("shop admin " HASHED);
    ck_assert_ptr_nonnull(keys);
    ck_assert(!api_keys_plain(keys));
    ck_assert_ptr_nonnull(api_keys_find(keys, bytes_of_str(PLAIN)));
    ck_assert_ptr_null(api_keys_find(keys, bytes_of_str(HASHED)));
    api_keys_free(&keys);
}
END_TEST

START_TEST(a_made_key_is_found_by_the_line_made_for_it)
{
    uint8_t random[API_KEY_RANDOM_BYTES];
    struct buf key;
    struct buf line;
    buf_init(&key, 0);
    buf_init(&line, 0);
    memset(random, 0xA7 + _i, sizeof(random));
    api_key_make(random, &key);
    ck_assert_uint_eq(key.len, 4 + 43);
    ck_assert(api_key_line(BYTES_LIT("a-b.c_1"), API_SCOPE_ALL, buf_bytes(&key), &line));
    ck_assert(bytes_starts_with(buf_bytes(&line), BYTES_LIT("a-b.c_1 publish,read,admin sha256:")));
    struct api_keys *keys = api_keys_read(buf_bytes(&line), &why);
    ck_assert_ptr_nonnull(keys);
    ck_assert(!api_keys_plain(keys));
    ck_assert_ptr_nonnull(api_keys_find(keys, buf_bytes(&key)));
    api_keys_free(&keys);
    buf_fini(&line);
    buf_fini(&key);
}
END_TEST

START_TEST(each_of_many_keys_is_found_as_itself)
{
    static char text[API_KEYS_MAX * 60];
    size_t len = 0;
    for (int i = 0; i < API_KEYS_MAX; i++) {
        len += (size_t)snprintf(text + len, sizeof(text) - len, "k%d read %032d\n", i, i);
    }
    struct api_keys *keys = read_text(text);
    ck_assert_ptr_nonnull(keys);
    for (int i = 0; i < API_KEYS_MAX; i += 37) {
        char key[64];
        char name[16];
        snprintf(key, sizeof(key), "%032d", i);
        snprintf(name, sizeof(name), "k%d", i);
        ck_assert_str_eq(api_keys_find(keys, bytes_of_str(key))->name, name);
    }
    api_keys_free(&keys);
    snprintf(text + len, sizeof(text) - len, "more read %032d\n", API_KEYS_MAX);
    ck_assert_ptr_null(read_text(text));
}
END_TEST

static const struct {
    const char *text;
    const char *why;
} bad[] = {
    {"shop\n", "line 1: a line is NAME SCOPES KEY"},
    {"shop read\n", "line 1: a line is NAME SCOPES KEY"},
    {"#\nshop read " PLAIN " more\n", "line 2: a line is NAME SCOPES KEY"},
    {"sh/op read " PLAIN, "line 1: a name is"},
    {"shop write " PLAIN, "line 1: scopes are"},
    {"shop read, " PLAIN, "line 1: scopes are"},
    {"shop ,read " PLAIN, "line 1: scopes are"},
    {"shop read 0123456789abcdef0123456789abcde", "line 1: a key has 32 to 256"},
    {"shop read sha256:00", "line 1: sha256: needs 64"},
    {"shop read sha256:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eXX",
     "line 1: sha256: needs 64"},
    {"a read " PLAIN "\na admin 0123456789abcdef0123456789abcdeF", "line 2: the name is there"},
    {"a read " PLAIN "\n\nb admin " PLAIN "\n", "line 3: the key is there already"},
};

START_TEST(a_bad_line_is_told_by_its_number_and_never_shown)
{
    ck_assert_ptr_null(read_text(bad[_i].text));
    buf_append_byte(&why, 0);
    ck_assert_msg(strncmp((const char *)why.data, bad[_i].why, strlen(bad[_i].why)) == 0, "%s",
                  (const char *)why.data);
    ck_assert_ptr_null(strstr((const char *)why.data, "0123456789abcdef0123"));
}
END_TEST

START_TEST(names_that_could_break_a_line_make_none)
{
    struct buf line;
    buf_init(&line, 0);
    ck_assert(!api_key_line(BYTES_LIT("a b"), API_SCOPE_READ, BYTES_LIT(PLAIN), &line));
    ck_assert(!api_key_line(BYTES_LIT(""), API_SCOPE_READ, BYTES_LIT(PLAIN), &line));
    ck_assert(!api_key_line(BYTES_LIT("#a"), API_SCOPE_READ, BYTES_LIT(PLAIN), &line));
    ck_assert_uint_eq(line.len, 0);
    buf_fini(&line);
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

int main(void)
{
    Suite *suite = suite_create("api_keys");
    TCase *tcase = tcase_create("all");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, comments_and_empty_lines_are_no_keys);
    tcase_add_test(tcase, a_plain_key_is_found_with_its_name_and_scopes);
    tcase_add_test(tcase, a_hash_as_other_tools_make_it_is_understood);
    tcase_add_loop_test(tcase, a_made_key_is_found_by_the_line_made_for_it, 0, 4);
    tcase_add_test(tcase, each_of_many_keys_is_found_as_itself);
    tcase_add_loop_test(tcase, a_bad_line_is_told_by_its_number_and_never_shown, 0, ROWS(bad));
    tcase_add_test(tcase, names_that_could_break_a_line_make_none);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
