/* The forms of one delivery: each row is payloads and what a recipient of each kind gets. */
#include "common/mem.h"
#include "edge/edge_metrics.h"
#include "edge/edge_options.h"
#include "edge/edge_state.h"
#include "edge/frames.h"
#include "edge/ws_deflate.h"
#include "edge/ws_frame.h"
#include "tests/support/check_main.h"

#include <check.h>
#include <string.h>

enum { PAYLOADS_MAX = 3, COMPRESSION_MIN = 20, RSV1 = 0x40, FIN = 0x80 };

#define LONG "what is said twice, what is said twice, what is said twice"
#define NOISE "qX7#b!z0Rk~9Lw@2mV^c5Tj&8Hs%1"

struct bed {
    struct edge_options options;
    struct edge edge;
    struct ws_inflaters *inflaters;
};

static void bed_init(struct bed *bed)
{
    static const struct out_callbacks nothing = {NULL};
    *bed = (struct bed){.options = {.compression_min = COMPRESSION_MIN}};
    bed->edge.options = &bed->options;
    bed->edge.metrics = edge_metrics_new("test");
    bed->edge.out = out_batch_new(&nothing, NULL);
    bed->edge.deflaters = ws_deflaters_new();
    bed->inflaters = ws_inflaters_new();
}

static void bed_fini(struct bed *bed)
{
    metrics_free(&bed->edge.metrics);
    out_batch_free(&bed->edge.out);
    ws_deflaters_free(&bed->edge.deflaters);
    ws_inflaters_free(&bed->inflaters);
}

static void append_inflated(struct ws_inflater *inflater, struct bytes payload, struct buf *out)
{
    struct bytes chunk = BYTES_EMPTY;
    for (int part = 0; part < 2; part++) {
        if (part == 0) {
            ws_inflater_feed(inflater, payload);
        } else {
            ws_inflater_feed_end(inflater);
        }
        do {
            ck_assert(ws_inflater_read(inflater, &chunk));
            buf_append(out, chunk);
        } while (chunk.len != 0);
    }
    ck_assert(ws_inflater_complete(inflater));
    ws_inflater_next_message(inflater);
}

/* Appends "text(…)", "TEXT(…)" when compressed, the same with binary, as a client reads them. The
 * context goes from frame to frame when `context` is given. */
static void append_read(struct bed *bed, struct bytes form, struct ws_inflater *context,
                        struct buf *out)
{
    while (form.len != 0) {
        ck_assert_uint_ge(form.len, 2);
        unsigned opcode = form.data[0] & 0x0F;
        size_t len = form.data[1];
        ck_assert_uint_eq(form.data[0] & ~(unsigned)RSV1, FIN | opcode);
        ck_assert_uint_lt(len, 126); /* the rows are short */
        bool deflated = (form.data[0] & RSV1) != 0;
        struct bytes payload = bytes_slice(form, 2, len);
        ck_assert_uint_eq(payload.len, len);
        buf_append_str(out, opcode == WS_OP_TEXT ? (deflated ? "TEXT(" : "text(")
                                                 : (deflated ? "BINARY(" : "binary("));
        if (deflated) {
            struct ws_inflater *inflater =
                context != NULL ? context : ws_inflater_take(bed->inflaters, NULL);
            append_inflated(inflater, payload, out);
            if (context == NULL) {
                ws_inflater_give(&inflater);
            }
        } else {
            buf_append(out, payload);
        }
        buf_append_str(out, ")");
        form = bytes_slice(form, 2 + len, form.len);
    }
}

struct row {
    const char *name;
    const char *payloads[PAYLOADS_MAX];
    bool binary;
    const char *plain;  /* to those without compression */
    const char *packed; /* with it */
    const char *own;    /* with a context of their own */
};

static const struct row rows[] = {
    {"one that gains", {LONG}, false, "text(" LONG ")", "TEXT(" LONG ")", "TEXT(" LONG ")"},
    {"binary", {LONG}, true, "binary(" LONG ")", "BINARY(" LONG ")", "BINARY(" LONG ")"},
    {"shorter than the minimum",
     {"aaaaaaaaaaaaaaaaaaa"},
     false,
     "text(aaaaaaaaaaaaaaaaaaa)",
     "text(aaaaaaaaaaaaaaaaaaa)",
     "text(aaaaaaaaaaaaaaaaaaa)"},
    {"just the minimum",
     {"aaaaaaaaaaaaaaaaaaaa"},
     false,
     "text(aaaaaaaaaaaaaaaaaaaa)",
     "TEXT(aaaaaaaaaaaaaaaaaaaa)",
     "TEXT(aaaaaaaaaaaaaaaaaaaa)"},
    /* What enters a context must be sent: later messages may refer to it. */
    {"one that gains nothing",
     {NOISE},
     false,
     "text(" NOISE ")",
     "text(" NOISE ")",
     "TEXT(" NOISE ")"},
    {"an empty one", {""}, false, "text()", "text()", "text()"},
    {"each for itself, in order",
     {"short", LONG, NOISE},
     false,
     "text(short)text(" LONG ")text(" NOISE ")",
     "text(short)TEXT(" LONG ")text(" NOISE ")",
     "text(short)TEXT(" LONG ")TEXT(" NOISE ")"},
    {"the same again",
     {LONG, LONG},
     false,
     "text(" LONG ")text(" LONG ")",
     "TEXT(" LONG ")TEXT(" LONG ")",
     "TEXT(" LONG ")TEXT(" LONG ")"},
};

