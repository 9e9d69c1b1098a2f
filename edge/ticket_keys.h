/* The keys that session tickets are sealed with (RFC 5077, RFC 8446 section 4.6.1), as a value:
 * whoever holds the same keys resumes the same sessions. The router gives all edges the same ones;
 * an edge that hears of none draws its own every hour. A key that is no longer the current one
 * opens tickets for another hour, wherever it came from: nothing that was issued becomes useless
 * because a router or an edge starts. Secrets: wiped when they are dropped. Pure: time and
 * randomness are arguments. */
#ifndef EDGE_TICKET_KEYS_H
#define EDGE_TICKET_KEYS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    TICKET_KEY_NAME = 16,
    TICKET_KEY_SECRET = 32,
    TICKET_KEYS_KEPT = 4, /* the current one and those before, routers that start anew included */
    TICKET_KEYS_PERIOD_MS = 3600000
};

struct ticket_key {
    uint8_t name[TICKET_KEY_NAME]; /* public part: stands in front of each ticket */
    uint8_t cipher[TICKET_KEY_SECRET];
    uint8_t mac[TICKET_KEY_SECRET];
};

/* Zero: no key. */
struct ticket_keys {
    struct ticket_key keys[TICKET_KEYS_KEPT]; /* newest first */
    uint64_t until_ms[TICKET_KEYS_KEPT];      /* opens tickets until then; not of the current one */
    unsigned count;
    uint64_t since_ms; /* the current one is the current one */
    bool shared;       /* the current one came from the router */
};

/* True when there is no key of use for new tickets: the edge's own one has served its hour, one
 * from the router two, because the router is away or has no others. */
bool ticket_keys_due(const struct ticket_keys *keys, uint64_t now_ms);

/* The edge's own `fresh` becomes the current key. */
void ticket_keys_rotate(struct ticket_keys *keys, const struct ticket_key *fresh, uint64_t now_ms);

/* What the router gives all edges: its current key, which it drew at `drawn_ms`, and the one before
 * (NULL: none). Saying the same again changes nothing. */
void ticket_keys_share(struct ticket_keys *keys, const struct ticket_key *current,
                       const struct ticket_key *previous, uint64_t drawn_ms, uint64_t now_ms);

/* Drops the keys whose time is over. */
void ticket_keys_expire(struct ticket_keys *keys, uint64_t now_ms);

/* The key of that name, NULL when it is not known; index 0 is the current one. */
const struct ticket_key *ticket_keys_find(const struct ticket_keys *keys,
                                          const uint8_t name[TICKET_KEY_NAME], unsigned *ret_index);

#endif
