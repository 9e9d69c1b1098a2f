/* edge/held_inputs: what connections said and is acted upon later. */
#include "common/buf.h"
#include "edge/held_inputs.h"
#include "tests/support/check_main.h"

START_TEST(each_slot_gets_back_what_it_held)
{
    enum { SLOTS = 100 };
    struct held_inputs held;
    held_inputs_init(&held);
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        uint8_t text[2] = {(uint8_t)slot, 7};
        ck_assert_uint_ge(held_inputs_put(&held, slot * 3, bytes_of(text, sizeof(text))), 2);
    }
    for (uint32_t i = 0; i < SLOTS; i++) {
        uint32_t slot = i * 37 % SLOTS;
        struct buf *input = held_inputs_take(&held, slot * 3);
        ck_assert_uint_eq(input->len, 2);
        ck_assert_uint_eq(input->data[0], slot);
        held_inputs_drop(&input);
        ck_assert_ptr_null(input);
    }
    held_inputs_fini(&held);
}
END_TEST

START_TEST(a_slot_may_hold_again)
{
    struct held_inputs held;
    held_inputs_init(&held);
    for (int i = 0; i < 3; i++) {
        held_inputs_put(&held, 9, BYTES_LIT("again"));
        struct buf *input = held_inputs_take(&held, 9);
        ck_assert(bytes_equal(buf_bytes(input), BYTES_LIT("again")));
        held_inputs_drop(&input);
    }
    ck_assert_uint_eq(held.table.count, 0);
    held_inputs_fini(&held);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("held_inputs");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, each_slot_gets_back_what_it_held);
    tcase_add_test(tcase, a_slot_may_hold_again);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
