/* The library limits how long a client may be silent, but not how long a request may take, nor how
 * many clients there are. So we make the buffers of its connections and hold a reference to each:
 * one without callbacks is no connection any more, and one that is overdue has its socket shut
 * down, which the library takes for the client's end.
 *
 * The buffers own the descriptors. Were they the library's, it would close them while our reference
 * keeps their events registered: the next connection of the process that gets the same number would
 * be taken for watched already, and would never be heard. */
#include "common/clock.h"
#include "common/httpd_internal.h"
#include "common/mem.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <sys/socket.h>

enum {
    LOOK_S = 1,
    REQUEST_MS = 10000,
    ANSWER_BYTES_PER_MS = 16, /* no client is slower */
    CONNECTIONS_SEEN_MAX = HTTPD_CONNECTIONS_MAX + 64
};

static const uint64_t NEVER = UINT64_MAX;

struct seen {
    struct bufferevent *buffer;
    uint64_t due_ms;
};

struct httpd_conns {
    struct event *timer;
    struct seen seen[CONNECTIONS_SEEN_MAX];
    size_t count;
};

static bool has_ended(struct bufferevent *buffer)
{
    bufferevent_event_cb callback = NULL;
    bufferevent_getcb(buffer, NULL, NULL, &callback, NULL);
    return callback == NULL;
}

static void forget_ended(struct httpd_conns *conns)
{
    size_t kept = 0;
    for (size_t i = 0; i < conns->count; i++) {
        if (has_ended(conns->seen[i].buffer)) {
            (void)bufferevent_decref(conns->seen[i].buffer);
        } else {
            conns->seen[kept++] = conns->seen[i];
        }
    }
    conns->count = kept;
}

static void look_again(struct httpd_conns *conns, bool at_once)
{
    const struct timeval wait = {at_once ? 0 : LOOK_S, 0};
    if (at_once || !evtimer_pending(conns->timer, NULL)) {
        evtimer_add(conns->timer, &wait);
    }
}

static void on_timer(evutil_socket_t fd, short what, void *owner)
{
    struct httpd_conns *conns = owner;
    uint64_t now_ms = clock_mono_ms();
    (void)fd;
    (void)what;
    forget_ended(conns);
    for (size_t i = 0; i < conns->count; i++) {
        if (now_ms >= conns->seen[i].due_ms) {
            conns->seen[i].due_ms = NEVER;
            (void)shutdown(bufferevent_getfd(conns->seen[i].buffer), SHUT_RDWR);
        }
    }
    if (conns->count != 0) {
        look_again(conns, false);
    }
}

/* Who is no connection any more is not read from until it is forgotten. */
static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *owner)
{
    struct bufferevent *buffer = owner;
    (void)input;
    (void)info;
    if (has_ended(buffer)) {
        (void)bufferevent_disable(buffer, EV_READ);
    }
}

/* The library calls this for each connection that it accepts. */
static struct bufferevent *on_accept(struct event_base *base, void *owner)
{
    struct httpd_conns *conns = owner;
    struct bufferevent *buffer = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    forget_ended(conns); /* their descriptors are wanted */
    if (buffer == NULL || conns->count == CONNECTIONS_SEEN_MAX) {
        return buffer; /* more than that within one turn: the next turn makes room */
    }
    bool too_many = conns->count >= HTTPD_CONNECTIONS_MAX;
    bufferevent_incref(buffer);
    (void)evbuffer_add_cb(bufferevent_get_input(buffer), on_input, buffer);
    conns->seen[conns->count++] = (struct seen){
        .buffer = buffer,
        .due_ms = too_many ? 0 : clock_mono_ms() + REQUEST_MS,
    };
    look_again(conns, too_many);
    return buffer;
}

static struct seen *find(struct httpd_conns *conns, struct evhttp_request *request)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(request);
    for (size_t i = 0; connection != NULL && i < conns->count; i++) {
        if (conns->seen[i].buffer == evhttp_connection_get_bufferevent(connection)) {
            return &conns->seen[i];
        }
    }
    return NULL;
}

void httpd_conns_asked(struct httpd_conns *conns, struct evhttp_request *request)
{
    struct seen *seen = find(conns, request);
    if (seen != NULL) {
        seen->due_ms = NEVER;
    }
}

void httpd_conns_answered(struct httpd_conns *conns, struct evhttp_request *request, size_t len)
{
    struct seen *seen = find(conns, request);
    if (seen != NULL) {
        seen->due_ms = clock_mono_ms() + REQUEST_MS + len / ANSWER_BYTES_PER_MS;
    }
}

struct httpd_conns *httpd_conns_new(struct event_base *base, struct evhttp *http)
{
    struct httpd_conns *conns = mem_new(1, sizeof(*conns));
    conns->timer = evtimer_new(base, on_timer, conns);
    if (http != NULL) {
        evhttp_set_bevcb(http, on_accept, conns);
    }
    return conns;
}

void httpd_conns_free(struct httpd_conns **conns)
{
    if (*conns == NULL) {
        return;
    }
    for (size_t i = 0; i < (*conns)->count; i++) {
        (void)bufferevent_decref((*conns)->seen[i].buffer);
    }
    event_free((*conns)->timer);
    mem_free(*conns);
    *conns = NULL;
}
