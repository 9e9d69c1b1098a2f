/* What the files of zlink share, and nobody else includes. */
#ifndef COMMON_ZLINK_INTERNAL_H
#define COMMON_ZLINK_INTERNAL_H

#include "common/zlink.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <zmq.h>

enum { ZLINK_PARTS_MAX = 10 };

struct zlink_context {
    void *zmq;
    uint32_t next_name; /* for inproc endpoints */
};

/* A helper socket on the loop, read to its end by the rule that zlink.c explains. */
struct zlink_reader {
    void *socket;
    struct event *wake;
    struct event *again;
    /* One message; parts past ZLINK_PARTS_MAX share the last place. Must not end the reader. */
    void (*on_parts)(void *owner, zmq_msg_t *parts, size_t count);
    void *owner;
};

/* Takes the socket. */
void zlink_reader_start(struct zlink_reader *reader, struct event_base *base, void *socket,
                        void (*on_parts)(void *owner, zmq_msg_t *parts, size_t count), void *owner);
/* Closes the socket. Harmless on one that is all zero. */
void zlink_reader_stop(struct zlink_reader *reader);

bool zlink_readable(void *socket);
int zlink_wake_fd(void *socket);
/* As zmq_setsockopt, which cannot fail here. */
void zlink_set_option(void *socket, int option, int value);

struct bytes zlink_part(zmq_msg_t *part);

/* What a DEALER's watcher is told when its peer closed in the handshake, whyever. */
extern const char zlink_went_away[];

/* What zlink_watch() needs. */
struct zlink_watcher;
struct zlink_watcher *zlink_watcher_new(struct zlink_context *context, struct event_base *base,
                                        void *socket, bool server, zlink_on_handshake *told,
                                        void *owner);
void zlink_watcher_free(struct zlink_watcher **watcher);

#endif
