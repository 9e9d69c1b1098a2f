/* One question to a router and its answer. */
#ifndef ROUTER_CTL_CTL_CLIENT_H
#define ROUTER_CTL_CTL_CLIENT_H

#include "common/buf.h"
#include "common/bytes.h"

#include <stdint.h>

enum ctl_answer {
    CTL_ANSWERED,
    CTL_NO_ANSWER,   /* nobody there, or too slow */
    CTL_BAD_ENDPOINT /* errno says why */
};

/* Waits until `reply` holds the answer, at most `timeout_ms`. */
enum ctl_answer ctl_ask(const char *endpoint, uint64_t timeout_ms, struct bytes request,
                        struct buf *reply);

#endif
