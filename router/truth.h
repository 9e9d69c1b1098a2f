/* Whether the registry is what the edges hold. Per edge the core keeps a digest of its connections
 * and their places (common/digest.h), changed with every record; the plane asks the edge for its
 * own and compares.
 *
 * The edge answers for a point of the router's stream, so what the router changed since then
 * differs, and what the edge said since then is in the router's records by the time the answer
 * comes. Either has touched its bucket: a bucket that was not touched from question to answer, and
 * in which nobody is unsettled at either end, must be the same, or one of the two is wrong. */
#ifndef ROUTER_TRUTH_H
#define ROUTER_TRUTH_H

#include "common/slotmap.h"
#include "router/core.h"

struct conn;
struct user;

/* ---- for the plane ---- */

/* A question to the edge goes into its stream now. Harmless when the edge is not up. */
void router_core_truth_ask(struct router_core *core, uint32_t edge);

/* Compares the edge's answer (one sum per bucket) with the registry, of which `bucket` is counted
 * anew from the records. Bit per bucket that was compared, and that differs. Nothing is compared
 * before the state is complete. */
struct truth_verdict {
    uint64_t compared;
    uint64_t differs;
};
struct truth_verdict router_core_truth_compare(struct router_core *core, uint32_t edge,
                                               uint64_t unsettled, const uint64_t *sums,
                                               uint32_t bucket);

/* ---- inside the core ---- */

/* CORE_CANARY: comes back as CORE_CANARY_BACK. */
void truth_canary(struct router_core *core, const struct core_event *event);

/* CORE_LISTING: what the edge holds in one bucket, asked for with router_core_truth_ask. A
 * connection of which the two ends know different things is closed with 1012, and lost here with
 * its grace: the client comes back, recovers, and nobody is told that it was gone. One that the
 * edge does not have is lost. Each is told by a CORE_DIVERGED. */
void truth_listing(struct router_core *core, const struct core_event *event);

/* The digest's part of the records' changes, for conn.c. `group` 0 is the connection itself. */
void truth_add(struct router_core *core, const struct conn *conn, slot_id group);
void truth_remove(struct router_core *core, const struct conn *conn, slot_id group);
void truth_settle(struct router_core *core, const struct conn *conn, bool settled);

#endif
