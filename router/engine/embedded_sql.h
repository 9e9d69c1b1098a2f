/* How the parts of the store see it: the connection, its statements, the channels it remembers. */
#ifndef ROUTER_ENGINE_EMBEDDED_SQL_H
#define ROUTER_ENGINE_EMBEDDED_SQL_H

#include "common/strmap.h"
#include "router/engine/embedded_store.h"

#include <sqlite3.h>

enum store_sql {
#define STORE_SQL(id, text) SQL_##id,
#include "router/engine/embedded_sql.def"
#undef STORE_SQL
    SQL_COUNT
};

/* A row of `room`, with the log's top. Forgotten at every rollback. */
struct store_room {
    int64_t id;
    uint64_t epoch;
    uint64_t top;
    uint64_t trim_at; /* top from which on it is worth looking for what is too many */
    uint32_t keep_count;
    uint64_t keep_ms;
    uint64_t empty_at; /* of the sweep that first found it empty; for sweeps only */
    size_t key_len;
    uint8_t key[]; /* kind, name */
};

struct store {
    sqlite3 *db;
    sqlite3_stmt *sql[SQL_COUNT];
    struct strmap rooms; /* key -> struct store_room, at most STORE_ROOMS_MAX */
    uint64_t incarnation;
    uint64_t now_ms;
    int64_t sweep_after; /* id of the last channel looked at */
    uint64_t page_bytes;
    uint64_t wal_pages;
    enum engine_room room; /* that is left */
    const char *trouble;
};

/* Prepared statement `id`, reset. */
sqlite3_stmt *store_sql(struct store *store, enum store_sql id);

/* Binds all bytes; an empty view as an empty blob, not as NULL. They must live until the reset. */
void store_bind(sqlite3_stmt *sql, int index, struct bytes bytes);
/* Valid until the next step. */
struct bytes store_column(sqlite3_stmt *sql, int index);

/* Keeps the reason of a failure; returns BROKEN. */
enum store_step store_broken(struct store *store);
/* Runs to the end; for statements without rows. */
enum store_step store_run(struct store *store, sqlite3_stmt *sql);
/* First row: SQLITE_ROW, SQLITE_DONE, or an error that is noted. */
int store_row(struct store *store, sqlite3_stmt *sql);

/* A channel as the key of `rooms`; `key` is initialised here. */
void store_room_key(struct buf *key, enum engine_kind kind, struct bytes name);
/* No longer remembered; harmless when it is not. */
void store_forget_room(struct store *store, struct bytes key);

/* Table of `value` that counts forgotten logs, and its keys: channels share 4096 of them. */
#define STORE_FORGOTTEN BYTES_LIT("forgotten")
enum { STORE_FORGOTTEN_KEY = 2 };
struct bytes store_forgotten_key(enum engine_kind kind, struct bytes name,
                                 uint8_t out[STORE_FORGOTTEN_KEY]);
uint64_t store_forgotten_count(struct bytes value);
/* Removes an empty log's row and counts it. */
enum store_step store_forget_log(struct store *store, int64_t id);

/* The file may say something else than what is remembered. */
void store_forget_rooms(struct store *store);

/* Removes at most `budget` messages of a channel that are too many or too old; counts `budget`
 * down. `top` is the channel's. */
enum store_step store_trim(struct store *store, const struct store_room *room, uint32_t *budget);

/* Static text for a connection's last error. */
const char *store_error_text(sqlite3 *db);

/* Opens a connection to an existing file with the settings that all of ours share. */
MUST_CHECK enum status store_connect(const char *path, const char *vfs, sqlite3 **ret,
                                     struct buf *error);
/* One line "PATH: what SQLite says" and the status that fits. */
enum status store_refuse(struct buf *error, const char *path, sqlite3 *db);

#endif
