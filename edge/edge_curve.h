/* The edge's CURVE keys for its link to the router, and what becomes of handshakes. */
#ifndef EDGE_EDGE_CURVE_H
#define EDGE_EDGE_CURVE_H

#include "common/buf.h"
#include "common/curve_key.h"
#include "common/status.h"

#include <stdbool.h>
#include <stdint.h>

struct edge;
struct zlink;

enum { EDGE_CURVE_TOLD_MAX = 4 };

struct edge_curve {
    bool on;
    struct curve_pair pair;
    uint8_t server_key[CURVE_KEY_BYTES];
    const char *told[EDGE_CURVE_TOLD_MAX]; /* failures logged since it last went well */
    uint64_t wait_ms;                      /* before the next try */
    uint64_t retry_ms;                     /* when that is; 0 = nothing has failed */
};

/* Reads the files of the options, if there are any. IO or MALFORMED with one line in `error`; the
 * keys are as before then. */
enum status edge_curve_read(struct edge *edge, struct buf *error) MUST_CHECK;
/* SIGHUP: the next socket gets the keys of the files as they are now. */
void edge_curve_reload(struct edge *edge);
void edge_curve_wipe(struct edge *edge);

/* Gives a new socket its keys, and watches how it fares. */
void edge_curve_prepare(struct edge *edge, struct zlink *link);

#endif
