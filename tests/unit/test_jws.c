/* Signatures: the examples of the RFCs, and for every algorithm a key made here: what it signed
 * passes, anything else does not, and no key serves another algorithm than its own. */
#include "router/jws.h"
#include "tests/support/base64url.h"
#include "tests/support/check_main.h"

#include <check.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <string.h>

static struct jws_keys *keys_of(const char *jwks)
{
    struct jws_keys *keys = jws_keys_new();
    size_t skipped = 0;
    size_t private_parts = 0;
    struct buf why;
    buf_init(&why, 0);
    bool good = jws_keys_add_jwks(keys, bytes_of_str(jwks), &skipped, &private_parts, &why);
    ck_assert_msg(good, "%.*s", (int)why.len, (const char *)why.data);
    buf_fini(&why);
    return keys;
}

static const char *verify(struct bytes token, const struct jws_keys *keys)
{
    struct jws jws;
    struct buf header;
    struct buf signature;
    buf_init(&header, 0);
    buf_init(&signature, 0);
    const char *why = jws_parse(token, &header, &jws);
    if (why == NULL) {
        why = jws_verify(&jws, keys, &signature);
    }
    buf_fini(&signature);
    buf_fini(&header);
    return why;
}

/* ---- examples ---- */

#define RFC7515_CLAIMS                                                                             \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl" \
    "fQ"

static const struct example_row {
    const char *source;
    const char *jwks;
    const char *token;
} example_rows[] = {
    {"RFC 7515 A.1",
     "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75"
     "aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"}]}",
     "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." RFC7515_CLAIMS
     ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"},
    {"RFC 7515 A.2",
     "{\"keys\":[{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoT"
     "bji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32"
     "690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665"
     "xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kz"
     "k2PAcDTW9gb54h4FRWyuXpoQ\"}]}",
     "eyJhbGciOiJSUzI1NiJ9." RFC7515_CLAIMS
     ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5"
     "jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb"
     "1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QO"
     "YEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"},
    {"RFC 7515 A.3",
     "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
     "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRV"
     "EU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\","
     "\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"}]}",
     "eyJhbGciOiJFUzI1NiJ9." RFC7515_CLAIMS
     ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"},
    {"RFC 8037 A.4",
     "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
     "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}",
     "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
     "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"},
};

START_TEST(the_examples_of_the_rfcs_verify_and_no_bit_of_their_signatures_may_change)
{
    const struct example_row *row = &example_rows[_i];
    struct jws_keys *keys = keys_of(row->jwks);
    const char *why = verify(bytes_of_str(row->token), keys);
    ck_assert_msg(why == NULL, "%s: %s", row->source, why);
    char token[2048];
    size_t len = strlen(row->token);
    memcpy(token, row->token, len);
    for (size_t at = (size_t)(strrchr(row->token, '.') - row->token) + 1; at < len; at++) {
        token[at] = (char)(token[at] ^ 1);
        ck_assert_msg(verify(bytes_of(token, len), keys) != NULL, "%s: byte %zu", row->source, at);
        token[at] = (char)(token[at] ^ 1);
    }
    jws_keys_unref(&keys);
}
END_TEST

/* ---- keys of our own ---- */

#define SECRET "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

struct signer {
    EVP_PKEY *rsa;
    EVP_PKEY *ec;
    EVP_PKEY *ed;
    struct buf jwks;
};

static struct signer signer;

static void append_number(struct buf *out, EVP_PKEY *key, const char *param)
{
    BIGNUM *number = NULL;
    uint8_t bytes[1024];
    ck_assert_int_eq(EVP_PKEY_get_bn_param(key, param, &number), 1);
    int len = BN_bn2bin(number, bytes);
    append_base64url(out, bytes_of(bytes, (size_t)len));
    BN_free(number);
}

static void append_coordinates(struct buf *out, EVP_PKEY *key)
{
    uint8_t bytes[65];
    size_t len = 0;
    ck_assert_int_eq(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, bytes,
                                                     sizeof(bytes), &len),
                     1);
    buf_append_str(out, "\"x\":\"");
    append_base64url(out, bytes_of(bytes + 1, 32));
    buf_append_str(out, "\",\"y\":\"");
    append_base64url(out, bytes_of(bytes + 33, 32));
    buf_append_str(out, "\"");
}

