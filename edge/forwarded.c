#include "edge/forwarded.h"

#include <stdbool.h>

enum { NODE_MAX = 64 }; /* of a quoted value; no address with its port is as long */

struct cursor {
    struct bytes rest;
};

static bool at_byte(const struct cursor *cursor, uint8_t byte)
{
    return cursor->rest.len != 0 && cursor->rest.data[0] == byte;
}

static void advance(struct cursor *cursor, size_t len)
{
    cursor->rest = bytes_slice(cursor->rest, len, cursor->rest.len);
}

static bool take_byte(struct cursor *cursor, uint8_t byte)
{
    bool there = at_byte(cursor, byte);
    advance(cursor, there ? 1 : 0);
    return there;
}

static void skip_blanks(struct cursor *cursor)
{
    while (at_byte(cursor, ' ') || at_byte(cursor, '\t')) {
        advance(cursor, 1);
    }
}

/* RFC 9110 section 5.6.2. */
static bool is_token_byte(uint8_t byte)
{
    bool alnum = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                 (byte >= 'a' && byte <= 'z');
    return alnum || (byte != 0 && strchr("!#$%&'*+-.^_`|~", byte) != NULL);
}

static struct bytes take_token(struct cursor *cursor)
{
    struct bytes from = cursor->rest;
    size_t len = 0;
    while (len < from.len && is_token_byte(from.data[len])) {
        len++;
    }
    advance(cursor, len);
    return bytes_slice(from, 0, len);
}

/* RFC 9110 section 5.6.4: a quoted string, its escapes undone into `out`. What does not fit is cut:
 * it is no address anyway. False without a closing quote. */
static bool take_quoted(struct cursor *cursor, uint8_t out[NODE_MAX], struct bytes *ret_value)
{
    size_t len = 0;
    if (!take_byte(cursor, '"')) {
        return false;
    }
    while (cursor->rest.len != 0 && !at_byte(cursor, '"')) {
        advance(cursor, at_byte(cursor, '\\') ? 1 : 0);
        if (cursor->rest.len != 0 && len < NODE_MAX) {
            out[len++] = cursor->rest.data[0];
        }
        advance(cursor, 1);
    }
    *ret_value = bytes_of(out, len);
    return take_byte(cursor, '"');
}

static bool is_for(struct bytes name)
{
    return name.len == 3 && (name.data[0] | 0x20) == 'f' && (name.data[1] | 0x20) == 'o' &&
           (name.data[2] | 0x20) == 'r';
}

static bool is_port(struct bytes text)
{
    size_t digits = 0;
    bool hidden = text.len > 1 && text.data[0] == '_';
    while (digits < text.len && text.data[digits] >= '0' && text.data[digits] <= '9') {
        digits++;
    }
    return hidden || (digits == text.len && digits >= 1 && digits <= 5);
}

/* RFC 7239 section 6: IPv4, or IPv6 in brackets, either with a port that does not matter. */
static bool parse_node(struct bytes node, struct address *ret_address)
{
    bool bracket = node.len != 0 && node.data[0] == '[';
    const uint8_t *end = node.len == 0 ? NULL : memchr(node.data, bracket ? ']' : ':', node.len);
    size_t host_len = end == NULL ? node.len : (size_t)(end - node.data);
    struct bytes host = bytes_slice(node, bracket ? 1 : 0, host_len - (bracket ? 1 : 0));
    struct bytes after = bytes_slice(node, host_len + (bracket ? 1 : 0), node.len);
    bool is_v6 = host.len != 0 && memchr(host.data, ':', host.len) != NULL;
    if (bracket != is_v6 || (bracket && end == NULL)) {
        return false;
    }
    if (after.len != 0 && (after.data[0] != ':' || !is_port(bytes_slice(after, 1, after.len)))) {
        return false;
    }
    return address_parse(host, ret_address);
}

enum element { ELEMENT_ADDRESS, ELEMENT_NO_ADDRESS, ELEMENT_MALFORMED };

/* One name=value. False when it is malformed. */
static bool take_pair(struct cursor *cursor, uint8_t unescaped[NODE_MAX], struct bytes *ret_name,
                      struct bytes *ret_value)
{
    *ret_name = take_token(cursor);
    if (ret_name->len == 0 || !take_byte(cursor, '=')) {
        return false;
    }
    if (at_byte(cursor, '"')) {
        return take_quoted(cursor, unescaped, ret_value);
    }
    *ret_value = take_token(cursor);
    return ret_value->len != 0;
}

/* One element: pairs with semicolons between, up to a comma or the end. Each name comes once (RFC
 * 7239 section 4). */
static enum element take_element(struct cursor *cursor, struct address *ret_address)
{
    uint8_t unescaped[NODE_MAX];
    enum element found = ELEMENT_NO_ADDRESS;
    bool seen = false;
    do {
        struct bytes name;
        struct bytes value;
        skip_blanks(cursor);
        if (cursor->rest.len == 0 || at_byte(cursor, ',') || at_byte(cursor, ';')) {
            continue; /* the grammar allows empty pairs */
        }
        if (!take_pair(cursor, unescaped, &name, &value) || (seen && is_for(name))) {
            return ELEMENT_MALFORMED;
        }
        if (is_for(name)) {
            seen = true;
            found = parse_node(value, ret_address) ? ELEMENT_ADDRESS : ELEMENT_NO_ADDRESS;
        }
        skip_blanks(cursor);
    } while (take_byte(cursor, ';'));
    return cursor->rest.len == 0 || at_byte(cursor, ',') ? found : ELEMENT_MALFORMED;
}

/* The search goes from right to left, but quotes can be read from left to right only. So each
 * element is folded into the answer that a search would give that begins at it. */
struct address forwarded_client(const struct address *peer, struct bytes forwarded,
                                const struct address_net *trusted, size_t trusted_count)
{
    struct cursor cursor = {forwarded};
    struct address answer = *peer;
    bool teller = true; /* the answer is whoever told: the element to the right, or the peer */
    if (forwarded.len == 0 || !address_in(peer, trusted, trusted_count)) {
        return *peer;
    }
    do {
        struct address hop = *peer;
        enum element element = take_element(&cursor, &hop);
        if (element == ELEMENT_MALFORMED) {
            return *peer; /* where the next element begins is not known */
        }
        if (element == ELEMENT_NO_ADDRESS) {
            teller = true;
        } else if (teller || !address_in(&hop, trusted, trusted_count)) {
            answer = hop;
            teller = false;
        }
    } while (take_byte(&cursor, ','));
    return teller ? *peer : answer;
}

struct address forwarded_or_x_client(const struct address *peer, struct bytes forwarded,
                                     struct bytes x_forwarded_for,
                                     const struct address_net *trusted, size_t trusted_count)
{
    struct address by_standard = forwarded_client(peer, forwarded, trusted, trusted_count);
    struct address by_custom = address_client(peer, x_forwarded_for, trusted, trusted_count);
    if (forwarded.len == 0 || x_forwarded_for.len == 0) {
        return forwarded.len == 0 ? by_custom : by_standard;
    }
    return memcmp(&by_standard, &by_custom, sizeof(by_custom)) == 0 ? by_custom : *peer;
}
