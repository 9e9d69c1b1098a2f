/* The log of a durable channel is read when the channel is needed first, and again when a part of
 * it is needed that is not in memory any more. What is asked of the channel meanwhile is parked in
 * order; nothing else waits. */
#ifndef ROUTER_LOAD_H
#define ROUTER_LOAD_H

#include "router/channel.h"
#include "router/conn.h"
#include "router/core_internal.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    PARKED_MAX = 1 << 16,        /* in all, unless configured; more is refused as unavailable */
    PARKED_BYTES_MAX = 64 << 20, /* in all, unless configured */
    LOAD_RECORDS_MIN = 1000,     /* newest messages of a log whose ids are known after a restart */
    LOAD_BYTES_MIN = 1 << 20,    /* of them */
    LOAD_RETRY_MS = 1000         /* after a failure, when somebody must be brought up to date */
};

/* True when the channel may be used now. Else its log is being read (this begins it), and the
 * caller parks what it wanted. */
bool load_ready(struct router_core *core, struct channel *channel);

/* Begins to read the log again because older messages than those in memory are wanted. */
void load_again(struct router_core *core, struct channel *channel);

/* Parks this step's event (COMMAND, CONN_CLOSED, PUBLISH, SEND, READ, ANNOUNCE_GROUP,
 * REPAIR) or a connection
 * (CONN_OPEN: its welcome waits; ANNOUNCE_CONN: its place in the inbox does). False when too much
 * is parked already: the caller answers `unavailable`. */
bool load_park(struct router_core *core, struct channel *channel, const struct core_event *event);

/* CORE_GO_ON: what was parked and could not run when the log was there, since it was much or its
 * edge is held (then it waits on). */
void load_go_on(struct router_core *core, const struct core_event *event);

/* True when what runs now had the log read for it just before: it must do with what that gave. */
bool load_is_fresh(const struct router_core *core, const struct channel *channel);

/* CORE_LOADED. */
void load_done(struct router_core *core, const struct core_event *event);

/* The channel is looked at again with the tick after next LOAD_RETRY_MS. */
void load_retry_later(struct router_core *core, const struct channel *channel);

/* Loads that failed and have edges waiting are tried again. */
void load_tick(struct router_core *core);
uint64_t load_deadline(const struct router_core *core);

/* For the end of a channel or of the core. */
void load_drop(struct router_core *core, struct channel *channel);

/* True while something holds the channel here. */
static inline bool load_holds(const struct channel *channel)
{
    return channel->loading || channel_rare(channel)->parked_oldest != NULL ||
           channel_rare(channel)->pending_oldest != NULL;
}

#endif
