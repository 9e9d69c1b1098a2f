/* A list of public keys that may connect: lines "KEY NAME", as splitrailctl keygen writes NAME.pub.
 * For edges NAME is the edge's --id, or "PREFIX*" for all that begin so; a name may have several
 * keys. At most 65,536 lines. */
#ifndef ROUTER_ROUTER_ALLOWED_H
#define ROUTER_ROUTER_ALLOWED_H

#include "common/buf.h"
#include "common/bytes.h"
#include "common/status.h"

#include <stdbool.h>
#include <stddef.h>

struct router_allowed;

/* MALFORMED or IO: one line in `why`, which line of which file and what is wrong with it. */
enum status router_allowed_read(const char *path, struct router_allowed **ret_allowed,
                                struct buf *why) MUST_CHECK;
void router_allowed_free(struct router_allowed **allowed);

/* The name of a key in Z85, not of length 0; empty when it is not in the list. Valid as long as the
 * list. */
struct bytes router_allowed_name(const struct router_allowed *allowed, struct bytes key);

/* The first key that both have, or empty. */
struct bytes router_allowed_shared(const struct router_allowed *a, const struct router_allowed *b);

struct router_allowed_key {
    struct bytes key; /* in Z85 */
    struct bytes name;
};

/* Iteration in no order: start with *cursor = 0; false at the end. */
bool router_allowed_next(const struct router_allowed *allowed, size_t *cursor,
                         struct router_allowed_key *ret_row);

size_t router_allowed_count(const struct router_allowed *allowed);

#endif
