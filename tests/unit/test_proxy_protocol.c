#include "common/buf.h"
#include "edge/proxy_protocol.h"
#include "tests/support/check_main.h"
#include "tests/support/guard_page.h"
#include "tests/support/split.h"

#include <check.h>

#define SIG "\r\n\r\n\0\r\nQUIT\n"
#define V4 "\xC6\x33\x64\x07\x0A\x00\x00\x01\x12\x34\x00\x50" /* 198.51.100.7 to 10.0.0.1 */
#define V6_SOURCE "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07"
#define V6 V6_SOURCE V6_SOURCE "\x12\x34\x00\x50"
#define TEN "0123456789"
#define UNIX_BLOCK                                                                                 \
    TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "123456"

static const struct {
    struct bytes input;
    const char *source; /* NULL: nobody is spoken for */
} good_rows[] = {
    {BYTES_INIT(SIG "\x21\x11\x00\x0C" V4), "198.51.100.7"},
    {BYTES_INIT(SIG "\x21\x21\x00\x24" V6), "2001:db8::7"},
    {BYTES_INIT(SIG "\x21\x11\x00\x13" V4 "\x04\x00\x04\x01\x02\x03\x04"), "198.51.100.7"},
    {BYTES_INIT(SIG "\x21\x11\x00\x0D" V4 "\x04"), "198.51.100.7"}, /* what follows is not read */
    {BYTES_INIT(SIG "\x20\x00\x00\x00"), NULL},                     /* LOCAL: a health check */
    {BYTES_INIT(SIG "\x20\x11\x00\x0C" V4), NULL},
    {BYTES_INIT(SIG "\x20\x11\x00\x00"), NULL},
    {BYTES_INIT(SIG "\x21\x00\x00\x00"), NULL}, /* PROXY, unspecified */
    {BYTES_INIT(SIG "\x21\x00\x00\x03"
                    "abc"),
     NULL},
    {BYTES_INIT(SIG "\x21\x12\x00\x0C" V4), NULL}, /* UDP */
    {BYTES_INIT(SIG "\x21\x22\x00\x24" V6), NULL},
    {BYTES_INIT(SIG "\x21\x31\x00\xD8" UNIX_BLOCK), NULL},
};

static void assert_good(int row, struct bytes input)
{
    struct proxy_header header;
    char text[ADDRESS_TEXT_MAX];
    ck_assert_int_eq(proxy_protocol_parse(input, &header), PROXY_DONE);
    ck_assert_uint_eq(header.len, good_rows[row].input.len);
    ck_assert_int_eq(header.known, good_rows[row].source != NULL);
    if (header.known) {
        address_text(&header.source, text);
        ck_assert_str_eq(text, good_rows[row].source);
    }
}

/* The head alone is incomplete and asks for no byte that is not the header's. */
static void feed_split(void *ctx, struct bytes head, struct bytes tail)
{
    struct guard_page *page = ctx;
    struct proxy_header header;
    struct bytes input = guard_page_copy(page, head);
    if (tail.len != 0) {
        ck_assert_int_eq(proxy_protocol_parse(input, &header), PROXY_INCOMPLETE);
        ck_assert_uint_ge(header.wanted, 1);
        ck_assert_uint_le(header.wanted, tail.len);
    }
}

START_TEST(a_header_tells_the_client_and_never_asks_for_bytes_behind_it)
{
    struct guard_page page = {0};
    split_each(good_rows[_i].input, feed_split, &page);
    assert_good(_i, guard_page_copy(&page, good_rows[_i].input));
    guard_page_free(&page);
}
END_TEST

START_TEST(what_follows_the_header_belongs_to_others)
{
    struct buf whole;
    buf_init(&whole, 0);
    buf_append(&whole, good_rows[_i].input);
    buf_append_str(&whole, "GET /");
    assert_good(_i, buf_bytes(&whole));
    buf_fini(&whole);
}
END_TEST

