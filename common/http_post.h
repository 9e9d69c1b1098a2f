/* Posts bodies to one URL, one after the other, on libevent's evhttp: for telling, not for asking,
 * so of the answer only its code counts. Never blocks: names are resolved by the loop too. */
#ifndef COMMON_HTTP_POST_H
#define COMMON_HTTP_POST_H

#include "common/bytes.h"

#include <stdbool.h>

struct event_base;
struct http_post;

enum http_post_result {
    HTTP_POST_OK,     /* 2xx */
    HTTP_POST_LATER,  /* no connection, no answer within ten seconds, 429, 502, 503 or 504 */
    HTTP_POST_REFUSED /* any other answer: the same again would be no use */
};

/* `code` is of the answer, 0 when there was none. May send the next. */
typedef void http_post_done(void *owner, enum http_post_result result, int code);

/* True for http://HOST[:PORT][/PATH] without user, query or fragment. */
bool http_post_url_ok(const char *url);

/* `path` is used when the URL has none. NULL: the URL is not one. */
struct http_post *http_post_new(struct event_base *base, const char *url, const char *path,
                                http_post_done *done, void *owner);
/* What is under way is given up without a word. Not from inside `done`. */
void http_post_free(struct http_post **post);

/* Copies the body. Only after the one before is done. `content_type` is static. */
void http_post_send(struct http_post *post, const char *content_type, struct bytes body);
bool http_post_busy(const struct http_post *post);

#endif
