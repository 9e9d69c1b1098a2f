/* Inside of the HTTP server: shared by httpd.c (listening, pages), httpd_framing.c (where a request
 * ends), httpd_files.c (files), httpd_serve.c (requests that are answered later) and httpd_conns.c
 * (how long a client may take).
 * Nobody else includes this. */
#ifndef COMMON_HTTPD_INTERNAL_H
#define COMMON_HTTPD_INTERNAL_H

#include "common/httpd.h"
#include "common/slotmap.h"

#include <stdbool.h>

struct evhttp;
struct evhttp_request;
struct httpd_conns;

struct httpd {
    struct evhttp *http;
    const struct httpd_route *routes;
    void *owner;
    uint16_t port;
    const struct httpd_file *files; /* NULL = none */
    struct httpd_serve serve;       /* prefix NULL = not used */
    struct slotmap unanswered;      /* struct evhttp_request, by the id given to serve.handle */
    struct httpd_conns *conns;
};

/* Sends it; the request is the library's again. */
void httpd_send(struct httpd *httpd, struct evhttp_request *request,
                const struct httpd_answer *answer);

/* Whether everybody sees the request end where the library does (RFC 9112, 6.3). If not, what
 * follows on the connection must not be read. */
bool httpd_framed(struct evhttp_request *request);

/* True when the request is one for a file, and was answered. */
bool httpd_sends_file(struct httpd *httpd, struct evhttp_request *request);

/* True when the request is one for httpd_serve(), and was given to it. */
bool httpd_serves(struct httpd *httpd, struct evhttp_request *request);
/* Gives up what is unanswered. */
void httpd_serve_end(struct httpd *httpd);

/* Watches the connections that `http` (maybe NULL) will accept. */
struct httpd_conns *httpd_conns_new(struct event_base *base, struct evhttp *http);
/* After evhttp_free(). */
void httpd_conns_free(struct httpd_conns **conns);
/* A whole request has come; its answer leaves, so many bytes. */
void httpd_conns_asked(struct httpd_conns *conns, struct evhttp_request *request);
void httpd_conns_answered(struct httpd_conns *conns, struct evhttp_request *request, size_t len);

#endif
