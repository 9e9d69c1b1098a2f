#include "edge/frames.h"

#include "common/buf.h"
#include "edge/edge_state.h"
#include "edge/output.h"
#include "edge/ws_deflate.h"
#include "edge/ws_frame.h"

#include <assert.h>
#include <string.h>

enum { DEFLATED_BIT = 0x40 }; /* RFC 7692 section 6: RSV1 */

static void append_frame(const struct frames *frames, struct bytes payload, bool deflated,
                         struct buf *out)
{
    uint8_t header[WS_FRAME_HEADER_MAX];
    enum ws_opcode opcode = frames->binary ? WS_OP_BINARY : WS_OP_TEXT;
    size_t header_len = ws_frame_header(header, opcode, payload.len);
    header[0] |= deflated ? DEFLATED_BIT : 0;
    buf_append(out, bytes_of(header, header_len));
    buf_append(out, payload);
}

static void count(const struct frames *frames, size_t before, size_t after)
{
    struct metrics *metrics = frames->edge->metrics;
    metrics_add(metrics, EDGE_METRIC_COMPRESSED_MESSAGES, EDGE_DIRECTION_OUT, 1);
    metrics_add(metrics, EDGE_METRIC_COMPRESSED_BYTES_PLAIN, EDGE_DIRECTION_OUT, (int64_t)before);
    metrics_add(metrics, EDGE_METRIC_COMPRESSED_BYTES_WIRE, EDGE_DIRECTION_OUT, (int64_t)after);
}

/* How the messages of one form are compressed. */
struct packer {
    struct ws_deflater *own; /* NULL: each message stands alone */
    unsigned window_bits;
};

/* False when the message is to go as it is. */
static bool pack(const struct frames *frames, const struct packer *packer, struct bytes plain,
                 struct bytes *ret_packed)
{
    if (plain.len == 0 || plain.len < (size_t)frames->edge->options->compression_min) {
        return false;
    }
    if (packer->own == NULL) {
        return ws_deflate(frames->edge->deflaters, packer->window_bits, plain, ret_packed);
    }
    *ret_packed = ws_deflater_next(packer->own, plain);
    return true;
}

/* All frames, those compressed that gain by it; false when none does. */
static bool append_deflated(const struct frames *frames, const struct packer *packer,
                            struct buf *out)
{
    bool some = false;
    for (size_t i = 0; i < frames->count; i++) {
        struct bytes plain = frames->payloads[i];
        struct bytes packed = BYTES_EMPTY;
        bool deflated = pack(frames, packer, plain, &packed);
        append_frame(frames, deflated ? packed : plain, deflated, out);
        if (deflated) {
            count(frames, plain.len, packed.len);
            some = true;
        }
    }
    return some;
}

static struct blob *make_deflated(struct frames *frames, const struct packer *packer)
{
    struct buf joined;
    struct blob *blob = NULL;
    buf_init(&joined, 0);
    if (append_deflated(frames, packer, &joined)) {
        blob = blob_new(out_batch_spares(frames->edge->out), joined.len);
        memcpy(blob->data, joined.data, joined.len);
    } else {
        blob = blob_ref(frames_for(frames, 0));
    }
    buf_fini(&joined);
    return blob;
}

void frames_init(struct frames *frames, struct edge *edge, const struct bytes *payloads,
                 size_t count, bool binary)
{
    *frames = (struct frames){.edge = edge, .payloads = payloads, .count = count, .binary = binary};
}

void frames_fini(struct frames *frames)
{
    for (size_t i = 0; i < sizeof(frames->forms) / sizeof(frames->forms[0]); i++) {
        blob_unref(&frames->forms[i]);
    }
}

struct blob *frames_for(struct frames *frames, unsigned window_bits)
{
    assert(window_bits <= WS_WINDOW_BITS_MAX);
    const struct packer packer = {.window_bits = window_bits};
    struct blob **form = &frames->forms[window_bits];
    if (*form == NULL) {
        *form = window_bits == 0 ? out_frame(out_batch_spares(frames->edge->out), frames->payloads,
                                             frames->count, frames->binary)
                                 : make_deflated(frames, &packer);
    }
    return *form;
}

struct blob *frames_own(struct frames *frames, struct ws_deflater *deflater)
{
    const struct packer packer = {.own = deflater};
    return make_deflated(frames, &packer);
}
