/* See zlink.c for the rule that keeps sockets awake. */
#include "common/zlink_internal.h"

#include <errno.h>
#include <stdlib.h>

enum { READ_BUDGET = 64 };

bool zlink_readable(void *socket)
{
    int events = 0;
    size_t len = sizeof(events);
    while (zmq_getsockopt(socket, ZMQ_EVENTS, &events, &len) != 0) {
        if (errno != EINTR) {
            return false;
        }
    }
    return (events & ZMQ_POLLIN) != 0;
}

int zlink_wake_fd(void *socket)
{
    int fd = -1;
    size_t len = sizeof(fd);
    if (zmq_getsockopt(socket, ZMQ_FD, &fd, &len) != 0) {
        abort();
    }
    return fd;
}

void zlink_set_option(void *socket, int option, int value)
{
    if (zmq_setsockopt(socket, option, &value, sizeof(value)) != 0) {
        abort();
    }
}

struct bytes zlink_part(zmq_msg_t *part)
{
    return bytes_of(zmq_msg_data(part), zmq_msg_size(part));
}

static size_t receive(struct zlink_reader *reader, zmq_msg_t parts[ZLINK_PARTS_MAX])
{
    size_t count = 0;
    bool more = true;
    while (more) {
        zmq_msg_t *part = &parts[count < ZLINK_PARTS_MAX ? count : ZLINK_PARTS_MAX - 1];
        if (zmq_msg_recv(part, reader->socket, ZMQ_DONTWAIT) < 0) {
            if (errno == EINTR) {
                continue;
            }
            return 0;
        }
        more = zmq_msg_more(part) != 0;
        count++;
    }
    return count;
}

static void read_one(struct zlink_reader *reader)
{
    zmq_msg_t parts[ZLINK_PARTS_MAX];
    for (size_t i = 0; i < ZLINK_PARTS_MAX; i++) {
        (void)zmq_msg_init(&parts[i]);
    }
    size_t count = receive(reader, parts);
    if (count != 0) {
        reader->on_parts(reader->owner, parts, count);
    }
    for (size_t i = 0; i < ZLINK_PARTS_MAX; i++) {
        (void)zmq_msg_close(&parts[i]);
    }
}

static void on_wake(evutil_socket_t fd, short what, void *owner)
{
    struct zlink_reader *reader = owner;
    const struct timeval now = {0, 0};
    (void)fd;
    (void)what;
    for (unsigned i = 0; zlink_readable(reader->socket); i++) {
        if (i == READ_BUDGET) {
            if (event_add(reader->again, &now) != 0) {
                abort();
            }
            return;
        }
        read_one(reader);
    }
}

void zlink_reader_start(struct zlink_reader *reader, struct event_base *base, void *socket,
                        void (*on_parts)(void *owner, zmq_msg_t *parts, size_t count), void *owner)
{
    const struct timeval now = {0, 0};
    *reader = (struct zlink_reader){.socket = socket, .on_parts = on_parts, .owner = owner};
    reader->wake = event_new(base, zlink_wake_fd(socket), EV_READ | EV_PERSIST, on_wake, reader);
    reader->again = event_new(base, -1, 0, on_wake, reader);
    if (reader->wake == NULL || reader->again == NULL || event_add(reader->wake, NULL) != 0 ||
        event_add(reader->again, &now) != 0) {
        abort();
    }
}

void zlink_reader_stop(struct zlink_reader *reader)
{
    if (reader->socket == NULL) {
        return;
    }
    event_free(reader->wake); /* before its descriptor goes */
    event_free(reader->again);
    if (zmq_close(reader->socket) != 0) {
        abort();
    }
    *reader = (struct zlink_reader){0};
}
