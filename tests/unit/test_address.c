#include "common/ip_counts.h"
#include "edge/address.h"
#include "tests/support/check_main.h"
#include "tests/support/guard_page.h"

#include <check.h>

static struct address address(const char *text)
{
    struct address parsed;
    ck_assert_msg(address_parse(bytes_of_str(text), &parsed), "%s", text);
    return parsed;
}

static void assert_text(const struct address *got, const char *wanted)
{
    char text[ADDRESS_TEXT_MAX];
    ck_assert_uint_eq(address_text(got, text), strlen(wanted));
    ck_assert_str_eq(text, wanted);
}

static const struct {
    const char *text;
    const char *shown;
} good_addresses[] = {
    {"192.0.2.1", "192.0.2.1"},
    {"0.0.0.0", "0.0.0.0"},
    {"255.255.255.255", "255.255.255.255"},
    {"::1", "::1"},
    {"2001:DB8::1", "2001:db8::1"},
    {"::ffff:192.0.2.1", "192.0.2.1"},
};

START_TEST(an_address_is_shown_in_its_usual_form)
{
    struct address parsed = address(good_addresses[_i].text);
    assert_text(&parsed, good_addresses[_i].shown);
}
END_TEST

#define TEXT(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }
static const struct {
    const char *text;
    size_t len;
} bad_addresses[] = {
    TEXT(""),
    TEXT("192.0.2"),
    TEXT("192.0.2.256"),
    TEXT("1.2.3.4 "),
    TEXT("unknown"),
    TEXT("1.2.3.4\0x"),
    TEXT("::g"),
    TEXT("1.2.3.4:80"),
    TEXT("[::1]"),
    TEXT("_hidden"),
    TEXT("fe80::1%eth0"),
    TEXT("0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"),
};

START_TEST(what_is_no_address_is_refused)
{
    struct address untouched = {{42}};
    struct bytes text = bytes_of(bad_addresses[_i].text, bad_addresses[_i].len);
    ck_assert(!address_parse(text, &untouched));
    ck_assert_uint_eq(untouched.octets[0], 42);
}
END_TEST

static const struct {
    const char *net;
    const char *address;
    bool inside;
} net_rows[] = {
    {"10.0.0.0/8", "10.255.0.1", true},
    {"10.0.0.0/8", "11.0.0.1", false},
    {"10.0.0.0/8", "::ffff:10.0.0.1", true},
    {"192.0.2.128/25", "192.0.2.127", false},
    {"192.0.2.128/25", "192.0.2.128", true},
    {"192.0.2.7", "192.0.2.7", true},
    {"192.0.2.7", "192.0.2.6", false},
    {"0.0.0.0/0", "203.0.113.9", true},
    {"0.0.0.0/0", "2001:db8::1", false},
    {"::/0", "2001:db8::1", true},
    {"2001:db8::/33", "2001:db8:8000::1", false},
    {"2001:db8::/33", "2001:db8:7fff::1", true},
    {"::1", "::1", true},
    {" fc00::/7 ", "fdff::1", true},
};

START_TEST(a_network_holds_the_addresses_that_share_its_prefix)
{
    struct address_net net;
    struct address tested = address(net_rows[_i].address);
    ck_assert(address_net_parse(bytes_of_str(net_rows[_i].net), &net));
    ck_assert_int_eq(address_in(&tested, &net, 1), net_rows[_i].inside);
}
END_TEST

static const char *const bad_nets[] = {
    "",       "/8",          "10.0.0.0/",     "10.0.0.0/33",     "10.0.0.0/-1", "10.0.0.0/8/8",
    "::/129", "10.0.0.0/8x", "example.org/8", "10.0.0.0/999999", "10/8",
};

START_TEST(what_is_no_network_is_refused)
{
    struct address_net net;
    ck_assert(!address_net_parse(bytes_of_str(bad_nets[_i]), &net));
}
END_TEST

