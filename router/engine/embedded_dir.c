/* A lock on an open file ends with its process, however that ends: no stale lock file. */
#include "router/engine/embedded_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static void set_path(struct buf *path, const char *dir, const char *name)
{
    buf_clear(path);
    buf_append_str(path, dir);
    buf_append_byte(path, '/');
    buf_append_str(path, name);
    buf_append_byte(path, 0);
}

static enum status refuse(struct buf *error, enum status status, const char *what, const char *dir,
                          const char *why)
{
    buf_clear(error);
    buf_append_str(error, what);
    buf_append_str(error, dir);
    buf_append_str(error, why);
    return status;
}

static enum status refuse_errno(struct buf *error, const char *what, const char *path)
{
    int code = errno;
    refuse(error, STATUS_IO, what, path, ": ");
    buf_append_str(error, strerror(code));
    return code == EACCES || code == EPERM || code == EROFS ? STATUS_DENIED : STATUS_IO;
}

/* A new name in a directory is on disk when the directory is synced. */
static bool sync_dir(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return synced;
}

static enum status take_lock(const char *dir, int *ret_fd, struct buf *error)
{
    struct buf path;
    enum status status = STATUS_OK;
    buf_init(&path, 0);
    set_path(&path, dir, "lock");
    int fd = open((const char *)path.data, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        status = refuse_errno(error, "cannot open ", (const char *)path.data);
    } else if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        status = errno == EWOULDBLOCK ? refuse(error, STATUS_LIMIT, "data directory ", dir,
                                               " is in use by another process")
                                      : refuse_errno(error, "cannot lock ", dir);
        close(fd);
    } else {
        *ret_fd = fd;
    }
    buf_fini(&path);
    return status;
}

enum status embedded_dir_create_file(const char *dir, struct buf *ret_path, struct buf *error)
{
    set_path(ret_path, dir, "splitrail.db");
    int fd = open((const char *)ret_path->data, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return refuse_errno(error, "cannot open ", (const char *)ret_path->data);
    }
    close(fd);
    return sync_dir(dir) ? STATUS_OK : refuse_errno(error, "cannot sync ", dir);
}

/* Whether the data file is as `mode` wants it; creates it where that is wanted. */
static enum status settle_file(const char *dir, enum embedded_dir_mode mode, struct buf *path,
                               struct buf *error)
{
    struct stat found;
    set_path(path, dir, "splitrail.db");
    bool there = stat((const char *)path->data, &found) == 0 && found.st_size > 0;
    if (mode == EMBEDDED_DIR_EXISTING && !there) {
        return refuse(error, STATUS_NOT_FOUND, "there is no data in ", dir, "");
    }
    if (mode == EMBEDDED_DIR_NEW && there) {
        return refuse(error, STATUS_EXISTS, "there is data already in ", dir, "");
    }
    return embedded_dir_create_file(dir, path, error);
}

enum status embedded_dir_hold(const char *dir, enum embedded_dir_mode mode, int *ret_fd,
                              struct buf *ret_path, struct buf *error)
{
    struct stat found;
    if (mode == EMBEDDED_DIR_EXISTING && stat(dir, &found) != 0) {
        return refuse(error, STATUS_NOT_FOUND, "there is no directory ", dir, "");
    }
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        return refuse_errno(error, "cannot create ", dir);
    }
    int fd = -1;
    enum status status = take_lock(dir, &fd, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = settle_file(dir, mode, ret_path, error);
    if (status != STATUS_OK) {
        close(fd);
        return status;
    }
    *ret_fd = fd;
    return STATUS_OK;
}

/* SQLite's own files beside the data have its name and a tail. */
bool embedded_dir_is_ours(const char *name)
{
    static const char data[] = "splitrail.db";
    return strcmp(name, "lock") == 0 || strncmp(name, data, sizeof(data) - 1) == 0;
}
