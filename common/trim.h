/* Giving memory back to the kernel. What thousands of messages took at once is free afterwards, but
 * lies between what stays, and the allocator keeps it. */
#ifndef COMMON_TRIM_H
#define COMMON_TRIM_H

/* Gives back every whole page that is free. Costs milliseconds where much is free: for quiet
 * moments. */
void trim_memory(void);

#endif
