/* What a token allows: the claim as JSON, its form in sessions, and the answers. */
#include "common/mem.h"
#include "router/rights_json.h"
#include "tests/support/check_main.h"
#include "tests/support/guard_page.h"

#include <check.h>
#include <string.h>

static const char *read_claim(const char *claim, struct buf *out)
{
    struct json_value value;
    ck_assert_msg(json_scan(bytes_of_str(claim), &value), "%s", claim);
    return rights_read(value, out);
}

enum { J = RIGHT_JOIN, P = RIGHT_PUBLISH, H = RIGHT_HISTORY, S = RIGHT_PRESENCE };

static const struct allow_row {
    const char *claim;
    const char *room;
    unsigned given; /* when the policy gives J and P */
} allow_rows[] = {
    {"{}", "any", J | P},
    {"{\"direct\":false}", "any", J | P},
    {"{\"rooms\":{}}", "any", 0},
    {"{\"rooms\":{\"a\":[\"join\"]}}", "a", J},
    {"{\"rooms\":{\"a\":[\"join\"]}}", "ab", 0},
    {"{\"rooms\":{\"a\":[\"join\"]}}", "b", 0},
    {"{\"rooms\":{\"a\":[]}}", "a", 0},
    {"{\"rooms\":{\"*\":[\"join\",\"publish\",\"history\",\"presence\"]}}", "x", J | P | H | S},
    {"{\"rooms\":{\"chat:*\":[\"join\",\"publish\"]}}", "chat:1", J | P},
    {"{\"rooms\":{\"chat:*\":[\"join\",\"publish\"]}}", "chat:", J | P},
    {"{\"rooms\":{\"chat:*\":[\"join\",\"publish\"]}}", "chat", 0},
    {"{\"rooms\":{\"chat:*\":[\"join\",\"publish\"]}}", "xchat:1", 0},
    {"{\"rooms\":{\"*:a\":[\"join\"]}}", "b:a", J},
    {"{\"rooms\":{\"*:a\":[\"join\"]}}", "b:ab", 0},
    {"{\"rooms\":{\"a*b*c\":[\"join\"]}}", "abc", J},
    {"{\"rooms\":{\"a*b*c\":[\"join\"]}}", "abbcbc", J},
    {"{\"rooms\":{\"a*b*c\":[\"join\"]}}", "abcb", 0},
    {"{\"rooms\":{\"a**\":[\"join\"]}}", "a", J},
    {"{\"rooms\":{\"\\u0061\":[\"jo\\u0069n\"]}}", "a", J},
    {"{\"rooms\":{\"*\":[\"join\"],\"news:*\":[\"history\"]}}", "news:1", J | H},
    {"{\"rooms\":{\"*\":[\"join\"],\"news:*\":[\"history\"]}}", "other", J},
    {"{\"rooms\":{\"a\":[\"join\",\"join\"]}}", "a", J},
};

START_TEST(a_room_has_the_rights_of_all_patterns_that_match_it)
{
    const struct allow_row *row = &allow_rows[_i];
    struct buf rights;
    buf_init(&rights, 0);
    const char *why = read_claim(row->claim, &rights);
    ck_assert_msg(why == NULL, "%s: %s", row->claim, why);
    ck_assert(rights_valid(buf_bytes(&rights)));
    for (unsigned wanted = 0; wanted <= RIGHTS_ALL; wanted++) {
        bool may = rights_allow(buf_bytes(&rights), bytes_of_str(row->room), wanted, J | P);
        ck_assert_msg(may == ((wanted & ~row->given) == 0), "%s %s %u", row->claim, row->room,
                      wanted);
    }
    buf_fini(&rights);
}
END_TEST

START_TEST(a_token_without_rights_leaves_it_to_the_policy)
{
    ck_assert(rights_valid(BYTES_EMPTY));
    ck_assert(rights_direct(BYTES_EMPTY));
    ck_assert(rights_allow(BYTES_EMPTY, BYTES_LIT("r"), J, J));
    ck_assert(!rights_allow(BYTES_EMPTY, BYTES_LIT("r"), J | P, J));
    ck_assert_uint_eq(rights_info(BYTES_EMPTY).len, 0);
}
END_TEST

static const struct other_row {
    const char *claim;
    bool direct;
    const char *info;
} other_rows[] = {
    {"{}", true, ""},
    {"{\"direct\":true}", true, ""},
    {"{\"direct\":false,\"rooms\":{\"a\":[\"join\"],\"bc\":[]}}", false, ""},
    {"{\"info\": {\"name\":\"Al\\u0069ce\", \"n\":1.50} }", true,
     "{\"name\":\"Al\\u0069ce\", \"n\":1.50}"},
    {"{\"info\":null,\"rooms\":{\"a\":[\"join\"]}}", true, "null"},
};

START_TEST(direct_messages_and_info_are_as_the_token_says)
{
    const struct other_row *row = &other_rows[_i];
    struct buf rights;
    buf_init(&rights, 0);
    ck_assert_ptr_null(read_claim(row->claim, &rights));
    ck_assert(rights_direct(buf_bytes(&rights)) == row->direct);
    ck_assert(bytes_equal(rights_info(buf_bytes(&rights)), bytes_of_str(row->info)));
    buf_fini(&rights);
}
END_TEST

