/* Locks and shared memory go straight to the usual VFS: they do not survive a power cut. */
#include "tests/support/fault_vfs.h"

#include "common/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FILES_MAX = 8 };

enum op_kind { OP_WRITE, OP_SYNC, OP_TRUNCATE, OP_DELETE };

struct op {
    enum op_kind kind;
    size_t file; /* index into names */
    int64_t offset;
    size_t len;
    uint8_t *data;
};

struct fault_file {
    sqlite3_file base;
    size_t name;
    sqlite3_file *real; /* behind this struct */
};

/* SQLite knows a VFS by its name, so there is one per process. */
static struct {
    pthread_mutex_t lock;
    sqlite3_vfs vfs;
    sqlite3_vfs *usual;
    char names[FILES_MAX][64]; /* without directory */
    size_t name_count;
    bool recording;
    struct op *ops;
    size_t op_count;
    size_t op_capacity;
    enum fault_kind fault;
    uint64_t fault_after;
    uint64_t fault_count;
    int error;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER};

static size_t name_index(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    for (size_t i = 0; i < state.name_count; i++) {
        if (strcmp(state.names[i], name) == 0) {
            return i;
        }
    }
    assert(state.name_count < FILES_MAX);
    (void)snprintf(state.names[state.name_count], sizeof(state.names[0]), "%s", name);
    return state.name_count++;
}

static void record(struct op op)
{
    if (!state.recording) {
        return;
    }
    if (state.op_count == state.op_capacity) {
        state.op_capacity = state.op_capacity == 0 ? 64 : state.op_capacity * 2;
        state.ops = mem_resize(state.ops, state.op_capacity, sizeof(*state.ops));
    }
    op.data = op.data == NULL ? NULL : mem_copy(bytes_of(op.data, op.len));
    state.ops[state.op_count++] = op;
}

/* Whether an operation, which the fault concerns or not, fails now. */
static bool fails(bool concerned)
{
    if (state.fault == FAULT_NONE || !concerned) {
        return false;
    }
    if (state.fault_after > 0) {
        state.fault_after--;
        return false;
    }
    if (state.fault_count > 0 && --state.fault_count == 0) {
        state.error = state.fault == FAULT_DISK_FULL ? ENOSPC : EIO;
        state.fault = FAULT_NONE;
    } else {
        state.error = state.fault == FAULT_DISK_FULL   ? ENOSPC
                      : state.fault == FAULT_READ_ONLY ? EROFS
                                                       : EIO;
    }
    errno = state.error;
    return true;
}

static bool write_fault(void)
{
    return state.fault == FAULT_DISK_FULL || state.fault == FAULT_WRITE_ERROR ||
           state.fault == FAULT_READ_ONLY;
}

static struct fault_file *of(sqlite3_file *file)
{
    return (struct fault_file *)file;
}

#define REAL(call, ...) (of(file)->real->pMethods->call(of(file)->real, ##__VA_ARGS__))

static int file_close(sqlite3_file *file)
{
    return REAL(xClose);
}

static int file_read(sqlite3_file *file, void *data, int len, sqlite3_int64 offset)
{
    pthread_mutex_lock(&state.lock);
    bool failed = fails(state.fault == FAULT_READ_ERROR);
    pthread_mutex_unlock(&state.lock);
    return failed ? SQLITE_IOERR_READ : REAL(xRead, data, len, offset);
}

static int file_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 offset)
{
    pthread_mutex_lock(&state.lock);
    int code;
    if (fails(write_fault())) {
        code = state.error == ENOSPC ? SQLITE_FULL : SQLITE_IOERR_WRITE;
    } else {
        record(
            (struct op){OP_WRITE, of(file)->name, offset, (size_t)len, (uint8_t *)(uintptr_t)data});
        code = REAL(xWrite, data, len, offset);
    }
    pthread_mutex_unlock(&state.lock);
    return code;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    pthread_mutex_lock(&state.lock);
    int code = SQLITE_IOERR_TRUNCATE;
    if (!fails(write_fault())) {
        record((struct op){OP_TRUNCATE, of(file)->name, size, 0, NULL});
        code = REAL(xTruncate, size);
    }
    pthread_mutex_unlock(&state.lock);
    return code;
}

static int file_sync(sqlite3_file *file, int flags)
{
    pthread_mutex_lock(&state.lock);
    int code = SQLITE_IOERR_FSYNC;
    if (!fails(state.fault == FAULT_SYNC_ERROR)) {
        code = REAL(xSync, flags);
        record((struct op){OP_SYNC, of(file)->name, 0, 0, NULL});
    }
    pthread_mutex_unlock(&state.lock);
    return code;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return REAL(xFileSize, size);
}

static int file_lock(sqlite3_file *file, int level)
{
    return REAL(xLock, level);
}

static int file_unlock(sqlite3_file *file, int level)
{
    return REAL(xUnlock, level);
}

static int file_reserved(sqlite3_file *file, int *ret)
{
    return REAL(xCheckReservedLock, ret);
}

static int file_control(sqlite3_file *file, int op, void *arg)
{
    if (op == SQLITE_FCNTL_LAST_ERRNO) {
        pthread_mutex_lock(&state.lock);
        *(int *)arg = state.error;
        pthread_mutex_unlock(&state.lock);
        return SQLITE_OK;
    }
    return REAL(xFileControl, op, arg);
}

static int file_sector(sqlite3_file *file)
{
    return REAL(xSectorSize);
}

static int file_device(sqlite3_file *file)
{
    return REAL(xDeviceCharacteristics);
}

static int shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **ret)
{
    return REAL(xShmMap, page, size, extend, ret);
}

static int shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    return REAL(xShmLock, offset, n, flags);
}

static void shm_barrier(sqlite3_file *file)
{
    REAL(xShmBarrier);
}

