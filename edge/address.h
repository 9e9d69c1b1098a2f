/* Network addresses as values, and who a client is behind trusted proxies. Pure: no socket, no
 * clock. An IPv4 address is kept as its mapped IPv6 form, so there is one kind to compare. */
#ifndef EDGE_ADDRESS_H
#define EDGE_ADDRESS_H

#include "common/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sockaddr;

struct address {
    uint8_t octets[16];
};

/* Addresses that share their first `prefix_bits` bits with `base`. */
struct address_net {
    struct address base;
    uint8_t prefix_bits; /* 0 to 128, counted in the mapped form */
};

enum { ADDRESS_TEXT_MAX = 46, ADDRESS_HOST_MAX = 256, ADDRESS_PORT_MAX = 6 };

/* "192.0.2.1" or "2001:db8::1"; false for anything else, `*ret_address` untouched. */
bool address_parse(struct bytes text, struct address *ret_address);

/* Address of an AF_INET or AF_INET6 socket address; all zeros for any other family. */
struct address address_of_sockaddr(const struct sockaddr *sockaddr);

/* Writes the usual text form with its NUL; a mapped address as plain IPv4. Returns the length
 * without the NUL. */
size_t address_text(const struct address *address, char out[ADDRESS_TEXT_MAX]);

/* "10.0.0.0/8", "2001:db8::/32", or a single address. False when malformed. */
bool address_net_parse(struct bytes text, struct address_net *ret_net);

bool address_in(const struct address *address, const struct address_net *nets, size_t net_count);

/* The client behind `peer`. `forwarded_for` (X-Forwarded-For, may be empty) is believed only as far
 * as the hops that tell it are in `trusted`: the right-most address that is not trusted, or the
 * left-most of all when every one is. A hop that is no address ends the search at its teller. */
struct address address_client(const struct address *peer, struct bytes forwarded_for,
                              const struct address_net *trusted, size_t trusted_count);

/* What limits per address are counted by: all of IPv4, the first 64 bits of IPv6 (one customer
 * usually holds a whole /64). */
struct address address_limit_key(const struct address *address);

/* Splits "HOST:PORT" or "[V6]:PORT" (host may be empty). False when the port is missing or not a
 * number up to 65535, or the host is too long or holds a bare colon. */
bool address_split(const char *text, char ret_host[ADDRESS_HOST_MAX],
                   char ret_port[ADDRESS_PORT_MAX]);

/* True when a plane endpoint cannot leave this machine: ipc://, inproc:// or tcp:// to 127/8, ::1
 * or "localhost". */
bool address_endpoint_is_local(const char *endpoint);

#endif
