#include "router/api_openapi.h"

#include "router/api_route.h"
#include "router/json.h"

#include <string.h>

/* Text of ours, with ' for ". */
static void put(struct buf *out, const char *text)
{
    for (; *text != 0; text++) {
        buf_append_byte(out, *text == '\'' ? (uint8_t)'"' : (uint8_t)*text);
    }
}

static void put_string(struct buf *out, const char *before, struct bytes text)
{
    put(out, before);
    json_write_string(text, out);
}

/* "get" of "GET". */
static void put_method(struct buf *out, struct bytes method)
{
    for (size_t i = 0; i < method.len; i++) {
        buf_append_byte(out, (uint8_t)(method.data[i] | 0x20));
    }
}

static void put_bounds(struct buf *out, const char *min, const char *max,
                       const struct api_param_spec *spec)
{
    put(out, min);
    buf_append_u64(out, spec->min);
    put(out, max);
    buf_append_u64(out, spec->max);
}

static void put_param(struct buf *out, const struct api_param_spec *spec)
{
    put_string(out, "{'name':", bytes_of_str(spec->name));
    put(out, spec->place == API_PATH ? ",'in':'path','required':true" : ",'in':'query'");
    put_string(out, ",'description':", bytes_of_str(spec->help));
    if (spec->kind == API_NUMBER) {
        put(out, ",'schema':{'type':'integer'");
        put_bounds(out, ",'minimum':", ",'maximum':", spec);
    } else if (spec->kind == API_TIME) {
        put(out, ",'schema':{'type':'string','pattern':'^[0-9]+(ms|s|m|h)$'");
    } else {
        put(out, ",'schema':{'type':'string'");
        put_bounds(out, ",'minLength':", ",'maxLength':", spec);
        put(out, spec->kind == API_EPOCH ? ",'pattern':'^[0-9a-f]{16}$'" : "");
    }
    put(out, "}}");
}

static bool in_path(const struct api_route *route, const struct api_param_spec *spec)
{
    struct buf part;
    buf_init(&part, 0);
    buf_append_byte(&part, '{');
    buf_append_str(&part, spec->name);
    buf_append_byte(&part, '}');
    bool found = memmem(route->path.data, route->path.len, part.data, part.len) != NULL;
    buf_fini(&part);
    return spec->place == API_PATH && found;
}

static void put_params(struct buf *out, const struct api_route *route)
{
    const char *before = ",'parameters':[";
    bool any = false;
    for (unsigned i = 0; i < API_PARAM_COUNT; i++) {
        if ((route->params >> i & 1) != 0 || in_path(route, &api_params[i])) {
            put(out, any ? "," : before);
            put_param(out, &api_params[i]);
            any = true;
        }
    }
    put(out, any ? "]" : "");
}

static void put_required(struct buf *out, unsigned required)
{
    bool any = false;
    for (unsigned i = 0; i < API_FIELD_COUNT; i++) {
        if ((required >> i & 1) != 0) {
            put_string(out, any ? "," : ",'required':[", api_fields[i].name);
            any = true;
        }
    }
    put(out, any ? "]" : "");
}

static void put_field(struct buf *out, const struct api_field_spec *spec)
{
    size_t len = strlen(spec->schema);
    json_write_string(spec->name, out);
    put_string(out, ":{'description':", bytes_of_str(spec->help));
    if (len > 2) { /* more than {} */
        put(out, ",");
        put(out, spec->schema + 1);
    } else {
        put(out, "}");
    }
}

static void put_body(struct buf *out, const struct api_route *route)
{
    if (!api_route_has_body(route)) {
        return;
    }
    put(out, ",'requestBody':{'required':true,'content':{'application/json':{'schema':{"
             "'type':'object','additionalProperties':false");
    put_required(out, route->required);
    put(out, ",'properties':{");
    bool any = false;
    for (unsigned i = 0; i < API_FIELD_COUNT; i++) {
        if (((route->required | route->fields) >> i & 1) != 0) {
            put(out, any ? "," : "");
            put_field(out, &api_fields[i]);
            any = true;
        }
    }
    put(out, "}}}}}");
}

