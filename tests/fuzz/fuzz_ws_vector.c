/* Each vector code of this machine against the plain one: unmasking at every alignment and mask
 * phase, the UTF-8 check cut at every place; bytes around the payload stay as they are. Input: mask
 * (4), phase and alignment (1), how often the rest is repeated (1), then the payload. */
#include "common/buf.h"
#include "common/mem.h"
#include "edge/ws_frame.h"
#include "edge/ws_utf8.h"
#include "edge/ws_vector.h"
#include "tests/support/fuzz.h"

#include <assert.h>
#include <string.h>

enum { PREFIX = 6, ALIGNMENTS = 64, PAYLOAD_MAX = 512, GUARD = 0xA5, REPEATS_MAX = 8 };

static void check_unmask(enum ws_vector vector, const uint8_t *mask, unsigned phase, size_t at,
                         struct bytes payload)
{
    uint8_t plain[PAYLOAD_MAX + 2 * ALIGNMENTS];
    uint8_t fast[sizeof(plain)];
    memset(plain, GUARD, sizeof(plain));
    if (payload.len != 0) {
        memcpy(plain + at, payload.data, payload.len);
    }
    memcpy(fast, plain, sizeof(plain));
    ws_frame_unmask_with(WS_VECTOR_NONE, plain + at, payload.len, mask, phase);
    ws_frame_unmask_with(vector, fast + at, payload.len, mask, phase);
    assert(memcmp(plain, fast, sizeof(plain)) == 0);
    for (size_t i = 0; i < payload.len; i++) {
        assert(fast[at + i] == (payload.data[i] ^ mask[(phase + i) % 4]));
    }
}

/* The same verdict and the same state as the plain code, wherever the text is cut. */
static void check_utf8(enum ws_vector vector, struct bytes text)
{
    for (size_t cut = 0; cut <= text.len; cut++) {
        struct ws_utf8 plain = {0};
        struct ws_utf8 fast = {0};
        const struct bytes parts[] = {bytes_slice(text, 0, cut), bytes_slice(text, cut, text.len)};
        for (size_t i = 0; i < 2; i++) {
            bool plain_good = ws_utf8_feed_with(WS_VECTOR_NONE, &plain, parts[i]);
            bool fast_good = ws_utf8_feed_with(vector, &fast, parts[i]);
            assert(plain_good == fast_good);
            assert(!plain_good || plain.state == fast.state);
            if (!plain_good) {
                break;
            }
        }
    }
}

/* What the vector code takes is valid and ends between two characters. */
static void check_beginning(enum ws_vector vector, struct bytes text)
{
    size_t len = ws_vector_utf8(vector, text.data, text.len);
    assert(len <= text.len);
    struct ws_utf8 plain = {0};
    assert(ws_utf8_feed_with(WS_VECTOR_NONE, &plain, bytes_slice(text, 0, len)));
    assert(ws_utf8_complete(&plain));
}

static void check_all(const uint8_t *mask, uint8_t choice, struct bytes payload)
{
    for (int i = WS_VECTOR_NONE; i <= (int)ws_vector_best(); i++) {
        enum ws_vector vector = (enum ws_vector)i;
        for (size_t at = 0; at < ALIGNMENTS; at++) {
            check_unmask(vector, mask, (choice + (unsigned)at) % 4, at, payload);
        }
        check_utf8(vector, payload);
        if (payload.len != 0) {
            check_beginning(vector, payload);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf payload;
    if (size < PREFIX) {
        return 0;
    }
    buf_init(&payload, PAYLOAD_MAX);
    for (unsigned left = 1 + data[5] % REPEATS_MAX; left != 0; left--) {
        buf_append(&payload, bytes_of(data + PREFIX, size - PREFIX));
    }
    uint8_t *exact = mem_copy(buf_bytes(&payload));
    check_all(data, data[4], bytes_of(exact, payload.len));
    mem_free(exact);
    buf_fini(&payload);
    return 0;
}
