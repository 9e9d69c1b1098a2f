/* Everything decoded is shorter than what it came from, so one piece of memory holds it all. */
#include "router/api_call.h"

#include "common/buf.h"
#include "common/mem.h"
#include "common/utf8.h"
#include "router/command.h"

#include <assert.h>
#include <string.h>

enum { NAMES_MAX = 1000 };

struct reading {
    struct api_call *call;
    size_t memory_size;
    enum api_error error;
    const char *which;
};

static bool fail(struct reading *reading, enum api_error error, const char *which)
{
    reading->error = error;
    reading->which = which;
    return false;
}

static char *room_for(struct reading *reading, size_t len)
{
    struct api_call *call = reading->call;
    assert(len <= reading->memory_size - call->memory_used);
    char *at = call->memory + call->memory_used;
    call->memory_used += len;
    return at;
}

/* ---- what a text must be ---- */

/* Valid UTF-8 without control characters: names are, and so is everything else that is shown. */
static bool plain_text(struct bytes text)
{
    for (size_t i = 0; i < text.len;) {
        size_t len = utf8_len(text.data + i, text.len - i);
        if (len == 0 || text.data[i] < 0x20 || text.data[i] == 0x7f) {
            return false;
        }
        i += len;
    }
    return true;
}

static bool is_epoch(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        bool digit = text.data[i] >= '0' && text.data[i] <= '9';
        bool letter = text.data[i] >= 'a' && text.data[i] <= 'f';
        if (!digit && !letter) {
            return false;
        }
    }
    return text.len == 16;
}

static bool read_number(struct bytes text, uint64_t min, uint64_t max, uint64_t *ret_number)
{
    uint64_t number = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || number > max / 10) {
            return false;
        }
        number = number * 10 + (uint64_t)(text.data[i] - '0');
    }
    *ret_number = number;
    return text.len != 0 && number >= min && number <= max;
}

/* "10m" */
static bool read_time(struct bytes text, uint64_t min, uint64_t max, uint64_t *ret_ms)
{
    static const struct {
        struct bytes unit;
        uint64_t ms;
    } units[] = {{BYTES_INIT("ms"), 1},
                 {BYTES_INIT("s"), 1000},
                 {BYTES_INIT("m"), 60000},
                 {BYTES_INIT("h"), 3600000}};
    uint64_t number = 0;
    size_t digits = 0;
    while (digits < text.len && text.data[digits] >= '0' && text.data[digits] <= '9') {
        digits++;
    }
    struct bytes unit = bytes_slice(text, digits, text.len);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (bytes_equal(unit, units[i].unit) &&
            read_number(bytes_slice(text, 0, digits), 0, max / units[i].ms, &number)) {
            *ret_ms = number * units[i].ms;
            return *ret_ms >= min;
        }
    }
    return false;
}

static bool param_ok(struct api_call *call, enum api_param param, struct bytes text)
{
    const struct api_param_spec *spec = &api_params[param];
    switch (spec->kind) {
    case API_NAME:
        return client_name_valid(text);
    case API_TEXT:
        return text.len >= spec->min && text.len <= spec->max && plain_text(text);
    case API_NUMBER:
        return read_number(text, spec->min, spec->max, &call->numbers[param]);
    case API_EPOCH:
        return is_epoch(text);
    case API_TIME:
        return read_time(text, spec->min, spec->max, &call->numbers[param]);
    case API_ANY:
    case API_NAMES:
        break;
    }
    return false;
}

/* ---- path and query ---- */

static int hex_of(uint8_t byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    if (byte >= 'a' && byte <= 'f') {
        return byte - 'a' + 10;
    }
    return byte >= 'A' && byte <= 'F' ? byte - 'A' + 10 : -1;
}

