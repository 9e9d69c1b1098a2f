/* The folder is checked, not trusted: under /tmp a stranger could have made it first and would then
 * own the socket through which operators act. */
#include "router/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct bytes runtime_base(void)
{
    const char *runtime = getenv("RUNTIME_DIRECTORY");
    if (runtime != NULL && runtime[0] == '/') {
        return bytes_of(runtime, strcspn(runtime, ":"));
    }
    const char *xdg = getenv("XDG_RUNTIME_DIR");
    if (xdg != NULL && xdg[0] == '/') {
        return bytes_of_str(xdg);
    }
    return geteuid() == 0 ? BYTES_LIT("/run") : BYTES_LIT("/tmp");
}

void endpoint_runtime_dir(struct buf *out)
{
    buf_append(out, runtime_base());
    buf_append_str(out, "/splitrail");
}

void endpoint_admin_socket(struct buf *out)
{
    endpoint_runtime_dir(out);
    buf_append_str(out, "/router.sock");
}

enum status endpoint_make_runtime_dir(uid_t owner, gid_t group)
{
    struct buf path;
    buf_init(&path, 4096);
    endpoint_runtime_dir(&path);
    buf_append_byte(&path, 0);
    if (!buf_ok(&path)) {
        buf_fini(&path);
        errno = ENAMETOOLONG;
        return STATUS_IO;
    }
    const char *name = (const char *)path.data;
    struct stat found;
    enum status status = STATUS_OK;
    if ((mkdir(name, 0700) != 0 && errno != EEXIST) || lstat(name, &found) != 0) {
        status = STATUS_IO;
    } else if (!S_ISDIR(found.st_mode) || (found.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        status = STATUS_DENIED;
    } else if (found.st_uid != owner) {
        /* Root's own folder is in a place where nobody else can put another in its stead. */
        status = found.st_uid != geteuid() || lchown(name, owner, group) != 0 ? STATUS_DENIED
                                                                              : STATUS_OK;
    }
    buf_fini(&path);
    return status;
}

static bool host_is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, host, &v4) == 1) {
        return ntohl(v4.s_addr) >> 24 == 127;
    }
    if (inet_pton(AF_INET6, host, &v6) == 1) {
        return IN6_IS_ADDR_LOOPBACK(&v6);
    }
    return strcmp(host, "localhost") == 0;
}

bool endpoint_is_local(const char *endpoint)
{
    if (strncmp(endpoint, "ipc://", 6) == 0) {
        return true;
    }
    if (strncmp(endpoint, "tcp://", 6) != 0) {
        return false;
    }
    const char *start = endpoint + 6;
    const char *colon = strrchr(start, ':');
    size_t len = colon == NULL ? strlen(start) : (size_t)(colon - start);
    char host[INET6_ADDRSTRLEN + 1];
    if (len >= 2 && start[0] == '[' && start[len - 1] == ']') {
        start++;
        len -= 2;
    }
    if (len >= sizeof(host)) {
        return false;
    }
    memcpy(host, start, len);
    host[len] = 0;
    return host_is_loopback(host);
}
