#include "router/auth.h"
#include "router/jws.h"
#include "tests/support/base64url.h"
#include "tests/support/check_main.h"
#include "tests/support/guard_page.h"

#include <check.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#define KEY "0123456789abcdef0123456789abcdef"
#define NOW_S UINT64_C(1767225600)
#define GOOD_HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define GOOD_CLAIMS "{\"sub\":\"alice\"}"
#define A10 "aaaaaaaaaa"
#define A128 A10 A10 A10 A10 A10 A10 A10 A10 A10 A10 A10 A10 "aaaaaaaa"

static struct auth_config jwt_config = {.mode = AUTH_JWT,
                                        .leeway_s = 5}; /* with KEY, by set_up() */

static struct jws_keys *secret_keys(struct bytes secret)
{
    struct jws_keys *keys = jws_keys_new();
    ck_assert(jws_keys_add_secret(keys, JWS_HS256, secret));
    return keys;
}

static void sign(struct buf *token, struct bytes key, const EVP_MD *hash)
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned mac_len = 0;
    ck_assert_ptr_nonnull(
        HMAC(hash, key.data, (int)key.len, token->data, token->len, mac, &mac_len));
    buf_append_byte(token, '.');
    append_base64url(token, bytes_of(mac, mac_len));
}

static void make_token(struct buf *token, struct bytes header, struct bytes claims)
{
    buf_clear(token);
    append_base64url(token, header);
    buf_append_byte(token, '.');
    append_base64url(token, claims);
    sign(token, BYTES_LIT(KEY), EVP_sha256());
}

/* Checks a copy that ends at a guard page; `scratch` must outlive the verdict. */
static struct auth_verdict check(const struct auth_config *config, struct bytes token,
                                 struct buf *scratch)
{
    struct guard_page page = {0};
    struct auth_verdict verdict =
        auth_check(config, guard_page_copy(&page, token), NOW_S * 1000, scratch);
    guard_page_free(&page);
    ck_assert(verdict.ok == (verdict.why == NULL));
    ck_assert(verdict.ok == (verdict.user.len != 0));
    return verdict;
}

static const struct good_row {
    const char *header;
    const char *claims;
    const char *user;
    uint64_t expires_at_ms;
    const char *audience;
    const char *issuer;
} good_rows[] = {
    {GOOD_HEADER, GOOD_CLAIMS, "alice", 0, "", ""},
    {"{\"alg\":\"HS256\"}", GOOD_CLAIMS, "alice", 0, "", ""},
    {" {\"kid\":\"1\",\"typ\":\"at+jwt\",\"al\\u0067\":\"HS\\u0032\\u00356\"} ", GOOD_CLAIMS,
     "alice", 0, "", ""},
    {GOOD_HEADER, "{\"sub\":\"al\\u0069ce \\ud83d\\ude00\",\"x\":1,\"x\":2}",
     "alice \xf0\x9f\x98\x80", 0, "", ""},
    {GOOD_HEADER, "{\"s\\u0075b\":\"" A128 "\"}", A128, 0, "", ""},
    {GOOD_HEADER, "{\"sub\":\"a\",\"exp\":1767225601}", "a", (NOW_S + 1 + 5) * 1000, "", ""},
    {GOOD_HEADER, "{\"sub\":\"a\",\"exp\":1767225600.999}", "a", (NOW_S + 5) * 1000, "", ""},
    {GOOD_HEADER, "{\"sub\":\"a\",\"exp\":1767225596}", "a", (NOW_S + 1) * 1000, "", ""},
    {GOOD_HEADER, "{\"sub\":\"a\",\"exp\":253402300799}", "a", UINT64_C(253402300804000), "", ""},
    {GOOD_HEADER, "{\"sub\":\"a\",\"nbf\":1767225600,\"iat\":1767225600.5}", "a", 0, "", ""},
    {GOOD_HEADER, "{\"sub\":\"a\",\"nbf\":1767225605,\"iat\":1767225605.9}", "a", 0, "", ""},
    {GOOD_HEADER, "{\"sub\":\"a\",\"nbf\":0,\"iat\":0}", "a", 0, "", ""},
    {GOOD_HEADER, "{\"sub\":\"a\",\"aud\":\"somebody\",\"iss\":\"anybody\"}", "a", 0, "", ""},
    {GOOD_HEADER, "{\"sub\":\"a\",\"aud\":\"us\"}", "a", 0, "us", ""},
    {GOOD_HEADER, "{\"sub\":\"a\",\"aud\":[\"them\",\"\\u0075s\"]}", "a", 0, "us", ""},
    {GOOD_HEADER, "{\"sub\":\"a\",\"iss\":\"issuer\"}", "a", 0, "", "issuer"},
    {GOOD_HEADER, "{\"sub\":\"a\",\"aud\":[\"us\"],\"iss\":\"issuer\"}", "a", 0, "us", "issuer"},
};

