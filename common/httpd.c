#include "common/httpd_internal.h"
#include "common/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/http.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    HEADERS_LEN_MAX = 8 * 1024,
    BODY_LEN_MAX = 64 * 1024,
    REPLY_LEN_MAX = 64 * 1024 * 1024,
    TIMEOUT_S = 10,
    BACKLOG = 64
};

/* A numeric socket address of either family. */
struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } socket;
    socklen_t len;
};

/* address */

static bool parse_port(const char *text, uint16_t *ret_port)
{
    uint32_t port = 0;
    size_t len = strspn(text, "0123456789");
    if (len == 0 || len > 5 || text[len] != '\0') {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        port = port * 10 + (uint32_t)(text[i] - '0');
    }
    *ret_port = (uint16_t)port;
    return port <= UINT16_MAX;
}

/* HOST:PORT, where HOST is 127.0.0.1 or [::1]. */
static bool parse_address(const char *text, struct address *ret_address)
{
    char host[INET6_ADDRSTRLEN] = "";
    uint16_t port = 0;
    bool v6 = text[0] == '[';
    const char *start = v6 ? text + 1 : text;
    size_t len = strcspn(start, v6 ? "]" : ":");
    const char *end = start + len;
    if (len >= sizeof(host) || (v6 && *end++ != ']') || *end++ != ':' || !parse_port(end, &port)) {
        return false;
    }
    memcpy(host, start, len);
    struct address address = {.len = v6 ? sizeof(address.socket.v6) : sizeof(address.socket.v4)};
    if (v6) {
        address.socket.v6.sin6_family = AF_INET6;
        address.socket.v6.sin6_port = htons(port);
    } else {
        address.socket.v4.sin_family = AF_INET;
        address.socket.v4.sin_port = htons(port);
    }
    void *field = v6 ? (void *)&address.socket.v6.sin6_addr : (void *)&address.socket.v4.sin_addr;
    if (inet_pton(v6 ? AF_INET6 : AF_INET, host, field) != 1) {
        return false;
    }
    *ret_address = address;
    return true;
}

/* A listening, non-blocking socket, or -1 with errno. */
static int open_listener(const struct address *address)
{
    int on = 1;
    int fd = socket(address->socket.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, &address->socket.any, address->len) != 0 || listen(fd, BACKLOG) != 0) {
        int error = errno;
        (void)close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static uint16_t port_of(int fd)
{
    struct address address = {.len = sizeof(address.socket)};
    if (getsockname(fd, &address.socket.any, &address.len) != 0) {
        return 0;
    }
    /* The port is at the same place in both families. */
    return ntohs(address.socket.v4.sin_port);
}

/* requests */

static const struct httpd_route *find_route(const struct httpd *httpd,
                                            struct evhttp_request *request)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const char *path = uri == NULL ? NULL : evhttp_uri_get_path(uri);
    for (const struct httpd_route *route = httpd->routes; route->path != NULL; route++) {
        if (path != NULL && strcmp(path, route->path) == 0) {
            return route;
        }
    }
    return NULL;
}

static void make_reply(const struct httpd *httpd, struct evhttp_request *request,
                       struct httpd_reply *reply)
{
    const struct httpd_route *route = find_route(httpd, request);
    enum evhttp_cmd_type method = evhttp_request_get_command(request);
    if (route == NULL) {
        reply->code = HTTP_NOTFOUND;
        buf_append_str(&reply->body, "not found\n");
    } else if (method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD) {
        reply->code = HTTP_BADMETHOD;
        buf_append_str(&reply->body, "only GET and HEAD\n");
        (void)evhttp_add_header(evhttp_request_get_output_headers(request), "Allow", "GET, HEAD");
    } else {
        route->handle(httpd->owner, reply);
    }
    if (!buf_ok(&reply->body)) {
        buf_clear(&reply->body);
        reply->code = HTTP_INTERNAL;
        reply->content_type = "text/plain; charset=utf-8";
        buf_append_str(&reply->body, "the page is too large\n");
    }
}

static void refuse_unframed(struct httpd *httpd, struct evhttp_request *request)
{
    (void)evhttp_add_header(evhttp_request_get_output_headers(request), "Connection", "close");
    httpd_send(httpd, request,
               &(struct httpd_answer){.code = HTTP_BADREQUEST,
                                      .content_type = "text/plain; charset=utf-8",
                                      .body = BYTES_LIT("where this request ends is unclear\n")});
}

static void on_request(struct evhttp_request *request, void *owner)
{
    struct httpd *httpd = owner;
    httpd_conns_asked(httpd->conns, request);
    if (!httpd_framed(request)) {
        refuse_unframed(httpd, request);
        return;
    }
    if (httpd_serves(httpd, request) || httpd_sends_file(httpd, request)) {
        return;
    }
    struct httpd_reply reply = {.code = HTTP_OK, .content_type = "text/plain; charset=utf-8"};
    buf_init(&reply.body, REPLY_LEN_MAX);
    make_reply(httpd, request, &reply);
    httpd_send(httpd, request,
               &(struct httpd_answer){.code = reply.code,
                                      .content_type = reply.content_type,
                                      .body = buf_bytes(&reply.body)});
    buf_fini(&reply.body);
}

/* life */

static struct evhttp *new_http(struct event_base *base, struct httpd *httpd)
{
    struct evhttp *http = evhttp_new(base);
    if (http == NULL) {
        return NULL;
    }
    evhttp_set_max_headers_size(http, HEADERS_LEN_MAX);
    evhttp_set_max_body_size(http, BODY_LEN_MAX);
    evhttp_set_timeout(http, TIMEOUT_S);
    /* All that the library knows come to us, so that the answer is 405 and not 501. */
    evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD |
                                         EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS |
                                         EVHTTP_REQ_TRACE | EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH);
    evhttp_set_gencb(http, on_request, httpd);
    return http;
}

struct httpd *httpd_new(struct event_base *base, const char *listen,
                        const struct httpd_route *routes, void *owner)
{
    struct address address;
    if (!parse_address(listen, &address)) {
        errno = EINVAL;
        return NULL;
    }
    int fd = open_listener(&address);
    if (fd < 0) {
        return NULL;
    }
    struct httpd *httpd = mem_new(1, sizeof(*httpd));
    httpd->routes = routes;
    httpd->owner = owner;
    httpd->port = port_of(fd);
    httpd->http = new_http(base, httpd);
    httpd->conns = httpd_conns_new(base, httpd->http);
    if (httpd->http == NULL || evhttp_accept_socket(httpd->http, fd) != 0) {
        (void)close(fd);
        httpd_free(&httpd);
        errno = ENOMEM;
    }
    return httpd;
}

void httpd_free(struct httpd **httpd)
{
    if (*httpd == NULL) {
        return;
    }
    httpd_serve_end(*httpd);
    if ((*httpd)->http != NULL) {
        evhttp_free((*httpd)->http);
    }
    httpd_conns_free(&(*httpd)->conns);
    mem_free(*httpd);
    *httpd = NULL;
}

uint16_t httpd_port(const struct httpd *httpd)
{
    return httpd->port;
}
