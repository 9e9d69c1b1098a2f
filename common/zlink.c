/* The rule that keeps sockets awake (data-plane rule 13): ZMQ_FD signals a change only once, and
 * any call on the socket may consume that signal. So whoever touches a socket reads ZMQ_EVENTS
 * last, and if it says POLLIN while nobody is going to receive, schedules a receive.
 *
 * The schedule is a timer of zero length and not event_active(): libevent runs active events until
 * there are none, so that a busy link which activates itself would keep all others from their turn;
 * a timer waits for the next round of the loop. */
#include "common/zlink.h"

#include "common/clock.h"
#include "common/mem.h"
#include "common/zlink_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    RECEIVE_BUDGET = 256,              /* messages in one turn of the loop, */
    RECEIVE_BUDGET_BYTES = 128 * 1024, /* how much, */
    RECEIVE_BUDGET_US = 3000,          /* and how long, until no more is begun: all others wait */
    HIGH_WATER_MARK = 1000,
    RECONNECT_MS = 50,
    RECONNECT_MAX_MS = 100, /* a router that restarts is to be found at once */
    CONNECT_TIMEOUT_MS = 3000,
    HEARTBEAT_MS = 1000,
    HEARTBEAT_TIMEOUT_MS = 5000, /* the link session above is stricter */
    HANDSHAKE_MS = 5000,         /* a stranger who says nothing is let go */
    PARTS_MAX = 3                /* peer, body, and a place for what should not be there */
};

struct zlink {
    struct zlink_context *context;
    struct event_base *base;
    void *socket;
    struct zlink_watcher *watcher;
    zlink_on_handshake *told;
    char *endpoint;     /* of the last connect */
    zmq_msg_t *message; /* in on_message: its body */
    bool curve;
    struct event *wake;  /* ZMQ_FD is readable */
    struct event *again; /* zero timer: something is left to receive */
    enum zlink_kind kind;
    size_t received_bytes; /* in this turn of the loop */
    bool receiving;        /* the receive loop is running and receives until nothing is left */
    bool holding;          /* between zlink_hold() and zlink_release() */
    bool sent;             /* meanwhile, or in on_turn: see zlink_send */
    bool *turn;            /* while on_turn runs: set to false when the link is freed in it */
    struct zlink_callbacks callbacks;
    void *owner;
};

struct zlink_context *zlink_context_new(void)
{
    struct zlink_context *context = mem_new(1, sizeof(*context));
    context->zmq = zmq_ctx_new();
    if (context->zmq == NULL || zmq_ctx_set(context->zmq, ZMQ_IO_THREADS, 1) != 0) {
        abort();
    }
    return context;
}

void zlink_context_free(struct zlink_context **context)
{
    if (*context == NULL) {
        return;
    }
    while (zmq_ctx_term((*context)->zmq) != 0) {
        assert(errno == EINTR && "the context is ours");
    }
    mem_free(*context);
    *context = NULL;
}

/* receiving */

static void schedule_if_readable(struct zlink *link)
{
    const struct timeval now = {0, 0};
    if (!link->receiving && zlink_readable(link->socket) && event_add(link->again, &now) != 0) {
        abort();
    }
}

/* Receives one whole message into `parts` and says how many parts it had; those past PARTS_MAX
 * share the last place. 0 when there is no message. */
static size_t receive_parts(struct zlink *link, zmq_msg_t parts[PARTS_MAX])
{
    size_t count = 0;
    bool more = true;
    while (more) {
        zmq_msg_t *part = &parts[count < PARTS_MAX ? count : PARTS_MAX - 1];
        if (zmq_msg_recv(part, link->socket, ZMQ_DONTWAIT) < 0) {
            if (errno == EINTR) {
                continue;
            }
            return 0; /* EAGAIN, before the first part: the rest of a message always follows it */
        }
        more = zmq_msg_more(part) != 0;
        count++;
    }
    return count;
}

/* False when there was no message. One with a wrong number of parts comes from no peer of ours and
 * is dropped as a whole, so that the next begins at its beginning. */
