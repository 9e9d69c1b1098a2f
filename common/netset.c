#include "common/netset.h"

static struct bytes key_of(const struct address_net *net)
{
    _Static_assert(sizeof(*net) == sizeof(net->base) + 1, "no padding in what is hashed");
    return bytes_of((const uint8_t *)net, sizeof(*net));
}

void netset_init(struct netset *set, const uint8_t seed[16])
{
    *set = (struct netset){0};
    strmap_init(&set->by_net, seed);
}

void netset_fini(struct netset *set)
{
    strmap_fini(&set->by_net);
}

void netset_put(struct netset *set, const struct address_net *net, void *value)
{
    strmap_put(&set->by_net, key_of(net), value);
    set->used[net->prefix_bits]++;
}

void *netset_get(const struct netset *set, const struct address_net *net)
{
    return strmap_get(&set->by_net, key_of(net));
}

void *netset_remove(struct netset *set, const struct address_net *net)
{
    void *value = strmap_remove(&set->by_net, key_of(net));
    set->used[net->prefix_bits] -= value != NULL;
    return value;
}

void *netset_find(const struct netset *set, const struct address *address, unsigned *length)
{
    while (set->by_net.count != 0 && *length > 0) {
        unsigned bits = --*length;
        if (set->used[bits] == 0) {
            continue;
        }
        struct address_net net = {.base = address_masked(address, bits),
                                  .prefix_bits = (uint8_t)bits};
        void *value = netset_get(set, &net);
        if (value != NULL) {
            return value;
        }
    }
    return NULL;
}

void *netset_next(const struct netset *set, size_t *cursor)
{
    return strmap_next(&set->by_net, cursor);
}
