/* An operator bans and unbans ranges that no client comes from. Edges are to know the router's in
 * the end, over its deaths too: without a disk the next router has none, and says so. Draws from
 * numbers of its own, so that histories stay what they were. See world.h. */
#include "router/bans.h"

#include "edge/uplink_down.h"
#include "router/core_internal.h"
#include "router/plane_internal.h"
#include "tests/sim/world.h"

#include <string.h>

enum { RANGES = 6, EACH_STEPS = 180, FOR_MS_MAX = 6000 };

static struct address_net range(uint32_t number)
{
    static const char *const texts[RANGES] = {"203.0.113.0/24",  "203.0.113.7",
                                              "198.51.100.0/30", "2001:db8::/32",
                                              "2001:db8:0:1::1", "10.0.0.0/8"};
    struct address_net net = {.prefix_bits = 0};
    if (!address_net_parse(bytes_of_str(texts[number]), &net)) {
        net.prefix_bits = 0;
    }
    return net;
}

void bans_act(struct world *world)
{
    if (world->plane == NULL || rng_below(&world->ban_rng, EACH_STEPS) != 0) {
        return;
    }
    uint32_t number = rng_below(&world->ban_rng, RANGES);
    struct ban ban = {.kind = BAN_ADDRESS, .net = range(number)};
    bool ends = rng_below(&world->ban_rng, 2) == 0;
    struct core_event event = {
        .kind = rng_below(&world->ban_rng, 3) == 0 ? CORE_UNBAN : CORE_BAN,
        .ban = &ban,
        .delay_ms = ends ? 1 + rng_below(&world->ban_rng, FOR_MS_MAX) : 0,
    };
    world->banned &= ~(1U << number);
    world->banned |= event.kind == CORE_BAN && !ends ? 1U << number : 0;
    router_plane_admin(world->plane, &event, 1, world->now_ms, world->now_ms);
}

void bans_check(const struct world *world, const struct sim_edge *edge)
{
    const struct bans *bans = &router_plane_core(world->plane)->bans;
    for (uint32_t i = 0; i < RANGES; i++) {
        struct address_net net = range(i);
        bool here = bans_of_address(bans, &net.base, world->now_ms) != NULL;
        if (uplink_is_banned(edge->uplink, &net.base, world->now_ms) != here) {
            world_fail(world, "an edge has other bans than the router", NULL);
        }
    }
    for (uint32_t i = 0; world->disk != NULL && i < RANGES; i++) {
        struct ban which = {.kind = BAN_ADDRESS, .net = range(i)};
        if ((bans_find(bans, &which) != NULL) != ((world->banned >> i & 1) != 0)) {
            world_fail(world, "a ban was not kept, or one that had ended was", NULL);
        }
    }
    if (edge->uplink->bans.nets.by_net.count != bans->items.count) {
        world_fail(world, "an edge keeps bans that have ended", NULL);
    }
}
