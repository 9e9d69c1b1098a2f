/* The router's CURVE keys and who may connect with which, out of the files that options name. */
#ifndef ROUTER_ROUTER_CURVE_H
#define ROUTER_ROUTER_CURVE_H

#include "common/buf.h"
#include "common/curve_key.h"
#include "common/status.h"
#include "router/router_allowed.h"

struct reload_report;
struct router_options;

struct router_curve {
    struct curve_pair pair;
    struct router_allowed *edges;
    struct router_allowed *operators; /* NULL: admin endpoints are plain */
};

/* NULL in *ret_curve without --curve-key-file. MALFORMED: `text` has one line, which option and
 * why. */
enum status router_curve_read(const struct router_options *options, struct router_curve **ret_curve,
                              struct buf *text) MUST_CHECK;
/* Takes the lists as the files have them now, and reports who is in them that was not, and the
 * other way round; the pair stays. On MALFORMED nothing changes. */
enum status router_curve_reload(const struct router_options *options, struct router_curve *curve,
                                struct reload_report *report, struct buf *text) MUST_CHECK;
/* Wipes the secret. */
void router_curve_free(struct router_curve **curve);

#endif
