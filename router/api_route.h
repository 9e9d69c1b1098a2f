/* The HTTP API as tables: its calls, their parameters, bodies, answers and errors. Pure. */
#ifndef ROUTER_API_ROUTE_H
#define ROUTER_API_ROUTE_H

#include "common/buf.h"
#include "common/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a key may be good for; a set of bits. */
enum api_scope {
    API_SCOPE_NONE = 0,
    API_SCOPE_PUBLISH = 1,
    API_SCOPE_READ = 2,
    API_SCOPE_ADMIN = 4,
    API_SCOPE_ALL = 7
};

/* "publish", "read", "admin"; NULL for what is no single scope. */
const char *api_scope_name(unsigned scope);
/* Reads "publish,read". False when a name is unknown or there is none. */
bool api_scopes_read(struct bytes text, unsigned *ret_scopes);

enum api_error {
#define API_ERROR(id, status, code, message) API_ERROR_##id,
#include "router/api_errors.def"
#undef API_ERROR
    API_ERROR_COUNT,
    API_ERROR_NONE = API_ERROR_COUNT
};

struct api_error_spec {
    int status;
    const char *code;
    const char *message;
};
extern const struct api_error_spec api_errors[API_ERROR_COUNT];

enum api_kind { API_NAME, API_TEXT, API_NUMBER, API_EPOCH, API_TIME, API_ANY, API_NAMES };

enum api_place { API_PATH, API_QUERY };

enum api_param {
#define API_PARAM(id, name, place, kind, min, max, help) API_PARAM_##id,
#include "router/api_params.def"
#undef API_PARAM
    API_PARAM_COUNT
};

struct api_param_spec {
    const char *name;
    enum api_place place;
    enum api_kind kind;
    uint64_t min;
    uint64_t max;
    const char *help;
};
extern const struct api_param_spec api_params[API_PARAM_COUNT];

enum api_field {
#define API_FIELD(id, name, kind, max, schema, help) API_FIELD_##id,
#include "router/api_fields.def"
#undef API_FIELD
    API_FIELD_COUNT
};

struct api_field_spec {
    struct bytes name;
    enum api_kind kind;
    size_t max;
    const char *schema;
    const char *help;
};
extern const struct api_field_spec api_fields[API_FIELD_COUNT];

enum api_schema {
#define API_SCHEMA(name, schema) API_SCHEMA_##name,
#include "router/api_schemas.def"
#undef API_SCHEMA
    API_SCHEMA_COUNT
};

struct api_schema_spec {
    const char *name;
    const char *schema;
};
extern const struct api_schema_spec api_schemas[API_SCHEMA_COUNT];

enum api_call_id {
#define API_ROUTE(id, method, path, scope, cost, params, required, fields, flags, schema, summary) \
    API_CALL_##id,
#include "router/api_routes.def"
#undef API_ROUTE
    API_CALL_COUNT
};

enum { API_MAY_MISS = 1, API_MAY_CLASH = 2, API_STARTS = 4 };

struct api_route {
    enum api_call_id id;
    struct bytes method;
    struct bytes path; /* {…} stands for one part */
    unsigned scope;
    unsigned cost;
    unsigned params;   /* bits 1 << enum api_param, of the query */
    unsigned required; /* bits 1 << enum api_field */
    unsigned fields;   /* those that may be missing */
    unsigned flags;
    enum api_schema schema;
    const char *summary;
};
extern const struct api_route api_routes[API_CALL_COUNT];

static inline bool api_route_has_body(const struct api_route *route)
{
    return (route->required | route->fields) != 0;
}

/* The parts of a path that a row leaves open, as sent. */
struct api_match {
    const struct api_route *route;
    struct bytes parts[API_PARAM_COUNT]; /* data NULL = not in this path */
};

/* HEAD is GET. API_ERROR_NONE, PATH_UNKNOWN, or METHOD: then `allow` has what is allowed there. */
enum api_error api_match(struct bytes method, struct bytes path, struct api_match *ret_match,
                         struct buf *allow);

#endif