static void start(struct frames *frames, struct bed *bed, const struct row *row,
                  struct bytes payloads[PAYLOADS_MAX])
{
    size_t count = 0;
    while (count < PAYLOADS_MAX && row->payloads[count] != NULL) {
        payloads[count] = bytes_of_str(row->payloads[count]);
        count++;
    }
    frames_init(frames, &bed->edge, payloads, count, row->binary);
}

static void expect(struct bed *bed, const struct blob *form, struct ws_inflater *context,
                   const char *wanted, const char *name)
{
    struct buf got;
    buf_init(&got, 0);
    append_read(bed, blob_bytes(form), context, &got);
    ck_assert_msg(bytes_equal(buf_bytes(&got), bytes_of_str(wanted)), "%s: %.*s", name,
                  (int)got.len, (const char *)got.data);
    buf_fini(&got);
}

START_TEST(each_recipient_gets_the_form_that_it_can_read)
{
    const struct row *row = &rows[_i];
    struct bytes payloads[PAYLOADS_MAX];
    struct frames frames;
    struct bed bed;
    bed_init(&bed);
    start(&frames, &bed, row, payloads);
    struct ws_deflater *deflater = ws_deflater_new(bed.edge.deflaters, 15);
    struct ws_inflater *inflater = ws_inflater_keep(bed.inflaters, 15);
    struct blob *own = frames_own(&frames, deflater);
    expect(&bed, frames_for(&frames, 0), NULL, row->plain, row->name);
    for (unsigned bits = WS_WINDOW_BITS_MIN; bits <= WS_WINDOW_BITS_MAX; bits++) {
        expect(&bed, frames_for(&frames, bits), NULL, row->packed, row->name);
    }
    expect(&bed, own, inflater, row->own, row->name);
    blob_unref(&own);
    ws_inflater_give(&inflater);
    ws_deflater_free(&deflater);
    frames_fini(&frames);
    bed_fini(&bed);
}
END_TEST

START_TEST(a_form_is_made_once_and_shared)
{
    struct bytes payloads[PAYLOADS_MAX];
    struct frames frames;
    struct bed bed;
    bed_init(&bed);
    start(&frames, &bed, &rows[0], payloads);
    struct blob *plain = frames_for(&frames, 0);
    struct blob *packed = frames_for(&frames, 15);
    struct blob *narrow = frames_for(&frames, 9);
    ck_assert_ptr_ne(plain, packed);
    ck_assert_ptr_ne(narrow, packed);
    ck_assert_ptr_eq(frames_for(&frames, 0), plain);
    ck_assert_ptr_eq(frames_for(&frames, 15), packed);
    ck_assert_ptr_eq(frames_for(&frames, 9), narrow);
    ck_assert_uint_eq(packed->refs, 1);
    struct blob *queued = blob_ref(packed);
    frames_fini(&frames);
    ck_assert_uint_eq(queued->refs, 1); /* what waits for a client outlives the delivery */
    blob_unref(&queued);
    bed_fini(&bed);
}
END_TEST

START_TEST(where_nothing_gains_all_share_the_plain_form)
{
    struct bytes payloads[PAYLOADS_MAX];
    struct frames frames;
    struct bed bed;
    bed_init(&bed);
    start(&frames, &bed, &rows[4], payloads);
    ck_assert_ptr_eq(frames_for(&frames, 15), frames_for(&frames, 0));
    frames_fini(&frames);
    start(&frames, &bed, &rows[2], payloads);
    struct ws_deflater *deflater = ws_deflater_new(bed.edge.deflaters, 9);
    struct blob *own = frames_own(&frames, deflater);
    ck_assert_ptr_eq(own, frames_for(&frames, 0));
    blob_unref(&own);
    ws_deflater_free(&deflater);
    frames_fini(&frames);
    bed_fini(&bed);
}
END_TEST

START_TEST(in_a_context_the_second_delivery_is_much_shorter)
{
    struct bytes payloads[PAYLOADS_MAX];
    struct frames frames;
    struct bed bed;
    size_t lens[2];
    bed_init(&bed);
    struct ws_deflater *deflater = ws_deflater_new(bed.edge.deflaters, 9);
    struct ws_inflater *inflater = ws_inflater_keep(bed.inflaters, 9);
    for (int i = 0; i < 2; i++) {
        start(&frames, &bed, &rows[0], payloads);
        struct blob *own = frames_own(&frames, deflater);
        expect(&bed, own, inflater, rows[0].own, "in a row");
        lens[i] = own->len;
        blob_unref(&own);
        frames_fini(&frames);
    }
    ck_assert_uint_lt(lens[1], lens[0] / 2);
    ws_inflater_give(&inflater);
    ws_deflater_free(&deflater);
    bed_fini(&bed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("frames");
    TCase *tcase = tcase_create("all");
    tcase_add_loop_test(tcase, each_recipient_gets_the_form_that_it_can_read, 0,
                        (int)(sizeof(rows) / sizeof(rows[0])));
    tcase_add_test(tcase, a_form_is_made_once_and_shared);
    tcase_add_test(tcase, where_nothing_gains_all_share_the_plain_form);
    tcase_add_test(tcase, in_a_context_the_second_delivery_is_much_shorter);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
