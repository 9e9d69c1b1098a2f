/* The address ranges that the router wants turned away. They hold while there is no router, too,
 * each for the time it was given. */
#include "edge/uplink_bans.h"

#include "common/mem.h"
#include "edge/uplink_down.h"

#include <string.h>

enum { BANS_MAX = 1 << 20, FIRST_OF_ALL = 1, PREFIX_BITS_MAX = 128 };

struct edge_ban {
    struct address_net net;
    uint64_t until_ms;
};

void uplink_bans_init(struct uplink_bans *bans, const uint8_t seed[16])
{
    netset_init(&bans->nets, seed);
    memcpy(bans->seed, seed, sizeof(bans->seed));
}

void uplink_bans_fini(struct uplink_bans *bans)
{
    size_t cursor = 0;
    void *ban = NULL;
    while ((ban = netset_next(&bans->nets, &cursor)) != NULL) {
        mem_free(ban);
    }
    netset_fini(&bans->nets);
}

static bool read_net(struct bytes bytes, struct address_net *ret_net)
{
    struct address_net net;
    if (bytes.len != PLANE_NET_BYTES || bytes.data[PLANE_NET_BYTES - 1] > PREFIX_BITS_MAX) {
        return false;
    }
    memcpy(net.base.octets, bytes.data, sizeof(net.base.octets));
    net.prefix_bits = bytes.data[PLANE_NET_BYTES - 1];
    net.base = address_masked(&net.base, net.prefix_bits);
    *ret_net = net;
    return true;
}

static void add(struct uplink *uplink, const struct address_net *net, uint64_t for_ms)
{
    struct netset *nets = &uplink->bans.nets;
    struct edge_ban *ban = netset_get(nets, net);
    if (ban == NULL && nets->by_net.count >= BANS_MAX) {
        uplink->stats.bad_frames++;
        return;
    }
    if (ban == NULL) {
        ban = mem_new(1, sizeof(*ban));
        ban->net = *net;
        netset_put(nets, &ban->net, ban);
    }
    bool ends = for_ms != 0 && for_ms < UINT64_MAX - uplink->now_ms;
    ban->until_ms = ends ? uplink->now_ms + for_ms : UINT64_MAX;
}

void uplink_bans_op(struct uplink *uplink, const struct plane_op *op)
{
    struct uplink_bans *bans = &uplink->bans;
    struct address_net net;
    if (op->kind == OP_BAN && op->slot == FIRST_OF_ALL) {
        uplink_bans_fini(bans);
        netset_init(&bans->nets, bans->seed);
        if (op->bytes.len == 0) {
            return;
        }
    }
    if (!read_net(op->bytes, &net)) {
        uplink->stats.bad_frames++;
    } else if (op->kind == OP_BAN) {
        add(uplink, &net, op->a);
    } else {
        mem_free(netset_remove(&bans->nets, &net));
    }
}

bool uplink_is_banned(const struct uplink *uplink, const struct address *address, uint64_t now_ms)
{
    const struct edge_ban *ban = NULL;
    unsigned length = NETSET_LENGTHS;
    while ((ban = netset_find(&uplink->bans.nets, address, &length)) != NULL) {
        if (ban->until_ms > now_ms) {
            return true;
        }
    }
    return false;
}
