/* Tokens to users. A claim that stands twice is refused wherever it matters, because two readers
 * could choose differently. */
#include "router/auth.h"

#include "router/base64url.h"
#include "router/command.h"
#include "router/json_scan.h"
#include "router/jws.h"
#include "router/rights_json.h"

#define INSECURE_PREFIX "user_"
#define DATE_MAX UINT64_C(253402300799) /* the last second of the year 9999 */

enum claim {
    CLAIM_SUB,
    CLAIM_EXP,
    CLAIM_NBF,
    CLAIM_IAT,
    CLAIM_AUD,
    CLAIM_ISS,
    CLAIM_RIGHTS,
    CLAIM_COUNT
};

/* Steps answer NULL, or the reason to refuse as a static text. */

/* Decodes a part into scratch (emptied before) and finds an object in it. */
static bool decode_object(struct bytes part, struct buf *scratch, struct json_value *ret_object)
{
    struct json_value object;
    buf_clear(scratch);
    if (!base64url_decode(part, scratch) || !json_scan(buf_bytes(scratch), &object) ||
        object.kind != JSON_KIND_OBJECT) {
        return false;
    }
    *ret_object = object;
    return true;
}

/* A NumericDate (RFC 7519 section 2) from 1970 to 9999; a fraction is cut off. */
static bool read_date(struct json_value value, uint64_t *ret_seconds)
{
    size_t whole = 0;
    while (whole < value.raw.len && value.raw.data[whole] != '.') {
        whole++;
    }
    for (size_t i = whole; i < value.raw.len; i++) {
        if (value.raw.data[i] == 'e' || value.raw.data[i] == 'E') {
            return false; /* 1e9 is a number to JSON, but nobody's way to write a date */
        }
    }
    value.raw = bytes_slice(value.raw, 0, whole);
    return json_read_integer(value, DATE_MAX, ret_seconds);
}

/* Seconds by our clock until which clocks that differ by the leeway may still say `seconds`. */
static uint64_t add_leeway(const struct auth_config *config, uint64_t seconds)
{
    uint64_t leeway = config->leeway_s > DATE_MAX ? DATE_MAX : config->leeway_s;
    return seconds + leeway;
}

static const char *check_dates(const struct auth_config *config, uint32_t seen,
                               const struct json_value *values, uint64_t wall_ms,
                               struct auth_verdict *ret_verdict)
{
    uint64_t now_s = wall_ms / 1000;
    uint64_t date = 0;
    if ((seen & 1U << CLAIM_EXP) != 0) {
        if (!read_date(values[CLAIM_EXP], &date)) {
            return "exp is not a date";
        }
        ret_verdict->expires_at_ms = add_leeway(config, date) * 1000;
        if (wall_ms >= ret_verdict->expires_at_ms) {
            ret_verdict->expired = true;
            return "expired";
        }
    }
    if ((seen & 1U << CLAIM_NBF) != 0) {
        if (!read_date(values[CLAIM_NBF], &date)) {
            return "nbf is not a date";
        }
        if (date > add_leeway(config, now_s)) {
            return "not valid yet";
        }
    }
    if ((seen & 1U << CLAIM_IAT) != 0) {
        if (!read_date(values[CLAIM_IAT], &date)) {
            return "iat is not a date";
        }
        if (date > add_leeway(config, now_s)) {
            return "issued in the future";
        }
    }
    return NULL;
}

/* RFC 7519 section 4.1.3: a string, or an array of strings of which one is us. */
static const char *check_audience(struct bytes audience, bool given, struct json_value value)
{
    static const char wrong_type[] = "aud is not a string or an array of strings";
    bool found = audience.len == 0;
    if (!given) {
        return found ? NULL : "aud is missing";
    }
    if (value.kind == JSON_KIND_STRING) {
        found = found || json_string_equals(value.raw, audience);
    } else if (value.kind == JSON_KIND_ARRAY) {
        size_t cursor = 0;
        struct bytes no_key;
        struct json_value item;
        while (json_next(value, &cursor, &no_key, &item)) {
            if (item.kind != JSON_KIND_STRING) {
                return wrong_type;
            }
            found = found || json_string_equals(item.raw, audience);
        }
    } else {
        return wrong_type;
    }
    return found ? NULL : "aud is somebody else";
}

static const char *check_issuer(struct bytes issuer, bool given, struct json_value value)
{
    if (given && value.kind != JSON_KIND_STRING) {
        return "iss is not a string";
    }
    if (issuer.len == 0) {
        return NULL;
    }
    if (!given) {
        return "iss is missing";
    }
    return json_string_equals(value.raw, issuer) ? NULL : "iss is somebody else";
}

