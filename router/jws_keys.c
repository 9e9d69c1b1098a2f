#include "router/jws_keys.h"

#include "common/mem.h"
#include "router/base64url.h"
#include "router/json_scan.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdatomic.h>
#include <string.h>

enum { EC_COORDINATE_BYTES = 32, ED25519_BYTES = 32, EXPONENT_BYTES_MAX = 8 };

struct jws_keys {
    atomic_uint references;
    size_t count;
    struct jws_key keys[JWS_KEYS_MAX];
};

static const char *const alg_names[JWS_ALG_COUNT] = {"HS256", "HS384", "HS512", "RS256",
                                                     "PS256", "ES256", "EdDSA"};

enum field { KTY, USE, OPS, ALG, KID, K, N, E, CRV, X, Y, D, FIELDS };

/* A key as it stands in the file. */
struct jwk {
    uint32_t seen;
    struct json_value values[FIELDS];
};

const char *jws_alg_name(enum jws_alg alg)
{
    return alg_names[alg];
}

bool jws_alg_parse(struct bytes raw_json_string, enum jws_alg *ret_alg)
{
    for (int i = 0; i < JWS_ALG_COUNT; i++) {
        if (json_string_equals(raw_json_string, bytes_of_str(alg_names[i]))) {
            *ret_alg = (enum jws_alg)i;
            return true;
        }
    }
    return false;
}

struct jws_keys *jws_keys_new(void)
{
    struct jws_keys *keys = mem_new(1, sizeof(*keys));
    atomic_init(&keys->references, 1);
    return keys;
}

struct jws_keys *jws_keys_ref(struct jws_keys *keys)
{
    atomic_fetch_add(&keys->references, 1);
    return keys;
}

static void key_free(struct jws_key *key)
{
    if (key->secret.len != 0) {
        mem_wipe((uint8_t *)key->secret.data, key->secret.len);
    }
    mem_free((uint8_t *)key->secret.data);
    mem_free((uint8_t *)key->kid.data);
    EVP_PKEY_free(key->public_);
}

void jws_keys_unref(struct jws_keys **keys)
{
    struct jws_keys *set = *keys;
    *keys = NULL;
    if (set == NULL || atomic_fetch_sub(&set->references, 1) != 1) {
        return;
    }
    for (size_t i = 0; i < set->count; i++) {
        key_free(&set->keys[i]);
    }
    mem_free(set);
}

size_t jws_keys_count(const struct jws_keys *keys)
{
    return keys->count;
}

const struct jws_key *jws_keys_next(const struct jws_keys *keys, enum jws_alg alg, struct bytes kid,
                                    size_t *cursor)
{
    while (*cursor < keys->count) {
        const struct jws_key *key = &keys->keys[(*cursor)++];
        bool meant = kid.len == 0 || key->kid.len == 0 || bytes_equal(key->kid, kid);
        if (key->alg == alg && meant) {
            return key;
        }
    }
    return NULL;
}

const struct jws_key *jws_keys_twin(const struct jws_keys *keys, const struct jws_key *key)
{
    for (size_t i = 0; keys != NULL && i < keys->count; i++) {
        if (keys->keys[i].alg == key->alg && bytes_equal(keys->keys[i].kid, key->kid)) {
            return &keys->keys[i];
        }
    }
    return NULL;
}

bool jws_key_same(const struct jws_key *a, const struct jws_key *b)
{
    if (jws_alg_is_costly(a->alg)) {
        return EVP_PKEY_eq(a->public_, b->public_) == 1;
    }
    return bytes_equal(a->secret, b->secret);
}

static size_t secret_min(enum jws_alg alg)
{
    return alg == JWS_HS256 ? 32 : alg == JWS_HS384 ? 48 : 64;
}

bool jws_keys_add_secret(struct jws_keys *keys, enum jws_alg alg, struct bytes secret)
{
    assert(alg <= JWS_HS512);
    if (keys->count == JWS_KEYS_MAX || secret.len < secret_min(alg) || secret.len > INT32_MAX) {
        return false;
    }
    keys->keys[keys->count++] =
        (struct jws_key){.alg = alg, .secret = bytes_of(mem_copy(secret), secret.len)};
    return true;
}

