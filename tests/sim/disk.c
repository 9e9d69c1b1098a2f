/* The store of durable rooms and inboxes as a model: a router that dies leaves what it committed,
 * and maybe more than it was told. See world.h. */
#include "common/mem.h"
#include "tests/sim/world.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { FITTING_MAX = 40 }; /* messages that the bytes of a load allow, at most */
enum { LOGS_MAX = ROOMS + USERS, RECORDS_MAX = 4096, COMMIT_MS_MAX = 30, FULL_MS_MAX = 3000 };

struct disk_record {
    uint64_t offset;
    uint64_t timestamp_ms;
    uint64_t payload;
    uint8_t *copy; /* user, server, payload, key, one after the other */
    size_t lens[4];
};

struct disk_log {
    enum engine_kind kind;
    uint32_t digit;
    bool found;
    uint64_t epoch;
    uint64_t top;
    struct disk_record records[RECORDS_MAX];
    size_t count;
};

/* Loads have a queue of their own: they take longer, so that later appends are there already. */
enum { LOAD_MS_MAX = 60 };

struct disk_queue {
    struct disk_call *oldest;
    struct disk_call *newest;
    uint64_t due_ms;
};

struct disk_call {
    struct disk_call *next;
    struct engine_completion done; /* what, id */
    uint64_t due_ms;
    enum engine_kind kind;
    uint32_t digit;
    uint64_t epoch;
    uint32_t count_max;
    uint64_t from;
    bool ids;
    struct disk_record record;
};

enum { VALUES_MAX = 16 };

/* Empty: no table. */
struct disk_value {
    struct bytes table;
    struct bytes key;
    struct bytes value;
};

struct disk {
    struct disk_log logs[LOGS_MAX];
    struct disk_value values[VALUES_MAX];
    struct rng rng;
    uint64_t full_until;
};

struct disk_engine {
    struct engine engine;
    struct world *world;
    uint64_t incarnation;
    struct disk_queue appends;
    struct disk_queue loads;
    struct engine_record records[RECORDS_MAX];
};

static struct disk_engine *engine_of(const struct engine *engine)
{
    return (struct disk_engine *)(uintptr_t)engine;
}

struct disk *disk_new(uint64_t seed)
{
    struct disk *disk = mem_new(1, sizeof(*disk));
    disk->rng.state = seed * 77 + 5;
    for (uint32_t i = 0; i < LOGS_MAX; i++) {
        disk->logs[i].kind = i < ROOMS ? ENGINE_ROOM : ENGINE_INBOX;
        disk->logs[i].digit = i < ROOMS ? i : i - ROOMS;
    }
    return disk;
}

static void forget(struct disk_log *log)
{
    for (size_t i = 0; i < log->count; i++) {
        mem_free(log->records[i].copy);
    }
    log->count = 0;
}

static void forget_value(struct disk_value *kept)
{
    mem_free((void *)(uintptr_t)kept->table.data);
    mem_free((void *)(uintptr_t)kept->key.data);
    mem_free((void *)(uintptr_t)kept->value.data);
    *kept = (struct disk_value){0};
}

void disk_free(struct disk **disk)
{
    for (uint32_t i = 0; i < LOGS_MAX; i++) {
        forget(&(*disk)->logs[i]);
    }
    for (size_t i = 0; i < VALUES_MAX; i++) {
        forget_value(&(*disk)->values[i]);
    }
    mem_free(*disk);
    *disk = NULL;
}

static struct disk_log *log_of(struct disk *disk, enum engine_kind kind, uint32_t digit)
{
    return &disk->logs[kind == ENGINE_ROOM ? digit : ROOMS + digit];
}

static const struct disk_record *record_at(const struct disk_log *log, uint64_t offset)
{
    for (size_t i = log->count; i > 0; i--) {
        if (log->records[i - 1].offset == offset) {
            return &log->records[i - 1];
        }
    }
    return NULL;
}

