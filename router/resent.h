/* Ids and keys of the messages in the log of a durable channel. An edge whose router died between
 * commit and acknowledgement sends such a message again; it gets the first answer. */
#ifndef ROUTER_RESENT_H
#define ROUTER_RESENT_H

#include "router/channel.h"

#include <stdbool.h>
#include <stdint.h>

/* Nobody holds back for longer what the last router did not finish. Ids are forgotten so long after
 * the log was read, and those of messages so much older than its newest are not taken at all: they
 * cost memory for every room. */
enum { RESENT_MS = 600000 };

/* The log was read for the first time. */
void resent_take(struct router_core *core, struct channel *channel, const struct core_log *log);

/* The message of the log that has this id. */
bool resent_find(const struct channel *channel, struct bytes user, struct bytes id,
                 uint64_t *ret_offset);

void resent_tick(struct router_core *core);
/* UINT64_MAX = nothing is due ever. */
uint64_t resent_deadline(const struct router_core *core);
void resent_fini(struct router_core *core);

#endif
