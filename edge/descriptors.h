/* How many descriptors this process may have, and room for them in the kernel. Shell. */
#ifndef EDGE_DESCRIPTORS_H
#define EDGE_DESCRIPTORS_H

#include <stdint.h>

/* Room is made in advance for so many: half a megabyte of the kernel's memory. */
enum { DESCRIPTORS_READY = 65536 };

/* Raises the soft limit to the hard one, and returns what the limit is then. To be called before
 * the process has a second thread: only then does the kernel enlarge the table of descriptors
 * without waiting until no processor looks at the old one. That takes 10 to 20 ms, in which accept
 * stands still and with it every client, at each doubling: 256, 512, 1024 connections and so on. */
uint64_t descriptors_prepare(void);

#endif
