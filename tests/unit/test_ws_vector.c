/* Vector code against the plain code: the same bytes, the same verdict, the same state afterwards,
 * at every alignment and length, for every instruction set that this machine has. */
#include "common/mem.h"
#include "edge/ws_frame.h"
#include "edge/ws_utf8.h"
#include "edge/ws_vector.h"
#include "tests/support/check_main.h"
#include "tests/support/guard_page.h"
#include "tests/support/rng.h"

#include <check.h>
#include <string.h>

enum { LEN_MAX = 300, ALIGNMENTS = 33, TEXT_MAX = 400 };

/* Loop tests run over the vectors; one that the machine does not have is the same as none. */
static enum ws_vector vector_of(int i)
{
    return i <= (int)ws_vector_best() ? (enum ws_vector)i : WS_VECTOR_NONE;
}

START_TEST(unmasking_is_the_same_at_each_alignment_length_and_phase)
{
    const uint8_t mask[4] = {0x37, 0xFA, 0x21, 0x3D};
    struct rng rng = {5};
    uint8_t plain[LEN_MAX + ALIGNMENTS];
    for (size_t i = 0; i < sizeof(plain); i++) {
        plain[i] = (uint8_t)rng_u64(&rng);
    }
    for (size_t len = 0; len <= LEN_MAX; len++) {
        for (size_t align = 0; align < ALIGNMENTS; align++) {
            uint8_t vector[LEN_MAX + ALIGNMENTS];
            uint8_t scalar[LEN_MAX + ALIGNMENTS];
            memcpy(vector, plain, sizeof(plain));
            memcpy(scalar, plain, sizeof(plain));
            unsigned phase = (unsigned)(len + align) % 4;
            ws_frame_unmask_with(vector_of(_i), vector + align, len, mask, phase);
            ws_frame_unmask_with(WS_VECTOR_NONE, scalar + align, len, mask, phase);
            ck_assert_mem_eq(vector, scalar, sizeof(plain));
        }
    }
}
END_TEST

static void check_text(enum ws_vector vector, struct guard_page *page, struct bytes text)
{
    struct ws_utf8 fast = {0};
    struct ws_utf8 plain = {0};
    bool plain_good = ws_utf8_feed_with(WS_VECTOR_NONE, &plain, text);
    bool fast_good = ws_utf8_feed_with(vector, &fast, guard_page_copy(page, text));
    ck_assert(fast_good == plain_good);
    ck_assert_uint_eq(fast.state, plain.state);
}

struct sample {
    const char *text;
    size_t len;
};

#define SAMPLE(text)                                                                               \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

/* Every kind of character and every kind of fault. */
static const struct sample samples[] = {
    SAMPLE("a"),
    SAMPLE("\x7F"),
    SAMPLE("\xC2\x80"),
    SAMPLE("\xDF\xBF"),
    SAMPLE("\xE0\xA0\x80"),
    SAMPLE("\xED\x9F\xBF"),
    SAMPLE("\xEE\x80\x80"),
    SAMPLE("\xEF\xBF\xBF"),
    SAMPLE("\xF0\x90\x80\x80"),
    SAMPLE("\xF3\xBF\xBF\xBF"),
    SAMPLE("\xF4\x8F\xBF\xBF"),
    SAMPLE("\x80"),
    SAMPLE("\xBF\xBF"),
    SAMPLE("\xC0\x80"),
    SAMPLE("\xC1\xBF"),
    SAMPLE("\xC2"),
    SAMPLE("\xC2\xC2\x80"),
    SAMPLE("\xC2\x80\x80"),
    SAMPLE("\xE0\x9F\xBF"),
    SAMPLE("\xE2\x82"),
    SAMPLE("\xE2\x82\x82\x82"),
    SAMPLE("\xED\xA0\x80"),
    SAMPLE("\xF0\x8F\xBF\xBF"),
    SAMPLE("\xF0\x9F\x98"),
    SAMPLE("\xF0\x9F\x98\x80\x80"),
    SAMPLE("\xF4\x90\x80\x80"),
    SAMPLE("\xF5\x80\x80\x80"),
    SAMPLE("\xF5\x90\x80\x80"),
    SAMPLE("\xF8\x88\x80\x80\x80"),
    SAMPLE("\xFD\xA0\x80\x80"),
    SAMPLE("\xFF"),
};
enum { SAMPLE_COUNT = sizeof(samples) / sizeof(samples[0]) };

