#include "tests/sim/net.h"

#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DELAY_MS_MAX = 8, LATE_MS_MAX = 3000 };

void net_init(struct net *net, struct rng *rng)
{
    *net = (struct net){.rng = rng, .router_alive = true};
}

static void pipe_clear(struct net_pipe *pipe)
{
    for (; pipe->count != 0; pipe->count--) {
        mem_free(pipe->items[pipe->first].data);
        pipe->first = (pipe->first + 1) % pipe->capacity;
    }
}

void net_fini(struct net *net)
{
    for (size_t i = 0; i < NET_EDGES_MAX; i++) {
        pipe_clear(&net->edges[i].up);
        pipe_clear(&net->edges[i].down);
        pipe_clear(&net->edges[i].late);
        mem_free(net->edges[i].late.items);
        mem_free(net->edges[i].up.items);
        mem_free(net->edges[i].down.items);
    }
}

static void pipe_push(struct net_pipe *pipe, struct net_message message)
{
    if (pipe->count == pipe->capacity) {
        size_t capacity = pipe->capacity == 0 ? 16 : pipe->capacity * 2;
        struct net_message *items = mem_new(capacity, sizeof(*items));
        for (size_t i = 0; i < pipe->count; i++) {
            items[i] = pipe->items[(pipe->first + i) % pipe->capacity];
        }
        mem_free(pipe->items);
        pipe->items = items;
        pipe->capacity = capacity;
        pipe->first = 0;
    }
    pipe->items[(pipe->first + pipe->count++) % pipe->capacity] = message;
}

static void carry_once(struct net *net, struct net_pipe *pipe, uint32_t socket, struct bytes header,
                       struct bytes body, uint64_t now_ms)
{
    struct net_message message = {.len = header.len + body.len, .socket = socket};
    message.data = mem_new(message.len, 1);
    memcpy(message.data, header.data, header.len);
    if (body.len != 0) {
        memcpy(message.data + header.len, body.data, body.len);
    }
    message.due_ms = now_ms + rng_below(net->rng, DELAY_MS_MAX);
    message.due_ms = message.due_ms < pipe->last_due_ms ? pipe->last_due_ms : message.due_ms;
    pipe->last_due_ms = message.due_ms;
    net->carried++;
    pipe_push(pipe, message);
}

static void carry(struct net *net, struct net_pipe *pipe, uint32_t socket, struct bytes header,
                  struct bytes body, uint64_t now_ms)
{
    if (rng_below(net->rng, 10000) < net->loss_per_10k) {
        net->lost++;
        return;
    }
    carry_once(net, pipe, socket, header, body, now_ms);
    if (rng_below(net->rng, 10000) < net->double_per_10k) {
        carry_once(net, pipe, socket, header, body, now_ms);
    }
}

enum status net_send_up(struct net *net, uint32_t edge, struct bytes header, struct bytes body,
                        uint64_t now_ms)
{
    struct net_edge *at = &net->edges[edge];
    if (!net->router_alive) {
        return STATUS_AGAIN;
    }
    if (!at->cut_up) {
        carry(net, &at->up, at->socket, header, body, now_ms + at->slow_ms);
    }
    return STATUS_OK;
}

struct bytes net_peer(uint32_t edge, uint32_t socket, char out[16])
{
    int len = snprintf(out, 16, "%u.%u", edge, socket);
    return bytes_of(out, (size_t)len);
}

enum status net_send_down(struct net *net, struct bytes peer, struct bytes header,
                          struct bytes body, uint64_t now_ms)
{
    for (uint32_t i = 0; i < NET_EDGES_MAX; i++) {
        char name[16];
        struct net_edge *at = &net->edges[i];
        if (!bytes_equal(net_peer(i, at->socket, name), peer)) {
            continue;
        }
        if (!at->cut_down) {
            carry(net, &at->down, at->socket, header, body, now_ms);
        }
        return STATUS_OK;
    }
    return STATUS_UNREACHABLE;
}

static bool pipe_take(struct net_pipe *pipe, uint64_t now_ms, struct net_message *ret_message)
{
    if (pipe->count == 0 || pipe->items[pipe->first].due_ms > now_ms) {
        return false;
    }
    *ret_message = pipe->items[pipe->first];
    pipe->first = (pipe->first + 1) % pipe->capacity;
    pipe->count--;
    return true;
}

bool net_take_up(struct net *net, uint32_t edge, uint64_t now_ms, struct net_message *ret_message)
{
    return net->router_alive && (pipe_take(&net->edges[edge].late, now_ms, ret_message) ||
                                 pipe_take(&net->edges[edge].up, now_ms, ret_message));
}

bool net_take_down(struct net *net, uint32_t edge, uint64_t now_ms, struct net_message *ret_message)
{
    return pipe_take(&net->edges[edge].down, now_ms, ret_message);
}

void net_reconnect(struct net *net, uint32_t edge)
{
    struct net_edge *at = &net->edges[edge];
    at->socket++;
    pipe_clear(&at->down);
    if (rng_below(net->rng, 2) == 0) {
        pipe_clear(&at->up);
    }
    uint64_t late_ms = rng_below(net->rng, 2) == 0 ? 0 : rng_below(net->rng, LATE_MS_MAX);
    struct net_message message;
    while (pipe_take(&at->up, UINT64_MAX, &message)) {
        message.due_ms += late_ms;
        message.due_ms =
            message.due_ms < at->late.last_due_ms ? at->late.last_due_ms : message.due_ms;
        at->late.last_due_ms = message.due_ms;
        pipe_push(&at->late, message);
    }
    bool slow = net->slow_sockets && rng_below(net->rng, 6) == 0;
    at->slow_ms = slow ? rng_below(net->rng, NET_SLOW_MS_MAX) : 0;
    at->up.last_due_ms = 0; /* another connection, not behind the former one */
}

void net_calm(struct net *net)
{
    net->slow_sockets = false;
    for (size_t i = 0; i < NET_EDGES_MAX; i++) {
        net->edges[i].slow_ms = 0;
    }
}

void net_router_died(struct net *net)
{
    net->router_alive = false;
    for (size_t i = 0; i < NET_EDGES_MAX; i++) {
        pipe_clear(&net->edges[i].up);
        pipe_clear(&net->edges[i].late);
        if (rng_below(net->rng, 2) == 0) {
            pipe_clear(&net->edges[i].down);
        }
    }
}
