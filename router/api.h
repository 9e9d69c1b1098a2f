/* The HTTP API without its server: requests in, answers out. Who asks is told from the key, what is
 * asked from the tables of api_route.h, and done by the admin, which does the same for
 * splitrailctl. Every request is answered exactly once, unless the API ends before. */
#ifndef ROUTER_API_H
#define ROUTER_API_H

#include "common/bytes.h"
#include "router/admin.h"
#include "router/api_keys.h"
#include "router/api_route.h"
#include "router/series.h"

#include <stdbool.h>
#include <stdint.h>

struct api;

/* Views are valid during api_handle(). */
struct api_request {
    uint64_t id; /* comes back with the answer */
    struct bytes method;
    struct bytes path;          /* as sent */
    struct bytes query;         /* as sent, without question mark */
    struct bytes authorization; /* header, empty = none */
    struct bytes content_type;
    struct bytes body;
    struct bytes peer; /* address, for the rate of failures */
};

/* Views are valid during the callback. */
struct api_answer {
    int status;
    struct bytes body;       /* JSON */
    const char *allow;       /* NULL but for 405 */
    bool authenticate;       /* 401: by Bearer */
    uint64_t retry_after_ms; /* 0 = untold */
};

struct api_callbacks {
    /* Must not call back into the API. */
    void (*answer)(void *owner, uint64_t id, const struct api_answer *answer);
    /* A call with scope admin was begun; for the log. */
    void (*on_action)(void *owner, const char *key_name, const struct api_request *request);
    /* No key, or none of ours; for the log. Not for those beyond their rate. */
    void (*on_denied)(void *owner, const struct api_request *request, const char *why);
};

struct api_config {
    uint64_t message_bytes_max; /* of one payload */
    uint64_t rate;              /* units of api_routes.def per second and key, 0 = no limit */
    struct bytes version;       /* of the router, for the document; borrowed */
    uint64_t seed;              /* random */
};

enum {
    API_BODY_OVERHEAD = 256 * 1024, /* beside a payload: the names of a broadcast */
    API_WAITING_MAX = 4096          /* calls and rooms of broadcasts that are not finished */
};

/* Takes the admin's local side (admin_local.h); `admin` must outlive the API. */
struct api *api_new(const struct api_config *config, struct admin *admin,
                    const struct api_callbacks *callbacks, void *owner);
/* Before the admin. What waits is not answered. */
void api_free(struct api **api);

/* Other keys from now on; takes them. NULL: there is no API but its document. */
void api_set_keys(struct api *api, struct api_keys **keys);
/* NULL when there are none; valid until they are set. */
const struct api_keys *api_current_keys(const struct api *api);
void api_set_rate(struct api *api, uint64_t rate);

/* What GET /v1/series shows: for the owner to add to. */
struct series *api_series(struct api *api);

/* One request; `now_ms` is monotonic. Flush the plane afterwards. */
void api_handle(struct api *api, const struct api_request *request, uint64_t now_ms,
                uint64_t wall_ms);

/* How many answers there were with this status since the start. */
uint64_t api_answered(const struct api *api, int status);

#endif
