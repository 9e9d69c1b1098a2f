/* The head of an HTTP/1.1 request cut into its parts (RFC 9112 sections 3 and 5), strictly: bytes
 * that the grammar has no place for end the reading at once, so that a head means the same however
 * it is cut into reads. Pure. */
#ifndef EDGE_WS_HTTP_H
#define EDGE_WS_HTTP_H

#include "common/bytes.h"

#include <stdbool.h>
#include <stddef.h>

enum ws_http_step {
    WS_HTTP_OK,
    WS_HTTP_MORE, /* the part has not ended and holds no error yet */
    WS_HTTP_BAD   /* cursor.error says what is wrong */
};

/* Small value; all parts given out are views of `input`. */
struct ws_http_cursor {
    struct bytes input;
    size_t at;         /* moves past a part only with WS_HTTP_OK */
    const char *error; /* static text, set with WS_HTTP_BAD */
};

/* One empty line, if there is one (RFC 9112 section 2.2). */
enum ws_http_step ws_http_empty_line(struct ws_http_cursor *cursor);

/* The method and the one space behind it. */
enum ws_http_step ws_http_method(struct ws_http_cursor *cursor, struct bytes *ret_method);

/* The request target (visible ASCII only) and the one space behind it. */
enum ws_http_step ws_http_target(struct ws_http_cursor *cursor, struct bytes *ret_target);

/* The rest of the request line with its CRLF, e.g. "HTTP/1.1". */
enum ws_http_step ws_http_version(struct ws_http_cursor *cursor, struct bytes *ret_version);

/* One field line with its CRLF; the value comes without the white space around it. An empty name is
 * the empty line that ends the head. */
enum ws_http_step ws_http_field(struct ws_http_cursor *cursor, struct bytes *ret_name,
                                struct bytes *ret_value);

/* RFC 9110 section 5.6.2: not empty, only token characters. */
bool ws_http_is_token(struct bytes bytes);

/* Takes the next element off a comma-separated list (RFC 9110 section 5.6.1), without white space
 * around it; empty elements are skipped. False at the end of the list. */
bool ws_http_list_next(struct bytes *list, struct bytes *ret_element);

/* Equality that does not see ASCII case. */
bool ws_http_equal_nocase(struct bytes a, struct bytes b);

#endif
