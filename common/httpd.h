/* Small HTTP server for health, metrics and the API, on libevent's evhttp. At most
 * HTTPD_CONNECTIONS_MAX connections; each has ten seconds for a whole request, counted from its
 * opening or its last answer. */
#ifndef COMMON_HTTPD_H
#define COMMON_HTTPD_H

#include "common/buf.h"
#include "common/bytes.h"

#include <stdint.h>

struct event_base;
struct httpd;

enum { HTTPD_CONNECTIONS_MAX = 512 };

struct httpd_reply {
    int code;                 /* 200 when untouched */
    const char *content_type; /* text/plain; charset=utf-8 when untouched */
    struct buf body;          /* max 64 MiB */
};

/* GET (and HEAD) handler of one exact path. */
struct httpd_route {
    const char *path;
    void (*handle)(void *owner, struct httpd_reply *reply);
};

/* Listens on "HOST:PORT". NULL with errno set when the address cannot be bound or parsed (EINVAL).
 * Other paths answer 404, other methods 405; bodies and headers are limited. `routes` ends with a
 * NULL path and must outlive the server. HOST is a numeric address, IPv6 in brackets; port 0 takes
 * a free one. The process must ignore SIGPIPE. */
struct httpd *httpd_new(struct event_base *base, const char *listen,
                        const struct httpd_route *routes, void *owner);
void httpd_free(struct httpd **httpd);

/* A file that is part of the program. Answered with its ETag, or 304 to whoever has it already. */
struct httpd_file {
    const char *path;
    const char *location; /* not NULL: 302 to there, and the rest is not looked at */
    const char *content_type;
    const char *etag;   /* with its quotes */
    const char *policy; /* Content-Security-Policy */
    struct bytes body;
};

/* More paths for GET and HEAD, beside the routes. `files` ends with a NULL path and must outlive
 * the server. Once per server. */
void httpd_files(struct httpd *httpd, const struct httpd_file *files);

/* A request below the prefix of httpd_serve(); valid during the call, but for the id. */
struct httpd_request {
    uint64_t id;         /* for httpd_answer(); never 0 */
    struct bytes method; /* "GET" */
    struct bytes path;   /* as sent: percent signs and all */
    struct bytes query;  /* as sent, without its question mark; empty = none */
    struct bytes body;
    struct bytes authorization; /* values of headers; empty = none */
    struct bytes content_type;
    struct bytes peer; /* numeric address without port */
};

/* Borrowed during the call. Texts are static or live as long; NULL and 0 leave their header out. */
struct httpd_answer {
    int code;
    const char *content_type;
    struct bytes body;
    const char *allow;        /* 405 */
    const char *authenticate; /* 401: WWW-Authenticate */
    uint64_t retry_after_s;   /* 429, 503 */
    const char *location;     /* 302 */
    const char *etag;         /* of a file: it may be kept, if it is asked for again each time */
    const char *policy;       /* Content-Security-Policy */
};

struct httpd_serve {
    const char *prefix;    /* of paths; lives as long as the server */
    size_t body_bytes_max; /* larger ones get 413 or are cut off; may be let through up to twice */
    uint32_t requests_max; /* unanswered at a time */
    const struct httpd_answer *busy; /* what those beyond get; lives as long as the server */
    /* Each request is answered once, now or later. */
    void (*handle)(void *owner, const struct httpd_request *request);
    void *owner;
};

/* All paths with the prefix, with all methods. Once per server. */
void httpd_serve(struct httpd *httpd, const struct httpd_serve *serve);

/* Harmless when the client has gone meanwhile. HEAD gets no body. */
void httpd_answer(struct httpd *httpd, uint64_t id, const struct httpd_answer *answer);

/* The port that is bound. */
uint16_t httpd_port(const struct httpd *httpd);

#endif
