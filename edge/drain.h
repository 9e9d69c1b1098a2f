/* Leaving without hurting anybody: tells each client to move, closes it after its own random delay,
 * says goodbye to the router and ends the loop. */
#ifndef EDGE_DRAIN_H
#define EDGE_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

struct edge;

/* Embedded in struct edge; private to drain.c but for `active`. */
struct drain {
    bool active;
    bool said_goodbye;
    bool forced;
    uint32_t cursor;        /* slots below it were told */
    uint64_t delay_ms;      /* over which clients are spread */
    uint64_t deadline_ms;   /* everything that is left is closed */
    uint64_t next_slice_ms; /* the next slice of clients is told */
    uint64_t end_after_ms;  /* after the goodbye: not before, so that it can leave */
    uint64_t end_latest_ms;
};

/* Harmless when active already. */
void drain_begin(struct edge *edge);

/* Goes on with it. Once per turn. */
void drain_step(struct edge *edge);

/* When drain_step has something to do; UINT64_MAX for never. */
uint64_t drain_deadline(struct edge *edge);

#endif
