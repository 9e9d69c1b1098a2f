/* Loads come here when what was asked for before them is committed or refused: a view of the file
 * that begins then shows all of it. Commits do not wait for them, and they not for commits. */
#include "router/engine/embedded_internal.h"

enum { UNPOLLED_BYTES_MAX = 16 * 1024 * 1024 };

static bool may_read(const struct embedded_reader *reader)
{
    return reader->loads.count > 0 && !reader->held_off &&
           reader->unpolled_bytes <= UNPOLLED_BYTES_MAX;
}

static void read_one(struct embedded *embedded, struct embedded_op *op)
{
    struct embedded_reader *reader = &embedded->reader;
    reader->reading = true;
    pthread_mutex_unlock(&embedded->lock);
    enum store_step step = store_load(reader->store, &op->load, &op->loaded);
    op->result = step == STORE_DONE ? ENGINE_OK : ENGINE_FAILED;
    pthread_mutex_lock(&embedded->lock);
    reader->reading = false;
    reader->unpolled_bytes += op->loaded.data.len;
    pthread_cond_signal(&reader->idle);
    embedded_finish_op(embedded, op);
}

static void *run(void *owner)
{
    struct embedded *embedded = owner;
    struct embedded_reader *reader = &embedded->reader;
    pthread_mutex_lock(&embedded->lock);
    while (!reader->stop) {
        if (may_read(reader)) {
            read_one(embedded, embedded_list_pop(&reader->loads));
        } else {
            pthread_cond_wait(&reader->wake, &embedded->lock);
        }
    }
    pthread_mutex_unlock(&embedded->lock);
    return NULL;
}

enum status embedded_reader_start(struct embedded *embedded, struct buf *error)
{
    struct embedded_reader *reader = &embedded->reader;
    enum status status = store_open_reader((const char *)embedded->path.data, embedded->config.vfs,
                                           &reader->store, error);
    if (status != STATUS_OK) {
        return status;
    }
    reader->started = embedded_thread_start(&reader->thread, run, embedded);
    if (!reader->started) {
        buf_append_str(error, "cannot start a thread");
        return STATUS_LIMIT;
    }
    return STATUS_OK;
}

void embedded_reader_stop(struct embedded *embedded)
{
    struct embedded_reader *reader = &embedded->reader;
    if (reader->started) {
        pthread_mutex_lock(&embedded->lock);
        reader->stop = true;
        pthread_cond_signal(&reader->wake);
        pthread_mutex_unlock(&embedded->lock);
        pthread_join(reader->thread, NULL);
        reader->started = false;
    }
    store_close_reader(&reader->store);
}

void embedded_reader_take(struct embedded *embedded, struct embedded_op *op)
{
    embedded_list_push(&embedded->reader.loads, op);
    pthread_cond_signal(&embedded->reader.wake);
}

bool embedded_reader_hold_off(struct embedded *embedded, bool wait)
{
    struct embedded_reader *reader = &embedded->reader;
    pthread_mutex_lock(&embedded->lock);
    bool held = wait || !reader->reading;
    reader->held_off = held;
    while (held && reader->reading) {
        pthread_cond_wait(&reader->idle, &embedded->lock);
    }
    pthread_mutex_unlock(&embedded->lock);
    return held;
}

void embedded_reader_let_go(struct embedded *embedded)
{
    struct embedded_reader *reader = &embedded->reader;
    pthread_mutex_lock(&embedded->lock);
    reader->held_off = false;
    pthread_cond_signal(&reader->wake);
    pthread_mutex_unlock(&embedded->lock);
}
