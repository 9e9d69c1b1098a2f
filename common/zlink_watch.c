/* Handshakes as ZeroMQ's socket monitor tells them. Its events do not say who the peer of a bound
 * socket is, but they come in order from one I/O thread: ACCEPTED with the descriptor, the failure,
 * then DISCONNECTED with the descriptor. The address is asked for at ACCEPTED, while it is likely
 * to be open still; else it stays unknown. */
#include "common/mem.h"
#include "common/zlink_internal.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { DESCRIPTORS_MAX = 65536, NAME_BYTES = 32 };

const char zlink_went_away[] = "closed in the handshake: is the server key the router's?";

struct peer_name {
    char text[INET6_ADDRSTRLEN];
};

struct zlink_watcher {
    void *watched;
    struct zlink_reader reader;
    struct peer_name *peers; /* by descriptor */
    size_t peer_capacity;
    const char *failure; /* told when its DISCONNECTED says whose it is */
    bool server;
    zlink_on_handshake *told;
    void *owner;
};

static struct peer_name *peer_at(struct zlink_watcher *watcher, size_t fd)
{
    if (fd >= DESCRIPTORS_MAX) {
        return NULL;
    }
    if (fd >= watcher->peer_capacity) {
        size_t capacity = watcher->peer_capacity == 0 ? 64 : watcher->peer_capacity;
        while (capacity <= fd) {
            capacity *= 2;
        }
        watcher->peers = mem_resize(watcher->peers, capacity, sizeof(struct peer_name));
        memset(watcher->peers + watcher->peer_capacity, 0,
               (capacity - watcher->peer_capacity) * sizeof(struct peer_name));
        watcher->peer_capacity = capacity;
    }
    return &watcher->peers[fd];
}

static void accepted(struct zlink_watcher *watcher, uint32_t fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_storage space;
    } address = {0};
    socklen_t len = sizeof(address);
    struct peer_name *peer = peer_at(watcher, fd);
    if (peer == NULL) {
        return;
    }
    peer->text[0] = '\0';
    if (getpeername((int)fd, &address.any, &len) != 0) {
        return;
    }
    if (address.any.sa_family == AF_INET) {
        (void)inet_ntop(AF_INET, &address.v4.sin_addr, peer->text, sizeof(peer->text));
    } else if (address.any.sa_family == AF_INET6) {
        (void)inet_ntop(AF_INET6, &address.v6.sin6_addr, peer->text, sizeof(peer->text));
    }
}

static const char *protocol_failure(const struct zlink_watcher *watcher, uint32_t value)
{
    if (value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH) {
        return watcher->server ? "speaks without CURVE"
                               : "one side speaks CURVE and the other does not";
    }
    if (value == ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC) {
        return watcher->server ? "has another server key than ours, or a forged one"
                               : "forged or wrong key";
    }
    return "does not keep to the protocol";
}

static void fail(struct zlink_watcher *watcher, const char *failure)
{
    if (watcher->server) {
        watcher->failure = failure;
    } else {
        watcher->told(watcher->owner, failure, BYTES_EMPTY);
    }
}

static void disconnected(struct zlink_watcher *watcher, uint32_t fd)
{
    const char *failure = watcher->failure;
    const struct peer_name *peer = peer_at(watcher, fd);
    watcher->failure = NULL;
    if (failure != NULL) {
        watcher->told(watcher->owner, failure, bytes_of_str(peer == NULL ? "" : peer->text));
    }
}

/* Who may not connect is told by zlink_auth at the server: with its key and address. */
static void on_event(void *owner, zmq_msg_t *parts, size_t count)
{
    struct zlink_watcher *watcher = owner;
    struct bytes head = zlink_part(&parts[0]);
    uint16_t event = 0;
    uint32_t value = 0;
    if (count != 2 || head.len != sizeof(event) + sizeof(value)) {
        return;
    }
    memcpy(&event, head.data, sizeof(event));
    memcpy(&value, head.data + sizeof(event), sizeof(value));
    if (event == ZMQ_EVENT_ACCEPTED) {
        accepted(watcher, value);
    } else if (event == ZMQ_EVENT_DISCONNECTED) {
        disconnected(watcher, value);
    } else if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
        watcher->told(watcher->owner, NULL, BYTES_EMPTY);
    } else if (event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL) {
        fail(watcher, protocol_failure(watcher, value));
    } else if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH && !watcher->server) {
        fail(watcher, "the router does not allow our key");
    } else if (event == ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL) {
        fail(watcher, watcher->server ? "went away in the handshake" : zlink_went_away);
    }
}

static void connect_monitor(struct zlink_watcher *watcher, struct zlink_context *context,
                            void *monitor)
{
    int events = ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                 ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL;
    events |= watcher->server ? ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED
                              : ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
    struct buf name;
    buf_init(&name, NAME_BYTES);
    buf_append_str(&name, "inproc://watch-");
    buf_append_u64(&name, context->next_name++);
    buf_append_byte(&name, 0);
    const char *endpoint = (const char *)name.data;
    zlink_set_option(monitor, ZMQ_LINGER, 0);
    /* Never full: the I/O thread would stand still, and with it everything. */
    zlink_set_option(monitor, ZMQ_RCVHWM, 0);
    if (zmq_socket_monitor(watcher->watched, endpoint, events) != 0 ||
        zmq_connect(monitor, endpoint) != 0) {
        abort();
    }
    buf_fini(&name);
}

struct zlink_watcher *zlink_watcher_new(struct zlink_context *context, struct event_base *base,
                                        void *socket, bool server, zlink_on_handshake *told,
                                        void *owner)
{
    struct zlink_watcher *watcher = mem_new(1, sizeof(*watcher));
    *watcher =
        (struct zlink_watcher){.watched = socket, .server = server, .told = told, .owner = owner};
    void *monitor = zmq_socket(context->zmq, ZMQ_PAIR);
    if (monitor == NULL) {
        abort();
    }
    connect_monitor(watcher, context, monitor);
    zlink_reader_start(&watcher->reader, base, monitor, on_event, watcher);
    return watcher;
}

void zlink_watcher_free(struct zlink_watcher **watcher)
{
    if (*watcher == NULL) {
        return;
    }
    (void)zmq_socket_monitor((*watcher)->watched, NULL, 0); /* cannot fail: it is watched */
    zlink_reader_stop(&(*watcher)->reader);
    mem_free((*watcher)->peers);
    mem_free(*watcher);
    *watcher = NULL;
}
