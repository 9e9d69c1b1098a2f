/* The writer: everything that waits becomes one transaction; when it is on disk, or surely is not,
 * all of it completes. Loads keep their place in the order, and go on to the reader then.
 *
 * While writing fails, appends FAIL at once; the disk is asked again after a pause that doubles,
 * by the next append or, when there is none, by a write that means nothing. Values have nobody who
 * would try again, so they are held until they can be written. */
#include "common/clock.h"
#include "common/mem.h"
#include "router/engine/embedded_internal.h"

#include <errno.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

enum {
    BATCH_OPS_MAX = 4096,
    BATCH_BYTES_MAX = 8 * 1024 * 1024,
    BACKOFF_MIN_MS = 20,
    BACKOFF_MAX_MS = 1000,
    SWEEP_STEP_MS = 100,
    SWEEP_FULL_MS = 1000 /* where room is wanted */
};

static bool writes(const struct embedded_op *op)
{
    return op->kind == OP_APPEND || op->kind == OP_PUT;
}

/* Waits until something is asked for, the end, or `until_ms`. Under the lock. */
static void wait_for_work(struct embedded *embedded, uint64_t until_ms)
{
    struct timespec until = {.tv_sec = (time_t)(until_ms / 1000),
                             .tv_nsec = (long)(until_ms % 1000) * 1000000};
    int code = 0;
    while (embedded->queue.count == 0 && !embedded->stop && code != ETIMEDOUT) {
        code = pthread_cond_timedwait(&embedded->wake, &embedded->lock, &until);
    }
}

static void take_batch(struct embedded *embedded, struct embedded_list *batch)
{
    size_t bytes = 0;
    while (embedded->queue.count > 0 && batch->count < BATCH_OPS_MAX && bytes < BATCH_BYTES_MAX) {
        struct embedded_op *op = embedded_list_pop(&embedded->queue);
        bytes += op->cost;
        embedded_list_push(batch, op);
    }
}

static void keep_value(void *owner, const struct engine_value *value)
{
    struct embedded_values *values = owner;
    if (values->count == values->capacity) {
        values->capacity = values->capacity == 0 ? 16 : values->capacity * 2;
        values->found = mem_resize(values->found, values->capacity, sizeof(*values->found));
    }
    values->found[values->count++] = (struct engine_value){
        .table = value->table,
        .key = bytes_of(mem_copy(value->key), value->key.len),
        .value = bytes_of(mem_copy(value->value), value->value.len),
    };
}

static void drop_value(struct embedded_values *values, struct bytes key)
{
    for (size_t i = 0; i < values->count; i++) {
        if (bytes_equal(values->found[i].key, key)) {
            mem_free((void *)(uintptr_t)values->found[i].key.data);
            mem_free((void *)(uintptr_t)values->found[i].value.data);
            values->found[i] = values->found[--values->count];
            return;
        }
    }
}

/* What is in the file, and over it what could not be written yet. */
static enum store_step read_values(struct embedded *embedded, struct embedded_values *values)
{
    while (values->count > 0) {
        drop_value(values, values->found[0].key);
    }
    enum store_step step = store_values(embedded->store, values->table, keep_value, values);
    for (struct embedded_op *op = embedded->held.first; op != NULL; op = op->next) {
        if (bytes_equal(op->value.table, values->table)) {
            drop_value(values, op->value.key);
            if (op->value.value.data != NULL) {
                keep_value(values, &op->value);
            }
        }
    }
    return step;
}

static enum store_step run_op(struct embedded *embedded, struct embedded_op *op)
{
    enum store_step step = STORE_DONE;
    switch (op->kind) {
    case OP_APPEND:
        step = store_append(embedded->store, &op->append);
        op->result = step == STORE_DONE ? ENGINE_OK : ENGINE_FAILED;
        embedded->no_room += step == STORE_FULL;
        break;
    case OP_REFUSED:
        op->result = ENGINE_FAILED;
        break;
    case OP_LOAD: /* the reader's */
        break;
    case OP_PUT:
        step = store_put(embedded->store, &op->value);
        break;
    case OP_VALUES:
        step = read_values(embedded, op->values);
        break;
    }
    return step;
}