/* Trusted: 10.0.0.0/8 and fd00::/8. */
static const struct {
    const char *peer;
    const char *forwarded;
    const char *client;
} forwarded_rows[] = {
    {"203.0.113.5", "1.1.1.1", "203.0.113.5"},             /* a stranger may say what he wants */
    {"10.0.0.1", "", "10.0.0.1"},                          /* a health check of the proxy */
    {"10.0.0.1", "198.51.100.7", "198.51.100.7"},          /* the plain case */
    {"10.0.0.1", "1.1.1.1, 198.51.100.7", "198.51.100.7"}, /* what the client itself sent */
    {"10.0.0.1", "198.51.100.7, 10.0.0.9", "198.51.100.7"},
    {"10.0.0.1", "198.51.100.7,10.0.0.9,\t10.0.0.8 ", "198.51.100.7"},
    {"10.0.0.1", "10.0.0.9, 10.0.0.8", "10.0.0.9"}, /* all trusted: the left-most */
    {"10.0.0.1", "198.51.100.7, unknown", "10.0.0.1"},
    {"10.0.0.1", "1.1.1.1, unknown, 10.0.0.3", "10.0.0.3"},
    {"10.0.0.1", ",", "10.0.0.1"},
    {"10.0.0.1", "198.51.100.7,", "10.0.0.1"},
    {"10.0.0.1", "198.51.100.7:4711", "198.51.100.7"},
    {"10.0.0.1", "[2001:db8::7]:4711", "2001:db8::7"},
    {"10.0.0.1", "[2001:db8::7]", "2001:db8::7"},
    {"10.0.0.1", "2001:db8::7", "2001:db8::7"},
    {"10.0.0.1", "[]", "10.0.0.1"},
    {"10.0.0.1", "[", "10.0.0.1"},
    {"10.0.0.1", ":", "10.0.0.1"},
    {"fd00::1", "198.51.100.7, ::ffff:10.1.1.1", "198.51.100.7"},
};

START_TEST(the_client_is_the_right_most_address_that_is_not_trusted)
{
    struct address_net trusted[2];
    struct guard_page page = {0};
    struct address peer = address(forwarded_rows[_i].peer);
    ck_assert(address_net_parse(BYTES_LIT("10.0.0.0/8"), &trusted[0]));
    ck_assert(address_net_parse(BYTES_LIT("fd00::/8"), &trusted[1]));
    struct bytes header = guard_page_copy(&page, bytes_of_str(forwarded_rows[_i].forwarded));
    struct address client = address_client(&peer, header, trusted, 2);
    assert_text(&client, forwarded_rows[_i].client);
    guard_page_free(&page);
}
END_TEST

static const struct {
    const char *text;
    const char *host; /* NULL = refused */
    const char *port;
} split_rows[] = {
    {"0.0.0.0:8080", "0.0.0.0", "8080"},
    {"[::]:8080", "::", "8080"},
    {":80", "", "80"},
    {"localhost:0", "localhost", "0"},
    {"8080", NULL, NULL},
    {"host:", NULL, NULL},
    {"host:65536", NULL, NULL},
    {"host:8o", NULL, NULL},
    {"::1:80", NULL, NULL},
    {"[::1]", NULL, NULL},
    {"", NULL, NULL},
    {"host:000080", NULL, NULL},
};

START_TEST(host_and_port_are_split_or_refused)
{
    char host[ADDRESS_HOST_MAX];
    char port[ADDRESS_PORT_MAX];
    bool wanted = split_rows[_i].host != NULL;
    ck_assert_int_eq(address_split(split_rows[_i].text, host, port), wanted);
    if (wanted) {
        ck_assert_str_eq(host, split_rows[_i].host);
        ck_assert_str_eq(port, split_rows[_i].port);
    }
}
END_TEST

START_TEST(a_host_that_is_too_long_is_refused)
{
    char text[ADDRESS_HOST_MAX + 8];
    char host[ADDRESS_HOST_MAX];
    char port[ADDRESS_PORT_MAX];
    memset(text, 'h', sizeof(text));
    memcpy(text + ADDRESS_HOST_MAX, ":80", 4);
    ck_assert(!address_split(text, host, port));
    ck_assert(address_split(text + 1, host, port));
}
END_TEST

