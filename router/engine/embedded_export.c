/* Rows to lines, in pieces of about 64 KiB. */
#include "common/mem.h"
#include "router/engine/embedded_dir.h"
#include "router/engine/embedded_line.h"
#include "router/engine/embedded_offline.h"
#include "router/engine/embedded_schema.h"
#include "router/engine/embedded_sql.h"

#include <unistd.h>

enum { PIECE_BYTES = 64 * 1024 };

struct export
{
    sqlite3 *db;
    const struct engine_sink *sink;
    struct buf out;
    uint64_t counts[3]; /* channels, messages, values */
};

/* One kind of line: `form` has a letter per column, n = number, b = bytes. */
struct export_part {
    const char *word;
    const char *sql; /* ?1 is the channel's id */
    const char *form;
};

static const struct export_part router_part = {"router", "SELECT inc FROM router WHERE id = 1",
                                               "n"};
static const struct export_part slot_part = {
    "slots", "SELECT min(slot), max(slot), epoch FROM slot GROUP BY epoch ORDER BY 1", "nnn"};
static const struct export_part channel_part = {
    "channel",
    "SELECT kind, slot, epoch, max(top, coalesce((SELECT max(seq) FROM log WHERE room = id), 0)), "
    "keep_count, keep_ms, name, id FROM room ORDER BY id",
    "nnnnnnb"};
static const struct export_part message_part = {
    "message", "SELECT seq, at, sender, msg_id, key, data FROM log WHERE room = ?1 ORDER BY seq",
    "nnbbbb"};
static const struct export_part value_part = {
    "value", "SELECT tab, key, body FROM value ORDER BY tab, key", "bbb"};

static bool flush(struct export *export, size_t at_least)
{
    if (export->out.len < at_least) {
        return true;
    }
    bool written = export->sink->write(export->sink->owner, buf_bytes(&export->out));
    buf_clear(&export->out);
    return written;
}

static void put_line(struct export *export, const struct export_part *part, sqlite3_stmt *rows)
{
    line_word(&export->out, bytes_of_str(part->word));
    for (int i = 0; part->form[i] != 0; i++) {
        if (part->form[i] == 'n') {
            line_word_number(&export->out, (uint64_t)sqlite3_column_int64(rows, i));
        } else {
            line_word(&export->out, store_column(rows, i));
        }
    }
    line_end(&export->out);
}

/* All rows of a part; under each row, if `inner` is given, those of `inner` for it. */
static enum status put_part(struct export *export, const struct export_part *part, int64_t id,
                            uint64_t *count, const struct export_part *inner)
{
    sqlite3_stmt *rows = NULL;
    enum status status = STATUS_OK;
    int code = sqlite3_prepare_v2(export->db, part->sql, -1, &rows, NULL);
    sqlite3_bind_int64(rows, 1, id);
    while (status == STATUS_OK && (code = sqlite3_step(rows)) == SQLITE_ROW) {
        put_line(export, part, rows);
        *count += 1;
        if (!flush(export, PIECE_BYTES)) {
            status = STATUS_AGAIN;
        } else if (inner != NULL) {
            status =
                put_part(export, inner, sqlite3_column_int64(rows, 7), &export->counts[1], NULL);
        }
    }
    sqlite3_finalize(rows);
    return status == STATUS_OK && code != SQLITE_DONE ? STATUS_IO : status;
}

static enum status put_all(struct export *export)
{
    uint64_t ignored = 0;
    buf_append_str(&export->out, "splitrail-export 1\n");
    enum status status = put_part(export, &router_part, 0, &ignored, NULL);
    if (status == STATUS_OK) {
        status = put_part(export, &slot_part, 0, &ignored, NULL);
    }
    if (status == STATUS_OK) {
        status = put_part(export, &channel_part, 0, &export->counts[0], &message_part);
    }
    if (status == STATUS_OK) {
        status = put_part(export, &value_part, 0, &export->counts[2], NULL);
    }
    if (status != STATUS_OK) {
        return status;
    }
    buf_append_str(&export->out, "end");
    for (size_t i = 0; i < 3; i++) {
        line_word_number(&export->out, export->counts[i]);
    }
    line_end(&export->out);
    return flush(export, 0) ? STATUS_OK : STATUS_AGAIN;
}

enum status engine_export(const char *dir, const struct engine_sink *sink, struct buf *error)
{
    struct export export = {.sink = sink};
    struct buf path;
    int hold = -1;
    buf_init(&path, 0);
    buf_init(&export.out, 0);
    enum status status = embedded_dir_hold(dir, EMBEDDED_DIR_EXISTING, &hold, &path, error);
    const char *file = (const char *)path.data;
    if (status == STATUS_OK) {
        status = store_connect(file, NULL, &export.db, error);
    }
    if (status == STATUS_OK) {
        status = schema_settle(export.db, file, error);
        if (status == STATUS_OK) {
            status = put_all(&export);
            if (status == STATUS_IO) {
                status = store_refuse(error, file, export.db);
            } else if (status == STATUS_AGAIN) {
                buf_append_str(error, "the export cannot be written");
                status = STATUS_IO;
            }
        }
        sqlite3_close(export.db);
    }
    if (hold >= 0) {
        close(hold);
    }
    buf_fini(&export.out);
    buf_fini(&path);
    return status;
}