static enum store_step run_ops(struct embedded *embedded, struct embedded_op *first)
{
    for (struct embedded_op *op = first; op != NULL; op = op->next) {
        /* What cannot be read is the reader's trouble, unless it took the transaction with it. */
        if (run_op(embedded, op) == STORE_BROKEN &&
            (writes(op) || !store_active(embedded->store))) {
            return STORE_BROKEN;
        }
    }
    return STORE_DONE;
}

/* A few channels' worth of retention, when its time has come. */
static enum store_step sweep(struct embedded *embedded, uint64_t now_ms)
{
    bool end = false;
    if (now_ms < embedded->sweep_at_ms) {
        return STORE_DONE;
    }
    enum store_step step = store_sweep(embedded->store, &end);
    uint32_t pause = embedded->config.sweep_ms;
    if (embedded->room != ENGINE_ROOM_FOR_ALL && pause > SWEEP_FULL_MS) {
        pause = SWEEP_FULL_MS;
    }
    embedded->sweep_at_ms = now_ms + (end || pause < SWEEP_STEP_MS ? pause : SWEEP_STEP_MS);
    return step;
}

/* Of what the file may hold, by what is used of it. */
void embedded_measure(struct embedded *embedded)
{
    uint64_t tenth = embedded->config.bytes_max / 10;
    uint64_t used = store_used_bytes(embedded->store);
    embedded->bytes_on_disk = store_bytes(embedded->store);
    embedded->bytes_used = used;
    embedded->room = tenth == 0                          ? ENGINE_ROOM_FOR_ALL
                     : used < 8 * tenth                  ? ENGINE_ROOM_FOR_ALL
                     : used < 9 * tenth                  ? ENGINE_NO_NEW_LOGS
                     : used < embedded->config.bytes_max ? ENGINE_NO_LONGER_LOGS
                                                         : ENGINE_NO_APPENDS;
    store_set_room(embedded->store, embedded->room);
}

/* One transaction with all of it. */
static enum engine_result attempt(struct embedded *embedded, struct embedded_list *batch,
                                  uint64_t now_ms)
{
    /* Messages are labelled by the wall clock. One that was put forward makes nothing old by the
     * first of these, one that was put back by the second. */
    uint64_t steady_ms = now_ms + embedded->wall_offset_ms;
    uint64_t wall_ms = clock_wall_ms();
    enum engine_result result =
        store_begin(embedded->store, steady_ms < wall_ms ? steady_ms : wall_ms);
    if (result != ENGINE_OK) {
        return result;
    }
    enum store_step step = embedded->trouble == NULL ? STORE_DONE : store_probe(embedded->store);
    if (step == STORE_DONE) {
        step = run_ops(embedded, embedded->held.first);
    }
    if (step == STORE_DONE) {
        step = run_ops(embedded, batch->first);
    }
    if (step == STORE_DONE) {
        step = sweep(embedded, now_ms);
    }
    if (step == STORE_BROKEN) {
        store_rollback(embedded->store);
        return ENGINE_FAILED;
    }
    embedded_measure(embedded);
    return store_commit(embedded->store);
}

/* Nothing was written: appends say so, values wait, what only reads is done without a transaction.
 */
static void run_unwritten(struct embedded *embedded, struct embedded_list *batch,
                          enum engine_result result)
{
    struct embedded_list rest = {0};
    struct embedded_op *op;
    while ((op = embedded_list_pop(batch)) != NULL) {
        if (op->kind == OP_APPEND) {
            op->result = result;
        } else if (op->kind == OP_PUT) {
            embedded_list_push(&embedded->held, op);
            continue;
        } else {
            (void)run_op(embedded, op);
        }
        embedded_list_push(&rest, op);
    }
    *batch = rest;
}

