#include "common/http_post.h"

#include "common/mem.h"

#include <arpa/inet.h>
#include <assert.h>
#include <event2/buffer.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stddef.h>
#include <string.h>

enum { PORT_DEFAULT = 80, TIMEOUT_S = 10, ANSWER_BYTES_MAX = 65536, HEAD_BYTES_MAX = 16384 };

struct http_post {
    struct evdns_base *dns; /* NULL: the host is an address */
    struct evhttp_connection *connection;
    char *host; /* for the Host header */
    char *path;
    http_post_done *done;
    void *owner;
    bool busy;
};

static bool parts_ok(const struct evhttp_uri *uri)
{
    const char *scheme = uri == NULL ? NULL : evhttp_uri_get_scheme(uri);
    const char *host = uri == NULL ? NULL : evhttp_uri_get_host(uri);
    return scheme != NULL && strcmp(scheme, "http") == 0 && host != NULL && host[0] != '\0' &&
           evhttp_uri_get_userinfo(uri) == NULL && evhttp_uri_get_query(uri) == NULL &&
           evhttp_uri_get_fragment(uri) == NULL && evhttp_uri_get_port(uri) != 0;
}

bool http_post_url_ok(const char *url)
{
    struct evhttp_uri *uri = evhttp_uri_parse(url);
    bool ok = parts_ok(uri);
    if (uri != NULL) {
        evhttp_uri_free(uri);
    }
    return ok;
}

/* IPv6 addresses come in brackets, which only the header wants. */
static char *without_brackets(const char *host)
{
    struct bytes text = bytes_of_str(host);
    bool brackets = text.len > 2 && host[0] == '[' && host[text.len - 1] == ']';
    return mem_copy_str(brackets ? bytes_slice(text, 1, text.len - 2) : text);
}

static bool is_address(const char *host)
{
    struct in6_addr address;
    return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

static void connect_to(struct http_post *post, struct event_base *base,
                       const struct evhttp_uri *uri)
{
    int port = evhttp_uri_get_port(uri);
    char *host = without_brackets(evhttp_uri_get_host(uri));
    if (!is_address(host)) {
        post->dns = evdns_base_new(base, EVDNS_BASE_INITIALIZE_NAMESERVERS |
                                             EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    }
    post->connection = evhttp_connection_base_new(base, post->dns, host,
                                                  (uint16_t)(port < 0 ? PORT_DEFAULT : port));
    mem_free(host);
    assert(post->connection != NULL && "only memory could fail");
    evhttp_connection_set_timeout(post->connection, TIMEOUT_S);
    evhttp_connection_set_max_body_size(post->connection, ANSWER_BYTES_MAX);
    evhttp_connection_set_max_headers_size(post->connection, HEAD_BYTES_MAX);
}

struct http_post *http_post_new(struct event_base *base, const char *url, const char *path,
                                http_post_done *done, void *owner)
{
    struct evhttp_uri *uri = evhttp_uri_parse(url);
    struct http_post *post = NULL;
    if (parts_ok(uri)) {
        const char *own = evhttp_uri_get_path(uri);
        bool none = own == NULL || own[0] == '\0' || strcmp(own, "/") == 0;
        post = mem_new(1, sizeof(*post));
        post->host = mem_copy_str(bytes_of_str(evhttp_uri_get_host(uri)));
        post->path = mem_copy_str(bytes_of_str(none ? path : own));
        post->done = done;
        post->owner = owner;
        connect_to(post, base, uri);
    }
    if (uri != NULL) {
        evhttp_uri_free(uri);
    }
    return post;
}

void http_post_free(struct http_post **post)
{
    if (*post == NULL) {
        return;
    }
    (*post)->done = NULL;
    evhttp_connection_free((*post)->connection);
    if ((*post)->dns != NULL) {
        evdns_base_free((*post)->dns, 0);
    }
    mem_free((*post)->host);
    mem_free((*post)->path);
    mem_free(*post);
    *post = NULL;
}

static enum http_post_result result_of(int code)
{
    if (code >= 200 && code < 300) {
        return HTTP_POST_OK;
    }
    return code == 0 || code == 429 || code == 502 || code == 503 || code == 504
               ? HTTP_POST_LATER
               : HTTP_POST_REFUSED;
}

/* `request` is NULL, or has no code, when there was no answer. */
static void on_answer(struct evhttp_request *request, void *owner)
{
    struct http_post *post = owner;
    int code = request == NULL ? 0 : evhttp_request_get_response_code(request);
    post->busy = false;
    if (post->done != NULL) {
        post->done(post->owner, result_of(code), code);
    }
}

void http_post_send(struct http_post *post, const char *content_type, struct bytes body)
{
    assert(!post->busy && "one after the other");
    struct evhttp_request *request = evhttp_request_new(on_answer, post);
    assert(request != NULL && "only memory could fail");
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    (void)evhttp_add_header(headers, "Host", post->host);
    (void)evhttp_add_header(headers, "Content-Type", content_type);
    (void)evbuffer_add(evhttp_request_get_output_buffer(request), body.data, body.len);
    post->busy = true;
    /* Fails at once where there is no way to the address: the request is freed then, and the answer
     * told or not, depending on how far it came. */
    if (evhttp_make_request(post->connection, request, EVHTTP_REQ_POST, post->path) != 0 &&
        post->busy) {
        on_answer(NULL, post);
    }
}

bool http_post_busy(const struct http_post *post)
{
    return post->busy;
}
