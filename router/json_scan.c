/* One pass, no recursion: what nests is one bit per level (object or array), so that a hostile text
 * costs neither stack nor time beyond its length. Nothing is converted; a number is checked for its
 * form only. Every loop is bounded by the text's end, also in the functions that expect a validated
 * text: a caller's mistake then gives a wrong answer, not a wrong read. */
#include "router/json_scan.h"

#include "common/utf8.h"

#include <assert.h>
#include <string.h>

struct scan {
    const uint8_t *at;
    const uint8_t *end;
    size_t depth;
    uint64_t objects[JSON_DEPTH_MAX / 64]; /* bit n: level n is an object */
};

static const uint64_t ones = UINT64_C(0x0101010101010101);
static const uint64_t highs = UINT64_C(0x8080808080808080);

/* The high bit of each byte of `word` that is zero (and, harmlessly, of bytes above one). */
static uint64_t zero_bytes(uint64_t word)
{
    return (word - ones) & ~word & highs;
}

/* Past the bytes that need no look inside a string: ASCII without controls, quote and backslash.
 * Eight at a time while none of them is special. */
static const uint8_t *skip_plain(const uint8_t *at, const uint8_t *end)
{
    while (end - at >= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
        uint64_t below_space = (word - ones * 0x20) & ~word & highs;
        uint64_t special = (word & highs) | below_space | zero_bytes(word ^ (ones * '"')) |
                           zero_bytes(word ^ (ones * '\\'));
        if (special != 0) {
            break;
        }
        at += 8;
    }
    while (at < end && *at >= 0x20 && *at < 0x80 && *at != '"' && *at != '\\') {
        at++;
    }
    return at;
}

static bool is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

/* -1 for what is no hexadecimal digit. */
static int hex_digit(uint8_t byte)
{
    if (is_digit(byte)) {
        return byte - '0';
    }
    uint8_t lower = byte | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The four digits of \uXXXX; false when they are not there. */
static bool hex4(const uint8_t *at, const uint8_t *end, uint32_t *ret_code)
{
    if (end - at < 4) {
        return false;
    }
    uint32_t code = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0) {
            return false;
        }
        code = code << 4 | (uint32_t)digit;
    }
    *ret_code = code;
    return true;
}

/* What a one-letter escape stands for; 0 when RFC 8259 section 7 knows none. */
static uint8_t short_escape(uint8_t letter)
{
    switch (letter) {
    case '"':
    case '\\':
    case '/':
        return letter;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return 0;
    }
}

static void skip_space(struct scan *scan)
{
    while (scan->at < scan->end && is_space(*scan->at)) {
        scan->at++;
    }
}

static bool take(struct scan *scan, uint8_t byte)
{
    if (scan->at == scan->end || *scan->at != byte) {
        return false;
    }
    scan->at++;
    return true;
}

static bool scan_escape(struct scan *scan)
{
    scan->at++; /* the backslash */
    if (scan->at == scan->end) {
        return false;
    }
    uint8_t letter = *scan->at++;
    if (letter != 'u') {
        return short_escape(letter) != 0;
    }
    uint32_t code = 0;
    if (!hex4(scan->at, scan->end, &code)) {
        return false;
    }
    scan->at += 4;
    return true;
}

static bool scan_string(struct scan *scan)
{
    if (!take(scan, '"')) {
        return false;
    }
    for (;;) {
        scan->at = skip_plain(scan->at, scan->end);
        if (take(scan, '"')) {
            return true;
        }
        if (scan->at == scan->end || *scan->at < 0x20) {
            return false;
        }
        if (*scan->at == '\\') {
            if (!scan_escape(scan)) {
                return false;
            }
            continue;
        }
        size_t len = utf8_len(scan->at, (size_t)(scan->end - scan->at));
        if (len == 0) {
            return false;
        }
        scan->at += len;
    }
}

