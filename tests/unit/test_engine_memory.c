/* The engine contract, as the memory engine keeps it. */
#include "router/engine/engine.h"
#include "tests/support/check_main.h"

START_TEST(each_append_completes_exactly_once_in_the_order_of_the_calls)
{
    struct engine *engine = engine_memory_new(7);
    ck_assert_uint_eq(engine->ops->incarnation(engine), 7);
    ck_assert(!engine->ops->durable(engine));
    struct engine_completion done;
    uint64_t next_append = 1;
    uint64_t next_done = 1;
    /* Uneven steps move the ring's ends past each other and make it grow in between. */
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < round; i++) {
            engine->ops->append(engine, &(struct engine_append){.id = next_append++});
        }
        for (int i = 0; i < round / 2 && engine->ops->poll(engine, &done); i++) {
            ck_assert_uint_eq(done.id, next_done++);
            ck_assert_int_eq(done.result, ENGINE_OK);
        }
    }
    while (engine->ops->poll(engine, &done)) {
        ck_assert_uint_eq(done.id, next_done++);
    }
    ck_assert_uint_eq(next_done, next_append);
    engine->ops->close(&engine);
    ck_assert_ptr_null(engine);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_memory");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, each_append_completes_exactly_once_in_the_order_of_the_calls);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
