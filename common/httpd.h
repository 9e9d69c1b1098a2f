/* Small HTTP server for health, metrics and admin pages, on libevent's evhttp. */
#ifndef COMMON_HTTPD_H
#define COMMON_HTTPD_H

#include "common/buf.h"
#include "common/bytes.h"

#include <stdint.h>

struct event_base;
struct httpd;

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

/* The port that is bound. */
uint16_t httpd_port(const struct httpd *httpd);

#endif
