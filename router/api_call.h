/* One request of the HTTP API, read and checked against its row: path and query decoded, body taken
 * apart. Pure. */
#ifndef ROUTER_API_CALL_H
#define ROUTER_API_CALL_H

#include "common/bytes.h"
#include "router/api_route.h"
#include "router/json_scan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct api_call {
    const struct api_route *route;
    /* Decoded, NUL-terminated; "" when not given. They hold no NUL of their own. */
    const char *params[API_PARAM_COUNT];
    uint64_t numbers[API_PARAM_COUNT]; /* of kind NUMBER; 0 when not given */
    const char *fields[API_FIELD_COUNT];
    unsigned given_params; /* bits */
    unsigned given_fields;
    struct bytes payload;     /* part of the body */
    const char *const *names; /* of API_FIELD_ROOMS */
    size_t name_count;
    char *memory; /* where all of these live; for api_call_fini */
    size_t memory_used;
};

/* False: `ret_error`, and which parameter or field it is about (part of `call` or static; empty =
 * none). `match` and `body` are borrowed by the call. api_call_fini in both cases. */
bool api_call_read(struct api_call *call, const struct api_match *match, struct bytes query,
                   struct bytes body, enum api_error *ret_error, const char **ret_which);
void api_call_fini(struct api_call *call);

#endif