START_TEST(a_signed_token_gives_its_user_and_end)
{
    const struct good_row *row = &good_rows[_i];
    struct auth_config config = jwt_config;
    struct buf token;
    struct buf scratch;
    config.audience = bytes_of_str(row->audience);
    config.issuer = bytes_of_str(row->issuer);
    buf_init(&token, 0);
    buf_init(&scratch, 0);
    make_token(&token, bytes_of_str(row->header), bytes_of_str(row->claims));
    struct auth_verdict verdict = check(&config, buf_bytes(&token), &scratch);
    ck_assert_msg(verdict.ok, "%s: %s", row->claims, verdict.why);
    ck_assert(bytes_equal(verdict.user, bytes_of_str(row->user)));
    ck_assert_uint_eq(verdict.expires_at_ms, row->expires_at_ms);
    buf_fini(&scratch);
    buf_fini(&token);
}
END_TEST

#define HEADER_ROW(header, why)                                                                    \
    {                                                                                              \
        header, GOOD_CLAIMS, why, "", ""                                                           \
    }
#define CLAIMS_ROW(claims, why)                                                                    \
    {                                                                                              \
        GOOD_HEADER, claims, why, "", ""                                                           \
    }

/* Rightly signed, and still refused. */
static const struct bad_row {
    const char *header;
    const char *claims;
    const char *why;
    const char *audience;
    const char *issuer;
} bad_rows[] = {
    HEADER_ROW("", "header"),
    HEADER_ROW("[]", "header"),
    HEADER_ROW("\"HS256\"", "header"),
    HEADER_ROW("{\"alg\":\"HS256\"", "header"),
    HEADER_ROW("\xef\xbb\xbf{\"alg\":\"HS256\"}", "header"),
    HEADER_ROW("{\"alg\":\"HS256\"}x", "header"),
    HEADER_ROW("{}", "alg"),
    HEADER_ROW("{\"typ\":\"JWT\"}", "alg"),
    HEADER_ROW("{\"alg\":null}", "alg"),
    HEADER_ROW("{\"alg\":256}", "alg"),
    HEADER_ROW("{\"alg\":[\"HS256\"]}", "alg"),
    HEADER_ROW("{\"alg\":\"none\"}", "alg"),
    HEADER_ROW("{\"alg\":\"None\"}", "alg"),
    HEADER_ROW("{\"alg\":\"\"}", "alg"),
    HEADER_ROW("{\"alg\":\"hs256\"}", "alg"),
    HEADER_ROW("{\"alg\":\"HS256 \"}", "alg"),
    HEADER_ROW("{\"alg\":\"HS256\\u0000\"}", "alg"),
    HEADER_ROW("{\"alg\":\"HS384\"}", "alg"),
    HEADER_ROW("{\"alg\":\"HS512\"}", "alg"),
    HEADER_ROW("{\"alg\":\"RS256\"}", "alg"),
    HEADER_ROW("{\"alg\":\"ES256\"}", "alg"),
    HEADER_ROW("{\"alg\":\"dir\",\"enc\":\"A256GCM\"}", "alg"),
    HEADER_ROW("{\"Alg\":\"HS256\"}", "alg"),
    HEADER_ROW("{\"alg\":\"HS256\",\"alg\":\"HS256\"}", "twice"),
    HEADER_ROW("{\"alg\":\"none\",\"alg\":\"HS256\"}", "twice"),
    HEADER_ROW("{\"alg\":\"HS256\",\"al\\u0067\":\"none\"}", "twice"),
    HEADER_ROW("{\"alg\":\"HS256\",\"typ\":\"JWT\",\"typ\":\"JWT\"}", "twice"),
    HEADER_ROW("{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", "crit"),
    HEADER_ROW("{\"alg\":\"HS256\",\"crit\":[]}", "crit"),
    HEADER_ROW("{\"alg\":\"HS256\",\"crit\":null}", "crit"),
    HEADER_ROW("{\"alg\":\"HS256\",\"b64\":false,\"crit\":[\"b64\"]}", "crit"),
    HEADER_ROW("{\"alg\":\"HS256\",\"typ\":7}", "typ"),
    HEADER_ROW("{\"alg\":\"HS256\",\"typ\":null}", "typ"),

    CLAIMS_ROW("", "claims"),
    CLAIMS_ROW("alice", "claims"),
    CLAIMS_ROW("[\"sub\",\"alice\"]", "claims"),
    CLAIMS_ROW("null", "claims"),
    CLAIMS_ROW("{\"sub\":\"alice\"", "claims"),
    CLAIMS_ROW("{\"sub\":\"alice\"} {}", "claims"),
    CLAIMS_ROW("{\"sub\":\"al\xff\"}", "claims"),
    CLAIMS_ROW("{}", "sub"),
    CLAIMS_ROW("{\"Sub\":\"alice\"}", "sub"),
    CLAIMS_ROW("{\"sub\":null}", "sub"),
    CLAIMS_ROW("{\"sub\":7}", "sub"),
    CLAIMS_ROW("{\"sub\":[\"alice\"]}", "sub"),
    CLAIMS_ROW("{\"sub\":\"\"}", "sub"),
    CLAIMS_ROW("{\"sub\":\"a\\u0000\"}", "sub"),
    CLAIMS_ROW("{\"sub\":\"a\\n\"}", "sub"),
    CLAIMS_ROW("{\"sub\":\"\\u0085\"}", "sub"),
    CLAIMS_ROW("{\"sub\":\"\\ud800\"}", "sub"),
    CLAIMS_ROW("{\"sub\":\"" A128 "a\"}", "sub"),
    CLAIMS_ROW("{\"sub\":\"a\",\"sub\":\"a\"}", "twice"),
    CLAIMS_ROW("{\"sub\":\"a\",\"s\\u0075b\":\"admin\"}", "twice"),
    CLAIMS_ROW("{\"sub\":\"a\",\"exp\":1,\"exp\":1999999999}", "twice"),
    CLAIMS_ROW("{\"sub\":\"a\",\"nbf\":1,\"nbf\":1}", "twice"),
    CLAIMS_ROW("{\"sub\":\"a\",\"aud\":\"x\",\"aud\":\"y\"}", "twice"),
    CLAIMS_ROW("{\"sub\":\"a\",\"exp\":1767225595}", "expired"),
    CLAIMS_ROW("{\"sub\":\"a\",\"exp\":1767225595.999}", "expired"),
    CLAIMS_ROW("{\"sub\":\"a\",\"exp\":0}", "expired"),
    CLAIMS_ROW("{\"sub\":\"a\",\"exp\":1300819380}", "expired"),
    CLAIMS_ROW("{\"sub\":\"a\",\"exp\":-1}", "exp is"),
    CLAIMS_ROW("{\"sub\":\"a\",\"exp\":-1.5}", "exp is"),
    CLAIMS_ROW("{\"sub\":\"a\",\"exp\":253402300800}", "exp is"),
    CLAIMS_ROW("{\"sub\":\"a\",\"exp\":1767225601000}", "exp is"),
    CLAIMS_ROW("{\"sub\":\"a\",\"exp\":99999999999999999999999999}", "exp is"),
    CLAIMS_ROW("{\"sub\":\"a\",\"exp\":1e99}", "exp is"),
    CLAIMS_ROW("{\"sub\":\"a\",\"exp\":1.9e9}", "exp is"),
    CLAIMS_ROW("{\"sub\":\"a\",\"exp\":\"1999999999\"}", "exp is"),
    CLAIMS_ROW("{\"sub\":\"a\",\"exp\":null}", "exp is"),
    CLAIMS_ROW("{\"sub\":\"a\",\"exp\":true}", "exp is"),
    CLAIMS_ROW("{\"sub\":\"a\",\"exp\":[1999999999]}", "exp is"),
    CLAIMS_ROW("{\"sub\":\"a\",\"nbf\":1767225606}", "not valid yet"),
    CLAIMS_ROW("{\"sub\":\"a\",\"nbf\":253402300799}", "not valid yet"),
    CLAIMS_ROW("{\"sub\":\"a\",\"nbf\":\"0\"}", "nbf is"),
    CLAIMS_ROW("{\"sub\":\"a\",\"nbf\":null}", "nbf is"),
    CLAIMS_ROW("{\"sub\":\"a\",\"iat\":1767225606}", "future"),
    CLAIMS_ROW("{\"sub\":\"a\",\"iat\":{}}", "iat is"),
    CLAIMS_ROW("{\"sub\":\"a\",\"iat\":-5}", "iat is"),
    CLAIMS_ROW("{\"sub\":\"a\",\"aud\":7}", "aud is"),
    CLAIMS_ROW("{\"sub\":\"a\",\"aud\":null}", "aud is"),
    CLAIMS_ROW("{\"sub\":\"a\",\"aud\":{\"us\":1}}", "aud is"),
    CLAIMS_ROW("{\"sub\":\"a\",\"aud\":[\"us\",1]}", "aud is"),
    CLAIMS_ROW("{\"sub\":\"a\",\"iss\":7}", "iss is"),

    {GOOD_HEADER, GOOD_CLAIMS, "aud is missing", "us", ""},
    {GOOD_HEADER, "{\"sub\":\"a\",\"aud\":\"them\"}", "aud is somebody else", "us", ""},
    {GOOD_HEADER, "{\"sub\":\"a\",\"aud\":\"us2\"}", "aud is somebody else", "us", ""},
    {GOOD_HEADER, "{\"sub\":\"a\",\"aud\":\"u\"}", "aud is somebody else", "us", ""},
    {GOOD_HEADER, "{\"sub\":\"a\",\"aud\":\"US\"}", "aud is somebody else", "us", ""},
    {GOOD_HEADER, "{\"sub\":\"a\",\"aud\":\"\"}", "aud is somebody else", "us", ""},
    {GOOD_HEADER, "{\"sub\":\"a\",\"aud\":[]}", "aud is somebody else", "us", ""},
    {GOOD_HEADER, "{\"sub\":\"a\",\"aud\":[\"a\",\"b\"]}", "aud is somebody else", "us", ""},
    {GOOD_HEADER, "{\"sub\":\"a\",\"aud\":[[\"us\"]]}", "aud is not", "us", ""},
    {GOOD_HEADER, "{\"sub\":\"a\",\"aud\":[\"us\",null]}", "aud is not", "us", ""},
    {GOOD_HEADER, GOOD_CLAIMS, "iss is missing", "", "issuer"},
    {GOOD_HEADER, "{\"sub\":\"a\",\"iss\":\"issuer/\"}", "iss is somebody else", "", "issuer"},
    {GOOD_HEADER, "{\"sub\":\"a\",\"iss\":[\"issuer\"]}", "iss is not a string", "", "issuer"},
};

