#include "common/mem.h"
#include "router/api_internal.h"
#include "router/api_openapi.h"
#include "router/api_write.h"

#include <assert.h>
#include <string.h>

enum {
    FAILURES_PER_SECOND = 5 /* told to one address, with as many at once */
};

/* ---- answers ---- */

void api_answer(struct api *api, uint64_t request, const struct api_answer *answer)
{
    assert(answer->status >= API_STATUS_MIN && answer->status < API_STATUS_END);
    api->answered[answer->status - API_STATUS_MIN]++;
    api->callbacks.answer(api->owner, request, answer);
}

void api_answer_error(struct api *api, uint64_t request, enum api_error error, const char *detail,
                      uint64_t retry_after_ms)
{
    buf_clear(&api->out);
    api_write_error(error, detail, retry_after_ms, &api->out);
    api_answer(api, request,
               &(struct api_answer){.status = api_errors[error].status,
                                    .body = buf_bytes(&api->out),
                                    .authenticate = error == API_ERROR_UNAUTHORIZED,
                                    .retry_after_ms = retry_after_ms});
}

static void answer_method(struct api *api, uint64_t request, struct buf *allow)
{
    buf_append_byte(allow, 0);
    buf_clear(&api->out);
    api_write_error(API_ERROR_METHOD, "", 0, &api->out);
    api_answer(api, request,
               &(struct api_answer){.status = api_errors[API_ERROR_METHOD].status,
                                    .body = buf_bytes(&api->out),
                                    .allow = (const char *)allow->data});
}

void api_answer_out(struct api *api, uint64_t request, int status)
{
    if (!buf_ok(&api->out)) {
        api_answer_error(api, request, API_ERROR_INTERNAL, "it is too large", 0);
        return;
    }
    api_answer(api, request, &(struct api_answer){.status = status, .body = buf_bytes(&api->out)});
}

/* ---- who asks ---- */

/* RFC 6750 section 2.1; the scheme in any case (RFC 9110 section 11.1). */
static struct bytes bearer_of(struct bytes authorization)
{
    static const char scheme[] = "bearer ";
    size_t len = sizeof(scheme) - 1;
    if (authorization.len <= len) {
        return BYTES_EMPTY;
    }
    for (size_t i = 0; i < len; i++) {
        uint8_t byte = authorization.data[i];
        bool upper = byte >= 'A' && byte <= 'Z';
        if ((upper ? byte | 0x20 : byte) != scheme[i]) {
            return BYTES_EMPTY;
        }
    }
    struct bytes key = bytes_slice(authorization, len, authorization.len);
    while (key.len > 0 && key.data[0] == ' ') {
        key = bytes_slice(key, 1, key.len);
    }
    return key;
}

/* Who shares a bucket with somebody else loses nothing but a 401 for a 429. */
static struct gcra *failures_of(struct api *api, struct bytes peer)
{
    uint64_t hash = api->seed ^ 14695981039346656037U;
    for (size_t i = 0; i < peer.len; i++) {
        hash = (hash ^ peer.data[i]) * 1099511628211U;
    }
    return &api->failures[(hash ^ hash >> 32) % API_ADDRESS_BUCKETS];
}

static void deny(struct asking *asking, const char *why)
{
    struct api *api = asking->api;
    const struct api_request *request = asking->request;
    uint64_t retry_ms = 0;
    if (!gcra_take(failures_of(api, request->peer), FAILURES_PER_SECOND, 1, asking->now_ms * 1000,
                   &retry_ms)) {
        api_answer_error(api, request->id, API_ERROR_FAILURES, "", retry_ms);
        return;
    }
    api->callbacks.on_denied(api->owner, request, why);
    api_answer_error(api, request->id, API_ERROR_UNAUTHORIZED, "", 0);
}

/* NULL, and answered, when the call may not be made. */
static struct api_key *admit(struct asking *asking, const struct api_route *route)
{
    struct api *api = asking->api;
    uint64_t request = asking->request->id;
    uint64_t retry_ms = 0;
    if (api->keys == NULL) {
        api_answer_error(api, request, API_ERROR_DISABLED, "", 0);
        return NULL;
    }
    struct bytes shown = bearer_of(asking->request->authorization);
    struct api_key *key = shown.len == 0 ? NULL : api_keys_find(api->keys, shown);
    if (key == NULL) {
        deny(asking, shown.len == 0 ? "no key" : "unknown key");
        return NULL;
    }
    if (!gcra_take(&key->rate, api->rate, route == NULL ? 1 : route->cost, asking->now_ms * 1000,
                   &retry_ms)) {
        api_answer_error(api, request, API_ERROR_RATE, "", retry_ms);
        return NULL;
    }
    if (route != NULL && (key->scopes & route->scope) == 0) {
        api_answer_error(api, request, API_ERROR_FORBIDDEN, api_scope_name(route->scope), 0);
        return NULL;
    }
    return key;
}

