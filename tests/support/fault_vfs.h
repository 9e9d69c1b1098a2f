/* A SQLite VFS over the usual one that can refuse to work, and that remembers every write, sync,
 * truncation and removal, so that a test can make the disk as it might be after a power cut at any
 * moment: what was synced is there, of the rest any part. */
#ifndef TESTS_SUPPORT_FAULT_VFS_H
#define TESTS_SUPPORT_FAULT_VFS_H

#include "tests/support/rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAULT_VFS "splitrail-fault"

enum fault_kind {
    FAULT_NONE,
    FAULT_DISK_FULL,   /* writes fail with ENOSPC */
    FAULT_WRITE_ERROR, /* with EIO */
    FAULT_READ_ONLY,   /* with EROFS */
    FAULT_SYNC_ERROR,  /* what was written is there, but not surely */
    FAULT_READ_ERROR
};

/* Registers it (once per process) and forgets what was recorded and asked for. */
void fault_vfs_reset(void);

/* From now on, after `after` more operations that could fail so, `count` of them fail (0 = all). */
void fault_vfs_fail(enum fault_kind kind, uint64_t after, uint64_t count);

void fault_vfs_record(bool on);
/* Operations recorded so far. */
size_t fault_vfs_recorded(void);

enum cut_kind {
    CUT_LOST, /* nothing that was not synced */
    CUT_KEPT, /* everything: a killed process */
    CUT_SOME, /* any part of it, by `rng` */
    CUT_TORN, /* all but the last write, of which only the beginning is there */
    CUT_KINDS
};

/* Writes the files as they are when power is cut after `operations` into the directory `dir`. */
void fault_vfs_cut(size_t operations, enum cut_kind kind, struct rng *rng, const char *dir);

#endif
