/* The keys that vouch for tokens, from --jwt-hs256-file and --jwks-file. */
#ifndef ROUTER_ROUTER_KEYS_H
#define ROUTER_ROUTER_KEYS_H

#include "common/buf.h"
#include "common/status.h"
#include "router/jws_keys.h"
#include "router/router_options.h"

/* OK: the caller owns *ret_keys, and what an operator should know is logged. MALFORMED: `text` ends
 * with which option and file, and why; *ret_keys is untouched. */
enum status router_keys_read(const struct router_options *options, struct jws_keys **ret_keys,
                             struct buf *text) MUST_CHECK;

#endif
