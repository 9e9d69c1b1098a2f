/* One thread, one loop. A turn: whatever libevent has ready goes into the plane, then one flush
 * sends one batch per edge (data-plane rule 11), then the timer is set to what the plane waits for.
 * Decides nothing; what happens is decided in plane and core. */
#include "router/router.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/trim.h"
#include "common/zlink.h"
#include "router/admin.h"
#include "router/admin_reload.h"
#include "router/admin_watch.h"
#include "router/auth_pool.h"
#include "router/engine/embedded.h"
#include "router/loop_turn.h"
#include "router/plane.h"
#include "router/registry.h"
#include "router/router_bind.h"
#include "router/router_config.h"
#include "router/router_doors.h"
#include "router/router_http.h"
#include "router/router_metrics.h"
#include "router/router_otlp.h"
#include "router/router_store.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <string.h>

enum {
    VERDICTS_PER_TURN = 16,
    PLANE_MESSAGE_BYTES_MAX = 128 * 1024 * 1024,
    BEATS_PER_SUSPECT = 3,  /* one or two lost beats are no suspicion */
    GOODBYE_MS = 200,       /* for ZeroMQ to send what is queued, at most */
    TIMER_MS_MAX = 3600000, /* libevent dislikes the end of time */
    TICKET_PERIOD_MS = 3600000,
    SIGNAL_COUNT = 3
};

struct router {
    const struct router_options *options;
    struct event_base *base;
    struct event *timer;
    struct event *auth_event;
    struct auth_pool *auth_pool;
    struct event *engine_event; /* NULL: the engine answers at once */
    struct event *signals[SIGNAL_COUNT];
    struct zlink_context *context;
    struct router_doors *doors;
    struct zlink *plane_link;
    struct zlink *admin_link;
    size_t plane_bound; /* endpoints of --bind that are ours */
    size_t admin_bound;
    struct router_plane *plane;
    struct admin *admin;
    struct metrics *metrics;
    struct router_http *http;
    struct router_otlp *otlp;
    uint64_t started_ms;
    bool durable; /* the engine is */
    bool synced;  /* seen and logged */
    struct trimmer trimmer;
    struct loop_turn turn;
    bool stopped;
    bool fenced;
    struct router_store store;
    reload_now *reload;
    void *reload_owner;
};

static const struct {
    enum log_event_id log;
    const char *what;
} edge_lines[] = {
    [PLANE_EDGE_UP] = {LOG_EDGE_UP, "fresh"},
    [PLANE_EDGE_RESUMED] = {LOG_LINK_RESUMED, "resumed"},
    [PLANE_EDGE_SUSPECT] = {LOG_LINK_SUSPECT, "silent"},
    [PLANE_EDGE_DEAD] = {LOG_EDGE_DOWN, "dead"},
    [PLANE_EDGE_REPLACED] = {LOG_EDGE_DOWN, "replaced"},
    [PLANE_EDGE_GONE] = {LOG_EDGE_GONE, "goodbye"},
    [PLANE_EDGE_DRAINING] = {LOG_EDGE_DRAINING, "draining"},
    [PLANE_EDGE_REFUSED] = {LOG_LINK_REFUSED, "refused"},
    [PLANE_EDGE_OVERFLOW] = {LOG_EDGE_DOWN, "overflow"},
    [PLANE_EDGE_BAD_FRAME] = {LOG_PLANE_BAD_FRAME, "bad frame"},
    [PLANE_EDGE_IMPOSTOR] = {LOG_PLANE_BAD_FRAME, "impostor"},
    [PLANE_EDGE_EXPELLED] = {LOG_EDGE_DOWN, "expelled"},
    [PLANE_EDGE_LIMITED] = {LOG_EDGE_LIMITED, "limited"},
};

static enum status on_transmit(void *owner, struct bytes peer, struct bytes header,
                               struct bytes body)
{
    struct router *router = owner;
    return zlink_send(router->plane_link, peer, header, body);
}

static void on_edge(void *owner, enum plane_edge_event event, struct bytes edge_id,
                    const char *text)
{
    struct router *router = owner;
    bool often = event == PLANE_EDGE_REFUSED || event == PLANE_EDGE_BAD_FRAME ||
                 event == PLANE_EDGE_IMPOSTOR;
    if (often && !router_doors_first(router->doors, edge_lines[event].what, edge_id, text)) {
        return; /* whoever does not mend its ways says it again and again */
    }
    log_event(edge_lines[event].log, LOG_B("edge", edge_id), LOG_S("what", edge_lines[event].what),
              LOG_S("text", text));
}