/* One key of each kind, all with the kid "k". */
static void signer_init(void)
{
    uint8_t raw[32];
    size_t raw_len = sizeof(raw);
    signer.rsa = EVP_RSA_gen(2048);
    signer.ec = EVP_EC_gen("P-256");
    signer.ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    struct buf *out = &signer.jwks;
    buf_init(out, 0);
    const char *const oct_algs[] = {"HS256", "HS384", "HS512"};
    buf_append_str(out, "{\"keys\":[");
    for (size_t i = 0; i < 3; i++) {
        buf_append_str(out, "{\"kty\":\"oct\",\"kid\":\"k\",\"alg\":\"");
        buf_append_str(out, oct_algs[i]);
        buf_append_str(out, "\",\"k\":\"");
        append_base64url(out, BYTES_LIT(SECRET));
        buf_append_str(out, "\"},");
    }
    const char *const rsa_algs[] = {"RS256", "PS256"};
    for (size_t i = 0; i < 2; i++) {
        buf_append_str(out, "{\"kty\":\"RSA\",\"kid\":\"k\",\"alg\":\"");
        buf_append_str(out, rsa_algs[i]);
        buf_append_str(out, "\",\"n\":\"");
        append_number(out, signer.rsa, OSSL_PKEY_PARAM_RSA_N);
        buf_append_str(out, "\",\"e\":\"AQAB\"},");
    }
    buf_append_str(out, "{\"kty\":\"EC\",\"kid\":\"k\",\"crv\":\"P-256\",\"use\":\"sig\",");
    append_coordinates(out, signer.ec);
    buf_append_str(out, "},{\"kty\":\"OKP\",\"kid\":\"k\",\"crv\":\"Ed25519\",\"x\":\"");
    ck_assert_int_eq(EVP_PKEY_get_raw_public_key(signer.ed, raw, &raw_len), 1);
    append_base64url(out, bytes_of(raw, raw_len));
    buf_append_str(out, "\"}]}");
    buf_append_byte(out, 0);
}

static void signer_fini(void)
{
    EVP_PKEY_free(signer.rsa);
    EVP_PKEY_free(signer.ec);
    EVP_PKEY_free(signer.ed);
    buf_fini(&signer.jwks);
}

/* r and s side by side. */
static size_t ec_to_jws(uint8_t *signature, size_t len)
{
    const uint8_t *at = signature;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)len);
    ck_assert_ptr_nonnull(pair);
    BN_bn2binpad(ECDSA_SIG_get0_r(pair), signature, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(pair), signature + 32, 32);
    ECDSA_SIG_free(pair);
    return 64;
}

static void sign(struct buf *token, enum jws_alg alg)
{
    uint8_t signature[1024];
    size_t len = sizeof(signature);
    if (alg <= JWS_HS512) {
        const EVP_MD *hashes[] = {EVP_sha256(), EVP_sha384(), EVP_sha512()};
        unsigned mac_len = 0;
        HMAC(hashes[alg], SECRET, sizeof(SECRET) - 1, token->data, token->len, signature, &mac_len);
        len = mac_len;
    } else {
        EVP_PKEY *key = alg == JWS_ES256 ? signer.ec : alg == JWS_EDDSA ? signer.ed : signer.rsa;
        EVP_PKEY_CTX *parameters = NULL;
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        EVP_DigestSignInit(context, &parameters, alg == JWS_EDDSA ? NULL : EVP_sha256(), NULL, key);
        if (alg == JWS_PS256) {
            EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING);
            EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, 32);
        }
        ck_assert_int_eq(EVP_DigestSign(context, signature, &len, token->data, token->len), 1);
        EVP_MD_CTX_free(context);
        len = alg == JWS_ES256 ? ec_to_jws(signature, len) : len;
    }
    buf_append_byte(token, '.');
    append_base64url(token, bytes_of(signature, len));
}

static void begin(struct buf *token, enum jws_alg alg, const char *kid)
{
    struct buf header;
    buf_init(&header, 0);
    buf_append_str(&header, "{\"alg\":\"");
    buf_append_str(&header, jws_alg_name(alg));
    buf_append_str(&header, "\"");
    if (kid != NULL) {
        buf_append_str(&header, ",\"kid\":\"");
        buf_append_str(&header, kid);
        buf_append_str(&header, "\"");
    }
    buf_append_str(&header, "}");
    buf_clear(token);
    append_base64url(token, buf_bytes(&header));
    buf_append_str(token, ".");
    append_base64url(token, BYTES_LIT("{\"sub\":\"alice\"}"));
    buf_fini(&header);
}

