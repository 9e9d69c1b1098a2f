/* One WebSocket connection after the handshake, server side, as a pure state machine: bytes in,
 * events out. It holds no input: a message that lies whole in the input is given in place, only an
 * incomplete one is collected in a buffer that exists just as long. */
#ifndef EDGE_WS_SESSION_H
#define EDGE_WS_SESSION_H

#include "common/buf.h"
#include "common/bytes.h"
#include "edge/ws_deflate.h"
#include "edge/ws_reason.h"
#include "edge/ws_utf8.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ws_limits {
    uint64_t message_bytes_max;     /* of a compressed message: what it inflates to */
    uint32_t fragments_max;         /* frames of one message; 0 = off */
    struct ws_inflaters *inflaters; /* shared by all sessions; NULL where none uses compression */
};

enum ws_event_kind {
    WS_EVENT_NONE,    /* all input is consumed */
    WS_EVENT_MESSAGE, /* `data`, text unless `binary` */
    WS_EVENT_PING,    /* `data` is to be sent back as a pong */
    WS_EVENT_PONG,
    WS_EVENT_CLOSE, /* the peer's close frame; `close_code` is 1005 when it had none, `data` its
                       reason text. If we have not sent ours, answer with ws_session_close(session,
                       echo code); all later input is discarded */
    WS_EVENT_FAIL   /* the peer broke the protocol: close with ws_reason_code(reason) */
};

struct ws_event {
    enum ws_event_kind kind;
    bool binary;
    bool deflated; /* MESSAGE: it came compressed */
    uint16_t close_code;
    enum ws_reason reason; /* FAIL */
    uint64_t wire_bytes;   /* MESSAGE, deflated: payload bytes before inflating */
    uint32_t frames;       /* begun since the event before, whatever the kind */
    uint32_t inflated;     /* bytes of compressed messages since then */
    struct bytes data;     /* valid until the next call with this session or input */
};

/* A frame or message that has begun. */
struct ws_part {
    struct buf *message; /* collected part of an incomplete message, or NULL */
    uint8_t *control;    /* payload of a control frame that came in pieces, or NULL */
    union {
        uint8_t header[14];      /* bytes seen so far, until it is complete */
        struct {                 /* from then on */
            uint64_t frame_left; /* payload bytes of the current frame still to come */
            uint8_t mask[4];
            uint8_t phase; /* mask phase of the next payload byte */
            uint8_t control_len;
        };
    };
    uint8_t header_len;
    uint8_t state;
    uint8_t frame_opcode;
    bool frame_final;
    uint8_t message_opcode; /* of the message in progress, 0 = none */
    bool message_deflated;
    struct ws_utf8 utf8;
    uint32_t fragments;
    uint32_t frames; /* as in the event */
    uint32_t inflated;
};

/* Embedded in the connection: small and without pointers when idle. Fields are private. */
struct ws_session {
    struct ws_part *part;         /* NULL between messages */
    struct ws_inflater *inflater; /* of a compressed message that is incomplete, or the context that
                                     is kept between messages, or NULL */
    uint8_t context_bits;         /* window of the peer's context takeover; 0 = none */
    bool deflate : 1;             /* permessage-deflate was agreed */
    bool close_sent : 1;
    bool close_received : 1;
};

void ws_session_init(struct ws_session *session);
/* permessage-deflate was agreed in the handshake: from now on each call of ws_session_receive comes
 * with limits->inflaters. `context_bits`: 0 when the peer's messages stand alone, else the window
 * (8 to 15) of its context takeover; an inflater is then kept from the first compressed message on.
 */
void ws_session_enable_deflate(struct ws_session *session, uint8_t context_bits);
/* Frees what an incomplete message holds. */
void ws_session_fini(struct ws_session *session);

/* Consumes input from *data (unmasking in place) up to and including the next event, moving *data
 * and *len on. Call until NONE or FAIL. After FAIL, or after both close frames have passed, input
 * is discarded and the answer is NONE. After our own close frame was made, data messages are
 * discarded without a limit, control frames are still reported (RFC 6455 section 5.5.1, 7.1.1).
 * `limits` may change between calls; a change is seen at the next data frame. */
struct ws_event ws_session_receive(struct ws_session *session, const struct ws_limits *limits,
                                   uint8_t **data, size_t *len);

/* Appends a close frame (at most 123 bytes of `text`, which is UTF-8, are used, cut at a character
 * boundary) and remembers it; nothing when one was sent before. Code 1005, like any other that may
 * not stand in a close frame (RFC 6455 section 7.4), sends an empty body. `data` of the last event
 * stays valid. */
void ws_session_close(struct ws_session *session, uint16_t code, struct bytes text,
                      struct buf *out);

bool ws_session_close_sent(const struct ws_session *session);

/* True when both sides' close frames have passed. */
bool ws_session_closed(const struct ws_session *session);

/* Heap bytes held for an incomplete message: never more than its bytes so far doubled, nor than the
 * limit, apart from the few of the struct buf itself, and the inflater lent to a compressed one. A
 * message just given out counts until the next call. A context that is kept does not count. */
size_t ws_session_held(const struct ws_session *session);

#endif
