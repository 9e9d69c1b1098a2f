/* A ZeroMQ socket takes no message before it is connected (IMMEDIATE), so sending is tried until it
 * works. */
#include "router/ctl/ctl_link.h"

#include "common/buf.h"
#include "common/mem.h"
#include "common/zlink.h"
#include "router/ctl/ctl_keys.h"

#include <assert.h>
#include <errno.h>

enum { RETRY_US = 2000, REPLY_BYTES_MAX = 80 * 1024 * 1024, GOODBYE_MS = 200 };

struct ctl_link {
    struct zlink_context *context;
    struct zlink *link;
    struct event *retry;
    struct buf waiting; /* a request */
    ctl_link_reply *on_reply;
    void *owner;
    const char *failure;
};

static void on_message(void *owner, struct bytes peer, struct bytes body)
{
    (void)peer;
    struct ctl_link *link = owner;
    link->on_reply(link->owner, body);
}

static void on_turn(void *owner)
{
    (void)owner;
}

static void on_handshake(void *owner, const char *failure, struct bytes address)
{
    struct ctl_link *link = owner;
    (void)address;
    link->failure = failure;
}

static void try_send(struct ctl_link *link)
{
    if (zlink_send(link->link, BYTES_EMPTY, BYTES_EMPTY, buf_bytes(&link->waiting)) != STATUS_OK) {
        const struct timeval wait = {0, RETRY_US};
        event_add(link->retry, &wait);
        return;
    }
    buf_clear(&link->waiting);
}

static void on_retry(evutil_socket_t fd, short what, void *owner)
{
    (void)fd;
    (void)what;
    try_send(owner);
}

struct ctl_link *ctl_link_new(struct event_base *base, const char *endpoint,
                              const struct ctl_keys *keys, ctl_link_reply *on_reply, void *owner)
{
    static const struct zlink_callbacks callbacks = {on_message, on_turn};
    const struct zlink_config config = {ZLINK_DEALER, BYTES_EMPTY, REPLY_BYTES_MAX};
    struct ctl_link *link = mem_new(1, sizeof(*link));
    link->on_reply = on_reply;
    link->owner = owner;
    buf_init(&link->waiting, 0);
    link->retry = evtimer_new(base, on_retry, link);
    assert(link->retry != NULL && "libevent has no memory");
    link->context = zlink_context_new();
    link->link = zlink_new(link->context, base, &config, &callbacks, link);
    zlink_watch(link->link, on_handshake);
    if (keys->on) {
        zlink_curve_client(link->link, &keys->pair, keys->server_key);
    }
    if (zlink_connect(link->link, endpoint) != STATUS_OK) {
        int error = errno;
        ctl_link_free(&link);
        errno = error;
    }
    return link;
}

static void end(struct ctl_link **link, int linger_ms)
{
    if (*link == NULL) {
        return;
    }
    event_free((*link)->retry);
    zlink_free_after(&(*link)->link, linger_ms);
    zlink_context_free(&(*link)->context);
    buf_fini(&(*link)->waiting);
    mem_free(*link);
    *link = NULL;
}

void ctl_link_free(struct ctl_link **link)
{
    end(link, 0);
}

void ctl_link_free_after(struct ctl_link **link)
{
    end(link, GOODBYE_MS);
}

void ctl_link_send(struct ctl_link *link, struct bytes request)
{
    buf_clear(&link->waiting);
    buf_append(&link->waiting, request);
    try_send(link);
}

const char *ctl_link_failure(const struct ctl_link *link)
{
    return link->failure;
}