START_TEST(reading_what_is_wanted_ends_exactly_behind_the_header)
{
    struct bytes input = good_rows[_i].input;
    struct proxy_header header = {.wanted = 0};
    size_t have = 0;
    unsigned calls = 0;
    while (proxy_protocol_parse(bytes_slice(input, 0, have), &header) == PROXY_INCOMPLETE) {
        have += header.wanted;
        calls++;
    }
    ck_assert_uint_eq(have, input.len);
    ck_assert_uint_le(calls, 2);
}
END_TEST

static const struct {
    struct bytes input;
    size_t seen_at; /* malformed as soon as so many bytes are there */
} bad_rows[] = {
    {BYTES_INIT("GET / HTTP/1.1\r\n"), 1},
    {BYTES_INIT("\x16\x03\x01\x02\x00"), 1},
    {BYTES_INIT("PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n"), 1}, /* version 1 */
    {BYTES_INIT("\r\n\r\n\0\r\nQUIT\r"), 12},
    {BYTES_INIT("\r\n\r\n\r"), 5},
    {BYTES_INIT(SIG "\x11"), 13}, /* version 1 in version 2's form */
    {BYTES_INIT(SIG "\x22"), 13}, /* unknown command */
    {BYTES_INIT(SIG "\x2F"), 13},
    {BYTES_INIT(SIG "\x21\x41"), 14}, /* unknown family */
    {BYTES_INIT(SIG "\x21\x13"), 14}, /* unknown transport */
    {BYTES_INIT(SIG "\x21\x10"), 14},
    {BYTES_INIT(SIG "\x21\x11\x00\x0B"), 16}, /* too short for its family */
    {BYTES_INIT(SIG "\x21\x21\x00\x0C"), 16},
    {BYTES_INIT(SIG "\x21\x31\x00\xD7"), 16},
    {BYTES_INIT(SIG "\x21\x11\x0F\xF1"), 16}, /* one byte above the limit */
    {BYTES_INIT(SIG "\x20\x00\xFF\xFF"), 16},
};

START_TEST(the_first_wrong_byte_ends_it)
{
    struct guard_page page = {0};
    struct proxy_header header;
    for (size_t len = 0; len <= bad_rows[_i].input.len; len++) {
        struct bytes input = guard_page_copy(&page, bytes_slice(bad_rows[_i].input, 0, len));
        ck_assert_int_eq(proxy_protocol_parse(input, &header),
                         len < bad_rows[_i].seen_at ? PROXY_INCOMPLETE : PROXY_MALFORMED);
    }
    guard_page_free(&page);
}
END_TEST

START_TEST(a_header_of_the_greatest_length_passes)
{
    static uint8_t input[PROXY_HEADER_MAX];
    struct bytes prefix = BYTES_LIT(SIG "\x21\x11\x0F\xF0" V4);
    struct proxy_header header;
    memcpy(input, prefix.data, prefix.len);
    ck_assert_int_eq(proxy_protocol_parse(bytes_of(input, sizeof(input)), &header), PROXY_DONE);
    ck_assert_uint_eq(header.len, sizeof(input));
    ck_assert(header.known);
}
END_TEST

#define ROWS(table) ((int)(sizeof(table) / sizeof((table)[0])))

int main(void)
{
    Suite *suite = suite_create("proxy_protocol");
    TCase *tcase = tcase_create("all");
    tcase_add_loop_test(tcase, a_header_tells_the_client_and_never_asks_for_bytes_behind_it, 0,
                        ROWS(good_rows));
    tcase_add_loop_test(tcase, what_follows_the_header_belongs_to_others, 0, ROWS(good_rows));
    tcase_add_loop_test(tcase, reading_what_is_wanted_ends_exactly_behind_the_header, 0,
                        ROWS(good_rows));
    tcase_add_loop_test(tcase, the_first_wrong_byte_ends_it, 0, ROWS(bad_rows));
    tcase_add_test(tcase, a_header_of_the_greatest_length_passes);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
