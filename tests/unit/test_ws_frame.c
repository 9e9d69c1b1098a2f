#include "edge/ws_frame.h"
#include "edge/ws_reason.h"
#include "tests/support/check_main.h"
#include "tests/support/guard_page.h"
#include "tests/support/rng.h"

#include <check.h>
#include <string.h>

struct header_row {
    enum ws_opcode opcode;
    uint64_t len;
    struct bytes header;
};

#define HEADER(text)                                                                               \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }

/* RFC 6455 section 5.2: final, not masked, minimal length. */
static const struct header_row header_rows[] = {
    {WS_OP_TEXT, 0, HEADER("\x81\x00")},
    {WS_OP_TEXT, 5, HEADER("\x81\x05")},
    {WS_OP_BINARY, 125, HEADER("\x82\x7D")},
    {WS_OP_BINARY, 126, HEADER("\x82\x7E\x00\x7E")},
    {WS_OP_BINARY, 127, HEADER("\x82\x7E\x00\x7F")},
    {WS_OP_BINARY, 256, HEADER("\x82\x7E\x01\x00")},
    {WS_OP_TEXT, 65535, HEADER("\x81\x7E\xFF\xFF")},
    {WS_OP_TEXT, 65536, HEADER("\x81\x7F\x00\x00\x00\x00\x00\x01\x00\x00")},
    {WS_OP_TEXT, 0x0102030405060708, HEADER("\x81\x7F\x01\x02\x03\x04\x05\x06\x07\x08")},
    {WS_OP_CLOSE, 2, HEADER("\x88\x02")},
    {WS_OP_PING, 0, HEADER("\x89\x00")},
    {WS_OP_PONG, 125, HEADER("\x8A\x7D")},
    {WS_OP_CONTINUATION, 1, HEADER("\x80\x01")},
};

START_TEST(a_header_says_final_unmasked_and_the_shortest_length)
{
    const struct header_row *row = &header_rows[_i];
    uint8_t header[WS_FRAME_HEADER_MAX];
    size_t len = ws_frame_header(header, row->opcode, row->len);
    ck_assert(bytes_equal(bytes_of(header, len), row->header));
}
END_TEST

static void naive_unmask(uint8_t *data, size_t len, const uint8_t mask[4], unsigned phase)
{
    for (size_t i = 0; i < len; i++) {
        data[i] ^= mask[(phase + i) % 4];
    }
}

/* _i is the alignment of the first byte. */
START_TEST(unmasking_equals_the_formula_of_the_rfc_at_each_alignment_length_and_phase)
{
    struct rng rng = {(uint64_t)_i + 1};
    struct guard_page page = {0};
    const uint8_t mask[4] = {0x37, 0xFA, 0x21, 0x3D};
    uint8_t expected[64];
    for (size_t len = 0; len <= sizeof(expected) - 8; len++) {
        for (unsigned phase = 0; phase < 4; phase++) {
            uint8_t plain[64];
            for (size_t i = 0; i < sizeof(plain); i++) {
                plain[i] = (uint8_t)rng_u64(&rng);
            }
            /* The bytes after the last one must stay: `_i` of them stand before the page's end. */
            struct bytes copy = guard_page_copy(&page, bytes_of(plain, len + (size_t)_i));
            uint8_t *data = (uint8_t *)copy.data;
            memcpy(expected, plain, sizeof(plain));
            naive_unmask(expected, len, mask, phase);
            ws_frame_unmask(data, len, mask, phase);
            ck_assert(bytes_equal(copy, bytes_of(expected, copy.len)));
        }
    }
    guard_page_free(&page);
}
END_TEST

START_TEST(unmasking_in_pieces_equals_unmasking_at_once)
{
    const uint8_t mask[4] = {1, 2, 4, 8};
    for (size_t cut = 0; cut <= 40; cut++) {
        uint8_t whole[40] = {0};
        uint8_t pieces[40] = {0};
        ws_frame_unmask(whole, sizeof(whole), mask, 0);
        ws_frame_unmask(pieces, cut, mask, 0);
        ws_frame_unmask(pieces + cut, sizeof(pieces) - cut, mask, cut % 4);
        ck_assert_mem_eq(whole, pieces, sizeof(whole));
    }
}
END_TEST

START_TEST(every_reason_has_a_label_a_help_text_and_a_code_that_may_be_sent)
{
    for (int i = 0; i < WS_REASON_COUNT; i++) {
        enum ws_reason reason = (enum ws_reason)i;
        uint16_t code = ws_reason_code(reason);
        ck_assert_uint_gt(strlen(ws_reason_label(reason)), 0);
        ck_assert_uint_gt(strlen(ws_reason_help(reason)), 0);
        /* It must fit behind the code in a close frame, RFC 6455 section 5.5. */
        ck_assert_uint_le(strlen(ws_reason_help(reason)), WS_CONTROL_PAYLOAD_MAX - 2);
        ck_assert(code == 0 || (code >= 1000 && code <= 4999 && code != 1005 && code != 1006));
    }
}
END_TEST

START_TEST(a_code_of_the_router_finds_its_reason_and_an_unknown_one_is_policy)
{
    ck_assert_int_eq(ws_reason_of_code(4001), WS_REASON_UNAUTHORIZED);
    ck_assert_int_eq(ws_reason_of_code(4003), WS_REASON_KICKED);
    ck_assert_int_eq(ws_reason_of_code(1012), WS_REASON_DRAIN);
    ck_assert_int_eq(ws_reason_of_code(1008), WS_REASON_POLICY);
    ck_assert_int_eq(ws_reason_of_code(0), WS_REASON_POLICY);
    ck_assert_int_eq(ws_reason_of_code(4999), WS_REASON_POLICY);
    ck_assert(ws_reason_is_error(WS_REASON_PROTOCOL));
    ck_assert(!ws_reason_is_error(WS_REASON_CLIENT));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ws_frame");
    TCase *tcase = tcase_create("ws_frame");
    tcase_add_loop_test(tcase, a_header_says_final_unmasked_and_the_shortest_length, 0,
                        (int)(sizeof(header_rows) / sizeof(header_rows[0])));
    tcase_add_loop_test(
        tcase, unmasking_equals_the_formula_of_the_rfc_at_each_alignment_length_and_phase, 0, 8);
    tcase_add_test(tcase, unmasking_in_pieces_equals_unmasking_at_once);
    tcase_add_test(tcase, every_reason_has_a_label_a_help_text_and_a_code_that_may_be_sent);
    tcase_add_test(tcase, a_code_of_the_router_finds_its_reason_and_an_unknown_one_is_policy);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
