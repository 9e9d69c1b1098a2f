/* Who a client is behind trusted proxies, and addresses of options. Pure: no socket, no clock. */
#ifndef EDGE_ADDRESS_H
#define EDGE_ADDRESS_H

#include "common/address.h"
#include "common/bytes.h"

#include <stdbool.h>
#include <stddef.h>

enum { ADDRESS_HOST_MAX = 256, ADDRESS_PORT_MAX = 6 };

/* The client behind `peer`. `forwarded_for` (X-Forwarded-For, may be empty) is believed only as far
 * as the hops that tell it are in `trusted`: the right-most address that is not trusted, or the
 * left-most of all when every one is. A hop that is no address ends the search at its teller. */
struct address address_client(const struct address *peer, struct bytes forwarded_for,
                              const struct address_net *trusted, size_t trusted_count);

/* Splits "HOST:PORT" or "[V6]:PORT" (host may be empty). False when the port is missing or not a
 * number up to 65535, or the host is too long or holds a bare colon. */
bool address_split(const char *text, char ret_host[ADDRESS_HOST_MAX],
                   char ret_port[ADDRESS_PORT_MAX]);

/* True when a plane endpoint cannot leave this machine: ipc://, inproc:// or tcp:// to 127/8, ::1
 * or "localhost". */
bool address_endpoint_is_local(const char *endpoint);

#endif
