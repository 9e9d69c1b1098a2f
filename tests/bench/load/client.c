#include "tests/bench/load/client.h"

#include "common/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WHY_BYTES = 24 };

static void free_buf(struct buf **buf)
{
    if (*buf != NULL) {
        buf_fini(*buf);
        mem_free(*buf);
        *buf = NULL;
    }
}

static struct buf *need_buf(struct buf **buf)
{
    if (*buf == NULL) {
        *buf = mem_new(1, sizeof(**buf));
        buf_init(*buf, 0);
    }
    return *buf;
}

void client_drop(struct client *client)
{
    if (client->fd >= 0 && client->state != CLIENT_NONE) {
        close(client->fd);
    }
    client->fd = -1;
    client->state = CLIENT_GONE;
    free_buf(&client->input);
    free_buf(&client->output);
    free_buf(&client->message);
    free_buf(&client->tail);
}

static void end(struct client_loop *loop, struct client *client, const char *why)
{
    if (client->state != CLIENT_GONE) {
        client_drop(client);
        loop->callbacks->on_end(loop->owner, client, why);
    }
}

static void end_errno(struct client_loop *loop, struct client *client, const char *when)
{
    char why[WHY_BYTES];
    snprintf(why, sizeof(why), "%s %s", when, strerrorname_np(errno));
    end(loop, client, why);
}

static void watch(const struct client_loop *loop, const struct client *client, int operation)
{
    struct epoll_event event = {
        .events = EPOLLIN | (client->want_write ? (uint32_t)EPOLLOUT : 0),
        .data.u32 = client->key,
    };
    (void)epoll_ctl(loop->epoll, operation, client->fd, &event);
}

void client_connect(struct client_loop *loop, struct client *client,
                    const struct sockaddr_in *source, const struct sockaddr_in *target,
                    struct bytes request)
{
    const int on = 1;
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    client->state = CLIENT_CONNECTING;
    if (client->fd < 0) {
        end_errno(loop, client, "socket");
        return;
    }
    /* The port is chosen at connect, when the kernel knows that only the pair must be new. */
    (void)setsockopt(client->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    (void)setsockopt(client->fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &on, sizeof(on));
    if (source != NULL && bind(client->fd, (const struct sockaddr *)source, sizeof(*source)) != 0) {
        end_errno(loop, client, "bind");
        return;
    }
    if (connect(client->fd, (const struct sockaddr *)target, sizeof(*target)) != 0 &&
        errno != EINPROGRESS) {
        end_errno(loop, client, "connect");
        return;
    }
    buf_append(need_buf(&client->output), request);
    client->want_write = true;
    watch(loop, client, EPOLL_CTL_ADD);
}

static void update_watch(const struct client_loop *loop, struct client *client)
{
    bool wants = client->output != NULL;
    if (client->state != CLIENT_GONE && wants != client->want_write) {
        client->want_write = wants;
        watch(loop, client, EPOLL_CTL_MOD);
    }
}

/* False when the client has ended. */
static bool flush(struct client_loop *loop, struct client *client)
{
    while (client->output != NULL) {
        ssize_t wrote = send(client->fd, client->output->data, client->output->len, MSG_NOSIGNAL);
        if (wrote < 0) {
            if (errno == EAGAIN) {
                return true;
            }
            end_errno(loop, client, "send");
            return false;
        }
        buf_consume(client->output, (size_t)wrote);
        if (client->output->len == 0) {
            free_buf(&client->output);
        }
    }
    return true;
}

static bool writable(struct client_loop *loop, struct client *client)
{
    if (client->state == CLIENT_CONNECTING) {
        int error = 0;
        socklen_t len = sizeof(error);
        (void)getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &len);
        if (error != 0) {
            errno = error;
            end_errno(loop, client, "connect");
            return false;
        }
        client->state = CLIENT_UPGRADING;
    }
    return flush(loop, client);
}