/* Takes the record's copy over. */
static enum engine_result commit(struct disk *disk, struct disk_call *call)
{
    struct disk_log *log = log_of(disk, call->kind, call->digit);
    if (!log->found || log->epoch != call->epoch) {
        forget(log);
        log->found = true;
        log->epoch = call->epoch;
        log->top = 0;
    }
    const struct disk_record *there = record_at(log, call->record.offset);
    if (there != NULL || log->count == RECORDS_MAX) {
        return there != NULL && there->payload == call->record.payload ? ENGINE_OK : ENGINE_FAILED;
    }
    size_t at = log->count++;
    for (; at > 0 && log->records[at - 1].offset > call->record.offset; at--) {
        log->records[at] = log->records[at - 1];
    }
    log->records[at] = call->record;
    log->top = call->record.offset > log->top ? call->record.offset : log->top;
    call->record.copy = NULL;
    return ENGINE_OK;
}

static enum engine_result append_now(struct disk_engine *engine, struct disk_call *call)
{
    struct world *world = engine->world;
    struct disk *disk = world->disk;
    if (!world->calm && (world->faults & FAULTS_DISK) != 0) {
        if (rng_below(&disk->rng, 300) == 0) {
            disk->full_until = world->now_ms + rng_below(&disk->rng, FULL_MS_MAX);
        }
        uint32_t luck = rng_below(&disk->rng, 40);
        if (world->now_ms < disk->full_until || luck == 0) {
            return ENGINE_FAILED;
        }
        if (luck == 1) {
            return ENGINE_UNKNOWN;
        }
        if (luck == 2) {
            (void)commit(disk, call);
            return ENGINE_UNKNOWN;
        }
    }
    return commit(disk, call);
}

static struct bytes part(const struct disk_record *record, size_t index)
{
    size_t from = 0;
    for (size_t i = 0; i < index; i++) {
        from += record->lens[i];
    }
    return bytes_of(record->copy + from, record->lens[index]);
}

static void load_now(struct disk_engine *engine, const struct disk_call *call,
                     struct engine_completion *done)
{
    struct world *world = engine->world;
    const struct disk_log *log = log_of(world->disk, call->kind, call->digit);
    if (!world->calm && (world->faults & FAULTS_DISK) != 0 &&
        rng_below(&world->disk->rng, 100) == 0) {
        done->result = ENGINE_FAILED;
        return;
    }
    size_t fitting = 1 + rng_below(&world->disk->rng, FITTING_MAX);
    size_t first = log->count > call->count_max ? log->count - call->count_max : 0;
    while (!call->ids && first + fitting < log->count &&
           (call->from == 0 || log->records[first].offset < call->from)) {
        first++;
    }
    for (size_t i = first; i < log->count; i++) {
        const struct disk_record *from = &log->records[i];
        bool bare = i + fitting < log->count && (call->from == 0 || from->offset < call->from);
        engine->records[i - first] =
            (struct engine_record){.offset = from->offset,
                                   .timestamp_ms = from->timestamp_ms,
                                   .user = part(from, 0),
                                   .server_id = bare ? BYTES_EMPTY : part(from, 1),
                                   .payload = bare ? BYTES_EMPTY : part(from, 2),
                                   .key = part(from, 3),
                                   .bare = bare};
    }
    done->log = (struct engine_log){.found = log->found,
                                    .epoch = log->epoch,
                                    .top = log->top,
                                    .records = engine->records,
                                    .record_count = log->count - first};
}

static void free_call(struct disk_call *call)
{
    mem_free(call->record.copy);
    mem_free(call);
}

static struct disk_call *take(struct disk_queue *queue)
{
    struct disk_call *call = queue->oldest;
    queue->oldest = call == NULL ? NULL : call->next;
    return call;
}

