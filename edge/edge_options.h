/* Options of splitrail-edge: one struct and one table from edge_options.def. */
#ifndef EDGE_EDGE_OPTIONS_H
#define EDGE_EDGE_OPTIONS_H

#include "common/buf.h"
#include "common/options.h"
#include "common/status.h"

struct edge_options {
#define OPTION(field, flag, type, fallback, min, max, choices, flags, help)                        \
    OPTION_CTYPE_##type field;
#include "edge/edge_options.def"
#undef OPTION
};

/* The table, static. */
const struct option_program *edge_options_program(void);

/* What the table cannot say: forms of addresses, ids and networks, options that contradict each
 * other. MALFORMED with one line in `text`. */
enum status edge_options_check(const struct edge_options *options, struct buf *text) MUST_CHECK;

/* The part of it that SIGHUP can break: certificates and keys come in pairs. */
enum status edge_options_check_certificates(const struct edge_options *options,
                                            struct buf *text) MUST_CHECK;

/* Likewise: key files of the planes. */
enum status edge_options_check_curve(const struct edge_options *options,
                                     struct buf *text) MUST_CHECK;

/* --id, or the default made of host name and first port. The caller owns it (mem_free). The options
 * must have passed the check. */
char *edge_options_id(const struct edge_options *options);

/* True when an endpoint of --router can be reached from other machines, and there are no keys. */
bool edge_options_plane_is_open(const struct edge_options *options);

#endif
