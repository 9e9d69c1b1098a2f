#include "common/httpd_internal.h"

#include <assert.h>
#include <event2/http.h>
#include <string.h>

void httpd_files(struct httpd *httpd, const struct httpd_file *files)
{
    assert(httpd->files == NULL);
    httpd->files = files;
}

static const struct httpd_file *find_file(const struct httpd *httpd, struct evhttp_request *request)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const char *path = uri == NULL ? NULL : evhttp_uri_get_path(uri);
    if (httpd->files == NULL || path == NULL) {
        return NULL;
    }
    for (const struct httpd_file *file = httpd->files; file->path != NULL; file++) {
        if (strcmp(path, file->path) == 0) {
            return file;
        }
    }
    return NULL;
}

/* RFC 9110 section 13.1.2, weak comparison: a tag of ours is hexadecimal, so wherever it stands in
 * the list with its quotes it is an entry. */
static bool is_known(struct evhttp_request *request, const struct httpd_file *file)
{
    const char *known =
        evhttp_find_header(evhttp_request_get_input_headers(request), "If-None-Match");
    return known != NULL && (strcmp(known, "*") == 0 || strstr(known, file->etag) != NULL);
}

bool httpd_sends_file(struct httpd *httpd, struct evhttp_request *request)
{
    const struct httpd_file *file = find_file(httpd, request);
    if (file == NULL) {
        return false;
    }
    enum evhttp_cmd_type method = evhttp_request_get_command(request);
    struct httpd_answer answer = {.code = 200, .policy = file->policy};
    if (method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD) {
        answer.code = 405;
        answer.allow = "GET, HEAD";
    } else if (file->location != NULL) {
        answer.code = 302;
        answer.location = file->location;
    } else {
        bool known = is_known(request, file);
        answer.code = known ? 304 : 200;
        answer.etag = file->etag;
        answer.content_type = file->content_type;
        answer.body = known ? BYTES_EMPTY : file->body;
    }
    httpd_send(httpd, request, &answer);
    return true;
}