START_TEST(a_right_signature_does_not_excuse_a_wrong_content)
{
    const struct bad_row *row = &bad_rows[_i];
    struct auth_config config = jwt_config;
    struct buf token;
    struct buf scratch;
    config.audience = bytes_of_str(row->audience);
    config.issuer = bytes_of_str(row->issuer);
    buf_init(&token, 0);
    buf_init(&scratch, 0);
    make_token(&token, bytes_of_str(row->header), bytes_of_str(row->claims));
    struct auth_verdict verdict = check(&config, buf_bytes(&token), &scratch);
    ck_assert_msg(!verdict.ok, "accepted: %s %s", row->header, row->claims);
    ck_assert_msg(strstr(verdict.why, row->why) != NULL, "%s %s: %s", row->header, row->claims,
                  verdict.why);
    ck_assert(verdict.expired == (strcmp(row->why, "expired") == 0));
    buf_fini(&scratch);
    buf_fini(&token);
}
END_TEST

/* RFC 7515 appendix A.1: expired in 2011 and without a subject, but rightly signed. */
#define RFC_TOKEN                                                                                  \
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."                                                    \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnV"  \
    "lfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

static const uint8_t rfc_key[] = {
    0x03, 0x23, 0x35, 0x4b, 0x2b, 0x0f, 0xa5, 0xbc, 0x83, 0x7e, 0x06, 0x65, 0x77, 0x7b, 0xa6, 0x8f,
    0x5a, 0xb3, 0x28, 0xe6, 0xf0, 0x54, 0xc9, 0x28, 0xa9, 0x0f, 0x84, 0xb2, 0xd2, 0x50, 0x2e, 0xbf,
    0xd3, 0xfb, 0x5a, 0x92, 0xd2, 0x06, 0x47, 0xef, 0x96, 0x8a, 0xb4, 0xc3, 0x77, 0x62, 0x3d, 0x22,
    0x3d, 0x2e, 0x21, 0x72, 0x05, 0x2e, 0x4f, 0x08, 0xc0, 0xcd, 0x9a, 0xf5, 0x67, 0xd0, 0x80, 0xa3,
};

