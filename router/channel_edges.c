/* See channel.h: members of a channel by edge. */
#include "common/mem.h"
#include "router/channel.h"
#include "router/edges.h"

#include <assert.h>
#include <string.h>

static struct edge_count *edges_of(struct channel *channel)
{
    return channel->edge_capacity == 0 ? &channel->only_edge : channel->edges;
}

/* Edges are few and a room's edges fewer: a scan of a packed array beats any table. */
static uint32_t index_of(const struct channel *channel, uint32_t edge)
{
    const struct edge_count *edges = channel_edges(channel);
    uint32_t i = 0;
    while (i < channel->edge_count && edges[i].edge != edge) {
        i++;
    }
    return i;
}

bool channel_has_member(const struct channel *channel, uint32_t edge)
{
    return index_of(channel, edge) < channel->edge_count;
}

/* Most inboxes have members on one edge and need no array. */
static void grow_edges(struct channel *channel)
{
    uint32_t capacity = channel->edge_capacity == 0 ? 2 : channel->edge_capacity * 2U;
    _Static_assert(EDGES_MAX * 2 <= UINT16_MAX, "their number fits");
    struct edge_count *edges = mem_new(capacity, sizeof(*edges));
    memcpy(edges, channel_edges(channel), channel->edge_count * sizeof(*edges));
    if (channel->edge_capacity != 0) {
        mem_free(channel->edges);
    }
    channel->edges = edges;
    channel->edge_capacity = (uint16_t)capacity;
}

bool channel_add_member(struct channel *channel, uint32_t edge)
{
    uint32_t i = index_of(channel, edge);
    channel->member_count++;
    if (i < channel->edge_count) {
        edges_of(channel)[i].count++;
        return false;
    }
    if (channel->edge_count == (channel->edge_capacity == 0 ? 1 : channel->edge_capacity)) {
        grow_edges(channel);
    }
    edges_of(channel)[channel->edge_count++] = (struct edge_count){.edge = edge, .count = 1};
    return true;
}

void channel_remove_member(struct channel *channel, uint32_t edge)
{
    uint32_t i = index_of(channel, edge);
    struct edge_count *edges = edges_of(channel);
    assert(i < channel->edge_count && "removed more often than added");
    channel->member_count--;
    if (--edges[i].count == 0) {
        edges[i] = edges[--channel->edge_count];
    }
}

uint32_t channel_members_on(const struct channel *channel, uint32_t edge)
{
    uint32_t i = index_of(channel, edge);
    return i < channel->edge_count ? channel_edges(channel)[i].count : 0;
}
