/* A connection of its own for one exchange: whatever arrives on it is the answer. */
#include "router/ctl/ctl_client.h"

#include "router/ctl/ctl_link.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct exchange {
    struct buf *reply;
    bool answered;
    bool expired;
};

static void on_reply(void *owner, struct bytes reply)
{
    struct exchange *exchange = owner;
    if (!exchange->answered) {
        buf_append(exchange->reply, reply);
        exchange->answered = true;
    }
}

static void on_timeout(evutil_socket_t fd, short what, void *owner)
{
    (void)fd;
    (void)what;
    struct exchange *exchange = owner;
    exchange->expired = true;
}

static enum ctl_answer wait_for_answer(struct exchange *exchange, struct event_base *base,
                                       const struct ctl_link *link, uint64_t timeout_ms)
{
    struct event *timeout = evtimer_new(base, on_timeout, exchange);
    const struct timeval wait = ctl_timeval(timeout_ms);
    event_add(timeout, &wait);
    while (!exchange->answered && !exchange->expired && ctl_link_failure(link) == NULL) {
        event_base_loop(base, EVLOOP_ONCE);
    }
    event_free(timeout);
    return exchange->answered               ? CTL_ANSWERED
           : ctl_link_failure(link) != NULL ? CTL_TURNED_AWAY
                                            : CTL_NO_ANSWER;
}

enum ctl_answer ctl_ask(const char *endpoint, const struct ctl_keys *keys, uint64_t timeout_ms,
                        struct bytes request, struct buf *reply, const char **ret_why)
{
    struct event_base *base = event_base_new();
    assert(base != NULL && "libevent cannot start");
    struct exchange exchange = {.reply = reply};
    enum ctl_answer answer = CTL_BAD_ENDPOINT;
    struct ctl_link *link = ctl_link_new(base, endpoint, keys, on_reply, &exchange);
    int error = errno;
    if (link != NULL) {
        ctl_link_send(link, request);
        answer = wait_for_answer(&exchange, base, link, timeout_ms);
        *ret_why = ctl_link_failure(link);
        ctl_link_free(&link);
    }
    event_base_free(base);
    errno = error;
    return answer;
}

enum ctl_exit ctl_client_failed(const char *endpoint, enum ctl_answer answer, const char *why)
{
    switch (answer) {
    case CTL_NO_ANSWER:
        (void)fprintf(stderr, "splitrailctl: no answer from %s; does the router run?\n", endpoint);
        return CTL_EXIT_NO_ANSWER;
    case CTL_TURNED_AWAY:
        (void)fprintf(stderr, "splitrailctl: %s: %s\n", endpoint, why);
        return CTL_EXIT_REFUSED;
    case CTL_BAD_ENDPOINT:
        (void)fprintf(stderr, "splitrailctl: --router %s: %s\n", endpoint, strerror(errno));
        return CTL_EXIT_USAGE;
    case CTL_ANSWERED:
        break;
    }
    return CTL_EXIT_DONE;
}

struct timeval ctl_timeval(uint64_t ms)
{
    return (struct timeval){(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
}
