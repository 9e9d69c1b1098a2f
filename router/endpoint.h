/* Admin endpoints: where router and splitrailctl meet when nobody says otherwise, and whether
 * others can reach an endpoint. */
#ifndef ROUTER_ENDPOINT_H
#define ROUTER_ENDPOINT_H

#include "common/buf.h"
#include "common/status.h"

#include <stdbool.h>
#include <sys/types.h>

#define ENDPOINT_ADMIN_TCP "tcp://127.0.0.1:7401"

/* Appends the folder of the router's socket: "splitrail" under RUNTIME_DIRECTORY (the first, if it
 * is a list), XDG_RUNTIME_DIR, /run for root, or /tmp; no NUL. */
void endpoint_runtime_dir(struct buf *out);

/* Appends the path of the admin socket in that folder. */
void endpoint_admin_socket(struct buf *out);

/* Makes the runtime folder with mode 0700 for `owner`: us, or whom root is about to become; then a
 * folder of root's is given away. DENIED: it exists, but belongs to somebody else, is open to
 * others or is no folder (in /tmp anybody could have made it); IO: errno says why. */
enum status endpoint_make_runtime_dir(uid_t owner, gid_t group) MUST_CHECK;

/* True for ipc:// and for tcp:// with a numeric loopback address or "localhost". */
bool endpoint_is_local(const char *endpoint);

#endif
