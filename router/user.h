/* A user: connections, personal channel, presence. Lives while connected, in grace or watched;
 * after that it is idle and may be forgotten, the least recently used first. */
#ifndef ROUTER_USER_H
#define ROUTER_USER_H

#include "router/channel.h"
#include "router/idle.h"
#include "router/policy.h"

#include <stdbool.h>
#include <stdint.h>

struct conn;

/* What few users have. */
struct user_rare {
    struct policy_user rates; /* over all connections */
    bool has_rates;           /* one has spoken */
    uint16_t info_len;
    uint8_t *info;      /* shown with it, JSON; NULL when there is none */
    uint32_t mass_lost; /* connections detached by a mass loss */
    uint32_t mass_back; /* connections that have come in their stead */
};

struct user {
    slot_id id;
    struct channel inbox;
    struct channel *watch; /* NULL until somebody watches */
    struct conn *oldest;   /* then `newer` */
    uint32_t attached;
    uint32_t detached;
    uint64_t since_ms;      /* wall: online since */
    uint64_t last_seen_ms;  /* wall: 0 = never online here */
    struct user_rare *rare; /* NULL until something in it is not zero */
    struct idle_link *idle; /* NULL while somebody holds it */
    bool came_early : 1;    /* came online before every watcher could hear of it */
    bool ended_early : 1;   /* a connection ended then: the former router may have told watchers */
    bool told_left : 1;     /* of some room, since this router started */
    bool told_offline : 1; /* to watchers, because this router had not heard of him when it began */
    bool edge_lacked : 1;  /* and an edge that may have him was missing */
    uint8_t name[];
};

static inline struct bytes user_name(const struct user *user)
{
    return channel_name(&user->inbox);
}
static inline bool user_online(const struct user *user)
{
    return user->attached != 0 || user->detached != 0;
}

/* JSON; valid until the next event. Empty when there is none. */
static inline struct bytes user_info(const struct user *user)
{
    return user->rare == NULL ? BYTES_EMPTY : bytes_of(user->rare->info, user->rare->info_len);
}

/* For writing: made when it is not there; stays as long as the user. */
struct user_rare *user_rare_made(struct user *user);

struct user *user_find(const struct router_core *core, struct bytes name);
/* The user that embeds the inbox. */
struct user *user_of_inbox(struct channel *inbox);
/* By the index of its id; it must live. */
struct user *user_at(const struct router_core *core, uint32_t index);

/* Finds or creates. NULL when users_max live users leave no room. A new user is idle until
 * something holds it: the caller attaches a connection or a watcher, or calls user_settle. */
struct user *user_ensure(struct router_core *core, struct bytes name);

/* Its watch channel, created when missing. */
struct channel *user_watch_channel(struct router_core *core, struct user *user);

/* After a change: drops an unused watch channel, and moves the user in or out of the idle list
 * (to its end, as just used). */
void user_settle(struct router_core *core, struct user *user);

/* Of its newest token that says so; empty ones change nothing. */
void user_set_info(struct user *user, struct bytes info);

/* What its connections share of limits. A router that has just started knows nothing of what was
 * said before: the buckets were half full then, or at `at_ms` when that is earlier. */
struct policy_user *user_rates(const struct router_core *core, struct user *user, uint64_t at_ms);

/* Nobody may hold it. */
void user_forget(struct router_core *core, struct user *user);

#endif
