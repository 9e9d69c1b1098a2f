#include "router/auth_pool.h"

#include "common/clock.h"
#include "common/mem.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    LATE_MS = 1000, /* after that a check has waited long enough for a processor that is free */
    LATE_NICE = 5,
    NS_PER_MS = 1000000,
    MS_PER_S = 1000
};

struct queue {
    struct auth_job *oldest;
    struct auth_job *newest;
};

struct auth_pool {
    pthread_mutex_t lock;
    pthread_cond_t wake;  /* the threads that only take what is left of the machine */
    pthread_cond_t watch; /* the one that looks whether they get anything */
    bool watching;        /* it looks again in a while anyway */
    struct queue todo;
    struct queue done;
    bool stop;
    int fd;
    unsigned thread_count;
    pthread_t threads[];
};

static void push(struct queue *queue, struct auth_job *job)
{
    job->next = NULL;
    *(queue->newest == NULL ? &queue->oldest : &queue->newest->next) = job;
    queue->newest = job;
}

static struct auth_job *pop(struct queue *queue)
{
    struct auth_job *job = queue->oldest;
    if (job != NULL) {
        queue->oldest = job->next;
        queue->newest = job->next == NULL ? NULL : queue->newest;
    }
    return job;
}

static void announce(const struct auth_pool *pool)
{
    const uint64_t one = 1;
    ssize_t written = write(pool->fd, &one, sizeof(one));
    (void)written; /* it fails only when it is readable anyway */
}

/* The oldest check, with the lock held; not while it runs. */
static void do_one(struct auth_pool *pool)
{
    struct auth_job *job = pop(&pool->todo);
    pthread_mutex_unlock(&pool->lock);
    auth_job_run(job);
    pthread_mutex_lock(&pool->lock);
    bool first = pool->done.oldest == NULL;
    push(&pool->done, job);
    if (first) {
        announce(pool);
    }
}

/* SCHED_IDLE gives way at once to whoever wakes; a low nice level may finish its slice first, which
 * is as long as thirty checks. */
static void *work(void *argument)
{
    static const struct sched_param none = {.sched_priority = 0};
    struct auth_pool *pool = argument;
    (void)pthread_setschedparam(pthread_self(), SCHED_IDLE, &none);
    pthread_mutex_lock(&pool->lock);
    while (!pool->stop) {
        if (pool->todo.oldest == NULL) {
            pthread_cond_wait(&pool->wake, &pool->lock);
        } else {
            do_one(pool);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static void wait_until(struct auth_pool *pool, uint64_t mono_ms)
{
    const struct timespec until = {.tv_sec = (time_t)(mono_ms / MS_PER_S),
                                   .tv_nsec = (long)(mono_ms % MS_PER_S) * NS_PER_MS};
    (void)pthread_cond_timedwait(&pool->watch, &pool->lock, &until);
}

/* A machine that is busy without end leaves nothing: then whoever has waited too long is served as
 * others are. While there is nothing to do this thread sleeps without a timer. */
static void *work_late(void *argument)
{
    struct auth_pool *pool = argument;
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), LATE_NICE); /* Linux: of the thread */
    pthread_mutex_lock(&pool->lock);
    while (!pool->stop) {
        const struct auth_job *oldest = pool->todo.oldest;
        pool->watching = oldest != NULL;
        if (oldest == NULL) {
            pthread_cond_wait(&pool->watch, &pool->lock);
        } else if (clock_mono_ms() < oldest->submitted_ms + LATE_MS) {
            wait_until(pool, oldest->submitted_ms + LATE_MS);
        } else {
            do_one(pool);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static void init_lock(struct auth_pool *pool)
{
    pthread_condattr_t monotonic;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->watch, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

struct auth_pool *auth_pool_new(unsigned threads)
{
    struct auth_pool *pool = mem_new(1, sizeof(*pool) + (threads + 1) * sizeof(pthread_t));
    init_lock(pool);
    pool->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    while (pool->fd >= 0 && pool->thread_count <= threads &&
           pthread_create(&pool->threads[pool->thread_count], NULL,
                          pool->thread_count == 0 ? work_late : work, pool) == 0) {
        pool->thread_count++;
    }
    if (pool->thread_count == 0) {
        auth_pool_free(&pool);
    }
    return pool;
}

static void drop_all(struct queue *queue)
{
    struct auth_job *job = NULL;
    while ((job = pop(queue)) != NULL) {
        auth_job_free(&job);
    }
}

void auth_pool_free(struct auth_pool **pool)
{
    struct auth_pool *self = *pool;
    *pool = NULL;
    if (self == NULL) {
        return;
    }
    pthread_mutex_lock(&self->lock);
    self->stop = true;
    pthread_cond_broadcast(&self->wake);
    pthread_cond_signal(&self->watch);
    pthread_mutex_unlock(&self->lock);
    for (unsigned i = 0; i < self->thread_count; i++) {
        pthread_join(self->threads[i], NULL);
    }
    drop_all(&self->todo);
    drop_all(&self->done);
    if (self->fd >= 0) {
        close(self->fd);
    }
    pthread_cond_destroy(&self->wake);
    pthread_cond_destroy(&self->watch);
    pthread_mutex_destroy(&self->lock);
    mem_free(self);
}

void auth_pool_submit(struct auth_pool *pool, struct auth_job *job)
{
    pthread_mutex_lock(&pool->lock);
    job->submitted_ms = clock_mono_ms();
    push(&pool->todo, job);
    pthread_cond_signal(&pool->wake);
    if (!pool->watching) {
        pool->watching = true;
        pthread_cond_signal(&pool->watch);
    }
    pthread_mutex_unlock(&pool->lock);
}

struct auth_job *auth_pool_take(struct auth_pool *pool)
{
    uint64_t count = 0;
    pthread_mutex_lock(&pool->lock);
    struct auth_job *job = pop(&pool->done);
    if (job == NULL) {
        ssize_t got = read(pool->fd, &count, sizeof(count));
        (void)got; /* nothing there: nothing to take back */
    }
    pthread_mutex_unlock(&pool->lock);
    return job;
}

int auth_pool_fd(const struct auth_pool *pool)
{
    return pool->fd;
}
