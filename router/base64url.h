/* RFC 4648 section 5 without padding, as JOSE writes it (RFC 7515 section 2). */
#ifndef ROUTER_BASE64URL_H
#define ROUTER_BASE64URL_H

#include "common/buf.h"
#include "common/bytes.h"

#include <stdbool.h>

/* Appends the decoded bytes. Strict: no padding, no other letter, and the unused last bits are
 * zero, so that each content has one spelling. `text` must not be part of `out`, unless `out` has
 * room without growing. False: what was appended until then stays. */
bool base64url_decode(struct bytes text, struct buf *out);

#endif
