#include "router/router_otlp.h"

#include "common/clock.h"
#include "common/http_post.h"
#include "common/log.h"
#include "common/mem.h"
#include "router/admin_trace.h"
#include "router/otlp_write.h"
#include "router/router_metrics.h"

enum {
    QUEUE_MAX = 512,      /* traces */
    BATCH_MAX = 128,      /* of them in one post */
    BATCH_WAIT_MS = 1000, /* for more of them to come */
    RETRY_MIN_MS = 1000,
    RETRY_MAX_MS = 30000
};

struct router_otlp {
    struct http_post *post;
    struct admin *admin;
    struct metrics *metrics;
    const struct router_options *options;
    struct buf queue[QUEUE_MAX]; /* a ring */
    size_t first;
    size_t count;
    size_t flying; /* the oldest so many are on their way */
    uint64_t due_ms;
    uint64_t retry_ms; /* after the next failure; grows */
    bool troubled;     /* and logged */
    struct buf body;
};

static void count_traces(struct router_otlp *otlp, enum router_otlp_result result, size_t count)
{
    metrics_add(otlp->metrics, ROUTER_METRIC_OTLP_TRACES, result, (int64_t)count);
}

static void show_queue(struct router_otlp *otlp)
{
    metrics_set(otlp->metrics, ROUTER_METRIC_OTLP_QUEUED, 0, (int64_t)otlp->count);
}

/* An admin_trace_sink. The newest is the one to go when there is no room: what waits is wanted as
 * much, and is older news each second. */
static void on_trace(void *owner, const struct message_trace *trace)
{
    struct router_otlp *otlp = owner;
    if (otlp->count == QUEUE_MAX) {
        count_traces(otlp, ROUTER_OTLP_DROPPED, 1);
        return;
    }
    struct otlp_source source = {.router_id = bytes_of_str(otlp->options->router_id),
                                 .version = bytes_of_str(SPLITRAIL_VERSION)};
    clock_random(source.trace_id, sizeof(source.trace_id));
    clock_random(&source.span_id, sizeof(source.span_id));
    source.trace_id[0] |= 1;            /* never all zeros, */
    source.span_id &= ~UINT64_C(0xfff); /* nor is any of the spans after it */
    source.span_id |= UINT64_C(0x1000);
    struct buf *place = &otlp->queue[(otlp->first + otlp->count) % QUEUE_MAX];
    buf_init(place, 0);
    otlp_write_trace(trace, &source, place);
    otlp->due_ms = otlp->count == 0 ? clock_mono_ms() + BATCH_WAIT_MS : otlp->due_ms;
    otlp->count++;
    show_queue(otlp);
}

static void drop_flown(struct router_otlp *otlp)
{
    for (; otlp->flying != 0; otlp->flying--) {
        buf_fini(&otlp->queue[otlp->first]);
        otlp->first = (otlp->first + 1) % QUEUE_MAX;
        otlp->count--;
    }
    show_queue(otlp);
}

static void say_trouble(struct router_otlp *otlp, bool troubled, int code)
{
    if (troubled != otlp->troubled) {
        otlp->troubled = troubled;
        log_event(troubled ? LOG_OTLP_TROUBLE : LOG_OTLP_WELL,
                  LOG_S("endpoint", otlp->options->otlp_endpoint), LOG_I("code", code));
    }
}

static void on_posted(void *owner, enum http_post_result result, int code)
{
    struct router_otlp *otlp = owner;
    uint64_t now_ms = clock_mono_ms();
    say_trouble(otlp, result != HTTP_POST_OK, code);
    if (result == HTTP_POST_LATER) {
        metrics_add(otlp->metrics, ROUTER_METRIC_OTLP_FAILURES, 0, 1);
        otlp->flying = 0;
        otlp->due_ms = now_ms + otlp->retry_ms;
        otlp->retry_ms = otlp->retry_ms * 2 < RETRY_MAX_MS ? otlp->retry_ms * 2 : RETRY_MAX_MS;
        return;
    }
    count_traces(otlp, result == HTTP_POST_OK ? ROUTER_OTLP_SENT : ROUTER_OTLP_REFUSED,
                 otlp->flying);
    drop_flown(otlp);
    otlp->retry_ms = RETRY_MIN_MS;
    otlp->due_ms = now_ms + (otlp->count >= BATCH_MAX ? 0 : BATCH_WAIT_MS);
}

struct router_otlp *router_otlp_new(struct event_base *base, struct admin *admin,
                                    struct metrics *metrics, const struct router_options *options)
{
    if (options->otlp_endpoint == NULL || options->otlp_endpoint[0] == 0) {
        return NULL;
    }
    struct router_otlp *otlp = mem_new(1, sizeof(*otlp));
    otlp->admin = admin;
    otlp->metrics = metrics;
    otlp->options = options;
    otlp->retry_ms = RETRY_MIN_MS;
    otlp->post = http_post_new(base, options->otlp_endpoint, "/v1/traces", on_posted, otlp);
    buf_init(&otlp->body, 0);
    admin_set_trace_sink(admin, on_trace, otlp);
    return otlp;
}

void router_otlp_free(struct router_otlp **otlp)
{
    if (*otlp == NULL) {
        return;
    }
    admin_set_trace_sink((*otlp)->admin, NULL, NULL);
    http_post_free(&(*otlp)->post);
    (*otlp)->flying = (*otlp)->count;
    drop_flown(*otlp);
    buf_fini(&(*otlp)->body);
    mem_free(*otlp);
    *otlp = NULL;
}

static void send_batch(struct router_otlp *otlp)
{
    otlp->flying = otlp->count < BATCH_MAX ? otlp->count : BATCH_MAX;
    buf_clear(&otlp->body);
    buf_append_str(&otlp->body, "{\"resourceSpans\":[");
    for (size_t i = 0; i < otlp->flying; i++) {
        buf_append_str(&otlp->body, i == 0 ? "" : ",");
        buf_append(&otlp->body, buf_bytes(&otlp->queue[(otlp->first + i) % QUEUE_MAX]));
    }
    buf_append_str(&otlp->body, "]}");
    http_post_send(otlp->post, "application/json", buf_bytes(&otlp->body));
}

uint64_t router_otlp_tick(struct router_otlp *otlp, uint64_t now_ms)
{
    if (otlp == NULL || otlp->count == 0 || http_post_busy(otlp->post)) {
        return UINT64_MAX;
    }
    if (now_ms < otlp->due_ms) {
        return otlp->due_ms;
    }
    send_batch(otlp);
    return http_post_busy(otlp->post) || otlp->count == 0 ? UINT64_MAX : otlp->due_ms;
}
