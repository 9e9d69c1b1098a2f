/* The dumpable flag is set again after the user has changed, because the kernel then gives it a
 * value of its own. */
#include "common/process.h"

#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char *const sandbox_names[] = {
    [SANDBOX_OFF] = "off", [SANDBOX_ON] = "on", [SANDBOX_LOG] = "log"};

/* The sanitizers' leak check reads our memory from another process. */
static bool hide_memory(void)
{
    return !sandbox_available() || prctl(PR_SET_DUMPABLE, 0UL, 0UL, 0UL, 0UL) == 0;
}

void process_restrict(void)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL) != 0 || !hide_memory()) {
        abort(); /* every Linux of the last ten years can do this */
    }
}

static enum status fail(const char *what, struct bytes reason)
{
    log_event(LOG_PROCESS_FAILED, LOG_S("what", what), LOG_B("reason", reason));
    return STATUS_DENIED;
}

static enum status drop(const struct privileges *privileges)
{
    struct buf why;
    buf_init(&why, 0);
    enum status status = privileges_drop(privileges, &why);
    if (status != STATUS_OK) {
        status = fail("--user", buf_bytes(&why));
    } else if (!hide_memory()) {
        status = fail("core dumps", bytes_of_str(strerror(errno)));
    }
    buf_fini(&why);
    return status;
}

enum status process_seal(const struct process_seal *seal)
{
    enum status status = drop(seal->privileges);
    if (status != STATUS_OK) {
        return status;
    }
    if (privileges_are_root()) {
        log_event(LOG_PROCESS_ROOT,
                  LOG_S("text", "runs as root; --user NAME gives that up after the start"));
    }
    if (sandbox_apply(seal->sandbox, seal->who) != STATUS_OK) {
        return fail("--seccomp", bytes_of_str(strerror(errno)));
    }
    const char *sandbox = sandbox_available() ? sandbox_names[seal->sandbox] : "none in this build";
    log_event(LOG_PROCESS_SEALED, LOG_U("uid", geteuid()), LOG_S("seccomp", sandbox));
    return STATUS_OK;
}

void process_check_readable(const char *option, const char *file)
{
    if (file != NULL && file[0] != 0 && access(file, R_OK) != 0) {
        log_event(LOG_PROCESS_UNREADABLE, LOG_S("option", option), LOG_S("file", file),
                  LOG_S("reason", strerror(errno)));
    }
}

void process_notify(const char *state)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    size_t len = path == NULL ? 0 : strlen(path);
    if (len < 2 || len >= sizeof(to.sun_path) || (path[0] != '/' && path[0] != '@')) {
        return;
    }
    memcpy(to.sun_path, path, len);
    if (path[0] == '@') {
        to.sun_path[0] = 0; /* an abstract name */
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return;
    }
    /* A supervisor that does not hear us finds out by its own time limit. */
    socklen_t to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&to, to_len);
    close(fd);
}