START_TEST(what_a_key_signed_passes_with_its_kid_or_without)
{
    static const char *const kids[] = {"k", NULL, "\\u006b", "other"};
    struct jws_keys *keys = keys_of((const char *)signer.jwks.data);
    struct buf token;
    buf_init(&token, 0);
    for (size_t i = 0; i < 4; i++) {
        begin(&token, (enum jws_alg)_i, kids[i]);
        sign(&token, (enum jws_alg)_i);
        const char *why = verify(buf_bytes(&token), keys);
        ck_assert_msg((why == NULL) == (i != 3), "%s %zu: %s", jws_alg_name((enum jws_alg)_i), i,
                      why);
    }
    buf_fini(&token);
    jws_keys_unref(&keys);
}
END_TEST

START_TEST(no_algorithm_passes_for_another)
{
    struct jws_keys *keys = keys_of((const char *)signer.jwks.data);
    struct buf token;
    buf_init(&token, 0);
    for (int said = 0; said < JWS_ALG_COUNT; said++) {
        begin(&token, (enum jws_alg)said, "k");
        sign(&token, (enum jws_alg)_i);
        ck_assert_msg((verify(buf_bytes(&token), keys) == NULL) == (said == _i), "%s as %s",
                      jws_alg_name((enum jws_alg)_i), jws_alg_name((enum jws_alg)said));
    }
    buf_fini(&token);
    jws_keys_unref(&keys);
}
END_TEST

/* The old confusion: the public key, as text, taken for a shared secret. */
START_TEST(a_public_key_is_no_secret)
{
    struct jws_keys *keys = jws_keys_new();
    struct buf why;
    size_t skipped = 0;
    size_t private_parts = 0;
    struct buf token;
    uint8_t mac[32];
    unsigned mac_len = 0;
    buf_init(&why, 0);
    buf_init(&token, 0);
    ck_assert(jws_keys_add_jwks(keys, bytes_of_str(example_rows[1].jwks), &skipped, &private_parts,
                                &why));
    begin(&token, JWS_HS256, NULL);
    HMAC(EVP_sha256(), example_rows[1].jwks, (int)strlen(example_rows[1].jwks), token.data,
         token.len, mac, &mac_len);
    buf_append_byte(&token, '.');
    append_base64url(&token, bytes_of(mac, mac_len));
    ck_assert_str_eq(verify(buf_bytes(&token), keys), "no key has its kid and alg");
    buf_fini(&token);
    buf_fini(&why);
    jws_keys_unref(&keys);
}
END_TEST

static const uint8_t es256_lengths[] = {0, 1, 32, 63, 65, 70, 71, 72, 96};

START_TEST(an_es256_signature_has_64_bytes)
{
    uint8_t zeros[96] = {0};
    struct jws_keys *keys = keys_of((const char *)signer.jwks.data);
    struct buf token;
    buf_init(&token, 0);
    begin(&token, JWS_ES256, NULL);
    buf_append_byte(&token, '.');
    append_base64url(&token, bytes_of(zeros, es256_lengths[_i]));
    ck_assert_ptr_nonnull(verify(buf_bytes(&token), keys));
    begin(&token, JWS_ES256, NULL); /* r = s = 0 "verifies" where nobody looks (CVE-2022-21449) */
    buf_append_byte(&token, '.');
    append_base64url(&token, bytes_of(zeros, 64));
    ck_assert_str_eq(verify(buf_bytes(&token), keys), "signature does not match");
    buf_fini(&token);
    jws_keys_unref(&keys);
}
END_TEST

/* ---- sets of keys ---- */

#define OCT32 "\"kty\":\"oct\",\"k\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""
#define P256                                                                                       \
    "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","      \
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\""
#define ED                                                                                         \
    "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\""
#define SET(keys) "{\"keys\":[" keys "]}"