static void on_auth_failed(void *owner, struct bytes edge_id, struct bytes address, const char *why)
{
    (void)owner;
    log_event(LOG_AUTH_FAILED, LOG_B("edge", edge_id), LOG_B("address", address),
              LOG_S("reason", why));
}

static void on_admin_done(void *owner, const struct core_effect *done)
{
    struct router *router = owner;
    admin_done(router->admin, done, clock_wall_ms());
}

static void on_random(void *owner, uint8_t *out, size_t len)
{
    (void)owner;
    clock_random(out, len);
}

static void on_verify(void *owner, struct auth_job *job)
{
    struct router *router = owner;
    auth_pool_submit(router->auth_pool, job);
}

static void on_canary(void *owner, uint64_t took_us)
{
    struct router *router = owner;
    metrics_observe(router->metrics, ROUTER_METRIC_CANARY_RTT, 0, (double)took_us / 1e6);
}

static void on_diverged(void *owner, struct bytes edge_id, const struct core_effect *diverged)
{
    (void)owner;
    log_event(LOG_REGISTRY_DIVERGED, LOG_B("edge", edge_id), LOG_U("slot", diverged->conn.slot),
              LOG_U("gen", diverged->conn.gen), LOG_B("user", diverged->room),
              LOG_B("what", diverged->text));
}

static void on_tapped(void *owner, const struct core_tapped *tapped, uint64_t trace)
{
    struct router *router = owner;
    const struct admin_stamp now = {.mono_us = clock_mono_us(), .wall_us = clock_wall_us()};
    admin_tapped(router->admin, tapped, trace, &now);
}

static void on_hop(void *owner, uint64_t trace, struct bytes edge_id, const struct plane_hop *hop)
{
    struct router *router = owner;
    admin_hop(router->admin, trace, edge_id, hop);
}

static void on_conn_state(void *owner, uint64_t question, struct conn_ref conn,
                          const struct plane_conn_state *state)
{
    struct router *router = owner;
    admin_conn_state(router->admin, question, conn, state, clock_mono_ms(), clock_wall_ms());
}

static const struct plane_callbacks plane_callbacks = {
    .transmit = on_transmit,
    .on_edge = on_edge,
    .on_auth_failed = on_auth_failed,
    .verify = on_verify,
    .on_admin_done = on_admin_done,
    .random = on_random,
    .on_canary = on_canary,
    .on_diverged = on_diverged,
    .on_tapped = on_tapped,
    .on_hop = on_hop,
    .on_conn_state = on_conn_state,
};

static void on_plane_message(void *owner, struct bytes peer, struct bytes body)
{
    struct router *router = owner;
    uint64_t before_us = clock_mono_us();
    struct plane_sender sender = {.peer = peer, .received_us = before_us};
    if (router_doors_edge(router->doors, router->plane_link, &sender)) {
        router_plane_receive_from(router->plane, &sender, body, before_us / 1000, clock_wall_ms());
    }
    metrics_observe(router->metrics, ROUTER_METRIC_STEP_SECONDS, 0,
                    (double)(clock_mono_us() - before_us) / 1e6);
}

static void on_admin_message(void *owner, struct bytes peer, struct bytes body)
{
    struct router *router = owner;
    if (router_doors_operator(router->doors, router->admin_link)) {
        admin_handle(router->admin, peer, body, clock_mono_ms(), clock_wall_ms());
    }
}

static void on_plane_handshake(void *owner, const char *failure, struct bytes address)
{
    struct router *router = owner;
    router_doors_failed(router->doors, "plane", failure, address);
}

static void on_admin_handshake(void *owner, const char *failure, struct bytes address)
{
    struct router *router = owner;
    router_doors_failed(router->doors, "admin", failure, address);
}

/* The flush stands at the end of the loop's turn: what several sockets caused leaves together. */
static void on_nothing(void *owner)
{
    (void)owner;
}

static enum status on_admin_reply(void *owner, struct bytes peer, struct bytes body)
{
    struct router *router = owner;
    return zlink_send(router->admin_link, peer, body, BYTES_EMPTY);
}

static void on_timer(evutil_socket_t fd, short what, void *owner)
{
    (void)fd;
    (void)what;
    struct router *router = owner;
    router_plane_tick(router->plane, clock_mono_ms(), clock_wall_ms());
}

static void on_engine(evutil_socket_t fd, short what, void *owner)
{
    (void)fd;
    (void)what;
    struct router *router = owner;
    router_plane_poll(router->plane, clock_mono_ms(), clock_wall_ms());
}

