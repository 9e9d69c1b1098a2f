/* Which names are counted most, in fixed memory: a name that is not there takes the place of the
 * least, and inherits its count, so that no large one is ever missed; small ones may be told too
 * large by what they inherited. Pure. */
#ifndef ROUTER_HOT_H
#define ROUTER_HOT_H

#include "common/bytes.h"

#include <stddef.h>
#include <stdint.h>

enum { HOT_NAMES_MAX = 128, HOT_NAME_BYTES_MAX = 128 };

struct hot_name {
    uint8_t name[HOT_NAME_BYTES_MAX];
    size_t len;
    uint64_t messages;
    uint64_t bytes;
    uint64_t deliveries;
    uint64_t inherited; /* of the messages */
};

struct hot {
    struct hot_name items[HOT_NAMES_MAX];
    size_t count;
};

/* One message; longer names are cut. */
void hot_add(struct hot *hot, struct bytes name, uint64_t bytes, uint64_t deliveries);

/* Most messages first. The counts go on. */
void hot_sort(struct hot *hot);

#endif
