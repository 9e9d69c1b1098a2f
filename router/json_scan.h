/* A validating JSON scanner (RFC 8259): walks a text once, keeps nothing, gives values as the
 * slices they came in. Depth is limited (JSON_DEPTH_MAX), numbers are of any size, strings must be
 * valid UTF-8 with valid escapes; a lone surrogate escape is valid JSON text and accepted in
 * values. Names stay clear of those of jansson, next to which this is linked in tests and tools. */
#ifndef ROUTER_JSON_SCAN_H
#define ROUTER_JSON_SCAN_H

#include "common/buf.h"
#include "common/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JSON_DEPTH_MAX = 128 };

enum json_kind {
    JSON_KIND_NULL,
    JSON_KIND_FALSE,
    JSON_KIND_TRUE,
    JSON_KIND_NUMBER,
    JSON_KIND_STRING,
    JSON_KIND_ARRAY,
    JSON_KIND_OBJECT
};

struct json_value {
    enum json_kind kind;
    struct bytes raw; /* with quotes or brackets, without surrounding space */
};

/* True when `text` is exactly one JSON value with optional white space around it. */
bool json_scan(struct bytes text, struct json_value *ret_value);

/* Iterates a validated array or object. Start with *cursor = 0; false at the end. For objects
 * `ret_key` is the raw key with quotes; for arrays it is empty. */
bool json_next(struct json_value container, size_t *cursor, struct bytes *ret_key,
               struct json_value *ret_value);

enum { JSON_MEMBERS_MAX = 32 };

/* Which names an object holds: bit i is names[i]. */
struct json_members {
    uint32_t seen;
    uint32_t repeated;
};

/* The names that an object is asked for (at most JSON_MEMBERS_MAX), and where their values go. */
struct json_lookup {
    const struct bytes *names;
    size_t count;
    struct json_value *ret_values;
};

/* json_scan() and json_members() of a text in one walk: true when it is exactly one JSON object.
 * When it is not, values may have been set. */
bool json_scan_object(struct bytes text, const struct json_lookup *lookup,
                      struct json_members *ret_members);

/* Looks up `count` (at most JSON_MEMBERS_MAX) names in a validated object in one walk; escapes in
 * keys are honoured, other keys are skipped. ret_values[i] is the first value of names[i] and is
 * touched only when seen. */
struct json_members json_members(struct json_value object, const struct bytes *names, size_t count,
                                 struct json_value *ret_values);

/* Appends the decoded text of a raw string. False when it holds what UTF-8 cannot say (a lone
 * surrogate); what was appended until there stays. Other escapes are decoded, including \u0000.
 * The text never grows: `raw` is longer by its quotes at least. `raw` must not be part of `out`,
 * unless `out` has room for it without growing. */
bool json_string_decode(struct bytes raw, struct buf *out);

/* True when the decoded text of the raw string equals `text`; escapes are honoured. */
bool json_string_equals(struct bytes raw, struct bytes text);

/* The first of `texts` that json_string_equals(); `count` when none does. */
size_t json_string_find(struct bytes raw, const struct bytes *texts, size_t count);

/* An integer literal without fraction or exponent within [0, max]. */
bool json_read_integer(struct json_value value, uint64_t max, uint64_t *ret_value);

#endif
