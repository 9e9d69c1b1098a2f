/* splitrailctl and CURVE: keys for its own connection, and the making of new ones. */
#ifndef ROUTER_CTL_CTL_KEYS_H
#define ROUTER_CTL_CTL_KEYS_H

#include "common/buf.h"
#include "common/curve_key.h"
#include "common/status.h"
#include "router/ctl/ctl_args.h"
#include "router/ctl/ctl_reply.h"

#include <stdbool.h>

struct ctl_keys {
    bool on; /* else the connection is plain */
    struct curve_pair pair;
    uint8_t server_key[CURVE_KEY_BYTES];
};

/* The keys for `endpoint`: those of the flags, and none for ipc://, which is plain. DENIED: plain,
 * off this machine, and not asked for with --insecure-plane; MALFORMED: a file or flag is bad.
 * One line in `why`. Wipe with ctl_keys_wipe. */
enum status ctl_keys_read(const struct ctl_args *args, const char *endpoint,
                          struct ctl_keys *ret_keys, struct buf *why) MUST_CHECK;
void ctl_keys_wipe(struct ctl_keys *keys);

/* The command keygen. */
enum ctl_exit ctl_keygen(const struct ctl_args *args);

#endif
