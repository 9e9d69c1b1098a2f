/* The header fields that matter to the opening handshake: kept, judged one by one, and lists joined
 * over their lines (RFC 9110 section 5.3). Pure. */
#ifndef EDGE_WS_FIELDS_H
#define EDGE_WS_FIELDS_H

#include "common/buf.h"
#include "common/bytes.h"
#include "edge/ws_extensions.h"

#include <stdbool.h>
#include <stddef.h>

enum ws_field {
    WS_FIELD_HOST,
    WS_FIELD_KEY,
    WS_FIELD_VERSION,
    WS_FIELD_CONTENT_LENGTH,
    WS_FIELD_TRANSFER_ENCODING,
    WS_FIELD_UPGRADE,
    WS_FIELD_CONNECTION,
    WS_FIELD_PROTOCOL,
    WS_FIELD_EXTENSIONS,
    WS_FIELD_AUTHORIZATION,
    WS_FIELD_ORIGIN,
    WS_FIELD_USER_AGENT,
    WS_FIELD_FORWARDED_FOR,
    WS_FIELD_FORWARDED,
    WS_FIELD_COUNT
};

/* Offered sub-protocols; more are refused, which bounds the search for duplicates. */
enum { WS_PROTOCOLS_MAX = 16, WS_FORWARDED_LINES_MAX = 16 };

/* Zero but for `forwarded_for` at first. Views are of the lines that were added. */
struct ws_fields {
    struct buf *forwarded_for; /* the caller's: all X-Forwarded-For lines, joined by ", " */
    bool seen[WS_FIELD_COUNT];
    struct bytes values[WS_FIELD_COUNT]; /* of the first line of each */
    bool upgrade_websocket;              /* Upgrade lists "websocket" */
    bool connection_upgrade;             /* Connection lists "upgrade" */
    struct bytes protocols[WS_PROTOCOLS_MAX];
    size_t protocol_count;
    struct ws_deflate_terms deflate;
    struct bytes forwarded[WS_FORWARDED_LINES_MAX];
    size_t forwarded_count;
};

/* Takes one field line; unknown names are passed over. NULL, or a static text that says why the
 * request must be answered with 400. */
const char *ws_fields_add(struct ws_fields *fields, struct bytes name, struct bytes value);

#endif
