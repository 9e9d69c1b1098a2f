/* Monotonic times of connections in 32 bits: ticks of 8 ms, finer than the wheel that acts on them.
 * They wrap after 398 days, so a stored one is read relative to the present: what is due may be up
 * to 199 days away, and what is past up to 398. Pure. */
#ifndef EDGE_TICKS_H
#define EDGE_TICKS_H

#include <stdint.h>

enum { TICK_MS = 8 };

/* Of something that happens now. */
static inline uint32_t ticks_of(uint64_t now_ms)
{
    return (uint32_t)(now_ms / TICK_MS);
}

/* Of something that is due: never early, and never 0, which is free to say that nothing is. */
static inline uint32_t ticks_due(uint64_t due_ms)
{
    uint32_t ticks = (uint32_t)((due_ms + TICK_MS - 1) / TICK_MS);
    return ticks == 0 ? 1 : ticks;
}

/* When something that is due is due, in milliseconds. */
static inline uint64_t ticks_due_ms(uint32_t due, uint64_t now_ms)
{
    uint64_t now = now_ms / TICK_MS;
    int64_t away = (int32_t)(due - (uint32_t)now);
    return away < 0 && (uint64_t)-away > now ? 0 : (now + (uint64_t)away) * TICK_MS;
}

/* Milliseconds since something happened, at most a tick too many. */
static inline uint64_t ticks_since_ms(uint32_t then, uint64_t now_ms)
{
    uint64_t now = now_ms / TICK_MS;
    return (uint64_t)((uint32_t)now - then) * TICK_MS + now_ms % TICK_MS;
}

#endif
