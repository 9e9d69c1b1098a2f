/* Blocks that were used and will be again: what is needed and given back for every message (a
 * batch, a framed delivery, a kept message) comes from here and not from the allocator. Sizes are
 * rounded up to one of eight classes per doubling, so that what was given back fits what is a
 * little smaller. Beyond the largest class, and with sanitizers, every block is mem_resize()d and
 * freed. */
#ifndef COMMON_SPARES_H
#define COMMON_SPARES_H

#include <stdbool.h>
#include <stddef.h>

enum { SPARES_CLASSES = 97, SPARES_BLOCK_MAX = 256 * 1024 };

struct spare;

struct spares {
    struct spare *free[SPARES_CLASSES];
    size_t bytes; /* in `free` */
    size_t bytes_max;
    size_t hand; /* the class that last made room for others */
};

/* False where every block is new: with sanitizers, so that whoever uses what was given back is
 * found. */
bool spares_keeps(void);

/* Keeps at most `bytes_max`: what is given back makes room by freeing what other sizes keep, so
 * that yesterday's sizes do not stand in the way of today's; else it is freed itself. */
void spares_init(struct spares *spares, size_t bytes_max);
/* Blocks that are out stay good; they must not be given back any more. */
void spares_fini(struct spares *spares);
/* Frees what is kept. */
void spares_trim(struct spares *spares);

/* `size` bytes with any content. Never NULL; aborts on exhaustion. Without `spares` (NULL) the
 * block is new. mem_free() takes it too. */
void *spares_take(struct spares *spares, size_t size);
/* `ptr` is from a spares_take() of the same `size`, or NULL. Without `spares` it is freed. */
void spares_give(struct spares *spares, void *ptr, size_t size);

#endif
