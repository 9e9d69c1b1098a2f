#include "router/router_api.h"

#include "common/clock.h"
#include "common/httpd.h"
#include "common/log.h"
#include "common/mem.h"
#include "router/api.h"
#include "router/reload.h"
#include "router/router_files.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum { REQUESTS_MAX = 256, MS_PER_S = 1000 };

struct router_api {
    struct httpd *httpd;
    struct api *api;
    const struct router_options *options;
};

static const char busy_text[] =
    "{\"error\":{\"code\":\"busy\",\"message\":\"too many requests are being answered\"}}\n";

static const struct httpd_answer busy = {
    .code = 503,
    .content_type = "application/json",
    .body = {(const uint8_t *)busy_text, sizeof(busy_text) - 1},
    .retry_after_s = 1,
};

/* ---- keys ---- */

/* Whoever can write it can make keys; whoever can read keys can use them. */
static const char *wrong_with_mode(mode_t mode, bool plain)
{
    if ((mode & (S_IWGRP | S_IWOTH)) != 0) {
        return "others may write to it: chmod go-w";
    }
    if (plain && (mode & S_IROTH) != 0) {
        return "it holds keys that are not hashed and everybody may read it: chmod o-r, or let "
               "splitrailctl apikey make hashed ones";
    }
    return NULL;
}

static struct api_keys *read_keys(const char *path, struct buf *why)
{
    struct buf content;
    struct api_keys *keys = NULL;
    mode_t mode = 0;
    buf_init(&content, 0);
    if (router_file_read(path, API_KEYS_FILE_MAX, &content, &mode) != STATUS_OK) {
        buf_append_str(why, strerror(errno));
    } else if (content.len > API_KEYS_FILE_MAX) {
        buf_append_str(why, "it is larger than 1 MiB");
    } else {
        keys = api_keys_read(buf_bytes(&content), why);
    }
    const char *wrong = keys == NULL ? NULL : wrong_with_mode(mode, api_keys_plain(keys));
    if (wrong != NULL) {
        buf_append_str(why, wrong);
        api_keys_free(&keys);
    }
    router_file_forget(&content);
    return keys;
}

enum status router_api_keys_read(const struct router_options *options, struct api_keys **ret_keys,
                                 struct buf *text)
{
    if (options->api_keys_file == NULL || options->api_keys_file[0] == 0) {
        *ret_keys = NULL;
        return STATUS_OK;
    }
    struct buf why;
    buf_init(&why, 0);
    struct api_keys *keys = read_keys(options->api_keys_file, &why);
    if (keys == NULL) {
        buf_append_str(text, "--api-keys-file ");
        buf_append_str(text, options->api_keys_file);
        buf_append_str(text, ": ");
        buf_append(text, buf_bytes(&why));
    } else {
        *ret_keys = keys;
    }
    buf_fini(&why);
    return keys == NULL ? STATUS_MALFORMED : STATUS_OK;
}

/* ---- requests ---- */

static void on_request(void *owner, const struct httpd_request *request)
{
    struct router_api *api = owner;
    const struct api_request asked = {
        .id = request->id,
        .method = request->method,
        .path = request->path,
        .query = request->query,
        .authorization = request->authorization,
        .content_type = request->content_type,
        .body = request->body,
        .peer = request->peer,
    };
    api_handle(api->api, &asked, clock_mono_ms(), clock_wall_ms());
}

static void on_answer(void *owner, uint64_t id, const struct api_answer *answer)
{
    const struct router_api *api = owner;
    httpd_answer(api->httpd, id,
                 &(struct httpd_answer){
                     .code = answer->status,
                     .content_type = "application/json",
                     .body = answer->body,
                     .allow = answer->allow,
                     .authenticate = answer->authenticate ? "Bearer" : NULL,
                     .retry_after_s = (answer->retry_after_ms + MS_PER_S - 1) / MS_PER_S,
                 });
}

static void on_action(void *owner, const char *key_name, const struct api_request *request)
{
    (void)owner;
    log_event(LOG_API_ACTION, LOG_S("key", key_name), LOG_B("address", request->peer),
              LOG_B("method", request->method), LOG_B("path", request->path));
}

static void on_denied(void *owner, const struct api_request *request, const char *why)
{
    (void)owner;
    log_event(LOG_API_DENIED, LOG_B("address", request->peer), LOG_S("reason", why));
}

/* ---- life ---- */

void router_api_reload(struct router_api *api, struct reload_report *report)
{
    struct api_keys *keys = NULL;
    struct buf text;
    if (api == NULL) {
        return;
    }
    api_set_rate(api->api, (uint64_t)api->options->api_rate);
    buf_init(&text, 0);
    if (router_api_keys_read(api->options, &keys, &text) != STATUS_OK) {
        reload_add_line(&report->refused, buf_bytes(&text));
    } else {
        reload_compare_api_keys(report, api_current_keys(api->api), keys);
        if (keys != NULL) {
            log_event(LOG_API_KEYS, LOG_S("file", api->options->api_keys_file),
                      LOG_U("keys", api_keys_count(keys)));
        }
        api_set_keys(api->api, &keys);
    }
    buf_fini(&text);
}

struct router_api *router_api_new(struct httpd *httpd, struct admin *admin,
                                  const struct router_options *options)
{
    static const struct api_callbacks callbacks = {
        .answer = on_answer, .on_action = on_action, .on_denied = on_denied};
    struct router_api *api = mem_new(1, sizeof(*api));
    struct api_config config = {
        .message_bytes_max = (uint64_t)options->message_bytes,
        .rate = (uint64_t)options->api_rate,
        .version = bytes_of_str(SPLITRAIL_VERSION),
    };
    clock_random(&config.seed, sizeof(config.seed));
    api->httpd = httpd;
    api->options = options;
    api->api = api_new(&config, admin, &callbacks, api);
    struct reload_report report; /* the options were read: only the file can be at fault */
    reload_report_init(&report);
    router_api_reload(api, &report);
    if (report.refused.len != 0) {
        log_event(LOG_RELOAD_FAILED, LOG_B("text", buf_bytes(&report.refused)));
    }
    reload_report_fini(&report);
    httpd_serve(httpd, &(struct httpd_serve){
                           .prefix = "/v1/",
                           .body_bytes_max = (size_t)options->message_bytes + API_BODY_OVERHEAD,
                           .requests_max = REQUESTS_MAX,
                           .busy = &busy,
                           .handle = on_request,
                           .owner = api,
                       });
    return api;
}

void router_api_free(struct router_api **api)
{
    if (*api == NULL) {
        return;
    }
    api_free(&(*api)->api);
    mem_free(*api);
    *api = NULL;
}

struct series *router_api_series(struct router_api *api)
{
    return api_series(api->api);
}

uint64_t router_api_answered(const struct router_api *api, int status)
{
    return api_answered(api->api, status);
}
