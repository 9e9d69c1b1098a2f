/* Strings and numbers of a validated text. */
#include "common/utf8.h"
#include "router/json_escape.h"
#include "router/json_scan.h"

#include <string.h>

/* What is left of the inside of a string. */
struct text {
    const uint8_t *at;
    const uint8_t *end;
};

/* What is between the quotes; empty for what is no string. */
static struct bytes unquote(struct bytes raw)
{
    return raw.len < 2 ? BYTES_LIT("") : bytes_of(raw.data + 1, raw.len - 2);
}

static bool take_u(struct text *text)
{
    if (text->end - text->at < 2 || text->at[0] != '\\' || text->at[1] != 'u') {
        return false;
    }
    text->at += 2;
    return true;
}

/* Takes \uXXXX or a surrogate pair off the text after the backslash and the u. */
static size_t decode_unicode(struct text *text, uint8_t ret_sequence[4])
{
    uint32_t code = 0;
    if (!json_hex4(text->at, text->end, &code)) {
        return 0;
    }
    text->at += 4;
    if (code < 0xD800 || code > 0xDFFF) {
        return utf8_put(code, ret_sequence);
    }
    uint32_t low = 0;
    if (code > 0xDBFF || !take_u(text) || !json_hex4(text->at, text->end, &low) || low < 0xDC00 ||
        low > 0xDFFF) {
        return 0;
    }
    text->at += 4;
    return utf8_put(0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00), ret_sequence);
}

/* Takes an escape off the text; its length in UTF-8, 0 for what has none. */
static size_t decode_escape(struct text *text, uint8_t ret_sequence[4])
{
    text->at++; /* the backslash */
    if (text->at == text->end) {
        return 0;
    }
    uint8_t letter = *text->at++;
    if (letter == 'u') {
        return decode_unicode(text, ret_sequence);
    }
    ret_sequence[0] = json_short_escape(letter);
    return ret_sequence[0] == 0 ? 0 : 1;
}

/* Takes the next piece off the text: a run without escapes, or the character of one escape (held in
 * `room`). False for an escape that cannot be decoded; an empty piece at the end. */
static bool next_piece(struct text *text, uint8_t room[4], struct bytes *ret_piece)
{
    const uint8_t *start = text->at;
    size_t len_left = (size_t)(text->end - start);
    const uint8_t *backslash = len_left == 0 ? NULL : memchr(start, '\\', len_left);
    text->at = backslash == NULL ? text->end : backslash;
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
    struct text text = {.at = inner.data, .end = inner.data + inner.len};
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

static bool has_escape(struct bytes inner)
{
    return inner.len != 0 && memchr(inner.data, '\\', inner.len) != NULL;
}

static bool escaped_equals(struct bytes inner, struct bytes text)
{
    struct text rest = {.at = inner.data, .end = inner.data + inner.len};
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

bool json_string_equals(struct bytes raw, struct bytes text)
{
    struct bytes inner = unquote(raw);
    /* One byte of text is one to six bytes of JSON: settles most keys, and the very long ones. */
    if (inner.len < text.len || inner.len / 6 > text.len) {
        return false;
    }
    return has_escape(inner) ? escaped_equals(inner, text) : bytes_equal(inner, text);
}

size_t json_string_find(struct bytes raw, const struct bytes *texts, size_t count)
{
    struct bytes inner = unquote(raw);
    bool escaped = has_escape(inner);
    for (size_t i = 0; i < count; i++) {
        bool equal = escaped ? json_string_equals(raw, texts[i]) : bytes_equal(inner, texts[i]);
        if (equal) {
            return i;
        }
    }
    return count;
}

bool json_read_integer(struct json_value value, uint64_t max, uint64_t *ret_value)
{
    if (value.kind != JSON_KIND_NUMBER || value.raw.len == 0) {
        return false;
    }
    uint64_t number = 0;
    for (size_t i = 0; i < value.raw.len; i++) {
        if (!json_is_digit(value.raw.data[i])) {
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
