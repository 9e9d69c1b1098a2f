/* A set of address ranges with a value each, asked for all ranges that hold an address. One look-up
 * in a hash table per prefix length in use, so that ten thousand bans cost an accept as much as
 * one. Pure. */
#ifndef COMMON_NETSET_H
#define COMMON_NETSET_H

#include "common/address.h"
#include "common/strmap.h"

#include <stddef.h>
#include <stdint.h>

enum { NETSET_LENGTHS = 129 };

struct netset {
    struct strmap by_net;
    uint32_t used[NETSET_LENGTHS]; /* ranges with that prefix length */
};

/* Empty, no allocation. `seed` is 16 secret random bytes, copied. */
void netset_init(struct netset *set, const uint8_t seed[16]);
/* Values belong to the caller. */
void netset_fini(struct netset *set);

/* Adds; the range must not be there (asserted). `net` is borrowed: it lives in the value. */
void netset_put(struct netset *set, const struct address_net *net, void *value);
/* The value of exactly this range, or NULL. */
void *netset_get(const struct netset *set, const struct address_net *net);
void *netset_remove(struct netset *set, const struct address_net *net);

/* The value of the narrowest range that holds the address and is wider than *length, or NULL; start
 * with NETSET_LENGTHS, and ask again for the next one. */
void *netset_find(const struct netset *set, const struct address *address, unsigned *length);

/* Iteration as strmap_next(). */
void *netset_next(const struct netset *set, size_t *cursor);

#endif
