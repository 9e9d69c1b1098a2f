/* Least recently used first: offline users, or empty rooms, that may be forgotten. Two lists, so
 * that whoever needs memory finds those that hold messages, and leaves alone those that hold none.
 * O(1) each. */
#ifndef ROUTER_IDLE_H
#define ROUTER_IDLE_H

#include <stdbool.h>
#include <stdint.h>

struct idle_list;

/* Exists while its owner is in a list. */
struct idle_link {
    struct idle_link *prev;
    struct idle_link *next;
    struct idle_list *list;
    void *owner; /* user or room */
    uint64_t since_ms;
};

struct idle_list {
    struct idle_link *oldest;
    struct idle_link *newest;
};

struct idle {
    struct idle_list keeping; /* messages */
    struct idle_list bare;
};

/* Puts `owner`, whose link is *link (NULL: none yet), at the end, also when it was in a list
 * before.
 */
void idle_touch(struct idle *idle, struct idle_link **link, void *owner, bool keeping,
                uint64_t now_ms);

/* Frees and NULLs the link. Harmless when it is in no list. */
void idle_remove(struct idle_link **link);

/* The least recently used of both lists; NULL when both are empty. */
struct idle_link *idle_oldest(const struct idle *idle);

#endif
