/* The state of a router core and what its parts share. Only files of the core include this. */
#ifndef ROUTER_CORE_INTERNAL_H
#define ROUTER_CORE_INTERNAL_H

#include "common/ip_counts.h"
#include "common/slotmap.h"
#include "common/strmap.h"
#include "common/wheel.h"
#include "router/agents.h"
#include "router/bans.h"
#include "router/core.h"
#include "router/edges.h"
#include "router/effects.h"
#include "router/idle.h"
#include "router/mass.h"
#include "router/messages.h"
#include "router/name_index.h"
#include "router/rates.h"
#include "router/taps.h"

#include <stdbool.h>
#include <stdint.h>

struct resent_due;
struct room_hold;
struct channel;

struct core_counters {
    uint64_t commands[COMMAND_BAD + 1];
    uint64_t errors[CLIENT_ERROR_COUNT];
    uint64_t deliveries;
    uint64_t room_messages;
    uint64_t direct_messages;
    uint64_t duplicates;
    uint64_t evicted_channels;
    uint64_t loads;
    uint64_t loads_failed;
    uint64_t tokens_ended;
    uint64_t parked_refused;
    uint64_t refused_user_banned; /* connections, as all that begin so */
    uint64_t refused_address_banned;
    uint64_t refused_user_limit;
    uint64_t refused_address_limit;
    uint64_t user_messages_limited; /* commands, of those in errors */
    uint64_t user_logs_limited;     /* likewise */
    uint64_t user_bytes_limited;
    uint64_t ahead;      /* edges had delivered more than the log has */
    uint64_t mass_edges; /* edges that died with many connections */
    uint64_t mass_conns; /* times that many connections were lost otherwise */
    uint64_t lengthened; /* connections that got the long grace */
    uint64_t unsure;     /* rooms and watched users told of after a start */
};

/* See unsure.h. */
struct unsure {
    uint64_t met;  /* stands for the edges that have announced since the start */
    uint64_t told; /* for those of the former router, 0 = nobody knew */
    bool differ;   /* not all said the same */
    bool telling;  /* channels from the cursor on are to be looked at */
    bool all;      /* an edge is missing: every room may have lost members */
    uint32_t cursor;
};

/* Channels that are to forget the ids of their logs, oldest first at `head`; see resent.c. */
struct resent_queue {
    struct resent_due *items;
    size_t head;
    size_t count;
    size_t capacity;
};

struct router_core {
    struct core_config config;
    struct namespace_policy inbox_policy;
    uint64_t now_ms;  /* of the step */
    uint64_t wall_ms; /* of the event */
    uint64_t random;
    uint8_t hash_seed[16];
    uint64_t started_ms; /* by the same clock as now_ms */
    uint64_t rebuild_until_ms;
    bool rebuilding; /* from the start until everything was announced once */
    struct effects effects;
    struct mailbox mailbox;
    struct edges edges;
    struct slotmap channels; /* by group */
    uint64_t history_bytes;
    struct core_counters counters;
    /* session side */
    struct slotmap users;
    struct name_index users_by_name;
    struct idle idle_users;
    struct slotmap conns;
    struct wheel *grace;      /* of detached connections, by index */
    struct wheel *token_ends; /* of attached connections, by index */
    struct bans bans;
    struct ip_counts addresses; /* of attached connections, while they are limited */
    struct agents agents;       /* of connections */
    struct rates rates;         /* of those connections that have sent lately */
    uint32_t detached_count;
    struct mass mass;
    struct unsure unsure;
    uint32_t online_count;
    /* room side */
    struct strmap rooms_by_name;
    struct idle idle_rooms;
    struct slotmap pending; /* appends under way, by append id */
    uint64_t cause;         /* of this step */
    uint64_t arrived_ms;    /* its command came to its edge, by our clock; 0 = not known */
    uint64_t received_us;   /* and to this router; 0 = not known */
    struct taps taps;
    uint64_t answered; /* number of the command that is being answered */
    uint64_t parked_count;
    uint64_t parked_bytes;
    struct channel *replaying; /* its parked events run now */
    bool replaying_late;       /* and not right after its log was read */
    slot_id *postponed;        /* channels with parked events although their log is here */
    uint32_t postponed_count;
    uint32_t postponed_capacity;
    slot_id *failed_loads; /* channels to be read again */
    uint32_t failed_count;
    uint32_t failed_capacity;
    uint64_t failed_due_ms;
    struct resent_queue resent;
    uint64_t member_count; /* users over all rooms */
    struct room_hold *holds;
    uint32_t hold_count;
    uint32_t hold_capacity;
};

/* True when the state is complete: the rebuild time is over and no edge is still announcing. */
bool core_synced(const struct router_core *core);

/* 64 random bits, never 0. */
uint64_t core_random(struct router_core *core);

/* After a change of a room's or user's channel: it may be idle now, or not any more. */
void core_settle(struct router_core *core, const struct channel *channel);

/* How old a message with this timestamp is; below 0 when it is from a clock that went ahead. Of the
 * wall clock and the one at the start plus the time since, the earlier counts: a wall clock that
 * jumps, in whichever direction, makes nothing old. */
int64_t core_age_of(const struct router_core *core, uint64_t timestamp_ms);

/* Something of this step's frame waits, or no longer. `cause` 0: nobody asks. */
void core_hold_frame(struct router_core *core, uint64_t cause);
void core_free_frame(struct router_core *core, uint64_t cause);

/* Handles all messages between the two sides. */
void core_drain(struct router_core *core);

/* Forgets the least recently used empty room or offline user that keeps messages. False when there
 * is none. */
bool core_evict_history(struct router_core *core);

#endif
