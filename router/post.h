/* Putting a message into a channel, a room's or an inbox: numbered, kept, delivered, answered.
 * Durable channels commit first. */
#ifndef ROUTER_POST_H
#define ROUTER_POST_H

#include "router/channel.h"
#include "router/messages.h"

#include <stdbool.h>
#include <stdint.h>

enum { PENDING_APPENDS_MAX = 1 << 16 };

/* Views are copied where they must outlive the step. */
struct post {
    enum room_class class;
    struct reply_to reply;
    struct conn_ref conn; /* the sender's */
    bool no_echo;         /* leave it out */
    struct bytes user;    /* sender, may be empty */
    struct bytes server_id;
    struct bytes payload;
    struct bytes key;
};

/* Answered by one SESSION_PUBLISHED, for durable channels after the commit. The channel must be
 * ready (load.h); what holds it is the caller's business, and core_settle afterwards. */
void post(struct router_core *core, struct channel *channel, const struct post *post);

/* The engine's answer to an append. */
void post_appended(struct router_core *core, uint64_t append_id, enum append_result result);

/* Goes on with what the engine has answered, after the channel has become ready. */
void post_finish(struct router_core *core, struct channel *channel);

/* Asks the engine once more for what it could not say. */
void post_ask_again(struct router_core *core, const struct channel *channel);

/* Frees what waits for the engine; nothing is answered. For the end of the core. */
void post_drop_pending(struct router_core *core, struct channel *channel);

#endif
