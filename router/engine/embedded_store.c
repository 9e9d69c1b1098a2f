/* Opening, transactions, and what a failure means.
 *
 * A COMMIT that fails before its last frame was written never happened. One that fails later, at
 * the sync, may have left valid frames behind that a crash would bring back: UNKNOWN, until the
 * next commit overwrites them, because SQLite goes on from where the last good commit ended.
 * cache_spill is off so that nothing reaches the log before COMMIT. */
#include "router/engine/embedded_store.h"

#include "common/clock.h"
#include "common/mem.h"
#include "router/engine/embedded_schema.h"
#include "router/engine/embedded_sql.h"

#include <assert.h>
#include <errno.h>

enum {
    BUSY_MS = 1000,
    /* Above this a file is not read through at a start after a crash: it would take too long. */
    QUICK_CHECK_BYTES_MAX = 16 * 1024 * 1024
};

static const char *const sql_texts[] = {
#define STORE_SQL(id, text) text,
#include "router/engine/embedded_sql.def"
#undef STORE_SQL
};

sqlite3_stmt *store_sql(struct store *store, enum store_sql id)
{
    sqlite3_reset(store->sql[id]);
    return store->sql[id];
}

void store_bind(sqlite3_stmt *sql, int index, struct bytes bytes)
{
    const void *data = bytes.len == 0 ? "" : (const void *)bytes.data;
    sqlite3_bind_blob64(sql, index, data, bytes.len, SQLITE_STATIC);
}

struct bytes store_column(sqlite3_stmt *sql, int index)
{
    const void *data = sqlite3_column_blob(sql, index);
    return bytes_of(data, (size_t)sqlite3_column_bytes(sql, index));
}

/* The system's reason, which SQLite keeps per file: the write-ahead log's, else the data's. */
static int system_error(sqlite3 *db)
{
    sqlite3_file *log = NULL;
    int error = 0;
    sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (log != NULL && log->pMethods != NULL) {
        log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &error);
    }
    if (error == 0) {
        sqlite3_file_control(db, "main", SQLITE_FCNTL_LAST_ERRNO, &error);
    }
    return error;
}

static const char *io_error_text(sqlite3 *db)
{
    switch (system_error(db)) {
    case ENOSPC:
        return "the disk is full";
    case EDQUOT:
        return "the disk quota is reached";
    case EFBIG:
        return "the limit on the size of files is reached";
    case EROFS:
        return "the file system is read-only";
    default:
        return "input/output error on the data directory";
    }
}

const char *store_error_text(sqlite3 *db)
{
    switch (sqlite3_errcode(db)) {
    case SQLITE_FULL:
        return "the disk is full";
    case SQLITE_READONLY:
        return "the data file is read-only";
    case SQLITE_IOERR:
        return io_error_text(db);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return "the data file is damaged";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return "another program locks the data file";
    case SQLITE_CANTOPEN:
        return "the data file cannot be opened";
    case SQLITE_NOMEM:
        return "out of memory";
    default:
        return "the data file cannot be written";
    }
}

enum status store_refuse(struct buf *error, const char *path, sqlite3 *db)
{
    int code = sqlite3_errcode(db);
    buf_clear(error);
    buf_append_str(error, path);
    buf_append_str(error, ": ");
    buf_append_str(error, store_error_text(db));
    buf_append_str(error, " (");
    buf_append_str(error, sqlite3_errmsg(db));
    buf_append_str(error, ")");
    bool damaged = code == SQLITE_CORRUPT || code == SQLITE_NOTADB || code == SQLITE_ERROR;
    return damaged ? STATUS_MALFORMED : STATUS_IO;
}

enum store_step store_broken(struct store *store)
{
    store->trouble = store_error_text(store->db);
    return STORE_BROKEN;
}

int store_row(struct store *store, sqlite3_stmt *sql)
{
    int code = sqlite3_step(sql);
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        store_broken(store);
    }
    return code;
}

enum store_step store_run(struct store *store, sqlite3_stmt *sql)
{
    bool done = sqlite3_step(sql) == SQLITE_DONE;
    enum store_step step = done ? STORE_DONE : store_broken(store);
    sqlite3_reset(sql);
    return step;
}

/* A statement that is not reset keeps its view of the file, and so the whole write-ahead log. */
static void reset_all(struct store *store)
{
    for (size_t i = 0; i < SQL_COUNT; i++) {
        sqlite3_reset(store->sql[i]);
    }
}

void store_forget_rooms(struct store *store)
{
    size_t cursor = 0;
    struct store_room *room;
    uint8_t seed[16];
    while ((room = strmap_next(&store->rooms, &cursor)) != NULL) {
        mem_free(room);
    }
    strmap_fini(&store->rooms);
    clock_random(seed, sizeof(seed));
    strmap_init(&store->rooms, seed);
}

static int committed(void *owner, sqlite3 *db, const char *name, int pages)
{
    struct store *store = owner;
    (void)db;
    (void)name;
    store->wal_pages = (uint64_t)pages;
    return SQLITE_OK;
}

