/* What edges fan out to: a numbered stream of messages with a life (epoch), the newest of them, and
 * the number of members on each edge. Rooms, inboxes and watch channels embed one. The id of a
 * channel is the group of the planes. */
#ifndef ROUTER_CHANNEL_H
#define ROUTER_CHANNEL_H

#include "common/slotmap.h"
#include "router/core.h"
#include "router/keys.h"
#include "router/ring.h"

#include <stdbool.h>
#include <stdint.h>

struct edge_count {
    uint32_t edge;
    uint32_t count; /* never 0 */
};

/* What few channels have; see channel_rare(). */
struct channel_rare {
    uint64_t loaded_top; /* durable: `top` when the log was read first */
    uint64_t first;    /* durable: oldest offset that clients may ask for, maybe in the log only */
    uint64_t owed;     /* durable: an edge waits for what came from this offset on; 0 = none does */
    uint64_t asked;    /* `owed` as it was when the log was read last */
    struct keys *keys; /* NULL until a key is used */
    struct keys *resent;            /* see resent.h; NULL = none */
    struct former *former;          /* see former.h; NULL = none is known */
    struct pending *pending_oldest; /* waits for the engine, see post.c */
    struct pending *pending_newest;
    struct parked *parked_oldest; /* waits for the log, see load.c */
    struct parked *parked_newest;
    uint64_t former_none; /* epoch of a former life of which an edge announced that it has nothing,
                             before another had something; 0 = none */
    uint64_t read_first;  /* oldest offset in memory when the log was read last */
};

struct channel {
    slot_id id;
    uint64_t epoch;
    uint64_t top;        /* newest delivered offset, 0 = none yet */
    uint64_t assigned;   /* newest offset given out; above top while appends run */
    const uint8_t *name; /* see channel_name() */
    const struct namespace_policy *policy; /* in the core's table, never NULL */
    struct ring *ring;                     /* NULL until there is a message to keep */
    struct channel_rare *rare;             /* NULL until something in it is not zero */
    union {                                /* see channel_edges() */
        struct edge_count *edges;
        struct edge_count only_edge; /* while edge_capacity is 0 */
    };
    uint16_t edge_count;
    uint16_t edge_capacity;
    uint32_t member_count; /* sum over edges */
    uint32_t believed;     /* what members were told of who is there, as edges said; 0 = none did */
    uint8_t kind;          /* enum channel_kind */
    uint8_t name_len;
    bool durable : 1; /* its messages live in the engine's log; the ring holds the newest of them */
    bool loaded : 1;  /* durable: the log was read once */
    bool loading : 1; /* it is being read */
    bool unsure : 1;  /* its edges know that somebody is in grace, or was: */
    bool was_unsure : 1; /* as a former router died, and nobody was told yet */
    bool came_early : 1; /* somebody came in before every edge could hear of it */
    bool postponed : 1;  /* in the core's list: see load.c */
};

/* Of the room or user whose channel it is, where the bytes live. */
static inline struct bytes channel_name(const struct channel *channel)
{
    return bytes_of(channel->name, channel->name_len);
}

/* For reading: all zeros when it was never made. */
static inline const struct channel_rare *channel_rare(const struct channel *channel)
{
    static const struct channel_rare none;
    return channel->rare == NULL ? &none : channel->rare;
}

/* For writing: made when it is not there; stays as long as the channel. */
struct channel_rare *channel_rare_made(struct channel *channel);

/* Members per edge, `edge_count` of them; valid until the next change. */
static inline const struct edge_count *channel_edges(const struct channel *channel)
{
    return channel->edge_capacity == 0 ? &channel->only_edge : channel->edges;
}

/* In place; `name` is borrowed for the channel's life. */
void channel_init(struct router_core *core, struct channel *channel, enum channel_kind kind,
                  struct bytes name);
void channel_fini(struct router_core *core, struct channel *channel);

/* NULL when the id is gone. */
struct channel *channel_find(const struct router_core *core, slot_id id);

/* One more member on an edge. True when it is the first there. */
bool channel_add_member(struct channel *channel, uint32_t edge);
void channel_remove_member(struct channel *channel, uint32_t edge);
bool channel_has_member(const struct channel *channel, uint32_t edge);
uint32_t channel_members_on(const struct channel *channel, uint32_t edge);

/* DELIVER to all edges with members; nothing when there are none. `offset` 0 = not numbered;
 * `except` NULL = nobody is left out. */
void channel_deliver(struct router_core *core, struct channel *channel, const struct push *push,
                     uint64_t offset, const struct conn_ref *except);
/* DELIVER to one edge, whether it has members or not. */
void channel_deliver_to(struct router_core *core, const struct channel *channel, uint32_t edge,
                        const struct push *push, uint64_t offset);

/* GROUP_ADD and GROUP_REMOVE. */
void channel_emit_add(struct router_core *core, const struct channel *channel, struct conn_ref conn,
                      bool first_on_edge);
