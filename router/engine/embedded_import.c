/* Lines to rows. The file says that an import is under way until the last line is in, so that what
 * a crash leaves cannot be taken for data; a failure that we live to see removes it. */
#include "common/mem.h"
#include "router/engine/embedded_dir.h"
#include "router/engine/embedded_line.h"
#include "router/engine/embedded_offline.h"
#include "router/engine/embedded_schema.h"
#include "router/engine/embedded_sql.h"

#include <string.h>
#include <unistd.h>

enum { PIECE_BYTES = 64 * 1024, TRANSACTION_LINES = 5000 };

enum part { PART_ROUTER, PART_SLOTS, PART_CHANNEL, PART_MESSAGE, PART_VALUE, PARTS };

struct import {
    sqlite3 *db;
    sqlite3_stmt *sql[PARTS];
    const struct engine_source *source;
    struct buf text; /* read, not parsed */
    size_t at;       /* of the next line in it */
    bool source_end;
    bool unreadable;
    uint64_t line_number;
    uint64_t counts[PARTS];
    int64_t channel;
    bool ended;
};

/* What nobody could use: offsets beyond JSON's integers, incarnations that leave none for the next
 * start, senders and keys that no client may have. */
enum { IMPORT_NAME_MAX = 128, IMPORT_KEY_MAX = 64 + 25 };
#define OFFSET_MAX ((UINT64_C(1) << 53) - 1)
#define INCARNATION_MAX (UINT64_C(1) << 62)

/* `form`: n = number, i = incarnation, t = newest offset (0 = none), o = offset, s = number below
 * the slots, k = kind, b = bytes, u = name or nothing, y = key or nothing; one letter per ?n. */
static const struct {
    const char *word;
    const char *form;
    const char *sql;
} parts[PARTS] = {
    {"router", "i", "UPDATE router SET inc = ?1 WHERE id = 1"},
    {"slots", "ssn", "UPDATE slot SET epoch = ?3 WHERE slot BETWEEN ?1 AND ?2"},
    {"channel", "ksetnnb",
     "INSERT INTO room(kind, slot, epoch, top, keep_count, keep_ms, name) "
     "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)"},
    {"message", "onubyb",
     "INSERT INTO log(seq, at, sender, msg_id, key, data, room) "
     "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)"},
    {"value", "bbb", "INSERT INTO value(tab, key, body) VALUES(?1, ?2, ?3)"},
};

/* Binds a word; false when it is not what the letter says. */
static bool bind_word(sqlite3_stmt *sql, int index, char letter, struct bytes word)
{
    uint64_t number = 0;
    if (letter == 'b' || letter == 'u' || letter == 'y') {
        store_bind(sql, index, word);
        return letter == 'b' || word.len <= (letter == 'u' ? IMPORT_NAME_MAX : IMPORT_KEY_MAX);
    }
    if (!line_number(word, &number)) {
        return false;
    }
    sqlite3_bind_int64(sql, index, (int64_t)number);
    switch (letter) {
    case 'k':
        return number == ENGINE_ROOM || number == ENGINE_INBOX;
    case 's':
        return number < STORE_SLOTS;
    case 'e': /* an epoch is any 64 bits */
        return true;
    case 'i':
        return number <= INCARNATION_MAX;
    case 't':
    case 'o':
        return number <= OFFSET_MAX && (letter == 't' || number != 0);
    default:
        return number <= INT64_MAX;
    }
}

static bool take_row(struct import *import, enum part part, const struct line *line)
{
    sqlite3_stmt *sql = import->sql[part];
    size_t columns = strlen(parts[part].form);
    if (line->count != columns + 1 || (part == PART_MESSAGE && import->channel == 0)) {
        return false;
    }
    for (size_t i = 0; i < columns; i++) {
        if (!bind_word(sql, (int)i + 1, parts[part].form[i], line->words[i + 1])) {
            return false;
        }
    }
    if (part == PART_MESSAGE) {
        sqlite3_bind_int64(sql, (int)columns + 1, import->channel);
    }
    bool done = sqlite3_step(sql) == SQLITE_DONE;
    sqlite3_reset(sql);
    if (part == PART_CHANNEL) {
        import->channel = sqlite3_last_insert_rowid(import->db);
    }
    import->counts[part]++;
    return done;
}

static bool take_end(struct import *import, const struct line *line)
{
    static const enum part counted[] = {PART_CHANNEL, PART_MESSAGE, PART_VALUE};
    uint64_t number = 0;
    import->ended = line->count == 4 && import->counts[PART_ROUTER] == 1;
    for (size_t i = 0; import->ended && i < 3; i++) {
        import->ended =
            line_number(line->words[i + 1], &number) && number == import->counts[counted[i]];
    }
    return import->ended;
}

