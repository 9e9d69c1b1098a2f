/* One row per field name, with a function where the value is judged at once. All refusals are 400:
 * every rule here is about the form of a line or about lines that contradict each other. */
#include "edge/ws_fields.h"

#include "edge/ws_http.h"
#include "edge/ws_target.h"

#include <string.h>

enum {
    KEY_LEN = 24,    /* base64 of 16 bytes */
    KEY_DIGITS = 22, /* of which the last carries only two bits */
};

static bool equals_nocase(struct bytes bytes, const char *text)
{
    return ws_http_equal_nocase(bytes, bytes_of_str(text));
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

/* RFC 9112 section 3.2: an invalid Host is answered with 400. */
static const char *on_host(struct ws_fields *fields, struct bytes value)
{
    (void)fields;
    return ws_target_is_authority(value) ? NULL : "bad Host";
}

static int base64_value(uint8_t byte)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = memchr(digits, byte, sizeof(digits) - 1);
    return found == NULL ? -1 : (int)(found - digits);
}

/* RFC 6455 section 4.2.1 (5): base64 that decodes to 16 bytes. RFC 4648 section 3.5: the bits that
 * padding leaves over are zero. */
static bool is_key(struct bytes key)
{
    if (key.len != KEY_LEN || key.data[KEY_DIGITS] != '=' || key.data[KEY_DIGITS + 1] != '=') {
        return false;
    }
    for (size_t i = 0; i < KEY_DIGITS; i++) {
        if (base64_value(key.data[i]) < 0) {
            return false;
        }
    }
    return base64_value(key.data[KEY_DIGITS - 1]) % 16 == 0;
}

static const char *on_key(struct ws_fields *fields, struct bytes value)
{
    (void)fields;
    return is_key(value) ? NULL : "bad Sec-WebSocket-Key";
}

/* RFC 6455 section 4.3: a number from 0 to 255 without leading zeros. */
static const char *on_version(struct ws_fields *fields, struct bytes value)
{
    (void)fields;
    unsigned number = 0;
    bool good = value.len >= 1 && value.len <= 3 && (value.data[0] != '0' || value.len == 1);
    for (size_t i = 0; good && i < value.len; i++) {
        good = is_digit(value.data[i]);
        number = number * 10 + value.data[i] - '0';
    }
    if (!good || number > 255) {
        return "bad Sec-WebSocket-Version";
    }
    return NULL;
}

/* RFC 6455 section 4.1 has no request content; bytes after the head are frames, so a length that
 * somebody on the way believed would shift them. */
static const char *on_content_length(struct ws_fields *fields, struct bytes value)
{
    (void)fields;
    bool zero = value.len != 0;
    for (size_t i = 0; i < value.len; i++) {
        zero = zero && value.data[i] == '0';
    }
    return zero ? NULL : "no request body wanted";
}

static const char *on_transfer_encoding(struct ws_fields *fields, struct bytes value)
{
    (void)fields;
    (void)value;
    return "no request body wanted";
}

static bool list_contains(struct bytes list, const char *wanted)
{
    struct bytes element = BYTES_EMPTY;
    while (ws_http_list_next(&list, &element)) {
        if (equals_nocase(element, wanted)) {
            return true;
        }
    }
    return false;
}

static const char *on_upgrade(struct ws_fields *fields, struct bytes value)
{
    fields->upgrade_websocket |= list_contains(value, "websocket");
    return NULL;
}

static const char *on_connection(struct ws_fields *fields, struct bytes value)
{
    fields->connection_upgrade |= list_contains(value, "upgrade");
    return NULL;
}

static bool is_offered(const struct ws_fields *fields, struct bytes protocol)
{
    for (size_t i = 0; i < fields->protocol_count; i++) {
        if (bytes_equal(fields->protocols[i], protocol)) {
            return true;
        }
    }
    return false;
}

