#include "edge/ws_utf8.h"
#include "tests/support/check_main.h"
#include "tests/support/guard_page.h"
#include "tests/support/split.h"

#include <check.h>
#include <stdint.h>

struct row {
    const char *text;
    size_t len;
    int bad_at; /* index of the first byte that cannot belong to UTF-8, or one of these: */
};

enum { VALID = -1, UNFINISHED = -2 };

#define ROW(text, bad_at)                                                                          \
    {                                                                                              \
        text, sizeof(text) - 1, bad_at                                                             \
    }

static const struct row rows[] = {
    ROW("", VALID),
    ROW("a", VALID),
    ROW("12345678", VALID),
    ROW("1234567890abcdefghi", VALID),
    ROW("\0", VALID),
    ROW("\x7F", VALID),
    ROW("\xC2\x80", VALID),
    ROW("\xDF\xBF", VALID),
    ROW("\xE0\xA0\x80", VALID),
    ROW("\xEC\xBF\xBF", VALID),
    ROW("\xED\x9F\xBF", VALID),
    ROW("\xEE\x80\x80", VALID),
    ROW("\xEF\xBF\xBF", VALID),
    ROW("\xF0\x90\x80\x80", VALID),
    ROW("\xF3\xBF\xBF\xBF", VALID),
    ROW("\xF4\x8F\xBF\xBF", VALID),
    ROW("12345678\xC3\xA4"
        "12345678",
        VALID),
    ROW("1234567\xE2\x82\xAC"
        "89012345678",
        VALID),
    /* continuation without a first byte */
    ROW("\x80", 0),
    ROW("\xBF", 0),
    ROW("a\x80", 1),
    ROW("\xC2\x80\x80", 2),
    ROW("12345678\x80", 8),
    ROW("1234567\x80", 7),
    ROW("12345678"
        "1234567\xFF",
        15),
    ROW("12345678\x80"
        "1234567",
        8),
    ROW("12345678"
        "1\x80"
        "123456",
        9),
    ROW("12345678"
        "123456\x80"
        "1",
        14),
    /* overlong forms */
    ROW("\xC0\x80", 0),
    ROW("\xC1\xBF", 0),
    ROW("\xE0\x80\x80", 1),
    ROW("\xE0\x9F\xBF", 1),
    ROW("\xF0\x80\x80\x80", 1),
    ROW("\xF0\x8F\xBF\xBF", 1),
    /* surrogates */
    ROW("\xED\xA0\x80", 1),
    ROW("\xED\xBF\xBF", 1),
    /* above U+10FFFF */
    ROW("\xF4\x90\x80\x80", 1),
    ROW("\xF5\x80\x80\x80", 0),
    ROW("\xF8\x88\x80\x80\x80", 0),
    ROW("\xFE", 0),
    ROW("\xFF", 0),
    /* a character that breaks off */
    ROW("\xC2"
        "a",
        1),
    ROW("\xE2\x82"
        "a",
        2),
    ROW("\xE2"
        "a",
        1),
    ROW("\xF0\x9F\x98"
        "a",
        3),
    ROW("\xF0\x9F"
        "a",
        2),
    ROW("\xC2\xC2\x80", 1),
    ROW("\xE2\x28\xA1", 1),
    ROW("\xC2", UNFINISHED),
    ROW("\xE2\x82", UNFINISHED),
    ROW("\xF0\x9F\x98", UNFINISHED),
    ROW("12345678\xF0", UNFINISHED),
};

static const struct row *current(int i)
{
    return &rows[i];
}

