/* What the kernel knows of the servers: memory and processor time by pid, memory of TCP; and
 * whether a server answers an HTTP request with 200. */
#ifndef BENCH_LOAD_PROBE_H
#define BENCH_LOAD_PROBE_H

#include "tests/bench/load/load_options.h"

#include <stdbool.h>
#include <stdint.h>

struct probe_process {
    uint64_t private_bytes; /* Private_Clean and Private_Dirty of smaps_rollup */
    uint64_t rss_bytes;
    uint64_t cpu_us; /* of all threads */
};

/* All zero when there is no such process. */
struct probe_process probe_process(long pid);

/* What all TCP sockets of the machine hold in buffers (not the sockets themselves). */
uint64_t probe_tcp_bytes(void);

/* Slabs and page tables and the like: where the kernel keeps sockets, their files and inodes. */
uint64_t probe_slab_bytes(void);

/* One GET; false also when nobody answers within 200 ms. */
bool probe_http(const struct sockaddr_in *address, const char *path);

/* The load average of the last minute. */
double probe_load(void);

#endif
