/* See listener.h. What cannot be accepted now waits in the kernel's backlog; what is over a limit
 * of ours gets a short HTTP answer, as far as it can be given without waiting. */
#include "edge/listener.h"

#include "common/clock.h"
#include "common/gcra.h"
#include "common/log.h"
#include "common/mem.h"
#include "edge/conn.h"
#include "edge/door.h"
#include "edge/edge_state.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ACCEPT_BATCH = 64,
    ACCEPT_BATCH_TLS = 16, /* their handshakes are the next turn's work: half a millisecond each */
    BACKLOG = 4096,
    EXHAUSTED_PAUSE_MS = 100
};

struct listening {
    int fd;
    struct tls *tls; /* spoken by those who arrive here; NULL = plain */
    struct event *event;
    struct listener *listener;
};

struct listener {
    struct edge *edge;
    struct listening *sockets;
    size_t count;
    struct gcra rate;
    uint64_t resume_ms; /* accepting is paused until then; 0 = it is not */
    int reserve_fd;     /* given up to be able to turn clients away without descriptors */
};

static enum status bind_failed(struct buf *error, const char *listen, const char *why)
{
    buf_append_str(error, "cannot listen on ");
    buf_append_str(error, listen);
    buf_append_str(error, ": ");
    buf_append_str(error, why);
    return STATUS_IO;
}

