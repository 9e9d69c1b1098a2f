/* A virtual network between edges and one router: messages of a live connection arrive in order
 * after a delay, unless the network is told to lose or to double them. A fresh socket forgets what
 * the router had queued for its predecessor; what that one had sent may still arrive, even after
 * the successor's first words. */
#ifndef TESTS_SIM_NET_H
#define TESTS_SIM_NET_H

#include "common/bytes.h"
#include "common/status.h"
#include "tests/support/rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NET_EDGES_MAX = 8, NET_SLOW_MS_MAX = 2000 };

struct net_message {
    uint64_t due_ms;
    uint8_t *data;
    size_t len;
    uint32_t socket; /* number of the edge's socket that it belongs to */
};

struct net_pipe {
    struct net_message *items;
    size_t capacity;
    size_t first;
    size_t count;
    uint64_t last_due_ms;
};

struct net_edge {
    uint32_t socket;  /* grows with each fresh socket */
    uint32_t slow_ms; /* below NET_SLOW_MS_MAX: what this socket sends takes so much longer */
    struct net_pipe up;
    struct net_pipe down;
    struct net_pipe late; /* sent by former sockets, on the way to the router */
    bool cut_up;          /* swallowed silently */
    bool cut_down;
};

struct net {
    struct rng *rng;
    struct net_edge edges[NET_EDGES_MAX];
    bool router_alive;
    uint32_t loss_per_10k; /* single messages */
    uint32_t double_per_10k;
    bool slow_sockets; /* some fresh ones are */
    uint64_t lost;
    uint64_t carried;
};

void net_init(struct net *net, struct rng *rng);
void net_fini(struct net *net);

enum status net_send_up(struct net *net, uint32_t edge, struct bytes header, struct bytes body,
                        uint64_t now_ms);
enum status net_send_down(struct net *net, struct bytes peer, struct bytes header,
                          struct bytes body, uint64_t now_ms);

/* A message that has arrived; the caller frees ret_message->data with mem_free. */
bool net_take_up(struct net *net, uint32_t edge, uint64_t now_ms, struct net_message *ret_message);
bool net_take_down(struct net *net, uint32_t edge, uint64_t now_ms,
                   struct net_message *ret_message);

/* The edge opens a fresh socket. */
void net_reconnect(struct net *net, uint32_t edge);
/* Nothing is slow any more. */
void net_calm(struct net *net);
/* All connections of the router break: what is on the way is lost. */
void net_router_died(struct net *net);

/* Routing id of an edge's socket, as the router sees it. */
struct bytes net_peer(uint32_t edge, uint32_t socket, char out[16]);

#endif