/* The sample stands at `at` in ASCII or in two-, three- or four-byte characters. */
static struct bytes text_around(uint8_t *out, size_t at, const struct sample *sample, int filler)
{
    static const char *const fillers[] = {"x", "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
    size_t unit = strlen(fillers[filler]);
    size_t len = 0;
    while (len + unit <= at) {
        memcpy(out + len, fillers[filler], unit);
        len += unit;
    }
    memcpy(out + len, sample->text, sample->len);
    len += sample->len;
    for (int i = 0; i < 70; i++) {
        out[len++] = 'y';
    }
    return bytes_of(out, len);
}

START_TEST(each_character_and_fault_is_judged_the_same_at_each_place)
{
    struct guard_page page = {0};
    uint8_t text[TEXT_MAX];
    for (size_t s = 0; s < SAMPLE_COUNT; s++) {
        for (int filler = 0; filler < 4; filler++) {
            for (size_t at = 0; at < 140; at++) {
                struct bytes whole = text_around(text, at, &samples[s], filler);
                check_text(vector_of(_i), &page, whole);
                /* ends just after the sample, and inside of it */
                check_text(vector_of(_i), &page, bytes_slice(whole, 0, whole.len - 70));
                check_text(vector_of(_i), &page, bytes_slice(whole, 0, whole.len - 71));
            }
        }
    }
    guard_page_free(&page);
}
END_TEST

START_TEST(random_texts_are_judged_the_same_wherever_they_are_cut)
{
    struct rng rng = {(uint64_t)_i + 1};
    struct guard_page page = {0};
    for (int round = 0; round < 3000; round++) {
        uint8_t text[TEXT_MAX];
        size_t len = 0;
        while (len < TEXT_MAX - 8) {
            /* mostly good characters, so that faults are found late */
            uint32_t pick = rng_below(&rng, round % 3 == 0 ? SAMPLE_COUNT : 11);
            memcpy(text + len, samples[pick].text, samples[pick].len);
            len += samples[pick].len;
        }
        struct bytes whole = bytes_of(text, rng_below(&rng, (uint32_t)len));
        size_t cut = rng_below(&rng, (uint32_t)whole.len + 1);
        struct ws_utf8 fast = {0};
        struct ws_utf8 plain = {0};
        bool good = ws_utf8_feed_with(WS_VECTOR_NONE, &plain, whole);
        bool head = ws_utf8_feed_with(vector_of(_i), &fast,
                                      guard_page_copy(&page, bytes_slice(whole, 0, cut)));
        bool tail = ws_utf8_feed_with(vector_of(_i), &fast,
                                      guard_page_copy(&page, bytes_slice(whole, cut, whole.len)));
        ck_assert((head && tail) == good);
        ck_assert_uint_eq(fast.state, plain.state);
    }
    guard_page_free(&page);
}
END_TEST

START_TEST(all_pairs_of_bytes_at_a_step_border_are_judged_the_same)
{
    struct guard_page page = {0};
    uint8_t text[96];
    memset(text, 'z', sizeof(text));
    for (size_t at = 15; at <= 32; at += at == 15 ? 16 : 1) {
        for (unsigned pair = 0; pair < 1U << 16; pair++) {
            text[at] = (uint8_t)(pair >> 8);
            text[at + 1] = (uint8_t)pair;
            struct ws_utf8 fast = {0};
            struct ws_utf8 plain = {0};
            ck_assert(ws_utf8_feed_with(vector_of(_i), &fast, bytes_of(text, sizeof(text))) ==
                      ws_utf8_feed_with(WS_VECTOR_NONE, &plain, bytes_of(text, sizeof(text))));
        }
        memset(text, 'z', sizeof(text));
    }
    guard_page_free(&page);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ws_vector");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, unmasking_is_the_same_at_each_alignment_length_and_phase, 0,
                        WS_VECTOR_COUNT);
    tcase_add_loop_test(tcase, each_character_and_fault_is_judged_the_same_at_each_place, 0,
                        WS_VECTOR_COUNT);
    tcase_add_loop_test(tcase, random_texts_are_judged_the_same_wherever_they_are_cut, 0,
                        WS_VECTOR_COUNT);
    tcase_add_loop_test(tcase, all_pairs_of_bytes_at_a_step_border_are_judged_the_same, 0,
                        WS_VECTOR_COUNT);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
