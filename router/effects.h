/* What one step produces: the effects, the memory they point to, and what must not be freed before
 * they have been carried out. All of it is taken back at the start of the next step. */
#ifndef ROUTER_EFFECTS_H
#define ROUTER_EFFECTS_H

#include "common/spares.h"
#include "router/core.h"

#include <stddef.h>

struct effects_chunk;
struct grave;

struct effects {
    struct core_effect *items;
    size_t count;
    size_t capacity;
    struct effects_chunk *chunks; /* newest first; the oldest is kept between steps */
    struct grave *graves;
    size_t grave_count;
    size_t grave_capacity;
    struct spares spares; /* for what every message takes and a later one gives back */
};

void effects_init(struct effects *effects);
void effects_fini(struct effects *effects);

/* Forgets the last step's effects and frees what was buried. */
void effects_reset(struct effects *effects);

/* Zeroed memory that lives until the next reset. */
void *effects_alloc(struct effects *effects, size_t count, size_t size);
struct bytes effects_copy(struct effects *effects, struct bytes bytes);

/* mem_free at the next reset: effects of this step may still point into it. NULL is harmless. */
void effects_bury(struct effects *effects, void *ptr);

/* The same for what came from effects->spares with `size`, and goes back there. */
void effects_bury_spare(struct effects *effects, void *ptr, size_t size);

/* A new effect, zeroed but for its kind; valid until the next add. */
struct core_effect *effects_add(struct effects *effects, enum core_effect_kind kind);

/* A push to be filled, zeroed but for its kind; lives until the next reset. */
struct push *effects_push(struct effects *effects, enum push_kind kind);

/* SEND_CONN; the second one answers the command `number` of the connection. */
void effects_send(struct effects *effects, struct conn_ref conn, const struct push *push);

void effects_answer(struct effects *effects, struct conn_ref conn, const struct push *push,
                    uint64_t number);

/* CLOSE; the text is copied. */
void effects_close(struct effects *effects, struct conn_ref conn, uint16_t code, struct bytes text);

#endif
