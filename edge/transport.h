/* How bytes pass between a connection and its socket: one small table of functions, plain here and
 * TLS in tls.c. Whoever reads or writes sees no difference but the flags below. */
#ifndef EDGE_TRANSPORT_H
#define EDGE_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct transport;

struct transport_ops {
    /* As recv(2) without waiting: bytes, 0 at the end, -1 with errno. EAGAIN also while a handshake
     * below is under way. EPROTO: the peer broke the protocol below, there is nobody to talk to.
     * EPROTOTYPE: the peer speaks plainly where it must not; `transport` is a plain one from now
     * on, so that it can be told. */
    ssize_t (*receive)(struct transport *transport, uint8_t *data, size_t len);
    /* As writev(2) without waiting. Bytes that were accepted are never given again, although some
     * may wait below (output_waits); a call with `count` 0 goes on with those and gives 0. `more`:
     * what follows comes soon, so the kernel may keep it back for a moment (MSG_MORE). */
    ssize_t (*send)(struct transport *transport, const struct iovec *iov, size_t count, bool more);
    /* Ends our direction after everything sent. -1 with errno; EAGAIN: again when writable. */
    int (*shutdown)(struct transport *transport);
    /* Closes the descriptor and frees what is below; says goodbye if that is possible at once. */
    void (*close)(struct transport *transport);
};

/* What a protocol below keeps for one connection begins with this. */
struct transport_session {
    const struct transport_ops *ops;
};

struct transport {
    struct transport_session *session; /* NULL: the socket itself */
    int fd;                            /* -1 when closed */
    bool input_waits;                  /* received bytes are left that poll(2) does not know of */
    bool output_waits;                 /* accepted bytes are not yet in the socket */
    bool receive_wants_write; /* receive gave EAGAIN and can go on when the socket is writable */
    bool send_wants_read;     /* the same for send */
};

/* A transport that is the socket itself. `fd` is non-blocking. */
struct transport transport_plain(int fd);

extern const struct transport_ops TRANSPORT_PLAIN;

static inline const struct transport_ops *transport_ops(const struct transport *transport)
{
    return transport->session == NULL ? &TRANSPORT_PLAIN : transport->session->ops;
}

#endif