static void check_split(void *ctx, struct bytes head, struct bytes tail)
{
    const struct row *row = ctx;
    struct guard_page pages[2] = {{0}};
    struct ws_utf8 utf8 = {0};
    bool head_good = ws_utf8_feed(&utf8, guard_page_copy(&pages[0], head));
    bool bad_in_head = row->bad_at >= 0 && (size_t)row->bad_at < head.len;
    ck_assert(head_good == !bad_in_head);
    bool good = ws_utf8_feed(&utf8, guard_page_copy(&pages[1], tail));
    ck_assert(good == (row->bad_at < 0));
    ck_assert(ws_utf8_complete(&utf8) == (row->bad_at == VALID));
    guard_page_free(&pages[0]);
    guard_page_free(&pages[1]);
}

START_TEST(each_text_is_judged_at_its_first_bad_byte_wherever_it_is_cut)
{
    struct row row = *current(_i);
    split_each(bytes_of(row.text, row.len), check_split, &row);
    ck_assert(ws_utf8_valid(bytes_of(row.text, row.len)) == (row.bad_at == VALID));
}
END_TEST

/* What RFC 3629 says by code points instead of byte ranges: length of the character, 0 if none. */
static size_t naive_character(const uint8_t *text, size_t len)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = text[0] < 0x80 ? 1 : text[0] >> 5 == 6 ? 2 : text[0] >> 4 == 14 ? 3 : 4;
    if (size == 4 && text[0] >> 3 != 30) {
        return 0;
    }
    uint32_t point = size == 1 ? text[0] : text[0] & (0x7FU >> size);
    for (size_t i = 1; i < size; i++) {
        if (i >= len || text[i] >> 6 != 2) {
            return 0;
        }
        point = point << 6 | (text[i] & 0x3F);
    }
    bool surrogate = point >= 0xD800 && point <= 0xDFFF;
    return point < least[size] || point > 0x10FFFF || surrogate ? 0 : size;
}

static bool naive_valid(const uint8_t *text, size_t len)
{
    size_t at = 0;
    while (at < len) {
        size_t size = naive_character(text + at, len - at);
        if (size == 0) {
            return false;
        }
        at += size;
    }
    return true;
}

START_TEST(all_texts_of_three_bytes_agree_with_a_check_by_code_points)
{
    for (uint32_t value = 0; value < 1U << 24; value++) {
        uint8_t text[3] = {(uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value};
        if (ws_utf8_valid(bytes_of(text, 3)) != naive_valid(text, 3)) {
            ck_abort_msg("%02x %02x %02x", text[0], text[1], text[2]);
        }
    }
}
END_TEST

START_TEST(all_four_byte_beginnings_agree_with_a_check_by_code_points)
{
    for (uint32_t value = 0; value < 1U << 16; value++) {
        uint8_t text[4] = {(uint8_t)(0xE8 | value >> 12), (uint8_t)(value >> 4),
                           (uint8_t)(0x80 | (value & 0xF) << 4), 0x80};
        if (ws_utf8_valid(bytes_of(text, 4)) != naive_valid(text, 4)) {
            ck_abort_msg("%02x %02x %02x", text[0], text[1], text[2]);
        }
    }
}
END_TEST

START_TEST(after_a_bad_byte_nothing_is_valid_any_more)
{
    struct ws_utf8 utf8 = {0};
    ck_assert(!ws_utf8_feed(&utf8, BYTES_LIT("\xFF")));
    ck_assert(!ws_utf8_feed(&utf8, BYTES_LIT("abcdefgh")));
    ck_assert(!ws_utf8_feed(&utf8, BYTES_EMPTY));
    ck_assert(!ws_utf8_complete(&utf8));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ws_utf8");
    TCase *tcase = tcase_create("ws_utf8");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, each_text_is_judged_at_its_first_bad_byte_wherever_it_is_cut, 0,
                        (int)(sizeof(rows) / sizeof(rows[0])));
    tcase_add_test(tcase, all_texts_of_three_bytes_agree_with_a_check_by_code_points);
    tcase_add_test(tcase, all_four_byte_beginnings_agree_with_a_check_by_code_points);
    tcase_add_test(tcase, after_a_bad_byte_nothing_is_valid_any_more);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
