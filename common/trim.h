/* Giving memory back to the kernel. What thousands of messages took at once is free afterwards, but
 * lies between what stays, and the allocator keeps it. */
#ifndef COMMON_TRIM_H
#define COMMON_TRIM_H

#include <stdbool.h>
#include <stdint.h>

/* Gives back every whole page that is free. Costs milliseconds where much is free: for quiet
 * moments. */
void trim_memory(void);

/* When that is worth it. Zeroed: not yet. */
struct trimmer {
    uint64_t due_ms; /* 0 = nothing is planned */
    uint64_t count;  /* of connections when it was planned last */
};

/* True when it is to be done now: a while after many connections came or went, or after
 * trimmer_plan(). `count` is what there are. */
bool trimmer_is_due(struct trimmer *trimmer, uint64_t count, uint64_t now_ms);

/* It is to be done a while after `now_ms`, whatever comes or goes. */
void trimmer_plan(struct trimmer *trimmer, uint64_t now_ms);

/* When trimmer_is_due() is to be asked; UINT64_MAX when nothing is planned. */
uint64_t trimmer_deadline(const struct trimmer *trimmer);

#endif
