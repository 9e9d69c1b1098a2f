/* Least recently used first: offline users and empty rooms that may be forgotten. O(1) each. */
#ifndef ROUTER_IDLE_H
#define ROUTER_IDLE_H

#include <stdbool.h>
#include <stdint.h>

/* Embedded in the user or room; zeroed = in no list. */
struct idle_link {
    struct idle_link *prev;
    struct idle_link *next;
    uint64_t since_ms;
    bool linked;
};

struct idle_list {
    struct idle_link *oldest;
    struct idle_link *newest;
};

/* Puts at the end, also when it was in the list before. */
void idle_touch(struct idle_list *list, struct idle_link *link, uint64_t now_ms);

/* Harmless when it is in no list. */
void idle_remove(struct idle_list *list, struct idle_link *link);

#endif