enum status store_connect(const char *path, const char *vfs, sqlite3 **ret, struct buf *error)
{
    sqlite3 *db = NULL;
    enum status status = STATUS_OK;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    if (sqlite3_open_v2(path, &db, flags, vfs) != SQLITE_OK ||
        sqlite3_busy_timeout(db, BUSY_MS) != SQLITE_OK ||
        sqlite3_exec(db,
                     "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                     "PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -65536;"
                     "PRAGMA cache_spill = OFF; PRAGMA temp_store = MEMORY;"
                     "PRAGMA journal_size_limit = 67108864; PRAGMA trusted_schema = OFF;",
                     NULL, NULL, NULL) != SQLITE_OK) {
        status = store_refuse(error, path, db);
        sqlite3_close(db);
        return status;
    }
    *ret = db;
    return STATUS_OK;
}

/* What a dead process left in the write-ahead log may be in the system's memory only, even where
 * it looks whole: it goes into the file, synced, before anything is built on it. */
static enum status take_over_log(sqlite3 *db, const char *path, struct buf *error)
{
    int code = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    return code == SQLITE_OK ? STATUS_OK : store_refuse(error, path, db);
}

static enum status check_quickly(sqlite3 *db, const char *path, struct buf *error)
{
    bool clean = schema_number(db, "SELECT value FROM meta WHERE name = 'clean'") == 1;
    int64_t bytes =
        schema_number(db, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size");
    if (clean || bytes > QUICK_CHECK_BYTES_MAX ||
        schema_number(db, "SELECT quick_check = 'ok' FROM pragma_quick_check(1)") == 1) {
        return STATUS_OK;
    }
    buf_clear(error);
    buf_append_str(error, path);
    buf_append_str(error, " is damaged; see splitrailctl check");
    return STATUS_MALFORMED;
}

/* The wall clock keeps the number above those of routers that had no data directory, and above
 * what is in a copy that is newer than this one. */
static enum status count_up(struct store *store, const char *path, struct buf *error)
{
    struct buf sql;
    enum status status = STATUS_OK;
    int64_t last = schema_number(store->db, "SELECT inc FROM router WHERE id = 1");
    uint64_t wall_us = clock_wall_ms() * 1000;
    if (last < 0) {
        return store_refuse(error, path, store->db);
    }
    store->incarnation = wall_us > (uint64_t)last ? wall_us : (uint64_t)last + 1;
    buf_init(&sql, 0);
    buf_append_str(&sql, "BEGIN IMMEDIATE; UPDATE router SET fenced = 0, inc = ");
    buf_append_u64(&sql, store->incarnation);
    buf_append_str(&sql, " WHERE id = 1; UPDATE slot SET epoch = epoch + 1, owner = 1, inc = ");
    buf_append_u64(&sql, store->incarnation);
    buf_append_str(&sql, "; UPDATE meta SET value = 0 WHERE name = 'clean'; COMMIT");
    buf_append_byte(&sql, 0);
    if (sqlite3_exec(store->db, (const char *)sql.data, NULL, NULL, NULL) != SQLITE_OK) {
        status = store_refuse(error, path, store->db);
    }
    buf_fini(&sql);
    return status;
}

static enum status prepare(struct store *store, const char *path, struct buf *error)
{
    for (size_t i = 0; i < SQL_COUNT; i++) {
        if (sqlite3_prepare_v3(store->db, sql_texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &store->sql[i], NULL) != SQLITE_OK) {
            return store_refuse(error, path, store->db);
        }
    }
    store->page_bytes = (uint64_t)schema_number(store->db, "PRAGMA page_size");
    sqlite3_wal_hook(store->db, committed, store);
    return STATUS_OK;
}

static enum status settle(struct store *store, const char *path, struct buf *error)
{
    enum status status = take_over_log(store->db, path, error);
    if (status == STATUS_OK) {
        status = schema_settle(store->db, path, error);
    }
    if (status == STATUS_OK) {
        status = check_quickly(store->db, path, error);
    }
    if (status == STATUS_OK) {
        status = count_up(store, path, error);
    }
    return status == STATUS_OK ? prepare(store, path, error) : status;
}

static void release(struct store *store)
{
    for (size_t i = 0; i < SQL_COUNT; i++) {
        sqlite3_finalize(store->sql[i]);
    }
    store_forget_rooms(store);
    strmap_fini(&store->rooms);
    /* The last connection to leave moves the write-ahead log into the file. */
    int code = sqlite3_close(store->db);
    assert(code == SQLITE_OK); /* a statement of ours is still open */
    (void)code;
    mem_free(store);
}

enum status store_open(const char *path, const char *vfs, struct store **ret, struct buf *error)
{
    struct store *store = mem_new(1, sizeof(*store));
    store_forget_rooms(store);
    enum status status = store_connect(path, vfs, &store->db, error);
    if (status == STATUS_OK) {
        status = settle(store, path, error);
    }
    if (status != STATUS_OK) {
        release(store);
        return status;
    }
    *ret = store;
    return STATUS_OK;
}

enum status store_open_reader(const char *path, const char *vfs, struct store **ret,
                              struct buf *error)
{
    struct store *store = mem_new(1, sizeof(*store));
    store_forget_rooms(store);
    enum status status = store_connect(path, vfs, &store->db, error);
    if (status == STATUS_OK) {
        status = prepare(store, path, error);
    }
    if (status != STATUS_OK) {
        release(store);
        return status;
    }
    *ret = store;
    return STATUS_OK;
}

void store_close_reader(struct store **store)
{
    if (*store != NULL) {
        release(*store);
        *store = NULL;
    }
}

void store_close(struct store **store)
{
    if (*store == NULL) {
        return;
    }
    if (store_begin(*store, 0) == ENGINE_OK) {
        if (store_run(*store, store_sql(*store, SQL_CLEAN)) == STORE_DONE) {
            (void)store_commit(*store);
        } else {
            store_rollback(*store);
        }
    }
    release(*store);
    *store = NULL;
}

uint64_t store_incarnation(const struct store *store)
{
    return store->incarnation;
}

enum engine_result store_begin(struct store *store, uint64_t now_ms)
{
    reset_all(store);
    store->now_ms = now_ms;
    if (store_run(store, store_sql(store, SQL_BEGIN)) != STORE_DONE) {
        return ENGINE_FAILED;
    }
    sqlite3_stmt *fence = store_sql(store, SQL_FENCE);
    int code = store_row(store, fence);
    bool ours = code == SQLITE_ROW &&
                (uint64_t)sqlite3_column_int64(fence, 0) == store->incarnation &&
                sqlite3_column_int64(fence, 1) == 0;
    if (ours) {
        return ENGINE_OK;
    }
    if (code == SQLITE_ROW || code == SQLITE_DONE) {
        store->trouble = "a newer router has taken the data over";
    }
    store_rollback(store);
    return code == SQLITE_ROW || code == SQLITE_DONE ? ENGINE_FENCED : ENGINE_FAILED;
}

/* Errors that come from a write or before: the frame that makes a transaction valid is not there.
 */
static bool surely_not_written(int extended)
{
    int code = extended & 0xff;
    return code == SQLITE_FULL || code == SQLITE_BUSY || code == SQLITE_READONLY ||
           extended == SQLITE_IOERR_WRITE;
}

enum engine_result store_commit(struct store *store)
{
    reset_all(store);
    sqlite3_stmt *commit = store_sql(store, SQL_COMMIT);
    if (sqlite3_step(commit) == SQLITE_DONE) {
        sqlite3_reset(commit);
        return ENGINE_OK;
    }
    store_broken(store);
    bool safe = surely_not_written(sqlite3_extended_errcode(store->db));
    store_rollback(store);
    return safe ? ENGINE_FAILED : ENGINE_UNKNOWN;
}

void store_rollback(struct store *store)
{
    reset_all(store);
    if (sqlite3_get_autocommit(store->db) == 0) {
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    }
    store_forget_rooms(store);
}

enum store_step store_probe(struct store *store)
{
    return store_run(store, store_sql(store, SQL_PROBE));
}

const char *store_trouble(const struct store *store)
{
    return store->trouble;
}

static uint64_t number_of(struct store *store, enum store_sql id)
{
    sqlite3_stmt *sql = store_sql(store, id);
    uint64_t number = sqlite3_step(sql) == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(sql, 0) : 0;
    sqlite3_reset(sql);
    return number;
}

uint64_t store_bytes(struct store *store)
{
    return (number_of(store, SQL_PAGES) + store->wal_pages) * store->page_bytes;
}

uint64_t store_used_bytes(struct store *store)
{
    uint64_t pages = number_of(store, SQL_PAGES);
    uint64_t free_pages = number_of(store, SQL_PAGES_FREE);
    return (pages > free_pages ? pages - free_pages : 0) * store->page_bytes;
}

void store_set_room(struct store *store, enum engine_room room)
{
    store->room = room;
}

uint64_t store_wal_bytes(const struct store *store)
{
    return store->wal_pages * store->page_bytes;
}

bool store_checkpoint(struct store *store, bool wait)
{
    int log = 0;
    int moved = 0;
    int mode = wait ? SQLITE_CHECKPOINT_FULL : SQLITE_CHECKPOINT_PASSIVE;
    reset_all(store);
    int code = sqlite3_wal_checkpoint_v2(store->db, NULL, mode, &log, &moved);
    if (code == SQLITE_OK && log == moved) {
        store->wal_pages = 0; /* the next commit begins the log from its start */
        return true;
    }
    if (wait) {
        store_broken(store);
    }
    return false;
}

bool store_active(const struct store *store)
{
    return sqlite3_get_autocommit(store->db) == 0;
}