static int shm_unmap(sqlite3_file *file, int removal)
{
    return REAL(xShmUnmap, removal);
}

/* Version 2: no memory mapping of the data, which would go past us. */
static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_device,
    .xShmMap = shm_map,
    .xShmLock = shm_lock,
    .xShmBarrier = shm_barrier,
    .xShmUnmap = shm_unmap,
};

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *out)
{
    (void)vfs;
    struct fault_file *fault = of(file);
    fault->base.pMethods = NULL;
    fault->real = (sqlite3_file *)(fault + 1);
    int code = state.usual->xOpen(state.usual, path, fault->real, flags, out);
    if (code == SQLITE_OK) {
        pthread_mutex_lock(&state.lock);
        fault->name = name_index(path == NULL ? "temporary" : path);
        pthread_mutex_unlock(&state.lock);
        fault->base.pMethods = &methods;
    }
    return code;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync)
{
    (void)vfs;
    pthread_mutex_lock(&state.lock);
    record((struct op){OP_DELETE, name_index(path), 0, 0, NULL});
    int code = state.usual->xDelete(state.usual, path, sync);
    pthread_mutex_unlock(&state.lock);
    return code;
}

static int vfs_last_error(sqlite3_vfs *vfs, int len, char *text)
{
    (void)vfs;
    (void)len;
    (void)text;
    pthread_mutex_lock(&state.lock);
    int error = state.error;
    pthread_mutex_unlock(&state.lock);
    return error;
}

void fault_vfs_reset(void)
{
    if (state.usual == NULL) {
        state.usual = sqlite3_vfs_find(NULL);
        state.vfs = *state.usual;
        state.vfs.pNext = NULL;
        state.vfs.zName = FAULT_VFS;
        state.vfs.szOsFile = (int)sizeof(struct fault_file) + state.usual->szOsFile;
        state.vfs.xOpen = vfs_open;
        state.vfs.xDelete = vfs_delete;
        state.vfs.xGetLastError = vfs_last_error;
        assert(sqlite3_vfs_register(&state.vfs, 0) == SQLITE_OK);
    }
    for (size_t i = 0; i < state.op_count; i++) {
        mem_free(state.ops[i].data);
    }
    mem_free(state.ops);
    state.ops = NULL;
    state.op_count = 0;
    state.op_capacity = 0;
    state.name_count = 0;
    state.recording = false;
    fault_vfs_fail(FAULT_NONE, 0, 0);
}

void fault_vfs_fail(enum fault_kind kind, uint64_t after, uint64_t count)
{
    pthread_mutex_lock(&state.lock);
    state.fault = kind;
    state.fault_after = after;
    state.fault_count = count;
    pthread_mutex_unlock(&state.lock);
}

void fault_vfs_record(bool on)
{
    pthread_mutex_lock(&state.lock);
    state.recording = on;
    pthread_mutex_unlock(&state.lock);
}

size_t fault_vfs_recorded(void)
{
    pthread_mutex_lock(&state.lock);
    size_t count = state.op_count;
    pthread_mutex_unlock(&state.lock);
    return count;
}

/* --- a disk after a power cut
 * ---------------------------------------------------------------------
 */

/* Sets `synced[i]` where what operation `i` did was synced before the cut. */
static void find_synced(size_t operations, bool *synced)
{
    bool seen[FILES_MAX] = {false};
    for (size_t i = operations; i-- > 0;) {
        const struct op *op = &state.ops[i];
        synced[i] = seen[op->file];
        seen[op->file] = seen[op->file] || op->kind == OP_SYNC;
    }
}

/* How much of a write that was not synced is there. */
static size_t kept_len(const struct op *op, enum cut_kind kind, bool last, struct rng *rng)
{
    switch (kind) {
    case CUT_KEPT:
        return op->len;
    case CUT_TORN:
        return last ? rng_below(rng, (uint32_t)op->len + 1) : op->len;
    case CUT_SOME:
        return rng_below(rng, 2) == 0 ? op->len : rng_below(rng, (uint32_t)op->len + 1);
    case CUT_LOST:
    case CUT_KINDS:
        break;
    }
    return 0;
}

static void apply(const struct op *op, int fd, bool synced, size_t len)
{
    if (op->kind == OP_WRITE && len > 0) {
        assert(pwrite(fd, op->data, len, op->offset) == (ssize_t)len);
    } else if (op->kind == OP_TRUNCATE && (synced || len > 0)) {
        assert(ftruncate(fd, op->offset) == 0);
    } else if (op->kind == OP_DELETE) {
        assert(ftruncate(fd, 0) == 0);
    }
}

void fault_vfs_cut(size_t operations, enum cut_kind kind, struct rng *rng, const char *dir)
{
    char path[256];
    int fds[FILES_MAX];
    bool there[FILES_MAX] = {false};
    for (size_t i = 0; i < state.name_count; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, state.names[i]);
        fds[i] = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert(fds[i] >= 0);
    }
    bool *synced = mem_new(operations + 1, sizeof(*synced));
    find_synced(operations, synced);
    for (size_t i = 0; i < operations; i++) {
        const struct op *op = &state.ops[i];
        size_t len = synced[i] ? op->len : kept_len(op, kind, i + 1 == operations, rng);
        if (op->kind == OP_TRUNCATE && !synced[i] && kind != CUT_LOST) {
            len = 1;
        }
        apply(op, fds[op->file], synced[i], len);
        there[op->file] = op->kind != OP_DELETE;
    }
    mem_free(synced);
    for (size_t i = 0; i < state.name_count; i++) {
        close(fds[i]);
        (void)snprintf(path, sizeof(path), "%s/%s", dir, state.names[i]);
        if (!there[i]) {
            (void)unlink(path);
        }
    }
}
