/* A table of questions, each of which should count nothing. */
#include "router/engine/embedded_dir.h"
#include "router/engine/embedded_offline.h"
#include "router/engine/embedded_schema.h"
#include "router/engine/embedded_sql.h"

#include <unistd.h>

static const struct {
    const char *sql;
    const char *text;
} questions[] = {
    {"SELECT count(*) != 1 FROM router WHERE id = 1", "the row of the router is missing"},
    {"SELECT count(*) != 4096 OR min(slot) != 0 OR max(slot) != 4095 FROM slot",
     "there are not 4096 slots"},
    {"SELECT count(*) FROM slot WHERE owner != 1 OR epoch < 0",
     "slots have a wrong owner or epoch"},
    {"SELECT count(*) != (SELECT max(version) FROM migration) FROM migration",
     "the list of migrations has holes"},
    {"SELECT count(*) FROM room WHERE kind NOT IN (1, 2) OR top < 0 OR slot NOT BETWEEN 0 AND 4095",
     "channels have a wrong kind, top or slot"},
    {"SELECT count(*) FROM log WHERE seq < 1 OR at < 0", "messages have a wrong offset or time"},
    {"SELECT count(*) FROM log l WHERE NOT EXISTS (SELECT 1 FROM room WHERE id = l.room) AND NOT "
     "EXISTS (SELECT 1 FROM dead WHERE room = l.room)",
     "messages belong to no channel"},
    {"SELECT count(*) FROM room r JOIN dead d ON d.room = r.id",
     "channels are to be removed and in use"},
    {"SELECT count(*) FROM value WHERE length(tab) NOT BETWEEN 1 AND 32 OR length(key) NOT "
     "BETWEEN 1 AND 256 OR length(body) > 65536",
     "values are outside of their limits"},
};

static const struct {
    const char *sql;
    const char *text;
} totals[] = {
    {"PRAGMA user_version", "format"},
    {"SELECT inc FROM router WHERE id = 1", "incarnation"},
    {"SELECT max(epoch) FROM slot", "starts"},
    {"SELECT count(*) FROM room WHERE kind = 1", "rooms"},
    {"SELECT count(*) FROM room WHERE kind = 2", "inboxes"},
    {"SELECT count(*) FROM log", "messages"},
    {"SELECT coalesce(sum(length(data)), 0) FROM log", "payload bytes"},
    {"SELECT count(*) FROM value", "values"},
    {"SELECT page_count * page_size FROM pragma_page_count, pragma_page_size", "file bytes"},
};

/* What SQLite finds about its own pages. */
static bool check_pages(sqlite3 *db, struct buf *report)
{
    sqlite3_stmt *rows = NULL;
    bool good = true;
    int code = sqlite3_prepare_v2(db, "PRAGMA integrity_check(20)", -1, &rows, NULL);
    while (code == SQLITE_OK && sqlite3_step(rows) == SQLITE_ROW) {
        struct bytes line = store_column(rows, 0);
        if (!bytes_equal(line, BYTES_LIT("ok"))) {
            buf_append_str(report, "damage: ");
            buf_append(report, line);
            buf_append_byte(report, '\n');
            good = false;
        }
    }
    sqlite3_finalize(rows);
    return good && code == SQLITE_OK;
}

static bool check_rows(sqlite3 *db, struct buf *report)
{
    bool good = true;
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
        int64_t found = schema_number(db, questions[i].sql);
        if (found != 0) {
            buf_append_str(report, "damage: ");
            buf_append_str(report, questions[i].text);
            if (found > 1) {
                buf_append_str(report, ": ");
                buf_append_u64(report, (uint64_t)found);
            }
            buf_append_byte(report, '\n');
            good = false;
        }
    }
    return good;
}

static void print_totals(sqlite3 *db, struct buf *report)
{
    for (size_t i = 0; i < sizeof(totals) / sizeof(totals[0]); i++) {
        int64_t number = schema_number(db, totals[i].sql);
        buf_append_str(report, totals[i].text);
        buf_append_str(report, ": ");
        if (number < 0) {
            buf_append_str(report, "unreadable");
        } else {
            buf_append_u64(report, (uint64_t)number);
        }
        buf_append_byte(report, '\n');
    }
}

enum status engine_check(const char *dir, struct buf *report)
{
    sqlite3 *db = NULL;
    struct buf path;
    int hold = -1;
    buf_init(&path, 0);
    enum status status = embedded_dir_hold(dir, EMBEDDED_DIR_EXISTING, &hold, &path, report);
    const char *file = (const char *)path.data;
    if (status == STATUS_OK) {
        status = store_connect(file, NULL, &db, report);
    }
    if (status == STATUS_OK) {
        status = schema_settle(db, file, report);
    }
    if (status == STATUS_OK) {
        bool pages = check_pages(db, report);
        bool rows = check_rows(db, report);
        print_totals(db, report);
        status = pages && rows ? STATUS_OK : STATUS_MALFORMED;
    } else {
        buf_append_byte(report, '\n');
    }
    sqlite3_close(db);
    if (hold >= 0) {
        close(hold);
    }
    buf_fini(&path);
    return status;
}
