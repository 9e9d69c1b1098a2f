/* common/z85, common/curve_key and router/router_allowed: keys as text, and their files. */
#include "common/curve_key.h"
#include "common/z85.h"
#include "router/router_allowed.h"
#include "tests/support/check_main.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static char path[128];
static struct buf why;

static void setup(void)
{
    snprintf(folder, sizeof(folder), "/tmp/splitrail-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    buf_init(&why, 0);
}

static const char *in_folder(const char *name)
{
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void teardown(void)
{
    static const char *const names[] = {"a.key", "a.pub", "list"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)unlink(in_folder(names[i])); /* only some tests make it */
    }
    ck_assert_int_eq(rmdir(folder), 0);
    buf_fini(&why);
}

static void expect_why(const char *part)
{
    buf_append_byte(&why, 0);
    ck_assert_msg(strstr((const char *)why.data, part) != NULL, "\"%s\" has no \"%s\"",
                  (const char *)why.data, part);
}

/* The example of ZeroMQ RFC 32. */
START_TEST(z85_is_that_of_the_rfc)
{
    static const uint8_t data[] = {0x86, 0x4F, 0xD2, 0x6F, 0xB5, 0x59, 0xF7, 0x5B};
    char text[10];
    uint8_t back[8];
    z85_encode(data, sizeof(data), text);
    ck_assert_mem_eq(text, "HelloWorld", sizeof(text));
    ck_assert(z85_decode(BYTES_LIT("HelloWorld"), back, sizeof(back)));
    ck_assert_mem_eq(back, data, sizeof(data));
}
END_TEST

static const char *const not_z85[] = {"",           "HelloWorl",  "HelloWorld1",
                                      "Hello Worl", "#####%%%%%", "Hello\"orld"};

START_TEST(what_is_no_z85_of_that_length_is_refused)
{
    uint8_t back[8];
    ck_assert(!z85_decode(bytes_of_str(not_z85[_i]), back, sizeof(back)));
}
END_TEST

START_TEST(a_pair_that_was_written_is_read_again)
{
    struct curve_pair made;
    struct curve_pair read;
    uint8_t key[CURVE_KEY_BYTES];
    struct stat info;
    curve_pair_make(&made);
    ck_assert_int_eq(curve_pair_write(in_folder("a"), &made, &why), STATUS_OK);
    ck_assert_int_eq(curve_pair_read(in_folder("a.key"), &read, &why), STATUS_OK);
    ck_assert_mem_eq(&read, &made, sizeof(made));
    ck_assert_int_eq(curve_public_read(in_folder("a.pub"), key, &why), STATUS_OK);
    ck_assert_mem_eq(key, made.public_key, sizeof(key));
    ck_assert_int_eq(stat(in_folder("a.key"), &info), 0);
    ck_assert_int_eq(info.st_mode & 0777, 0600);
}
END_TEST

START_TEST(nothing_is_overwritten)
{
    struct curve_pair first;
    struct curve_pair second;
    struct curve_pair read;
    curve_pair_make(&first);
    curve_pair_make(&second);
    ck_assert_int_eq(curve_pair_write(in_folder("a"), &first, &why), STATUS_OK);
    ck_assert_int_eq(curve_pair_write(in_folder("a"), &second, &why), STATUS_EXISTS);
    expect_why("a.pub: is there already");
    buf_clear(&why);
    ck_assert_int_eq(unlink(in_folder("a.pub")), 0);
    ck_assert_int_eq(curve_pair_write(in_folder("a"), &second, &why), STATUS_EXISTS);
    ck_assert_int_ne(access(in_folder("a.pub"), F_OK), 0);
    ck_assert_int_eq(curve_pair_read(in_folder("a.key"), &read, &why), STATUS_OK);
    ck_assert_mem_eq(&read, &first, sizeof(first));
}
END_TEST

START_TEST(a_secret_that_others_may_read_is_refused)
{
    static const mode_t modes[] = {0640, 0604, 0620, 0610};
    struct curve_pair pair;
    curve_pair_make(&pair);
    ck_assert_int_eq(curve_pair_write(in_folder("a"), &pair, &why), STATUS_OK);
    ck_assert_int_eq(chmod(in_folder("a.key"), modes[_i]), 0);
    ck_assert_int_eq(curve_pair_read(path, &pair, &why), STATUS_DENIED);
    expect_why("chmod 600");
}
END_TEST

static void write_file(const char *name, const char *text)
{
    FILE *out = fopen(in_folder(name), "w");
    ck_assert_ptr_nonnull(out);
    ck_assert_int_ge(fputs(text, out), 0);
    ck_assert_int_eq(fclose(out), 0);
    ck_assert_int_eq(chmod(path, 0600), 0);
}

#define KEY_1 "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"
#define SECRET_1 "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs"
#define KEY_2 "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
#define SECRET_2 "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6"

static const char *const bad_pairs[] = {
    "",
    "# only a comment\n",
    "public " KEY_1 "\n",
    "secret " SECRET_1 "\npublic " KEY_1 "\n",
    "public " KEY_1 "\nsecret " SECRET_2 "\n",
    "public " KEY_1 "\nsecret " SECRET_1 "\nmore\n",
    "public " KEY_1 " x\nsecret " SECRET_1 "\n",
    "#public " KEY_1 "\nsecret " SECRET_1 "\n",
};

START_TEST(a_file_that_is_no_pair_is_refused)
{
    struct curve_pair pair;
    write_file("a.key", bad_pairs[_i]);
    ck_assert_int_eq(curve_pair_read(path, &pair, &why), STATUS_MALFORMED);
    expect_why("no key pair");
}
END_TEST

/* The pair of ZeroMQ's own examples: what other tools write can be put into our form. */
START_TEST(a_pair_from_elsewhere_is_read)
{
    struct curve_pair pair;
    write_file("a.key", "# by hand\r\n\n  public   " KEY_1 "\r\nsecret\t" SECRET_1 "  ");
    ck_assert_int_eq(curve_pair_read(path, &pair, &why), STATUS_OK);
}
END_TEST

START_TEST(a_list_gives_each_key_its_name)
{
    struct router_allowed *list = NULL;
    write_file("list", "# edges\n#\n" KEY_1 " edge-1\n\n\t" KEY_2 "\tpool-*  \r\n");
    ck_assert_int_eq(router_allowed_read(path, &list, &why), STATUS_OK);
    ck_assert_uint_eq(router_allowed_count(list), 2);
    ck_assert(bytes_equal(router_allowed_name(list, BYTES_LIT(KEY_1)), BYTES_LIT("edge-1")));
    ck_assert(bytes_equal(router_allowed_name(list, BYTES_LIT(KEY_2)), BYTES_LIT("pool-*")));
    ck_assert_uint_eq(router_allowed_name(list, BYTES_LIT(SECRET_1)).len, 0);
    ck_assert_uint_eq(router_allowed_name(list, BYTES_EMPTY).len, 0);
    router_allowed_free(&list);
}
END_TEST

static const struct {
    const char *text;
    const char *why;
} bad_lists[] = {
    {"edge-1 " KEY_1 "\n", "line 1: does not begin with a public key"},
    {"#comment\n", "line 1: does not begin with a public key"},
    {KEY_1 "\n", "line 1: after the key comes one name"},
    {"\n" KEY_1 " a b\n", "line 2: after the key comes one name"},
    {KEY_1 " a*b\n", "line 1: after the key comes one name"},
    {KEY_1 " a\n" KEY_1 " b\n", "line 2: this key was there before"},
};

START_TEST(a_bad_list_is_refused_with_the_line_that_is_bad)
{
    struct router_allowed *list = NULL;
    write_file("list", bad_lists[_i].text);
    ck_assert_int_eq(router_allowed_read(path, &list, &why), STATUS_MALFORMED);
    ck_assert_ptr_null(list);
    expect_why(bad_lists[_i].why);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("curve_key");
    TCase *tcase = tcase_create("all");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, z85_is_that_of_the_rfc);
    tcase_add_loop_test(tcase, what_is_no_z85_of_that_length_is_refused, 0,
                        sizeof(not_z85) / sizeof(not_z85[0]));
    tcase_add_test(tcase, a_pair_that_was_written_is_read_again);
    tcase_add_test(tcase, nothing_is_overwritten);
    tcase_add_loop_test(tcase, a_secret_that_others_may_read_is_refused, 0, 4);
    tcase_add_loop_test(tcase, a_file_that_is_no_pair_is_refused, 0,
                        sizeof(bad_pairs) / sizeof(bad_pairs[0]));
    tcase_add_test(tcase, a_pair_from_elsewhere_is_read);
    tcase_add_test(tcase, a_list_gives_each_key_its_name);
    tcase_add_loop_test(tcase, a_bad_list_is_refused_with_the_line_that_is_bad, 0,
                        sizeof(bad_lists) / sizeof(bad_lists[0]));
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
