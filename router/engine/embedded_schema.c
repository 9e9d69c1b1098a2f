/* Tables as those of the PostgreSQL store will be, as far as one router needs them. `room.top` is
 * written only when the newest messages are removed: otherwise the log knows better. */
#include "router/engine/embedded_schema.h"

#include "common/clock.h"
#include "router/engine/embedded_sql.h"

#include <stddef.h>

/* One step per version. Never change one that was released: add the next. */
static const char *const migrations[] = {
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "INSERT INTO meta(name, value) VALUES('probe', 0), ('clean', 1), ('import', 0);"
    "CREATE TABLE migration(version INTEGER PRIMARY KEY, at INTEGER NOT NULL, software TEXT NOT "
    "NULL);"
    "CREATE TABLE router(id INTEGER PRIMARY KEY, inc INTEGER NOT NULL, fenced INTEGER NOT NULL);"
    "INSERT INTO router(id, inc, fenced) VALUES(1, 0, 0);"
    "CREATE TABLE slot(slot INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, owner INTEGER NOT NULL,"
    " inc INTEGER NOT NULL);"
    "INSERT INTO slot(slot, epoch, owner, inc) WITH RECURSIVE n(i) AS"
    " (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 4095) SELECT i, 0, 1, 0 FROM n;"
    "CREATE TABLE room(id INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT NULL,"
    " name BLOB NOT NULL, slot INTEGER NOT NULL, epoch INTEGER NOT NULL, top INTEGER NOT NULL,"
    " keep_count INTEGER NOT NULL, keep_ms INTEGER NOT NULL, UNIQUE(kind, name));"
    "CREATE TABLE log(room INTEGER NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL,"
    " sender BLOB NOT NULL, msg_id BLOB NOT NULL, data BLOB NOT NULL, key BLOB NOT NULL,"
    " PRIMARY KEY(room, seq)) WITHOUT ROWID;"
    "CREATE TABLE dead(room INTEGER PRIMARY KEY);"
    "CREATE TABLE value(tab BLOB NOT NULL, key BLOB NOT NULL, body BLOB NOT NULL,"
    " PRIMARY KEY(tab, key)) WITHOUT ROWID;",
    "ALTER TABLE room ADD COLUMN empty_at INTEGER NOT NULL DEFAULT 0;",
};

_Static_assert(sizeof(migrations) / sizeof(migrations[0]) == SCHEMA_VERSION, "a step per version");
_Static_assert(STORE_SLOTS == 4096, "the first step makes them");

int64_t schema_number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *read = NULL;
    int64_t number = -1;
    if (sqlite3_prepare_v2(db, sql, -1, &read, NULL) == SQLITE_OK &&
        sqlite3_step(read) == SQLITE_ROW) {
        number = sqlite3_column_int64(read, 0);
    }
    sqlite3_finalize(read);
    return number;
}

static enum status refuse(struct buf *error, const char *path, const char *what)
{
    buf_clear(error);
    buf_append_str(error, path);
    buf_append_str(error, what);
    return STATUS_MALFORMED;
}

/* One version up, all or nothing. */
static enum status migrate(sqlite3 *db, int64_t version, const char *path, struct buf *error)
{
    struct buf sql;
    buf_init(&sql, 0);
    buf_append_str(&sql, "BEGIN IMMEDIATE;");
    buf_append_str(&sql, migrations[version]);
    buf_append_str(&sql, "PRAGMA application_id = ");
    buf_append_u64(&sql, SCHEMA_APPLICATION);
    buf_append_str(&sql, ";PRAGMA user_version = ");
    buf_append_u64(&sql, (uint64_t)version + 1);
    buf_append_str(&sql, ";INSERT INTO migration(version, at, software) VALUES(");
    buf_append_u64(&sql, (uint64_t)version + 1);
    buf_append_str(&sql, ", ");
    buf_append_u64(&sql, clock_wall_ms());
    buf_append_str(&sql, ", '" SPLITRAIL_VERSION "');COMMIT");
    buf_append_byte(&sql, 0);
    enum status status = STATUS_OK;
    if (sqlite3_exec(db, (const char *)sql.data, NULL, NULL, NULL) != SQLITE_OK) {
        status = store_refuse(error, path, db);
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    }
    buf_fini(&sql);
    return status;
}

enum status schema_settle(sqlite3 *db, const char *path, struct buf *error)
{
    int64_t application = schema_number(db, "PRAGMA application_id");
    int64_t version = schema_number(db, "PRAGMA user_version");
    int64_t tables = schema_number(db, "SELECT count(*) FROM sqlite_schema");
    if (application < 0 || version < 0 || tables < 0) {
        return store_refuse(error, path, db);
    }
    if (tables > 0 && application != SCHEMA_APPLICATION) {
        return refuse(error, path, " is no data file of splitrail");
    }
    if (version > SCHEMA_VERSION) {
        refuse(error, path, " has format ");
        buf_append_u64(error, (uint64_t)version);
        buf_append_str(error, ", written by a newer version; this one knows up to ");
        buf_append_u64(error, SCHEMA_VERSION);
        return STATUS_MALFORMED;
    }
    enum status status = STATUS_OK;
    while (status == STATUS_OK && version < SCHEMA_VERSION) {
        status = migrate(db, version++, path, error);
    }
    if (status == STATUS_OK &&
        schema_number(db, "SELECT value FROM meta WHERE name='import'") != 0) {
        return refuse(error, path,
                      " is from an import that was not finished; remove it and import again");
    }
    return status;
}
