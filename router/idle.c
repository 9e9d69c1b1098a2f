#include "router/idle.h"

#include <stddef.h>

void idle_remove(struct idle_link *link)
{
    struct idle_list *list = link->list;
    if (list == NULL) {
        return;
    }
    if (link->prev == NULL) {
        list->oldest = link->next;
    } else {
        link->prev->next = link->next;
    }
    if (link->next == NULL) {
        list->newest = link->prev;
    } else {
        link->next->prev = link->prev;
    }
    *link = (struct idle_link){.list = NULL};
}

void idle_touch(struct idle *idle, struct idle_link *link, bool keeping, uint64_t now_ms)
{
    struct idle_list *list = keeping ? &idle->keeping : &idle->bare;
    idle_remove(link);
    *link = (struct idle_link){.prev = list->newest, .list = list, .since_ms = now_ms};
    if (list->newest == NULL) {
        list->oldest = link;
    } else {
        list->newest->next = link;
    }
    list->newest = link;
}

struct idle_link *idle_oldest(const struct idle *idle)
{
    struct idle_link *keeping = idle->keeping.oldest;
    struct idle_link *bare = idle->bare.oldest;
    if (keeping == NULL || bare == NULL) {
        return keeping == NULL ? bare : keeping;
    }
    return keeping->since_ms <= bare->since_ms ? keeping : bare;
}
