/* A handshake that fails ends the socket's tries (zlink_watch), because wrong keys would be tried
 * ten times a second: the edge makes a new one later and later, and says so once. */
#include "edge/edge_curve.h"

#include "common/log.h"
#include "common/mem.h"
#include "common/zlink.h"
#include "edge/edge_state.h"

#include <string.h>

enum { WAIT_MIN_MS = 250, WAIT_MAX_MS = 4000 };

enum status edge_curve_read(struct edge *edge, struct buf *error)
{
    const struct edge_options *options = edge->options;
    struct edge_curve *curve = &edge->curve;
    struct curve_pair pair;
    uint8_t server_key[CURVE_KEY_BYTES];
    enum status status = edge_options_check_curve(options, error);
    if (status != STATUS_OK || options->curve_key_file == NULL) {
        curve->on = status == STATUS_OK ? false : curve->on;
        return status;
    }
    buf_append_str(error, "--curve-key-file ");
    status = curve_pair_read(options->curve_key_file, &pair, error);
    if (status == STATUS_OK) {
        buf_clear(error);
        buf_append_str(error, "--curve-server-key-file ");
        status = curve_public_read(options->curve_server_key_file, server_key, error);
    }
    if (status == STATUS_OK) {
        buf_clear(error);
        curve->on = true;
        curve->pair = pair;
        memcpy(curve->server_key, server_key, sizeof(server_key));
    }
    mem_wipe(&pair, sizeof(pair));
    return status;
}

void edge_curve_reload(struct edge *edge)
{
    struct buf error;
    buf_init(&error, 0);
    if (edge->zlink == NULL) {
        return; /* --echo */
    }
    if (edge_options_plane_is_open(edge->options) && !edge->options->insecure_plane) {
        log_event(LOG_RELOAD_FAILED, LOG_S("why", "without keys --router needs --insecure-plane"));
    } else if (edge_curve_read(edge, &error) != STATUS_OK) {
        log_event(LOG_RELOAD_FAILED, LOG_B("why", buf_bytes(&error)));
    } else if (edge->curve.retry_ms != 0) {
        edge->curve.retry_ms = edge_now(edge);
    }
    buf_fini(&error);
}

void edge_curve_wipe(struct edge *edge)
{
    mem_wipe(&edge->curve.pair, sizeof(edge->curve.pair));
}

static bool first_time(struct edge_curve *curve, const char *failure)
{
    for (size_t i = 0; i < EDGE_CURVE_TOLD_MAX; i++) {
        if (curve->told[i] == NULL) {
            curve->told[i] = failure;
            return true;
        }
        if (strcmp(curve->told[i], failure) == 0) {
            return false;
        }
    }
    return false;
}

static void on_handshake(void *owner, const char *failure, struct bytes address)
{
    struct edge *edge = owner;
    struct edge_curve *curve = &edge->curve;
    (void)address;
    if (failure == NULL) {
        memset(curve->told, 0, sizeof(curve->told));
        curve->wait_ms = 0;
        curve->retry_ms = 0;
        return;
    }
    metrics_add(edge->metrics, EDGE_METRIC_LINK_HANDSHAKES_FAILED, 0, 1);
    curve->wait_ms = curve->wait_ms == 0 ? WAIT_MIN_MS : curve->wait_ms * 2;
    curve->wait_ms = curve->wait_ms > WAIT_MAX_MS ? WAIT_MAX_MS : curve->wait_ms;
    curve->retry_ms = edge_now(edge) + curve->wait_ms;
    if (first_time(curve, failure)) {
        log_event(LOG_LINK_REFUSED, LOG_S("router", edge->options->router.items[0]),
                  LOG_S("why", failure));
    }
}

void edge_curve_prepare(struct edge *edge, struct zlink *link)
{
    edge->curve.retry_ms = 0;
    if (edge->curve.on) {
        zlink_curve_client(link, &edge->curve.pair, edge->curve.server_key);
    }
    zlink_watch(link, on_handshake);
}
