/* How large a cluster must be: arithmetic with the measured constants of ctl_plan.def. */
#ifndef ROUTER_CTL_CTL_PLAN_H
#define ROUTER_CTL_CTL_PLAN_H

#include "common/buf.h"
#include "router/ctl/ctl_args.h"
#include "router/ctl/ctl_reply.h"

#include <stdbool.h>
#include <stdint.h>

/* What is asked for. */
struct ctl_plan_load {
    uint64_t connections;
    uint64_t rooms_each;
    uint64_t messages;         /* per second in all */
    uint64_t fanout;           /* connections that get each */
    uint64_t payload;          /* bytes */
    uint64_t edge_connections; /* at most at one edge */
    bool tls;                  /* ends at the edges */
};

struct ctl_plan {
    uint64_t edges; /* without the spare one */
    bool for_work;  /* so many because of their work, not because of their connections */
    uint64_t edge_clients;
    uint64_t edge_descriptors;
    uint64_t edge_memory;
    uint64_t edge_kernel_memory;
    uint64_t edges_memory; /* both, of all without the spare one */
    uint64_t edge_core_percent;
    uint64_t edge_bytes_out; /* per second, to clients */
    uint64_t router_memory;
    uint64_t router_core_percent;
    uint64_t router_bytes_out; /* per second, to edges */
    uint64_t deliveries;       /* per second in all */
};

/* Pure. Values that no machine has do not wrap: they are cut at 2^62. */
struct ctl_plan ctl_plan_of(const struct ctl_plan_load *load);

void ctl_plan_print(const struct ctl_plan_load *load, const struct ctl_plan *plan, struct buf *out);
void ctl_plan_json(const struct ctl_plan_load *load, const struct ctl_plan *plan, struct buf *out);

/* The command plan. */
enum ctl_exit ctl_plan_run(const struct ctl_args *args);

#endif
