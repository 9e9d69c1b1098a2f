/* An array of twice the wanted size, sorted and cut in half whenever it is full; from then on most
 * of the others fall at one comparison with the last that is in. There is no heap to get wrong. */
#include "router/admin_top.h"

#include "common/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void sort_and_cut(struct admin_top *top)
{
    if (top->count > 1) {
        qsort(top->items, top->count, top->item_size, top->compare);
    }
    if (top->count > top->max) {
        top->count = top->max;
        top->cut = true;
    }
}

void admin_top_init(struct admin_top *top, size_t item_size, size_t max, admin_top_compare *compare)
{
    assert(max > 0 && item_size > 0);
    *top = (struct admin_top){
        .items = mem_new(2 * max, item_size),
        .item_size = item_size,
        .max = max,
        .compare = compare,
    };
}

void admin_top_fini(struct admin_top *top)
{
    mem_free(top->items);
    *top = (struct admin_top){0};
}

void admin_top_add(struct admin_top *top, const void *item)
{
    top->seen++;
    if (top->cut && top->compare(item, top->items + (top->max - 1) * top->item_size) > 0) {
        return;
    }
    if (top->count == 2 * top->max) {
        sort_and_cut(top);
    }
    memcpy(top->items + top->count * top->item_size, item, top->item_size);
    top->count++;
}

void admin_top_finish(struct admin_top *top)
{
    sort_and_cut(top);
}
