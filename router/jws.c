#include "router/jws.h"

#include "router/base64url.h"
#include "router/json_scan.h"

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

/* A token without kid is tried on so many keys, because each try costs. */
enum { TRIES_MAX = 8, ES256_BYTES = 64, ES256_DER_MAX = 72 };

/* The part up to the next dot, which is taken off `rest` with it; false when there is no dot. */
static bool take_part(struct bytes *rest, struct bytes *ret_part)
{
    const uint8_t *dot = rest->len == 0 ? NULL : memchr(rest->data, '.', rest->len);
    if (dot == NULL) {
        return false;
    }
    size_t len = (size_t)(dot - rest->data);
    *ret_part = bytes_slice(*rest, 0, len);
    *rest = bytes_slice(*rest, len + 1, rest->len);
    return true;
}

/* The kid goes behind the header, which is already in scratch: there is room for both. */
static const char *read_kid(bool given, struct json_value value, struct buf *scratch,
                            struct jws *jws)
{
    jws->kid = BYTES_EMPTY;
    if (!given) {
        return NULL;
    }
    size_t start = scratch->len;
    if (value.kind != JSON_KIND_STRING || !json_string_decode(value.raw, scratch) ||
        scratch->len - start > JWS_KID_BYTES_MAX) {
        return "kid is not a string of at most 256 bytes";
    }
    jws->kid = bytes_slice(buf_bytes(scratch), start, scratch->len);
    return NULL;
}

static const char *read_header(struct bytes part, struct buf *scratch, struct jws *jws)
{
    enum { ALG, TYP, CRIT, KID, NAMES };
    const struct bytes names[NAMES] = {BYTES_LIT("alg"), BYTES_LIT("typ"), BYTES_LIT("crit"),
                                       BYTES_LIT("kid")};
    struct json_value header;
    struct json_value values[NAMES] = {{JSON_KIND_NULL, BYTES_EMPTY}};
    if (!base64url_decode(part, scratch) || !json_scan(buf_bytes(scratch), &header) ||
        header.kind != JSON_KIND_OBJECT) {
        return "header is not a base64url JSON object";
    }
    struct json_members members = json_members(header, names, NAMES, values);
    if (members.repeated != 0) {
        return "header names something twice";
    }
    if ((members.seen & 1U << CRIT) != 0) {
        return "header has crit";
    }
    if ((members.seen & 1U << ALG) == 0 || values[ALG].kind != JSON_KIND_STRING ||
        !jws_alg_parse(values[ALG].raw, &jws->alg)) {
        return "alg is none of HS256 HS384 HS512 RS256 PS256 ES256 EdDSA";
    }
    if ((members.seen & 1U << TYP) != 0 && values[TYP].kind != JSON_KIND_STRING) {
        return "typ is not a string";
    }
    return read_kid((members.seen & 1U << KID) != 0, values[KID], scratch, jws);
}

const char *jws_parse(struct bytes token, struct buf *scratch, struct jws *ret_jws)
{
    struct bytes rest = token;
    struct bytes header;
    if (token.len > JWS_BYTES_MAX) {
        return "token is too long";
    }
    if (!take_part(&rest, &header) || !take_part(&rest, &ret_jws->claims)) {
        return "not a token of three parts";
    }
    ret_jws->signature = rest;
    ret_jws->signed_part = bytes_slice(token, 0, header.len + 1 + ret_jws->claims.len);
    buf_clear(scratch);
    /* The header and a kid decoded from it, or later the claims, a name and rights: there is room,
     * so that nothing moves while it is read. */
    if (buf_extend(scratch, token.len * 4) == NULL) {
        return "token is too long";
    }
    buf_clear(scratch);
    return read_header(header, scratch, ret_jws);
}

static const char *verify_hmac(const struct jws *jws, const struct jws_key *key,
                               struct bytes signature)
{
    const EVP_MD *hash = jws->alg == JWS_HS256   ? EVP_sha256()
                         : jws->alg == JWS_HS384 ? EVP_sha384()
                                                 : EVP_sha512();
    uint8_t expected[EVP_MAX_MD_SIZE];
    unsigned expected_len = 0;
    if (HMAC(hash, key->secret.data, (int)key->secret.len, jws->signed_part.data,
             jws->signed_part.len, expected, &expected_len) == NULL) {
        return "signature cannot be computed";
    }
    if (expected_len != signature.len) {
        return "signature has not the length of its algorithm";
    }
    bool same = CRYPTO_memcmp(expected, signature.data, expected_len) == 0;
    OPENSSL_cleanse(expected, sizeof(expected));
    return same ? NULL : "signature does not match";
}

/* From r and s side by side (RFC 7518 section 3.4) to the form that libcrypto reads. 0 when it
 * cannot be. */
static size_t es256_to_der(struct bytes signature, uint8_t der[ES256_DER_MAX])
{
    size_t len = 0;
    if (signature.len != ES256_BYTES) {
        return 0;
    }
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature.data, ES256_BYTES / 2, NULL);
    BIGNUM *s = BN_bin2bn(signature.data + ES256_BYTES / 2, ES256_BYTES / 2, NULL);
    if (pair != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(pair, r, s) == 1) {
        uint8_t *at = der;
        int written = i2d_ECDSA_SIG(pair, NULL) <= ES256_DER_MAX ? i2d_ECDSA_SIG(pair, &at) : 0;
        len = written > 0 ? (size_t)written : 0;
    } else {
        BN_free(r);
        BN_free(s);
    }
    ECDSA_SIG_free(pair);
    return len;
}

static bool verify_with(const struct jws *jws, const struct jws_key *key, struct bytes signature)
{
    EVP_PKEY_CTX *parameters = NULL; /* lives in the context */
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const EVP_MD *hash = jws->alg == JWS_EDDSA ? NULL : EVP_sha256();
    bool good = context != NULL &&
                EVP_DigestVerifyInit(context, &parameters, hash, NULL, key->public_) == 1;
    if (good && jws->alg == JWS_PS256) { /* RFC 7518 section 3.5: the salt is as long as the hash */
        good = EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST) == 1 &&
               EVP_PKEY_CTX_set_rsa_mgf1_md(parameters, EVP_sha256()) == 1;
    }
    good = good && EVP_DigestVerify(context, signature.data, signature.len, jws->signed_part.data,
                                    jws->signed_part.len) == 1;
    EVP_MD_CTX_free(context);
    return good;
}

static const char *verify_public(const struct jws *jws, const struct jws_key *key,
                                 struct bytes signature)
{
    uint8_t der[ES256_DER_MAX];
    if (jws->alg == JWS_ES256) {
        size_t len = es256_to_der(signature, der);
        if (len == 0) {
            return "signature has not the length of its algorithm";
        }
        signature = bytes_of(der, len);
    }
    return verify_with(jws, key, signature) ? NULL : "signature does not match";
}

const char *jws_verify(const struct jws *jws, const struct jws_keys *keys, struct buf *scratch)
{
    const struct jws_key *key = NULL;
    size_t cursor = 0;
    unsigned tries = 0;
    const char *why = "no key has its kid and alg";
    buf_clear(scratch);
    if (!base64url_decode(jws->signature, scratch) || scratch->len == 0) {
        return "signature is not base64url";
    }
    while (tries < TRIES_MAX && (key = jws_keys_next(keys, jws->alg, jws->kid, &cursor)) != NULL) {
        why = jws_alg_is_costly(jws->alg) ? verify_public(jws, key, buf_bytes(scratch))
                                          : verify_hmac(jws, key, buf_bytes(scratch));
        if (why == NULL) {
            return NULL;
        }
        tries++;
    }
    return why;
}
