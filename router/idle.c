#include "router/idle.h"

#include "common/mem.h"

#include <stddef.h>

static void unlink_from_list(struct idle_link *link)
{
    if (link->prev == NULL) {
        link->list->oldest = link->next;
    } else {
        link->prev->next = link->next;
    }
    if (link->next == NULL) {
        link->list->newest = link->prev;
    } else {
        link->next->prev = link->prev;
    }
}

void idle_remove(struct idle_link **link)
{
    if (*link != NULL) {
        unlink_from_list(*link);
        mem_free(*link);
        *link = NULL;
    }
}

void idle_touch(struct idle *idle, struct idle_link **link, void *owner, bool keeping,
                uint64_t now_ms)
{
    struct idle_list *list = keeping ? &idle->keeping : &idle->bare;
    if (*link == NULL) {
        *link = mem_new(1, sizeof(**link));
    } else {
        unlink_from_list(*link);
    }
    **link =
        (struct idle_link){.prev = list->newest, .list = list, .owner = owner, .since_ms = now_ms};
    if (list->newest == NULL) {
        list->oldest = *link;
    } else {
        list->newest->next = *link;
    }
    list->newest = *link;
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
