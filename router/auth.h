/* Who a token belongs to. Pure but for libcrypto's arithmetic; the caller gives wall-clock time. */
#ifndef ROUTER_AUTH_H
#define ROUTER_AUTH_H

#include "common/buf.h"
#include "common/bytes.h"
#include "common/status.h"

#include <stdbool.h>
#include <stdint.h>

enum auth_mode { AUTH_INSECURE, AUTH_JWT };

struct auth_config {
    enum auth_mode mode;
    struct bytes hs256_key; /* JWT: the shared secret, at least 32 bytes (RFC 7518 section 3.2) */
    struct bytes audience;  /* empty = not checked */
    struct bytes issuer;    /* empty = not checked */
    uint64_t leeway_s;
};

struct auth_verdict {
    bool ok;
    bool expired;           /* not ok because exp has passed; the signature was right */
    const char *why;        /* static text for the log when not ok; never holds the token */
    struct bytes user;      /* in scratch */
    uint64_t expires_at_ms; /* exp + leeway: until when the verdict holds; 0 = never */
};

/* INSECURE: the user is "user_" + token (1 to 123 bytes, a valid name). JWT: HS256 only, RFC 7519:
 * sub (a valid name) required, exp nbf iat aud iss checked where present (aud and iss must be
 * present where configured); tokens over 8 KiB refused; the signature is compared in constant time.
 * A key shorter than 32 bytes refuses every token. `scratch` is cleared, may grow to twice the
 * token and keeps what the verdict points to. */
struct auth_verdict auth_check(const struct auth_config *config, struct bytes token,
                               uint64_t wall_ms, struct buf *scratch);

#endif
