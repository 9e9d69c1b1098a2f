/* Each part is one scan to the byte that ends it over bytes of one class. Errors are found in the
 * order of the bytes, which is what makes the answer independent of how the input was cut. */
#include "edge/ws_http.h"

#include <stdint.h>
#include <string.h>

typedef bool byte_class(uint8_t byte);

static bool is_alnum(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
           (byte >= 'A' && byte <= 'Z');
}

/* RFC 9110 section 5.6.2 */
static bool is_token_byte(uint8_t byte)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    return is_alnum(byte) || memchr(marks, byte, sizeof(marks) - 1) != NULL;
}

/* RFC 5234 appendix B.1, VCHAR */
static bool is_visible(uint8_t byte)
{
    return byte > ' ' && byte < 0x7F;
}

/* RFC 9110 section 5.5: visible, white space or obs-text; no NUL, CR, LF or other control. */
static bool is_value_byte(uint8_t byte)
{
    return byte == '\t' || (byte >= ' ' && byte != 0x7F);
}

static enum ws_http_step bad(struct ws_http_cursor *cursor, const char *error)
{
    cursor->error = error;
    return WS_HTTP_BAD;
}

/* The run of bytes of one class from `start` on; at its end *ret_end is where a byte of another
 * class stands. MORE when the input ends first. */
static enum ws_http_step scan(const struct ws_http_cursor *cursor, size_t start,
                              byte_class *in_class, size_t *ret_end)
{
    for (size_t at = start; at < cursor->input.len; at++) {
        if (!in_class(cursor->input.data[at])) {
            *ret_end = at;
            return WS_HTTP_OK;
        }
    }
    return WS_HTTP_MORE;
}

/* A run that is not empty, then exactly `delimiter`. */
static enum ws_http_step read_until(struct ws_http_cursor *cursor, byte_class *in_class,
                                    uint8_t delimiter, const char *error, struct bytes *ret_part)
{
    size_t end = 0;
    if (scan(cursor, cursor->at, in_class, &end) == WS_HTTP_MORE) {
        return WS_HTTP_MORE;
    }
    if (end == cursor->at || cursor->input.data[end] != delimiter) {
        return bad(cursor, error);
    }
    *ret_part = bytes_slice(cursor->input, cursor->at, end - cursor->at);
    cursor->at = end + 1;
    return WS_HTTP_OK;
}

/* A run, possibly empty, then CRLF. RFC 9112 section 2.2 lets a server take a bare LF for a line
 * end; what others might cut elsewhere is refused here. */
static enum ws_http_step read_line(struct ws_http_cursor *cursor, byte_class *in_class,
                                   const char *error, struct bytes *ret_part)
{
    size_t end = 0;
    if (scan(cursor, cursor->at, in_class, &end) == WS_HTTP_MORE) {
        return WS_HTTP_MORE;
    }
    if (cursor->input.data[end] != '\r') {
        return bad(cursor, error);
    }
    if (end + 1 == cursor->input.len) {
        return WS_HTTP_MORE;
    }
    if (cursor->input.data[end + 1] != '\n') {
        return bad(cursor, error);
    }
    *ret_part = bytes_slice(cursor->input, cursor->at, end - cursor->at);
    cursor->at = end + 2;
    return WS_HTTP_OK;
}

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t';
}

static struct bytes trim(struct bytes bytes)
{
    size_t start = 0;
    size_t end = bytes.data == NULL ? 0 : bytes.len;
    while (start < end && is_blank(bytes.data[start])) {
        start++;
    }
    while (end > start && is_blank(bytes.data[end - 1])) {
        end--;
    }
    return bytes_slice(bytes, start, end - start);
}

enum ws_http_step ws_http_empty_line(struct ws_http_cursor *cursor)
{
    struct bytes rest = bytes_slice(cursor->input, cursor->at, cursor->input.len);
    if (rest.len == 0 || (rest.len == 1 && rest.data[0] == '\r')) {
        return WS_HTTP_MORE;
    }
    if (rest.data[0] == '\r' && rest.data[1] == '\n') {
        cursor->at += 2;
    }
    return WS_HTTP_OK;
}

enum ws_http_step ws_http_method(struct ws_http_cursor *cursor, struct bytes *ret_method)
{
    return read_until(cursor, is_token_byte, ' ', "bad method", ret_method);
}

enum ws_http_step ws_http_target(struct ws_http_cursor *cursor, struct bytes *ret_target)
{
    return read_until(cursor, is_visible, ' ', "bad request target", ret_target);
}

enum ws_http_step ws_http_version(struct ws_http_cursor *cursor, struct bytes *ret_version)
{
    return read_line(cursor, is_visible, "bad request line", ret_version);
}

enum ws_http_step ws_http_field(struct ws_http_cursor *cursor, struct bytes *ret_name,
                                struct bytes *ret_value)
{
    size_t start = cursor->at;
    if (start == cursor->input.len) {
        return WS_HTTP_MORE;
    }
    if (cursor->input.data[start] == '\r') {
        *ret_name = BYTES_EMPTY;
        return read_line(cursor, is_token_byte, "bad line end", ret_value);
    }
    /* RFC 9112 section 5.1: no white space before the colon; section 5.2: no folded lines. Both
     * show as a byte that is not of a token. */
    enum ws_http_step step =
        read_until(cursor, is_token_byte, ':', "bad header field name", ret_name);
    if (step != WS_HTTP_OK) {
        return step;
    }
    step = read_line(cursor, is_value_byte, "bad header field value", ret_value);
    if (step != WS_HTTP_OK) {
        cursor->at = start;
        return step;
    }
    *ret_value = trim(*ret_value);
    return WS_HTTP_OK;
}

bool ws_http_is_token(struct bytes bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        if (!is_token_byte(bytes.data[i])) {
            return false;
        }
    }
    return bytes.len != 0;
}

bool ws_http_list_next(struct bytes *list, struct bytes *ret_element)
{
    while (list->len != 0) {
        const uint8_t *comma = memchr(list->data, ',', list->len);
        size_t len = comma == NULL ? list->len : (size_t)(comma - list->data);
        struct bytes element = trim(bytes_slice(*list, 0, len));
        *list = bytes_slice(*list, len + 1, list->len);
        if (element.len != 0) {
            *ret_element = element;
            return true;
        }
    }
    return false;
}

static uint8_t to_lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

bool ws_http_equal_nocase(struct bytes a, struct bytes b)
{
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (to_lower(a.data[i]) != to_lower(b.data[i])) {
            return false;
        }
    }
    return true;
}
