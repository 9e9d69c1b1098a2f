#include "tests/bench/load/template.h"
#include "tests/support/check_main.h"

#include <check.h>

#define FILLED(text) text, sizeof(text) - 1

static const struct {
    const char *text;
    const char *filled;
    size_t len;
} rows[] = {
    {"", FILLED("")},
    {"plain", FILLED("plain")},
    {"{conn}", FILLED("1")},
    {"{conn}{user}{room}{id}", FILLED("1234")},
    {"a{room}b", FILLED("a3b")},
    {"{\"type\":\"join\",\"room\":\"r{room}\"}", FILLED("{\"type\":\"join\",\"room\":\"r3\"}")},
    {"{{room}}", FILLED("{3}")},
    {"{unknown} {room", FILLED("{unknown} {room")},
    {"{", FILLED("{")},
    {"<{stamp}{pad}>", FILLED("<STxxx>")},
    {"{roo{room}m}", FILLED("{roo3m}")},
    {"{peer}{bytes}", FILLED("56")},
    {"<{varint[}abc{]}>", FILLED("<\003abc>")},
    {"{varint[}{u16[}to{]}{stamp}{]}", FILLED("\006\000\002toST")},
    {"{u16[}{]}", FILLED("\000\000")},
    {"{]}a{]}", FILLED("a")},
    {"{u16[}never closed", FILLED("never closed")},
    {"{varint[}{varint[}{varint[}{varint[}{varint[}x{]}{]}{]}{]}{]}", FILLED("\004\003\002\001x")},
    {"Bearer {token}", FILLED("Bearer TK")},
};

START_TEST(names_are_filled_in_and_all_else_stays)
{
    const struct template_values values = {.numbers = {1, 2, 3, 4, 5, 6},
                                           .stamp = BYTES_LIT("ST"),
                                           .token = BYTES_LIT("TK"),
                                           .pad = 3};
    struct template *template = template_new(bytes_of_str(rows[_i].text));
    struct buf out;
    buf_init(&out, 0);
    template_fill(template, &values, &out);
    ck_assert(bytes_equal(buf_bytes(&out), bytes_of(rows[_i].filled, rows[_i].len)));
    buf_fini(&out);
    template_free(&template);
    ck_assert_ptr_null(template);
}
END_TEST

START_TEST(a_template_knows_what_it_has)
{
    struct template *template = template_new(BYTES_LIT("{stamp} {room} {pa}"));
    ck_assert(template_has(template, TEMPLATE_STAMP));
    ck_assert(template_has(template, TEMPLATE_ROOM));
    ck_assert(!template_has(template, TEMPLATE_PAD));
    ck_assert(!template_has(template, TEMPLATE_CONN));
    template_free(&template);
}
END_TEST

START_TEST(lengths_from_128_on_take_two_bytes)
{
    const struct template_values values = {.stamp = BYTES_LIT(""), .pad = 300};
    struct template *template = template_new(BYTES_LIT("{varint[}{pad}{]}"));
    struct buf out;
    buf_init(&out, 0);
    template_fill(template, &values, &out);
    ck_assert_uint_eq(out.len, 302);
    ck_assert_uint_eq(out.data[0], 0x80 | (300 & 0x7F));
    ck_assert_uint_eq(out.data[1], 300 >> 7);
    ck_assert_uint_eq(out.data[2], 'x');
    buf_fini(&out);
    template_free(&template);
}
END_TEST

static const struct {
    const char *text;
    struct bytes bytes;
} escapes[] = {
    {"", BYTES_INIT("")},
    {"plain", BYTES_INIT("plain")},
    {"a\\r\\nb", BYTES_INIT("a\r\nb")},
    {"\\x00\\xfF\\\\", BYTES_INIT("\0\xff\\")},
    {"\\q\\x1\\xg0\\", BYTES_INIT("\\q\\x1\\xg0\\")},
};

START_TEST(escapes_stand_for_bytes_and_anything_else_for_itself)
{
    struct buf out;
    buf_init(&out, 0);
    template_unescape(bytes_of_str(escapes[_i].text), &out);
    ck_assert(bytes_equal(buf_bytes(&out), escapes[_i].bytes));
    buf_fini(&out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("load_template");
    TCase *tcase = tcase_create("all");
    tcase_add_loop_test(tcase, names_are_filled_in_and_all_else_stays, 0,
                        sizeof(rows) / sizeof(rows[0]));
    tcase_add_test(tcase, lengths_from_128_on_take_two_bytes);
    tcase_add_loop_test(tcase, escapes_stand_for_bytes_and_anything_else_for_itself, 0,
                        sizeof(escapes) / sizeof(escapes[0]));
    tcase_add_test(tcase, a_template_knows_what_it_has);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
