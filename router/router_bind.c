#include "router/router_bind.h"

#include "common/log.h"
#include "router/endpoint.h"
#include "router/router_doors.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void router_bind_failed(const char *endpoint, const char *reason)
{
    log_event(LOG_BIND_FAILED, LOG_S("endpoint", endpoint), LOG_S("reason", reason));
}

/* The default admin socket lives in a folder that is ours alone; other ipc paths are the
 * operator's. */
static bool prepare_ipc(const char *endpoint)
{
    struct buf ours;
    buf_init(&ours, 0);
    buf_append_str(&ours, "ipc://");
    endpoint_admin_socket(&ours);
    bool needed = bytes_equal(buf_bytes(&ours), bytes_of_str(endpoint));
    buf_fini(&ours);
    enum status status = needed ? endpoint_make_runtime_dir() : STATUS_OK;
    if (status == STATUS_DENIED) {
        router_bind_failed(endpoint, "its folder is not ours alone (mode 0700 and our user)");
    } else if (status != STATUS_OK) {
        router_bind_failed(endpoint, strerror(errno));
    }
    return status == STATUS_OK;
}

bool router_bind_all(struct zlink *link, const struct option_list *endpoints, const char *what,
                     const struct router_doors *doors, size_t *bound)
{
    bool admin = strcmp(what, "admin") == 0;
    for (size_t i = 0; i < endpoints->count; i++) {
        const char *endpoint = endpoints->items[i];
        if (!prepare_ipc(endpoint)) {
            return false;
        }
        (admin ? router_doors_admin : router_doors_plane)(doors, link, endpoint);
        if (zlink_bind(link, endpoint) != STATUS_OK) {
            router_bind_failed(endpoint, strerror(errno));
            return false;
        }
        *bound = i + 1;
        log_event(LOG_LISTEN, LOG_S("what", what), LOG_S("endpoint", endpoint));
    }
    return true;
}

void router_bind_remove_files(const struct option_list *endpoints, size_t bound)
{
    for (size_t i = 0; i < bound; i++) {
        if (strncmp(endpoints->items[i], "ipc://", 6) == 0 &&
            unlink(endpoints->items[i] + 6) != 0) {
            log_event(LOG_BIND_FAILED, LOG_S("endpoint", endpoints->items[i]),
                      LOG_S("reason", "its socket file cannot be removed"));
        }
    }
}
