/* What operators watch live. A tap names a room, a user or everything; while there is one, what
 * happens to it is told by CORE_TAPPED beside whatever else it causes. Without taps a message costs
 * two comparisons. Pure; the core owns one. */
#ifndef ROUTER_TAPS_H
#define ROUTER_TAPS_H

#include "common/bytes.h"
#include "router/core.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct channel;
struct user;

enum {
    TAPS_MAX = 64,
    /* Told of whether or not somebody watches, so that the way of a message can be asked for later:
     * what goes to many, where one more effect is nothing, and a few of the others. */
    TAPS_FANOUT_MIN = 100,
    TAPS_ONE_OF = 1024
};

struct tap {
    enum core_tap kind;
    uint32_t users; /* of the tap: it ends with the last */
    uint8_t *name;  /* owned; NULL for CORE_TAP_ALL */
    size_t name_len;
};

struct taps {
    struct tap items[TAPS_MAX];
    uint32_t count;
    uint64_t messages; /* to fewer, so far */
};

void taps_fini(struct taps *taps);

/* When a message came, by the core's clock. */
struct tap_times {
    uint64_t edge_ms;   /* to its edge; 0 = not known */
    uint64_t router_us; /* to the router */
};

/* A message was committed and is delivered now: those who watch hear of it. */
void taps_message(struct router_core *core, const struct channel *channel,
                  const struct push_message *message, const struct tap_times *times);

/* The user has come into the room, or has left it; `reason` may be NULL. */
void taps_member(struct router_core *core, struct bytes room, const struct user *user, bool joined,
                 const char *reason);

/* The user is online now, or offline. */
void taps_presence(struct router_core *core, const struct user *user, bool online);

/* A connection of the user has come, or is lost or closed. */
void taps_connection(struct router_core *core, const struct user *user, struct conn_ref conn,
                     enum core_tapped_kind kind);

#endif