void client_send(struct client_loop *loop, struct client *client, enum wire_opcode opcode,
                 struct bytes payload)
{
    if (client->state != CLIENT_OPEN) {
        return;
    }
    loop->mask = loop->mask * 1664525U + 1013904223U;
    bool waits = client->output != NULL;
    wire_append(need_buf(&client->output), opcode, payload, loop->mask);
    if (!waits && flush(loop, client)) {
        update_watch(loop, client);
    }
}

static void end_closed(struct client_loop *loop, struct client *client, struct bytes payload)
{
    char why[WHY_BYTES];
    snprintf(why, sizeof(why), "%u", wire_close_code(payload));
    client_send(loop, client, WIRE_CLOSE, bytes_slice(payload, 0, 2));
    end(loop, client, why);
}

static void take_data(struct client_loop *loop, struct client *client,
                      const struct wire_frame *frame)
{
    if (frame->fin && client->message == NULL) {
        loop->callbacks->on_message(loop->owner, client, frame->payload);
        return;
    }
    buf_append(need_buf(&client->message), frame->payload);
    if (frame->fin) {
        struct buf *message = client->message;
        client->message = NULL;
        loop->callbacks->on_message(loop->owner, client, buf_bytes(message));
        free_buf(&message);
    }
}

static void take_frame(struct client_loop *loop, struct client *client,
                       const struct wire_frame *frame)
{
    switch (frame->opcode) {
    case WIRE_PING:
        ++*loop->pings;
        client_send(loop, client, WIRE_PONG, frame->payload);
        break;
    case WIRE_PONG:
        break;
    case WIRE_CLOSE:
        end_closed(loop, client, frame->payload);
        break;
    default:
        take_data(loop, client, frame);
        break;
    }
}

static size_t take_answer(struct client_loop *loop, struct client *client, struct bytes input)
{
    size_t len = 0;
    unsigned status = 0;
    enum wire_result result = wire_answer(input, &len, &status);
    if (result == WIRE_BAD) {
        char why[WHY_BYTES];
        snprintf(why, sizeof(why), "HTTP %u", status);
        end(loop, client, why);
    } else if (result == WIRE_DONE) {
        client->state = CLIENT_OPEN;
        loop->callbacks->on_open(loop->owner, client);
    }
    return result == WIRE_DONE ? len : 0;
}

/* Gives the bytes taken: whole frames and the answer. */
static size_t take(struct client_loop *loop, struct client *client, struct bytes input)
{
    size_t used = 0;
    if (client->state == CLIENT_UPGRADING) {
        used = take_answer(loop, client, input);
    }
    while (client->state == CLIENT_OPEN) {
        struct wire_frame frame;
        enum wire_result result =
            wire_parse(bytes_slice(input, used, input.len), CLIENT_FRAME_MAX, &frame);
        if (result == WIRE_BAD) {
            end(loop, client, "bad frame");
        }
        if (result != WIRE_DONE) {
            break;
        }
        used += frame.total;
        take_frame(loop, client, &frame);
    }
    return used;
}

static void readable(struct client_loop *loop, struct client *client)
{
    ssize_t got = recv(client->fd, loop->scratch, CLIENT_SCRATCH, 0);
    if (got <= 0) {
        if (got == 0) {
            end(loop, client, "end without close");
        } else if (errno != EAGAIN) {
            end_errno(loop, client, "recv");
        }
        return;
    }
    *loop->bytes += (uint64_t)got;
    struct bytes input = bytes_of(loop->scratch, (size_t)got);
    struct buf *kept = client->input;
    client->input = NULL; /* an end inside take() does not free what is read */
    if (kept != NULL) {
        buf_append(kept, input);
        input = buf_bytes(kept);
    }
    size_t used = take(loop, client, input);
    if (client->state != CLIENT_GONE && used < input.len) {
        if (kept != NULL) {
            buf_consume(kept, used);
            client->input = kept;
            return;
        }
        buf_append(need_buf(&client->input), bytes_slice(input, used, input.len));
    }
    free_buf(&kept);
}

void client_event(struct client_loop *loop, struct client *client, uint32_t events)
{
    if (client->state == CLIENT_GONE) {
        return;
    }
    if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0 && !writable(loop, client)) {
        return;
    }
    if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) {
        readable(loop, client);
    }
    update_watch(loop, client);
}
