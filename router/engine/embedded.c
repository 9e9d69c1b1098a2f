/* The caller's side: calls go into a queue, completions come out of another; an eventfd says when.
 * Nothing here touches the disk but open and close. */
#include "router/engine/embedded.h"

#include "common/clock.h"
#include "common/mem.h"
#include "router/engine/embedded_dir.h"
#include "router/engine/embedded_internal.h"

#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
    WAITING_BYTES_MAX = 64 * 1024 * 1024,
    WAL_BYTES_MAX = 64 * 1024 * 1024,
    SWEEP_MS = 60 * 1000
};

static struct embedded *embedded_of(struct engine *engine)
{
    return (struct embedded *)engine;
}

void embedded_list_push(struct embedded_list *list, struct embedded_op *op)
{
    op->next = NULL;
    if (list->last == NULL) {
        list->first = op;
    } else {
        list->last->next = op;
    }
    list->last = op;
    list->count++;
}

struct embedded_op *embedded_list_pop(struct embedded_list *list)
{
    struct embedded_op *op = list->first;
    if (op != NULL) {
        list->first = op->next;
        list->last = list->first == NULL ? NULL : list->last;
        list->count--;
    }
    return op;
}

void embedded_op_free(struct embedded_op *op)
{
    if (op != NULL) {
        store_loaded_fini(&op->loaded);
        mem_free(op);
    }
}

static void free_list(struct embedded_list *list)
{
    struct embedded_op *op;
    while ((op = embedded_list_pop(list)) != NULL) {
        embedded_op_free(op);
    }
}

bool embedded_thread_start(pthread_t *ret_thread, void *(*run)(void *), void *owner)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(ret_thread, NULL, run, owner) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

/* An op with room for `len` bytes of copies. */
static struct embedded_op *new_op(enum embedded_op_kind kind, uint64_t id, size_t len)
{
    struct embedded_op *op = mem_new(1, sizeof(*op) + len);
    op->kind = kind;
    op->id = id;
    op->cost = sizeof(*op) + len;
    return op;
}

/* Copies what `view` shows to `*at` and moves both there. */
static void keep(struct bytes *view, uint8_t **at)
{
    if (view->data != NULL) {
        memcpy(*at, view->data, view->len);
        view->data = *at;
        *at += view->len;
    }
}

static void enqueue(struct embedded *embedded, struct embedded_op *op)
{
    pthread_mutex_lock(&embedded->lock);
    embedded->stats.waiting += op->kind == OP_APPEND || op->kind == OP_REFUSED;
    embedded->stats.waiting_bytes += op->cost;
    embedded_list_push(&embedded->queue, op);
    if (embedded->queue.count == 1 || embedded->queue.count == embedded->pace.wake_at) {
        pthread_cond_signal(&embedded->wake);
    }
    pthread_mutex_unlock(&embedded->lock);
}

/* Only the caller's side makes it more, so that what has room now has room after the check. */
static bool has_room(struct embedded *embedded, size_t len)
{
    pthread_mutex_lock(&embedded->lock);
    bool room = embedded->stats.waiting_bytes + len <= embedded->config.waiting_bytes_max;
    pthread_mutex_unlock(&embedded->lock);
    return room;
}

static uint64_t embedded_incarnation(const struct engine *engine)
{
    return ((const struct embedded *)engine)->incarnation;
}

static bool embedded_durable(const struct engine *engine)
{
    (void)engine;
    return true;
}

static void embedded_append(struct engine *engine, const struct engine_append *append)
{
    struct embedded *embedded = embedded_of(engine);
    size_t len = append->name.len + append->user.len + append->server_id.len + append->payload.len +
                 append->key.len;
    if (!has_room(embedded, len)) {
        enqueue(embedded, new_op(OP_REFUSED, append->id, 0));
        return;
    }
    struct embedded_op *op = new_op(OP_APPEND, append->id, len);
    uint8_t *at = op->bytes;
    op->append = *append;
    keep(&op->append.name, &at);
    keep(&op->append.user, &at);
    keep(&op->append.server_id, &at);
    keep(&op->append.payload, &at);
    keep(&op->append.key, &at);
    enqueue(embedded, op);
}

