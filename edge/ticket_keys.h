/* The keys that session tickets are sealed with (RFC 5077, RFC 8446 section 4.6.1), as a value:
 * whoever holds the same keys resumes the same sessions. New ones every hour; tickets of the hour
 * before still open. Pure: time and randomness are arguments. */
#ifndef EDGE_TICKET_KEYS_H
#define EDGE_TICKET_KEYS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    TICKET_KEY_NAME = 16,
    TICKET_KEY_SECRET = 32,
    TICKET_KEYS_KEPT = 2, /* the current one and the one before */
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
    unsigned count;
    uint64_t rotated_ms;
};

/* True when there is no key or the newest has served its hour. */
bool ticket_keys_due(const struct ticket_keys *keys, uint64_t now_ms);

/* `fresh` becomes the current key, the current one the one before. When that one is too old to be
 * of use (the process was stopped for hours) it is dropped. */
void ticket_keys_rotate(struct ticket_keys *keys, const struct ticket_key *fresh, uint64_t now_ms);

/* The key of that name, NULL when it is not known; index 0 is the current one. */
const struct ticket_key *ticket_keys_find(const struct ticket_keys *keys,
                                          const uint8_t name[TICKET_KEY_NAME], unsigned *ret_index);

#endif
