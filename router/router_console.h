/* The console and the demo page: the files of router/console/ as they are, put into the program
 * when it is built (cmake/console.cmake). */
#ifndef ROUTER_ROUTER_CONSOLE_H
#define ROUTER_ROUTER_CONSOLE_H

#include "common/httpd.h"

/* For httpd_files(): / and everything below /console/. */
extern const struct httpd_file router_console_files[];

/* Nothing from elsewhere, nothing inline, no text that becomes markup, in nobody's frame. */
#define ROUTER_CONSOLE_POLICY_BUT(connect)                                                         \
    "default-src 'self'; connect-src " connect "; base-uri 'none'; form-action 'none'; "           \
    "frame-ancestors 'none'; object-src 'none'; require-trusted-types-for 'script'; "              \
    "trusted-types 'none'"
#define ROUTER_CONSOLE_POLICY ROUTER_CONSOLE_POLICY_BUT("'self'")
/* The demo page talks with edges, wherever these are. */
#define ROUTER_DEMO_POLICY ROUTER_CONSOLE_POLICY_BUT("'self' ws: wss:")

#endif