START_TEST(the_example_of_rfc_7515_passes_as_far_as_its_signature)
{
    struct jws_keys *keys = secret_keys(bytes_of(rfc_key, sizeof(rfc_key)));
    struct auth_config config = {.mode = AUTH_JWT, .keys = keys};
    struct buf scratch;
    buf_init(&scratch, 0);
    config.issuer = BYTES_LIT("joe");
    struct auth_verdict verdict = auth_check(&config, BYTES_LIT(RFC_TOKEN), NOW_S * 1000, &scratch);
    ck_assert(!verdict.ok && verdict.expired);
    verdict = auth_check(&config, BYTES_LIT(RFC_TOKEN), UINT64_C(1300819379999), &scratch);
    ck_assert_str_eq(verdict.why, "sub is missing or not a string");
    verdict = auth_check(&config, BYTES_LIT(RFC_TOKEN), UINT64_C(1300819380000), &scratch);
    ck_assert_str_eq(verdict.why, "expired");
    jws_keys_unref(&keys);
    keys = secret_keys(bytes_of(rfc_key, sizeof(rfc_key) - 1));
    config.keys = keys;
    verdict = auth_check(&config, BYTES_LIT(RFC_TOKEN), 0, &scratch);
    ck_assert_str_eq(verdict.why, "signature does not match");
    jws_keys_unref(&keys);
    buf_fini(&scratch);
}
END_TEST

