/* The frames of one delivery in the forms that its recipients can take: plain, and compressed for
 * each window size that a recipient has agreed to. A form is made when the first recipient needs it
 * and shared by all others; nearly always there are one or two. A recipient with a context of its
 * own cannot share. */
#ifndef EDGE_FRAMES_H
#define EDGE_FRAMES_H

#include "common/blob.h"
#include "common/bytes.h"
#include "edge/ws_extensions.h"

#include <stdbool.h>
#include <stddef.h>

struct edge;
struct ws_deflater;

struct frames {
    struct edge *edge;
    const struct bytes *payloads; /* borrowed until frames_fini */
    size_t count;
    bool binary;
    struct blob *forms[WS_WINDOW_BITS_MAX + 1]; /* by window bits; [0] is plain; private */
};

void frames_init(struct frames *frames, struct edge *edge, const struct bytes *payloads,
                 size_t count, bool binary);
/* Gives back the references held here. */
void frames_fini(struct frames *frames);

/* The form for a recipient with that window (ws_extensions.h; 0 = no compression), borrowed. */
struct blob *frames_for(struct frames *frames, unsigned window_bits);

/* The form for the recipient whose context `deflater` is; the caller owns the reference. It must be
 * sent, and in the order of the calls. */
struct blob *frames_own(struct frames *frames, struct ws_deflater *deflater);

#endif
