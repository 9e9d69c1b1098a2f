#include "edge/edge_tls.h"

#include "common/log.h"
#include "edge/edge_state.h"
#include "edge/tls.h"

static enum status load(struct edge *edge, struct buf *error)
{
    const struct edge_options *options = edge->options;
    if (options->tls_cert_file == NULL || options->tls_key_file == NULL) {
        buf_append_str(error, "--listen-tls needs --tls-cert-file and --tls-key-file");
        return STATUS_MALFORMED;
    }
    return tls_load(edge->tls, options->tls_cert_file, options->tls_key_file, error);
}

enum status edge_tls_open(struct edge *edge, struct buf *error)
{
    const struct edge_options *options = edge->options;
    if (options->listen_tls.count == 0) {
        return STATUS_OK;
    }
    edge->tls = tls_new((enum tls_version)options->tls_min_version, edge_now(edge));
    return load(edge, error);
}

void edge_tls_reload(struct edge *edge)
{
    struct buf error;
    if (edge->tls == NULL) {
        return;
    }
    buf_init(&error, 0);
    if (load(edge, &error) == STATUS_OK) {
        log_event(LOG_TLS_LOADED, LOG_S("cert", edge->options->tls_cert_file));
    } else {
        log_event(LOG_TLS_LOAD_FAILED, LOG_B("why", buf_bytes(&error)));
    }
    buf_fini(&error);
}
