#include "router/api_route.h"

#define FIELD(id) (1U << API_FIELD_##id)
#define PARAM(id) (1U << API_PARAM_##id)

const struct api_error_spec api_errors[API_ERROR_COUNT] = {
#define API_ERROR(id, status, code, message) {status, code, message},
#include "router/api_errors.def"
#undef API_ERROR
};

const struct api_param_spec api_params[API_PARAM_COUNT] = {
#define API_PARAM(id, name, place, kind, min, max, help)                                           \
    {name, API_##place, API_##kind, min, max, help},
#include "router/api_params.def"
#undef API_PARAM
};

const struct api_field_spec api_fields[API_FIELD_COUNT] = {
#define API_FIELD(id, name, kind, max, schema, help)                                               \
    {BYTES_INIT(name), API_##kind, max, schema, help},
#include "router/api_fields.def"
#undef API_FIELD
};

const struct api_schema_spec api_schemas[API_SCHEMA_COUNT] = {
#define API_SCHEMA(name, schema) {#name, schema},
#include "router/api_schemas.def"
#undef API_SCHEMA
};

const struct api_route api_routes[API_CALL_COUNT] = {
#define API_ROUTE(id, method, path, scope, cost, params, required, fields, flags, schema, summary) \
    {API_CALL_##id,                                                                                \
     BYTES_INIT(method),                                                                           \
     BYTES_INIT(path),                                                                             \
     API_SCOPE_##scope,                                                                            \
     cost,                                                                                         \
     params,                                                                                       \
     required,                                                                                     \
     fields,                                                                                       \
     flags,                                                                                        \
     API_SCHEMA_##schema,                                                                          \
     summary},
#include "router/api_routes.def"
#undef API_ROUTE
};

static const struct {
    unsigned scope;
    const char *name;
} scopes[] = {{API_SCOPE_PUBLISH, "publish"}, {API_SCOPE_READ, "read"}, {API_SCOPE_ADMIN, "admin"}};

enum { SCOPE_COUNT = sizeof(scopes) / sizeof(scopes[0]) };

const char *api_scope_name(unsigned scope)
{
    for (size_t i = 0; i < SCOPE_COUNT; i++) {
        if (scopes[i].scope == scope) {
            return scopes[i].name;
        }
    }
    return NULL;
}

/* The bytes up to `end`, which are taken off `rest` together with it. */
static struct bytes take_until(struct bytes *rest, uint8_t end)
{
    const uint8_t *found = rest->len == 0 ? NULL : memchr(rest->data, end, rest->len);
    size_t len = found == NULL ? rest->len : (size_t)(found - rest->data);
    struct bytes taken = bytes_slice(*rest, 0, len);
    *rest = bytes_slice(*rest, len + (found != NULL), rest->len);
    return taken;
}

static unsigned scope_of(struct bytes name)
{
    for (size_t i = 0; i < SCOPE_COUNT; i++) {
        if (bytes_equal(name, bytes_of_str(scopes[i].name))) {
            return scopes[i].scope;
        }
    }
    return API_SCOPE_NONE;
}

bool api_scopes_read(struct bytes text, unsigned *ret_scopes)
{
    unsigned found = 0;
    if (text.len == 0 || text.data[text.len - 1] == ',') {
        return false;
    }
    while (text.len > 0) {
        unsigned scope = scope_of(take_until(&text, ','));
        if (scope == API_SCOPE_NONE) {
            return false;
        }
        found |= scope;
    }
    *ret_scopes = found;
    return true;
}

static enum api_param param_of(struct bytes name)
{
    for (unsigned i = 0; i < API_PARAM_COUNT; i++) {
        if (api_params[i].place == API_PATH &&
            bytes_equal(name, bytes_of_str(api_params[i].name))) {
            return (enum api_param)i;
        }
    }
    return API_PARAM_COUNT;
}

/* One part against one of a row; {name} takes any that is not empty. */
static bool part_fits(struct bytes pattern, struct bytes part, struct api_match *match)
{
    if (pattern.len < 2 || pattern.data[0] != '{') {
        return bytes_equal(pattern, part);
    }
    enum api_param param = param_of(bytes_slice(pattern, 1, pattern.len - 2));
    if (param == API_PARAM_COUNT || part.len == 0) {
        return false;
    }
    match->parts[param] = part;
    return true;
}

static size_t slashes(struct bytes path)
{
    size_t count = 0;
    for (size_t i = 0; i < path.len; i++) {
        count += path.data[i] == '/';
    }
    return count;
}

static bool path_fits(const struct api_route *route, struct bytes path, struct api_match *ret_match)
{
    struct bytes pattern = route->path;
    if (slashes(pattern) != slashes(path)) {
        return false;
    }
    *ret_match = (struct api_match){.route = route};
    while (pattern.len > 0) {
        struct bytes part = take_until(&path, '/');
        if (!part_fits(take_until(&pattern, '/'), part, ret_match)) {
            return false;
        }
    }
    return path.len == 0;
}

enum api_error api_match(struct bytes method, struct bytes path, struct api_match *ret_match,
                         struct buf *allow)
{
    struct bytes wanted = bytes_equal(method, BYTES_LIT("HEAD")) ? BYTES_LIT("GET") : method;
    bool known = false;
    for (size_t i = 0; i < API_CALL_COUNT; i++) {
        struct api_match match;
        if (!path_fits(&api_routes[i], path, &match)) {
            continue;
        }
        if (bytes_equal(api_routes[i].method, wanted)) {
            *ret_match = match;
            return API_ERROR_NONE;
        }
        buf_append_str(allow, known ? ", " : "");
        buf_append(allow, api_routes[i].method);
        if (bytes_equal(api_routes[i].method, BYTES_LIT("GET"))) {
            buf_append_str(allow, ", HEAD");
        }
        known = true;
    }
    return known ? API_ERROR_METHOD : API_ERROR_PATH_UNKNOWN;
}
