#include "common/buf.h"
#include "common/mem.h"
#include "tests/support/check_main.h"

#include <check.h>

START_TEST(appended_bytes_are_kept_in_order)
{
    struct buf buf;
    buf_init(&buf, 0);
    buf_append(&buf, BYTES_LIT("one "));
    buf_append(&buf, BYTES_EMPTY);
    buf_append_str(&buf, "two");
    buf_append_byte(&buf, '!');
    ck_assert(bytes_equal(buf_bytes(&buf), BYTES_LIT("one two!")));
    buf_fini(&buf);
}
END_TEST

START_TEST(growth_past_the_maximum_drops_the_write_and_is_remembered)
{
    struct buf buf;
    buf_init(&buf, 8);
    buf_append(&buf, BYTES_LIT("12345678"));
    ck_assert(buf_ok(&buf));
    buf_append_byte(&buf, '9');
    ck_assert(!buf_ok(&buf));
    ck_assert(bytes_equal(buf_bytes(&buf), BYTES_LIT("12345678")));
    buf_consume(&buf, 8);
    buf_append_byte(&buf, 'x');
    ck_assert_msg(buf.len == 0, "a buffer with a hole must not go on");
    buf_clear(&buf);
    ck_assert(buf_ok(&buf));
    ck_assert_ptr_null(buf_extend(&buf, SIZE_MAX));
    buf_fini(&buf);
}
END_TEST

static const struct {
    uint64_t value;
    const char *decimal;
    unsigned digits_min;
    const char *hex;
} numbers[] = {
    {0, "0", 0, "0"},
    {0, "0", 4, "0000"},
    {10, "10", 1, "a"},
    {255, "255", 16, "00000000000000ff"},
    {UINT64_MAX, "18446744073709551615", 3, "ffffffffffffffff"},
};

START_TEST(numbers_are_written_in_decimal_and_hexadecimal)
{
    struct buf buf;
    buf_init(&buf, 0);
    buf_append_u64(&buf, numbers[_i].value);
    ck_assert(bytes_equal(buf_bytes(&buf), bytes_of_str(numbers[_i].decimal)));
    buf_clear(&buf);
    buf_append_hex(&buf, numbers[_i].value, numbers[_i].digits_min);
    ck_assert(bytes_equal(buf_bytes(&buf), bytes_of_str(numbers[_i].hex)));
    buf_fini(&buf);
}
END_TEST

START_TEST(consumed_bytes_leave_the_rest_at_the_front)
{
    struct buf buf;
    buf_init(&buf, 0);
    buf_append_str(&buf, "abcdef");
    buf_consume(&buf, 0);
    buf_consume(&buf, 4);
    ck_assert(bytes_equal(buf_bytes(&buf), BYTES_LIT("ef")));
    buf_consume(&buf, 2);
    ck_assert_uint_eq(buf.len, 0);
    buf_fini(&buf);
}
END_TEST

START_TEST(taken_bytes_belong_to_the_caller)
{
    struct buf buf;
    size_t len = 9;
    buf_init(&buf, 0);
    uint8_t *nothing = buf_take(&buf, &len);
    ck_assert_ptr_nonnull(nothing);
    ck_assert_uint_eq(len, 0);
    buf_append_str(&buf, "mine");
    uint8_t *taken = buf_take(&buf, &len);
    ck_assert_uint_eq(len, 4);
    ck_assert_mem_eq(taken, "mine", 4);
    ck_assert_uint_eq(buf.len, 0);
    mem_free(nothing);
    mem_free(taken);
    buf_fini(&buf);
}
END_TEST

START_TEST(slices_and_comparisons_stay_inside_their_bytes)
{
    struct bytes hello = BYTES_LIT("hello");
    ck_assert(bytes_equal(bytes_slice(hello, 1, 3), BYTES_LIT("ell")));
    ck_assert(bytes_equal(bytes_slice(hello, 3, SIZE_MAX), BYTES_LIT("lo")));
    ck_assert_uint_eq(bytes_slice(hello, SIZE_MAX, 1).len, 0);
    ck_assert_uint_eq(bytes_slice(BYTES_EMPTY, 1, 1).len, 0);
    ck_assert_int_lt(bytes_compare(BYTES_LIT("hell"), hello), 0);
    ck_assert_int_gt(bytes_compare(BYTES_LIT("\xff"), BYTES_LIT("a")), 0);
    ck_assert_int_eq(bytes_compare(hello, hello), 0);
    ck_assert(bytes_starts_with(hello, BYTES_EMPTY));
    ck_assert(!bytes_starts_with(BYTES_LIT("he"), hello));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("buf");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, appended_bytes_are_kept_in_order);
    tcase_add_test(tcase, growth_past_the_maximum_drops_the_write_and_is_remembered);
    tcase_add_loop_test(tcase, numbers_are_written_in_decimal_and_hexadecimal, 0,
                        (int)(sizeof(numbers) / sizeof(numbers[0])));
    tcase_add_test(tcase, consumed_bytes_leave_the_rest_at_the_front);
    tcase_add_test(tcase, taken_bytes_belong_to_the_caller);
    tcase_add_test(tcase, slices_and_comparisons_stay_inside_their_bytes);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
