/* One pass, no recursion: what nests is one bit per level (object or array), so that a hostile text
 * costs neither stack nor time beyond its length. Nothing is converted; a number is checked for its
 * form only. Every loop is bounded by the text's end, also in the functions that expect a validated
 * text: a caller's mistake then gives a wrong answer, not a wrong read. */
#include "router/json_scan.h"

#include "common/utf8.h"
#include "router/json_escape.h"

#include <assert.h>
#include <endian.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

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

/* Past the bytes that need no look inside a string, at most up to where fewer are left than a
 * register holds. Compared as signed bytes, controls and all that is not ASCII are below space. */
#ifdef __SSE2__
static const uint8_t *skip_vectors(const uint8_t *at, const uint8_t *end)
{
    const __m128i space = _mm_set1_epi8(' ');
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i backslash = _mm_set1_epi8('\\');
    for (; end - at >= 16; at += 16) {
        __m128i text = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i special = _mm_or_si128(
            _mm_cmplt_epi8(text, space),
            _mm_or_si128(_mm_cmpeq_epi8(text, quote), _mm_cmpeq_epi8(text, backslash)));
        unsigned found = (unsigned)_mm_movemask_epi8(special);
        if (found != 0) {
            return at + __builtin_ctz(found);
        }
    }
    return at;
}
#else
static const uint8_t *skip_vectors(const uint8_t *at, const uint8_t *end)
{
    (void)end;
    return at;
}
#endif

static bool is_plain(uint8_t byte)
{
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

/* Past ASCII without controls, quote and backslash. Eight at a time where no vectors are: what is
 * found wrongly stands above what is found rightly, so the lowest byte that is found is special. */
static const uint8_t *skip_plain(const uint8_t *at, const uint8_t *end)
{
    at = skip_vectors(at, end);
    while (end - at >= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
        word = le64toh(word);
        uint64_t below_space = (word - ones * 0x20) & ~word & highs;
        uint64_t special = (word & highs) | below_space | zero_bytes(word ^ (ones * '"')) |
                           zero_bytes(word ^ (ones * '\\'));
        if (special != 0) {
            return at + __builtin_ctzll(special) / 8;
        }
        at += 8;
    }
    while (at < end && is_plain(*at)) {
        at++;
    }
    return at;
}

static bool is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
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
        return json_short_escape(letter) != 0;
    }
    uint32_t code = 0;
    if (!json_hex4(scan->at, scan->end, &code)) {
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
    while (scan->at < scan->end && json_is_digit(*scan->at)) {
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

/* After a value: closes what ends here, down to the level `floor`; *ret_more says that a comma
 * announced another value. */
static bool scan_after(struct scan *scan, size_t floor, bool *ret_more)
{
    *ret_more = false;
    while (scan->depth > floor) {
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

/* One value with all that is in it. */
static bool scan_whole(struct scan *scan)
{
    size_t floor = scan->depth;
    bool more = true;
    while (more) {
        bool open = false;
        if (!scan_value(scan, &open)) {
            return false;
        }
        if (!open && !scan_after(scan, floor, &more)) {
            return false;
        }
    }
    return true;
}

/* Nothing but space is left. */
static bool scan_end(struct scan *scan)
{
    skip_space(scan);
    return scan->at == scan->end;
}

bool json_scan(struct bytes text, struct json_value *ret_value)
{
    if (text.len == 0) {
        return false;
    }
    struct scan scan = {.at = text.data, .end = text.data + text.len};
    skip_space(&scan);
    const uint8_t *start = scan.at;
    if (!scan_whole(&scan)) {
        return false;
    }
    const uint8_t *end = scan.at;
    if (!scan_end(&scan)) {
        return false;
    }
    *ret_value = value_between(start, end);
    return true;
}

/* Notes a member when its name is asked for. */
static void note_member(struct json_members *members, const struct json_lookup *lookup,
                        struct bytes key, struct json_value value)
{
    size_t i = json_string_find(key, lookup->names, lookup->count);
    if (i == lookup->count) {
        return;
    }
    uint32_t bit = UINT32_C(1) << i;
    if ((members->seen & bit) != 0) {
        members->repeated |= bit;
    } else {
        members->seen |= bit;
        lookup->ret_values[i] = value;
    }
}

/* From behind the bracket to behind the other one. */
static bool scan_members(struct scan *scan, const struct json_lookup *lookup,
                         struct json_members *members)
{
    skip_space(scan);
    if (take(scan, '}')) {
        return true;
    }
    do {
        skip_space(scan);
        const uint8_t *key = scan->at;
        if (!scan_string(scan)) {
            return false;
        }
        const uint8_t *key_end = scan->at;
        skip_space(scan);
        if (!take(scan, ':')) {
            return false;
        }
        skip_space(scan);
        const uint8_t *value = scan->at;
        if (!scan_whole(scan)) {
            return false;
        }
        note_member(members, lookup, bytes_of(key, (size_t)(key_end - key)),
                    value_between(value, scan->at));
        skip_space(scan);
    } while (take(scan, ','));
    return take(scan, '}');
}

bool json_scan_object(struct bytes text, const struct json_lookup *lookup,
                      struct json_members *ret_members)
{
    assert(lookup->count <= JSON_MEMBERS_MAX && "one bit for each name");
    *ret_members = (struct json_members){0, 0};
    if (text.len == 0) {
        return false;
    }
    struct scan scan = {.at = text.data, .end = text.data + text.len};
    skip_space(&scan);
    return take(&scan, '{') && push_level(&scan, true) &&
           scan_members(&scan, lookup, ret_members) && scan_end(&scan);
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
    const struct json_lookup lookup = {names, count, ret_values};
    struct json_members members = {0, 0};
    size_t cursor = 0;
    struct bytes key;
    struct json_value value;
    while (json_next(object, &cursor, &key, &value)) {
        note_member(&members, &lookup, key, value);
    }
    return members;
}
