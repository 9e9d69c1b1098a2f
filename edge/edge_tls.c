#include "edge/edge_tls.h"

#include "common/log.h"
#include "common/mem.h"
#include "edge/edge_state.h"
#include "edge/ticket_keys.h"
#include "edge/tls.h"
#include "proto/plane_wire.h"

#include <string.h>

_Static_assert(sizeof(struct ticket_key) == PLANE_TICKET_KEY_BYTES, "a key is its bytes");

static enum status load(struct edge *edge, struct buf *error)
{
    const struct option_list *certs = &edge->options->tls_cert_file;
    const struct option_list *keys = &edge->options->tls_key_file;
    enum status status = edge_options_check_certificates(edge->options, error);
    if (status != STATUS_OK) {
        return status;
    }
    struct tls_files *files = mem_new(certs->count, sizeof(files[0]));
    for (size_t i = 0; i < certs->count; i++) {
        files[i] = (struct tls_files){certs->items[i], keys->items[i]};
    }
    status = tls_load(edge->tls, files, certs->count, error);
    mem_free(files);
    return status;
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
        log_event(LOG_TLS_LOADED, LOG_S("cert", edge->options->tls_cert_file.items[0]),
                  LOG_U("certs", edge->options->tls_cert_file.count));
    } else {
        log_event(LOG_TLS_LOAD_FAILED, LOG_B("why", buf_bytes(&error)));
    }
    buf_fini(&error);
}

void edge_tls_share_tickets(struct edge *edge, const struct plane_ticket_keys *keys)
{
    struct ticket_key current;
    struct ticket_key previous;
    if (edge->tls == NULL) {
        return;
    }
    bool has_previous = keys->previous.len != 0;
    memcpy(&current, keys->current.data, sizeof(current));
    if (has_previous) {
        memcpy(&previous, keys->previous.data, sizeof(previous));
    }
    uint64_t now_ms = edge_now(edge);
    uint64_t drawn_ms = now_ms > keys->age_ms ? now_ms - keys->age_ms : 0;
    tls_share_tickets(edge->tls, &current, has_previous ? &previous : NULL, drawn_ms, now_ms);
    mem_wipe(&current, sizeof(current));
    mem_wipe(&previous, sizeof(previous));
}
