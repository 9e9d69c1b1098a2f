#include "edge/tls_hello.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* RFC 8446 section 5.1 */
enum { RECORD_HEADER = 5, RECORD_HANDSHAKE = 22, RECORD_MAX = 16384 };

static void set_low_water(int fd, int bytes)
{
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof(bytes));
}

/* The bytes that are worth waiting for as far as the next ones tell: 0 = none, -1 = nothing came.
 */
static int wanted_bytes(int fd)
{
    uint8_t header[RECORD_HEADER];
    ssize_t len = recv(fd, header, sizeof(header), MSG_PEEK | MSG_DONTWAIT);
    if (len < 0 && (errno == EAGAIN || errno == EINTR)) {
        return -1;
    }
    if (len <= 0 || header[0] != RECORD_HANDSHAKE) {
        return 0;
    }
    if (len < RECORD_HEADER) {
        return RECORD_HEADER;
    }
    int payload = header[3] << 8 | header[4];
    return payload > RECORD_MAX ? 0 : RECORD_HEADER + payload;
}

/* Woken again although less than the low-water mark is there: the peer has ended, or this kernel
 * does not know the mark. Waiting on would spin. */
bool tls_hello_ready(int fd, uint16_t *waited_for)
{
    int there = 0;
    int wanted = wanted_bytes(fd);
    bool wait =
        wanted < 0 || (wanted != *waited_for && ioctl(fd, FIONREAD, &there) == 0 && there < wanted);
    if (wait) {
        if (wanted > 0) {
            set_low_water(fd, wanted);
            *waited_for = (uint16_t)wanted;
        }
        errno = EAGAIN;
        return false;
    }
    if (*waited_for != 0) {
        set_low_water(fd, 1);
    }
    return true;
}
