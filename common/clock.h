/* The only reader of clocks. Behaviour is driven by monotonic time; wall time is a label. */
#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include <stdint.h>

uint64_t clock_mono_ms(void);
uint64_t clock_mono_us(void);
/* Processor time of the calling thread: stands still while it waits or others run. */
uint64_t clock_thread_us(void);
/* Since 1970. */
uint64_t clock_wall_ms(void);
uint64_t clock_wall_us(void);

/* Fills with random bytes from the kernel; aborts when there are none. */
void clock_random(void *data, unsigned long len);

/* 64 of them: as good, and mostly without a system call. For spreading things over time and for
 * names; keys are taken by clock_random(). A process that forks must not use both halves. */
uint64_t clock_random_bits(void);

#endif
