/* Who a token belongs to. Pure but for libcrypto's arithmetic; the caller gives wall-clock time. */
#ifndef ROUTER_AUTH_H
#define ROUTER_AUTH_H

#include "common/buf.h"
#include "common/bytes.h"
#include "router/jws_keys.h"

#include <stdbool.h>
#include <stdint.h>

enum auth_mode { AUTH_INSECURE, AUTH_JWT };

struct auth_config {
    enum auth_mode mode;
    struct jws_keys *keys; /* JWT; NULL refuses every token */
    struct bytes audience; /* empty = not checked */
    struct bytes issuer;   /* empty = not checked */
    uint64_t leeway_s;
};

struct auth_verdict {
    bool ok;
    bool expired;           /* not ok because exp has passed; the signature was right */
    bool busy;              /* not ok because it could not be checked now */
    const char *why;        /* static text for the log when not ok; never holds the token */
    struct bytes user;      /* in scratch */
    struct bytes rights;    /* as rights.h; in scratch */
    uint64_t expires_at_ms; /* exp + leeway: until when the verdict holds; 0 = never */
};

/* INSECURE: the user is "user_" + token (1 to 123 bytes, a valid name). JWT, RFC 7519:
 * signed by one of the keys, sub (a valid name) required, exp nbf iat aud iss checked where present
 * (aud and iss must be present where configured); tokens over 8 KiB refused. `scratch` is cleared,
 * may grow to four times the token and keeps what the verdict points to. Any thread may call it. */
struct auth_verdict auth_check(const struct auth_config *config, struct bytes token,
                               uint64_t wall_ms, struct buf *scratch);

/* True when auth_check() would take long: a good form, signed with a private key. */
bool auth_is_costly(const struct auth_config *config, struct bytes token);

#endif