static const struct {
    const char *endpoint;
    bool local;
} endpoint_rows[] = {
    {"ipc:///run/plane", true},
    {"inproc://x", true},
    {"tcp://127.0.0.1:7400", true},
    {"tcp://127.9.9.9:7400", true},
    {"tcp://[::1]:7400", true},
    {"tcp://localhost:7400", true},
    {"tcp://10.0.0.1:7400", false},
    {"tcp://0.0.0.0:7400", false},
    {"tcp://[::]:7400", false},
    {"tcp://router:7400", false},
    {"tcp://localhost.evil:1", false},
    {"tcp://128.0.0.1:1", false},
    {"tcp://", false},
    {"", false},
    {"udp://127.0.0.1:1", false},
};

START_TEST(only_loopback_and_ipc_endpoints_stay_on_this_machine)
{
    ck_assert_int_eq(address_endpoint_is_local(endpoint_rows[_i].endpoint),
                     endpoint_rows[_i].local);
}
END_TEST

START_TEST(an_address_gets_no_more_than_its_share_and_back_what_it_gives_up)
{
    static const uint8_t seed[16] = {1};
    struct ip_counts counts;
    struct address first = address("192.0.2.1");
    struct address second = address("192.0.2.2");
    ip_counts_init(&counts, seed);
    ck_assert(ip_counts_take(&counts, &first, 2));
    ck_assert(ip_counts_take(&counts, &first, 2));
    ck_assert(!ip_counts_take(&counts, &first, 2));
    ck_assert(ip_counts_take(&counts, &second, 2));
    ip_counts_release(&counts, &first);
    ck_assert(ip_counts_take(&counts, &first, 2));
    ip_counts_release(&counts, &first);
    ip_counts_release(&counts, &first);
    ip_counts_release(&counts, &second);
    ck_assert_uint_eq(counts.by_key.count, 0);
    ip_counts_fini(&counts);
}
END_TEST

START_TEST(an_ipv6_customer_counts_as_one_whatever_address_of_his_64_he_uses)
{
    static const uint8_t seed[16] = {2};
    struct ip_counts counts;
    struct address here = address("2001:db8:1:2::1");
    struct address there = address("2001:db8:1:2:ffff::1");
    struct address neighbour = address("2001:db8:1:3::1");
    ip_counts_init(&counts, seed);
    ck_assert(ip_counts_take(&counts, &here, 1));
    ck_assert(!ip_counts_take(&counts, &there, 1));
    ck_assert(ip_counts_take(&counts, &neighbour, 1));
    ip_counts_fini(&counts); /* frees what is still counted */
}
END_TEST

#define ROWS(table) ((int)(sizeof(table) / sizeof((table)[0])))

int main(void)
{
    Suite *suite = suite_create("address");
    TCase *tcase = tcase_create("all");
    tcase_add_loop_test(tcase, an_address_is_shown_in_its_usual_form, 0, ROWS(good_addresses));
    tcase_add_loop_test(tcase, what_is_no_address_is_refused, 0, ROWS(bad_addresses));
    tcase_add_loop_test(tcase, a_network_holds_the_addresses_that_share_its_prefix, 0,
                        ROWS(net_rows));
    tcase_add_loop_test(tcase, what_is_no_network_is_refused, 0, ROWS(bad_nets));
    tcase_add_loop_test(tcase, the_client_is_the_right_most_address_that_is_not_trusted, 0,
                        ROWS(forwarded_rows));
    tcase_add_loop_test(tcase, host_and_port_are_split_or_refused, 0, ROWS(split_rows));
    tcase_add_test(tcase, a_host_that_is_too_long_is_refused);
    tcase_add_loop_test(tcase, only_loopback_and_ipc_endpoints_stay_on_this_machine, 0,
                        ROWS(endpoint_rows));
    tcase_add_test(tcase, an_address_gets_no_more_than_its_share_and_back_what_it_gives_up);
    tcase_add_test(tcase, an_ipv6_customer_counts_as_one_whatever_address_of_his_64_he_uses);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