static void on_verified(evutil_socket_t fd, short what, void *owner)
{
    (void)fd;
    (void)what;
    struct router *router = owner;
    struct auth_job *job = NULL;
    for (int i = 0; i < VERDICTS_PER_TURN && (job = auth_pool_take(router->auth_pool)) != NULL;
         i++) {
        router_plane_verified(router->plane, job, clock_mono_ms(), clock_wall_ms());
    }
}

static void on_signal(evutil_socket_t number, short what, void *owner)
{
    (void)what;
    struct router *router = owner;
    if (number == SIGHUP) {
        struct reload_report report;
        reload_report_init(&report);
        router->reload(router->reload_owner, &report);
        reload_report_fini(&report);
        return;
    }
    log_event(LOG_STOP, LOG_S("signal", number == SIGINT ? "SIGINT" : "SIGTERM"));
    router_plane_hold(router->plane, clock_mono_ms());
    router->stopped = true;
}

/* A copy in which every class is one that the engine can give. */
static struct policy_table settled(const struct router *router, const struct policy_table *policy)
{
    struct policy_table copy = policy_table_copy(policy);
    size_t in_vain = policy_table_settle(&copy, router->durable);
    if (in_vain != 0) {
        log_event(
            LOG_POLICY_NOT_DURABLE, LOG_U("namespaces", in_vain),
            LOG_S("text", "durable rooms are kept in memory only: there is no durable store"));
    }
    return copy;
}

/* NULL: it was logged why. */
static struct engine *make_engine(const struct router_options *options)
{
    if (options->data_dir == NULL || options->data_dir[0] == 0) {
        /* Larger than that of any router before: nobody starts two within a microsecond. */
        return engine_memory_new(clock_wall_ms() * 1000 + clock_mono_us() % 1000);
    }
    const struct engine_embedded_config config = {.dir = options->data_dir,
                                                  .waiting_bytes_max =
                                                      (uint64_t)options->store_queue,
                                                  .bytes_max = (uint64_t)options->max_data};
    struct engine *engine = NULL;
    struct buf why;
    buf_init(&why, 0);
    privileges_lower(&options->privileges); /* what it makes belongs to the user */
    enum status status = engine_embedded_open(&config, &engine, &why);
    privileges_raise(&options->privileges);
    if (status == STATUS_OK) {
        log_event(LOG_STORE_OPEN, LOG_S("dir", options->data_dir),
                  LOG_U("incarnation", engine->ops->incarnation(engine)));
    } else {
        log_event(LOG_STORE_FAILED, LOG_S("dir", options->data_dir),
                  LOG_B("reason", buf_bytes(&why)));
    }
    buf_fini(&why);
    return engine;
}

static struct router_plane *make_plane(struct router *router, struct engine **engine,
                                       const struct policy_table *policy)
{
    const struct router_options *options = router->options;
    struct plane_config config = {
        .router_id = bytes_of_str(options->router_id),
        .core = router_core_config(options),
        .auth =
            {
                .mode = options->auth == AUTH_JWT ? AUTH_JWT : AUTH_INSECURE,
                .keys = options->keys,
                .audience = bytes_of_str(options->jwt_audience),
                .issuer = bytes_of_str(options->jwt_issuer),
                .leeway_s = (uint64_t)options->jwt_leeway / 1000,
            },
        .token_in_query = options->token_in_query,
        .checks_waiting_max = (uint32_t)options->token_checks,
        .tokens_cached_max = (size_t)options->token_cache,
        .credit_bytes = (uint64_t)options->link_credit,
        .queue_bytes_max = (uint64_t)options->link_queue,
        .heartbeat_ms = (uint64_t)options->edge_suspect / BEATS_PER_SUSPECT,
        .suspect_ms = (uint64_t)options->edge_suspect,
        .dead_ms = (uint64_t)options->edge_dead,
        .ticket_period_ms = TICKET_PERIOD_MS,
        .canary_timeout_ms = (uint64_t)options->canary_timeout,
        .digest_ms = (uint64_t)options->digest_interval,
        .edges_max = (uint32_t)options->edges_max,
        .rooms_per_edge_max = (uint32_t)options->rooms_per_edge,
        .users_per_edge_max = (uint32_t)options->users_per_edge,
        .connect_rate = (uint32_t)options->connect_rate,
    };
    router->durable = (*engine)->ops->durable(*engine);
    config.core.policy = settled(router, policy);
    struct router_plane *plane =
        router_plane_new(&config, engine, &plane_callbacks, router, router->started_ms);
    policy_table_fini(&config.core.policy);
    return plane;
}