static void embedded_load(struct engine *engine, const struct engine_load *load)
{
    struct embedded_op *op = new_op(OP_LOAD, load->id, load->name.len);
    uint8_t *at = op->bytes;
    op->load = *load;
    keep(&op->load.name, &at);
    enqueue(embedded_of(engine), op);
}

static void embedded_put(struct engine *engine, const struct engine_value *value)
{
    struct embedded *embedded = embedded_of(engine);
    size_t len = value->table.len + value->key.len + value->value.len;
    if (!has_room(embedded, len)) {
        pthread_mutex_lock(&embedded->lock);
        embedded->stats.failures++;
        pthread_mutex_unlock(&embedded->lock);
        return;
    }
    struct embedded_op *op = new_op(OP_PUT, 0, len + 1);
    uint8_t *at = op->bytes;
    op->value = *value;
    keep(&op->value.table, &at);
    keep(&op->value.key, &at);
    keep(&op->value.value, &at);
    enqueue(embedded, op);
}

static void embedded_values(struct engine *engine, struct bytes table,
                            void (*each)(void *owner, const struct engine_value *value),
                            void *owner)
{
    struct embedded *embedded = embedded_of(engine);
    struct embedded_values values = {.table = table};
    struct embedded_op *op = new_op(OP_VALUES, 0, 0);
    op->values = &values;
    enqueue(embedded, op);
    pthread_mutex_lock(&embedded->lock);
    while (!values.served) {
        pthread_cond_wait(&embedded->served, &embedded->lock);
    }
    pthread_mutex_unlock(&embedded->lock);
    for (size_t i = 0; i < values.count; i++) {
        each(owner, &values.found[i]);
        mem_free((void *)(uintptr_t)values.found[i].key.data);
        mem_free((void *)(uintptr_t)values.found[i].value.data);
    }
    mem_free(values.found);
}

/* All that is done, at once: one lock for many completions. The descriptor is readable as long as
 * something lies here, no longer: who has got all that was asked for does not come back to see that
 * there is no more. */
static void fetch(struct embedded *embedded)
{
    uint64_t count;
    pthread_mutex_lock(&embedded->lock);
    embedded->ready = embedded->done;
    embedded->done = (struct embedded_list){0};
    embedded->reader.unpolled_bytes = 0;
    if (embedded->reader.loads.count > 0) {
        pthread_cond_signal(&embedded->reader.wake);
    }
    if (embedded->ready.count > 0 && read(embedded->event_fd, &count, sizeof(count)) < 0) {
        /* It is non-blocking: it cannot stay set by that. */
    }
    pthread_mutex_unlock(&embedded->lock);
}

static bool embedded_poll(struct engine *engine, struct engine_completion *ret_completion)
{
    struct embedded *embedded = embedded_of(engine);
    embedded_op_free(embedded->polled);
    embedded->polled = NULL;
    if (embedded->ready.count == 0) {
        fetch(embedded);
    }
    struct embedded_op *op = embedded_list_pop(&embedded->ready);
    if (op == NULL) {
        return false;
    }
    *ret_completion = (struct engine_completion){
        .id = op->id,
        .what = op->kind == OP_LOAD ? ENGINE_LOADED : ENGINE_APPENDED,
        .result = op->result,
        .log = op->loaded.log,
    };
    embedded->polled = op;
    return true;
}

static int embedded_fd(const struct engine *engine)
{
    return ((const struct embedded *)engine)->event_fd;
}

static void embedded_stats(const struct engine *engine, struct engine_stats *ret_stats)
{
    struct embedded *embedded = (struct embedded *)(uintptr_t)engine;
    pthread_mutex_lock(&embedded->lock);
    *ret_stats = embedded->stats;
    pthread_mutex_unlock(&embedded->lock);
}

static void release(struct embedded *embedded)
{
    embedded_checkpointer_stop(&embedded->checkpointer);
    embedded_reader_stop(embedded);
    store_close(&embedded->store);
    free_list(&embedded->ready);
    free_list(&embedded->done);
    free_list(&embedded->reader.loads);
    free_list(&embedded->held);
    embedded_op_free(embedded->polled);
    pthread_cond_destroy(&embedded->wake);
    pthread_cond_destroy(&embedded->served);
    pthread_cond_destroy(&embedded->reader.wake);
    pthread_cond_destroy(&embedded->reader.idle);
    pthread_mutex_destroy(&embedded->lock);
    if (embedded->event_fd >= 0) {
        close(embedded->event_fd);
    }
    if (embedded->dir_fd >= 0) {
        close(embedded->dir_fd);
    }
    buf_fini(&embedded->path);
    mem_free(embedded);
}

