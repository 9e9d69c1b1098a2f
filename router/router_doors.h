/* Who is let in at the plane and admin endpoints, and heard: CURVE keys against the lists of
 * router_curve. A key is looked up when its owner connects and again with each message, so that a
 * change of the lists counts at once. Failures are logged once for each peer and reason (in ten
 * minutes) and counted. */
#ifndef ROUTER_ROUTER_DOORS_H
#define ROUTER_ROUTER_DOORS_H

#include "common/metrics.h"
#include "common/zlink.h"
#include "router/plane.h"
#include "router/router_curve.h"

#include <stdbool.h>

struct router_doors;
struct event_base;

/* `curve` may be NULL: then everything is plain. All are borrowed; the context must be newer. */
struct router_doors *router_doors_new(struct zlink_context *context, struct event_base *base,
                                      const struct router_curve *curve, struct metrics *metrics);
/* Before the context is freed. */
void router_doors_free(struct router_doors **doors);

/* Before an endpoint of the link is bound. The plane speaks CURVE everywhere; the admin link only
 * where strangers could come: the mode of an ipc socket's folder keeps them away. */
void router_doors_plane(const struct router_doors *doors, struct zlink *link, const char *endpoint);
void router_doors_admin(const struct router_doors *doors, struct zlink *link, const char *endpoint);

/* A zlink_on_handshake of one of the links, `what` says which. */
void router_doors_failed(struct router_doors *doors, const char *what, const char *failure,
                         struct bytes address);

/* In on_message of the plane: fills in key and edge id of the sender. False: it may not speak any
 * more, and was cut off. */
bool router_doors_edge(struct router_doors *doors, struct zlink *link, struct plane_sender *sender);
/* In on_message of the admin link: may it speak? */
bool router_doors_operator(struct router_doors *doors, struct zlink *link);

/* The lists are others now: expels edges whose key may not connect any more, or not as them. */
void router_doors_reloaded(struct router_doors *doors, struct router_plane *plane, uint64_t now_ms,
                           uint64_t wall_ms);

/* True unless the same three were there in the last ten minutes. */
bool router_doors_first(struct router_doors *doors, const char *kind, struct bytes who,
                        const char *text);

#endif
