/* One question to a router and its answer. */
#ifndef ROUTER_CTL_CTL_CLIENT_H
#define ROUTER_CTL_CTL_CLIENT_H

#include "common/buf.h"
#include "common/bytes.h"
#include "router/ctl/ctl_reply.h"

#include <stdint.h>
#include <sys/time.h>

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

/* One line on standard error for what is no answer (errno tells of BAD_ENDPOINT), and the code to
 * exit with. */
enum ctl_exit ctl_client_failed(const char *endpoint, enum ctl_answer answer, const char *why);

/* For libevent. */
struct timeval ctl_timeval(uint64_t ms);

#endif
