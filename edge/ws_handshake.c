/* Reads the request head in the order of its bytes and refuses at the first line that cannot belong
 * to an acceptable request; what only the whole head can tell (a missing field) is judged at its
 * end, in a fixed order. So the verdict does not depend on how the head was cut into reads. */
#include "edge/ws_handshake.h"

#include "edge/ws_fields.h"
#include "edge/ws_http.h"
#include "edge/ws_target.h"

#include <string.h>

enum {
    AGENT_LEN_MAX = 256,
    STATUS_BAD = 400,
    STATUS_ORIGIN = 403,
    STATUS_PATH = 404,
    STATUS_METHOD = 405,
    STATUS_VERSION = 426,
    STATUS_TOO_LARGE = 431,
    STATUS_HTTP_VERSION = 505
};

static const char *const known_protocols[] = {"splitrail.v1.json"};
static const char bearer_entry[] = "bearer.";
static const char bearer_scheme[] = "bearer";

enum outcome { OUTCOME_OK, OUTCOME_MORE, OUTCOME_REFUSED };

struct reader {
    const struct ws_handshake_config *config;
    struct buf *scratch;
    struct ws_request *request;
    struct ws_http_cursor cursor;
    struct ws_target target;
    bool health;
    bool http_1_0;
    struct ws_fields fields;
};

static enum outcome refuse(struct reader *reader, int status, const char *text)
{
    reader->request->status = status;
    reader->request->refusal = text;
    return OUTCOME_REFUSED;
}

static enum outcome of_step(struct reader *reader, enum ws_http_step step)
{
    switch (step) {
    case WS_HTTP_OK:
        return OUTCOME_OK;
    case WS_HTTP_MORE:
        return OUTCOME_MORE;
    case WS_HTTP_BAD:
        break;
    }
    return refuse(reader, STATUS_BAD, reader->cursor.error);
}

static bool equals(struct bytes bytes, const char *text)
{
    return bytes_equal(bytes, bytes_of_str(text));
}

