/* One question to a router and its answer. */
#ifndef ROUTER_CTL_CTL_CLIENT_H
#define ROUTER_CTL_CTL_CLIENT_H

#include "common/buf.h"
#include "common/bytes.h"

#include <stdint.h>

struct ctl_keys;

enum ctl_answer {
    CTL_ANSWERED,
    CTL_NO_ANSWER,   /* nobody there, or too slow */
    CTL_TURNED_AWAY, /* by the handshake */
    CTL_BAD_ENDPOINT /* errno says why */
};

/* Waits until `reply` holds the answer, at most `timeout_ms`. TURNED_AWAY: *ret_why, static, says
 * why. */
enum ctl_answer ctl_ask(const char *endpoint, const struct ctl_keys *keys, uint64_t timeout_ms,
                        struct bytes request, struct buf *reply, const char **ret_why);

#endif