/* A kill: the commit that was under way may have happened. */
static void disk_close(struct engine **ref)
{
    struct disk_engine *engine = engine_of(*ref);
    uint32_t more = rng_below(&engine->world->disk->rng, 4);
    struct disk_call *call;
    while ((call = take(&engine->appends)) != NULL) {
        if (more != 0) {
            (void)commit(engine->world->disk, call);
            more--;
        }
        free_call(call);
    }
    while ((call = take(&engine->loads)) != NULL) {
        free_call(call);
    }
    mem_free(engine);
    *ref = NULL;
}

static uint64_t disk_incarnation(const struct engine *engine)
{
    return engine_of(engine)->incarnation;
}

static bool disk_durable(const struct engine *engine)
{
    (void)engine;
    return true;
}

static void enqueue(struct disk_queue *queue, struct disk_call *call, uint64_t due_ms)
{
    queue->due_ms = due_ms > queue->due_ms ? due_ms : queue->due_ms;
    call->due_ms = queue->due_ms;
    if (queue->oldest == NULL) {
        queue->oldest = call;
    } else {
        queue->newest->next = call;
    }
    queue->newest = call;
}

static uint64_t soon(const struct disk_engine *engine, uint32_t ms_max)
{
    return engine->world->now_ms + rng_below(&engine->world->disk->rng, ms_max);
}

static uint64_t number_in(struct bytes payload)
{
    uint64_t number = 0;
    for (size_t i = 0; i < payload.len; i++) {
        number = number * 10 + (uint64_t)(payload.data[i] - '0');
    }
    return number;
}

static void disk_append(struct engine *ref, const struct engine_append *append)
{
    struct bytes parts[] = {append->user, append->server_id, append->payload, append->key};
    struct disk_call *call = mem_new(1, sizeof(*call));
    call->done = (struct engine_completion){.id = append->id, .what = ENGINE_APPENDED};
    call->kind = append->kind;
    call->digit = last_digit(append->name);
    call->epoch = append->epoch;
    call->record = (struct disk_record){.offset = append->offset,
                                        .timestamp_ms = append->timestamp_ms,
                                        .payload = number_in(append->payload)};
    size_t len = 1;
    for (size_t i = 0; i < 4; i++) {
        len += parts[i].len;
    }
    call->record.copy = mem_new(len, 1);
    uint8_t *at = call->record.copy;
    for (size_t i = 0; i < 4; i++) {
        call->record.lens[i] = parts[i].len;
        if (parts[i].len != 0) {
            memcpy(at, parts[i].data, parts[i].len);
            at += parts[i].len;
        }
    }
    struct disk_engine *engine = engine_of(ref);
    enqueue(&engine->appends, call, soon(engine, COMMIT_MS_MAX));
}

static void disk_load(struct engine *ref, const struct engine_load *load)
{
    struct disk_call *call = mem_new(1, sizeof(*call));
    call->done = (struct engine_completion){.id = load->id, .what = ENGINE_LOADED};
    call->kind = load->kind;
    call->digit = last_digit(load->name);
    call->count_max = load->count_max;
    call->from = load->from;
    call->ids = load->ids;
    struct disk_engine *engine = engine_of(ref);
    uint64_t due = soon(engine, LOAD_MS_MAX);
    /* Not before the appends that were asked for before it. */
    enqueue(&engine->loads, call, due > engine->appends.due_ms ? due : engine->appends.due_ms);
}

static struct disk_call *take_due(struct disk_queue *queue, uint64_t now_ms)
{
    return queue->oldest != NULL && queue->oldest->due_ms <= now_ms ? take(queue) : NULL;
}

static bool disk_poll(struct engine *ref, struct engine_completion *ret_completion)
{
    struct disk_engine *engine = engine_of(ref);
    struct disk_call *call = take_due(&engine->appends, engine->world->now_ms);
    call = call != NULL ? call : take_due(&engine->loads, engine->world->now_ms);
    if (call == NULL) {
        return false;
    }
    *ret_completion = call->done;
    ret_completion->result = ENGINE_OK;
    if (call->done.what == ENGINE_APPENDED) {
        ret_completion->result = append_now(engine, call);
    } else {
        load_now(engine, call, ret_completion);
    }
    free_call(call);
    return true;
}