static struct zlink *make_link(struct router *router, size_t message_bytes_max,
                               const struct zlink_callbacks *callbacks)
{
    const struct zlink_config config = {ZLINK_ROUTER, BYTES_EMPTY, message_bytes_max};
    return zlink_new(router->context, router->base, &config, callbacks, router);
}

static bool open_links(struct router *router)
{
    static const struct zlink_callbacks plane = {on_plane_message, on_nothing};
    static const struct zlink_callbacks admin = {on_admin_message, on_nothing};
    router->context = zlink_context_new();
    router->plane_link = make_link(router, PLANE_MESSAGE_BYTES_MAX, &plane);
    router->admin_link = make_link(router, ADMIN_REQUEST_BYTES_MAX, &admin);
    struct router_curve *curve = router->options->curve;
    router->doors = router_doors_new(router->context, router->base, curve, router->metrics);
    if (curve != NULL) {
        zlink_watch(router->plane_link, on_plane_handshake);
        zlink_watch(router->admin_link, on_admin_handshake);
    }
    const struct privileges *user = &router->options->privileges;
    return router_bind_all(router->plane_link, &router->options->bind, "plane", router->doors, user,
                           &router->plane_bound) &&
           router_bind_all(router->admin_link, &router->options->admin_endpoints, "admin",
                           router->doors, user, &router->admin_bound);
}

static bool open_http(struct router *router)
{
    const char *listen = router->options->http_listen;
    if (listen == NULL || strcmp(listen, "off") == 0) {
        return true;
    }
    const struct router_http_sources sources = {
        .plane = router->plane,
        .admin = router->admin,
        .metrics = router->metrics,
        .options = router->options,
        .credit_bytes = (uint64_t)router->options->link_credit,
        .started_ms = router->started_ms,
    };
    router->http = router_http_new(router->base, listen, &sources);
    if (router->http == NULL) {
        router_bind_failed(listen, strerror(errno));
        return false;
    }
    log_event(LOG_LISTEN, LOG_S("what", "http"), LOG_S("endpoint", listen));
    return true;
}

static void watch_engine(struct router *router)
{
    int fd = router_plane_engine_fd(router->plane);
    if (fd >= 0) {
        router->engine_event = event_new(router->base, fd, EV_READ | EV_PERSIST, on_engine, router);
        event_add(router->engine_event, NULL);
    }
}

/* False when there can be no threads. */
static bool open_auth_pool(struct router *router)
{
    router->auth_pool = auth_pool_new((unsigned)router->options->token_threads);
    if (router->auth_pool == NULL) {
        log_event(LOG_BIND_FAILED, LOG_S("endpoint", "--token-threads"),
                  LOG_S("reason", strerror(errno)));
        return false;
    }
    router->auth_event = event_new(router->base, auth_pool_fd(router->auth_pool),
                                   EV_READ | EV_PERSIST, on_verified, router);
    event_add(router->auth_event, NULL);
    return true;
}

static void make_parts(struct router *router, struct engine **engine,
                       const struct policy_table *policy)
{
    static const int numbers[SIGNAL_COUNT] = {SIGTERM, SIGINT, SIGHUP};
    router->base = event_base_new();
    assert(router->base != NULL && "libevent cannot start");
    router->timer = evtimer_new(router->base, on_timer, router);
    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        router->signals[i] = evsignal_new(router->base, numbers[i], on_signal, router);
    }
    router->metrics =
        metrics_new(router_metric_specs, ROUTER_METRIC_COUNT, router->options->router_id);
    router->plane = make_plane(router, engine, policy);
    watch_engine(router);
    const struct admin_config config = {
        .router_id = bytes_of_str(router->options->router_id),
        .message_bytes_max = (uint64_t)router->options->message_bytes,
        .started_ms = router->started_ms,
        .options = router->options,
    };
    router->admin = admin_new(&config, router->plane, on_admin_reply, router);
    router->otlp = router_otlp_new(router->base, router->admin, router->metrics, router->options);
}

struct router *router_new(const struct router_options *options, const struct policy_table *policy)
{
    struct engine *engine = make_engine(options);
    if (engine == NULL) {
        return NULL;
    }
    struct router *router = mem_new(1, sizeof(*router));
    router->options = options;
    router->started_ms = clock_mono_ms();
    make_parts(router, &engine, policy);
    if (!open_auth_pool(router) || !open_links(router) || !open_http(router)) {
        router_free(&router);
    }
    return router;
}

