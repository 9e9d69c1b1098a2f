/* Network addresses as values. Pure: no socket, no clock. An IPv4 address is kept as its mapped
 * IPv6 form, so there is one kind to compare. */
#ifndef COMMON_ADDRESS_H
#define COMMON_ADDRESS_H

#include "common/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sockaddr;

struct address {
    uint8_t octets[16];
};

/* Addresses that share their first `prefix_bits` bits with `base`, which has no other bits. */
struct address_net {
    struct address base;
    uint8_t prefix_bits; /* 0 to 128, counted in the mapped form */
};

enum { ADDRESS_TEXT_MAX = 46, ADDRESS_NET_TEXT_MAX = ADDRESS_TEXT_MAX + 4 };

/* "192.0.2.1" or "2001:db8::1"; false for anything else, `*ret_address` untouched. */
bool address_parse(struct bytes text, struct address *ret_address);

/* Address of an AF_INET or AF_INET6 socket address; all zeros for any other family. */
struct address address_of_sockaddr(const struct sockaddr *sockaddr);

/* Writes the usual text form with its NUL; a mapped address as plain IPv4. Returns the length
 * without the NUL. */
size_t address_text(const struct address *address, char out[ADDRESS_TEXT_MAX]);

/* The address with all but its first `prefix_bits` bits cleared. */
struct address address_masked(const struct address *address, unsigned prefix_bits);

/* "10.0.0.0/8", "2001:db8::/32", or a single address; bits behind the prefix do not matter. False
 * when malformed. */
bool address_net_parse(struct bytes text, struct address_net *ret_net);

/* The same back, without "/32" and "/128"; returns the length without the NUL. */
size_t address_net_text(const struct address_net *net, char out[ADDRESS_NET_TEXT_MAX]);

bool address_in(const struct address *address, const struct address_net *nets, size_t net_count);

/* What limits per address are counted by: all of IPv4, the first 64 bits of IPv6 (one customer
 * usually holds a whole /64). */
struct address address_limit_key(const struct address *address);

#endif