static const struct set_row {
    const char *jwks;
    int keys; /* -1: refused */
    size_t skipped;
    size_t private_parts;
    const char *why;
} set_rows[] = {
    {SET(""), 0, 0, 0, ""},
    {"{\"keys\":[],\"more\":1}", 0, 0, 0, ""},
    {SET("{" OCT32 "}"), 1, 0, 0, ""},
    {SET("{" OCT32 ",\"use\":\"sig\",\"key_ops\":[\"sign\",\"verify\"]}"), 1, 0, 0, ""},
    {SET("{" P256 "},{" ED "},{" OCT32 "}"), 3, 0, 0, ""},
    {SET("{" P256 ",\"d\":\"AAAA\"},{" ED ",\"d\":\"AAAA\"}"), 2, 0, 2, ""},
    {SET("{" ED ",\"kid\":\"a\"},{" P256 ",\"kid\":\"a\"},{" ED ",\"kid\":\"b\"}"), 3, 0, 0, ""},
    /* not for us */
    {SET("{" OCT32 ",\"use\":\"enc\"}"), 0, 1, 0, ""},
    {SET("{" OCT32 ",\"use\":7}"), 0, 1, 0, ""},
    {SET("{" OCT32 ",\"key_ops\":[\"sign\"]}"), 0, 1, 0, ""},
    {SET("{" OCT32 ",\"key_ops\":[]}"), 0, 1, 0, ""},
    {SET("{" OCT32 ",\"key_ops\":\"verify\"}"), 0, 1, 0, ""},
    {SET("{" OCT32 ",\"alg\":\"A128KW\"}"), 0, 1, 0, ""},
    {SET("{" OCT32 ",\"alg\":\"none\"}"), 0, 1, 0, ""},
    {SET("{" OCT32 ",\"alg\":\"RS256\"}"), 0, 1, 0, ""},
    {SET("{" P256 ",\"alg\":\"HS256\"}"), 0, 1, 0, ""},
    {SET("{" P256 ",\"alg\":\"ECDH-ES\"}"), 0, 1, 0, ""},
    {SET("{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"AA\",\"y\":\"AA\"}"), 0, 1, 0, ""},
    {SET("{\"kty\":\"EC\",\"x\":\"AA\",\"y\":\"AA\"}"), 0, 1, 0, ""},
    {SET("{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AA\"}"), 0, 1, 0, ""},
    {SET("{\"kty\":\"future\"}"), 0, 1, 0, ""},
    {SET("{\"kty\":7}"), 0, 1, 0, ""},
    /* wrong */
    {"", -1, 0, 0, "not a JWK set"},
    {"[]", -1, 0, 0, "not a JWK set"},
    {"{}", -1, 0, 0, "not a JWK set"},
    {"{\"keys\":{}}", -1, 0, 0, "not a JWK set"},
    {"{" OCT32 "}", -1, 0, 0, "not a JWK set"},
    {SET("7"), -1, 0, 0, "key 1: is not an object"},
    {SET("{}"), -1, 0, 0, "key 1: has no kty"},
    {SET("{" OCT32 ",\"kty\":\"oct\"}"), -1, 0, 0, "key 1: names something twice"},
    {SET("{" ED "},{\"kty\":\"oct\"}"), -1, 0, 0, "key 2: k is missing"},
    {SET("{\"kty\":\"oct\",\"k\":\"\"}"), -1, 0, 0, "k is missing"},
    {SET("{\"kty\":\"oct\",\"k\":\"A\"}"), -1, 0, 0, "k is missing"},
    {SET("{\"kty\":\"oct\",\"k\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}"), -1, 0, 0,
     "k is shorter"},
    {SET("{" OCT32 ",\"alg\":\"HS384\"}"), -1, 0, 0, "k is shorter"},
    {SET("{" OCT32 ",\"alg\":\"HS512\"}"), -1, 0, 0, "k is shorter"},
    {SET("{\"kty\":\"RSA\",\"e\":\"AQAB\"}"), -1, 0, 0, "n or e"},
    {SET("{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"AQAB\"}"), -1, 0, 0, "2048"},
    {SET("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}"), -1, 0, 0, "x or y"},
    {SET("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
         "\"y\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"}"),
     -1, 0, 0, "no point"},
    {SET("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}"), -1, 0, 0, "no Ed25519"},
    {SET("{" ED ",\"kid\":7}"), -1, 0, 0, "kid is not"},
    {SET("{" ED ",\"kid\":\"a\"},{" ED ",\"kid\":\"a\"}"), -1, 0, 0, "key 2: another key"},
};