static bool take_line(struct import *import, const struct line *line)
{
    struct bytes word = line->words[0];
    if (import->line_number == 1) {
        return line->count == 2 && bytes_equal(word, BYTES_LIT("splitrail-export")) &&
               bytes_equal(line->words[1], BYTES_LIT("1"));
    }
    if (import->ended) {
        return false;
    }
    for (size_t i = 0; i < PARTS; i++) {
        if (bytes_equal(word, bytes_of_str(parts[i].word))) {
            return take_row(import, (enum part)i, line);
        }
    }
    return bytes_equal(word, BYTES_LIT("end")) && take_end(import, line);
}

static void read_more(struct import *import)
{
    size_t len = 0;
    buf_consume(&import->text, import->at);
    import->at = 0;
    size_t before = import->text.len;
    uint8_t *room = buf_extend(&import->text, PIECE_BYTES);
    import->unreadable = !import->source->read(import->source->owner, room, PIECE_BYTES, &len);
    import->source_end = import->unreadable || len == 0;
    import->text.len = before + len;
}

/* The next line without its end; false at the end, or when it is too long or cut. */
static bool next_line(struct import *import, uint8_t **ret_text, size_t *ret_len)
{
    size_t searched = 0;
    while (true) {
        uint8_t *start = import->text.data == NULL ? NULL : import->text.data + import->at;
        size_t len = import->text.len - import->at;
        bool more = start != NULL && len > searched;
        uint8_t *end = more ? memchr(start + searched, '\n', len - searched) : NULL;
        if (end != NULL) {
            *ret_text = start;
            *ret_len = (size_t)(end - start);
            import->at += *ret_len + 1;
            return true;
        }
        if (import->source_end || len > LINE_BYTES_MAX) {
            return false;
        }
        searched = len;
        read_more(import);
    }
}

static bool run(struct import *import, const char *sql)
{
    return sqlite3_exec(import->db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

static bool take_lines(struct import *import)
{
    uint8_t *text;
    size_t len;
    struct line line;
    while (next_line(import, &text, &len)) {
        import->line_number++;
        if (!line_parse(text, len, &line) || !take_line(import, &line)) {
            return false;
        }
        if (import->line_number % TRANSACTION_LINES == 0 &&
            !run(import, "COMMIT; BEGIN IMMEDIATE")) {
            return false;
        }
    }
    return import->ended && import->at == import->text.len;
}

static bool take_all(struct import *import)
{
    bool good = run(import, "UPDATE meta SET value = 1 WHERE name = 'import'; BEGIN IMMEDIATE");
    for (size_t i = 0; good && i < PARTS; i++) {
        good = sqlite3_prepare_v2(import->db, parts[i].sql, -1, &import->sql[i], NULL) == SQLITE_OK;
    }
    good = good && take_lines(import);
    for (size_t i = 0; i < PARTS; i++) {
        sqlite3_finalize(import->sql[i]);
    }
    return good && run(import, "UPDATE meta SET value = 0 WHERE name = 'import'; COMMIT");
}

static enum status refuse(const struct import *import, const char *path, struct buf *error)
{
    int code = sqlite3_errcode(import->db) & 0xff;
    if (code == SQLITE_FULL || code == SQLITE_IOERR || code == SQLITE_READONLY) {
        return store_refuse(error, path, import->db);
    }
    buf_append_str(error, import->unreadable ? "the export cannot be read, after line "
                          : import->ended    ? "there is more after the end, line "
                                             : "this is not an export, or not all of it: line ");
    buf_append_u64(error, import->line_number);
    return import->unreadable ? STATUS_IO : STATUS_MALFORMED;
}

static void remove_files(const struct buf *path)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
    struct buf name;
    buf_init(&name, 0);
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        buf_clear(&name);
        buf_append_str(&name, (const char *)path->data);
        buf_append_str(&name, suffixes[i]);
        buf_append_byte(&name, 0);
        (void)unlink((const char *)name.data);
    }
    buf_fini(&name);
}

enum status engine_import(const char *dir, const struct engine_source *source, struct buf *error)
{
    struct import import = {.source = source};
    struct buf path;
    int hold = -1;
    buf_init(&path, 0);
    buf_init(&import.text, 0);
    enum status status = embedded_dir_hold(dir, EMBEDDED_DIR_NEW, &hold, &path, error);
    if (status == STATUS_OK) {
        const char *file = (const char *)path.data;
        status = store_connect(file, NULL, &import.db, error);
        if (status == STATUS_OK) {
            status = schema_settle(import.db, file, error);
        }
        if (status == STATUS_OK && !take_all(&import)) {
            status = refuse(&import, file, error);
        }
        sqlite3_close(import.db);
        if (status != STATUS_OK) {
            remove_files(&path);
        }
        close(hold);
    }
    buf_fini(&import.text);
    buf_fini(&path);
    return status;
}
