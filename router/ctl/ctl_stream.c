/* The router sends a few batches ahead of what we say we have seen, and forgets us when it does not
 * hear of us: each batch is confirmed, and a beat is sent when nothing happens. */
#include "router/ctl/ctl_stream.h"

#include "proto/admin.pb-c.h"
#include "proto/arena.h"
#include "proto/pb_bytes.h"
#include "router/ctl/ctl_client.h"
#include "router/ctl/ctl_events.h"
#include "router/ctl/ctl_link.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { ADMIN_VERSION = 1, STREAM_ID = 1, BEAT_MS = 2000, REPLY_MEMORY = 64 * 1024 * 1024 };
enum { SIGNAL_COUNT = 2 };

struct stream {
    const struct ctl_args *args;
    const char *endpoint;
    struct event_base *base;
    struct ctl_link *link;
    struct event *beat;
    struct event *silence; /* no answer for --timeout */
    struct event *over;    /* --for */
    struct event *signals[SIGNAL_COUNT];
    struct arena arena;
    uint32_t seen;
    uint64_t shown;
    bool began;
    bool silent; /* told so */
    bool ended;
    enum ctl_exit code;
};

static void end(struct stream *stream, enum ctl_exit code)
{
    stream->ended = true;
    stream->code = code;
    event_base_loopbreak(stream->base);
}

static char *name(const char *text)
{
    return (char *)(uintptr_t)text; /* only read */
}

static void say(struct stream *stream, bool beat, bool stop)
{
    const struct ctl_args *args = stream->args;
    Splitrail__Admin__Request request = SPLITRAIL__ADMIN__REQUEST__INIT;
    Splitrail__Admin__Watch watch = SPLITRAIL__ADMIN__WATCH__INIT;
    struct buf bytes;
    bool of_user = args->command == CTL_WATCH_USER || args->command == CTL_TRACE_USER;
    *(of_user ? &watch.user : &watch.room) = args->operands[0];
    watch.messages = args->command != CTL_WATCH_USER && args->command != CTL_WATCH_ROOM;
    watch.hops = args->command == CTL_TRACE_ROOM || args->command == CTL_TRACE_USER;
    watch.seen = stream->seen;
    watch.beat = beat;
    watch.stop = stop;
    request.version = ADMIN_VERSION;
    request.id = STREAM_ID;
    request.by = name(args->by == NULL ? "" : args->by);
    request.ask_case = SPLITRAIL__ADMIN__REQUEST__ASK_WATCH;
    request.watch = &watch;
    buf_init(&bytes, 0);
    pb_append(&request.base, &bytes);
    ctl_link_send(stream->link, buf_bytes(&bytes));
    buf_fini(&bytes);
}

static void begin(struct stream *stream)
{
    stream->seen = 0;
    if (stream->began) {
        (void)fputs("splitrailctl: begins anew: what happened meanwhile is not shown\n", stderr);
    } else {
        (void)fputs("splitrailctl: watching, Ctrl-C ends\n", stderr);
    }
    stream->began = true;
}

/* False: enough was shown, or nobody reads. */
static bool show(struct stream *stream, const Splitrail__Admin__Reply *reply)
{
    struct buf text;
    buf_init(&text, 0);
    uint64_t limit = (uint64_t)stream->args->limit;
    bool enough = false;
    ctl_event_lost(stream->args, reply->lost, &text);
    for (size_t i = 0; !enough && i < reply->n_events; i++) {
        ctl_event(stream->args, reply->events[i], &text);
        stream->shown++;
        enough = limit != 0 && stream->shown >= limit;
    }
    bool good = text.len == 0 ||
                (fwrite(text.data, 1, text.len, stdout) == text.len && fflush(stdout) == 0);
    buf_fini(&text);
    return good && !enough;
}

static void fail(struct stream *stream, const Splitrail__Admin__Reply *reply)
{
    struct buf text;
    buf_init(&text, 0);
    enum ctl_exit code = ctl_reply_exit(stream->args, reply);
    ctl_failure(stream->args, reply, code, &text);
    (void)fwrite(text.data, 1, text.len, stderr);
    buf_fini(&text);
    end(stream, code);
}

