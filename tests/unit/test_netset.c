#include "common/netset.h"
#include "tests/support/check_main.h"
#include "tests/support/rng.h"

#include <string.h>

static struct address_net net(const char *text)
{
    struct address_net made;
    ck_assert_msg(address_net_parse(bytes_of_str(text), &made), "%s", text);
    return made;
}

static struct address address(const char *text)
{
    struct address made;
    ck_assert(address_parse(bytes_of_str(text), &made));
    return made;
}

static const struct {
    const char *text;
    const char *canonical;
} names[] = {
    {"192.0.2.77/24", "192.0.2.0/24"},     {"192.0.2.7", "192.0.2.7"},
    {"192.0.2.7/32", "192.0.2.7"},         {"0.0.0.0/0", "0.0.0.0/0"},
    {"10.255.0.1/9", "10.128.0.0/9"},      {"2001:db8::1", "2001:db8::1"},
    {"2001:db8::1/128", "2001:db8::1"},    {"2001:db8:1:2:3::/64", "2001:db8:1:2::/64"},
    {"::ffff:192.0.2.7/128", "192.0.2.7"}, {"::ffff:192.0.2.7/120", "192.0.2.0/24"},
    {"2001:db8::/100", "2001:db8::/100"},
};

START_TEST(a_range_has_one_name_however_it_is_written)
{
    struct address_net made = net(names[_i].text);
    char text[ADDRESS_NET_TEXT_MAX];
    ck_assert_uint_eq(address_net_text(&made, text), strlen(names[_i].canonical));
    ck_assert_str_eq(text, names[_i].canonical);
    struct address_net again = net(text);
    ck_assert_mem_eq(&made, &again, sizeof(made));
}
END_TEST

START_TEST(all_ranges_around_an_address_are_found_the_narrowest_first)
{
    static const uint8_t seed[16] = {1};
    struct address_net nets[] = {net("10.0.0.0/8"), net("10.1.2.3"), net("10.1.0.0/16"),
                                 net("2001:db8::/32")};
    struct netset set;
    struct address inside = address("10.1.2.3");
    struct address outside = address("11.1.2.3");
    unsigned length = NETSET_LENGTHS;
    netset_init(&set, seed);
    ck_assert_ptr_null(netset_find(&set, &inside, &length));
    for (size_t i = 0; i < 4; i++) {
        netset_put(&set, &nets[i], &nets[i]);
    }
    length = NETSET_LENGTHS;
    ck_assert_ptr_eq(netset_find(&set, &inside, &length), &nets[1]);
    ck_assert_ptr_eq(netset_find(&set, &inside, &length), &nets[2]);
    ck_assert_ptr_eq(netset_find(&set, &inside, &length), &nets[0]);
    ck_assert_ptr_null(netset_find(&set, &inside, &length));
    length = NETSET_LENGTHS;
    ck_assert_ptr_null(netset_find(&set, &outside, &length));
    ck_assert_ptr_eq(netset_remove(&set, &nets[2]), &nets[2]);
    ck_assert_ptr_null(netset_remove(&set, &nets[2]));
    ck_assert_ptr_null(netset_get(&set, &nets[2]));
    netset_fini(&set);
}
END_TEST

/* What is found is what comparing with each range finds. */
START_TEST(a_thousand_random_addresses_are_found_as_by_comparing)
{
    enum { NETS = 200 };
    static const uint8_t seed[16] = {2};
    struct address_net nets[NETS];
    struct rng rng = {.state = 7};
    struct netset set;
    netset_init(&set, seed);
    for (size_t i = 0; i < NETS; i++) {
        struct address base = {{(uint8_t)rng_below(&rng, 4), (uint8_t)rng_below(&rng, 4)}};
        unsigned bits = (unsigned)rng_below(&rng, 17);
        nets[i] = (struct address_net){address_masked(&base, bits), (uint8_t)bits};
        if (netset_get(&set, &nets[i]) == NULL) {
            netset_put(&set, &nets[i], &nets[i]);
        }
    }
    for (int i = 0; i < 1000; i++) {
        struct address one = {{(uint8_t)rng_below(&rng, 8), (uint8_t)rng_below(&rng, 8)}};
        unsigned length = NETSET_LENGTHS;
        ck_assert_int_eq(netset_find(&set, &one, &length) != NULL, address_in(&one, nets, NETS));
    }
    netset_fini(&set);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("netset");
    TCase *tcase = tcase_create("all");
    tcase_add_loop_test(tcase, a_range_has_one_name_however_it_is_written, 0,
                        (int)(sizeof(names) / sizeof(names[0])));
    tcase_add_test(tcase, all_ranges_around_an_address_are_found_the_narrowest_first);
    tcase_add_test(tcase, a_thousand_random_addresses_are_found_as_by_comparing);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