static int disk_fd(const struct engine *engine)
{
    (void)engine;
    return -1;
}

static bool is_value(const struct disk_value *kept, struct bytes table, struct bytes key)
{
    return kept->table.len != 0 && bytes_equal(kept->table, table) && bytes_equal(kept->key, key);
}

static struct bytes copy_of(struct bytes bytes)
{
    return bytes_of(mem_copy(bytes), bytes.len);
}

/* Values are few and are never lost: what is looked at here is logs. */
static void disk_put(struct engine *ref, const struct engine_value *value)
{
    const struct world *world = engine_of(ref)->world;
    struct disk_value *place = NULL;
    for (size_t i = 0; i < VALUES_MAX; i++) {
        struct disk_value *kept = &world->disk->values[i];
        if (is_value(kept, value->table, value->key)) {
            forget_value(kept);
        }
        place = kept->table.len == 0 && place == NULL ? kept : place;
    }
    if (place == NULL) {
        world_fail(world, "more values than the model of a disk has room for", NULL);
    }
    if (value->value.data != NULL) {
        *place =
            (struct disk_value){copy_of(value->table), copy_of(value->key), copy_of(value->value)};
    }
}

static void disk_values(struct engine *ref, struct bytes table,
                        void (*each)(void *owner, const struct engine_value *value), void *owner)
{
    const struct disk *disk = engine_of(ref)->world->disk;
    for (size_t i = 0; i < VALUES_MAX; i++) {
        const struct disk_value *kept = &disk->values[i];
        if (kept->table.len != 0 && bytes_equal(kept->table, table)) {
            each(owner, &(struct engine_value){kept->table, kept->key, kept->value});
        }
    }
}

static void disk_stats(const struct engine *engine, struct engine_stats *ret_stats)
{
    (void)engine;
    *ret_stats = (struct engine_stats){0};
}

struct engine *disk_open(struct world *world, uint64_t incarnation)
{
    static const struct engine_ops ops = {.close = disk_close,
                                          .incarnation = disk_incarnation,
                                          .durable = disk_durable,
                                          .append = disk_append,
                                          .load = disk_load,
                                          .poll = disk_poll,
                                          .fd = disk_fd,
                                          .put = disk_put,
                                          .values = disk_values,
                                          .stats = disk_stats};
    struct disk_engine *engine = mem_new(1, sizeof(*engine));
    engine->engine.ops = &ops;
    engine->world = world;
    engine->incarnation = incarnation;
    return &engine->engine;
}

void disk_check(const struct world *world, const struct sim_client *client,
                const struct judge_place *place, uint64_t payload)
{
    const struct disk_log *log = &world->disk->logs[place->log];
    const struct disk_record *record = record_at(log, place->offset);
    if (!log->found || log->epoch != place->epoch || record == NULL || record->payload != payload) {
        world_fail(world, "told or answered, and not in the log", client);
    }
}

void disk_check_has(const struct world *world, const struct sim_client *client, uint32_t log,
                    uint64_t payload)
{
    const struct disk_log *at = &world->disk->logs[log];
    for (size_t i = 0; i < at->count; i++) {
        if (at->records[i].payload == payload) {
            return;
        }
    }
    world_fail(world, "a direct message was answered ok, and is not in the log", client);
}

void disk_check_all(const struct world *world)
{
    for (uint32_t i = 0; i < LOGS_MAX; i++) {
        const struct disk_log *log = &world->disk->logs[i];
        for (size_t a = 0; a < log->count; a++) {
            for (size_t b = 0; b < a; b++) {
                if (log->records[a].payload == log->records[b].payload) {
                    fprintf(stderr, "log %u offsets %" PRIu64 " %" PRIu64 " payload %" PRIu64 "\n",
                            i, log->records[b].offset, log->records[a].offset,
                            log->records[a].payload);
                    world_fail(world, "a message stands in the log twice", NULL);
                }
            }
        }
    }
}
