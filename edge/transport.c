#include "edge/transport.h"

#include <sys/socket.h>
#include <unistd.h>

static ssize_t plain_receive(struct transport *transport, uint8_t *data, size_t len)
{
    return recv(transport->fd, data, len, MSG_DONTWAIT);
}

static ssize_t plain_send(struct transport *transport, const struct iovec *iov, size_t count,
                          bool more)
{
    int flags = MSG_NOSIGNAL | MSG_DONTWAIT | (more ? MSG_MORE : 0);
    if (count == 1) {
        return send(transport->fd, iov[0].iov_base, iov[0].iov_len, flags);
    }
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = count};
    return sendmsg(transport->fd, &message, flags);
}

static int plain_shutdown(struct transport *transport)
{
    return shutdown(transport->fd, SHUT_WR);
}

static void plain_close(struct transport *transport)
{
    close(transport->fd);
    transport->fd = -1;
}

const struct transport_ops TRANSPORT_PLAIN = {
    .receive = plain_receive,
    .send = plain_send,
    .shutdown = plain_shutdown,
    .close = plain_close,
};

struct transport transport_plain(int fd)
{
    return (struct transport){.fd = fd};
}
