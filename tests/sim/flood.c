/* Everybody on an edge asks for all of a room at once, again and again: more than may wait for the
 * edge. See world.h. */
#include "tests/sim/world.h"

enum { ASKS = 45 };

void flood(struct world *world)
{
    uint32_t edge = rng_below(&world->rng, EDGES);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct sim_client *client = &world->clients[i];
        for (uint32_t ask = 0; client->open && client->edge == edge && ask < ASKS; ask++) {
            client_ask_history(world, client, rng_below(&world->rng, ROOMS));
        }
    }
}
