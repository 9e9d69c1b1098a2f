/* What must outlive the router's memory, behind one table of functions. Calls are asynchronous:
 * each append and each load completes exactly once through poll(), appends of one channel in the
 * order of the calls. `memory` keeps nothing (tests, and routers without --data-dir); `embedded`
 * and a shared store follow the same contract, which tests/unit/test_engine_conformance.c states.
 * No call blocks on a disk but those that open and close. */
#ifndef ROUTER_ENGINE_ENGINE_H
#define ROUTER_ENGINE_ENGINE_H

#include "common/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum engine_result {
    ENGINE_OK,
    ENGINE_FENCED,  /* somebody newer owns this: stop serving */
    ENGINE_UNKNOWN, /* may or may not have happened: ask again with the same id */
    ENGINE_FAILED   /* did not happen (disk full, I/O error): may be tried again */
};

/* Whose log. The numbers are stored: never change them. */
enum engine_kind { ENGINE_ROOM = 1, ENGINE_INBOX = 2 };

/* Appending at an offset that the log already has replaces nothing: OK when it is the same message
 * (an UNKNOWN asked again), FAILED when it is another one. An offset above top + 1 is allowed: a
 * hole whose message was lost. The first append of an epoch that the log does not have begins the
 * log anew. */
struct engine_append {
    uint64_t id; /* the caller's, given back */
    enum engine_kind kind;
    uint16_t slot;     /* of the cluster map */
    struct bytes name; /* of the room or user */
    uint64_t epoch;
    uint64_t offset;
    uint64_t timestamp_ms;
    struct bytes user; /* sender */
    struct bytes server_id;
    struct bytes payload;
    struct bytes key; /* idempotency key, may be empty */
    /* Retention, in the engine's own time: offsets at or below top - keep_count go (holes count),
     * and what is older than keep_ms. 0 = no such limit. The last append's numbers hold. A log that
     * holds nothing any more because of its age is forgotten. */
    uint32_t keep_count;
    uint64_t keep_ms;
};

struct engine_load {
    uint64_t id;
    enum engine_kind kind;
    struct bytes name;
    uint32_t count_max; /* newest messages wanted */
    uint64_t bytes_max; /* of their payloads; at least one message comes whatever its size */
    uint64_t from;      /* messages from this offset on come beyond bytes_max too, up to
                           ENGINE_FROM_BYTES_MAX; 0 = none do */
    bool ids;           /* those beyond bytes_max come too, bare: as many as are asked for, while
                           their payloads make no more than ENGINE_BARE_BYTES_MAX */
};

/* What an edge may hold back unanswered (its --hold-buffer, as long as nobody changes it): ids and
 * keys of so much must be known after a restart. */
enum { ENGINE_BARE_BYTES_MAX = 64 * 1024 * 1024, ENGINE_FROM_BYTES_MAX = 16 * 1024 * 1024 };

/* One kept message. Offsets grow, holes are possible. */
struct engine_record {
    uint64_t offset;
    uint64_t timestamp_ms;
    struct bytes user;
    struct bytes server_id;
    struct bytes payload;
    struct bytes key;
    bool bare; /* neither payload nor server_id were read */
};

struct engine_log {
    bool found; /* false: there is no log; but for `forgotten` the rest is zero */
    /* Not found: how often empty logs were forgotten, this one perhaps among them. Who begins it
     * again must choose an epoch that it cannot have had with a smaller number. */
    uint64_t forgotten;
    uint64_t epoch;
    uint64_t top;
    const struct engine_record *records; /* oldest first */
    size_t record_count;
};

enum engine_what { ENGINE_APPENDED, ENGINE_LOADED };

struct engine_completion {
    uint64_t id;
    enum engine_what what;
    enum engine_result result;
    struct engine_log log; /* ENGINE_LOADED with OK; views valid until the next poll or close */
};

/* Small values under names (bans, user state): `table` 1-32 bytes, `key` 1-256, `value` to 64 KiB.
 */
struct engine_value {
    struct bytes table;
    struct bytes key;
    struct bytes value;
};

/* What a store that may hold so many bytes still takes: four fifths of them are for all, the next
 * tenth for logs that are there already, the last one for logs that hold as many messages as they
 * may, and so remove one for each that comes. */
enum engine_room {
    ENGINE_ROOM_FOR_ALL,
    ENGINE_NO_NEW_LOGS,
    ENGINE_NO_LONGER_LOGS,
    ENGINE_NO_APPENDS
};

struct engine_stats {
    uint64_t appends; /* committed */
    uint64_t commits;
    uint64_t failures; /* appends that FAILED or stayed UNKNOWN */
    uint64_t commit_us_last;
    uint64_t commit_us_total;
    uint64_t waiting;       /* appends not completed */
    uint64_t waiting_bytes; /* of their payloads */
    uint64_t store_bytes;   /* on disk, as of the last commit */
    uint64_t free_bytes;    /* of its file system, as of the last turn of the writer; 0 = unknown */
    uint64_t used_bytes;    /* of the data file, without its free pages; likewise */
    uint64_t bytes_max;     /* that it may be; 0 = no limit */
    uint64_t no_room;       /* appends that FAILED for engine_room */
    enum engine_room room;
    bool fenced;         /* somebody newer owns this, also when nobody appended since */
    const char *trouble; /* static text: why appends fail now; NULL = all is well */
};

struct engine;

struct engine_ops {
    /* Finishes what was accepted, then frees. */
    void (*close)(struct engine **engine);
    /* This router's number, larger than all before it. */
    uint64_t (*incarnation)(const struct engine *engine);
    /* True when what was appended outlives the process. */
    bool (*durable)(const struct engine *engine);
    /* Copies what it needs. */
    void (*append)(struct engine *engine, const struct engine_append *append);
    /* A load sees every append that was asked for before it and completes after those. It may see
     * appends of its channel that were asked for later: who minds asks for none until it is
     * through. */
    void (*load)(struct engine *engine, const struct engine_load *load);
    /* Takes one completion; false when none is ready. */
    bool (*poll)(struct engine *engine, struct engine_completion *ret_completion);
    /* Readable when something is completed that no poll() since has begun to hand out: poll until
     * there is no more, or all that was asked for has come. -1 for an engine that completes at
     * once. Reading it is poll()'s business. */
    int (*fd)(const struct engine *engine);
    /* Stores a value, or removes it when value.data is NULL; no completion: in order with appends,
     * failures count as `trouble`. */
    void (*put)(struct engine *engine, const struct engine_value *value);
    /* Calls `each` for all values of a table as they were at the start plus all puts; at start only
     * (may block). */
    void (*values)(struct engine *engine, struct bytes table,
                   void (*each)(void *owner, const struct engine_value *value), void *owner);
    void (*stats)(const struct engine *engine, struct engine_stats *ret_stats);
};

/* First member of every implementation. */
struct engine {
    const struct engine_ops *ops;
};

/* The memory engine. `incarnation` must be larger than that of any earlier router of the cluster
 * (the shell takes the wall clock in microseconds). */
struct engine *engine_memory_new(uint64_t incarnation);

#endif
