/* Sec-WebSocket-Extensions (RFC 6455 section 9.1) as far as permessage-deflate (RFC 7692 section 7)
 * is concerned: offers in, the agreed terms and our answer out. Pure. */
#ifndef EDGE_WS_EXTENSIONS_H
#define EDGE_WS_EXTENSIONS_H

#include "common/buf.h"
#include "common/bytes.h"

#include <stdbool.h>
#include <stdint.h>

enum { WS_WINDOW_BITS_MIN = 8, WS_WINDOW_BITS_MAX = 15 };

/* Whose messages may refer to those before. */
enum ws_context {
    /* Nobody's. Answered with both no_context_takeover parameters, whether they were offered or not
     * (RFC 7692 sections 7.1.1.1 and 7.1.1.2 allow it): so one compressed copy of a message fits
     * every recipient, and a connection between two messages holds no compression state. */
    WS_CONTEXT_OFF,
    WS_CONTEXT_CLIENT, /* the client's */
    WS_CONTEXT_BOTH    /* and ours: each such recipient needs a copy of its own */
};

/* What we are ready to agree to. */
struct ws_deflate_policy {
    bool enabled;
    enum ws_context context;
    uint8_t window_bits; /* largest windows, 9 to 15; a client's only when it can be told so */
};

/* Zero at first: nothing agreed. */
struct ws_deflate_terms {
    bool agreed;
    bool limited;             /* the offer named server_max_window_bits, so the answer does */
    uint8_t window_bits;      /* our LZ77 window may not be larger than 2 to this; 8 to 15 */
    bool server_stands_alone; /* the messages of each side: no_context_takeover */
    bool client_stands_alone;
    bool client_limited;        /* client_max_window_bits may be answered; once settled: is */
    uint8_t client_window_bits; /* the same for the client's window */
};

/* Reads one field line. Offers come in the order of preference, over all lines: the first one that
 * we can fulfil is taken, later ones only have to be well-formed. An offer with a parameter that is
 * unknown, repeated or has a value that it cannot have is passed over (RFC 7692 section 7.1), as
 * are other extensions. False when the line does not follow the grammar: fail the handshake
 * (RFC 6455 section 9.1). */
bool ws_extensions_read(struct bytes value, struct ws_deflate_terms *terms);

/* Turns what was offered into what is agreed. Before it the terms say what the client can do. */
void ws_extensions_settle(struct ws_deflate_terms *terms, const struct ws_deflate_policy *policy);

/* Appends the value of the answer's field. Only for terms that are agreed and settled. */
void ws_extensions_answer(const struct ws_deflate_terms *terms, struct buf *out);

#endif
