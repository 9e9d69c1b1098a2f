/* What the turns of the router's loop take, for the metrics: in processor time, so that neither
 * waiting nor other programs on the machine count. */
#ifndef ROUTER_LOOP_TURN_H
#define ROUTER_LOOP_TURN_H

#include <stdint.h>

struct metrics;

struct loop_turn {
    uint64_t ended_us;   /* the last one, by the clock of the thread */
    uint64_t longest_us; /* since the first one began */
};

/* The first turn begins here: what was before is nobody's. */
void loop_turn_start(struct loop_turn *turn);

/* At the end of each turn, in the thread of the loop. */
void loop_turn_end(struct loop_turn *turn, struct metrics *metrics);

#endif