static void note_success(struct embedded *embedded)
{
    struct embedded_op *op;
    embedded->trouble = NULL;
    embedded->backoff_ms = 0;
    pthread_mutex_lock(&embedded->lock);
    while ((op = embedded_list_pop(&embedded->held)) != NULL) {
        embedded->stats.waiting_bytes -= op->cost;
        embedded_op_free(op);
    }
    pthread_mutex_unlock(&embedded->lock);
}

static void note_failure(struct embedded *embedded, enum engine_result result)
{
    embedded->trouble = store_trouble(embedded->store);
    embedded->fenced = embedded->fenced || result == ENGINE_FENCED;
    uint64_t doubled = embedded->backoff_ms * 2;
    embedded->backoff_ms = doubled < BACKOFF_MIN_MS   ? BACKOFF_MIN_MS
                           : doubled > BACKOFF_MAX_MS ? BACKOFF_MAX_MS
                                                      : doubled;
    embedded->retry_at_ms = clock_mono_ms() + embedded->backoff_ms;
}

/* The checkpointer and the reader rest: what is left of the log goes into the file, and the next
 * commit begins it anew. `full`: waits for both. */
static bool finish_log(struct embedded *embedded, bool full)
{
    if (full) {
        embedded_checkpointer_await(&embedded->checkpointer);
    }
    if (!embedded_reader_hold_off(embedded, full)) {
        return true;
    }
    bool all = store_checkpoint(embedded->store, full);
    embedded_reader_let_go(embedded);
    embedded->checkpoint_at = all ? 0 : embedded->checkpoint_at;
    return all || !full;
}

/* Keeps the write-ahead log small. The checkpointer moves it at each quarter of what it may be,
 * and not all the time: the same pages are written again and again, and its syncs are in the way
 * of those of commits. From half on, when the checkpointer has just moved nearly everything, the
 * writer moves the small rest. False: it is too large and stays so. */
static bool bound_log(struct embedded *embedded)
{
    uint64_t bytes = store_wal_bytes(embedded->store);
    uint64_t max = embedded->config.wal_bytes_max;
    if (bytes >= max) {
        return finish_log(embedded, true);
    }
    if (embedded->checkpoint_at == 0 || embedded->checkpoint_at > bytes + max / 4) {
        embedded->checkpoint_at = max / 4; /* it has begun anew */
    }
    if (bytes >= embedded->checkpoint_at) {
        embedded->checkpoint_at = bytes + max / 4;
        embedded_checkpointer_want(&embedded->checkpointer);
        return true;
    }
    bool moved = bytes >= max / 2 && embedded_checkpointer_idle(&embedded->checkpointer);
    return moved ? finish_log(embedded, false) : true;
}

static bool needs_transaction(const struct embedded *embedded, const struct embedded_list *batch,
                              uint64_t now_ms)
{
    const struct embedded_op *op = batch->first;
    while (op != NULL && op->kind == OP_LOAD) {
        op = op->next;
    }
    return op != NULL || embedded->held.count > 0 || embedded->trouble != NULL ||
           now_ms >= embedded->sweep_at_ms;
}

static void run_batch(struct embedded *embedded, struct embedded_list *batch, bool last)
{
    uint64_t now_ms = clock_mono_ms();
    if (!needs_transaction(embedded, batch, now_ms)) {
        return;
    }
    if (embedded->fenced) {
        run_unwritten(embedded, batch, ENGINE_FENCED);
        return;
    }
    if (embedded->trouble != NULL && now_ms < embedded->retry_at_ms && !last) {
        run_unwritten(embedded, batch, ENGINE_FAILED);
        return;
    }
    enum engine_result result =
        bound_log(embedded) ? attempt(embedded, batch, now_ms) : ENGINE_FAILED;
    if (result == ENGINE_UNKNOWN && attempt(embedded, batch, now_ms) == ENGINE_OK) {
        result = ENGINE_OK;
    }
    if (result == ENGINE_OK) {
        note_success(embedded);
    } else {
        note_failure(embedded, result);
        run_unwritten(embedded, batch, result);
    }
}

