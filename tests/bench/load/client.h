/* One connection: opening, upgrade, frames in and out. What messages mean is the worker's. */
#ifndef BENCH_LOAD_CLIENT_H
#define BENCH_LOAD_CLIENT_H

#include "common/buf.h"
#include "tests/bench/load/account.h"
#include "tests/bench/load/wire.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

enum client_state { CLIENT_NONE, CLIENT_CONNECTING, CLIENT_UPGRADING, CLIENT_OPEN, CLIENT_GONE };

/* Kept small: there are many, and most of them idle. */
struct client {
    int fd;
    uint8_t state;  /* enum client_state */
    uint8_t joined; /* rooms answered */
    bool welcomed;
    bool ready;
    bool want_write; /* epoll waits for it */
    uint32_t key;    /* what epoll gives back */
    uint32_t index;  /* in the run */
    uint32_t ids;    /* of commands, given out */
    uint32_t stream_count;
    uint32_t heard; /* messages since it was ready */
    struct account_stream *streams;
    struct buf *input;   /* an incomplete frame or answer; NULL while there is none */
    struct buf *output;  /* what the socket did not take; NULL while there is nothing */
    struct buf *message; /* fragments so far; NULL while there are none */
    struct buf *tail;    /* of a stream: what may be the beginning of a stamp; NULL without one */
    uint64_t sent;       /* messages published */
    uint64_t begun_us;   /* to connect */
};

struct client_callbacks {
    void (*on_open)(void *owner, struct client *client);
    /* A whole text or binary message, valid during the call. */
    void (*on_message)(void *owner, struct client *client, struct bytes message);
    /* It is GONE: `why` is a close code or what failed. Not called by client_drop. */
    void (*on_end)(void *owner, struct client *client, const char *why);
};

/* What all clients of a process share. */
struct client_loop {
    int epoll;
    uint8_t *scratch; /* CLIENT_SCRATCH bytes */
    const struct client_callbacks *callbacks;
    void *owner;
    uint32_t mask;   /* of the next frame */
    uint64_t *bytes; /* counts those received */
    uint64_t *pings; /* likewise */
};

enum { CLIENT_SCRATCH = 65536, CLIENT_FRAME_MAX = 4 * 1024 * 1024 };

/* Starts to connect, from `source` unless NULL. `request` is sent once connected. */
void client_connect(struct client_loop *loop, struct client *client,
                    const struct sockaddr_in *source, const struct sockaddr_in *target,
                    struct bytes request);

/* What epoll said. */
void client_event(struct client_loop *loop, struct client *client, uint32_t events);

/* Sends one frame now; what the socket does not take follows. */
void client_send(struct client_loop *loop, struct client *client, enum wire_opcode opcode,
                 struct bytes payload);

/* Closes the socket without a word. */
void client_drop(struct client *client);

#endif