/* One digit or more. */
static bool scan_digits(struct scan *scan)
{
    const uint8_t *start = scan->at;
    while (scan->at < scan->end && is_digit(*scan->at)) {
        scan->at++;
    }
    return scan->at != start;
}

/* RFC 8259 section 6: [ minus ] int [ frac ] [ exp ] */
static bool scan_number(struct scan *scan)
{
    take(scan, '-');
    if (!take(scan, '0') && !scan_digits(scan)) {
        return false;
    }
    if (take(scan, '.') && !scan_digits(scan)) {
        return false;
    }
    if (take(scan, 'e') || take(scan, 'E')) {
        if (!take(scan, '+')) {
            take(scan, '-');
        }
        return scan_digits(scan);
    }
    return true;
}

static bool scan_literal(struct scan *scan, struct bytes literal)
{
    if (!bytes_starts_with(bytes_of(scan->at, (size_t)(scan->end - scan->at)), literal)) {
        return false;
    }
    scan->at += literal.len;
    return true;
}

static bool scan_scalar(struct scan *scan)
{
    switch (*scan->at) {
    case '"':
        return scan_string(scan);
    case 't':
        return scan_literal(scan, BYTES_LIT("true"));
    case 'f':
        return scan_literal(scan, BYTES_LIT("false"));
    case 'n':
        return scan_literal(scan, BYTES_LIT("null"));
    default:
        return scan_number(scan);
    }
}

static bool push_level(struct scan *scan, bool object)
{
    if (scan->depth == JSON_DEPTH_MAX) {
        return false;
    }
    uint64_t bit = UINT64_C(1) << (scan->depth % 64);
    uint64_t *word = &scan->objects[scan->depth / 64];
    *word = object ? *word | bit : *word & ~bit;
    scan->depth++;
    return true;
}

static bool in_object(const struct scan *scan)
{
    size_t level = scan->depth - 1;
    return (scan->objects[level / 64] >> (level % 64) & 1) != 0;
}

/* A member's name and colon, when the innermost container is an object. */
static bool scan_key(struct scan *scan)
{
    if (!in_object(scan)) {
        return true;
    }
    skip_space(scan);
    if (!scan_string(scan)) {
        return false;
    }
    skip_space(scan);
    return take(scan, ':');
}

/* A scalar, an empty container, or the opening of one; *ret_open says that a value is to follow. */
static bool scan_value(struct scan *scan, bool *ret_open)
{
    *ret_open = false;
    skip_space(scan);
    if (scan->at == scan->end) {
        return false;
    }
    uint8_t opening = *scan->at;
    if (opening != '{' && opening != '[') {
        return scan_scalar(scan);
    }
    if (!push_level(scan, opening == '{')) {
        return false;
    }
    scan->at++;
    skip_space(scan);
    if (take(scan, opening == '{' ? '}' : ']')) {
        scan->depth--;
        return true;
    }
    *ret_open = true;
    return scan_key(scan);
}

/* After a value: closes what ends here; *ret_more says that a comma announced another value. */
static bool scan_after(struct scan *scan, bool *ret_more)
{
    *ret_more = false;
    while (scan->depth > 0) {
        skip_space(scan);
        if (take(scan, ',')) {
            *ret_more = true;
            return scan_key(scan);
        }
        if (!take(scan, in_object(scan) ? '}' : ']')) {
            return false;
        }
        scan->depth--;
    }
    return true;
}

static enum json_kind kind_of(uint8_t first)
{
    switch (first) {
    case '{':
        return JSON_KIND_OBJECT;
    case '[':
        return JSON_KIND_ARRAY;
    case '"':
        return JSON_KIND_STRING;
    case 't':
        return JSON_KIND_TRUE;
    case 'f':
        return JSON_KIND_FALSE;
    case 'n':
        return JSON_KIND_NULL;
    default:
        return JSON_KIND_NUMBER;
    }
}

