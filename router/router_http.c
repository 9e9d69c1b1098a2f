/* Figures are brought up to date when somebody asks, so that nobody pays for them otherwise. */
#include "router/router_http.h"

#include "common/clock.h"
#include "common/httpd.h"
#include "common/mem.h"
#include "router/router_console.h"
#include "router/router_metrics.h"
#include "router/router_series.h"

struct router_http {
    struct httpd *httpd;
    struct router_api *api;
    struct router_http_sources sources;
    uint64_t sample_ms; /* of the next sample, monotonic */
};

static void health(void *owner, struct httpd_reply *reply)
{
    (void)owner;
    buf_append_str(&reply->body, "ok\n");
}

static void ready(void *owner, struct httpd_reply *reply)
{
    const struct router_http *http = owner;
    const char *reasons[ADMIN_REASONS_MAX];
    size_t count = admin_not_ready(http->sources.plane, clock_mono_ms(), reasons);
    reply->code = count == 0 ? 200 : 503;
    reply->content_type = "application/json";
    buf_append_str(&reply->body,
                   count == 0 ? "{\"ready\":true,\"reasons\":[" : "{\"ready\":false,\"reasons\":[");
    for (size_t i = 0; i < count; i++) {
        buf_append_str(&reply->body, i == 0 ? "\"" : ",\"");
        buf_append_str(&reply->body, reasons[i]);
        buf_append_byte(&reply->body, '"');
    }
    buf_append_str(&reply->body, "]}\n");
}

static void refresh_admin(struct metrics *metrics, const struct admin *admin)
{
    struct admin_stats stats;
    admin_stats(admin, &stats);
    for (size_t i = 0; i < sizeof(stats.replies) / sizeof(stats.replies[0]); i++) {
        metrics_set(metrics, ROUTER_METRIC_ADMIN_REQUESTS, i, (int64_t)stats.replies[i]);
    }
    metrics_set(metrics, ROUTER_METRIC_ADMIN_GARBAGE, 0, (int64_t)stats.garbage);
}

static void refresh_api(struct metrics *metrics, const struct router_api *api)
{
    static const int statuses[] = {200, 202, 400, 401, 403, 404, 405,
                                   409, 413, 415, 422, 429, 500, 503};
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        metrics_set(metrics, ROUTER_METRIC_API_REQUESTS, i,
                    (int64_t)router_api_answered(api, statuses[i]));
    }
}

static void metrics_page(void *owner, struct httpd_reply *reply)
{
    const struct router_http *http = owner;
    struct metrics *metrics = http->sources.metrics;
    uint64_t now_ms = clock_mono_ms();
    router_metrics_refresh(metrics, http->sources.plane, http->sources.credit_bytes, now_ms);
    refresh_admin(metrics, http->sources.admin);
    refresh_api(metrics, http->api);
    metrics_set(metrics, ROUTER_METRIC_UPTIME, 0,
                (int64_t)((now_ms - http->sources.started_ms) * 1000));
    reply->content_type = "text/plain; version=0.0.4; charset=utf-8";
    metrics_expose(metrics, &reply->body);
}

static const struct httpd_route routes[] = {
    {"/health", health}, {"/ready", ready}, {"/metrics", metrics_page}, {NULL, NULL}};

struct router_http *router_http_new(struct event_base *base, const char *listen,
                                    const struct router_http_sources *sources)
{
    struct router_http *http = mem_new(1, sizeof(*http));
    http->sources = *sources;
    http->httpd = httpd_new(base, listen, routes, http);
    if (http->httpd == NULL) {
        mem_free(http);
        return NULL;
    }
    http->api = router_api_new(http->httpd, sources->admin, sources->options);
    if (sources->options->console) {
        httpd_files(http->httpd, router_console_files);
    }
    return http;
}

void router_http_free(struct router_http **http)
{
    if (*http == NULL) {
        return;
    }
    httpd_free(&(*http)->httpd);
    router_api_free(&(*http)->api);
    mem_free(*http);
    *http = NULL;
}

struct router_api *router_http_api(const struct router_http *http)
{
    return http == NULL ? NULL : http->api;
}

uint64_t router_http_tick(struct router_http *http, uint64_t now_ms, uint64_t wall_ms)
{
    if (http == NULL) {
        return UINT64_MAX;
    }
    if (now_ms >= http->sample_ms) {
        struct series_sample sample = {.at_ms = wall_ms};
        router_series_read(http->sources.plane, now_ms, sample.values);
        series_add(router_api_series(http->api), &sample);
        http->sample_ms = now_ms + SERIES_INTERVAL_MS;
    }
    return http->sample_ms;
}