void embedded_finish_op(struct embedded *embedded, struct embedded_op *op)
{
    uint64_t one = 1;
    struct engine_stats *stats = &embedded->stats;
    stats->waiting_bytes -= op->cost;
    if (op->kind == OP_APPEND || op->kind == OP_REFUSED) {
        stats->waiting--;
        stats->appends += op->result == ENGINE_OK;
        stats->failures += op->result != ENGINE_OK;
    }
    if (op->kind == OP_PUT) {
        embedded_op_free(op);
    } else if (op->kind == OP_VALUES) {
        op->values->served = true;
        embedded_op_free(op);
        pthread_cond_signal(&embedded->served);
    } else {
        embedded_list_push(&embedded->done, op);
        if (embedded->done.count == 1 &&
            write(embedded->event_fd, &one, sizeof(one)) != sizeof(one)) {
            /* The counter is full: it is readable all the more. */
        }
    }
}

/* What the file system has left for us; asked here because a sick disk may take its time. */
static uint64_t free_bytes(const struct embedded *embedded)
{
    struct statvfs about;
    if (statvfs((const char *)embedded->path.data, &about) != 0) {
        return 0;
    }
    return (uint64_t)about.f_bavail * about.f_frsize;
}

static void publish(struct embedded *embedded, struct embedded_list *batch, uint64_t begin_us,
                    bool wrote)
{
    uint64_t end_us = clock_mono_us();
    uint64_t us = end_us - begin_us;
    uint64_t space = free_bytes(embedded);
    size_t count = batch->count;
    struct embedded_op *op;
    pthread_mutex_lock(&embedded->lock);
    struct engine_stats *stats = &embedded->stats;
    while ((op = embedded_list_pop(batch)) != NULL) {
        if (op->kind == OP_LOAD) {
            embedded_reader_take(embedded, op);
        } else {
            embedded_finish_op(embedded, op);
        }
    }
    if (wrote) {
        stats->commits++;
        stats->commit_us_last = us;
        stats->commit_us_total += us;
        embedded_pace_note(&embedded->pace, count, embedded->queue.count, begin_us, end_us);
    }
    stats->store_bytes = embedded->bytes_on_disk;
    stats->free_bytes = space;
    stats->used_bytes = embedded->bytes_used;
    stats->no_room = embedded->no_room;
    stats->room = embedded->room;
    stats->trouble = embedded->trouble;
    stats->fenced = embedded->fenced;
    pthread_mutex_unlock(&embedded->lock);
}

static uint64_t next_turn(const struct embedded *embedded)
{
    bool retry = embedded->trouble != NULL && !embedded->fenced;
    return retry && embedded->retry_at_ms < embedded->sweep_at_ms ? embedded->retry_at_ms
                                                                  : embedded->sweep_at_ms;
}

/* Takes what waits; false at the end. */
static bool next_batch(struct embedded *embedded, struct embedded_list *batch, bool *ret_last)
{
    pthread_mutex_lock(&embedded->lock);
    wait_for_work(embedded, next_turn(embedded));
    if (embedded->queue.count > 0 && embedded->trouble == NULL && !embedded->stop) {
        embedded_pace_wait(embedded);
    }
    take_batch(embedded, batch);
    *ret_last = embedded->stop && embedded->queue.count == 0;
    pthread_mutex_unlock(&embedded->lock);
    return batch->count > 0 || !*ret_last;
}

void *embedded_writer_run(void *owner)
{
    struct embedded *embedded = owner;
    bool last = false;
    struct embedded_list batch = {0};
    while (next_batch(embedded, &batch, &last)) {
        bool wrote = false;
        for (struct embedded_op *op = batch.first; op != NULL; op = op->next) {
            wrote = wrote || writes(op);
        }
        uint64_t begin_us = clock_mono_us();
        run_batch(embedded, &batch, last);
        publish(embedded, &batch, begin_us, wrote && embedded->trouble == NULL);
        batch = (struct embedded_list){0};
    }
    if (embedded->held.count > 0) {
        run_batch(embedded, &batch, true);
    }
    return NULL;
}
