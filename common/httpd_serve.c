/* Requests that are answered later. One whose client has gone is taken off its connection by the
 * library and stays ours until it is answered; then it is freed like any other. */
#include "common/httpd_internal.h"

#include <assert.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <string.h>

static const char *reason_of(int code)
{
    static const struct {
        int code;
        const char *text;
    } reasons[] = {
        {200, "OK"},
        {302, "Found"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
    };
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].code == code) {
            return reasons[i].text;
        }
    }
    return code < 400 ? "OK" : "Error";
}

static void add_number(struct evkeyvalq *headers, const char *name, uint64_t value)
{
    struct buf digits;
    buf_init(&digits, 0);
    buf_append_u64(&digits, value);
    buf_append_byte(&digits, 0);
    /* A failure to add is out-of-memory inside the library: the reply is then shorter, not wrong.
     */
    (void)evhttp_add_header(headers, name, (const char *)digits.data);
    buf_fini(&digits);
}

static void add_text(struct evkeyvalq *headers, const char *name, const char *value)
{
    if (value != NULL) {
        (void)evhttp_add_header(headers, name, value);
    }
}

void httpd_send(struct httpd *httpd, struct evhttp_request *request,
                const struct httpd_answer *answer)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    add_text(headers, "Content-Type", answer->content_type);
    if (answer->code != 304) {
        add_number(headers, "Content-Length", answer->body.len);
    }
    add_text(headers, "Cache-Control", answer->etag == NULL ? "no-store" : "no-cache");
    add_text(headers, "X-Content-Type-Options", "nosniff");
    add_text(headers, "Allow", answer->allow);
    add_text(headers, "WWW-Authenticate", answer->authenticate);
    add_text(headers, "Location", answer->location);
    add_text(headers, "ETag", answer->etag);
    if (answer->policy != NULL) {
        add_text(headers, "Content-Security-Policy", answer->policy);
        add_text(headers, "Cross-Origin-Opener-Policy", "same-origin");
        add_text(headers, "Cross-Origin-Resource-Policy", "same-origin");
        add_text(headers, "Referrer-Policy", "no-referrer");
        add_text(headers, "X-Frame-Options", "DENY");
    }
    if (answer->retry_after_s != 0) {
        add_number(headers, "Retry-After", answer->retry_after_s);
    }
    /* HEAD: the length of the body that GET would get, and no body (RFC 9110, 9.3.2). */
    if (evhttp_request_get_command(request) != EVHTTP_REQ_HEAD && answer->body.len != 0) {
        (void)evbuffer_add(evhttp_request_get_output_buffer(request), answer->body.data,
                           answer->body.len);
    }
    httpd_conns_answered(httpd->conns, request, answer->body.len);
    evhttp_send_reply(request, answer->code, reason_of(answer->code), NULL);
}

static struct bytes method_of(struct evhttp_request *request)
{
    switch (evhttp_request_get_command(request)) {
    case EVHTTP_REQ_GET:
        return BYTES_LIT("GET");
    case EVHTTP_REQ_POST:
        return BYTES_LIT("POST");
    case EVHTTP_REQ_HEAD:
        return BYTES_LIT("HEAD");
    case EVHTTP_REQ_PUT:
        return BYTES_LIT("PUT");
    case EVHTTP_REQ_DELETE:
        return BYTES_LIT("DELETE");
    case EVHTTP_REQ_OPTIONS:
        return BYTES_LIT("OPTIONS");
    case EVHTTP_REQ_PATCH:
        return BYTES_LIT("PATCH");
    case EVHTTP_REQ_TRACE:
    case EVHTTP_REQ_CONNECT:
        break;
    }
    return BYTES_LIT("other");
}

static struct bytes header_of(struct evhttp_request *request, const char *name)
{
    return bytes_of_str(evhttp_find_header(evhttp_request_get_input_headers(request), name));
}

static struct bytes peer_of(struct evhttp_request *request)
{
    char *address = NULL;
    uint16_t port = 0;
    struct evhttp_connection *connection = evhttp_request_get_connection(request);
    if (connection != NULL) {
        evhttp_connection_get_peer(connection, &address, &port);
    }
    return bytes_of_str(address);
}

bool httpd_serves(struct httpd *httpd, struct evhttp_request *request)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const char *path = uri == NULL ? NULL : evhttp_uri_get_path(uri);
    const char *prefix = httpd->serve.prefix;
    if (prefix == NULL || path == NULL || strncmp(path, prefix, strlen(prefix)) != 0) {
        return false;
    }
    struct evbuffer *input = evhttp_request_get_input_buffer(request);
    size_t len = evbuffer_get_length(input);
    const struct httpd_request asked = {
        .id = slotmap_add(&httpd->unanswered, request),
        .method = method_of(request),
        .path = bytes_of_str(path),
        .query = bytes_of_str(evhttp_uri_get_query(uri)),
        .body = bytes_of(len == 0 ? NULL : evbuffer_pullup(input, -1), len),
        .authorization = header_of(request, "Authorization"),
        .content_type = header_of(request, "Content-Type"),
        .peer = peer_of(request),
    };
    if (asked.id == 0) {
        httpd_send(httpd, request, httpd->serve.busy);
    } else {
        httpd->serve.handle(httpd->serve.owner, &asked);
    }
    return true;
}

void httpd_answer(struct httpd *httpd, uint64_t id, const struct httpd_answer *answer)
{
    struct evhttp_request *request = slotmap_remove(&httpd->unanswered, id);
    assert(request != NULL && "answered once");
    httpd_send(httpd, request, answer);
}

void httpd_serve(struct httpd *httpd, const struct httpd_serve *serve)
{
    assert(httpd->serve.prefix == NULL);
    httpd->serve = *serve;
    slotmap_init(&httpd->unanswered, serve->requests_max);
    evhttp_set_max_body_size(httpd->http, (ev_ssize_t)serve->body_bytes_max * 2);
}

void httpd_serve_end(struct httpd *httpd)
{
    for (uint32_t i = 0; i < httpd->unanswered.used; i++) {
        struct evhttp_request *request = slotmap_at(&httpd->unanswered, i);
        /* The others go with their connection. */
        if (request != NULL && evhttp_request_get_connection(request) == NULL) {
            evhttp_request_free(request);
        }
    }
    slotmap_fini(&httpd->unanswered);
}