static struct json_value value_between(const uint8_t *start, const uint8_t *end)
{
    return (struct json_value){kind_of(*start), bytes_of(start, (size_t)(end - start))};
}

bool json_scan(struct bytes text, struct json_value *ret_value)
{
    if (text.len == 0) {
        return false;
    }
    struct scan scan = {.at = text.data, .end = text.data + text.len};
    skip_space(&scan);
    const uint8_t *start = scan.at;
    bool more = true;
    while (more) {
        bool open = false;
        if (!scan_value(&scan, &open)) {
            return false;
        }
        if (!open && !scan_after(&scan, &more)) {
            return false;
        }
    }
    const uint8_t *end = scan.at;
    skip_space(&scan);
    if (scan.at != scan.end) {
        return false;
    }
    *ret_value = value_between(start, end);
    return true;
}

/* From an opening quote past the closing one, in a validated text. */
static const uint8_t *skip_string(const uint8_t *at, const uint8_t *end)
{
    at++;
    while (at < end) {
        at = skip_plain(at, end);
        if (at == end) {
            break;
        }
        if (*at == '"') {
            return at + 1;
        }
        at += *at == '\\' && end - at > 1 ? 2 : 1;
    }
    return end;
}

/* Past a container or string; brackets need no matching, the text is validated. */
static const uint8_t *skip_value(const uint8_t *at, const uint8_t *end)
{
    size_t depth = 0;
    while (at < end) {
        uint8_t byte = *at;
        if (byte == '"') {
            at = skip_string(at, end);
        } else if (byte == '{' || byte == '[') {
            depth++;
            at++;
        } else if (depth == 0 && (byte == ',' || byte == '}' || byte == ']' || is_space(byte))) {
            return at; /* the end of a scalar */
        } else {
            depth -= byte == '}' || byte == ']';
            at++;
        }
        if (depth == 0 && (byte == '"' || byte == '}' || byte == ']')) {
            return at;
        }
    }
    return end;
}

/* Past space and the commas, colons and opening bracket between an iterator's values. */
static const uint8_t *skip_between(const uint8_t *at, const uint8_t *end)
{
    while (at < end && (is_space(*at) || *at == ',' || *at == ':')) {
        at++;
    }
    return at;
}

bool json_next(struct json_value container, size_t *cursor, struct bytes *ret_key,
               struct json_value *ret_value)
{
    if ((container.kind != JSON_KIND_OBJECT && container.kind != JSON_KIND_ARRAY) ||
        container.raw.len < 2) {
        return false;
    }
    size_t start = *cursor == 0 ? 1 : *cursor;
    const uint8_t *end = container.raw.data + container.raw.len - 1; /* the closing bracket */
    if (start >= container.raw.len) {
        return false;
    }
    const uint8_t *at = skip_between(container.raw.data + start, end);
    struct bytes key = BYTES_EMPTY;
    if (container.kind == JSON_KIND_OBJECT && at < end) {
        const uint8_t *key_end = skip_value(at, end);
        key = bytes_of(at, (size_t)(key_end - at));
        at = skip_between(key_end, end);
    }
    if (at >= end) {
        return false;
    }
    const uint8_t *value_end = skip_value(at, end);
    if (value_end == at) {
        return false;
    }
    *cursor = (size_t)(value_end - container.raw.data);
    *ret_key = key;
    *ret_value = value_between(at, value_end);
    return true;
}

struct json_members json_members(struct json_value object, const struct bytes *names, size_t count,
                                 struct json_value *ret_values)
{
    assert(count <= JSON_MEMBERS_MAX && "one bit for each name");
    struct json_members members = {0, 0};
    size_t cursor = 0;
    struct bytes key;
    struct json_value value;
    while (json_next(object, &cursor, &key, &value)) {
        for (size_t i = 0; i < count; i++) {
            if (!json_string_equals(key, names[i])) {
                continue;
            }
            uint32_t bit = UINT32_C(1) << i;
            if ((members.seen & bit) != 0) {
                members.repeated |= bit;
            } else {
                members.seen |= bit;
                ret_values[i] = value;
            }
            break;
        }
    }
    return members;
}

