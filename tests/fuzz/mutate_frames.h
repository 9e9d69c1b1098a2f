/* Changes what a WebSocket client sends as a list of frames: whatever happens to a frame, lengths
 * and masks are right again afterwards, unless their form is what was changed. Input that is no
 * frame becomes one or stays behind as a tail. */
#ifndef TESTS_FUZZ_MUTATE_FRAMES_H
#define TESTS_FUZZ_MUTATE_FRAMES_H

#include "edge/ws_frame.h"
#include "tests/fuzz/mutate.h"

#include <zlib.h>

enum { MUTATE_FRAMES_MAX = 64, MUTATE_PAYLOAD_MAX = 4096 };

/* Of the length; RFC 6455 section 5.2 allows only the first. */
enum mutate_form { FORM_MINIMAL, FORM_16, FORM_64, FORM_UNMASKED, FORM_TOO_LONG, FORM_COUNT };

struct mutate_frame {
    uint8_t first;
    uint8_t mask[4];
    enum mutate_form form;
    struct buf payload; /* unmasked */
};

struct mutate_frames {
    struct mutate_frame frames[MUTATE_FRAMES_MAX];
    size_t count;
    struct rng *rng;
};

static inline struct mutate_frame *mutate_frame_add(struct mutate_frames *list, size_t at,
                                                    uint8_t first, struct bytes payload)
{
    if (list->count == MUTATE_FRAMES_MAX) {
        return NULL;
    }
    struct mutate_frame *frame = &list->frames[at];
    memmove(frame + 1, frame, (list->count - at) * sizeof(*frame));
    *frame = (struct mutate_frame){.first = first, .mask = {0x12, 0xFE, 0x00, 0x8D}};
    buf_init(&frame->payload, MUTATE_PAYLOAD_MAX);
    buf_append(&frame->payload, payload);
    list->count++;
    return frame;
}

static inline void mutate_frame_remove(struct mutate_frames *list, size_t at)
{
    struct mutate_frame *frame = &list->frames[at];
    buf_fini(&frame->payload);
    list->count--;
    memmove(frame, frame + 1, (list->count - at) * sizeof(*frame));
}

static inline size_t mutate_frame_len_bytes(uint8_t second)
{
    return (second & 0x7F) == 126 ? 2 : (second & 0x7F) == 127 ? 8 : 0;
}

/* Takes one frame off `*wire`. False when there is none. */
static inline bool mutate_frame_read(struct mutate_frames *list, struct bytes *wire)
{
    size_t extended = wire->len < 2 ? 0 : mutate_frame_len_bytes(wire->data[1]);
    bool masked = wire->len >= 2 && (wire->data[1] & 0x80) != 0;
    size_t header = 2 + extended + (masked ? 4 : 0);
    if (wire->len < header) {
        return false;
    }
    uint64_t len = extended == 0 ? wire->data[1] & 0x7F : 0;
    for (size_t i = 0; i < extended; i++) {
        len = len << 8 | wire->data[2 + i];
    }
    struct bytes payload = bytes_slice(*wire, header, len > wire->len ? wire->len : (size_t)len);
    struct mutate_frame *frame = mutate_frame_add(list, list->count, wire->data[0], payload);
    if (frame == NULL) {
        return false;
    }
    memset(frame->mask, 0, sizeof(frame->mask));
    if (masked) {
        memcpy(frame->mask, wire->data + header - 4, 4);
    }
    frame->form = masked ? FORM_MINIMAL : FORM_UNMASKED;
    for (size_t i = 0; i < frame->payload.len; i++) {
        frame->payload.data[i] ^= frame->mask[i % 4];
    }
    *wire = bytes_slice(*wire, header + payload.len, wire->len);
    return true;
}

static inline void mutate_frame_write(const struct mutate_frame *frame, struct buf *out)
{
    uint8_t header[WS_FRAME_HEADER_MAX] = {0};
    uint64_t len = frame->payload.len + (frame->form == FORM_TOO_LONG ? 1 : 0);
    size_t header_len = ws_frame_header(header, WS_OP_TEXT, len);
    if (frame->form == FORM_16 || frame->form == FORM_64) {
        size_t extended = frame->form == FORM_16 ? 2 : 8;
        header[1] = frame->form == FORM_16 ? 126 : 127;
        for (size_t i = 0; i < extended; i++) {
            header[2 + i] = (uint8_t)(len >> (8 * (extended - 1 - i)));
        }
        header_len = 2 + extended;
    }
    header[0] = frame->first;
    bool masked = frame->form != FORM_UNMASKED;
    header[1] |= masked ? 0x80 : 0;
    buf_append(out, bytes_of(header, header_len));
    buf_append(out, bytes_of(frame->mask, masked ? 4 : 0));
    for (size_t i = 0; i < frame->payload.len; i++) {
        buf_append_byte(out, frame->payload.data[i] ^ (masked ? frame->mask[i % 4] : 0));
    }
}

/* One way to compress: level and strategy choose stored, fixed and dynamic blocks. The payload ends
 * as RFC 7692 section 7.2.1 wants, or with a last block. */
static inline void mutate_deflate(struct mutate_frame *frame, struct rng *rng)
{
    uint8_t packed[MUTATE_PAYLOAD_MAX];
    z_stream stream = {0};
    int strategy = rng_below(rng, 2) == 0 ? Z_DEFAULT_STRATEGY : Z_FIXED;
    bool last = rng_below(rng, 8) == 0;
    if (deflateInit2(&stream, (int)rng_below(rng, 10), Z_DEFLATED, -9 - (int)rng_below(rng, 7), 8,
                     strategy) != Z_OK) {
        return;
    }
    stream.next_in = frame->payload.data;
    stream.avail_in = (uInt)frame->payload.len;
    stream.next_out = packed;
    stream.avail_out = sizeof(packed);
    (void)deflate(&stream, last ? Z_FINISH : Z_SYNC_FLUSH);
    size_t len = sizeof(packed) - stream.avail_out;
    (void)deflateEnd(&stream);
    mutate_set(&frame->payload, bytes_of(packed, !last && len >= 4 ? len - 4 : len));
    frame->first |= 0x40;
}