static bool receive_one(struct zlink *link)
{
    zmq_msg_t parts[PARTS_MAX];
    for (size_t i = 0; i < PARTS_MAX; i++) {
        (void)zmq_msg_init(&parts[i]);
    }
    size_t count = receive_parts(link, parts);
    for (size_t i = 0; i < PARTS_MAX; i++) {
        link->received_bytes += zmq_msg_size(&parts[i]);
    }
    link->message = &parts[link->kind == ZLINK_ROUTER ? 1 : 0];
    if (link->kind == ZLINK_ROUTER && count == 2) {
        link->callbacks.on_message(link->owner, zlink_part(&parts[0]), zlink_part(&parts[1]));
    } else if (link->kind == ZLINK_DEALER && count == 1) {
        link->callbacks.on_message(link->owner, BYTES_EMPTY, zlink_part(&parts[0]));
    }
    link->message = NULL;
    for (size_t i = 0; i < PARTS_MAX; i++) {
        (void)zmq_msg_close(&parts[i]);
    }
    return count != 0;
}

static bool may_receive(const struct zlink *link, unsigned received, uint64_t since_us)
{
    return received < RECEIVE_BUDGET && link->received_bytes < RECEIVE_BUDGET_BYTES &&
           (received == 0 || clock_mono_us() - since_us < RECEIVE_BUDGET_US);
}

void zlink_hold(struct zlink *link)
{
    link->holding = true;
}

void zlink_release(struct zlink *link)
{
    link->holding = false;
    if (link->turn == NULL && link->sent) { /* else the end of the turn looks */
        link->sent = false;
        schedule_if_readable(link);
    }
}

/* One look at ZMQ_EVENTS for all that is sent in it: each costs two system calls. */
static void run_turn(struct zlink *link)
{
    bool alive = true;
    link->turn = &alive;
    link->sent = false;
    link->callbacks.on_turn(link->owner);
    if (alive) {
        link->turn = NULL;
        zlink_release(link);
    }
}

static void on_wake(evutil_socket_t fd, short what, void *owner)
{
    struct zlink *link = owner;
    unsigned received = 0;
    uint64_t since_us = clock_mono_us();
    (void)fd;
    (void)what;
    link->receiving = true;
    link->received_bytes = 0;
    bool more = true;
    while (more && may_receive(link, received, since_us)) {
        more = receive_one(link); /* without one it has looked, as ZMQ_EVENTS would */
        received += more;
    }
    link->receiving = false;
    if (more) {
        schedule_if_readable(link);
    }
    if (received != 0 && link->callbacks.on_turn != NULL) {
        run_turn(link); /* last: the owner may free the link in it */
    }
}

/* life */

static void set_options(void *socket, const struct zlink_config *config)
{
    int64_t bytes_max = (int64_t)config->message_bytes_max;
    zlink_set_option(socket, ZMQ_LINGER, 0);
    zlink_set_option(socket, ZMQ_IMMEDIATE, 1);
    zlink_set_option(socket, ZMQ_SNDHWM, HIGH_WATER_MARK);
    zlink_set_option(socket, ZMQ_RCVHWM, HIGH_WATER_MARK);
    zlink_set_option(socket, ZMQ_RECONNECT_IVL, RECONNECT_MS);
    zlink_set_option(socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS);
    zlink_set_option(socket, ZMQ_CONNECT_TIMEOUT, CONNECT_TIMEOUT_MS);
    zlink_set_option(socket, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS);
    zlink_set_option(socket, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS);
    zlink_set_option(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS);
    zlink_set_option(socket, ZMQ_TCP_KEEPALIVE, 1);
    zlink_set_option(socket, ZMQ_IPV6, 1);
    if (zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &bytes_max, sizeof(bytes_max)) != 0) {
        abort();
    }
    if (config->kind == ZLINK_ROUTER) {
        zlink_set_option(socket, ZMQ_ROUTER_MANDATORY, 1);
        zlink_set_option(socket, ZMQ_ROUTER_HANDOVER, 1);
    } else if (config->routing_id.len != 0 &&
               zmq_setsockopt(socket, ZMQ_ROUTING_ID, config->routing_id.data,
                              config->routing_id.len) != 0) {
        abort();
    }
}