/* ---- one JWK ---- */

static bool seen(const struct jwk *jwk, enum field field)
{
    return (jwk->seen & 1U << field) != 0;
}

static bool equals(const struct jwk *jwk, enum field field, const char *text)
{
    return seen(jwk, field) && jwk->values[field].kind == JSON_KIND_STRING &&
           json_string_equals(jwk->values[field].raw, bytes_of_str(text));
}

/* The bytes of a base64url member; leading zero bytes of numbers are the caller's matter. */
static bool read_binary(const struct jwk *jwk, enum field field, struct buf *out)
{
    struct bytes raw = jwk->values[field].raw;
    buf_clear(out);
    return seen(jwk, field) && jwk->values[field].kind == JSON_KIND_STRING && raw.len > 2 &&
           base64url_decode(bytes_slice(raw, 1, raw.len - 2), out) && out->len != 0;
}

static EVP_PKEY *pkey_from(const char *type, OSSL_PARAM_BLD *build)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (params != NULL && context != NULL && EVP_PKEY_fromdata_init(context) == 1 &&
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        key = NULL;
    }
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(params);
    return key;
}

/* The point is on the curve, the modulus is no nonsense. */
static bool pkey_is_sound(EVP_PKEY *key)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    bool sound = context != NULL && EVP_PKEY_public_check(context) == 1;
    EVP_PKEY_CTX_free(context);
    return sound;
}

static const char *read_rsa(const struct jwk *jwk, EVP_PKEY **ret_key)
{
    struct buf n;
    struct buf e;
    const char *why = NULL;
    buf_init(&n, JWS_KEY_FILE_MAX);
    buf_init(&e, JWS_KEY_FILE_MAX);
    if (!read_binary(jwk, N, &n) || !read_binary(jwk, E, &e) || e.len > EXPONENT_BYTES_MAX ||
        n.len > JWS_RSA_BITS_MAX / 8 + 1) {
        why = "n or e is missing or no base64url number";
    } else {
        BIGNUM *modulus = BN_bin2bn(n.data, (int)n.len, NULL);
        BIGNUM *exponent = BN_bin2bn(e.data, (int)e.len, NULL);
        OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
        assert(modulus != NULL && exponent != NULL && build != NULL);
        int bits = BN_num_bits(modulus);
        if (bits < JWS_RSA_BITS_MIN || bits > JWS_RSA_BITS_MAX || !BN_is_odd(exponent) ||
            BN_is_one(exponent)) {
            why = "its modulus is not of 2048 to 8192 bits, or its exponent is not odd";
        } else {
            OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus);
            OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent);
            *ret_key = pkey_from("RSA", build);
            why = *ret_key == NULL ? "n and e are no RSA key" : NULL;
        }
        OSSL_PARAM_BLD_free(build);
        BN_free(modulus);
        BN_free(exponent);
    }
    buf_fini(&n);
    buf_fini(&e);
    return why;
}

/* RFC 7518 section 6.2.1: coordinates have the full length. */
static bool read_point(const struct jwk *jwk, uint8_t *point)
{
    const enum field fields[] = {X, Y};
    struct buf part;
    bool good = true;
    buf_init(&part, JWS_KEY_FILE_MAX);
    point[0] = 4; /* uncompressed */
    for (size_t i = 0; i < 2 && good; i++) {
        good = read_binary(jwk, fields[i], &part) && part.len == EC_COORDINATE_BYTES;
        if (good) {
            memcpy(point + 1 + i * EC_COORDINATE_BYTES, part.data, EC_COORDINATE_BYTES);
        }
    }
    buf_fini(&part);
    return good;
}

static const char *read_ec(const struct jwk *jwk, EVP_PKEY **ret_key)
{
    uint8_t point[1 + 2 * EC_COORDINATE_BYTES];
    if (!read_point(jwk, point)) {
        return "x or y is not 32 bytes of base64url";
    }
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    assert(build != NULL);
    OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0);
    OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point));
    EVP_PKEY *key = pkey_from("EC", build);
    OSSL_PARAM_BLD_free(build);
    if (key == NULL || !pkey_is_sound(key)) {
        EVP_PKEY_free(key);
        return "x and y are no point of P-256";
    }
    *ret_key = key;
    return NULL;
}

