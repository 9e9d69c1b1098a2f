#include "router/router_bind.h"

#include "common/log.h"
#include "router/endpoint.h"
#include "router/router_doors.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static const char IPC[] = "ipc://";

void router_bind_failed(const char *endpoint, const char *reason)
{
    log_event(LOG_BIND_FAILED, LOG_S("endpoint", endpoint), LOG_S("reason", reason));
}

static bool is_ipc(const char *endpoint)
{
    return strncmp(endpoint, IPC, sizeof(IPC) - 1) == 0;
}

static enum status make_folder(const struct privileges *user)
{
    return user->change ? endpoint_make_runtime_dir(user->uid, user->gid)
                        : endpoint_make_runtime_dir(geteuid(), getegid());
}

/* The default admin socket lives in a folder that is ours alone; other ipc paths are the
 * operator's. */
static bool prepare_ipc(const char *endpoint, const struct privileges *user)
{
    struct buf ours;
    buf_init(&ours, 0);
    buf_append_str(&ours, IPC);
    endpoint_admin_socket(&ours);
    bool needed = bytes_equal(buf_bytes(&ours), bytes_of_str(endpoint));
    buf_fini(&ours);
    enum status status = needed ? make_folder(user) : STATUS_OK;
    if (status == STATUS_DENIED) {
        router_bind_failed(endpoint, "its folder is not ours alone (mode 0700 and our user)");
    } else if (status != STATUS_OK) {
        router_bind_failed(endpoint, strerror(errno));
    }
    return status == STATUS_OK;
}

/* A port may need root; a socket file is the user's from the start. */
static enum status bind_one(struct zlink *link, const char *endpoint, const struct privileges *user)
{
    if (!is_ipc(endpoint)) {
        return zlink_bind(link, endpoint);
    }
    privileges_lower(user);
    enum status status = zlink_bind(link, endpoint);
    int error = errno;
    privileges_raise(user);
    errno = error;
    return status;
}

bool router_bind_all(struct zlink *link, const struct option_list *endpoints, const char *what,
                     const struct router_doors *doors, const struct privileges *user, size_t *bound)
{
    bool admin = strcmp(what, "admin") == 0;
    for (size_t i = 0; i < endpoints->count; i++) {
        const char *endpoint = endpoints->items[i];
        if (!prepare_ipc(endpoint, user)) {
            return false;
        }
        (admin ? router_doors_admin : router_doors_plane)(doors, link, endpoint);
        if (bind_one(link, endpoint, user) != STATUS_OK) {
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
        if (is_ipc(endpoints->items[i]) && unlink(endpoints->items[i] + sizeof(IPC) - 1) != 0) {
            log_event(LOG_BIND_FAILED, LOG_S("endpoint", endpoints->items[i]),
                      LOG_S("reason", "its socket file cannot be removed"));
        }
    }
}
