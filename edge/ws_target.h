/* The target of a request: its path, its query, and percent-encoding (RFC 9112 section 3.2,
 * RFC 3986). Pure. */
#ifndef EDGE_WS_TARGET_H
#define EDGE_WS_TARGET_H

#include "common/buf.h"
#include "common/bytes.h"

#include <stdbool.h>
#include <stddef.h>

/* Views of the text it was read from, still percent-encoded. */
struct ws_target {
    struct bytes path;  /* "/" when an absolute form has none */
    struct bytes query; /* without the "?"; empty when there is none */
};

/* Reads origin form ("/path?query") or absolute form with the scheme http, https, ws or wss. All
 * percent-encodings of an accepted target are well-formed and encode no control character. On false
 * *ret_error is a static text. */
bool ws_target_parse(struct bytes text, struct ws_target *ret_target, const char **ret_error);

/* Whether two paths are equivalent: an encoded unreserved character is the bare one, and
 * hexadecimal digits have no case (RFC 3986 sections 6.2.2.1 and 6.2.2.2). Dot segments stay as
 * they are. */
bool ws_target_same_path(struct bytes a, struct bytes b);

/* How often the query has a parameter of this name; *ret_value is the first one's value, encoded,
 * and untouched when there is none. */
size_t ws_target_param(struct bytes query, struct bytes name, struct bytes *ret_value);

/* Appends `value` decoded. A "+" stands for itself: form encoding is not RFC 3986. `value` comes
 * from an accepted target. */
void ws_target_decode(struct bytes value, struct buf *out);

/* Whether the bytes may be an authority "host[:port]" without user information (RFC 9110 section
 * 4.2.4); a check of characters and port, not of names. */
bool ws_target_is_authority(struct bytes bytes);

#endif
