#include "edge/ws_target.h"

#include "edge/ws_http.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

static const char *const schemes[] = {"http://", "https://", "ws://", "wss://"};

static int hex_value(uint8_t byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    if (byte >= 'a' && byte <= 'f') {
        return byte - 'a' + 10;
    }
    return byte >= 'A' && byte <= 'F' ? byte - 'A' + 10 : -1;
}

/* Value of the encoding "%XX" at `at`, or -1. */
static int decoded_at(struct bytes text, size_t at)
{
    if (text.len - at < 3) {
        return -1;
    }
    int high = hex_value(text.data[at + 1]);
    int low = hex_value(text.data[at + 2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* NULL, or what is wrong: RFC 3986 section 2.1; RFC 9112 section 3.2 knows no fragment. */
static const char *text_error(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.data[i];
        if (byte == '#') {
            return "fragment in request target";
        }
        if (byte != '%') {
            continue;
        }
        int value = decoded_at(text, i);
        if (value < 0) {
            return "bad percent-encoding";
        }
        if (value < ' ' || value == 0x7F) {
            return "encoded control character";
        }
    }
    return NULL;
}

static size_t find(struct bytes text, uint8_t byte)
{
    const uint8_t *found = text.len == 0 ? NULL : memchr(text.data, byte, text.len);
    return found == NULL ? text.len : (size_t)(found - text.data);
}

/* Takes scheme and authority off an absolute form. */
static bool skip_authority(struct bytes *text)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        struct bytes scheme = bytes_of_str(schemes[i]);
        if (!ws_http_equal_nocase(bytes_slice(*text, 0, scheme.len), scheme)) {
            continue;
        }
        struct bytes rest = bytes_slice(*text, scheme.len, text->len);
        size_t slash = find(rest, '/');
        size_t mark = find(rest, '?');
        size_t end = slash < mark ? slash : mark;
        *text = bytes_slice(rest, end, rest.len);
        return ws_target_is_authority(bytes_slice(rest, 0, end));
    }
    return false;
}

bool ws_target_parse(struct bytes text, struct ws_target *ret_target, const char **ret_error)
{
    const char *error = text_error(text);
    if (error == NULL && (text.len == 0 || text.data[0] != '/') && !skip_authority(&text)) {
        error = "request target is neither origin form nor http or ws URL";
    }
    if (error != NULL) {
        *ret_error = error;
        return false;
    }
    size_t mark = find(text, '?');
    ret_target->path = mark == 0 ? BYTES_LIT("/") : bytes_slice(text, 0, mark);
    ret_target->query = bytes_slice(text, mark + 1, text.len);
    return true;
}

/* RFC 3986 section 2.3 */
static bool is_unreserved(int byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
           (byte >= 'A' && byte <= 'Z') || byte == '-' || byte == '.' || byte == '_' || byte == '~';
}

/* The next character; one that must stay encoded is told from the bare one. */
static int next_character(struct bytes text, size_t *at)
{
    enum { ENCODED = 256 };
    int value = text.data[*at] == '%' ? decoded_at(text, *at) : -1;
    if (value < 0) {
        return text.data[(*at)++];
    }
    *at += 3;
    return is_unreserved(value) ? value : ENCODED + value;
}

bool ws_target_same_path(struct bytes a, struct bytes b)
{
    size_t at_a = 0;
    size_t at_b = 0;
    while (at_a < a.len && at_b < b.len) {
        if (next_character(a, &at_a) != next_character(b, &at_b)) {
            return false;
        }
    }
    return at_a == a.len && at_b == b.len;
}

size_t ws_target_param(struct bytes query, struct bytes name, struct bytes *ret_value)
{
    size_t count = 0;
    while (query.len != 0) {
        size_t end = find(query, '&');
        struct bytes pair = bytes_slice(query, 0, end);
        query = bytes_slice(query, end + 1, query.len);
        size_t equals = find(pair, '=');
        if (!bytes_equal(bytes_slice(pair, 0, equals), name)) {
            continue;
        }
        if (count == 0) {
            *ret_value = bytes_slice(pair, equals + 1, pair.len);
        }
        count++;
    }
    return count;
}

void ws_target_decode(struct bytes value, struct buf *out)
{
    size_t at = 0;
    while (at < value.len) {
        if (value.data[at] != '%') {
            size_t run = find(bytes_slice(value, at, value.len), '%');
            buf_append(out, bytes_slice(value, at, run));
            at += run;
            continue;
        }
        int byte = decoded_at(value, at);
        assert(byte >= 0); /* ws_target_parse() has seen it */
        buf_append_byte(out, (uint8_t)byte);
        at += 3;
    }
}

static bool is_host_byte(uint8_t byte)
{
    static const char marks[] = "-._~!$&'()*+,;=%[]:";
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
           (byte >= 'A' && byte <= 'Z') || memchr(marks, byte, sizeof(marks) - 1) != NULL;
}

/* Offset of the colon before a port, or the length. Colons inside brackets belong to an IPv6
 * address. */
static size_t port_colon(struct bytes bytes)
{
    if (bytes.data[0] != '[') {
        return find(bytes, ':');
    }
    size_t close = find(bytes, ']');
    return close + 1 < bytes.len ? close + 1 : bytes.len;
}

bool ws_target_is_authority(struct bytes bytes)
{
    if (bytes.len == 0) {
        return false;
    }
    for (size_t i = 0; i < bytes.len; i++) {
        if (!is_host_byte(bytes.data[i])) {
            return false;
        }
    }
    size_t colon = port_colon(bytes);
    if (colon == 0 || (colon < bytes.len && bytes.data[colon] != ':')) {
        return false;
    }
    for (size_t i = colon + 1; i < bytes.len; i++) {
        if (bytes.data[i] < '0' || bytes.data[i] > '9') {
            return false;
        }
    }
    return bytes.data[0] != '[' || bytes.data[colon - 1] == ']';
}
