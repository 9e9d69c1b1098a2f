/* The rates of those connections that have sent something lately, closely packed. Who has not is as
 * if he had never spoken, and has none. */
#ifndef ROUTER_RATES_H
#define ROUTER_RATES_H

#include "router/policy.h"

#include <stdint.h>

struct conn;
struct rates_entry;
struct router_core;

/* Zeroed it is good and empty. */
struct rates {
    struct rates_entry *entries;
    uint32_t count;
    uint32_t capacity;
    uint32_t cursor; /* where the next sweep begins */
    uint64_t due_ms; /* of that */
};

void rates_fini(struct rates *rates);

/* For reading: all zeros when it has none. Valid until the next change of any. */
const struct policy_rates *rates_of(const struct router_core *core, const struct conn *conn);
/* For writing: made when there are none. Valid as long. */
struct policy_rates *rates_made(struct router_core *core, struct conn *conn);
/* Harmless when there are none. */
void rates_drop(struct router_core *core, struct conn *conn);

/* Forgets some of those that say nothing any more, once a second. */
void rates_sweep(struct router_core *core);
/* When that is to be called; UINT64_MAX: not until somebody sends. */
uint64_t rates_deadline(const struct router_core *core);

#endif