/* ---- what is asked ---- */

static bool is_json(struct bytes content_type)
{
    static const char json[] = "application/json";
    size_t len = sizeof(json) - 1;
    if (content_type.len < len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        uint8_t byte = content_type.data[i];
        if ((byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte) != json[i]) {
            return false;
        }
    }
    return content_type.len == len || content_type.data[len] == ';' ||
           content_type.data[len] == ' ';
}

static bool body_fits(struct asking *asking, const struct api_route *route)
{
    struct api *api = asking->api;
    const struct api_request *request = asking->request;
    if (request->body.len > api->message_bytes_max + API_BODY_OVERHEAD) {
        api_answer_error(api, request->id, API_ERROR_BODY_SIZE, "", 0);
        return false;
    }
    if (api_route_has_body(route) && !is_json(request->content_type)) {
        api_answer_error(api, request->id, API_ERROR_MEDIA, "", 0);
        return false;
    }
    return true;
}

static void make_call(struct asking *asking, const struct api_match *match,
                      const struct api_key *key)
{
    struct api *api = asking->api;
    const struct api_request *request = asking->request;
    asking->key = key;
    struct api_call call;
    enum api_error error = API_ERROR_NONE;
    const char *which = "";
    if (!api_call_read(&call, match, request->query, request->body, &error, &which)) {
        api_answer_error(api, request->id, error, which, 0);
    } else if (call.payload.len > api->message_bytes_max) {
        api_answer_error(api, request->id, API_ERROR_BODY_SIZE, "payload above --max-message", 0);
    } else {
        if (match->route->scope == API_SCOPE_ADMIN) {
            api->callbacks.on_action(api->owner, key->name, request);
        }
        asking->call = &call;
        api_call_make(asking);
    }
    api_call_fini(&call);
}

static void no_such_call(struct asking *asking, enum api_error error, struct buf *allow)
{
    if (admit(asking, NULL) == NULL) {
        return; /* strangers learn nothing */
    }
    if (error == API_ERROR_METHOD) {
        answer_method(asking->api, asking->request->id, allow);
    } else {
        api_answer_error(asking->api, asking->request->id, error, "", 0);
    }
}

void api_handle(struct api *api, const struct api_request *request, uint64_t now_ms,
                uint64_t wall_ms)
{
    struct asking asking = {.api = api, .request = request, .now_ms = now_ms, .wall_ms = wall_ms};
    struct api_match match;
    struct buf allow;
    buf_init(&allow, 0);
    enum api_error error = api_match(request->method, request->path, &match, &allow);
    if (error != API_ERROR_NONE) {
        no_such_call(&asking, error, &allow);
    } else {
        bool open = match.route->scope == API_SCOPE_NONE;
        const struct api_key *key = open ? NULL : admit(&asking, match.route);
        if ((open || key != NULL) && body_fits(&asking, match.route)) {
            make_call(&asking, &match, key);
        }
    }
    buf_fini(&allow);
}

/* ---- life ---- */

struct api *api_new(const struct api_config *config, struct admin *admin,
                    const struct api_callbacks *callbacks, void *owner)
{
    struct api *api = mem_new(1, sizeof(*api));
    api->admin = admin;
    api->callbacks = *callbacks;
    api->owner = owner;
    api->message_bytes_max = config->message_bytes_max;
    api->rate = config->rate;
    api->seed = config->seed;
    slotmap_init(&api->waiting, API_WAITING_MAX);
    buf_init(&api->out, ADMIN_REPLY_BYTES_MAX);
    buf_init(&api->document, 0);
    api->series = series_new();
    api_openapi_write(config->version, &api->document);
    admin_set_local(admin, api_on_reply, api);
    return api;
}

void api_free(struct api **api)
{
    if (*api == NULL) {
        return;
    }
    api_forget_waiting(*api);
    admin_set_local((*api)->admin, NULL, NULL);
    api_keys_free(&(*api)->keys);
    series_free(&(*api)->series);
    buf_fini(&(*api)->document);
    buf_fini(&(*api)->out);
    mem_free(*api);
    *api = NULL;
}

void api_set_keys(struct api *api, struct api_keys **keys)
{
    api_keys_free(&api->keys);
    api->keys = *keys;
    *keys = NULL;
}

const struct api_keys *api_current_keys(const struct api *api)
{
    return api->keys;
}

struct series *api_series(struct api *api)
{
    return api->series;
}

void api_set_rate(struct api *api, uint64_t rate)
{
    api->rate = rate;
}

uint64_t api_answered(const struct api *api, int status)
{
    assert(status >= API_STATUS_MIN && status < API_STATUS_END);
    return api->answered[status - API_STATUS_MIN];
}
