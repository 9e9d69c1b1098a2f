/* A cursor over the line that takes one token, value or separator at a time. White space may stand
 * between any two of them: the grammar is that of RFC 2616, which RFC 6455 refers to. */
#include "edge/ws_extensions.h"

#include "edge/ws_http.h"

#include <assert.h>
#include <stddef.h>

enum { VALUE_MAX = 4 }; /* bytes kept of a value: none that counts has more than 2 */

struct cursor {
    struct bytes rest;
    bool bad;
};

struct value {
    bool present;
    size_t len; /* of the whole */
    uint8_t text[VALUE_MAX];
};

enum parameter { SERVER_NO_CONTEXT, CLIENT_NO_CONTEXT, SERVER_BITS, CLIENT_BITS, PARAMETER_COUNT };

struct offer {
    bool declined;
    bool seen[PARAMETER_COUNT];
    uint8_t server_bits; /* 0 = not named */
    uint8_t client_bits; /* 0 = not named, or without a value */
};

static void skip_blanks(struct cursor *cursor)
{
    while (cursor->rest.len != 0 && (cursor->rest.data[0] == ' ' || cursor->rest.data[0] == '\t')) {
        cursor->rest = bytes_slice(cursor->rest, 1, cursor->rest.len);
    }
}

/* Takes `wanted` if it is the next byte that is not blank. */
static bool take(struct cursor *cursor, uint8_t wanted)
{
    skip_blanks(cursor);
    if (cursor->rest.len == 0 || cursor->rest.data[0] != wanted) {
        return false;
    }
    cursor->rest = bytes_slice(cursor->rest, 1, cursor->rest.len);
    return true;
}

static bool is_token_byte(uint8_t byte)
{
    return ws_http_is_token(bytes_of(&byte, 1));
}

static struct bytes take_token(struct cursor *cursor)
{
    size_t len = 0;
    skip_blanks(cursor);
    while (len < cursor->rest.len && is_token_byte(cursor->rest.data[len])) {
        len++;
    }
    struct bytes token = bytes_slice(cursor->rest, 0, len);
    cursor->bad |= len == 0;
    cursor->rest = bytes_slice(cursor->rest, len, cursor->rest.len);
    return token;
}

static void value_add(struct value *value, uint8_t byte)
{
    if (value->len < VALUE_MAX) {
        value->text[value->len] = byte;
    }
    value->len++;
}

/* RFC 6455 section 9.1: "When using the quoted-string syntax variant, the value after quoted-string
 * unescaping MUST conform to the 'token' ABNF". The opening quote is taken already. */
static void take_quoted(struct cursor *cursor, struct value *value)
{
    while (cursor->rest.len != 0 && cursor->rest.data[0] != '"') {
        bool escape = cursor->rest.data[0] == '\\' && cursor->rest.len > 1;
        uint8_t byte = cursor->rest.data[escape ? 1 : 0];
        cursor->bad |= !is_token_byte(byte);
        value_add(value, byte);
        cursor->rest = bytes_slice(cursor->rest, escape ? 2 : 1, cursor->rest.len);
    }
    cursor->bad |= cursor->rest.len == 0 || value->len == 0; /* never closed, or no token */
    cursor->rest = bytes_slice(cursor->rest, 1, cursor->rest.len);
}

static struct value take_value(struct cursor *cursor)
{
    struct value value = {.present = take(cursor, '=')};
    if (!value.present) {
        return value;
    }
    if (take(cursor, '"')) {
        take_quoted(cursor, &value);
        return value;
    }
    struct bytes token = take_token(cursor);
    for (size_t i = 0; i < token.len; i++) {
        value_add(&value, token.data[i]);
    }
    return value;
}

/* RFC 7692 section 7.1.2: "a decimal integer value without leading zeroes between 8 to 15,
 * inclusive". 0 when it is not. */
static uint8_t window_bits(const struct value *value)
{
    const uint8_t *text = value->text;
    if (value->len == 1 && (text[0] == '8' || text[0] == '9')) {
        return (uint8_t)(text[0] - '0');
    }
    if (value->len == 2 && text[0] == '1' && text[1] >= '0' && text[1] <= '5') {
        return (uint8_t)(10 + text[1] - '0');
    }
    return 0;
}

static enum parameter parameter_of(struct bytes name)
{
    static const char *const names[] = {
        [SERVER_NO_CONTEXT] = "server_no_context_takeover",
        [CLIENT_NO_CONTEXT] = "client_no_context_takeover",
        [SERVER_BITS] = "server_max_window_bits",
        [CLIENT_BITS] = "client_max_window_bits",
    };
    int found = 0;
    while (found < PARAMETER_COUNT && !bytes_equal(name, bytes_of_str(names[found]))) {
        found++;
    }
    return (enum parameter)found;
}

