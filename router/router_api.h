/* The HTTP API on the router's HTTP server: moves requests and answers, reads --api-keys-file, logs
 * who did what. */
#ifndef ROUTER_ROUTER_API_H
#define ROUTER_ROUTER_API_H

#include "common/buf.h"
#include "common/status.h"
#include "router/admin.h"
#include "router/api_keys.h"
#include "router/router_options.h"
#include "router/series.h"

#include <stdint.h>

struct httpd;
struct reload_report;
struct router_api;

/* Reads --api-keys-file; `*ret_keys` is NULL when there is none. MALFORMED: `text` ends with the
 * file and why. */
enum status router_api_keys_read(const struct router_options *options, struct api_keys **ret_keys,
                                 struct buf *text) MUST_CHECK;

/* All are borrowed and outlive the API, but for the server, which ends first. */
struct router_api *router_api_new(struct httpd *httpd, struct admin *admin,
                                  const struct router_options *options);
void router_api_free(struct router_api **api);

/* Takes over the file and the live options as they are now; a bad file changes nothing. `api` may
 * be NULL: there is no HTTP. */
void router_api_reload(struct router_api *api, struct reload_report *report);

/* What GET /v1/series shows: for the owner to add to. */
struct series *router_api_series(struct router_api *api);

/* Answers with this status since the start. */
uint64_t router_api_answered(const struct router_api *api, int status);

#endif
