/* The PROXY protocol, version 2 (haproxy.org, "The PROXY protocol", section 2.2): what a load
 * balancer says about a client before the client's own bytes. Pure.
 *
 * Type-length-values after the addresses are passed over, the checksum among them: TCP has one. */
#ifndef EDGE_PROXY_PROTOCOL_H
#define EDGE_PROXY_PROTOCOL_H

#include "common/bytes.h"
#include "edge/address.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    PROXY_PREFIX_LEN = 16,  /* signature, version and command, family, length */
    PROXY_HEADER_MAX = 4096 /* all of it; more is malformed */
};

enum proxy_verdict {
    PROXY_INCOMPLETE, /* call again with the whole of it when more has come */
    PROXY_DONE,
    PROXY_MALFORMED /* also version 1, and everything that is no PROXY header at all */
};

struct proxy_header {
    size_t len;    /* DONE: bytes of the header */
    size_t wanted; /* INCOMPLETE: bytes that may be read now without reading too far */
    bool known;    /* DONE: `source` is the client's; else nobody is spoken for */
    struct address source;
};

/* Reads the header at the start of `input`. A verdict other than INCOMPLETE is final. */
enum proxy_verdict proxy_protocol_parse(struct bytes input, struct proxy_header *ret_header);

#endif