static const char *read_okp(const struct jwk *jwk, EVP_PKEY **ret_key)
{
    struct buf x;
    buf_init(&x, JWS_KEY_FILE_MAX);
    EVP_PKEY *key = NULL;
    if (read_binary(jwk, X, &x) && x.len == ED25519_BYTES) {
        key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x.data, x.len);
    }
    buf_fini(&x);
    *ret_key = key;
    return key == NULL ? "x is no Ed25519 key" : NULL;
}

static const char *read_secret(const struct jwk *jwk, enum jws_alg alg, struct bytes *ret_secret)
{
    struct buf k;
    const char *why = NULL;
    buf_init(&k, JWS_KEY_FILE_MAX);
    if (!read_binary(jwk, K, &k)) {
        why = "k is missing or not base64url";
    } else if (k.len < secret_min(alg)) {
        why = "k is shorter than the hash of its algorithm";
    } else {
        *ret_secret = bytes_of(mem_copy(buf_bytes(&k)), k.len);
    }
    if (k.len != 0) {
        mem_wipe(k.data, k.len);
    }
    buf_fini(&k);
    return why;
}

/* RFC 7517 sections 4.2 and 4.3. */
static bool is_for_verifying(const struct jwk *jwk)
{
    if (seen(jwk, USE) && !equals(jwk, USE, "sig")) {
        return false;
    }
    if (!seen(jwk, OPS)) {
        return true;
    }
    size_t cursor = 0;
    struct bytes no_key;
    struct json_value operation;
    bool found = false;
    while (jwk->values[OPS].kind == JSON_KIND_ARRAY &&
           json_next(jwk->values[OPS], &cursor, &no_key, &operation)) {
        found = found || (operation.kind == JSON_KIND_STRING &&
                          json_string_equals(operation.raw, BYTES_LIT("verify")));
    }
    return found;
}

/* False when type, curve and algorithm are not a combination of ours. */
static bool find_alg(const struct jwk *jwk, enum jws_alg *ret_alg)
{
    static const struct {
        const char *type;
        const char *curve;
        enum jws_alg first; /* also the one of a key that names none */
        enum jws_alg last;
    } types[] = {
        {"oct", NULL, JWS_HS256, JWS_HS512},
        {"RSA", NULL, JWS_RS256, JWS_PS256},
        {"EC", "P-256", JWS_ES256, JWS_ES256},
        {"OKP", "Ed25519", JWS_EDDSA, JWS_EDDSA},
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (!equals(jwk, KTY, types[i].type) ||
            (types[i].curve != NULL && !equals(jwk, CRV, types[i].curve))) {
            continue;
        }
        if (!seen(jwk, ALG)) {
            *ret_alg = types[i].first;
            return true;
        }
        return jwk->values[ALG].kind == JSON_KIND_STRING &&
               jws_alg_parse(jwk->values[ALG].raw, ret_alg) && *ret_alg >= types[i].first &&
               *ret_alg <= types[i].last;
    }
    return false;
}

static const char *read_kid(const struct jwk *jwk, struct bytes *ret_kid)
{
    if (!seen(jwk, KID)) {
        return NULL;
    }
    struct buf kid;
    buf_init(&kid, JWS_KEY_FILE_MAX);
    bool good = jwk->values[KID].kind == JSON_KIND_STRING &&
                json_string_decode(jwk->values[KID].raw, &kid) && kid.len <= JWS_KID_BYTES_MAX;
    if (good && kid.len != 0) {
        *ret_kid = bytes_of(mem_copy(buf_bytes(&kid)), kid.len);
    }
    buf_fini(&kid);
    return good ? NULL : "its kid is not a string of at most 256 bytes";
}

static bool is_taken(const struct jws_keys *keys, const struct jws_key *key)
{
    for (size_t i = 0; key->kid.len != 0 && i < keys->count; i++) {
        if (keys->keys[i].alg == key->alg && bytes_equal(keys->keys[i].kid, key->kid)) {
            return true;
        }
    }
    return false;
}