void channel_emit_remove(struct router_core *core, const struct channel *channel,
                         struct conn_ref conn);

/* GROUP_POLICY to one edge or, with ALL_EDGES, to all that have members. */
#define ALL_EDGES UINT32_MAX
void channel_emit_policy(struct router_core *core, const struct channel *channel, uint32_t edge);
/* The same with GROUP_UNSURE. */
void channel_emit_unsure(struct router_core *core, const struct channel *channel, uint32_t edge);

/* GROUP_ROSTER to one edge or all, see roster.h. */
void channel_emit_roster(struct router_core *core, const struct channel *channel, uint32_t edge,
                         uint32_t roster, bool changes);

/* True when deliveries may be left out for slow readers. */
static inline bool channel_droppable(const struct channel *channel)
{
    return channel->policy->slow_reader == SLOW_READER_GAP;
}

/* The record of the group, valid until the next step. */
const struct group_info *channel_info(struct router_core *core, const struct channel *channel);

/* Makes `stored` (number top + 1) the newest message and keeps it as long as the limits allow;
 * takes it over, its bytes stay valid during the step. */
void channel_keep(struct router_core *core, struct channel *channel, struct stored *stored);

/* Forgets what the limits do not allow any more. Before a reader is told what is kept, since time
 * makes messages old while nobody touches them. */
void channel_trim(struct router_core *core, struct channel *channel);

/* Keeps memory below the total of all channels: first what nobody uses goes, then what the channel
 * has in memory. The caller sees to it that the channel is not itself among what nobody uses. */
void channel_bound_total(struct router_core *core, struct channel *channel);

/* True when at least one message is kept. */
static inline bool channel_keeps(const struct channel *channel)
{
    return channel->ring != NULL && channel->ring->count != 0;
}

/* Oldest offset kept, in memory or the log; top + 1 when nothing is kept. */
uint64_t channel_first_offset(const struct channel *channel);
/* Oldest offset in memory. */
uint64_t channel_ring_first(const struct channel *channel);

/* What the engine has of it, before or after it lived here. */
void channel_take_log(struct router_core *core, struct channel *channel,
                      const struct core_log *log);

/* Numbers up to `offset` were given out by somebody and are not in the log: they become holes. */
void channel_skip(struct router_core *core, struct channel *channel, uint64_t offset);

/* True when the answer to a history command needs messages that are not in memory. */
bool channel_history_lacks(const struct channel *channel, const struct command *command);
/* The same for all messages after `since`. */
bool channel_since_lacks(const struct channel *channel, uint64_t epoch, uint64_t offset);

/* An edge has everything below `offset` and is to get the rest, whatever clients may ask for: the
 * limits of history are for who comes back, not for who never left. Until channel_settled. */
void channel_owes(struct channel *channel, uint64_t offset);
void channel_settled(struct router_core *core, struct channel *channel);

/* The kept message with this offset (between first_offset and top). */
const struct stored *channel_at(const struct channel *channel, uint64_t offset);

/* The push of a kept message: the message, or a gap in its place. Valid until the next step. */
const struct push *channel_push_at(struct router_core *core, const struct channel *channel,
                                   uint64_t offset);

/* True when keys mean something: else all they are is a part of a message. */
bool channel_has_key(const struct router_core *core, struct bytes key);

/* Idempotency over (user, key); an empty key is never found nor put. */
bool channel_key_find(const struct router_core *core, const struct channel *channel,
                      struct bytes user, struct bytes key, uint64_t *ret_offset);
void channel_key_put(struct router_core *core, struct channel *channel, struct bytes user,
                     struct bytes key, uint64_t offset);
/* The same for one that was put at another time. */
struct channel_key {
    struct bytes user;
    struct bytes key;
    uint64_t offset;
    uint64_t at_ms;
};
void channel_key_put_at(struct router_core *core, struct channel *channel,
                        const struct channel_key *key);
/* What a log has as the key of a message: a client's key (an operator's message, or an old log), an
 * id (MESSAGE_ID_MARK and 24 bytes), or both (MESSAGE_BOTH_MARK, the same 24 bytes, then the
 * client's key). No client's key begins with a mark: neither is UTF-8. */
enum { MESSAGE_ID_MARK = 0xFF, MESSAGE_BOTH_MARK = 0xFE, MESSAGE_ID_BYTES = 1 + 8 + 4 + 4 + 8 };

/* Fills epoch, offset, first_offset, messages of a history answer: those after `since`, or the
 * newest `limit`; bounded by COMMAND_HISTORY_MAX and HISTORY_BYTES_MAX. */
enum { HISTORY_LIMIT_DEFAULT = 100, HISTORY_BYTES_MAX = 1 << 20 };
void channel_history(struct router_core *core, struct channel *channel,
                     const struct command *command, struct push *push);

#endif