static int open_reserve(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Options that accepted sockets inherit are set here, once, instead of on each of them. */
static bool prepare_socket(int fd, int family, bool reuse_port)
{
    int on = 1;
    bool ok = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
              setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0;
    if (ok && family == AF_INET6) {
        ok = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0;
    }
    if (ok && reuse_port) {
        ok = setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0;
    }
    return ok;
}

/* A listening descriptor, or -1 with errno. */
static int bind_address(const struct addrinfo *info, bool reuse_port)
{
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    if (prepare_socket(fd, info->ai_family, reuse_port) &&
        bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0) {
        return fd;
    }
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static void log_listening(int fd, bool tls)
{
    struct sockaddr_storage bound = {0};
    socklen_t len = sizeof(bound);
    char text[ADDRESS_TEXT_MAX];
    if (getsockname(fd, (struct sockaddr *)&bound, &len) != 0) {
        return;
    }
    struct address address = address_of_sockaddr((const struct sockaddr *)&bound);
    in_port_t port;
    memcpy(&port, (const char *)&bound + offsetof(struct sockaddr_in, sin_port), sizeof(port));
    address_text(&address, text);
    log_event(LOG_LISTEN, LOG_S("for", tls ? "tls clients" : "clients"), LOG_S("address", text),
              LOG_U("port", ntohs(port)));
}

static void pause_accepting(struct listener *listener, enum edge_metric_accept_pause why,
                            uint64_t for_ms)
{
    struct edge *edge = listener->edge;
    listener->resume_ms = edge_now(edge) + for_ms;
    metrics_add(edge->metrics, EDGE_METRIC_ACCEPT_PAUSES, why, 1);
    for (size_t i = 0; i < listener->count; i++) {
        event_del(listener->sockets[i].event);
    }
    if (why == EDGE_ACCEPT_PAUSE_DESCRIPTORS) {
        log_event(LOG_ACCEPT_FAILED, LOG_S("why", strerror(errno)), LOG_U("pause_ms", for_ms));
    }
}

/* Without descriptors even a refusal is impossible: the reserve is given up for a moment, so that
 * one client at least learns at once that it must go elsewhere. */
static void out_of_descriptors(struct listener *listener, int listen_fd)
{
    int error = errno;
    if (listener->reserve_fd >= 0) {
        close(listener->reserve_fd);
        int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) {
            close(fd);
            metrics_add(listener->edge->metrics, EDGE_METRIC_REFUSED, EDGE_REFUSED_FULL, 1);
        }
        listener->reserve_fd = open_reserve();
    }
    errno = error;
    pause_accepting(listener, EDGE_ACCEPT_PAUSE_DESCRIPTORS, EXHAUSTED_PAUSE_MS);
}

/* Answers without having read the request. */
static void answer_at_the_door(struct edge *edge, int fd, int status, const char *text)
{
    buf_clear(&edge->reply);
    unsigned retry_after_s = status == 503 ? conn_retry_after_s(edge, EDGE_REFUSED_FULL) : 0;
    ws_handshake_refuse(status, text, retry_after_s, &edge->reply);
    door_refuse(edge->door, fd, buf_bytes(&edge->reply));
}

/* A TLS client is told nothing: a handshake is what turning it away shall save. */
static void turn_away(struct listening *socket, int fd, int status, enum edge_refusal refusal)
{
    struct edge *edge = socket->listener->edge;
    const char *text = status == 429   ? "too many connections from this address"
                       : status == 403 ? "banned"
                                       : "full";
    if (socket->tls == NULL) {
        answer_at_the_door(edge, fd, status, text);
    } else {
        close(fd);
    }
    metrics_add(edge->metrics, EDGE_METRIC_REFUSED, refusal, 1);
    log_event(LOG_CONN_REFUSED, LOG_I("status", status), LOG_S("why", text));
}

/* With --proxy-protocol the peer speaks for others, if it may. */
static bool may_speak(const struct edge *edge, const struct address *peer)
{
    return edge->options->proxy_protocol == 0 || edge->proxy_count == 0 ||
           address_in(peer, edge->proxies, edge->proxy_count);
}

static void refuse_stranger(struct edge *edge, int fd, const struct address *peer)
{
    char text[ADDRESS_TEXT_MAX];
    address_text(peer, text);
    close(fd);
    metrics_add(edge->metrics, EDGE_METRIC_REFUSED, EDGE_REFUSED_PROXY, 1);
    log_event(LOG_CONN_REFUSED, LOG_S("address", text), LOG_S("why", "not in --trusted-proxies"));
}

static void admit(struct listening *socket, int fd, const struct address *address)
{
    struct edge *edge = socket->listener->edge;
    uint64_t max = (uint64_t)edge->options->max_connections_per_ip;
    if (!may_speak(edge, address)) {
        refuse_stranger(edge, fd, address);
        return;
    }
    /* A proxy's clients are judged and counted when their addresses are known (conn_proxy.c,
     * conn_upgrade.c). */
    bool direct = edge->options->proxy_protocol == 0 &&
                  !address_in(address, edge->proxies, edge->proxy_count);
    if (direct && edge_is_banned(edge, address)) {
        turn_away(socket, fd, 403, EDGE_REFUSED_BANNED);
        return;
    }
    if (edge_is_full(edge) && !conn_pending_make_room(edge)) {
        turn_away(socket, fd, 503, EDGE_REFUSED_FULL);
        return;
    }
    bool counted = max != 0 && direct;
    if (counted && !ip_counts_take(&edge->ip_counts, address, max)) {
        turn_away(socket, fd, 429, EDGE_REFUSED_PER_IP);
        return;
    }
    if (conn_new(edge, fd, address, counted, socket->tls) == NULL) {
        if (counted) {
            ip_counts_release(&edge->ip_counts, address);
        }
        turn_away(socket, fd, 503, EDGE_REFUSED_FULL);
        return;
    }
    conn_pending_limit(edge);
}

/* What accept4 said when it gave no socket: true to try again at once. */
static bool accept_again(struct listener *listener, int listen_fd)
{
    switch (errno) {
    case EAGAIN:
        return false;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        out_of_descriptors(listener, listen_fd);
        return false;
    default: /* that client is gone again (accept(2), "Error handling") */
        return true;
    }
}

/* --accept-rate, and for those whose handshake costs something what admissions make sensible. */
static uint64_t rate_of(const struct listening *socket)
{
    const struct edge *edge = socket->listener->edge;
    uint64_t rate = (uint64_t)edge->options->accept_rate;
    uint64_t door = socket->tls == NULL ? 0 : admission_door_rate(&edge->admission);
    return rate == 0 || (door != 0 && door < rate) ? door : rate;
}

static void on_acceptable(evutil_socket_t listen_fd, short what, void *owner)
{
    struct listening *socket = owner;
    struct listener *listener = socket->listener;
    struct edge *edge = listener->edge;
    uint64_t rate = rate_of(socket);
    uint64_t retry_ms = 0;
    int batch = socket->tls == NULL ? ACCEPT_BATCH : ACCEPT_BATCH_TLS;
    (void)what;
    if (conn_turns_waiting(edge) >= (size_t)batch) {
        return; /* these first; the turn that serves them comes without waiting, and back here */
    }
    for (int i = 0; i < batch && listener->resume_ms == 0; i++) {
        struct gcra before = listener->rate;
        struct sockaddr_storage peer = {0};
        socklen_t len = sizeof(peer);
        if (!gcra_take(&listener->rate, rate, 1, edge_now_us(edge), &retry_ms)) {
            pause_accepting(listener, EDGE_ACCEPT_PAUSE_RATE, retry_ms);
            return;
        }
        int fd = accept4(listen_fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            struct address address = address_of_sockaddr((const struct sockaddr *)&peer);
            admit(socket, fd, &address);
            continue;
        }
        listener->rate = before; /* nobody came for what was taken */
        if (!accept_again(listener, listen_fd)) {
            return;
        }
    }
}

static enum status listen_on(struct listener *listener, const char *text, struct tls *tls,
                             struct buf *error)
{
    struct edge *edge = listener->edge;
    const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char host[ADDRESS_HOST_MAX];
    char port[ADDRESS_PORT_MAX];
    if (!address_split(text, host, port)) {
        return bind_failed(error, text, "not HOST:PORT");
    }
    int failed = getaddrinfo(host[0] == '\0' ? NULL : host, port, &hints, &found);
    if (failed != 0) {
        return bind_failed(error, text, gai_strerror(failed));
    }
    int fd = bind_address(found, edge->options->reuse_port);
    freeaddrinfo(found);
    if (fd < 0) {
        return bind_failed(error, text, strerror(errno));
    }
    struct listening *socket = &listener->sockets[listener->count++];
    socket->fd = fd;
    socket->tls = tls;
    socket->listener = listener;
    socket->event = event_new(edge->base, fd, EV_READ | EV_PERSIST, on_acceptable, socket);
    event_add(socket->event, NULL);
    log_listening(fd, tls != NULL);
    return STATUS_OK;
}

static enum status listen_on_all(struct listener *listener, const struct option_list *list,
                                 struct tls *tls, struct buf *error)
{
    for (size_t i = 0; i < list->count; i++) {
        enum status status = listen_on(listener, list->items[i], tls, error);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

enum status listener_open(struct edge *edge, struct buf *error)
{
    const struct option_list *plain = &edge->options->listen;
    const struct option_list *secure = &edge->options->listen_tls;
    struct listener *listener = mem_new(1, sizeof(*listener));
    listener->edge = edge;
    listener->sockets = mem_new(plain->count + secure->count, sizeof(listener->sockets[0]));
    listener->reserve_fd = open_reserve();
    edge->listener = listener;
    enum status status = listen_on_all(listener, plain, NULL, error);
    return status == STATUS_OK ? listen_on_all(listener, secure, edge->tls, error) : status;
}

void listener_close(struct edge *edge)
{
    struct listener *listener = edge->listener;
    if (listener == NULL) {
        return;
    }
    for (size_t i = 0; i < listener->count; i++) {
        event_free(listener->sockets[i].event);
        close(listener->sockets[i].fd);
    }
    if (listener->reserve_fd >= 0) {
        close(listener->reserve_fd);
    }
    mem_free(listener->sockets);
    mem_free(listener);
    edge->listener = NULL;
}

void listener_step(struct edge *edge)
{
    struct listener *listener = edge->listener;
    if (listener == NULL || listener->resume_ms == 0 || edge_now(edge) < listener->resume_ms) {
        return;
    }
    listener->resume_ms = 0;
    for (size_t i = 0; i < listener->count; i++) {
        event_add(listener->sockets[i].event, NULL);
    }
}

uint64_t listener_deadline(const struct edge *edge)
{
    const struct listener *listener = edge->listener;
    return listener == NULL || listener->resume_ms == 0 ? UINT64_MAX : listener->resume_ms;
}
