#include "edge/sockets.h"

#include "common/mem.h"

#include <event2/event.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Taken from the kernel at a time; the loop comes back at once when there are more. */
enum { BATCH = 256, WOKEN_CAPACITY_MIN = 16 };

struct woken {
    slot_id *ids;
    size_t count;
    size_t capacity;
};

struct sockets {
    int epoll_fd;
    struct event *event;
    sockets_ready *on_ready;
    void *owner;
    struct woken woken;
    struct woken waking; /* being called: the two change places */
    struct epoll_event batch[BATCH];
};

/* A socket that is broken is reported as what its owner waits for, as the loop does it. */
static unsigned what_of(uint32_t events)
{
    if ((events & EPOLLERR) != 0 || (events & (EPOLLHUP | EPOLLRDHUP)) == EPOLLHUP) {
        return SOCKET_READABLE | SOCKET_WRITABLE;
    }
    return ((events & (EPOLLIN | EPOLLRDHUP)) != 0 ? SOCKET_READABLE : 0U) |
           ((events & EPOLLOUT) != 0 ? SOCKET_WRITABLE : 0U);
}

static void call_woken(struct sockets *sockets)
{
    struct woken waking = sockets->woken;
    sockets->woken = sockets->waking;
    sockets->waking = waking;
    for (size_t i = 0; i < waking.count; i++) {
        sockets->on_ready(sockets->owner, waking.ids[i], SOCKET_READABLE);
    }
    sockets->waking.count = 0;
}

static void on_event(evutil_socket_t fd, short what, void *owner)
{
    struct sockets *sockets = owner;
    (void)what;
    call_woken(sockets);
    int count = epoll_wait(fd, sockets->batch, BATCH, 0);
    for (int i = 0; i < count; i++) {
        const struct epoll_event *event = &sockets->batch[i];
        sockets->on_ready(sockets->owner, event->data.u64, what_of(event->events));
    }
}

struct sockets *sockets_new(struct event_base *base, sockets_ready *on_ready, void *owner)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0) {
        return NULL;
    }
    struct sockets *sockets = mem_new(1, sizeof(*sockets));
    sockets->epoll_fd = fd;
    sockets->on_ready = on_ready;
    sockets->owner = owner;
    sockets->event = event_new(base, fd, EV_READ | EV_PERSIST, on_event, sockets);
    event_add(sockets->event, NULL);
    return sockets;
}

void sockets_free(struct sockets **sockets_at)
{
    struct sockets *sockets = *sockets_at;
    if (sockets == NULL) {
        return;
    }
    *sockets_at = NULL;
    event_free(sockets->event);
    close(sockets->epoll_fd);
    mem_free(sockets->woken.ids);
    mem_free(sockets->waking.ids);
    mem_free(sockets);
}

bool sockets_watch(struct sockets *sockets, int fd, slot_id id, unsigned watched, unsigned wanted)
{
    struct epoll_event event = {.data.u64 = id};
    event.events = ((wanted & SOCKET_READABLE) != 0 ? (uint32_t)EPOLLIN : 0U) |
                   ((wanted & SOCKET_WRITABLE) != 0 ? (uint32_t)EPOLLOUT : 0U);
    if (watched == wanted) {
        return true;
    }
    int operation = watched == 0 ? EPOLL_CTL_ADD : wanted == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
    return epoll_ctl(sockets->epoll_fd, operation, fd, &event) == 0;
}

void sockets_wake(struct sockets *sockets, slot_id id)
{
    struct woken *woken = &sockets->woken;
    if (woken->count == woken->capacity) {
        woken->capacity = woken->capacity == 0 ? WOKEN_CAPACITY_MIN : woken->capacity * 2;
        woken->ids = mem_resize(woken->ids, woken->capacity, sizeof(woken->ids[0]));
    }
    woken->ids[woken->count++] = id;
    event_active(sockets->event, EV_READ, 0);
}
