#include "router/hot.h"

#include <stdlib.h>
#include <string.h>

static struct hot_name *find(struct hot *hot, struct bytes name)
{
    for (size_t i = 0; i < hot->count; i++) {
        if (bytes_equal(bytes_of(hot->items[i].name, hot->items[i].len), name)) {
            return &hot->items[i];
        }
    }
    return NULL;
}

static struct hot_name *place_for(struct hot *hot, struct bytes name)
{
    struct hot_name *place = NULL;
    if (hot->count < HOT_NAMES_MAX) {
        place = &hot->items[hot->count++];
        *place = (struct hot_name){0};
    } else {
        place = &hot->items[0];
        for (size_t i = 1; i < HOT_NAMES_MAX; i++) {
            place = hot->items[i].messages < place->messages ? &hot->items[i] : place;
        }
        *place = (struct hot_name){.messages = place->messages, .inherited = place->messages};
    }
    place->len = name.len;
    if (name.len != 0) {
        memcpy(place->name, name.data, name.len);
    }
    return place;
}

void hot_add(struct hot *hot, struct bytes name, uint64_t bytes, uint64_t deliveries)
{
    if (name.len > HOT_NAME_BYTES_MAX) {
        name.len = HOT_NAME_BYTES_MAX;
    }
    struct hot_name *item = find(hot, name);
    item = item == NULL ? place_for(hot, name) : item;
    item->messages++;
    item->bytes += bytes;
    item->deliveries += deliveries;
}

static int compare(const void *a, const void *b)
{
    const struct hot_name *left = a;
    const struct hot_name *right = b;
    if (left->messages != right->messages) {
        return left->messages > right->messages ? -1 : 1;
    }
    return bytes_compare(bytes_of(left->name, left->len), bytes_of(right->name, right->len));
}

void hot_sort(struct hot *hot)
{
    if (hot->count > 1) {
        qsort(hot->items, hot->count, sizeof(hot->items[0]), compare);
    }
}
