#include "router/auth_pool.h"

#include "common/mem.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

enum { NICE = 5 };

struct queue {
    struct auth_job *oldest;
    struct auth_job *newest;
};

struct auth_pool {
    pthread_mutex_t lock;
    pthread_cond_t wake;
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

static void *work(void *argument)
{
    struct auth_pool *pool = argument;
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE); /* Linux: of the thread */
    pthread_mutex_lock(&pool->lock);
    while (!pool->stop) {
        struct auth_job *job = pop(&pool->todo);
        if (job == NULL) {
            pthread_cond_wait(&pool->wake, &pool->lock);
            continue;
        }
        pthread_mutex_unlock(&pool->lock);
        auth_job_run(job);
        pthread_mutex_lock(&pool->lock);
        bool first = pool->done.oldest == NULL;
        push(&pool->done, job);
        if (first) {
            announce(pool);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

struct auth_pool *auth_pool_new(unsigned threads)
{
    struct auth_pool *pool = mem_new(1, sizeof(*pool) + threads * sizeof(pthread_t));
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pool->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    while (pool->fd >= 0 && pool->thread_count < threads &&
           pthread_create(&pool->threads[pool->thread_count], NULL, work, pool) == 0) {
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
    pthread_mutex_destroy(&self->lock);
    mem_free(self);
}

void auth_pool_submit(struct auth_pool *pool, struct auth_job *job)
{
    pthread_mutex_lock(&pool->lock);
    push(&pool->todo, job);
    pthread_cond_signal(&pool->wake);
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
