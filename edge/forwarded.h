/* The Forwarded header (RFC 7239): who the client behind trusted proxies is. Pure. See address.h
 * for X-Forwarded-For, of which it is the standard form. */
#ifndef EDGE_FORWARDED_H
#define EDGE_FORWARDED_H

#include "common/bytes.h"
#include "edge/address.h"

#include <stddef.h>

/* As address_client(), for the value of Forwarded (all lines, joined by commas; may be empty). An
 * element without an address ("unknown", "_hidden", no `for`) or of a wrong form ends the search at
 * its teller. */
struct address forwarded_client(const struct address *peer, struct bytes forwarded,
                                const struct address_net *trusted, size_t trusted_count);

/* The client when a proxy may have sent either header. One of them: that one counts. Both: they
 * must lead to the same address, else it is the peer. A proxy that keeps one of them passes the
 * other through as the client made it up, and nobody can say which one that is. */
struct address forwarded_or_x_client(const struct address *peer, struct bytes forwarded,
                                     struct bytes x_forwarded_for,
                                     const struct address_net *trusted, size_t trusted_count);

#endif