static bool equals_nocase(struct bytes bytes, const char *text)
{
    return ws_http_equal_nocase(bytes, bytes_of_str(text));
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

/* ---- the request line ---- */

/* RFC 9112 section 2.3: "HTTP/" DIGIT "." DIGIT; case matters. RFC 9110 section 2.5: a higher minor
 * version is read as the highest known. */
static enum outcome check_http_version(struct reader *reader, struct bytes version)
{
    struct bytes prefix = BYTES_LIT("HTTP/");
    if (version.len != prefix.len + 3 || !bytes_starts_with(version, prefix) ||
        !is_digit(version.data[5]) || version.data[6] != '.' || !is_digit(version.data[7])) {
        return refuse(reader, STATUS_BAD, "bad HTTP version");
    }
    if (version.data[5] != '1') {
        return refuse(reader, STATUS_HTTP_VERSION, "HTTP/1.1 needed");
    }
    reader->http_1_0 = version.data[7] == '0';
    return OUTCOME_OK;
}

/* A repeated parameter would let two readers of one URL see two different tokens. */
static bool has_repeated_param(const struct ws_target *target)
{
    struct bytes value = BYTES_EMPTY;
    return ws_target_param(target->query, BYTES_LIT("token"), &value) > 1 ||
           ws_target_param(target->query, BYTES_LIT("routing"), &value) > 1;
}

static enum outcome check_resource(struct reader *reader, struct bytes method)
{
    bool head = equals(method, "HEAD");
    if (!head && !equals(method, "GET")) {
        return refuse(reader, STATUS_METHOD, "method not allowed");
    }
    if (bytes_equal(reader->target.path, BYTES_LIT("/health"))) {
        /* Old balancers ask for health by HTTP/1.0; that costs nothing, so they may. */
        reader->health = true;
        reader->request->head_only = head;
        return OUTCOME_OK;
    }
    if (!ws_target_same_path(reader->target.path, reader->config->path)) {
        return refuse(reader, STATUS_PATH, "not found");
    }
    if (head) {
        return refuse(reader, STATUS_METHOD, "method not allowed"); /* RFC 6455 section 4.2.1 (1) */
    }
    if (reader->http_1_0) {
        return refuse(reader, STATUS_BAD, "HTTP/1.1 needed"); /* RFC 6455 section 4.2.1 (1) */
    }
    if (has_repeated_param(&reader->target)) {
        return refuse(reader, STATUS_BAD, "repeated query parameter");
    }
    return OUTCOME_OK;
}

static enum outcome read_request_line(struct reader *reader)
{
    struct bytes method = BYTES_EMPTY;
    struct bytes target = BYTES_EMPTY;
    struct bytes version = BYTES_EMPTY;
    enum outcome outcome = of_step(reader, ws_http_empty_line(&reader->cursor));
    if (outcome == OUTCOME_OK) {
        outcome = of_step(reader, ws_http_method(&reader->cursor, &method));
    }
    if (outcome == OUTCOME_OK) {
        outcome = of_step(reader, ws_http_target(&reader->cursor, &target));
    }
    const char *error = NULL;
    if (outcome == OUTCOME_OK && !ws_target_parse(target, &reader->target, &error)) {
        return refuse(reader, STATUS_BAD, error);
    }
    if (outcome == OUTCOME_OK) {
        outcome = of_step(reader, ws_http_version(&reader->cursor, &version));
    }
    if (outcome == OUTCOME_OK) {
        outcome = check_http_version(reader, version);
    }
    return outcome == OUTCOME_OK ? check_resource(reader, method) : outcome;
}

/* ---- the fields ---- */

static enum outcome read_fields(struct reader *reader)
{
    for (size_t count = 0;; count++) {
        struct bytes name = BYTES_EMPTY;
        struct bytes value = BYTES_EMPTY;
        enum outcome outcome = of_step(reader, ws_http_field(&reader->cursor, &name, &value));
        if (outcome != OUTCOME_OK || name.len == 0) {
            return outcome;
        }
        if (count == reader->config->fields_max) {
            return refuse(reader, STATUS_TOO_LARGE, "too many header fields");
        }
        const char *error = ws_fields_add(&reader->fields, name, value);
        if (error != NULL) {
            return refuse(reader, STATUS_BAD, error);
        }
    }
}

/* ---- what only the whole head can tell ---- */

/* RFC 6455 section 4.2.2 (4): a server may refuse origins. Programs that are no browsers send none
 * (section 10.2) and pass. The listed values differ from the sent one at most in case. */
static bool is_origin_allowed(const struct reader *reader)
{
    const struct ws_handshake_config *config = reader->config;
    if (config->origin_count == 0 || !reader->fields.seen[WS_FIELD_ORIGIN]) {
        return true;
    }
    for (size_t i = 0; i < config->origin_count; i++) {
        if (ws_http_equal_nocase(reader->fields.values[WS_FIELD_ORIGIN], config->origins[i])) {
            return true;
        }
    }
    return false;
}

/* RFC 6455 section 4.2.1, in its order, then the origin. */
static enum outcome judge_upgrade(struct reader *reader)
{
    if (!reader->fields.upgrade_websocket) {
        return refuse(reader, STATUS_BAD, "WebSocket upgrade needed");
    }
    if (!reader->fields.connection_upgrade) {
        return refuse(reader, STATUS_BAD, "Connection: Upgrade needed");
    }
    if (!reader->fields.seen[WS_FIELD_VERSION]) {
        return refuse(reader, STATUS_BAD, "Sec-WebSocket-Version missing");
    }
    if (!equals(reader->fields.values[WS_FIELD_VERSION], "13")) {
        return refuse(reader, STATUS_VERSION, "WebSocket version 13 needed"); /* section 4.4 */
    }
    if (!reader->fields.seen[WS_FIELD_KEY]) {
        return refuse(reader, STATUS_BAD, "Sec-WebSocket-Key missing");
    }
    if (!is_origin_allowed(reader)) {
        return refuse(reader, STATUS_ORIGIN, "origin not allowed");
    }
    return OUTCOME_OK;
}

static bool is_token_entry(struct bytes protocol)
{
    struct bytes prefix = bytes_of_str(bearer_entry);
    return bytes_starts_with(protocol, prefix) && protocol.len > prefix.len;
}

static struct bytes first_protocol(const struct reader *reader)
{
    for (size_t i = 0; i < reader->fields.protocol_count; i++) {
        if (!is_token_entry(reader->fields.protocols[i])) {
            return reader->fields.protocols[i];
        }
    }
    return BYTES_EMPTY;
}

static struct bytes select_protocol(const struct reader *reader)
{
    if (reader->config->any_protocol) {
        return first_protocol(reader);
    }
    for (size_t i = 0; i < reader->fields.protocol_count; i++) {
        for (size_t k = 0; k < sizeof(known_protocols) / sizeof(known_protocols[0]); k++) {
            if (equals(reader->fields.protocols[i], known_protocols[k])) {
                return reader->fields.protocols[i];
            }
        }
    }
    return BYTES_EMPTY;
}

/* RFC 6750 section 2.1. What follows the scheme is taken as it is: whether it is a token is for
 * those to say who know its form. */
static struct bytes authorization_token(const struct reader *reader)
{
    struct bytes value = reader->fields.values[WS_FIELD_AUTHORIZATION];
    size_t scheme_len = sizeof(bearer_scheme) - 1;
    if (!equals_nocase(bytes_slice(value, 0, scheme_len), bearer_scheme) ||
        value.len == scheme_len || value.data[scheme_len] != ' ') {
        return BYTES_EMPTY;
    }
    value = bytes_slice(value, scheme_len, value.len);
    while (value.len != 0 && value.data[0] == ' ') {
        value = bytes_slice(value, 1, value.len);
    }
    return value;
}

static struct bytes protocol_token(const struct reader *reader)
{
    for (size_t i = 0; i < reader->fields.protocol_count; i++) {
        struct bytes protocol = reader->fields.protocols[i];
        if (is_token_entry(protocol)) {
            return bytes_slice(protocol, sizeof(bearer_entry) - 1, protocol.len);
        }
    }
    return BYTES_EMPTY;
}

static void select_token(const struct reader *reader, struct ws_request *request)
{
    request->token = authorization_token(reader);
    request->token_source = WS_TOKEN_HEADER;
    if (request->token.len == 0) {
        request->token = protocol_token(reader);
        request->token_source = WS_TOKEN_SUBPROTOCOL;
    }
    if (request->token.len == 0) {
        ws_target_param(reader->target.query, BYTES_LIT("token"), &request->token);
        request->token_source = WS_TOKEN_QUERY;
    }
    if (request->token.len == 0) {
        request->token_source = WS_TOKEN_NONE;
    }
}

static void join_forwarded(const struct ws_fields *fields, struct buf *out)
{
    for (size_t i = 0; i < fields->forwarded_count; i++) {
        buf_append_str(out, i == 0 ? "" : ",");
        buf_append(out, fields->forwarded[i]);
    }
}

/* Fills in what the caller wants to know. All decoding comes before the first view of the scratch
 * is made, because the scratch may move while it grows. */
static enum outcome fill_request(struct reader *reader)
{
    struct ws_request *request = reader->request;
    struct buf *scratch = reader->scratch;
    select_token(reader, request);
    size_t forwarded_end = scratch->len;
    if (request->token_source == WS_TOKEN_QUERY) {
        ws_target_decode(request->token, scratch);
    }
    size_t token_end = scratch->len;
    struct bytes routing = BYTES_EMPTY;
    ws_target_param(reader->target.query, BYTES_LIT("routing"), &routing);
    ws_target_decode(routing, scratch);
    size_t routing_end = scratch->len;
    join_forwarded(&reader->fields, scratch);
    if (!buf_ok(scratch)) {
        return refuse(reader, STATUS_TOO_LARGE, "header too large");
    }
    struct bytes decoded = buf_bytes(scratch);
    request->forwarded_for = bytes_slice(decoded, 0, forwarded_end);
    if (request->token_source == WS_TOKEN_QUERY) {
        request->token = bytes_slice(decoded, forwarded_end, token_end - forwarded_end);
    }
    request->routing = bytes_slice(decoded, token_end, routing_end - token_end);
    request->forwarded = bytes_slice(decoded, routing_end, decoded.len);
    request->key = reader->fields.values[WS_FIELD_KEY];
    request->subprotocol = select_protocol(reader);
    request->deflate = reader->fields.deflate;
    ws_extensions_settle(&request->deflate, &reader->config->deflate);
    request->agent = bytes_slice(reader->fields.values[WS_FIELD_USER_AGENT], 0, AGENT_LEN_MAX);
    request->origin = reader->fields.values[WS_FIELD_ORIGIN];
    return OUTCOME_OK;
}

static enum outcome judge(struct reader *reader)
{
    /* RFC 9112 section 3.2: HTTP/1.1 without Host is answered with 400. */
    if (!reader->fields.seen[WS_FIELD_HOST] && !reader->http_1_0) {
        return refuse(reader, STATUS_BAD, "Host missing");
    }
    enum outcome outcome = reader->health ? OUTCOME_OK : judge_upgrade(reader);
    return outcome == OUTCOME_OK ? fill_request(reader) : outcome;
}

enum ws_handshake_verdict ws_handshake_parse(struct bytes input,
                                             const struct ws_handshake_config *config,
                                             struct buf *scratch, struct ws_request *ret_request)
{
    buf_clear(scratch);
    *ret_request = (struct ws_request){0};
    struct reader reader = {
        .config = config,
        .scratch = scratch,
        .request = ret_request,
        .fields = {.forwarded_for = scratch}, /* first in the scratch; see fill_request() */
        .cursor = {.input = bytes_slice(input, 0, config->head_bytes_max)},
    };
    enum outcome outcome = read_request_line(&reader);
    if (outcome == OUTCOME_OK) {
        outcome = read_fields(&reader);
    }
    if (outcome == OUTCOME_MORE) {
        if (input.len < config->head_bytes_max) {
            return WS_HANDSHAKE_INCOMPLETE;
        }
        outcome = refuse(&reader, STATUS_TOO_LARGE, "header too large"); /* RFC 6585 section 5 */
    }
    if (outcome == OUTCOME_OK) {
        outcome = judge(&reader);
    }
    if (outcome == OUTCOME_REFUSED) {
        return WS_HANDSHAKE_REFUSED;
    }
    ret_request->consumed = reader.cursor.at;
    return reader.health ? WS_HANDSHAKE_HEALTH : WS_HANDSHAKE_UPGRADE;
}