struct zlink *zlink_new(struct zlink_context *context, struct event_base *base,
                        const struct zlink_config *config, const struct zlink_callbacks *callbacks,
                        void *owner)
{
    struct zlink *link = mem_new(1, sizeof(*link));
    link->context = context;
    link->base = base;
    link->kind = config->kind;
    link->callbacks = *callbacks;
    link->owner = owner;
    link->socket = zmq_socket(context->zmq, config->kind == ZLINK_ROUTER ? ZMQ_ROUTER : ZMQ_DEALER);
    if (link->socket == NULL) {
        abort();
    }
    set_options(link->socket, config);
    link->wake = event_new(base, zlink_wake_fd(link->socket), EV_READ | EV_PERSIST, on_wake, link);
    link->again = event_new(base, -1, 0, on_wake, link);
    if (link->wake == NULL || link->again == NULL || event_add(link->wake, NULL) != 0) {
        abort();
    }
    return link;
}

void zlink_free(struct zlink **link)
{
    if (*link == NULL) {
        return;
    }
    assert(!(*link)->receiving && "not from inside on_message");
    if ((*link)->turn != NULL) {
        *(*link)->turn = false;
    }
    zlink_watcher_free(&(*link)->watcher);
    event_free((*link)->wake); /* before its descriptor goes */
    event_free((*link)->again);
    if (zmq_close((*link)->socket) != 0) {
        abort();
    }
    mem_free((*link)->endpoint);
    mem_free(*link);
    *link = NULL;
}

void zlink_free_after(struct zlink **link, int linger_ms)
{
    if (*link != NULL) {
        zlink_set_option((*link)->socket, ZMQ_LINGER, linger_ms);
        zlink_free(link);
    }
}

/* endpoints */

/* ZeroMQ removes whatever is at the path before it binds. That is right for the socket of a dead
 * process and wrong for anything else: then false, with errno. */
