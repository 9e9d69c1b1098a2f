#include "router/ctl/ctl_plan.h"

#include "router/ctl/ctl_json_parts.h"
#include "router/ctl/ctl_table.h"
#include "router/ctl/ctl_text.h"

#include <stdio.h>

enum {
#define PLAN(name, value, unit, how) PLAN_##name = (value),
#include "router/ctl/ctl_plan.def"
#undef PLAN
};

static const struct {
    const char *name;
    uint64_t value;
    const char *unit;
    const char *how;
} constants[] = {
#define PLAN(name, value, unit, how) {#name, (uint64_t)(value), unit, how},
#include "router/ctl/ctl_plan.def"
#undef PLAN
};

enum { CONSTANTS = sizeof(constants) / sizeof(constants[0]), NS_PER_PERCENT = 10000000 };

static const uint64_t most = (uint64_t)1 << 62;

static uint64_t times(uint64_t a, uint64_t b)
{
    return a != 0 && b > most / a ? most : a * b;
}

static uint64_t plus(uint64_t a, uint64_t b)
{
    return a > most - b ? most : a + b;
}

static uint64_t shares(uint64_t whole, uint64_t share)
{
    return whole / share + (whole % share != 0);
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

struct ctl_plan ctl_plan_of(const struct ctl_plan_load *load)
{
    struct ctl_plan plan = {.deliveries = times(load->messages, load->fanout)};
    uint64_t work_percent = times(plan.deliveries, PLAN_edge_delivery) / NS_PER_PERCENT;
    uint64_t by_clients = larger(1, shares(load->connections, load->edge_connections));
    uint64_t by_work = shares(work_percent, PLAN_busy_percent);
    plan.for_work = by_work > by_clients;
    plan.edges = larger(by_clients, by_work);
    plan.edge_clients = shares(load->connections, plan.edges);
    plan.edge_descriptors = plus(plan.edge_clients, PLAN_reserve_descriptors);
    uint64_t client = plus(PLAN_edge_connection + (load->tls ? PLAN_edge_tls : 0),
                           times(load->rooms_each, PLAN_edge_member));
    plan.edge_memory = plus(PLAN_edge_base, times(plan.edge_clients, client));
    plan.edge_kernel_memory = times(plan.edge_clients, PLAN_kernel_connection);
    plan.edges_memory = times(plan.edges, plus(plan.edge_memory, plan.edge_kernel_memory));
    plan.edge_core_percent = shares(work_percent, plan.edges);
    uint64_t message_bytes = plus(load->payload, PLAN_frame_overhead);
    plan.edge_bytes_out = shares(times(plan.deliveries, message_bytes), plan.edges);
    plan.router_memory =
        plus(plus(PLAN_router_base, times(load->connections, PLAN_router_connection)),
             times(times(load->connections, load->rooms_each), PLAN_router_member));
    plan.router_core_percent = times(load->messages, PLAN_router_message) / NS_PER_PERCENT;
    uint64_t copies = load->fanout < plan.edges ? load->fanout : plan.edges;
    plan.router_bytes_out = times(times(load->messages, copies), message_bytes);
    return plan;
}

static void row(struct ctl_table *table, const char *what, struct buf *value)
{
    ctl_table_str(table, what);
    ctl_table_cell(table, buf_bytes(value));
    buf_clear(value);
}

static void count_row(struct ctl_table *table, const char *what, uint64_t count, const char *unit)
{
    struct buf value;
    buf_init(&value, 0);
    buf_append_u64(&value, count);
    buf_append_str(&value, unit);
    row(table, what, &value);
    buf_fini(&value);
}

static void size_row(struct ctl_table *table, const char *what, uint64_t bytes, const char *unit)
{
    struct buf value;
    buf_init(&value, 0);
    ctl_text_size(bytes, &value);
    buf_append_str(&value, unit);
    row(table, what, &value);
    buf_fini(&value);
}

static void print_constants(struct buf *out)
{
    static const char *const headers[] = {"CONSTANT", ">VALUE", "UNIT", "MEASURED", NULL};
    struct ctl_table *table = ctl_table_new(headers);
    for (size_t i = 0; i < CONSTANTS; i++) {
        ctl_table_str(table, constants[i].name);
        ctl_table_u64(table, constants[i].value);
        ctl_table_str(table, constants[i].unit);
        ctl_table_str(table, constants[i].how);
    }
    ctl_table_print(table, out);
    ctl_table_free(&table);
}

/* Whether one router, which is one thread, can do it. */
static const char *warning(const struct ctl_plan *plan)
{
    return plan->router_core_percent > PLAN_busy_percent
               ? "\nThe router would be busier than planned: it is one thread. Say less, or in "
                 "more clusters.\n"
               : "";
}

void ctl_plan_print(const struct ctl_plan_load *load, const struct ctl_plan *plan, struct buf *out)
{
    static const char *const headers[] = {"NEEDED", ">HOW MUCH", NULL};
    struct ctl_table *table = ctl_table_new(headers);
    count_row(table, "connections", load->connections, "");
    count_row(table, "deliveries", plan->deliveries, "/s");
    count_row(table, plan->for_work ? "edges, for their work" : "edges, for their connections",
              plan->edges, "");
    count_row(table, "edges with one to spare", plan->edges + 1, "");
    count_row(table, "each edge: connections", plan->edge_clients, "");
    count_row(table, "each edge: descriptors (LimitNOFILE)", plan->edge_descriptors, "");
    size_row(table, "each edge: memory", plan->edge_memory, "");
    size_row(table, "each edge: kernel memory of idle sockets", plan->edge_kernel_memory, "");
    count_row(table, "each edge: of one core", plan->edge_core_percent, "%");
    size_row(table, "each edge: to clients", plan->edge_bytes_out, "/s");
    size_row(table, "all edges: both kinds of memory", plan->edges_memory, "");
    size_row(table, "router: memory without history", plan->router_memory, "");
    count_row(table, "router: of one core", plan->router_core_percent, "%");
    size_row(table, "router: to edges", plan->router_bytes_out, "/s");
    ctl_table_print(table, out);
    ctl_table_free(&table);
    buf_append_str(out, warning(plan));
    buf_append_str(out, load->tls ? "\nWith TLS 1.3, without" : "\nWithout TLS (--tls) and");
    buf_append_str(out,
                   " compression; history is --history-memory of the router. Counted with:\n\n");
    print_constants(out);
}

void ctl_plan_json(const struct ctl_plan_load *load, const struct ctl_plan *plan, struct buf *out)
{
    const struct {
        const char *key;
        uint64_t value;
    } rows[] = {
        {"connections", load->connections},
        {"deliveriesPerSecond", plan->deliveries},
        {"edges", plan->edges},
        {"edgeConnections", plan->edge_clients},
        {"edgeDescriptors", plan->edge_descriptors},
        {"edgeMemoryBytes", plan->edge_memory},
        {"edgeKernelMemoryBytes", plan->edge_kernel_memory},
        {"edgesMemoryBytes", plan->edges_memory},
        {"edgeCorePercent", plan->edge_core_percent},
        {"edgeBytesOutPerSecond", plan->edge_bytes_out},
        {"routerMemoryBytes", plan->router_memory},
        {"routerCorePercent", plan->router_core_percent},
        {"routerBytesOutPerSecond", plan->router_bytes_out},
    };
    json_t *root = json_object();
    json_t *counted = json_object();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ctl_json_set(root, rows[i].key, ctl_json_number(rows[i].value));
    }
    ctl_json_set(root, "tls", json_boolean(load->tls));
    ctl_json_set(root, "limitedBy", ctl_json_text(plan->for_work ? "work" : "connections"));
    for (size_t i = 0; i < CONSTANTS; i++) {
        ctl_json_set(counted, constants[i].name, ctl_json_number(constants[i].value));
    }
    ctl_json_set(root, "constants", counted);
    ctl_json_write(root, false, out);
}

enum ctl_exit ctl_plan_run(const struct ctl_args *args)
{
    const struct ctl_plan_load load = {
        .connections = (uint64_t)args->connections,
        .rooms_each = (uint64_t)args->rooms_each,
        .messages = (uint64_t)args->messages,
        .fanout = (uint64_t)args->fanout,
        .payload = (uint64_t)args->payload,
        .edge_connections = (uint64_t)args->edge_connections,
        .tls = args->tls,
    };
    struct ctl_plan plan = ctl_plan_of(&load);
    struct buf text;
    buf_init(&text, 0);
    if (args->json) {
        ctl_plan_json(&load, &plan, &text);
    } else {
        ctl_plan_print(&load, &plan, &text);
    }
    bool good = fwrite(text.data, 1, text.len, stdout) == text.len && fflush(stdout) == 0;
    buf_fini(&text);
    return good ? CTL_EXIT_DONE : CTL_EXIT_REFUSED;
}
