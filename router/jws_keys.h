/* Keys that vouch for tokens: a shared secret, or public keys from a JWK set (RFC 7517). A set does
 * not change once it is filled, and may then be read by several threads. Pure but for libcrypto's
 * arithmetic.
 *
 * Each key has exactly one algorithm (RFC 8725 section 3.1): what its `alg` says, or, when it says
 * nothing, HS256 for `oct`, RS256 for `RSA`, ES256 for `EC`, EdDSA for `OKP`. So no token can
 * choose how a key is used. */
#ifndef ROUTER_JWS_KEYS_H
#define ROUTER_JWS_KEYS_H

#include "common/buf.h"
#include "common/bytes.h"

#include <stdbool.h>
#include <stddef.h>

enum jws_alg { JWS_HS256, JWS_HS384, JWS_HS512, JWS_RS256, JWS_PS256, JWS_ES256, JWS_EDDSA };
enum { JWS_ALG_COUNT = JWS_EDDSA + 1 };

enum {
    JWS_KEYS_MAX = 64, /* in a set */
    JWS_KID_BYTES_MAX = 256,
    JWS_KEY_FILE_MAX = 1 << 20, /* bytes of a JWK set */
    JWS_RSA_BITS_MIN = 2048,    /* RFC 7518 section 3.3 */
    JWS_RSA_BITS_MAX = 8192     /* checking costs with the square of it */
};

struct evp_pkey_st; /* EVP_PKEY */

struct jws_key {
    enum jws_alg alg;
    struct bytes kid;            /* owned by the set; empty = none */
    struct bytes secret;         /* HS*: owned by the set */
    struct evp_pkey_st *public_; /* others: owned by the set */
};

struct jws_keys;

/* One reference, for the caller. */
struct jws_keys *jws_keys_new(void);
struct jws_keys *jws_keys_ref(struct jws_keys *keys);

/* Gives a reference back and sets it NULL; secrets are wiped with the last one. NULL does nothing.
 */
void jws_keys_unref(struct jws_keys **keys);

/* Adds a shared secret without a kid. False when it is shorter than the hash (RFC 7518 section 3.2)
 * or the set is full. */
bool jws_keys_add_secret(struct jws_keys *keys, enum jws_alg alg, struct bytes secret);

/* Adds every key of a JWK set. Keys for another use (`use` other than `sig`, `key_ops` without
 * `verify`), of another type or algorithm are left out, as RFC 7517 section 5 advises, and counted
 * in *ret_skipped; a private part is not read (*ret_private counts such keys: whoever can read the
 * file can sign). False, with a text in `why`, for what is no set, for a malformed or weak key of a
 * type that we do use, and for two keys that share kid and algorithm: a set that is half right is
 * not used at all. */
bool jws_keys_add_jwks(struct jws_keys *keys, struct bytes text, size_t *ret_skipped,
                       size_t *ret_private, struct buf *why);

size_t jws_keys_count(const struct jws_keys *keys);

/* The next key that may have signed: of this algorithm, and of this kid when the token names one. A
 * key without kid may be meant by any. Start with *cursor = 0; NULL at the end. */
const struct jws_key *jws_keys_next(const struct jws_keys *keys, enum jws_alg alg, struct bytes kid,
                                    size_t *cursor);

/* The key of `keys` (may be NULL) with this key's algorithm and kid, NULL when there is none. */
const struct jws_key *jws_keys_twin(const struct jws_keys *keys, const struct jws_key *key);

/* True when both say yes to the same signatures. Not for strangers' keys: takes no constant time.
 */
bool jws_key_same(const struct jws_key *a, const struct jws_key *b);

/* "HS256"… False for what is none of ours, "none" among it. Letters count by their case. */
bool jws_alg_parse(struct bytes raw_json_string, enum jws_alg *ret_alg);
const char *jws_alg_name(enum jws_alg alg);

/* True when checking a signature takes long (all but HS*). */
static inline bool jws_alg_is_costly(enum jws_alg alg)
{
    return alg > JWS_HS512;
}

#endif