/* RFC 7519 section 3.1: the example JWT, with the key of RFC 7515 appendix A.1. */
START_TEST(the_example_of_rfc_7519_section_3_1_verifies_until_it_expires)
{
    enum { EXAMPLE_EXP_S = 1300819380 };
    struct jws_keys *keys = secret_keys(bytes_of(rfc_key, sizeof(rfc_key)));
    struct jws jws;
    struct buf scratch;
    buf_init(&scratch, 0);
    ck_assert_ptr_null(jws_parse(BYTES_LIT(RFC_TOKEN), &scratch, &jws));
    ck_assert_ptr_null(jws_verify(&jws, keys, &scratch));
    struct auth_config config = {.mode = AUTH_JWT, .keys = keys, .issuer = BYTES_LIT("joe")};
    for (uint64_t now_s = EXAMPLE_EXP_S - 1; now_s <= EXAMPLE_EXP_S; now_s++) {
        struct auth_verdict verdict =
            auth_check(&config, BYTES_LIT(RFC_TOKEN), now_s * 1000, &scratch);
        /* All of it is right but that we need to know who comes. */
        ck_assert_str_eq(verdict.why,
                         now_s < EXAMPLE_EXP_S ? "sub is missing or not a string" : "expired");
    }
    config.issuer = BYTES_LIT("jim");
    struct auth_verdict verdict =
        auth_check(&config, BYTES_LIT(RFC_TOKEN), (uint64_t)(EXAMPLE_EXP_S - 1) * 1000, &scratch);
    ck_assert(!verdict.ok && strstr(verdict.why, "iss") != NULL);
    jws_keys_unref(&keys);
    buf_fini(&scratch);
}
END_TEST

/* RFC 7519 section 6.1: the unsecured example, which nobody may get in with. */
START_TEST(the_unsecured_example_of_rfc_7519_section_6_1_is_refused)
{
    struct jws_keys *keys = secret_keys(bytes_of(rfc_key, sizeof(rfc_key)));
    struct auth_config config = {.mode = AUTH_JWT, .keys = keys};
    struct buf scratch;
    buf_init(&scratch, 0);
    struct auth_verdict verdict =
        auth_check(&config,
                   BYTES_LIT("eyJhbGciOiJub25lIn0"
                             ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
                             "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ."),
                   0, &scratch);
    ck_assert(!verdict.ok && verdict.why != NULL);
    jws_keys_unref(&keys);
    buf_fini(&scratch);
}
END_TEST

static void refused(struct bytes token, const char *why)
{
    struct buf scratch;
    buf_init(&scratch, 0);
    struct auth_verdict verdict = check(&jwt_config, token, &scratch);
    ck_assert_msg(!verdict.ok, "accepted: %.*s", (int)token.len, (const char *)token.data);
    ck_assert_msg(strstr(verdict.why, why) != NULL, "%.*s: %s", (int)token.len,
                  (const char *)token.data, verdict.why);
    buf_fini(&scratch);
}

