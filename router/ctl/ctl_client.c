/* A socket of its own for one exchange: whatever arrives on it is the answer. A ZeroMQ socket takes
 * no message before it is connected (IMMEDIATE), so sending is tried until it works. */
#include "router/ctl/ctl_client.h"

#include "common/zlink.h"
#include "router/ctl/ctl_keys.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>

enum { RETRY_US = 2000, REPLY_BYTES_MAX = 80 * 1024 * 1024 };

struct exchange {
    struct zlink *link;
    struct event *retry;
    struct bytes request;
    struct buf *reply;
    bool answered;
    bool expired;
    const char *failure; /* of the handshake */
};

static void on_message(void *owner, struct bytes peer, struct bytes body)
{
    (void)peer;
    struct exchange *exchange = owner;
    if (!exchange->answered) {
        buf_append(exchange->reply, body);
        exchange->answered = true;
    }
}

static void on_turn(void *owner)
{
    (void)owner;
}

static void on_handshake(void *owner, const char *failure, struct bytes address)
{
    struct exchange *exchange = owner;
    (void)address;
    exchange->failure = failure;
}

static void try_send(struct exchange *exchange)
{
    if (zlink_send(exchange->link, BYTES_EMPTY, BYTES_EMPTY, exchange->request) != STATUS_OK) {
        const struct timeval wait = {0, RETRY_US};
        event_add(exchange->retry, &wait);
    }
}

static void on_retry(evutil_socket_t fd, short what, void *owner)
{
    (void)fd;
    (void)what;
    try_send(owner);
}

static void on_timeout(evutil_socket_t fd, short what, void *owner)
{
    (void)fd;
    (void)what;
    struct exchange *exchange = owner;
    exchange->expired = true;
}

static void wait_for_answer(struct exchange *exchange, struct event_base *base, uint64_t timeout_ms)
{
    struct event *timeout = evtimer_new(base, on_timeout, exchange);
    const struct timeval wait = {(time_t)(timeout_ms / 1000),
                                 (suseconds_t)(timeout_ms % 1000 * 1000)};
    exchange->retry = evtimer_new(base, on_retry, exchange);
    event_add(timeout, &wait);
    try_send(exchange);
    while (!exchange->answered && !exchange->expired && exchange->failure == NULL) {
        event_base_loop(base, EVLOOP_ONCE);
    }
    event_free(exchange->retry);
    event_free(timeout);
}

static enum ctl_answer outcome(const struct exchange *exchange)
{
    return exchange->answered          ? CTL_ANSWERED
           : exchange->failure != NULL ? CTL_TURNED_AWAY
                                       : CTL_NO_ANSWER;
}

enum ctl_answer ctl_ask(const char *endpoint, const struct ctl_keys *keys, uint64_t timeout_ms,
                        struct bytes request, struct buf *reply, const char **ret_why)
{
    static const struct zlink_callbacks callbacks = {on_message, on_turn};
    const struct zlink_config config = {ZLINK_DEALER, BYTES_EMPTY, REPLY_BYTES_MAX};
    struct event_base *base = event_base_new();
    assert(base != NULL && "libevent cannot start");
    struct zlink_context *context = zlink_context_new();
    struct exchange exchange = {.request = request, .reply = reply};
    exchange.link = zlink_new(context, base, &config, &callbacks, &exchange);
    zlink_watch(exchange.link, on_handshake);
    if (keys->on) {
        zlink_curve_client(exchange.link, &keys->pair, keys->server_key);
    }
    enum ctl_answer answer = CTL_BAD_ENDPOINT;
    int error = 0;
    if (zlink_connect(exchange.link, endpoint) == STATUS_OK) {
        wait_for_answer(&exchange, base, timeout_ms);
        answer = outcome(&exchange);
        *ret_why = exchange.failure;
    } else {
        error = errno;
    }
    zlink_free(&exchange.link);
    zlink_context_free(&context);
    event_base_free(base);
    errno = error;
    return answer;
}
