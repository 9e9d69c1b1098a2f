/* The admin endpoint without its socket: bytes of a request in, bytes of a reply out
 * (proto/admin.proto). Every request that carries an id is answered exactly once, most of them
 * before admin_handle returns. Lists are sorted and limited; what a stranger may send costs a
 * bounded amount of memory. */
#ifndef ROUTER_ADMIN_H
#define ROUTER_ADMIN_H

#include "common/bytes.h"
#include "router/core.h"
#include "router/plane.h"

#include <stdint.h>

enum {
    ADMIN_VERSION = 1,
    ADMIN_REQUEST_BYTES_MAX = 1024 * 1024,
    ADMIN_REPLY_BYTES_MAX = 64 * 1024 * 1024,
    ADMIN_LIST_DEFAULT = 100,
    ADMIN_LIST_MAX = 10000,
    ADMIN_USERS_MAX = 1000,  /* names in one presence question */
    ADMIN_PENDING_MAX = 4096 /* actions that the engine has not finished */
};

struct admin;
struct router_options;

struct admin_config {
    struct bytes router_id;               /* copied */
    uint64_t message_bytes_max;           /* --max-message: largest payload to publish or send */
    uint64_t started_ms;                  /* monotonic, for the uptime */
    const struct router_options *options; /* for limits; borrowed; NULL: it tells only the rates */
};

/* How requests went, by Reply.Status, and messages that were no request at all. */
struct admin_stats {
    uint64_t replies[5];
    uint64_t garbage;
};

/* Sends `body` to `peer`; both are valid during the call only. Must not call back into the admin.
 * Anything but OK: the peer is gone, or takes nothing more. */
typedef enum status admin_reply(void *owner, struct bytes peer, struct bytes body);

/* `plane` is borrowed and must outlive the admin. */
struct admin *admin_new(const struct admin_config *config, struct router_plane *plane,
                        admin_reply *reply, void *owner);
void admin_free(struct admin **admin);

/* One message from `peer`. Bytes that cannot be read are counted and logged, and answered with
 * BAD_REQUEST when an id can be found in them. Actions need a plane flush afterwards. */
void admin_handle(struct admin *admin, struct bytes peer, struct bytes request, uint64_t now_ms,
                  uint64_t wall_ms);

/* The plane's on_admin_done: answers the request that started the action. */
void admin_done(struct admin *admin, const struct core_effect *done, uint64_t wall_ms);

void admin_stats(const struct admin *admin, struct admin_stats *ret_stats);

/* Why the router is not ready: how many reasons, static texts for scripts; 0 when it is. The one
 * answer for /ready and for splitrailctl health. */
enum { ADMIN_REASONS_MAX = 4 };
size_t admin_not_ready(const struct router_plane *plane, uint64_t now_ms,
                       const char *ret_reasons[ADMIN_REASONS_MAX]);

#endif