static inline void mutate_insert_control(struct mutate_frames *list)
{
    static const uint16_t codes[] = {1000, 1001, 1004, 1005, 1006, 1009, 1015, 2999, 3000, 4999, 0};
    static const uint8_t firsts[] = {0x88, 0x89, 0x8A};
    uint8_t payload[4] = {0, 0, 'o', 'k'};
    uint16_t code = codes[rng_below(list->rng, sizeof(codes) / sizeof(codes[0]))];
    payload[0] = (uint8_t)(code >> 8);
    payload[1] = (uint8_t)code;
    (void)mutate_frame_add(list, rng_below(list->rng, (uint32_t)list->count + 1),
                           firsts[rng_below(list->rng, 3)],
                           bytes_of(payload, rng_below(list->rng, 5)));
}

static inline void mutate_fragment(struct mutate_frames *list, size_t at)
{
    struct mutate_frame *frame = &list->frames[at];
    size_t cut = rng_below(list->rng, (uint32_t)frame->payload.len + 1);
    struct bytes rest = bytes_slice(buf_bytes(&frame->payload), cut, frame->payload.len);
    if (mutate_frame_add(list, at + 1, frame->first & 0x80, rest) != NULL) {
        frame->first &= 0x7F;
        frame->payload.len = cut;
    }
}

static inline void mutate_text(struct buf *payload, struct rng *rng)
{
    static const char *const texts[] = {
        "\xC3\xA9",         "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xED\xA0\x80",
        "\xF4\x90\x80\x80", "\xC0\x80",     "\xE0\x9F\xBF",     "\xF0\x8F\xBF\xBF",
        "\xF0\x9F\x98",     "plain text",   "0123456789abcdef",
    };
    buf_append_str(payload, texts[rng_below(rng, sizeof(texts) / sizeof(texts[0]))]);
}

static inline void mutate_swap(struct mutate_frames *list, size_t at)
{
    size_t other = rng_below(list->rng, (uint32_t)list->count);
    struct mutate_frame kept = list->frames[at];
    list->frames[at] = list->frames[other];
    list->frames[other] = kept;
}

/* Lengths at which something changes. */
static inline void mutate_resize(struct buf *payload, struct rng *rng)
{
    static const size_t lens[] = {0, 1, 2, 15, 16, 17, 31, 32, 33, 124, 125, 126, 127, 128, 1000};
    size_t len = lens[rng_below(rng, sizeof(lens) / sizeof(lens[0]))];
    if (payload->len >= len) {
        payload->len = len;
        return;
    }
    while (payload->len < len) {
        size_t copied = payload->len < len - payload->len ? payload->len : len - payload->len;
        uint8_t *copy = mem_copy(copied == 0 ? BYTES_LIT("x") : bytes_of(payload->data, copied));
        buf_append(payload, bytes_of(copy, copied == 0 ? 1 : copied));
        mem_free(copy);
    }
}

static inline void mutate_one_frame(struct mutate_frames *list, bool deflate)
{
    static const uint8_t opcodes[] = {0, 1, 2, 8, 9, 10, 1, 2, 3, 15};
    size_t at = rng_below(list->rng, (uint32_t)list->count);
    struct mutate_frame *frame = &list->frames[at];
    switch (rng_below(list->rng, deflate ? 13 : 12)) {
    case 0:
    case 1:
        mutate_bytes(&frame->payload);
        break;
    case 2:
        frame->first = (uint8_t)((frame->first & 0xF0) | opcodes[rng_below(list->rng, 10)]);
        break;
    case 3:
        frame->first ^= (uint8_t)(0x80U >> rng_below(list->rng, 4));
        break;
    case 4:
        mutate_fragment(list, at);
        break;
    case 5:
        mutate_insert_control(list);
        break;
    case 6:
        (void)mutate_frame_add(list, at + 1, frame->first, buf_bytes(&frame->payload));
        break;
    case 7:
        mutate_swap(list, at);
        break;
    case 8:
        mutate_frame_remove(list, at);
        break;
    case 9:
        frame->form = (enum mutate_form)rng_below(list->rng, FORM_COUNT);
        break;
    case 10:
        mutate_text(&frame->payload, list->rng);
        break;
    case 11:
        mutate_resize(&frame->payload, list->rng);
        break;
    default:
        mutate_deflate(frame, list->rng);
    }
}

/* Appends `wire` to `out`, changed one to four times. `deflate`: frames may be compressed. */
static inline void mutate_frames(struct rng *rng, bool deflate, struct bytes wire, struct buf *out)
{
    struct mutate_frames *list = mem_new(1, sizeof(*list));
    list->rng = rng;
    while (mutate_frame_read(list, &wire)) {
    }
    for (uint32_t left = 1 + rng_below(rng, 4); left != 0; left--) {
        if (list->count == 0) {
            (void)mutate_frame_add(list, 0, 0x81, BYTES_LIT("hello"));
        } else {
            mutate_one_frame(list, deflate);
        }
    }
    for (size_t i = 0; i < list->count; i++) {
        mutate_frame_write(&list->frames[i], out);
        buf_fini(&list->frames[i].payload);
    }
    buf_append(out, wire);
    mem_free(list);
}

#endif
