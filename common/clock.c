#include "common/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

enum { RANDOM_POOL = 64 }; /* taken from the kernel at a time */

static struct timespec read_clock(clockid_t id)
{
    struct timespec now;
    if (clock_gettime(id, &now) != 0) {
        abort(); /* these clocks always exist on Linux */
    }
    return now;
}

uint64_t clock_mono_ms(void)
{
    return clock_mono_us() / 1000;
}

uint64_t clock_mono_us(void)
{
    struct timespec now = read_clock(CLOCK_MONOTONIC);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t clock_thread_us(void)
{
    struct timespec now = read_clock(CLOCK_THREAD_CPUTIME_ID);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t clock_wall_ms(void)
{
    struct timespec now = read_clock(CLOCK_REALTIME);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t clock_wall_us(void)
{
    struct timespec now = read_clock(CLOCK_REALTIME);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void clock_random(void *data, unsigned long len)
{
    unsigned char *at = data;
    while (len != 0) {
        ssize_t got = getrandom(at, len, 0);
        if (got < 0 && errno != EINTR) {
            abort();
        }
        if (got > 0) {
            at += got;
            len -= (unsigned long)got;
        }
    }
}

uint64_t clock_random_bits(void)
{
    static _Thread_local uint64_t pool[RANDOM_POOL];
    static _Thread_local unsigned left;
    if (left == 0) {
        clock_random(pool, sizeof(pool));
        left = RANDOM_POOL;
    }
    uint64_t bits = pool[--left];
    pool[left] = 0; /* nobody finds it here later */
    return bits;
}
