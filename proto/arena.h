/* Memory of one batch for protobuf-c: taken in pieces, given back all at once by a reset, with a
 * cap so that a small message cannot unpack into a large one without limit. */
#ifndef PROTO_ARENA_H
#define PROTO_ARENA_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

struct arena {
    ProtobufCAllocator allocator; /* give &arena->allocator to unpack */
    unsigned char *block;         /* kept between batches */
    size_t block_size;
    size_t used;
    void *overflow; /* list of further pieces, freed by reset */
    size_t taken;   /* since reset */
    size_t max;
};

/* `max` bytes between two resets. */
void arena_init(struct arena *arena, size_t max);
void arena_fini(struct arena *arena);

/* Everything taken is free again. The block grows to what the last batch needed (within limits), so
 * that the steady state allocates nothing. */
void arena_reset(struct arena *arena);

/* The same, and the block goes too: for quiet moments. */
void arena_trim(struct arena *arena);

#endif
