#include "tests/bench/load/template.h"
#include "tests/support/check_main.h"

#include <check.h>

static const struct {
    const char *text;
    const char *filled;
} rows[] = {
    {"", ""},
    {"plain", "plain"},
    {"{conn}", "1"},
    {"{conn}{user}{room}{id}", "1234"},
    {"a{room}b", "a3b"},
    {"{\"type\":\"join\",\"room\":\"r{room}\"}", "{\"type\":\"join\",\"room\":\"r3\"}"},
    {"{{room}}", "{3}"},
    {"{unknown} {room", "{unknown} {room"},
    {"{", "{"},
    {"<{stamp}{pad}>", "<STxxx>"},
    {"{roo{room}m}", "{roo3m}"},
    {"Bearer {token}", "Bearer TK"},
};

START_TEST(names_are_filled_in_and_all_else_stays)
{
    const struct template_values values = {
        .numbers = {1, 2, 3, 4}, .stamp = BYTES_LIT("ST"), .token = BYTES_LIT("TK"), .pad = 3};
    struct template *template = template_new(bytes_of_str(rows[_i].text));
    struct buf out;
    buf_init(&out, 0);
    template_fill(template, &values, &out);
    ck_assert(bytes_equal(buf_bytes(&out), bytes_of_str(rows[_i].filled)));
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

int main(void)
{
    Suite *suite = suite_create("load_template");
    TCase *tcase = tcase_create("all");
    tcase_add_loop_test(tcase, names_are_filled_in_and_all_else_stays, 0,
                        sizeof(rows) / sizeof(rows[0]));
    tcase_add_test(tcase, a_template_knows_what_it_has);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
