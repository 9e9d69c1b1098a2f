/* The one owner of ZeroMQ: sockets on a libevent loop. ZMQ_FD is edge-triggered and shared with
 * sending: a wake-up receives until nothing is left, and ZMQ_EVENTS is read after what was sent
 * (data-plane rule 13). One message is one frame (plus the peer's routing id on a ROUTER). Sockets
 * get: no linger,
 * ROUTER_MANDATORY, ROUTER_HANDOVER, IMMEDIATE, high-water marks of 1,000, MAXMSGSIZE, reconnect
 * interval 50 to 500 ms, TCP keep-alive. */
#ifndef COMMON_ZLINK_H
#define COMMON_ZLINK_H

#include "common/buf.h"
#include "common/bytes.h"
#include "common/curve_key.h"
#include "common/status.h"

#include <stddef.h>
#include <stdint.h>

struct event_base;
struct zlink_context;
struct zlink;

enum zlink_kind { ZLINK_DEALER, ZLINK_ROUTER };

struct zlink_callbacks {
    /* One message. `peer` is empty on a DEALER. Both are valid during the call only. The zlink must
     * not be closed inside; use the turn callback or a timer. */
    void (*on_message)(void *owner, struct bytes peer, struct bytes body);
    /* After a run of messages was handed over: the place to flush what they caused. */
    void (*on_turn)(void *owner);
};

struct zlink_config {
    enum zlink_kind kind;
    struct bytes routing_id;  /* DEALER: what the ROUTER shall call us; empty = chosen by it */
    size_t message_bytes_max; /* a larger message breaks the connection */
};

/* One I/O thread. NULL never; aborts when ZeroMQ cannot start. */
struct zlink_context *zlink_context_new(void);
/* All sockets must be closed before. */
void zlink_context_free(struct zlink_context **context);

/* A socket without endpoints. */
struct zlink *zlink_new(struct zlink_context *context, struct event_base *base,
                        const struct zlink_config *config, const struct zlink_callbacks *callbacks,
                        void *owner);
void zlink_free(struct zlink **link);
/* As zlink_free, but what was sent before may still leave: zlink_context_free waits for it, up to
 * `linger_ms`. Nobody can connect any more meanwhile. */
void zlink_free_after(struct zlink **link, int linger_ms);

/* STATUS_IO with errno set (EADDRINUSE, EINVAL, …). For ipc:// a stale socket file is replaced only
 * when nobody listens on it. */
enum status zlink_bind(struct zlink *link, const char *endpoint) MUST_CHECK;
enum status zlink_connect(struct zlink *link, const char *endpoint) MUST_CHECK;

/* What is bound or connected from now on speaks CURVE and nothing else; it was plain before. A
 * ROUTER lets in whom zlink_auth lets in to `domain`. */
void zlink_curve_server(struct zlink *link, const struct curve_pair *pair, const char *domain);
void zlink_curve_client(struct zlink *link, const struct curve_pair *pair,
                        const uint8_t server_key[CURVE_KEY_BYTES]);
/* What is bound or connected from now on is plain. */
void zlink_plain(struct zlink *link);

/* How a handshake went: `failure` is NULL (a DEALER only) or a text. `address` is the peer's at a
 * ROUTER, and empty when it is not known. The link must not be freed inside. */
typedef void zlink_on_handshake(void *owner, const char *failure, struct bytes address);

/* Calls `told` with the owner of zlink_new; before it is bound or connected. After a failure a
 * DEALER is not connected any more and does not try again: keys do not heal by themselves. Whoever
 * wants to free it and begins anew later. (A plain DEALER tries again when its peer has merely gone
 * away.) */
void zlink_watch(struct zlink *link, zlink_on_handshake *told);

/* Inside of on_message: the key of the sender in Z85, empty when its connection is plain. */
struct bytes zlink_sender(const struct zlink *link);
/* Inside of on_message: ends the sender's connection. */
void zlink_cut_sender(struct zlink *link);

/* Sends a copy of header and body as one message (either may be empty). AGAIN: high-water mark or
 * not connected; UNREACHABLE: the ROUTER does not know `peer`. */
enum status zlink_send(struct zlink *link, struct bytes peer, struct bytes header,
                       struct bytes body) MUST_CHECK;

/* Around several sends: the look at what they may have taken note of, two system calls, is taken
 * once, by the release. The loop must not run between the two. A release without a hold (the link
 * was made anew meanwhile) is harmless. */
void zlink_hold(struct zlink *link);
void zlink_release(struct zlink *link);

#endif