static const struct form_row {
    const char *before;
    const char *after;
    const char *why;
} form_rows[] = {
    /* what stands before and after a good token */
    {".", "", "header"},       {"", ".", "signature"},  {"", ".x", "signature"},
    {"", "=", "signature"},    {"", "==", "signature"}, {"", "A", "signature"},
    {"", "AA", "signature"},   {"", "\n", "signature"}, {"", " ", "signature"},
    {" ", "", "header"},       {"\n", "", "header"},    {"A", "", "header"},
    {"Bearer ", "", "header"}, {"=", "", "header"},
};

START_TEST(nothing_may_stand_around_a_token)
{
    struct buf token;
    struct buf text;
    buf_init(&token, 0);
    buf_init(&text, 0);
    make_token(&token, BYTES_LIT(GOOD_HEADER), BYTES_LIT(GOOD_CLAIMS));
    buf_append_str(&text, form_rows[_i].before);
    buf_append(&text, buf_bytes(&token));
    buf_append_str(&text, form_rows[_i].after);
    refused(buf_bytes(&text), form_rows[_i].why);
    buf_fini(&text);
    buf_fini(&token);
}
END_TEST

static const struct raw_row {
    const char *token;
    const char *why;
} raw_rows[] = {
    {"", "no token"},
    {".", "three parts"},
    {"..", "header"},
    {"...", "header"},
    {"....", "header"},
    {"alice", "three parts"},
    {"a.b", "three parts"},
    {"eyJhbGciOiJIUzI1NiJ9.e30", "three parts"},
    {"eyJhbGciOiJIUzI1NiJ9.e30.", "signature"},
    {"eyJhbGciOiJIUzI1NiJ9..", "signature"},
    {"eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.", "alg"},
    {"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.AAAA", "signature"},
    {"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
     "signature does not match"},
    {"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB",
     "signature is not"},
    {"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.AAAA+/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
     "signature is not"},
    {"eyJhbGciOiJIUzI1NiJ9=.eyJzdWIiOiJhbGljZSJ9.AAAA", "header"},
    {"eyJhbGciOiJIUzI1NiJ8.eyJzdWIiOiJhbGljZSJ9.AAAA", "header"},
    {"eyJhbGciOiJIUzI1NiIsImtpZCI6IiJ.e30.AAAA", "header"},
};

START_TEST(what_has_not_the_form_of_a_token_is_refused)
{
    refused(bytes_of_str(raw_rows[_i].token), raw_rows[_i].why);
}
END_TEST

START_TEST(no_bit_of_a_token_may_change)
{
    struct buf token;
    buf_init(&token, 0);
    make_token(&token, BYTES_LIT(GOOD_HEADER), BYTES_LIT("{\"sub\":\"alice\",\"exp\":1999999999}"));
    for (size_t at = 0; at < token.len; at++) {
        for (int bit = 0; bit < 8; bit++) {
            token.data[at] = (uint8_t)(token.data[at] ^ 1 << bit);
            refused(buf_bytes(&token), "");
            token.data[at] = (uint8_t)(token.data[at] ^ 1 << bit);
        }
    }
    for (size_t len = 0; len < token.len; len++) {
        refused(bytes_slice(buf_bytes(&token), 0, len), "");
    }
    buf_fini(&token);
}
END_TEST

START_TEST(another_key_or_hash_does_not_sign_for_us)
{
    struct buf token;
    buf_init(&token, 0);
    append_base64url(&token, BYTES_LIT(GOOD_HEADER));
    buf_append_byte(&token, '.');
    append_base64url(&token, BYTES_LIT(GOOD_CLAIMS));
    size_t len = token.len;
    sign(&token, BYTES_LIT("0123456789abcdef0123456789abcdeg"), EVP_sha256());
    refused(buf_bytes(&token), "signature does not match");
    token.len = len;
    sign(&token, BYTES_LIT(""), EVP_sha256());
    refused(buf_bytes(&token), "signature does not match");
    token.len = len;
    sign(&token, BYTES_LIT(KEY), EVP_sha512());
    refused(buf_bytes(&token), "signature has not the length");
    token.len = len;
    sign(&token, BYTES_LIT(KEY), EVP_sha3_256());
    refused(buf_bytes(&token), "signature does not match");
    buf_fini(&token);
}
END_TEST