/* RFC 7692 section 7.1: "A server MUST decline an extension negotiation offer for this extension if
 * … contains an extension parameter not defined for use in an offer, … with an invalid value, …
 * multiple extension parameters with the same name, … or the server doesn't support". */
static void offer_add(struct offer *offer, struct bytes name, const struct value *value)
{
    enum parameter parameter = parameter_of(name);
    if (parameter == PARAMETER_COUNT || offer->seen[parameter]) {
        offer->declined = true;
        return;
    }
    offer->seen[parameter] = true;
    uint8_t bits = window_bits(value);
    switch (parameter) {
    case SERVER_NO_CONTEXT:
    case CLIENT_NO_CONTEXT:
        offer->declined |= value->present;
        break;
    case SERVER_BITS: /* section 7.1.2.1: the value is required */
        offer->declined |= bits == 0;
        offer->server_bits = bits;
        break;
    case CLIENT_BITS: /* section 7.1.2.2: in an offer it may come without a value */
        offer->declined |= value->present && bits == 0;
        offer->client_bits = bits;
        break;
    case PARAMETER_COUNT:
        break;
    }
}

static void take_extension(struct cursor *cursor, struct ws_deflate_terms *terms)
{
    struct offer offer = {.declined = false};
    struct bytes name = take_token(cursor);
    while (!cursor->bad && take(cursor, ';')) {
        struct bytes parameter = take_token(cursor);
        struct value value = take_value(cursor);
        offer_add(&offer, parameter, &value);
    }
    if (cursor->bad || offer.declined || terms->agreed ||
        !bytes_equal(name, BYTES_LIT("permessage-deflate"))) {
        return;
    }
    terms->agreed = true;
    terms->limited = offer.server_bits != 0;
    terms->window_bits = terms->limited ? offer.server_bits : WS_WINDOW_BITS_MAX;
    terms->server_stands_alone = offer.seen[SERVER_NO_CONTEXT];
    terms->client_stands_alone = offer.seen[CLIENT_NO_CONTEXT];
    /* Section 7.1.2.2: a client that did not offer the parameter must not be answered with it. */
    terms->client_limited = offer.seen[CLIENT_BITS];
    terms->client_window_bits = offer.client_bits != 0 ? offer.client_bits : WS_WINDOW_BITS_MAX;
}

bool ws_extensions_read(struct bytes value, struct ws_deflate_terms *terms)
{
    struct cursor cursor = {.rest = value};
    struct ws_deflate_terms read = *terms;
    bool separated = true;
    skip_blanks(&cursor);
    while (!cursor.bad && cursor.rest.len != 0) {
        if (take(&cursor, ',')) {
            separated = true; /* RFC 9110 section 5.6.1: empty elements do not count */
        } else {
            cursor.bad |= !separated;
            take_extension(&cursor, &read);
            separated = false;
        }
        skip_blanks(&cursor);
    }
    if (!cursor.bad) {
        *terms = read;
    }
    return !cursor.bad;
}

static uint8_t min_bits(uint8_t a, uint8_t b)
{
    return a < b ? a : b;
}

void ws_extensions_settle(struct ws_deflate_terms *terms, const struct ws_deflate_policy *policy)
{
    if (!policy->enabled) {
        terms->agreed = false;
    }
    if (!terms->agreed) {
        return;
    }
    terms->window_bits = min_bits(terms->window_bits, policy->window_bits);
    /* zlib deflates with no window of 8 bits; a message alone can be made to fit (ws_deflate). */
    terms->server_stands_alone |=
        policy->context != WS_CONTEXT_BOTH || terms->window_bits == WS_WINDOW_BITS_MIN;
    terms->client_stands_alone |= policy->context == WS_CONTEXT_OFF;
    /* The inflater that is lent for one message has the largest window: nothing to be limited. */
    terms->client_limited &= !terms->client_stands_alone;
    terms->client_window_bits = terms->client_limited
                                    ? min_bits(terms->client_window_bits, policy->window_bits)
                                    : WS_WINDOW_BITS_MAX;
    terms->client_limited &= terms->client_window_bits < WS_WINDOW_BITS_MAX;
}

void ws_extensions_answer(const struct ws_deflate_terms *terms, struct buf *out)
{
    assert(terms->agreed && "nothing to answer");
    buf_append_str(out, "permessage-deflate");
    buf_append_str(out, terms->server_stands_alone ? "; server_no_context_takeover" : "");
    buf_append_str(out, terms->client_stands_alone ? "; client_no_context_takeover" : "");
    if (terms->limited) {
        buf_append_str(out, "; server_max_window_bits=");
        buf_append_u64(out, terms->window_bits);
    }
    if (terms->client_limited) {
        buf_append_str(out, "; client_max_window_bits=");
        buf_append_u64(out, terms->client_window_bits);
    }
}
