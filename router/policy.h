/* Rates of one connection, and of one user over all of them. */
#ifndef ROUTER_POLICY_H
#define ROUTER_POLICY_H

#include "common/gcra.h"
#include "router/core.h"

#include <stdbool.h>
#include <stdint.h>

struct policy_rates {
    struct gcra messages;
    struct gcra bytes;
    struct gcra joins;
    uint64_t
        half_ms; /* when it was announced, by its edge's clock: its buckets are no more than
                    half full then. 0 = all its life is known; UINT64_MAX = that clock is not */
    struct gcra denials;
    uint64_t recovered_ms; /* until then, at the byte rate, lasts what recovery has given out */
    uint64_t quiet_ms; /* from then on, by the router's clock, all is as if it had never spoken */
};

/* What all connections of a user share. */
struct policy_user {
    struct gcra messages;
    struct gcra bytes;
    struct gcra logs;
    uint64_t messages_base_ns; /* what is known of the buckets before this router counted */
    uint64_t bytes_base_ns;
    uint64_t at_ms; /* of its newest message: edges that hand over what they held come one after the
                       other, but no time is given out twice */
};

struct policy_message {
    uint64_t wire_bytes;
    uint64_t at_ms;   /* when it came, by the clock of its edge */
    uint64_t ours_ms; /* the same by the router's clock: one for all edges */
    bool join;
};

enum policy_verdict {
    POLICY_OK,
    POLICY_MESSAGES,
    POLICY_BYTES,
    POLICY_JOINS,
    POLICY_USER_MESSAGES,
    POLICY_USER_BYTES,
    POLICY_VERDICTS
};

/* Charges one message to the connection and to its user (NULL: no limits over all connections). One
 * that is refused costs the user nothing, so that what is counted there is what was acted upon.
 * When it is refused: *ret_retry_ms says when to try again. */
enum policy_verdict policy_admit(struct policy_rates *rates, struct policy_user *user,
                                 const struct core_config *config,
                                 const struct policy_message *message, uint64_t *ret_retry_ms);

/* After a charge at `at_ms` by the clock of its edge, which was `now_ms` by ours: says until when
 * it counts. */
void policy_charged(struct policy_rates *rates, uint64_t at_ms, uint64_t now_ms);

/* The connection was announced at `at_ms` by the clock of its edge (UINT64_MAX: not known). */
void policy_half(struct policy_rates *rates, uint64_t at_ms, uint64_t now_ms);

/* True when fresh rates would say the same. */
bool policy_quiet(const struct policy_rates *rates, uint64_t now_ms);

/* True when users have limits over all their connections. */
bool policy_has_user_limits(const struct core_config *config);

/* A user's buckets were half full at `at_ms`, by the router's clock. */
void policy_user_init(struct policy_user *user, uint64_t at_ms);

/* How long, from now on, until a user's messages and bytes are paid back. True when that is more
 * than half a burst: a router that knows nothing would let the user have more than its limits. */
bool policy_user_spent(const struct policy_user *user, uint64_t now_ms, uint64_t *ret_messages_ms,
                       uint64_t *ret_bytes_ms);

/* The former router had told so. In whatever order edges say it: what was counted since stays. */
void policy_user_spent_before(struct policy_user *user, uint64_t now_ms, uint64_t messages_ms,
                              uint64_t bytes_ms);

/* Of a user of whom only that is known which policy_user_spent_before() is to tell. */
void policy_user_init_told(struct policy_user *user, uint64_t at_ms);

/* Charges a user for beginning a log, with a minute's worth at once. False: not now. */
bool policy_user_begins(struct policy_user *user, const struct core_config *config, uint64_t now_ms,
                        uint64_t *ret_retry_ms);

/* Charges one refusal. False: the connection has kept exceeding its limits and is to be closed. */
bool policy_forgives(struct policy_rates *rates, const struct core_config *config, uint64_t now_ms);

/* Recovery (`history`, `join` with `since`) says much for few bytes. What it gives out may be ahead
 * of the byte rate by RECOVERY_AHEAD_MS and one answer. False: not now, and when to retry. */
enum { RECOVERY_AHEAD_MS = 3000 };
bool policy_may_recover(const struct policy_rates *rates, const struct core_config *config,
                        uint64_t now_ms, uint64_t *ret_retry_ms);
void policy_recovered(struct policy_rates *rates, const struct core_config *config, uint64_t bytes,
                      uint64_t now_ms);

#endif
