/* The embedded engine: one SQLite file in a directory of its own, WAL, synchronous=FULL. A thread
 * takes everything that waits into one transaction, commits it, then completes it; another thread
 * moves the write-ahead log into the file and a third one reads logs, so that commits wait for
 * neither. docs/decisions 0011 and 0017 say why it is as it is. */
#ifndef ROUTER_ENGINE_EMBEDDED_H
#define ROUTER_ENGINE_EMBEDDED_H

#include "common/buf.h"
#include "common/status.h"
#include "router/engine/engine.h"

#include <stdbool.h>
#include <stdint.h>

/* Zero stands for the default. */
struct engine_embedded_config {
    const char *dir;            /* created with mode 0700 when missing; files get 0600 */
    uint64_t waiting_bytes_max; /* of appends and values not on disk yet: past it appends FAIL;
                                   64 MiB */
    uint64_t bytes_max;         /* of the data file that are in use, see enum engine_room; one batch
                                   may be above it. 0 = no limit. A file is never made smaller, what
                                   is removed from it is used again */
    uint64_t wal_bytes_max;     /* past it commits wait for a checkpoint; 64 MiB */
    uint32_t sweep_ms;          /* pause between two walks over all channels for what is too old or
                                   too many; 60,000 */
    const char *vfs;            /* tests: a SQLite VFS that injects faults */
    bool steal;                 /* tests: opens although another holds the directory, and so fences
                                   the other */
};

/* Opens or creates; blocks on the disk. On failure `ret_error` (initialised by the caller) gets one
 * line for people: LIMIT = another router uses the directory, MALFORMED = damaged, of a newer
 * version, or a half import; IO, DENIED = the system refuses. */
MUST_CHECK enum status engine_embedded_open(const struct engine_embedded_config *config,
                                            struct engine **ret, struct buf *ret_error);

#endif
