/* Waiting for a client's first TLS record where it costs nothing: in the kernel. */
#ifndef EDGE_TLS_HELLO_H
#define EDGE_TLS_HELLO_H

#include <stdbool.h>
#include <stdint.h>

/* True when it is time to read from the TCP socket `fd`: its first record is there as a whole, or
 * will never be one (the peer has ended, or speaks no TLS). Until then the kernel is told not to
 * call the socket readable, and false is given, with EAGAIN. `*waited_for` belongs to this function
 * and is 0 at first. Nothing is taken from the socket. */
bool tls_hello_ready(int fd, uint16_t *waited_for);

#endif
