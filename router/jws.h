/* JSON Web Signature, compact form (RFC 7515): who signed this? Pure but for libcrypto's
 * arithmetic; nothing is fetched, and keys or addresses that a token carries (jwk, jku, x5c, x5u)
 * are not looked at. */
#ifndef ROUTER_JWS_H
#define ROUTER_JWS_H

#include "common/buf.h"
#include "common/bytes.h"
#include "router/jws_keys.h"

enum { JWS_BYTES_MAX = 8192 };

struct jws {
    struct bytes claims;      /* still base64url, in the token */
    struct bytes signature;   /* the same */
    struct bytes signed_part; /* header.claims */
    enum jws_alg alg;
    struct bytes kid; /* decoded, in the scratch of jws_parse(); empty = none */
};

/* Form and header. NULL, or the reason to refuse as a static text, which never holds the token.
 * `crit` is refused, since no extension is understood here (RFC 7515 section 4.1.11), and so is a
 * name that stands twice: two readers could choose differently. `scratch` is cleared. */
const char *jws_parse(struct bytes token, struct buf *scratch, struct jws *ret_jws);

/* NULL when one of the keys signed it, else the reason. `scratch` is another one than that of
 * jws_parse(), and cleared. */
const char *jws_verify(const struct jws *jws, const struct jws_keys *keys, struct buf *scratch);

#endif
