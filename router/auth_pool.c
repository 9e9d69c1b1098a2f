/* The loop shares no lock with the threads: one of them that was put aside in favour of others, as
 * they are to be, would keep it for as long as the machine is busy. What is submitted and what is
 * done lie on piles that are taken whole; the lock is among the threads. */
#include "router/auth_pool.h"

#include "common/clock.h"
#include "common/mem.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    LATE_MS = 1000, /* after that a check has waited long enough for a processor that is free */
    LATE_NICE = 5,
    NS_PER_MS = 1000000,
    MS_PER_S = 1000
};

/* Newest first. */
struct pile {
    _Atomic(struct auth_job *) top;
};

struct auth_pool {
    struct pile submitted;
    struct pile done;
    struct auth_job *taken; /* of `done`, by the loop, oldest first */
    sem_t work;             /* counts what was submitted */
    sem_t watch;            /* wakes the thread for late checks */
    atomic_bool watching;   /* that one is awake, or will be */
    atomic_bool stop;
    pthread_mutex_t lock; /* of these two */
    struct auth_job *oldest;
    struct auth_job *newest;
    int fd;
    unsigned thread_count;
    pthread_t threads[];
};

/* True when it is the first. */
static bool put(struct pile *pile, struct auth_job *job)
{
    struct auth_job *top = atomic_load(&pile->top);
    do {
        job->next = top;
    } while (!atomic_compare_exchange_weak(&pile->top, &top, job));
    return top == NULL;
}

/* All of it, oldest first. */
static struct auth_job *take_all(struct pile *pile)
{
    struct auth_job *rest = atomic_exchange(&pile->top, NULL);
    struct auth_job *turned = NULL;
    while (rest != NULL) {
        struct auth_job *next = rest->next;
        rest->next = turned;
        turned = rest;
        rest = next;
    }
    return turned;
}

/* With the lock held: what was submitted stands in the line. */
static void line_up(struct auth_pool *pool)
{
    struct auth_job *more = take_all(&pool->submitted);
    if (more == NULL) {
        return;
    }
    *(pool->oldest == NULL ? &pool->oldest : &pool->newest->next) = more;
    while (more->next != NULL) {
        more = more->next;
    }
    pool->newest = more;
}

/* The first in the line, NULL when there is none. */
static struct auth_job *next_job(struct auth_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    line_up(pool);
    struct auth_job *job = pool->oldest;
    if (job != NULL) {
        pool->oldest = job->next;
    }
    pthread_mutex_unlock(&pool->lock);
    return job;
}

/* When the first in the line will have waited long enough, 0 = nobody waits. */
static uint64_t late_at_ms(struct auth_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    line_up(pool);
    uint64_t at_ms = pool->oldest == NULL ? 0 : pool->oldest->submitted_ms + LATE_MS;
    pthread_mutex_unlock(&pool->lock);
    return at_ms;
}

static void announce(const struct auth_pool *pool)
{
    const uint64_t one = 1;
    ssize_t written = write(pool->fd, &one, sizeof(one));
    (void)written; /* it fails only when it is readable anyway */
}

static void run_one(struct auth_pool *pool)
{
    struct auth_job *job = next_job(pool);
    if (job == NULL) {
        return; /* the thread for late ones was faster */
    }
    auth_job_run(job);
    if (put(&pool->done, job)) {
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
    while (!atomic_load(&pool->stop)) {
        if (sem_wait(&pool->work) == 0 && !atomic_load(&pool->stop)) {
            run_one(pool);
        }
    }
    return NULL;
}

static void watch_until(struct auth_pool *pool, uint64_t mono_ms)
{
    const struct timespec until = {.tv_sec = (time_t)(mono_ms / MS_PER_S),
                                   .tv_nsec = (long)(mono_ms % MS_PER_S) * NS_PER_MS};
    (void)sem_clockwait(&pool->watch, CLOCK_MONOTONIC, &until);
}

static void watch_line(struct auth_pool *pool)
{
    uint64_t at_ms = 0;
    while (!atomic_load(&pool->stop) && (at_ms = late_at_ms(pool)) != 0) {
        if (clock_mono_ms() < at_ms) {
            watch_until(pool, at_ms);
        } else {
            (void)sem_trywait(&pool->work); /* it is done by us */
            run_one(pool);
        }
    }
}

/* A machine that is busy without end leaves nothing: then whoever has waited too long is served as
 * others are. While nobody waits this thread sleeps without a timer. */
static void *work_late(void *argument)
{
    struct auth_pool *pool = argument;
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), LATE_NICE); /* Linux: of the thread */
    while (!atomic_load(&pool->stop)) {
        (void)sem_wait(&pool->watch);
        watch_line(pool);
        atomic_store(&pool->watching, false);
        if (late_at_ms(pool) != 0 && !atomic_exchange(&pool->watching, true)) {
            sem_post(&pool->watch); /* who came in between saw us awake */
        }
    }
    return NULL;
}

struct auth_pool *auth_pool_new(unsigned threads)
{
    struct auth_pool *pool = mem_new(1, sizeof(*pool) + (threads + 1) * sizeof(pthread_t));
    pthread_mutex_init(&pool->lock, NULL);
    sem_init(&pool->work, 0, 0);
    sem_init(&pool->watch, 0, 0);
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

static void drop_all(struct auth_job *job)
{
    while (job != NULL) {
        struct auth_job *next = job->next;
        auth_job_free(&job);
        job = next;
    }
}

static void stop_threads(struct auth_pool *pool)
{
    atomic_store(&pool->stop, true);
    sem_post(&pool->watch);
    for (unsigned i = 0; i < pool->thread_count; i++) {
        sem_post(&pool->work);
    }
    for (unsigned i = 0; i < pool->thread_count; i++) {
        pthread_join(pool->threads[i], NULL);
    }
}

void auth_pool_free(struct auth_pool **pool)
{
    struct auth_pool *self = *pool;
    *pool = NULL;
    if (self == NULL) {
        return;
    }
    stop_threads(self);
    drop_all(take_all(&self->submitted));
    drop_all(take_all(&self->done));
    drop_all(self->oldest);
    drop_all(self->taken);
    if (self->fd >= 0) {
        close(self->fd);
    }
    sem_destroy(&self->work);
    sem_destroy(&self->watch);
    pthread_mutex_destroy(&self->lock);
    mem_free(self);
}

void auth_pool_submit(struct auth_pool *pool, struct auth_job *job)
{
    job->submitted_ms = clock_mono_ms();
    (void)put(&pool->submitted, job);
    sem_post(&pool->work);
    if (!atomic_exchange(&pool->watching, true)) {
        sem_post(&pool->watch);
    }
}

/* The descriptor is emptied only when there is nothing, so that who takes some is told of the rest.
 */
static void take_done(struct auth_pool *pool)
{
    uint64_t count = 0;
    pool->taken = take_all(&pool->done);
    if (pool->taken != NULL) {
        return;
    }
    ssize_t got = read(pool->fd, &count, sizeof(count));
    (void)got; /* nothing there: nothing to take back */
    pool->taken = take_all(&pool->done);
    if (pool->taken != NULL) {
        announce(pool);
    }
}

struct auth_job *auth_pool_take(struct auth_pool *pool)
{
    if (pool->taken == NULL) {
        take_done(pool);
    }
    struct auth_job *job = pool->taken;
    if (job != NULL) {
        pool->taken = job->next;
        job->next = NULL;
    }
    return job;
}

int auth_pool_fd(const struct auth_pool *pool)
{
    return pool->fd;
}
