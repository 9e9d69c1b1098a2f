#include "common/mem.h"
#include "common/spares.h"
#include "tests/support/check_main.h"

#include <string.h>

static uint64_t asked_for(struct spares *spares, size_t size)
{
    uint64_t before = mem_allocations();
    void *block = spares_take(spares, size);
    memset(block, 0xA5, size);
    spares_give(spares, block, size);
    return mem_allocations() - before;
}

START_TEST(what_was_given_back_is_taken_again)
{
    static const size_t sizes[] = {1, 64, 65, 72, 73, 100, 1000, 4097, 100000, SPARES_BLOCK_MAX};
    struct spares spares;
    spares_init(&spares, 1 << 20);
    ck_assert_uint_eq(asked_for(&spares, sizes[_i]), 1);
    ck_assert_uint_eq(asked_for(&spares, sizes[_i]), spares_keeps() ? 0 : 1);
    ck_assert(spares.bytes <= spares.bytes_max);
    spares_fini(&spares);
}
END_TEST

/* Every block that a class gives must hold every size that is rounded up to it. */
START_TEST(a_block_holds_every_size_that_may_get_it)
{
    struct spares spares;
    spares_init(&spares, 1 << 22);
    for (size_t size = SPARES_BLOCK_MAX; size > 300; size -= size / 17) {
        (void)asked_for(&spares, size);
    }
    for (size_t size = 300; size > 0; size--) {
        (void)asked_for(&spares, size);
    }
    for (size_t size = 1; size < SPARES_BLOCK_MAX; size += 1 + size / 19) {
        (void)asked_for(&spares, size); /* the sanitizers look at the memset */
    }
    spares_fini(&spares);
}
END_TEST

START_TEST(blocks_differ_while_both_are_out)
{
    struct spares spares;
    spares_init(&spares, 1 << 20);
    (void)asked_for(&spares, 100);
    void *a = spares_take(&spares, 100);
    void *b = spares_take(&spares, 100);
    ck_assert_ptr_ne(a, b);
    spares_give(&spares, a, 100);
    spares_give(&spares, b, 100);
    spares_fini(&spares);
}
END_TEST

START_TEST(no_more_is_kept_than_allowed_and_other_sizes_make_room)
{
    struct spares spares;
    void *blocks[64];
    spares_init(&spares, 16 * 1024);
    for (size_t i = 0; i < 64; i++) {
        blocks[i] = spares_take(&spares, 1024);
    }
    for (size_t i = 0; i < 64; i++) {
        spares_give(&spares, blocks[i], 1024);
        ck_assert(spares.bytes <= spares.bytes_max);
    }
    ck_assert_uint_eq(asked_for(&spares, 8 * 1024), 1);
    ck_assert_uint_eq(asked_for(&spares, 8 * 1024), spares_keeps() ? 0 : 1);
    ck_assert(spares.bytes <= spares.bytes_max);
    spares_give(&spares, spares_take(&spares, 100 * 1024), 100 * 1024); /* never fits */
    ck_assert(spares.bytes <= spares.bytes_max);
    spares_fini(&spares);
    ck_assert_uint_eq(spares.bytes, 0);
}
END_TEST

START_TEST(without_spares_blocks_are_new_and_freed)
{
    ck_assert_uint_eq(asked_for(NULL, 100), 1);
    ck_assert_uint_eq(asked_for(NULL, 100), 1);
    mem_free(spares_take(NULL, 100));
    struct spares spares;
    spares_init(&spares, 1024);
    spares_give(&spares, NULL, 100);
    spares_give(&spares, spares_take(NULL, 100), 100);
    spares_fini(&spares);
}
END_TEST

START_TEST(every_way_of_asking_is_counted)
{
    uint64_t before = mem_allocations();
    void *block = mem_new(1, 8);
    block = mem_resize(block, 2, 8);
    void *copy = mem_copy(BYTES_LIT("abc"));
    char *text = mem_copy_str(BYTES_LIT("abc"));
    void *tried = mem_try_new(1, 1);
    ck_assert_uint_eq(mem_allocations() - before, 5);
    mem_free(block);
    mem_free(copy);
    mem_free(text);
    mem_free(tried);
    ck_assert_uint_eq(mem_allocations() - before, 5);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("spares");
    TCase *t = tcase_create("spares");
    tcase_add_loop_test(t, what_was_given_back_is_taken_again, 0, 10);
    tcase_add_test(t, a_block_holds_every_size_that_may_get_it);
    tcase_add_test(t, blocks_differ_while_both_are_out);
    tcase_add_test(t, no_more_is_kept_than_allowed_and_other_sizes_make_room);
    tcase_add_test(t, without_spares_blocks_are_new_and_freed);
    tcase_add_test(t, every_way_of_asking_is_counted);
    suite_add_tcase(s, t);
    return check_main(s);
}
