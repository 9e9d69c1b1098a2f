/* The data file, as one thread uses it: transactions, and what is done inside them. */
#ifndef ROUTER_ENGINE_EMBEDDED_STORE_H
#define ROUTER_ENGINE_EMBEDDED_STORE_H

#include "common/buf.h"
#include "common/status.h"
#include "router/engine/engine.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STORE_SLOTS = 4096 };

struct store;

/* Opens the file: takes over what a dead process left in the write-ahead log, brings the format up
 * to date, counts incarnation and slot epochs up. `path` and `vfs` (or NULL) must outlive it. */
MUST_CHECK enum status store_open(const char *path, const char *vfs, struct store **ret,
                                  struct buf *error);

/* Notes that the end was orderly, if it can. */
void store_close(struct store **store);

/* A second connection to a file that is open already, for store_load() only. */
MUST_CHECK enum status store_open_reader(const char *path, const char *vfs, struct store **ret,
                                         struct buf *error);
void store_close_reader(struct store **store);

uint64_t store_incarnation(const struct store *store);

/* Begins a transaction if this router still owns the file. `now_ms` is what ages are measured
 * from. OK, FENCED or FAILED. */
enum engine_result store_begin(struct store *store, uint64_t now_ms);

/* OK, FAILED (surely not there) or UNKNOWN (a crash might bring it back; the next commit that
 * succeeds settles that it does not). Ends the transaction in any case. */
enum engine_result store_commit(struct store *store);

/* Undoes everything since begin. */
void store_rollback(struct store *store);

/* What one step inside a transaction came to; after BROKEN roll back. */
enum store_step { STORE_DONE, STORE_CONFLICT, STORE_FULL, STORE_BROKEN };

/* What appends are FULL from now on. */
void store_set_room(struct store *store, enum engine_room room);

enum store_step store_append(struct store *store, const struct engine_append *append);
enum store_step store_put(struct store *store, const struct engine_value *value);
/* A write that changes nothing for anybody: finds out whether writing works again. */
enum store_step store_probe(struct store *store);

/* Looks at the next channels for messages that are to go, and removes at most a few hundred.
 * `ret_end` is set when the walk over all channels is through. */
enum store_step store_sweep(struct store *store, bool *ret_end);

/* What a load found; the log's views point into `data` and `records`. */
struct store_loaded {
    struct engine_log log;
    struct engine_record *records;
    size_t capacity; /* of `records` */
    struct buf data;
};

/* Outside of a transaction only. BROKEN leaves `loaded` empty. */
enum store_step store_load(struct store *store, const struct engine_load *load,
                           struct store_loaded *ret_loaded);
void store_loaded_fini(struct store_loaded *loaded);

/* Calls `each` for every value of a table, in the order of the keys; also outside. */
enum store_step store_values(struct store *store, struct bytes table,
                             void (*each)(void *owner, const struct engine_value *value),
                             void *owner);

/* Static text for the last BROKEN, FAILED or UNKNOWN. */
const char *store_trouble(const struct store *store);

uint64_t store_bytes(struct store *store);
/* Of the data file, without pages that are free. */
uint64_t store_used_bytes(struct store *store);
/* Of the write-ahead log that no checkpoint has taken yet, as of the last commit. */
uint64_t store_wal_bytes(const struct store *store);
/* Moves the write-ahead log into the file; true when all of it is there. `wait` for a checkpoint
 * that is under way. */
bool store_checkpoint(struct store *store, bool wait);
/* False when a failure ended the transaction. */
bool store_active(const struct store *store);

#endif
