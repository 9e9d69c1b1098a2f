/* What the caller's side and the threads of the embedded engine (writer, reader, checkpointer)
 * share. */
#ifndef ROUTER_ENGINE_EMBEDDED_INTERNAL_H
#define ROUTER_ENGINE_EMBEDDED_INTERNAL_H

#include "router/engine/embedded.h"
#include "router/engine/embedded_store.h"

#include <pthread.h>
#include <sqlite3.h>

enum embedded_op_kind {
    OP_APPEND,
    OP_REFUSED, /* an append that found the queue full: it only keeps its place in the order */
    OP_LOAD,
    OP_PUT,
    OP_VALUES
};

/* What values() waits for, on the caller's stack. */
struct embedded_values {
    struct bytes table;
    struct engine_value *found; /* copies */
    size_t count;
    size_t capacity;
    bool served;
};

/* One call, from the queue to its completion. */
struct embedded_op {
    struct embedded_op *next;
    enum embedded_op_kind kind;
    enum engine_result result;
    uint64_t id;
    size_t cost; /* in waiting_bytes */
    struct engine_append append;
    struct engine_load load;
    struct engine_value value;
    struct embedded_values *values;
    struct store_loaded loaded;
    uint8_t bytes[]; /* what the views point into */
};

/* First in, first out. */
struct embedded_list {
    struct embedded_op *first;
    struct embedded_op *last;
    size_t count;
};

struct embedded_checkpointer {
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t wake; /* the thread */
    pthread_cond_t idle; /* who waits for its end of work */
    bool wanted;         /* under `lock`, as is what follows */
    bool busy;
    bool stop;
    sqlite3 *db; /* its thread's */
};

/* Reads logs on a connection of its own. Everything but the thread and its store is under the
 * engine's lock. */
struct embedded_reader {
    pthread_t thread;
    bool started;
    struct store *store;        /* its thread's */
    pthread_cond_t wake;        /* the thread: something to read, or may go on, or the end */
    pthread_cond_t idle;        /* who holds it off */
    struct embedded_list loads; /* whose turn in the order of calls has come */
    size_t unpolled_bytes;      /* of results that nobody has taken yet */
    bool reading;
    bool held_off; /* a view of the file would keep the write-ahead log from beginning anew */
    bool stop;
};

/* When the next batch is worth a commit; the writer's only, but for `wake_at`. */
struct embedded_pace {
    uint64_t end_us;    /* of the last commit */
    uint64_t commit_us; /* what one takes, smoothed */
    size_t expected;    /* how many may come: what the last one had and what waited then */
    uint32_t worth;     /* how often waiting for them was, lately */
    uint32_t turns;
    size_t wake_at; /* so many in the queue wake the writer; 0 = no such number */
};

struct embedded {
    struct engine engine;
    struct engine_embedded_config config;
    int dir_fd; /* holds the directory; -1 = stolen */
    int event_fd;
    uint64_t incarnation;
    struct buf path;

    /* The caller's side only. */
    struct embedded_list ready; /* completed, not polled */
    struct embedded_op *polled; /* the last one polled: its views are still valid */

    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;   /* the writer: something waits, or the end */
    pthread_cond_t served; /* the caller: values() */
    /* Under `lock`. */
    struct embedded_list queue;
    struct embedded_list done;
    bool stop;
    struct engine_stats stats;

    struct embedded_checkpointer checkpointer;
    struct embedded_reader reader;
    struct embedded_pace pace;

    /* The writer's only. */
    struct store *store;
    struct embedded_list held; /* values that could not be written yet */
    bool fenced;
    const char *trouble; /* NULL = writing works */
    uint64_t retry_at_ms;
    uint64_t backoff_ms;
    uint64_t sweep_at_ms;
    uint64_t
        checkpoint_at; /* bytes of the write-ahead log from which on the next one is worth it */
    uint64_t bytes_on_disk;
    uint64_t bytes_used;
    uint64_t no_room; /* appends refused for it */
    enum engine_room room;
    uint64_t wall_offset_ms; /* wall time minus monotonic time, as at the start */
};

/* Takes note of how large the file is, and what room is left in it. */
void embedded_measure(struct embedded *embedded);

void embedded_list_push(struct embedded_list *list, struct embedded_op *op);
/* NULL when empty. */
struct embedded_op *embedded_list_pop(struct embedded_list *list);
void embedded_op_free(struct embedded_op *op);

/* Under the lock: the op is through, to where its caller finds it, who is woken if need be. */
void embedded_finish_op(struct embedded *embedded, struct embedded_op *op);

/* Opens a connection of its own and starts its thread; one line in `error` on failure. */
MUST_CHECK enum status embedded_reader_start(struct embedded *embedded, struct buf *error);
void embedded_reader_stop(struct embedded *embedded);
/* Under the lock: the load's turn has come, everything asked before it is through. */
void embedded_reader_take(struct embedded *embedded, struct embedded_op *op);
/* Keeps the reader from looking at the file until it is let go. `wait` for what it is reading now;
 * without, false when it is reading. Never under the lock. */
bool embedded_reader_hold_off(struct embedded *embedded, bool wait);
void embedded_reader_let_go(struct embedded *embedded);

/* When the first of a batch has come: waits for more if they are worth it. Under the lock. */
void embedded_pace_wait(struct embedded *embedded);
/* A batch of `count` was written, `waiting` are there for the next. */
void embedded_pace_note(struct embedded_pace *pace, size_t count, size_t waiting, uint64_t begin_us,
                        uint64_t end_us);

/* The writer thread, until embedded->stop and the queue is empty. */
void *embedded_writer_run(void *embedded);

/* Opens a connection of its own and starts its thread. */
MUST_CHECK enum status embedded_checkpointer_start(struct embedded_checkpointer *checkpointer,
                                                   const char *path, const char *vfs,
                                                   struct buf *error);
/* Moves what it can of the write-ahead log, without anybody waiting. */
void embedded_checkpointer_want(struct embedded_checkpointer *checkpointer);
/* True when it has nothing to do: SQLite refuses a second checkpoint beside one, never waits. */
bool embedded_checkpointer_idle(struct embedded_checkpointer *checkpointer);
void embedded_checkpointer_await(struct embedded_checkpointer *checkpointer);
void embedded_checkpointer_stop(struct embedded_checkpointer *checkpointer);

/* Starts a thread that takes no signals: those are the main thread's. */
bool embedded_thread_start(pthread_t *ret_thread, void *(*run)(void *), void *owner);

#endif
