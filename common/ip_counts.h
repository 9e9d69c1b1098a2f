/* How many connections each address has (--max-connections-per-ip). Pure. Addresses are counted by
 * address_limit_key(): an IPv6 /64 is one. */
#ifndef COMMON_IP_COUNTS_H
#define COMMON_IP_COUNTS_H

#include "common/address.h"
#include "common/strmap.h"

#include <stdbool.h>
#include <stdint.h>

struct ip_counts {
    struct strmap by_key;
};

/* `seed` is 16 secret random bytes, copied. */
void ip_counts_init(struct ip_counts *counts, const uint8_t seed[16]);
void ip_counts_fini(struct ip_counts *counts);

/* Counts one more for `address`; false, and nothing counted, when it already has `max` (not 0).
 * While the limit is off nobody calls this, so that an idle connection costs no entry here. */
bool ip_counts_take(struct ip_counts *counts, const struct address *address, uint64_t max);

/* How many are counted for `address`. */
uint64_t ip_counts_of(const struct ip_counts *counts, const struct address *address);

/* Gives back what one successful take counted. */
void ip_counts_release(struct ip_counts *counts, const struct address *address);

#endif
