#include "edge/forwarded.h"
#include "tests/support/check_main.h"
#include "tests/support/guard_page.h"

#include <check.h>

/* Trusted: 10.0.0.0/8 and fd00::/8. */
static void trust(struct address_net trusted[2])
{
    ck_assert(address_net_parse(BYTES_LIT("10.0.0.0/8"), &trusted[0]));
    ck_assert(address_net_parse(BYTES_LIT("fd00::/8"), &trusted[1]));
}

static struct address address(const char *text)
{
    struct address parsed;
    ck_assert_msg(address_parse(bytes_of_str(text), &parsed), "%s", text);
    return parsed;
}

static void assert_text(const struct address *got, const char *wanted)
{
    char text[ADDRESS_TEXT_MAX];
    address_text(got, text);
    ck_assert_str_eq(text, wanted);
}

static const struct {
    const char *peer;
    const char *forwarded;
    const char *client;
} rows[] = {
    {"203.0.113.5", "for=1.1.1.1", "203.0.113.5"}, /* a stranger may say what he wants */
    {"10.0.0.1", "", "10.0.0.1"},
    /* RFC 7239 section 4, its examples */
    {"10.0.0.1", "for=\"_gazonk\"", "10.0.0.1"},
    {"10.0.0.1", "For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"},
    {"10.0.0.1", "for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"},
    {"10.0.0.1", "for=192.0.2.43, for=198.51.100.17", "198.51.100.17"},
    {"10.0.0.1", "for=192.0.2.43,for=\"[fd00::1]\";by=203.0.113.60", "192.0.2.43"},
    /* forms of an element */
    {"10.0.0.1", "proto=http;for=192.0.2.60", "192.0.2.60"},
    {"10.0.0.1", "FOR=192.0.2.60", "192.0.2.60"},
    {"10.0.0.1", "for=\"192.0.2.60\"", "192.0.2.60"},
    {"10.0.0.1", "for=\"192.0.2.60:4711\"", "192.0.2.60"},
    {"10.0.0.1", "for=\"192.0.2.60:_port\"", "192.0.2.60"},
    {"10.0.0.1", "for=\"[2001:db8::7]\"", "2001:db8::7"},
    {"10.0.0.1", "for=\"[2001:db8::7]:_x\"", "2001:db8::7"},
    {"10.0.0.1", "for=\"\\1\\9\\2.0.2.60\"", "192.0.2.60"}, /* escapes that need not be */
    {"10.0.0.1", "for=192.0.2.60;", "192.0.2.60"},
    {"10.0.0.1", ";;for=192.0.2.60", "192.0.2.60"},
    {"10.0.0.1", " for=192.0.2.60 ; proto=http ", "192.0.2.60"},
    {"10.0.0.1", "for=192.0.2.60;host=\"a,b;for=1.1.1.1\"", "192.0.2.60"},
    {"10.0.0.1", "for=192.0.2.60;ext=\"say \\\"hi\\\", you\"", "192.0.2.60"},
    /* the search from right to left */
    {"10.0.0.1", "for=1.1.1.1, for=192.0.2.60, for=10.0.0.9, for=10.0.0.8", "192.0.2.60"},
    {"10.0.0.1", "for=10.0.0.9, for=10.0.0.8", "10.0.0.9"}, /* all trusted: the left-most */
    {"10.0.0.1", "for=1.1.1.1, for=unknown", "10.0.0.1"},
    {"10.0.0.1", "for=1.1.1.1, for=unknown, for=10.0.0.3", "10.0.0.3"},
    {"10.0.0.1", "for=1.1.1.1, for=_hidden, for=10.0.0.4, for=10.0.0.3", "10.0.0.4"},
    {"10.0.0.1", "for=1.1.1.1, proto=http, for=10.0.0.3", "10.0.0.3"},
    {"10.0.0.1", "for=1.1.1.1,", "10.0.0.1"}, /* the last proxy told nothing */
    {"10.0.0.1", ",for=192.0.2.60", "192.0.2.60"},
    {"fd00::1", "for=192.0.2.60, for=\"[::ffff:10.1.1.1]\"", "192.0.2.60"},
    /* what is malformed is not believed at all */
    {"10.0.0.1", "for", "10.0.0.1"},
    {"10.0.0.1", "for=", "10.0.0.1"},
    {"10.0.0.1", "=192.0.2.60", "10.0.0.1"},
    {"10.0.0.1", "for =192.0.2.60", "10.0.0.1"},
    {"10.0.0.1", "for= 192.0.2.60", "10.0.0.1"},
    {"10.0.0.1", "for=192.0.2.60 192.0.2.61", "10.0.0.1"},
    {"10.0.0.1", "for=192.0.2.60:4711", "10.0.0.1"},  /* a colon needs quotes */
    {"10.0.0.1", "for=[2001:db8::7]", "10.0.0.1"},    /* so do brackets */
    {"10.0.0.1", "for=\"2001:db8::7\"", "10.0.0.1"},  /* IPv6 needs brackets */
    {"10.0.0.1", "for=\"[192.0.2.60]\"", "10.0.0.1"}, /* IPv4 has none */
    {"10.0.0.1", "for=\"[2001:db8::7\"", "10.0.0.1"},
    {"10.0.0.1", "for=\"[2001:db8::7]4711\"", "10.0.0.1"},
    {"10.0.0.1", "for=\"192.0.2.60:\"", "10.0.0.1"},
    {"10.0.0.1", "for=\"192.0.2.60:123456\"", "10.0.0.1"},
    {"10.0.0.1", "for=\"192.0.2.60:4x\"", "10.0.0.1"},
    {"10.0.0.1", "for=\"192.0.2.60", "10.0.0.1"},
    {"10.0.0.1", "for=\"192.0.2.60\\", "10.0.0.1"},
    {"10.0.0.1", "for=\"\"", "10.0.0.1"},
    {"10.0.0.1", "for=\"[]\"", "10.0.0.1"},
    {"10.0.0.1", "for=\"[\"", "10.0.0.1"},
    {"10.0.0.1", "for=192.0.2.60;for=192.0.2.61", "10.0.0.1"},
    {"10.0.0.1", "for=unknown;for=192.0.2.61", "10.0.0.1"},
    {"10.0.0.1", "for=192.0.2.60, \"", "10.0.0.1"},
    {"10.0.0.1", "for=192.0.2.60\x01", "10.0.0.1"},
    {"10.0.0.1",
     "for=\"[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]\"",
     "10.0.0.1"},
};

