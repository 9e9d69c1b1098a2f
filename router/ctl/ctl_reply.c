#include "router/ctl/ctl_reply.h"

#include <stdlib.h>
#include <string.h>

enum { EDGES_DEFAULT = 100 };

Splitrail__Admin__Reply *ctl_reply_read(struct bytes bytes, struct arena *arena)
{
    return splitrail__admin__reply__unpack(&arena->allocator, bytes.len, bytes.data);
}

static int edges_by_name(const void *a, const void *b)
{
    const Splitrail__Admin__Edge *left = *(Splitrail__Admin__Edge *const *)a;
    const Splitrail__Admin__Edge *right = *(Splitrail__Admin__Edge *const *)b;
    return strcmp(left->id, right->id);
}

static int edges_by_connections(const void *a, const void *b)
{
    const Splitrail__Admin__Edge *left = *(Splitrail__Admin__Edge *const *)a;
    const Splitrail__Admin__Edge *right = *(Splitrail__Admin__Edge *const *)b;
    if (left->connections != right->connections) {
        return left->connections > right->connections ? -1 : 1;
    }
    return strcmp(left->id, right->id);
}

static bool edge_passes(const struct ctl_args *args, const Splitrail__Admin__Edge *edge)
{
    if (args->command == CTL_EDGE) {
        return strcmp(edge->id, args->operands[0]) == 0;
    }
    return args->prefix == NULL || strncmp(edge->id, args->prefix, strlen(args->prefix)) == 0;
}

bool ctl_reply_narrow(const struct ctl_args *args, Splitrail__Admin__Reply *reply, struct buf *text)
{
    if (args->command != CTL_EDGES && args->command != CTL_EDGE) {
        return true;
    }
    bool by_connections = args->sort != NULL && strcmp(args->sort, "connections") == 0;
    if (args->sort != NULL && !by_connections && strcmp(args->sort, "name") != 0) {
        buf_append_str(text, "this list can be sorted by: name connections");
        return false;
    }
    size_t kept = 0;
    for (size_t i = 0; i < reply->n_edges; i++) {
        if (edge_passes(args, reply->edges[i])) {
            reply->edges[kept++] = reply->edges[i];
        }
    }
    if (kept > 1) {
        qsort(reply->edges, kept, sizeof(void *),
              by_connections ? edges_by_connections : edges_by_name);
    }
    size_t limit = args->limit == 0 ? EDGES_DEFAULT : (size_t)args->limit;
    reply->total = kept;
    reply->n_edges = kept < limit ? kept : limit;
    return true;
}

static enum ctl_exit exit_of_ok(const struct ctl_args *args, const Splitrail__Admin__Reply *reply)
{
    if (args->command == CTL_EDGE && reply->n_edges == 0) {
        return CTL_EXIT_NOT_FOUND;
    }
    if (args->command == CTL_HEALTH && (reply->info == NULL || !reply->info->ready)) {
        return CTL_EXIT_REFUSED;
    }
    if (args->command == CTL_RELOAD && (reply->reload == NULL || reply->reload->n_refused != 0)) {
        return CTL_EXIT_REFUSED;
    }
    return CTL_EXIT_DONE;
}

enum ctl_exit ctl_reply_exit(const struct ctl_args *args, const Splitrail__Admin__Reply *reply)
{
    switch ((int)reply->status) {
    case SPLITRAIL__ADMIN__REPLY__STATUS__OK:
        return exit_of_ok(args, reply);
    case SPLITRAIL__ADMIN__REPLY__STATUS__BAD_REQUEST:
        return CTL_EXIT_USAGE;
    case SPLITRAIL__ADMIN__REPLY__STATUS__NOT_FOUND:
        return CTL_EXIT_NOT_FOUND;
    default: /* also a status that is newer than this tool */
        return CTL_EXIT_REFUSED;
    }
}
