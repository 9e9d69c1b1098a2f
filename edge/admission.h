/* How many new clients this edge may let in: a share of the cluster's rate that the router gives
 * (OP_ADMISSION), with a burst of one second. Who comes above it is told when there will be a
 * place, each one later than the one before, so that a storm comes back as a queue. Pure. */
#ifndef EDGE_ADMISSION_H
#define EDGE_ADMISSION_H

#include "common/gcra.h"

#include <stdbool.h>
#include <stdint.h>

/* Nobody is sent away for longer: the rate changes, and clients forget. */
enum { ADMISSION_WAIT_MAX_MS = 120000, ADMISSION_MOVE_MAX_MS = 600000 };

/* All zeroes: no limit. */
struct admission {
    uint64_t rate;         /* per second, 0 = no limit */
    uint64_t cluster_rate; /* of all edges together, 0 = no limit */
    struct gcra bucket;
    uint64_t promised_us; /* the last place that was promised */
};

/* The router's word. Promises made by another rate stay as they are. */
void admission_set(struct admission *admission, uint64_t rate, uint64_t cluster_rate);

/* Takes a place for one client. False: there is none, and in `*ret_wait_ms` one is promised to who
 * comes back then; `random` (64 random bits) spreads those up to a second. */
bool admission_take(struct admission *admission, uint64_t now_us, uint64_t random,
                    uint64_t *ret_wait_ms);

/* How long everybody promised a place may still take to come, 0 = nobody was. */
uint64_t admission_queue_ms(const struct admission *admission, uint64_t now_us);

/* Connections that may begin a TLS handshake per second, which costs more than saying no to a plain
 * one; 0 = no limit. The rest waits in the kernel. */
uint64_t admission_door_rate(const struct admission *admission);

/* Over how long `count` clients must be spread that are to move to other edges, at least
 * `least_ms`.
 */
uint64_t admission_move_ms(const struct admission *admission, uint64_t count, uint64_t least_ms);

#endif