void router_free(struct router **router)
{
    struct router *self = *router;
    if (self == NULL) {
        return;
    }
    *router = NULL;
    router_http_free(&self->http);
    router_bind_remove_files(&self->options->bind, self->plane_bound);
    router_bind_remove_files(&self->options->admin_endpoints, self->admin_bound);
    zlink_free(&self->admin_link);
    /* The hold must still reach the edges, but no edge must find this router again. */
    zlink_free_after(&self->plane_link, GOODBYE_MS);
    router_doors_free(&self->doors);
    zlink_context_free(&self->context);
    router_otlp_free(&self->otlp);
    admin_free(&self->admin);
    if (self->engine_event != NULL) {
        event_free(self->engine_event);
    }
    if (self->auth_event != NULL) {
        event_free(self->auth_event);
    }
    auth_pool_free(&self->auth_pool);
    router_plane_free(&self->plane);
    metrics_free(&self->metrics);
    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        event_free(self->signals[i]);
    }
    event_free(self->timer);
    event_base_free(self->base);
    mem_free(self);
}

/* What the store says of itself, and whether it is ours still. */
static void look_at_store(struct router *router)
{
    struct plane_stats stats;
    router_plane_stats(router->plane, &stats);
    router_store_look(&router->store, &stats.engine, router->metrics, router->options);
    if (router_plane_fenced(router->plane) || stats.engine.fenced) {
        log_event(LOG_STORE_FENCED, LOG_S("dir", router->options->data_dir));
        router_plane_hold(router->plane, clock_mono_ms());
        router->fenced = true;
        router->stopped = true;
    }
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void end_turn(struct router *router)
{
    uint64_t now_ms = clock_mono_ms();
    const struct router_core *core = router_plane_core(router->plane);
    if (router->engine_event != NULL) {
        look_at_store(router);
    }
    zlink_hold(router->plane_link);
    router_plane_flush(router->plane, now_ms);
    zlink_release(router->plane_link);
    admin_flush(router->admin, now_ms, clock_wall_ms());
    const char *reasons[ADMIN_REASONS_MAX];
    if (!router->synced && admin_not_ready(router->plane, now_ms, reasons) == 0) {
        router->synced = true;
        log_event(LOG_REBUILD_DONE, LOG_U("after_ms", now_ms - router->started_ms));
        trimmer_plan(&router->trimmer, now_ms); /* announces took more than what is left */
    }
    if (trimmer_is_due(&router->trimmer, registry_conn_count(core), now_ms)) {
        router_plane_trim(router->plane);
        trim_memory();
    }
    uint64_t due_ms = router_plane_deadline(router->plane);
    due_ms = earlier(due_ms, admin_deadline(router->admin));
    due_ms = earlier(due_ms, router_otlp_tick(router->otlp, now_ms));
    due_ms = earlier(due_ms, trimmer_deadline(&router->trimmer));
    due_ms = earlier(due_ms, router_http_tick(router->http, now_ms, clock_wall_ms()));
    uint64_t wait_ms = due_ms > now_ms ? due_ms - now_ms : 0;
    wait_ms = wait_ms < TIMER_MS_MAX ? wait_ms : TIMER_MS_MAX;
    const struct timeval wait = {(time_t)(wait_ms / 1000), (suseconds_t)(wait_ms % 1000 * 1000)};
    event_add(router->timer, &wait);
    loop_turn_end(&router->turn, router->metrics);
}

void router_run(struct router *router, reload_now *reload, void *owner)
{
    router->reload = reload;
    router->reload_owner = owner;
    admin_set_reload(router->admin, reload, owner);
    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        event_add(router->signals[i], NULL);
    }
    log_event(LOG_READY, LOG_S("id", router->options->router_id));
    loop_turn_start(&router->turn);
    end_turn(router);
    while (!router->stopped) {
        event_base_loop(router->base, EVLOOP_ONCE);
        end_turn(router);
    }
}

void router_set_policy(struct router *router, const struct policy_table *policy)
{
    struct policy_table copy = settled(router, policy);
    router_plane_set_policy(router->plane, &copy, clock_mono_ms(), clock_wall_ms());
    policy_table_fini(&copy);
}

void router_set_keys(struct router *router, struct jws_keys *keys)
{
    router_plane_set_keys(router->plane, keys);
}

void router_set_allowed(struct router *router)
{
    router_doors_reloaded(router->doors, router->plane, clock_mono_ms(), clock_wall_ms());
}

void router_set_rates(struct router *router, const struct router_options *options)
{
    const struct core_rates rates = router_core_rates(options);
    router_plane_set_rates(router->plane, &rates);
}

void router_reload_api(struct router *router, struct reload_report *report)
{
    router_api_reload(router_http_api(router->http), report);
}

bool router_stopped_well(const struct router *router)
{
    return !router->fenced;
}