START_TEST(a_part_with_a_letter_too_many_is_refused_though_signed)
{
    struct buf token;
    buf_init(&token, 0);
    append_base64url(&token, BYTES_LIT(GOOD_HEADER));
    ck_assert_uint_eq(token.len % 4, 0);
    buf_append_str(&token, "A."); /* six bits of zero that are nobody's */
    append_base64url(&token, BYTES_LIT(GOOD_CLAIMS));
    sign(&token, BYTES_LIT(KEY), EVP_sha256());
    refused(buf_bytes(&token), "header");
    buf_fini(&token);
}
END_TEST

START_TEST(without_keys_nothing_is_vouched_for)
{
    struct auth_config config = jwt_config;
    struct buf token;
    struct buf scratch;
    buf_init(&token, 0);
    buf_init(&scratch, 0);
    make_token(&token, BYTES_LIT(GOOD_HEADER), BYTES_LIT(GOOD_CLAIMS));
    config.keys = NULL;
    ck_assert_str_eq(check(&config, buf_bytes(&token), &scratch).why, "there are no keys");
    struct jws_keys *none = jws_keys_new();
    config.keys = none;
    ck_assert_str_eq(check(&config, buf_bytes(&token), &scratch).why, "no key has its kid and alg");
    jws_keys_unref(&none);
    buf_fini(&scratch);
    buf_fini(&token);
}
END_TEST

START_TEST(a_token_over_8192_bytes_is_refused_unread)
{
    struct buf claims;
    struct buf token;
    struct buf scratch;
    buf_init(&claims, 0);
    buf_init(&token, 0);
    buf_init(&scratch, 0);
    buf_append_str(&claims, GOOD_CLAIMS);
    make_token(&token, BYTES_LIT("{\"alg\":\"HS256\"}"), buf_bytes(&claims));
    while (token.len < 8192) {
        ck_assert(check(&jwt_config, buf_bytes(&token), &scratch).ok);
        size_t grow = (8192 - token.len) / 2 + 1;
        memset(buf_extend(&claims, grow), ' ', grow);
        make_token(&token, BYTES_LIT("{\"alg\":\"HS256\"}"), buf_bytes(&claims));
    }
    ck_assert(check(&jwt_config, buf_bytes(&token), &scratch).ok == (token.len == 8192));
    buf_append_byte(&claims, ' ');
    make_token(&token, BYTES_LIT("{\"alg\":\"HS256\"}"), buf_bytes(&claims));
    refused(buf_bytes(&token), "too long");
    buf_fini(&scratch);
    buf_fini(&token);
    buf_fini(&claims);
}
END_TEST

START_TEST(scratch_that_may_not_grow_refuses)
{
    struct buf token;
    struct buf scratch;
    buf_init(&token, 0);
    buf_init(&scratch, 16);
    make_token(&token, BYTES_LIT(GOOD_HEADER), BYTES_LIT(GOOD_CLAIMS));
    ck_assert(!check(&jwt_config, buf_bytes(&token), &scratch).ok);
    struct auth_config insecure = {.mode = AUTH_INSECURE};
    ck_assert(!check(&insecure, BYTES_LIT("much too long a name"), &scratch).ok);
    ck_assert(check(&insecure, BYTES_LIT("short"), &scratch).ok);
    buf_fini(&scratch);
    buf_fini(&token);
}
END_TEST

START_TEST(an_enormous_leeway_does_not_wrap)
{
    struct auth_config config = jwt_config;
    struct buf token;
    struct buf scratch;
    buf_init(&token, 0);
    buf_init(&scratch, 0);
    config.leeway_s = UINT64_MAX;
    make_token(&token, BYTES_LIT(GOOD_HEADER),
               BYTES_LIT("{\"sub\":\"a\",\"exp\":253402300799,\"nbf\":253402300799}"));
    struct auth_verdict verdict = check(&config, buf_bytes(&token), &scratch);
    ck_assert(verdict.ok);
    ck_assert_uint_gt(verdict.expires_at_ms, NOW_S * 1000);
    buf_fini(&scratch);
    buf_fini(&token);
}
END_TEST

