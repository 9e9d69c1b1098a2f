/* The first N of many items in some order, kept while they are shown one by one: an admin list over
 * millions holds only what it will print. */
#ifndef ROUTER_ADMIN_TOP_H
#define ROUTER_ADMIN_TOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As for qsort: negative when a comes first. Must be a total order for a stable result. */
typedef int admin_top_compare(const void *a, const void *b);

struct admin_top {
    uint8_t *items; /* sorted after admin_top_finish() */
    size_t item_size;
    size_t count;
    size_t max;
    bool cut; /* items[max - 1] is the last of the first `max` so far: what comes after it is out */
    uint64_t seen; /* items offered */
    admin_top_compare *compare;
};

/* Keeps at most `max` (1 or more) items of `item_size` bytes. */
void admin_top_init(struct admin_top *top, size_t item_size, size_t max,
                    admin_top_compare *compare);
void admin_top_fini(struct admin_top *top);

/* Copies the item if it may be among the first. */
void admin_top_add(struct admin_top *top, const void *item);

/* Sorts and cuts to the first `max`; afterwards count and items are final. */
void admin_top_finish(struct admin_top *top);

#endif
