/* A router that leaves an edge out: now and then one numbered delivery is taken out of a frame to
 * one edge, where no sequence number of the link can tell. See world.h. */
#include "common/mem.h"
#include "proto/plane_wire.h"
#include "tests/sim/world.h"

#include <stdio.h>

enum { ONE_IN = 15 };

uint8_t *skip_one(struct world *world, struct bytes body, size_t *ret_len)
{
    struct arena arena;
    struct plane_batch batch;
    struct plane_cursor cursor = {0};
    struct plane_op op;
    struct plane_builder builder;
    uint8_t *fresh = NULL;
    arena_init(&arena, (size_t)PLANE_FRAME_BYTES_MAX * 8);
    plane_builder_init(&builder, NULL);
    if (plane_body_read(&arena, body, &batch)) {
        while (plane_batch_next(&batch, &cursor, &op)) {
            bool numbered = op.kind == OP_DELIVER && op.b != 0;
            if (numbered && rng_below(&world->rng, ONE_IN) == 0) {
                world->skipped++;
            } else {
                plane_builder_add(&builder, &op);
            }
        }
        if (builder.count != batch.count) {
            fresh = plane_builder_take(&builder, ret_len);
        }
    }
    plane_builder_fini(&builder);
    arena_fini(&arena);
    return fresh;
}

void skip_last_word(struct world *world)
{
    for (uint32_t i = 0; i < ROOMS + USERS; i++) {
        char name[16];
        char payload[24];
        bool room = i < ROOMS;
        snprintf(name, sizeof(name), room ? "r%u" : "user_u%u", room ? i : i - ROOMS);
        snprintf(payload, sizeof(payload), "%llu", (unsigned long long)++world->next_payload);
        router_plane_admin(world->plane,
                           &(struct core_event){.kind = room ? CORE_PUBLISH : CORE_SEND,
                                                .room = room ? bytes_of_str(name) : BYTES_EMPTY,
                                                .target = room ? BYTES_EMPTY : bytes_of_str(name),
                                                .payload = bytes_of_str(payload)},
                           1, world->now_ms, world->now_ms);
    }
}