START_TEST(in_insecure_mode_the_token_is_the_name)
{
    struct auth_config config = {.mode = AUTH_INSECURE};
    struct buf scratch;
    struct bytes name = BYTES_LIT(A128);
    buf_init(&scratch, 0);
    struct auth_verdict verdict = check(&config, BYTES_LIT("alice"), &scratch);
    ck_assert(verdict.ok && verdict.expires_at_ms == 0);
    ck_assert(bytes_equal(verdict.user, BYTES_LIT("user_alice")));
    ck_assert(check(&config, bytes_slice(name, 0, 123), &scratch).ok);
    ck_assert(!check(&config, bytes_slice(name, 0, 124), &scratch).ok);
    ck_assert(!check(&config, BYTES_EMPTY, &scratch).ok);
    ck_assert(!check(&config, BYTES_LIT("a\n"), &scratch).ok);
    ck_assert(!check(&config, BYTES_LIT("a\0"), &scratch).ok);
    ck_assert(!check(&config, BYTES_LIT("\xff"), &scratch).ok);
    ck_assert(!check(&config, BYTES_LIT("\xc2\x85"), &scratch).ok);
    buf_fini(&scratch);
}
END_TEST

static struct jws_keys *own_keys;

static void set_up(void)
{
    own_keys = secret_keys(BYTES_LIT(KEY));
    jwt_config.keys = own_keys;
}

static void tear_down(void)
{
    jws_keys_unref(&own_keys);
}

START_TEST(what_takes_long_to_check_is_known_by_its_header_at_any_length)
{
    struct buf token;
    buf_init(&token, 0);
    buf_append_str(&token, "eyJhbGciOiJFUzI1NiJ9."); /* {"alg":"ES256"} */
    ck_assert(!auth_is_costly(&jwt_config, buf_bytes(&token)));
    buf_append_str(&token, "e30.");
    while (token.len <= JWS_BYTES_MAX) {
        ck_assert_msg(auth_is_costly(&jwt_config, buf_bytes(&token)), "%zu bytes", token.len);
        buf_append_byte(&token, 'A');
    }
    ck_assert(!auth_is_costly(&jwt_config, buf_bytes(&token)));
    make_token(&token, BYTES_LIT(GOOD_HEADER), BYTES_LIT(GOOD_CLAIMS));
    ck_assert(!auth_is_costly(&jwt_config, buf_bytes(&token)));
    struct auth_config insecure = {.mode = AUTH_INSECURE};
    ck_assert(!auth_is_costly(&insecure, BYTES_LIT("eyJhbGciOiJFUzI1NiJ9.e30.AA")));
    buf_fini(&token);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("auth");
    TCase *tcase = tcase_create("jwt");
    tcase_add_unchecked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, a_signed_token_gives_its_user_and_end, 0,
                        sizeof(good_rows) / sizeof(good_rows[0]));
    tcase_add_loop_test(tcase, a_right_signature_does_not_excuse_a_wrong_content, 0,
                        sizeof(bad_rows) / sizeof(bad_rows[0]));
    tcase_add_loop_test(tcase, nothing_may_stand_around_a_token, 0,
                        sizeof(form_rows) / sizeof(form_rows[0]));
    tcase_add_loop_test(tcase, what_has_not_the_form_of_a_token_is_refused, 0,
                        sizeof(raw_rows) / sizeof(raw_rows[0]));
    tcase_add_test(tcase, the_example_of_rfc_7519_section_3_1_verifies_until_it_expires);
    tcase_add_test(tcase, the_unsecured_example_of_rfc_7519_section_6_1_is_refused);
    tcase_add_test(tcase, the_example_of_rfc_7515_passes_as_far_as_its_signature);
    tcase_add_test(tcase, no_bit_of_a_token_may_change);
    tcase_add_test(tcase, another_key_or_hash_does_not_sign_for_us);
    tcase_add_test(tcase, a_part_with_a_letter_too_many_is_refused_though_signed);
    tcase_add_test(tcase, without_keys_nothing_is_vouched_for);
    tcase_add_test(tcase, a_token_over_8192_bytes_is_refused_unread);
    tcase_add_test(tcase, scratch_that_may_not_grow_refuses);
    tcase_add_test(tcase, an_enormous_leeway_does_not_wrap);
    tcase_add_test(tcase, what_takes_long_to_check_is_known_by_its_header_at_any_length);
    suite_add_tcase(suite, tcase);
    TCase *insecure = tcase_create("insecure");
    tcase_add_test(insecure, in_insecure_mode_the_token_is_the_name);
    suite_add_tcase(suite, insecure);
    return check_main(suite);
}