START_TEST(the_client_is_the_right_most_address_that_is_not_trusted)
{
    struct address_net trusted[2];
    struct guard_page page = {0};
    struct address peer = address(rows[_i].peer);
    trust(trusted);
    struct bytes header = guard_page_copy(&page, bytes_of_str(rows[_i].forwarded));
    struct address client = forwarded_client(&peer, header, trusted, 2);
    assert_text(&client, rows[_i].client);
    guard_page_free(&page);
}
END_TEST

static const struct {
    const char *forwarded;
    const char *custom;
    const char *client;
} both_rows[] = {
    {"", "", "10.0.0.1"},
    {"for=192.0.2.60", "", "192.0.2.60"},
    {"", "192.0.2.60", "192.0.2.60"},
    {"for=192.0.2.60", "192.0.2.60", "192.0.2.60"},
    {"for=\"[2001:db8::7]:1\"", "2001:db8::7", "2001:db8::7"},
    {"for=1.1.1.1", "192.0.2.60", "10.0.0.1"}, /* one of them is the client's invention */
    {"for=192.0.2.60", "1.1.1.1", "10.0.0.1"},
    {"for=unknown", "192.0.2.60", "10.0.0.1"},
    {"nonsense", "192.0.2.60", "10.0.0.1"},
};

START_TEST(two_headers_are_believed_only_when_they_agree)
{
    struct address_net trusted[2];
    struct address peer = address("10.0.0.1");
    trust(trusted);
    struct address client = forwarded_or_x_client(&peer, bytes_of_str(both_rows[_i].forwarded),
                                                  bytes_of_str(both_rows[_i].custom), trusted, 2);
    assert_text(&client, both_rows[_i].client);
}
END_TEST

#define ROWS(table) ((int)(sizeof(table) / sizeof((table)[0])))

int main(void)
{
    Suite *suite = suite_create("forwarded");
    TCase *tcase = tcase_create("all");
    tcase_add_loop_test(tcase, the_client_is_the_right_most_address_that_is_not_trusted, 0,
                        ROWS(rows));
    tcase_add_loop_test(tcase, two_headers_are_believed_only_when_they_agree, 0, ROWS(both_rows));
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
