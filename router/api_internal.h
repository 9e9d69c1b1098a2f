/* Inside of the HTTP API: api.c (who asks, and whether that is a call), api_calls.c (what the calls
 * ask of the admin and how it is answered). Nobody else includes this. */
#ifndef ROUTER_API_INTERNAL_H
#define ROUTER_API_INTERNAL_H

#include "common/buf.h"
#include "common/gcra.h"
#include "common/slotmap.h"
#include "router/admin_local.h"
#include "router/api.h"
#include "router/api_call.h"

enum { API_ADDRESS_BUCKETS = 1024, API_STATUS_MIN = 200, API_STATUS_END = 600 };

struct api {
    struct admin *admin;
    struct api_callbacks callbacks;
    void *owner;
    struct api_keys *keys;
    uint64_t message_bytes_max;
    uint64_t rate;
    uint64_t seed;
    struct gcra failures[API_ADDRESS_BUCKETS]; /* by a hash of the address */
    struct slotmap waiting; /* struct waiting, of api_calls.c, by the token given to the admin */
    struct buf document;
    struct series *series;
    struct buf out;
    uint64_t answered[API_STATUS_END - API_STATUS_MIN];
};

/* One request while it is being handled. */
struct asking {
    struct api *api;
    const struct api_request *request;
    const struct api_call *call;
    const struct api_key *key; /* NULL: the call needs none */
    uint64_t now_ms;
    uint64_t wall_ms;
};

/* Answers the request; with api->out and the status, or with an error. `detail` may be empty. */
void api_answer(struct api *api, uint64_t request, const struct api_answer *answer);
void api_answer_out(struct api *api, uint64_t request, int status);
void api_answer_error(struct api *api, uint64_t request, enum api_error error, const char *detail,
                      uint64_t retry_after_ms);

/* Does what asking->call says; it is answered now or later. */
void api_call_make(struct asking *asking);
/* The admin's answer to one of them. `owner` is the API. */
void api_on_reply(void *owner, uint64_t token, const Splitrail__Admin__Reply *reply);
/* Frees what waits. */
void api_forget_waiting(struct api *api);

#endif