static void embedded_close(struct engine **engine)
{
    if (*engine == NULL) {
        return;
    }
    struct embedded *embedded = embedded_of(*engine);
    pthread_mutex_lock(&embedded->lock);
    embedded->stop = true;
    pthread_cond_signal(&embedded->wake);
    pthread_mutex_unlock(&embedded->lock);
    pthread_join(embedded->thread, NULL);
    release(embedded);
    *engine = NULL;
}

static const struct engine_ops embedded_ops = {
    .close = embedded_close,
    .incarnation = embedded_incarnation,
    .durable = embedded_durable,
    .append = embedded_append,
    .load = embedded_load,
    .poll = embedded_poll,
    .fd = embedded_fd,
    .put = embedded_put,
    .values = embedded_values,
    .stats = embedded_stats,
};

static struct embedded *new_embedded(const struct engine_embedded_config *config)
{
    struct embedded *embedded = mem_new(1, sizeof(*embedded));
    pthread_condattr_t monotonic;
    embedded->engine.ops = &embedded_ops;
    embedded->config = *config;
    struct engine_embedded_config *kept = &embedded->config;
    kept->waiting_bytes_max =
        kept->waiting_bytes_max == 0 ? WAITING_BYTES_MAX : kept->waiting_bytes_max;
    kept->wal_bytes_max = kept->wal_bytes_max == 0 ? WAL_BYTES_MAX : kept->wal_bytes_max;
    kept->sweep_ms = kept->sweep_ms == 0 ? SWEEP_MS : kept->sweep_ms;
    embedded->dir_fd = -1;
    embedded->event_fd = -1;
    embedded->wall_offset_ms = clock_wall_ms() - clock_mono_ms();
    buf_init(&embedded->path, 0);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&embedded->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_cond_init(&embedded->served, NULL);
    pthread_cond_init(&embedded->reader.wake, NULL);
    pthread_cond_init(&embedded->reader.idle, NULL);
    pthread_mutex_init(&embedded->lock, NULL);
    return embedded;
}

static enum status start(struct embedded *embedded, struct buf *error)
{
    const struct engine_embedded_config *config = &embedded->config;
    enum status status = config->steal
                             ? embedded_dir_create_file(config->dir, &embedded->path, error)
                             : embedded_dir_hold(config->dir, EMBEDDED_DIR_CREATE,
                                                 &embedded->dir_fd, &embedded->path, error);
    if (status != STATUS_OK) {
        return status;
    }
    const char *path = (const char *)embedded->path.data;
    embedded->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (embedded->event_fd < 0) {
        buf_append_str(error, "cannot make an eventfd");
        return STATUS_LIMIT;
    }
    status = store_open(path, config->vfs, &embedded->store, error);
    if (status == STATUS_OK) {
        status = embedded_checkpointer_start(&embedded->checkpointer, path, config->vfs, error);
    }
    if (status == STATUS_OK) {
        status = embedded_reader_start(embedded, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    embedded->incarnation = store_incarnation(embedded->store);
    embedded_measure(embedded);
    embedded->stats.store_bytes = embedded->bytes_on_disk;
    embedded->stats.used_bytes = embedded->bytes_used;
    embedded->stats.room = embedded->room;
    embedded->stats.bytes_max = config->bytes_max;
    if (!embedded_thread_start(&embedded->thread, embedded_writer_run, embedded)) {
        buf_append_str(error, "cannot start a thread");
        return STATUS_LIMIT;
    }
    return STATUS_OK;
}

enum status engine_embedded_open(const struct engine_embedded_config *config, struct engine **ret,
                                 struct buf *ret_error)
{
    struct embedded *embedded = new_embedded(config);
    enum status status = start(embedded, ret_error);
    if (status != STATUS_OK) {
        release(embedded);
        return status;
    }
    *ret = &embedded->engine;
    return STATUS_OK;
}