static const char *const bad_claims[] = {
    "null",
    "[]",
    "\"admin\"",
    "{\"room\":{}}",
    "{\"rooms\":[]}",
    "{\"rooms\":null}",
    "{\"rooms\":{},\"rooms\":{}}",
    "{\"rooms\":{},\"ro\\u006fms\":{}}",
    "{\"rooms\":{\"a\":\"join\"}}",
    "{\"rooms\":{\"a\":[\"Join\"]}}",
    "{\"rooms\":{\"a\":[\"admin\"]}}",
    "{\"rooms\":{\"a\":[1]}}",
    "{\"rooms\":{\"\":[\"join\"]}}",
    "{\"rooms\":{\"\\ud800\":[\"join\"]}}",
    "{\"direct\":\"no\"}",
    "{\"direct\":0}",
    "{\"direct\":null}",
    "{\"info\":1,\"info\":2}",
};

START_TEST(what_is_not_understood_refuses_the_token)
{
    struct buf rights;
    buf_init(&rights, 0);
    ck_assert_ptr_nonnull(read_claim(bad_claims[_i], &rights));
    buf_fini(&rights);
}
END_TEST

/* At the limit and one above it: patterns, their length, the info. */
START_TEST(limits_hold)
{
    for (size_t over = 0; over < 2; over++) {
        struct buf claim;
        struct buf rights;
        buf_init(&claim, 0);
        buf_init(&rights, 0);
        buf_append_str(&claim, "{\"rooms\":{");
        for (size_t i = 0; i < RIGHTS_ROOMS_MAX + (_i == 0 ? over : 0); i++) {
            buf_append_str(&claim, i == 0 ? "\"" : ",\"");
            buf_append_u64(&claim, 10 + i);
            for (size_t k = 2; k < RIGHTS_PATTERN_MAX + (_i == 1 ? over : 0); k++) {
                buf_append_byte(&claim, '*');
            }
            buf_append_str(&claim, "\":[\"join\"]");
        }
        buf_append_str(&claim, "},\"info\":\"");
        for (size_t k = 2; k < RIGHTS_INFO_MAX + (_i == 2 ? over : 0); k++) {
            buf_append_byte(&claim, 'i');
        }
        buf_append_str(&claim, "\"}");
        buf_append_byte(&claim, 0);
        const char *why = read_claim((const char *)claim.data, &rights);
        ck_assert_msg((why == NULL) == (over == 0), "%s", why);
        if (over == 0) {
            ck_assert_uint_eq(rights.len, RIGHTS_BYTES_MAX);
            ck_assert(rights_valid(buf_bytes(&rights)));
            ck_assert(!rights_allow(buf_bytes(&rights), BYTES_LIT("none"), J, 0));
        }
        buf_fini(&rights);
        buf_fini(&claim);
    }
}
END_TEST

/* They come back from edges, which are not believed. */
START_TEST(cut_or_changed_ones_are_found_invalid_or_are_answered_within_their_bytes)
{
    struct buf rights;
    struct guard_page page = {0};
    buf_init(&rights, 0);
    ck_assert_ptr_null(
        read_claim("{\"rooms\":{\"chat:*\":[\"join\"],\"b\":[\"publish\"]},\"info\":17}", &rights));
    for (size_t len = 0; len <= rights.len; len++) {
        for (size_t at = 0; at < rights.len; at++) {
            for (int bit = 0; bit < 9; bit++) {
                uint8_t whole[64];
                memcpy(whole, rights.data, rights.len);
                whole[at] = (uint8_t)(whole[at] ^ (bit == 8 ? 0 : 1 << bit));
                struct bytes cut = guard_page_copy(&page, bytes_of(whole, len));
                if (rights_valid(cut)) {
                    (void)rights_allow(cut, BYTES_LIT("chat:1"), J, 0);
                    (void)rights_info(cut);
                }
                guard_page_free(&page);
            }
        }
    }
    buf_fini(&rights);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rights");
    TCase *tcase = tcase_create("rights");
    tcase_add_loop_test(tcase, a_room_has_the_rights_of_all_patterns_that_match_it, 0,
                        sizeof(allow_rows) / sizeof(allow_rows[0]));
    tcase_add_test(tcase, a_token_without_rights_leaves_it_to_the_policy);
    tcase_add_loop_test(tcase, direct_messages_and_info_are_as_the_token_says, 0,
                        sizeof(other_rows) / sizeof(other_rows[0]));
    tcase_add_loop_test(tcase, what_is_not_understood_refuses_the_token, 0,
                        sizeof(bad_claims) / sizeof(bad_claims[0]));
    tcase_add_loop_test(tcase, limits_hold, 0, 3);
    tcase_add_test(tcase, cut_or_changed_ones_are_found_invalid_or_are_answered_within_their_bytes);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
