/* The opening handshake (RFC 6455 section 4, HTTP/1.1 of RFC 9112), pure: bytes in, a verdict out.
 * The caller collects the request head and calls again with the whole of it when more has come. */
#ifndef EDGE_WS_HANDSHAKE_H
#define EDGE_WS_HANDSHAKE_H

#include "common/buf.h"
#include "common/bytes.h"
#include "edge/ws_extensions.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ws_handshake_config {
    struct bytes path;           /* where the upgrade is offered, e.g. /ws */
    size_t head_bytes_max;       /* request line and fields together; more: 431 */
    size_t fields_max;           /* number of header fields; more: 431 */
    const struct bytes *origins; /* allowed Origin values, "scheme://host[:port]"; count 0 = any */
    size_t origin_count;
    bool any_protocol; /* --echo: the first offered sub-protocol is selected, known or not */
    struct ws_deflate_policy deflate;
};

enum ws_handshake_verdict {
    WS_HANDSHAKE_INCOMPLETE, /* the head has not ended and no error is certain yet */
    WS_HANDSHAKE_UPGRADE,    /* answer with ws_handshake_accept() */
    WS_HANDSHAKE_HEALTH,     /* GET or HEAD /health */
    WS_HANDSHAKE_REFUSED     /* answer with ws_handshake_refuse(status) and end */
};

enum ws_token_source { WS_TOKEN_NONE, WS_TOKEN_HEADER, WS_TOKEN_SUBPROTOCOL, WS_TOKEN_QUERY };

/* Views point into the input or into the scratch buf: valid until either changes. */
struct ws_request {
    size_t consumed;          /* bytes of the head; what follows already belongs to the frames */
    int status;               /* REFUSED: HTTP status */
    const char *refusal;      /* REFUSED: static text, one phrase */
    bool head_only;           /* HEALTH by HEAD */
    struct bytes key;         /* Sec-WebSocket-Key, valid (24 characters, 16 bytes) */
    struct bytes subprotocol; /* selected one, to be echoed; empty = none */
    struct ws_deflate_terms deflate;
    enum ws_token_source token_source;
    struct bytes token;
    struct bytes routing; /* ?routing= */
    struct bytes agent;   /* User-Agent, cut to 256 bytes */
    struct bytes origin;
    struct bytes forwarded_for; /* X-Forwarded-For, all of it; the caller decides about trust */
    struct bytes forwarded;     /* Forwarded, the same */
};

/* Reads a request head. `scratch` (cleared here; its maximum is at least head_bytes_max, or the
 * answer may be 431) holds decoded parts. A verdict other than INCOMPLETE is final: more input does
 * not change it. Known sub-protocols: "splitrail.v1.json"; an entry "bearer.TOKEN" is a token and
 * is never selected. Token preference: Authorization, sub-protocol, query (client-protocol.md). */
enum ws_handshake_verdict ws_handshake_parse(struct bytes input,
                                             const struct ws_handshake_config *config,
                                             struct buf *scratch, struct ws_request *ret_request);

/* Appends the 101 answer (RFC 6455 section 4.2.2). */
void ws_handshake_accept(const struct ws_request *request, struct buf *out);

/* Appends a complete HTTP answer that closes the connection: 400 403 404 405 (Allow) 408 426 (with
 * Sec-WebSocket-Version: 13) 429 431 503 505; Retry-After when retry_after_s is not 0. `text` is
 * the body, without its line end. */
void ws_handshake_refuse(int status, const char *text, unsigned retry_after_s, struct buf *out);

/* Appends the answer (200 or 503) to GET or HEAD /health, "Connection: close"; `text` as above. */
void ws_handshake_health(int status, const char *text, bool head_only, struct buf *out);

#endif
