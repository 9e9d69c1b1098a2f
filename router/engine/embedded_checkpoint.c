/* A passive checkpoint never makes the writer wait; while there is traffic it cannot finish either,
 * so the writer itself does the small rest when the write-ahead log has become large. */
#include "router/engine/embedded_internal.h"
#include "router/engine/embedded_sql.h"

static void *run(void *owner)
{
    struct embedded_checkpointer *checkpointer = owner;
    pthread_mutex_lock(&checkpointer->lock);
    while (!checkpointer->stop) {
        if (!checkpointer->wanted) {
            pthread_cond_wait(&checkpointer->wake, &checkpointer->lock);
            continue;
        }
        checkpointer->wanted = false;
        checkpointer->busy = true;
        pthread_mutex_unlock(&checkpointer->lock);
        /* A failure shows when the writer has to do it itself. */
        (void)sqlite3_wal_checkpoint_v2(checkpointer->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL,
                                        NULL);
        pthread_mutex_lock(&checkpointer->lock);
        checkpointer->busy = false;
        pthread_cond_signal(&checkpointer->idle);
    }
    pthread_mutex_unlock(&checkpointer->lock);
    return NULL;
}

enum status embedded_checkpointer_start(struct embedded_checkpointer *checkpointer,
                                        const char *path, const char *vfs, struct buf *error)
{
    enum status status = store_connect(path, vfs, &checkpointer->db, error);
    if (status != STATUS_OK) {
        return status;
    }
    sqlite3_busy_timeout(checkpointer->db, 0);
    pthread_mutex_init(&checkpointer->lock, NULL);
    pthread_cond_init(&checkpointer->wake, NULL);
    pthread_cond_init(&checkpointer->idle, NULL);
    checkpointer->started = embedded_thread_start(&checkpointer->thread, run, checkpointer);
    if (!checkpointer->started) {
        buf_append_str(error, "cannot start a thread");
        pthread_cond_destroy(&checkpointer->wake);
        pthread_cond_destroy(&checkpointer->idle);
        pthread_mutex_destroy(&checkpointer->lock);
        sqlite3_close(checkpointer->db);
        return STATUS_LIMIT;
    }
    return STATUS_OK;
}

void embedded_checkpointer_want(struct embedded_checkpointer *checkpointer)
{
    pthread_mutex_lock(&checkpointer->lock);
    checkpointer->wanted = true;
    pthread_cond_signal(&checkpointer->wake);
    pthread_mutex_unlock(&checkpointer->lock);
}

bool embedded_checkpointer_idle(struct embedded_checkpointer *checkpointer)
{
    pthread_mutex_lock(&checkpointer->lock);
    bool idle = !checkpointer->wanted && !checkpointer->busy;
    pthread_mutex_unlock(&checkpointer->lock);
    return idle;
}

void embedded_checkpointer_await(struct embedded_checkpointer *checkpointer)
{
    pthread_mutex_lock(&checkpointer->lock);
    while (checkpointer->wanted || checkpointer->busy) {
        pthread_cond_wait(&checkpointer->idle, &checkpointer->lock);
    }
    pthread_mutex_unlock(&checkpointer->lock);
}

void embedded_checkpointer_stop(struct embedded_checkpointer *checkpointer)
{
    if (!checkpointer->started) {
        return;
    }
    pthread_mutex_lock(&checkpointer->lock);
    checkpointer->stop = true;
    pthread_cond_signal(&checkpointer->wake);
    pthread_mutex_unlock(&checkpointer->lock);
    pthread_join(checkpointer->thread, NULL);
    pthread_cond_destroy(&checkpointer->wake);
    pthread_cond_destroy(&checkpointer->idle);
    pthread_mutex_destroy(&checkpointer->lock);
    sqlite3_close(checkpointer->db);
    checkpointer->started = false;
}
