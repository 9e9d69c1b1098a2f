#include "router/idle.h"

#include <stddef.h>

void idle_remove(struct idle_list *list, struct idle_link *link)
{
    if (!link->linked) {
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
    *link = (struct idle_link){.linked = false};
}

void idle_touch(struct idle_list *list, struct idle_link *link, uint64_t now_ms)
{
    idle_remove(list, link);
    *link = (struct idle_link){.prev = list->newest, .since_ms = now_ms, .linked = true};
    if (list->newest == NULL) {
        list->oldest = link;
    } else {
        list->newest->next = link;
    }
    list->newest = link;
}