static const char *read_material(const struct jwk *jwk, struct jws_key *key)
{
    switch (key->alg) {
    case JWS_HS256:
    case JWS_HS384:
    case JWS_HS512:
        return read_secret(jwk, key->alg, &key->secret);
    case JWS_RS256:
    case JWS_PS256:
        return read_rsa(jwk, &key->public_);
    case JWS_ES256:
        return read_ec(jwk, &key->public_);
    case JWS_EDDSA:
        return read_okp(jwk, &key->public_);
    }
    return "unreachable";
}

static const char *add_key(struct jws_keys *keys, const struct jwk *jwk, enum jws_alg alg)
{
    struct jws_key key = {.alg = alg};
    const char *why = keys->count == JWS_KEYS_MAX ? "the set has more than 64 keys" : NULL;
    if (why == NULL) {
        why = read_kid(jwk, &key.kid);
    }
    if (why == NULL && is_taken(keys, &key)) {
        why = "another key has the same kid and algorithm";
    }
    if (why == NULL) {
        why = read_material(jwk, &key);
    }
    if (why == NULL) {
        keys->keys[keys->count++] = key;
    } else {
        key_free(&key);
    }
    return why;
}

/* ---- the set ---- */

static const char *read_jwk(struct json_value value, struct jwk *ret_jwk)
{
    const struct bytes names[FIELDS] = {
        [KTY] = BYTES_LIT("kty"), [USE] = BYTES_LIT("use"), [OPS] = BYTES_LIT("key_ops"),
        [ALG] = BYTES_LIT("alg"), [KID] = BYTES_LIT("kid"), [K] = BYTES_LIT("k"),
        [N] = BYTES_LIT("n"),     [E] = BYTES_LIT("e"),     [CRV] = BYTES_LIT("crv"),
        [X] = BYTES_LIT("x"),     [Y] = BYTES_LIT("y"),     [D] = BYTES_LIT("d"),
    };
    if (value.kind != JSON_KIND_OBJECT) {
        return "is not an object";
    }
    struct json_members members = json_members(value, names, FIELDS, ret_jwk->values);
    ret_jwk->seen = members.seen;
    if (members.repeated != 0) {
        return "names something twice";
    }
    return equals(ret_jwk, KTY, "") || !seen(ret_jwk, KTY) ? "has no kty" : NULL;
}

static void explain(struct buf *why, size_t position, const char *reason)
{
    buf_append_str(why, "key ");
    buf_append_u64(why, position);
    buf_append_str(why, ": ");
    buf_append_str(why, reason);
}

/* The array `keys` of the set. */
static bool find_keys(struct bytes text, struct json_value *ret_array)
{
    const struct bytes name = BYTES_LIT("keys");
    struct json_value set;
    return text.len <= JWS_KEY_FILE_MAX && json_scan(text, &set) && set.kind == JSON_KIND_OBJECT &&
           json_members(set, &name, 1, ret_array).seen == 1 && ret_array->kind == JSON_KIND_ARRAY;
}

bool jws_keys_add_jwks(struct jws_keys *keys, struct bytes text, size_t *ret_skipped,
                       size_t *ret_private, struct buf *why)
{
    struct json_value array;
    struct json_value value;
    struct bytes no_key;
    size_t cursor = 0;
    *ret_skipped = 0;
    *ret_private = 0;
    if (!find_keys(text, &array)) {
        buf_append_str(why, "not a JWK set: a JSON object of at most 1 MiB with an array \"keys\"");
        return false;
    }
    for (size_t position = 1; json_next(array, &cursor, &no_key, &value); position++) {
        struct jwk jwk = {0};
        enum jws_alg alg = JWS_HS256;
        const char *reason = read_jwk(value, &jwk);
        bool ours = reason == NULL && is_for_verifying(&jwk) && find_alg(&jwk, &alg);
        if (ours) {
            reason = add_key(keys, &jwk, alg);
            *ret_private += seen(&jwk, D);
        } else if (reason == NULL) {
            (*ret_skipped)++;
        }
        if (reason != NULL) {
            explain(why, position, reason);
            return false;
        }
    }
    return true;
}
