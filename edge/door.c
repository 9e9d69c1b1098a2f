#include "edge/door.h"

#include "common/clock.h"
#include "common/mem.h"

#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_BYTES = 4096 };

struct place {
    int fd; /* -1 = free */
    struct event *event;
    uint64_t due_ms;
    size_t received;
};

struct door {
    struct event_base *base;
    struct place places[DOOR_PLACES];
    size_t next; /* to be taken: the place of the one who has been here for longest, or free */
};

/* Of what was received at once. END: the peer has ended, or there is no use in waiting. */
enum received { RECEIVED_NOTHING, RECEIVED_PART, RECEIVED_REQUEST, RECEIVED_END };

/* Takes away what came. Whoever's head ends with it sends nothing more before it has an answer. */
static enum received receive(int fd, size_t *received)
{
    static const char HEAD_END[] = {'\r', '\n', '\r', '\n'};
    char data[READ_BYTES];
    ssize_t len = recv(fd, data, sizeof(data), MSG_DONTWAIT);
    if (len < 0 && (errno == EAGAIN || errno == EINTR)) {
        return RECEIVED_NOTHING;
    }
    if (len <= 0) {
        return RECEIVED_END;
    }
    *received += (size_t)len;
    if (*received > DOOR_BYTES_MAX) {
        return RECEIVED_END;
    }
    bool whole = (size_t)len >= sizeof(HEAD_END) &&
                 memcmp(data + len - sizeof(HEAD_END), HEAD_END, sizeof(HEAD_END)) == 0;
    return whole ? RECEIVED_REQUEST : RECEIVED_PART;
}

static void leave(struct place *place)
{
    if (place->fd < 0) {
        return;
    }
    event_free(place->event);
    place->event = NULL;
    close(place->fd);
    place->fd = -1;
}

static bool wait_on(struct place *place)
{
    uint64_t now_ms = clock_mono_ms();
    uint64_t left_ms = place->due_ms > now_ms ? place->due_ms - now_ms : 0;
    const struct timeval left = {.tv_sec = (time_t)(left_ms / 1000),
                                 .tv_usec = (suseconds_t)(left_ms % 1000 * 1000)};
    return left_ms != 0 && event_add(place->event, &left) == 0;
}

/* One read in a turn, and not for longer than at first. */
static void on_event(evutil_socket_t fd, short what, void *owner)
{
    struct place *place = owner;
    bool stays = (what & EV_TIMEOUT) == 0 && receive(fd, &place->received) != RECEIVED_END;
    if (!stays || !wait_on(place)) {
        leave(place);
    }
}

static void linger(struct door *door, int fd, size_t received)
{
    struct place *place = &door->places[door->next];
    struct event *event = event_new(door->base, fd, EV_READ, on_event, place);
    if (event == NULL) {
        close(fd);
        return;
    }
    door->next = (door->next + 1) % DOOR_PLACES;
    leave(place);
    *place = (struct place){
        .fd = fd,
        .event = event,
        .due_ms = clock_mono_ms() + DOOR_LINGER_MS,
        .received = received,
    };
    if (!wait_on(place)) {
        leave(place);
    }
}

struct door *door_new(struct event_base *base)
{
    struct door *door = mem_new(1, sizeof(*door));
    door->base = base;
    for (size_t i = 0; i < DOOR_PLACES; i++) {
        door->places[i].fd = -1;
    }
    return door;
}

void door_free(struct door **door_at)
{
    struct door *door = *door_at;
    if (door == NULL) {
        return;
    }
    *door_at = NULL;
    for (size_t i = 0; i < DOOR_PLACES; i++) {
        leave(&door->places[i]);
    }
    mem_free(door);
}

void door_refuse(struct door *door, int fd, struct bytes answer)
{
    size_t received = 0;
    enum received came = receive(fd, &received);
    (void)send(fd, answer.data, answer.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (came == RECEIVED_NOTHING || came == RECEIVED_PART) {
        (void)shutdown(fd, SHUT_WR);
        linger(door, fd, received);
    } else {
        close(fd);
    }
}
