/* The library answers requests of which it and a proxy before us may see the end at different
 * places: what a proxy takes for a body would then be the next request of somebody else. These are
 * refused before anything else is looked at, and nothing more is read from their connection. */
#include "common/httpd_internal.h"

#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <string.h>
#include <strings.h>

struct framing {
    unsigned lengths;
    unsigned codings;
    bool empty; /* what the lengths say */
};

static bool is_number(const char *text)
{
    text += strspn(text, "\t");
    return *text != '\0' && text[strspn(text, "0123456789")] == '\0';
}

/* A name with a blank before its colon is another name to the library (RFC 9112, 5.1). */
static bool add_field(struct framing *framing, const struct evkeyval *field)
{
    if (strpbrk(field->key, " \t") != NULL) {
        return false;
    }
    if (strcasecmp(field->key, "Content-Length") == 0) {
        framing->lengths++;
        framing->empty = framing->empty && field->value[strspn(field->value, "\t0")] == '\0';
        return is_number(field->value);
    }
    if (strcasecmp(field->key, "Transfer-Encoding") == 0) {
        framing->codings++;
        return strcasecmp(field->value, "chunked") == 0;
    }
    return true;
}

/* Of the other methods the library takes a body for the next request. */
static bool body_is_read(struct evhttp_request *request)
{
    enum evhttp_cmd_type method = evhttp_request_get_command(request);
    return method != EVHTTP_REQ_HEAD && method != EVHTTP_REQ_TRACE && method != EVHTTP_REQ_CONNECT;
}

bool httpd_framed(struct evhttp_request *request)
{
    struct framing framing = {.empty = true};
    const struct evkeyval *field = evhttp_request_get_input_headers(request)->tqh_first;
    for (; field != NULL; field = field->next.tqe_next) {
        if (!add_field(&framing, field)) {
            return false;
        }
    }
    return framing.lengths + framing.codings <= 1 &&
           (body_is_read(request) || (framing.codings == 0 && framing.empty));
}