/* RFC 6455 section 4.1 (10): elements are tokens and all different; section 11.3.4: the field may
 * come more than once. */
static const char *on_protocol(struct ws_fields *fields, struct bytes value)
{
    struct bytes element = BYTES_EMPTY;
    while (ws_http_list_next(&value, &element)) {
        if (!ws_http_is_token(element)) {
            return "bad Sec-WebSocket-Protocol";
        }
        if (is_offered(fields, element)) {
            return "repeated sub-protocol";
        }
        if (fields->protocol_count == WS_PROTOCOLS_MAX) {
            return "too many sub-protocols";
        }
        fields->protocols[fields->protocol_count++] = element;
    }
    return NULL;
}

/* RFC 6455 section 9.1: a value that does not follow the grammar fails the handshake, whether we
 * use extensions or not. */
static const char *on_extensions(struct ws_fields *fields, struct bytes value)
{
    return ws_extensions_read(value, &fields->deflate) ? NULL : "bad Sec-WebSocket-Extensions";
}

/* Several lines are one list (RFC 9110 section 5.3), so they are joined. */
static const char *on_forwarded_for(struct ws_fields *fields, struct bytes value)
{
    if (fields->forwarded_for->len != 0) {
        buf_append_str(fields->forwarded_for, ", ");
    }
    buf_append(fields->forwarded_for, value);
    return NULL;
}

static const char *on_forwarded(struct ws_fields *fields, struct bytes value)
{
    if (fields->forwarded_count == WS_FORWARDED_LINES_MAX) {
        return "too many Forwarded lines";
    }
    fields->forwarded[fields->forwarded_count++] = value;
    return NULL;
}

struct field_row {
    const char *name;
    bool once; /* a second line is refused: two readers might believe different ones */
    const char *(*apply)(struct ws_fields *fields, struct bytes value); /* NULL: only kept */
};

static const struct field_row field_rows[] = {
    [WS_FIELD_HOST] = {"host", true, on_host},
    [WS_FIELD_KEY] = {"sec-websocket-key", true, on_key},
    [WS_FIELD_VERSION] = {"sec-websocket-version", true, on_version},
    [WS_FIELD_CONTENT_LENGTH] = {"content-length", true, on_content_length},
    [WS_FIELD_TRANSFER_ENCODING] = {"transfer-encoding", true, on_transfer_encoding},
    [WS_FIELD_UPGRADE] = {"upgrade", false, on_upgrade},
    [WS_FIELD_CONNECTION] = {"connection", false, on_connection},
    [WS_FIELD_PROTOCOL] = {"sec-websocket-protocol", false, on_protocol},
    [WS_FIELD_EXTENSIONS] = {"sec-websocket-extensions", false, on_extensions},
    [WS_FIELD_AUTHORIZATION] = {"authorization", true, NULL},
    [WS_FIELD_ORIGIN] = {"origin", true, NULL},
    [WS_FIELD_USER_AGENT] = {"user-agent", false, NULL},
    [WS_FIELD_FORWARDED_FOR] = {"x-forwarded-for", false, on_forwarded_for},
    [WS_FIELD_FORWARDED] = {"forwarded", false, on_forwarded},
};
_Static_assert(sizeof(field_rows) / sizeof(field_rows[0]) == WS_FIELD_COUNT, "one row per field");

const char *ws_fields_add(struct ws_fields *fields, struct bytes name, struct bytes value)
{
    size_t field = 0;
    while (field < WS_FIELD_COUNT && !equals_nocase(name, field_rows[field].name)) {
        field++;
    }
    if (field == WS_FIELD_COUNT) {
        return NULL;
    }
    if (fields->seen[field] && field_rows[field].once) {
        return "repeated header field";
    }
    if (!fields->seen[field]) {
        fields->seen[field] = true;
        fields->values[field] = value;
    }
    return field_rows[field].apply == NULL ? NULL : field_rows[field].apply(fields, value);
}