static void listen_on(struct stream *stream)
{
    const struct timeval wait = ctl_timeval((uint64_t)stream->args->timeout + BEAT_MS);
    event_add(stream->silence, &wait);
    if (stream->silent) {
        stream->silent = false;
        (void)fprintf(stderr, "splitrailctl: %s answers again\n", stream->endpoint);
    }
}

static void on_reply(void *owner, struct bytes bytes)
{
    struct stream *stream = owner;
    if (stream->ended) {
        return;
    }
    arena_reset(&stream->arena);
    const Splitrail__Admin__Reply *reply = ctl_reply_read(bytes, &stream->arena);
    if (reply == NULL) {
        (void)fprintf(stderr, "splitrailctl: what answers at %s is no splitrail-router\n",
                      stream->endpoint);
        end(stream, CTL_EXIT_NO_ANSWER);
        return;
    }
    listen_on(stream);
    if (reply->status != SPLITRAIL__ADMIN__REPLY__STATUS__OK) {
        fail(stream, reply);
        return;
    }
    if (reply->watching) {
        begin(stream);
    }
    if (!show(stream, reply)) {
        end(stream, CTL_EXIT_DONE);
        return;
    }
    if (reply->batch != 0) {
        stream->seen = reply->batch;
        say(stream, false, false);
    }
}

static void on_beat(evutil_socket_t fd, short what, void *owner)
{
    (void)fd;
    (void)what;
    struct stream *stream = owner;
    const char *why = ctl_link_failure(stream->link);
    if (why != NULL) {
        end(stream, ctl_client_failed(stream->endpoint, CTL_TURNED_AWAY, why));
        return;
    }
    say(stream, true, false);
}

static void on_silence(evutil_socket_t fd, short what, void *owner)
{
    (void)fd;
    (void)what;
    struct stream *stream = owner;
    if (!stream->began) {
        end(stream, ctl_client_failed(stream->endpoint, CTL_NO_ANSWER, ""));
    } else if (!stream->silent) {
        stream->silent = true;
        (void)fprintf(stderr, "splitrailctl: no answer from %s, trying on\n", stream->endpoint);
    }
}

static void on_over(evutil_socket_t fd, short what, void *owner)
{
    (void)fd;
    (void)what;
    end(owner, CTL_EXIT_DONE);
}

static void make_events(struct stream *stream)
{
    static const int numbers[SIGNAL_COUNT] = {SIGINT, SIGTERM};
    const struct timeval beat = ctl_timeval(BEAT_MS);
    const struct timeval first = ctl_timeval((uint64_t)stream->args->timeout);
    const struct timeval over = ctl_timeval((uint64_t)stream->args->ban_for);
    stream->beat = event_new(stream->base, -1, EV_PERSIST, on_beat, stream);
    stream->silence = evtimer_new(stream->base, on_silence, stream);
    stream->over = evtimer_new(stream->base, on_over, stream);
    event_add(stream->beat, &beat);
    event_add(stream->silence, &first);
    if (stream->args->ban_for != 0) {
        event_add(stream->over, &over);
    }
    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        stream->signals[i] = evsignal_new(stream->base, numbers[i], on_over, stream);
        event_add(stream->signals[i], NULL);
    }
}

static void free_events(struct stream *stream)
{
    event_free(stream->beat);
    event_free(stream->silence);
    event_free(stream->over);
    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        event_free(stream->signals[i]);
    }
}

enum ctl_exit ctl_stream(const struct ctl_args *args, const char *endpoint,
                         const struct ctl_keys *keys)
{
    struct stream stream = {.args = args, .endpoint = endpoint, .base = event_base_new()};
    assert(stream.base != NULL && "libevent cannot start");
    arena_init(&stream.arena, REPLY_MEMORY);
    stream.link = ctl_link_new(stream.base, endpoint, keys, on_reply, &stream);
    if (stream.link == NULL) {
        stream.code = ctl_client_failed(endpoint, CTL_BAD_ENDPOINT, "");
    } else {
        make_events(&stream);
        say(&stream, false, false);
        while (!stream.ended) {
            event_base_loop(stream.base, EVLOOP_ONCE);
        }
        say(&stream, false, true);
        free_events(&stream);
        ctl_link_free_after(&stream.link);
    }
    arena_fini(&stream.arena);
    event_base_free(stream.base);
    return stream.code;
}
