/* Reading a log: on a connection of its own, so that no commit waits for it. */
#include "common/mem.h"
#include "router/engine/embedded_sql.h"

/* Adds the row, whose views become places in `data` that settle_views() turns into pointers. */
static void take_row(struct store_loaded *loaded, sqlite3_stmt *read)
{
    size_t count = loaded->log.record_count;
    if (count == loaded->capacity) {
        loaded->capacity = count == 0 ? 16 : count * 2;
        loaded->records = mem_resize(loaded->records, loaded->capacity, sizeof(*loaded->records));
    }
    struct engine_record *record = &loaded->records[loaded->log.record_count++];
    record->bare = false;
    record->offset = (uint64_t)sqlite3_column_int64(read, 0);
    record->timestamp_ms = (uint64_t)sqlite3_column_int64(read, 1);
    struct bytes *views[] = {&record->user, &record->server_id, &record->payload, &record->key};
    for (size_t i = 0; i < 4; i++) {
        struct bytes column = store_column(read, (int)i + 2);
        buf_append(&loaded->data, column);
        *views[i] = bytes_of(NULL, column.len);
    }
}

/* Newest first they were read; oldest first they are handed out. */
static void settle_views(struct store_loaded *loaded)
{
    const uint8_t *at = loaded->data.data;
    size_t count = loaded->log.record_count;
    for (size_t i = 0; i < count; i++) {
        struct engine_record *record = &loaded->records[i];
        struct bytes *views[] = {&record->user, &record->server_id, &record->payload, &record->key};
        for (size_t k = 0; k < 4; k++) {
            if (views[k]->len > 0) {
                views[k]->data = at;
                at += views[k]->len;
            }
        }
    }
    for (size_t i = 0; i < count / 2; i++) {
        struct engine_record kept = loaded->records[i];
        loaded->records[i] = loaded->records[count - 1 - i];
        loaded->records[count - 1 - i] = kept;
    }
    loaded->log.records = loaded->records;
}

/* How much may have been read with this row. */
static uint64_t bytes_for(const struct engine_load *load, sqlite3_stmt *row)
{
    bool from = load->from != 0 && (uint64_t)sqlite3_column_int64(row, 0) >= load->from;
    return from && load->bytes_max < ENGINE_FROM_BYTES_MAX ? ENGINE_FROM_BYTES_MAX
                                                           : load->bytes_max;
}

static enum store_step read_rows(struct store *store, int64_t room, const struct engine_load *load,
                                 struct store_loaded *loaded)
{
    sqlite3_stmt *read = store_sql(store, SQL_LOG_READ);
    sqlite3_bind_int64(read, 1, room);
    sqlite3_bind_int64(read, 2, load->count_max);
    uint64_t bytes = 0;
    int code;
    while ((code = store_row(store, read)) == SQLITE_ROW) {
        bytes += (uint64_t)sqlite3_column_bytes(read, 4);
        if (loaded->log.record_count > 0 && bytes > bytes_for(load, read)) {
            code = SQLITE_DONE;
            break;
        }
        take_row(loaded, read);
    }
    sqlite3_reset(read);
    return code == SQLITE_DONE ? STORE_DONE : STORE_BROKEN;
}

/* Of the messages before those that were read whole: who sent them, under which key. */
static enum store_step read_bare(struct store *store, int64_t room, const struct engine_load *load,
                                 struct store_loaded *loaded)
{
    size_t count = loaded->log.record_count;
    if (!load->ids || count == 0 || count >= load->count_max) {
        return STORE_DONE;
    }
    sqlite3_stmt *read = store_sql(store, SQL_LOG_BARE);
    sqlite3_bind_int64(read, 1, room);
    sqlite3_bind_int64(read, 2, (int64_t)loaded->records[count - 1].offset);
    sqlite3_bind_int64(read, 3, (int64_t)(load->count_max - count));
    uint64_t bytes = 0;
    int code;
    while ((code = store_row(store, read)) == SQLITE_ROW) {
        bytes += (uint64_t)sqlite3_column_int64(read, 6);
        if (bytes > ENGINE_BARE_BYTES_MAX) {
            code = SQLITE_DONE;
            break;
        }
        take_row(loaded, read);
        loaded->records[loaded->log.record_count - 1].bare = true;
    }
    sqlite3_reset(read);
    return code == SQLITE_DONE ? STORE_DONE : STORE_BROKEN;
}

/* How often logs that held nothing were forgotten among those that share the channel's number; a
 * log that begins anew must not have an epoch of before. */
static enum store_step read_forgotten(struct store *store, const struct engine_load *load,
                                      struct engine_log *log)
{
    sqlite3_stmt *get = store_sql(store, SQL_VALUE_GET);
    uint8_t key[STORE_FORGOTTEN_KEY];
    store_bind(get, 1, STORE_FORGOTTEN);
    store_bind(get, 2, store_forgotten_key(load->kind, load->name, key));
    int code = store_row(store, get);
    log->forgotten = code == SQLITE_ROW ? store_forgotten_count(store_column(get, 0)) : 0;
    sqlite3_reset(get);
    return code == SQLITE_ROW || code == SQLITE_DONE ? STORE_DONE : STORE_BROKEN;
}

static enum store_step read_log(struct store *store, const struct engine_load *load,
                                struct store_loaded *loaded)
{
    sqlite3_stmt *find = store_sql(store, SQL_ROOM_FIND);
    sqlite3_bind_int(find, 1, (int)load->kind);
    store_bind(find, 2, load->name);
    int code = store_row(store, find);
    int64_t id = 0;
    if (code == SQLITE_ROW) {
        id = sqlite3_column_int64(find, 0);
        loaded->log.found = true;
        loaded->log.epoch = (uint64_t)sqlite3_column_int64(find, 1);
        loaded->log.top = (uint64_t)sqlite3_column_int64(find, 2);
    }
    sqlite3_reset(find);
    if (code == SQLITE_ROW) {
        enum store_step step = read_rows(store, id, load, loaded);
        return step == STORE_DONE ? read_bare(store, id, load, loaded) : step;
    }
    return code == SQLITE_DONE ? read_forgotten(store, load, &loaded->log) : STORE_BROKEN;
}

enum store_step store_load(struct store *store, const struct engine_load *load,
                           struct store_loaded *ret_loaded)
{
    *ret_loaded = (struct store_loaded){0};
    /* One view of the file for all of it. */
    enum store_step step = store_run(store, store_sql(store, SQL_BEGIN_READ));
    if (step == STORE_DONE) {
        step = read_log(store, load, ret_loaded);
        if (store_run(store, store_sql(store, SQL_COMMIT)) != STORE_DONE) {
            store_rollback(store);
        }
    }
    if (step == STORE_DONE) {
        settle_views(ret_loaded);
    } else {
        store_loaded_fini(ret_loaded);
    }
    return step;
}

void store_loaded_fini(struct store_loaded *loaded)
{
    mem_free(loaded->records);
    buf_fini(&loaded->data);
    *loaded = (struct store_loaded){0};
}
