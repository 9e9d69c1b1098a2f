/* Bans on their way: into the store, and to the edges, which turn banned addresses away before they
 * speak TLS. An edge gets all ranges at the start of a fresh link, and changes after that. */
#include "router/bans.h"
#include "router/plane_internal.h"
#include "router/registry.h"

enum { FIRST_OF_ALL = 1 };

static const struct bytes table = {(const uint8_t *)"bans", 4};

static void load_ban(void *owner, const struct engine_value *value)
{
    struct router_plane *plane = owner;
    plane->stats.bans_unreadable += !router_core_load_ban(plane->core, value->key, value->value);
}

void plane_bans_load(struct router_plane *plane)
{
    plane->engine->ops->values(plane->engine, table, load_ban, plane);
}

void plane_bans_keep(struct router_plane *plane, const struct core_effect *effect)
{
    struct bytes value = effect->text.len == 0 ? BYTES_EMPTY : effect->text;
    plane->engine->ops->put(plane->engine, &(struct engine_value){table, effect->key, value});
}

static struct bytes encode(const struct address_net *net, uint8_t out[PLANE_NET_BYTES])
{
    memcpy(out, net->base.octets, sizeof(net->base.octets));
    out[sizeof(net->base.octets)] = net->prefix_bits;
    return bytes_of(out, PLANE_NET_BYTES);
}

void plane_bans_tell(struct router_plane *plane, const struct core_effect *effect)
{
    uint8_t net[PLANE_NET_BYTES];
    struct plane_op op = {
        .kind = effect->kind == CORE_BAN_NET ? OP_BAN : OP_UNBAN,
        .a = effect->for_ms,
        .bytes = encode(&effect->net, net),
    };
    for (uint32_t i = 0; i < plane->edge_capacity; i++) {
        if (plane->edges[i] != NULL && plane->edges[i]->knows_bans) {
            plane_say(plane, plane->edges[i], &op);
        }
    }
}

void plane_bans_start(struct router_plane *plane, struct plane_edge *edge, uint32_t features)
{
    edge->knows_bans = (features & PLANE_FEATURE_BANS) != 0;
    if (!edge->knows_bans) {
        return;
    }
    plane_say(plane, edge, &(struct plane_op){.kind = OP_BAN, .slot = FIRST_OF_ALL});
    uint64_t cursor = 0;
    const struct ban *ban = NULL;
    while ((ban = registry_ban_next(plane->core, &cursor)) != NULL) {
        if (ban->kind == BAN_ADDRESS) {
            uint8_t net[PLANE_NET_BYTES];
            plane_say(plane, edge,
                      &(struct plane_op){.kind = OP_BAN,
                                         .a = registry_ban_left_ms(ban, plane->now_ms),
                                         .bytes = encode(&ban->net, net)});
        }
    }
}
