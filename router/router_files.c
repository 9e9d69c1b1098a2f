#include "router/router_files.h"

#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static enum status read_all(int fd, size_t max, struct buf *content, mode_t *ret_mode)
{
    struct stat found;
    if (fstat(fd, &found) != 0) {
        return STATUS_IO;
    }
    uint8_t *space = buf_extend(content, max + 1);
    size_t len = 0;
    ssize_t got = 0;
    while (len <= max && (got = read(fd, space + len, max + 1 - len)) > 0) {
        len += (size_t)got;
    }
    content->len = len;
    if (ret_mode != NULL) {
        *ret_mode = found.st_mode;
    }
    return got < 0 ? STATUS_IO : STATUS_OK;
}

enum status router_file_read(const char *path, size_t max, struct buf *content, mode_t *ret_mode)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return STATUS_IO;
    }
    enum status status = read_all(fd, max, content, ret_mode);
    int error = errno;
    close(fd);
    errno = error;
    return status;
}

void router_file_forget(struct buf *content)
{
    if (content->data != NULL) {
        mem_wipe(content->data, content->capacity);
    }
    buf_fini(content);
}