/* RFC 3986 section 2.1; in a query a plus is a space, as forms and most clients write it. */
static bool decode(struct reading *reading, struct bytes text, bool plus, struct bytes *ret_text)
{
    char *out = room_for(reading, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.data[i];
        if (byte == '%') {
            int high = i + 2 < text.len ? hex_of(text.data[i + 1]) : -1;
            int low = i + 2 < text.len ? hex_of(text.data[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return false;
            }
            byte = (uint8_t)(high << 4 | low);
            i += 2;
        } else if (plus && byte == '+') {
            byte = ' ';
        }
        out[len++] = (char)byte;
    }
    out[len] = 0;
    *ret_text = bytes_of(out, len);
    return true;
}

static bool take_param(struct reading *reading, enum api_param param, struct bytes raw)
{
    struct api_call *call = reading->call;
    bool in_query = api_params[param].place == API_QUERY;
    struct bytes text;
    if (!decode(reading, raw, in_query, &text) || !param_ok(call, param, text)) {
        return fail(reading, in_query ? API_ERROR_QUERY : API_ERROR_PATH, api_params[param].name);
    }
    call->params[param] = (const char *)text.data;
    call->given_params |= 1U << param;
    return true;
}

static bool read_path(struct reading *reading, const struct api_match *match)
{
    for (unsigned i = 0; i < API_PARAM_COUNT; i++) {
        if (match->parts[i].data != NULL &&
            !take_param(reading, (enum api_param)i, match->parts[i])) {
            return false;
        }
    }
    return true;
}

/* A parameter of the row that was not there before. */
static bool take_pair(struct reading *reading, struct bytes name, struct bytes value)
{
    const struct api_call *call = reading->call;
    for (unsigned i = 0; i < API_PARAM_COUNT; i++) {
        if ((call->route->params >> i & 1) != 0 &&
            bytes_equal(name, bytes_of_str(api_params[i].name))) {
            return (call->given_params >> i & 1) != 0
                       ? fail(reading, API_ERROR_QUERY, api_params[i].name)
                       : take_param(reading, (enum api_param)i, value);
        }
    }
    return fail(reading, API_ERROR_QUERY, "unknown");
}

static bool read_query(struct reading *reading, struct bytes query)
{
    while (query.len > 0) {
        const uint8_t *end = memchr(query.data, '&', query.len);
        size_t len = end == NULL ? query.len : (size_t)(end - query.data);
        struct bytes pair = bytes_slice(query, 0, len);
        const uint8_t *sign = len == 0 ? NULL : memchr(pair.data, '=', len);
        size_t name_len = sign == NULL ? len : (size_t)(sign - pair.data);
        struct bytes value = bytes_slice(pair, name_len + 1, len);
        if (len != 0 && !take_pair(reading, bytes_slice(pair, 0, name_len), value)) {
            return false;
        }
        query = bytes_slice(query, len + (end != NULL), query.len);
    }
    return true;
}

/* ---- body ---- */

static bool take_string(struct reading *reading, struct json_value value, struct bytes *ret_text)
{
    struct buf decoded;
    if (value.kind != JSON_KIND_STRING) {
        return false;
    }
    buf_init(&decoded, value.raw.len);
    bool good = json_string_decode(value.raw, &decoded);
    char *out = room_for(reading, decoded.len + 1);
    if (decoded.len != 0) {
        memcpy(out, decoded.data, decoded.len);
    }
    out[decoded.len] = 0;
    *ret_text = bytes_of(out, decoded.len);
    buf_fini(&decoded);
    return good;
}

static bool take_names(struct reading *reading, struct json_value list)
{
    struct api_call *call = reading->call;
    struct json_value item;
    struct bytes key;
    struct bytes name;
    size_t cursor = 0;
    if (list.kind != JSON_KIND_ARRAY) {
        return false;
    }
    const char **names = mem_new(NAMES_MAX, sizeof(*names));
    call->names = names;
    while (json_next(list, &cursor, &key, &item)) {
        if (call->name_count == NAMES_MAX || !take_string(reading, item, &name) ||
            !client_name_valid(name)) {
            return false;
        }
        names[call->name_count++] = (const char *)name.data;
    }
    return call->name_count != 0;
}

static bool take_text(struct reading *reading, enum api_field field, struct json_value value)
{
    struct bytes text;
    if (!take_string(reading, value, &text)) {
        return false;
    }
    reading->call->fields[field] = (const char *)text.data;
    return api_fields[field].kind == API_NAME
               ? client_name_valid(text)
               : text.len >= 1 && text.len <= api_fields[field].max && plain_text(text);
}

static bool take_field(struct reading *reading, enum api_field field, struct json_value value)
{
    switch (api_fields[field].kind) {
    case API_ANY:
        reading->call->payload = value.raw;
        return true;
    case API_NAMES:
        return take_names(reading, value);
    case API_NAME:
    case API_TEXT:
        return take_text(reading, field, value);
    case API_NUMBER:
    case API_EPOCH:
    case API_TIME:
        break;
    }
    return false;
}

static enum api_field field_of(const struct api_route *route, struct bytes key)
{
    for (unsigned i = 0; i < API_FIELD_COUNT; i++) {
        if (((route->required | route->fields) >> i & 1) != 0 &&
            json_string_equals(key, api_fields[i].name)) {
            return (enum api_field)i;
        }
    }
    return API_FIELD_COUNT;
}

static const char *field_name(enum api_field field)
{
    return (const char *)api_fields[field].name.data;
}

static bool read_fields(struct reading *reading, struct json_value body)
{
    struct api_call *call = reading->call;
    struct json_value value;
    struct bytes key;
    size_t cursor = 0;
    while (json_next(body, &cursor, &key, &value)) {
        enum api_field field = field_of(call->route, key);
        if (field == API_FIELD_COUNT) {
            return fail(reading, API_ERROR_FIELD, "unknown");
        }
        if ((call->given_fields >> field & 1) != 0 || !take_field(reading, field, value)) {
            return fail(reading, API_ERROR_FIELD, field_name(field));
        }
        call->given_fields |= 1U << field;
    }
    for (unsigned i = 0; i < API_FIELD_COUNT; i++) {
        if ((call->route->required & ~call->given_fields) >> i & 1) {
            return fail(reading, API_ERROR_FIELD, field_name((enum api_field)i));
        }
    }
    return true;
}

/* Clients that can only send JSON send {}. */
static bool is_nothing(struct bytes body)
{
    struct json_value value;
    struct bytes key;
    size_t cursor = 0;
    return body.len == 0 || (json_scan(body, &value) && value.kind == JSON_KIND_OBJECT &&
                             !json_next(value, &cursor, &key, &value));
}

static bool read_body(struct reading *reading, struct bytes body)
{
    struct json_value value;
    if (!api_route_has_body(reading->call->route)) {
        return is_nothing(body) || fail(reading, API_ERROR_BODY, "");
    }
    if (!json_scan(body, &value) || value.kind != JSON_KIND_OBJECT) {
        return fail(reading, API_ERROR_JSON, "");
    }
    return read_fields(reading, value);
}

bool api_call_read(struct api_call *call, const struct api_match *match, struct bytes query,
                   struct bytes body, enum api_error *ret_error, const char **ret_which)
{
    struct reading reading = {.call = call};
    *call = (struct api_call){.route = match->route};
    for (size_t i = 0; i < API_PARAM_COUNT; i++) {
        call->params[i] = "";
        reading.memory_size += match->parts[i].len + 1;
    }
    for (size_t i = 0; i < API_FIELD_COUNT; i++) {
        call->fields[i] = "";
    }
    /* A string of a body has two quotes, of which one makes room for its NUL. */
    reading.memory_size += query.len + API_PARAM_COUNT + body.len;
    call->memory = mem_new(reading.memory_size, 1);
    if (read_path(&reading, match) && read_query(&reading, query) && read_body(&reading, body)) {
        return true;
    }
    *ret_error = reading.error;
    *ret_which = reading.which;
    return false;
}

void api_call_fini(struct api_call *call)
{
    mem_free((void *)(uintptr_t)call->names);
    mem_free(call->memory);
    *call = (struct api_call){0};
}
