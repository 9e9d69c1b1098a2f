/* What an operator may ask of one connection (splitrailctl explain). */
#ifndef EDGE_CONN_STATE_H
#define EDGE_CONN_STATE_H

#include <stdbool.h>
#include <stdint.h>

struct plane_conn_state;

/* Of the open connection in a slot; `owner` is the edge. False: there is none. */
bool conn_state_fill(void *owner, uint32_t slot, struct plane_conn_state *ret_state);

#endif