/* What is between the quotes; empty for what is no string. */
static struct bytes unquote(struct bytes raw)
{
    return raw.len < 2 ? BYTES_LIT("") : bytes_of(raw.data + 1, raw.len - 2);
}

/* Takes \uXXXX or a surrogate pair off the text after the backslash and the u. */
static size_t decode_unicode(struct scan *text, uint8_t ret_sequence[4])
{
    uint32_t code = 0;
    if (!hex4(text->at, text->end, &code)) {
        return 0;
    }
    text->at += 4;
    if (code < 0xD800 || code > 0xDFFF) {
        return utf8_put(code, ret_sequence);
    }
    uint32_t low = 0;
    if (code > 0xDBFF || !scan_literal(text, BYTES_LIT("\\u")) ||
        !hex4(text->at, text->end, &low) || low < 0xDC00 || low > 0xDFFF) {
        return 0;
    }
    text->at += 4;
    return utf8_put(0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00), ret_sequence);
}

/* Takes an escape off the text; its length in UTF-8, 0 for what has none. */
static size_t decode_escape(struct scan *text, uint8_t ret_sequence[4])
{
    text->at++; /* the backslash */
    if (text->at == text->end) {
        return 0;
    }
    uint8_t letter = *text->at++;
    if (letter == 'u') {
        return decode_unicode(text, ret_sequence);
    }
    ret_sequence[0] = short_escape(letter);
    return ret_sequence[0] == 0 ? 0 : 1;
}

/* Takes the next piece off the text: a run without escapes, or the character of one escape (held in
 * `room`). False for an escape that cannot be decoded; an empty piece at the end. */
static bool next_piece(struct scan *text, uint8_t room[4], struct bytes *ret_piece)
{
    const uint8_t *start = text->at;
    while (text->at < text->end && *text->at != '\\') {
        text->at++;
    }
    if (text->at != start || text->at == text->end) {
        *ret_piece = bytes_of(start, (size_t)(text->at - start));
        return true;
    }
    size_t len = decode_escape(text, room);
    *ret_piece = bytes_of(room, len);
    return len != 0;
}

bool json_string_decode(struct bytes raw, struct buf *out)
{
    struct bytes inner = unquote(raw);
    struct scan text = {.at = inner.data, .end = inner.data + inner.len};
    while (text.at < text.end) {
        uint8_t room[4];
        struct bytes piece;
        if (!next_piece(&text, room, &piece)) {
            return false;
        }
        buf_append(out, piece);
    }
    return true;
}

bool json_string_equals(struct bytes raw, struct bytes text)
{
    struct bytes inner = unquote(raw);
    /* One byte of text is one to six bytes of JSON: settles most keys, and the very long ones. */
    if (inner.len < text.len || inner.len / 6 > text.len) {
        return false;
    }
    struct scan rest = {.at = inner.data, .end = inner.data + inner.len};
    while (rest.at < rest.end) {
        uint8_t room[4];
        struct bytes piece;
        if (!next_piece(&rest, room, &piece) || !bytes_starts_with(text, piece)) {
            return false;
        }
        text = bytes_slice(text, piece.len, text.len);
    }
    return text.len == 0;
}

bool json_read_integer(struct json_value value, uint64_t max, uint64_t *ret_value)
{
    if (value.kind != JSON_KIND_NUMBER || value.raw.len == 0) {
        return false;
    }
    uint64_t number = 0;
    for (size_t i = 0; i < value.raw.len; i++) {
        if (!is_digit(value.raw.data[i])) {
            return false;
        }
        uint64_t digit = (uint64_t)(value.raw.data[i] - '0');
        if (number > max / 10 || digit > max - number * 10) {
            return false;
        }
        number = number * 10 + digit;
    }
    *ret_value = number;
    return true;
}
