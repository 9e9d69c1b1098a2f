/* The options of splitrail-router: the struct made from router_options.def, and what one option
 * means together with another. */
#ifndef ROUTER_ROUTER_OPTIONS_H
#define ROUTER_ROUTER_OPTIONS_H

#include "common/buf.h"
#include "common/options.h"
#include "common/privileges.h"
#include "common/status.h"
#include "router/jws_keys.h"
#include "router/router_curve.h"

#include <stdbool.h>
#include <stdint.h>

struct router_options {
#define OPTION(field, name, type, fallback, min, max, choices, flags, help)                        \
    OPTION_CTYPE_##type field;
#include "router/router_options.def"
#undef OPTION
    /* Made by router_options_complete(), apart from what was given, so that a reload compares like
     * with like. */
    char *router_id;
    struct option_list admin_endpoints;
    struct jws_keys *keys;        /* --auth jwt */
    struct router_curve *curve;   /* NULL without --curve-key-file */
    struct privileges privileges; /* of --user */
    bool exposed; /* an endpoint can be reached by others: --insecure-plane allowed it */
};

enum { ROUTER_ON_USER_LIMIT_REJECT, ROUTER_ON_USER_LIMIT_KICK_OLDEST };

extern const struct option_program router_option_program;

/* After option_parse: fills in what depends on the machine (id, admin endpoints), reads the keys,
 * checks options against each other. MALFORMED: `text` has one line, which option and why. */
enum status router_options_complete(struct router_options *options, struct buf *text) MUST_CHECK;

/* Frees what both steps made, and wipes secrets. */
void router_options_fini(struct router_options *options);

#endif