START_TEST(a_set_of_keys_is_read_whole_or_not_at_all)
{
    const struct set_row *row = &set_rows[_i];
    struct jws_keys *keys = jws_keys_new();
    size_t skipped = 0;
    size_t private_parts = 0;
    struct buf why;
    buf_init(&why, 0);
    bool good = jws_keys_add_jwks(keys, bytes_of_str(row->jwks), &skipped, &private_parts, &why);
    buf_append_byte(&why, 0);
    ck_assert_msg(good == (row->keys >= 0), "%s: %s", row->jwks, (const char *)why.data);
    ck_assert_msg(strstr((const char *)why.data, row->why) != NULL, "%s: %s", row->jwks,
                  (const char *)why.data);
    if (good) {
        ck_assert_uint_eq(jws_keys_count(keys), (size_t)row->keys);
        ck_assert_uint_eq(skipped, row->skipped);
        ck_assert_uint_eq(private_parts, row->private_parts);
    }
    buf_fini(&why);
    jws_keys_unref(&keys);
}
END_TEST

START_TEST(a_set_has_at_most_64_keys)
{
    struct buf text;
    struct buf why;
    size_t skipped = 0;
    size_t private_parts = 0;
    buf_init(&text, 0);
    buf_init(&why, 0);
    buf_append_str(&text, "{\"keys\":[{" OCT32 "}");
    for (int i = 1; i < JWS_KEYS_MAX + _i; i++) {
        buf_append_str(&text, ",{" OCT32 "}");
    }
    buf_append_str(&text, "]}");
    struct jws_keys *keys = jws_keys_new();
    ck_assert(jws_keys_add_jwks(keys, buf_bytes(&text), &skipped, &private_parts, &why) ==
              (_i == 0));
    jws_keys_unref(&keys);
    buf_fini(&why);
    buf_fini(&text);
}
END_TEST

START_TEST(a_secret_is_at_least_as_long_as_its_hash)
{
    static const size_t least[] = {32, 48, 64};
    struct jws_keys *keys = jws_keys_new();
    struct bytes secret = bytes_of(SECRET, least[_i]);
    ck_assert(!jws_keys_add_secret(keys, (enum jws_alg)_i, bytes_slice(secret, 1, secret.len)));
    ck_assert(!jws_keys_add_secret(keys, (enum jws_alg)_i, BYTES_EMPTY));
    ck_assert(jws_keys_add_secret(keys, (enum jws_alg)_i, secret));
    ck_assert_uint_eq(jws_keys_count(keys), 1);
    struct jws_keys *other = jws_keys_ref(keys);
    jws_keys_unref(&keys);
    ck_assert_uint_eq(jws_keys_count(other), 1);
    jws_keys_unref(&other);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("jws");
    TCase *tcase = tcase_create("signatures");
    tcase_add_loop_test(tcase,
                        the_examples_of_the_rfcs_verify_and_no_bit_of_their_signatures_may_change,
                        0, sizeof(example_rows) / sizeof(example_rows[0]));
    tcase_add_loop_test(tcase, what_a_key_signed_passes_with_its_kid_or_without, 0, JWS_ALG_COUNT);
    tcase_add_loop_test(tcase, no_algorithm_passes_for_another, 0, JWS_ALG_COUNT);
    tcase_add_test(tcase, a_public_key_is_no_secret);
    tcase_add_loop_test(tcase, an_es256_signature_has_64_bytes, 0, sizeof(es256_lengths));
    tcase_add_unchecked_fixture(tcase, signer_init, signer_fini);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    TCase *sets = tcase_create("sets");
    tcase_add_loop_test(sets, a_set_of_keys_is_read_whole_or_not_at_all, 0,
                        sizeof(set_rows) / sizeof(set_rows[0]));
    tcase_add_loop_test(sets, a_set_has_at_most_64_keys, 0, 2);
    tcase_add_loop_test(sets, a_secret_is_at_least_as_long_as_its_hash, 0, 3);
    suite_add_tcase(suite, sets);
    return check_main(suite);
}