static bool ipc_path_is_free(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat info;
    size_t len = strlen(path);
    if (len >= sizeof(address.sun_path) || lstat(path, &info) != 0) {
        return true; /* a path that is too long or not there is ZeroMQ's to judge */
    }
    if (!S_ISSOCK(info.st_mode)) {
        errno = EEXIST;
        return false;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    memcpy(address.sun_path, path, len);
    bool refused = connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 &&
                   (errno == ECONNREFUSED || errno == ENOENT);
    (void)close(fd);
    errno = EADDRINUSE;
    return refused;
}

/* ZeroMQ reads the port with atoi and cuts it to 16 bits, so that 99999 would be another port.
 * False with errno for such a one; everything else is ZeroMQ's to judge. */
static bool port_is_sane(const char *endpoint)
{
    const char *colon = strrchr(endpoint, ':');
    if (strncmp(endpoint, "tcp://", 6) != 0 || colon == NULL || strcmp(colon, ":*") == 0) {
        return true;
    }
    uint32_t port = 0;
    size_t len = strspn(colon + 1, "0123456789");
    for (size_t i = 1; i <= len && port <= UINT16_MAX; i++) {
        port = port * 10 + (uint32_t)(colon[i] - '0');
    }
    errno = EINVAL;
    return len != 0 && colon[len + 1] == '\0' && port <= UINT16_MAX;
}

enum status zlink_bind(struct zlink *link, const char *endpoint)
{
    static const char ipc[] = "ipc://";
    if (!port_is_sane(endpoint)) {
        return STATUS_IO;
    }
    if (strncmp(endpoint, ipc, sizeof(ipc) - 1) == 0 &&
        !ipc_path_is_free(endpoint + sizeof(ipc) - 1)) {
        return STATUS_IO;
    }
    if (zmq_bind(link->socket, endpoint) != 0) {
        return STATUS_IO;
    }
    schedule_if_readable(link);
    return STATUS_OK;
}

enum status zlink_connect(struct zlink *link, const char *endpoint)
{
    if (!port_is_sane(endpoint) || zmq_connect(link->socket, endpoint) != 0) {
        return STATUS_IO;
    }
    mem_free(link->endpoint);
    link->endpoint = mem_copy_str(bytes_of_str(endpoint));
    schedule_if_readable(link);
    return STATUS_OK;
}

/* keys */

static void set_key(struct zlink *link, int option, const uint8_t key[CURVE_KEY_BYTES])
{
    if (zmq_setsockopt(link->socket, option, key, CURVE_KEY_BYTES) != 0) {
        abort(); /* a libzmq without CURVE */
    }
}

/* Without a domain ZeroMQ would ask nobody. */
void zlink_curve_server(struct zlink *link, const struct curve_pair *pair, const char *domain)
{
    assert(link->kind == ZLINK_ROUTER && domain[0] != '\0');
    zlink_set_option(link->socket, ZMQ_CURVE_SERVER, 1);
    set_key(link, ZMQ_CURVE_SECRETKEY, pair->secret_key);
    if (zmq_setsockopt(link->socket, ZMQ_ZAP_DOMAIN, domain, strlen(domain)) != 0) {
        abort();
    }
    link->curve = true;
}

void zlink_curve_client(struct zlink *link, const struct curve_pair *pair,
                        const uint8_t server_key[CURVE_KEY_BYTES])
{
    assert(link->kind == ZLINK_DEALER);
    set_key(link, ZMQ_CURVE_SERVERKEY, server_key);
    set_key(link, ZMQ_CURVE_PUBLICKEY, pair->public_key);
    set_key(link, ZMQ_CURVE_SECRETKEY, pair->secret_key);
    link->curve = true;
}

/* The domain stays, as ZeroMQ cannot unset it: zlink_auth knows that such a peer has no key. */
void zlink_plain(struct zlink *link)
{
    if (link->curve) {
        zlink_set_option(link->socket, ZMQ_CURVE_SERVER, 0);
    }
    link->curve = false;
}

static void on_handshake(void *owner, const char *failure, struct bytes address)
{
    struct zlink *link = owner;
    if (link->kind == ZLINK_DEALER && failure != NULL) {
        if (failure == zlink_went_away && !link->curve) {
            return; /* a router that stops: ZeroMQ finds the next one */
        }
        (void)zmq_disconnect(link->socket, link->endpoint); /* or it is so already */
    }
    link->told(link->owner, failure, address);
}

void zlink_watch(struct zlink *link, zlink_on_handshake *told)
{
    assert(link->watcher == NULL);
    link->told = told;
    link->watcher = zlink_watcher_new(link->context, link->base, link->socket,
                                      link->kind == ZLINK_ROUTER, on_handshake, link);
}

struct bytes zlink_sender(const struct zlink *link)
{
    const char *user = link->message == NULL ? NULL : zmq_msg_gets(link->message, "User-Id");
    return bytes_of_str(user);
}

/* The descriptor may have been closed since the message came, and be another socket's by now: rare,
 * and whoever is cut off by mistake comes back. */
void zlink_cut_sender(struct zlink *link)
{
    int fd = link->message == NULL ? -1 : zmq_msg_get(link->message, ZMQ_SRCFD);
    if (fd >= 0) {
        (void)shutdown(fd, SHUT_RDWR);
    }
}

/* sending */

/* The first part goes or does not go; OK says that the body may follow. */
static enum status send_peer(struct zlink *link, struct bytes peer)
{
    while (zmq_send(link->socket, peer.data, peer.len, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0) {
        if (errno != EINTR) {
            return errno == EHOSTUNREACH ? STATUS_UNREACHABLE : STATUS_AGAIN;
        }
    }
    return STATUS_OK;
}

static void make_message(zmq_msg_t *message, struct bytes header, struct bytes body)
{
    if (zmq_msg_init_size(message, header.len + body.len) != 0) {
        abort(); /* no memory (house style, rule 19) */
    }
    uint8_t *data = zmq_msg_data(message);
    if (header.len != 0) {
        memcpy(data, header.data, header.len);
    }
    if (body.len != 0) {
        memcpy(data + header.len, body.data, body.len);
    }
}

static enum status send_body(struct zlink *link, struct bytes header, struct bytes body)
{
    zmq_msg_t message;
    make_message(&message, header, body);
    while (zmq_msg_send(&message, link->socket, ZMQ_DONTWAIT) < 0) {
        if (errno != EINTR) {
            /* A ROUTER that has taken the peer takes the body too, so nothing is half sent. */
            assert(link->kind == ZLINK_DEALER);
            (void)zmq_msg_close(&message);
            return STATUS_AGAIN;
        }
    }
    return STATUS_OK;
}

enum status zlink_send(struct zlink *link, struct bytes peer, struct bytes header,
                       struct bytes body)
{
    enum status status = link->kind == ZLINK_ROUTER ? send_peer(link, peer) : STATUS_OK;
    if (status == STATUS_OK) {
        status = send_body(link, header, body);
    }
    if (link->turn != NULL || link->holding) {
        link->sent = true;
    } else {
        schedule_if_readable(link); /* sending may have taken note of what came */
    }
    return status;
}