static void put_answer(struct buf *out, int status, const char *what, enum api_schema schema)
{
    buf_append_byte(out, '"');
    buf_append_u64(out, (uint64_t)status);
    put_string(out, "':{'description':", bytes_of_str(what));
    put(out, ",'content':{'application/json':{'schema':{'$ref':'#/components/schemas/");
    put(out, api_schemas[schema].name);
    put(out, "'}}}}");
}

static void put_answers(struct buf *out, const struct api_route *route)
{
    static const struct {
        int status;
        const char *what;
    } errors[] = {
        {400, "Path, query or JSON cannot be read"},
        {401, "No key of this router"},
        {403, "The key lacks the scope, or there is no API"},
        {404, "Not there"},
        {409, "That cannot be done now"},
        {413, "The body or its payload is too large"},
        {415, "The body is not said to be JSON"},
        {422, "A field is not what it must be"},
        {429, "Too many requests; see Retry-After"},
        {503, "The router cannot do this now; see Retry-After"},
    };
    put(out, ",'responses':{");
    put_answer(out, (route->flags & API_STARTS) != 0 ? 202 : 200, "Done", route->schema);
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        int status = errors[i].status;
        bool of_body = status == 415 || status == 422;
        bool left_out = (of_body && !api_route_has_body(route)) ||
                        (status == 404 && (route->flags & API_MAY_MISS) == 0) ||
                        (status == 409 && (route->flags & API_MAY_CLASH) == 0) ||
                        (route->scope == API_SCOPE_NONE && status != 400 && status != 413);
        if (!left_out) {
            put(out, ",");
            put_answer(out, status, errors[i].what, API_SCHEMA_Error);
        }
    }
    put(out, "}");
}

static void put_operation(struct buf *out, const struct api_route *route)
{
    buf_append_byte(out, '"');
    put_method(out, route->method);
    put_string(out, "':{'summary':", bytes_of_str(route->summary));
    if (route->scope == API_SCOPE_NONE) {
        put(out, ",'security':[]");
    } else if (route->scope != API_SCOPE_ALL) {
        put_string(out, ",'x-scope':", bytes_of_str(api_scope_name(route->scope)));
    }
    put_params(out, route);
    put_body(out, route);
    put_answers(out, route);
    put(out, "}");
}

static void put_paths(struct buf *out)
{
    put(out, ",'paths':{");
    for (size_t i = 0; i < API_CALL_COUNT; i++) {
        const struct api_route *route = &api_routes[i];
        bool same = i != 0 && bytes_equal(route->path, api_routes[i - 1].path);
        if (!same) {
            put(out, i == 0 ? "" : "},");
            json_write_string(route->path, out);
        }
        put(out, same ? "," : ":{");
        put_operation(out, route);
    }
    put(out, "}}");
}

static void put_schemas(struct buf *out)
{
    put(out, ",'components':{'securitySchemes':{'key':{'type':'http','scheme':'bearer'}},"
             "'schemas':{");
    for (size_t i = 0; i < API_SCHEMA_COUNT; i++) {
        put_string(out, i == 0 ? "" : ",", bytes_of_str(api_schemas[i].name));
        put(out, ":");
        put(out, api_schemas[i].schema);
    }
    put(out, "}}");
}

void api_openapi_write(struct bytes version, struct buf *out)
{
    put(out, "{'openapi':'3.1.0','info':{'title':'Splitrail','description':'HTTP API of "
             "splitrail-router. Keys have scopes; x-scope names the one that a call needs.'");
    put_string(out, ",'version':", version);
    put(out, "},'security':[{'key':[]}]");
    put_paths(out);
    put_schemas(out);
    put(out, "}\n");
}