/* The name goes to the end of scratch, which has room for it: `raw` is part of scratch. */
static const char *read_subject(bool given, struct json_value value, struct buf *scratch,
                                struct bytes *ret_user)
{
    if (!given || value.kind != JSON_KIND_STRING) {
        return "sub is missing or not a string";
    }
    size_t start = scratch->len;
    if (!json_string_decode(value.raw, scratch)) {
        return "sub is not a valid name";
    }
    struct bytes user = bytes_slice(buf_bytes(scratch), start, scratch->len);
    if (!client_name_valid(user)) {
        return "sub is not a valid name";
    }
    *ret_user = user;
    return NULL;
}

static const char *check_claims(const struct auth_config *config, struct bytes part,
                                uint64_t wall_ms, struct buf *scratch,
                                struct auth_verdict *ret_verdict)
{
    const struct bytes names[CLAIM_COUNT] = {
        [CLAIM_SUB] = BYTES_LIT("sub"),       [CLAIM_EXP] = BYTES_LIT("exp"),
        [CLAIM_NBF] = BYTES_LIT("nbf"),       [CLAIM_IAT] = BYTES_LIT("iat"),
        [CLAIM_AUD] = BYTES_LIT("aud"),       [CLAIM_ISS] = BYTES_LIT("iss"),
        [CLAIM_RIGHTS] = BYTES_LIT("rights"),
    };
    struct json_value claims;
    struct json_value values[CLAIM_COUNT] = {{JSON_KIND_NULL, BYTES_EMPTY}};
    if (!decode_object(part, scratch, &claims)) {
        return "claims are not a base64url JSON object";
    }
    struct json_members members = json_members(claims, names, CLAIM_COUNT, values);
    if (members.repeated != 0) {
        return "a claim is given twice";
    }
    const char *why = check_dates(config, members.seen, values, wall_ms, ret_verdict);
    if (why == NULL) {
        why =
            check_issuer(config->issuer, (members.seen & 1U << CLAIM_ISS) != 0, values[CLAIM_ISS]);
    }
    if (why == NULL) {
        why = check_audience(config->audience, (members.seen & 1U << CLAIM_AUD) != 0,
                             values[CLAIM_AUD]);
    }
    if (why == NULL) {
        why = read_subject((members.seen & 1U << CLAIM_SUB) != 0, values[CLAIM_SUB], scratch,
                           &ret_verdict->user);
    }
    if (why == NULL && (members.seen & 1U << CLAIM_RIGHTS) != 0) {
        size_t start = scratch->len;
        why = rights_read(values[CLAIM_RIGHTS], scratch);
        ret_verdict->rights = bytes_slice(buf_bytes(scratch), start, scratch->len);
    }
    return why;
}

/* Signature first: no claim is looked at before a key has vouched for it. */
static const char *check_jwt(const struct auth_config *config, struct bytes token, uint64_t wall_ms,
                             struct buf *scratch, struct auth_verdict *ret_verdict)
{
    struct jws jws;
    struct buf signature;
    const char *why = jws_parse(token, scratch, &jws);
    if (why == NULL) {
        buf_init(&signature, JWS_BYTES_MAX);
        why =
            config->keys == NULL ? "there are no keys" : jws_verify(&jws, config->keys, &signature);
        buf_fini(&signature);
    }
    if (why == NULL) { /* scratch has room for the claims and a name decoded from them */
        why = check_claims(config, jws.claims, wall_ms, scratch, ret_verdict);
    }
    return why;
}

static const char *check_insecure(struct bytes token, struct buf *scratch,
                                  struct auth_verdict *ret_verdict)
{
    buf_append_str(scratch, INSECURE_PREFIX);
    buf_append(scratch, token);
    if (!buf_ok(scratch) || !client_name_valid(buf_bytes(scratch))) {
        return "token is not a valid name";
    }
    ret_verdict->user = buf_bytes(scratch);
    return NULL;
}

struct auth_verdict auth_check(const struct auth_config *config, struct bytes token,
                               uint64_t wall_ms, struct buf *scratch)
{
    struct auth_verdict verdict = {.ok = false};
    const char *why = NULL;
    buf_clear(scratch);
    if (token.len == 0) {
        why = "no token";
    } else if (token.len > JWS_BYTES_MAX) {
        why = "token is too long";
    } else if (config->mode == AUTH_JWT) {
        why = check_jwt(config, token, wall_ms, scratch, &verdict);
    } else {
        why = check_insecure(token, scratch, &verdict);
    }
    if (why != NULL) {
        return (struct auth_verdict){.ok = false, .expired = verdict.expired, .why = why};
    }
    verdict.ok = true;
    return verdict;
}

bool auth_is_costly(const struct auth_config *config, struct bytes token)
{
    struct jws jws;
    struct buf scratch;
    buf_init(&scratch, (size_t)5 * JWS_BYTES_MAX); /* as jws_parse() wants */
    bool costly = config->mode == AUTH_JWT && token.len <= JWS_BYTES_MAX &&
                  jws_parse(token, &scratch, &jws) == NULL && jws_alg_is_costly(jws.alg);
    buf_fini(&scratch);
    return costly;
}
