/* What must outlive the router's memory, behind one table of functions. Calls are asynchronous:
 * each completes exactly once through engine_poll(), in the order of the calls. `memory` keeps
 * nothing (tests, and routers without --data-dir); `embedded` and a shared store follow the same
 * contract. */
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

struct engine_append {
    uint64_t id;   /* the caller's, given back */
    uint16_t slot; /* of the cluster map */
    struct bytes room;
    uint64_t epoch;
    uint64_t offset;
    uint64_t timestamp_ms;
    struct bytes user;
    struct bytes server_id;
    struct bytes payload;
    struct bytes key;
};

struct engine_completion {
    uint64_t id;
    enum engine_result result;
};

struct engine;

struct engine_ops {
    void (*close)(struct engine **engine);
    /* This router's number, larger than all before it. */
    uint64_t (*incarnation)(const struct engine *engine);
    /* True when what was appended outlives the process. */
    bool (*durable)(const struct engine *engine);
    /* Copies what it needs. */
    void (*append)(struct engine *engine, const struct engine_append *append);
    /* Takes one completion; false when none is ready. */
    bool (*poll)(struct engine *engine, struct engine_completion *ret_completion);
};

/* First member of every implementation. */
struct engine {
    const struct engine_ops *ops;
};

/* The memory engine. `incarnation` must be larger than that of any earlier router of the cluster
 * (the shell takes the wall clock in microseconds). */
struct engine *engine_memory_new(uint64_t incarnation);

#endif
