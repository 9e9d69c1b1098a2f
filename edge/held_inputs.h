/* Input of connections that is acted upon later (conn_pace.c), by slot: so few have some at a time
 * that a connection has only a bit for it. Pure. */
#ifndef EDGE_HELD_INPUTS_H
#define EDGE_HELD_INPUTS_H

#include "common/bytes.h"
#include "common/slotmap.h"
#include "common/u32map.h"

#include <stddef.h>
#include <stdint.h>

struct buf;

struct held_inputs {
    struct slotmap table;  /* of struct buf */
    struct u32map by_slot; /* index in the table */
};

void held_inputs_init(struct held_inputs *held);
/* Everything must have been taken. */
void held_inputs_fini(struct held_inputs *held);

/* Keeps a copy for a slot that has none. Returns the heap bytes that it costs. */
size_t held_inputs_put(struct held_inputs *held, uint32_t slot, struct bytes input);

/* Takes what a slot has, which must be something; the caller frees it with held_inputs_drop(). */
struct buf *held_inputs_take(struct held_inputs *held, uint32_t slot);
void held_inputs_drop(struct buf **input);

#endif
