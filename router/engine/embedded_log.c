/* Channels, their messages, and values. */
#include "common/mem.h"
#include "router/engine/embedded_sql.h"

#include <string.h>

enum {
    STORE_ROOMS_MAX = 65536, /* remembered at a time; then all are looked up anew */
    TRIM_STEP = 256,         /* messages removed beside one append, at most */
    SLACK_MIN = 16,
    SLACK_MAX = 128
};

void store_room_key(struct buf *key, enum engine_kind kind, struct bytes name)
{
    buf_init(key, 0);
    buf_append_byte(key, (uint8_t)kind);
    buf_append(key, name);
}

static struct store_room *remember(struct store *store, struct bytes key)
{
    if (store->rooms.count >= STORE_ROOMS_MAX) {
        store_forget_rooms(store);
    }
    struct store_room *room = mem_new(1, sizeof(*room) + key.len);
    room->key_len = key.len;
    memcpy(room->key, key.data, key.len);
    strmap_put(&store->rooms, bytes_of(room->key, room->key_len), room);
    return room;
}

/* DONE with NULL: there is none. */
static enum store_step find_room(struct store *store, enum engine_kind kind, struct bytes name,
                                 struct store_room **ret)
{
    struct buf key;
    enum store_step step = STORE_DONE;
    store_room_key(&key, kind, name);
    *ret = strmap_get(&store->rooms, buf_bytes(&key));
    if (*ret == NULL) {
        sqlite3_stmt *find = store_sql(store, SQL_ROOM_FIND);
        sqlite3_bind_int(find, 1, (int)kind);
        store_bind(find, 2, name);
        int code = store_row(store, find);
        if (code == SQLITE_ROW) {
            struct store_room *room = remember(store, buf_bytes(&key));
            room->id = sqlite3_column_int64(find, 0);
            room->epoch = (uint64_t)sqlite3_column_int64(find, 1);
            room->top = (uint64_t)sqlite3_column_int64(find, 2);
            room->keep_count = (uint32_t)sqlite3_column_int64(find, 3);
            room->keep_ms = (uint64_t)sqlite3_column_int64(find, 4);
            *ret = room;
        }
        step = code == SQLITE_ROW || code == SQLITE_DONE ? STORE_DONE : STORE_BROKEN;
        sqlite3_reset(find);
    }
    buf_fini(&key);
    return step;
}

void store_forget_room(struct store *store, struct bytes key)
{
    struct store_room *room = strmap_get(&store->rooms, key);
    if (room != NULL) {
        strmap_remove(&store->rooms, key);
        mem_free(room);
    }
}

/* The old log's messages go later, a few at a time, by its number. */
static enum store_step end_room(struct store *store, struct store_room *room)
{
    sqlite3_stmt *add = store_sql(store, SQL_DEAD_ADD);
    sqlite3_stmt *removal = store_sql(store, SQL_ROOM_REMOVE);
    sqlite3_bind_int64(add, 1, room->id);
    sqlite3_bind_int64(removal, 1, room->id);
    store_forget_room(store, bytes_of(room->key, room->key_len));
    enum store_step step = store_run(store, add);
    return step == STORE_DONE ? store_run(store, removal) : step;
}

static enum store_step begin_room(struct store *store, const struct engine_append *append,
                                  struct store_room **ret)
{
    struct buf key;
    sqlite3_stmt *add = store_sql(store, SQL_ROOM_ADD);
    sqlite3_bind_int(add, 1, (int)append->kind);
    store_bind(add, 2, append->name);
    sqlite3_bind_int(add, 3, append->slot);
    sqlite3_bind_int64(add, 4, (int64_t)append->epoch);
    sqlite3_bind_int64(add, 5, append->keep_count);
    sqlite3_bind_int64(add, 6, (int64_t)append->keep_ms);
    if (store_run(store, add) != STORE_DONE) {
        return STORE_BROKEN;
    }
    store_room_key(&key, append->kind, append->name);
    *ret = remember(store, buf_bytes(&key));
    buf_fini(&key);
    (*ret)->id = sqlite3_last_insert_rowid(store->db);
    (*ret)->epoch = append->epoch;
    (*ret)->keep_count = append->keep_count;
    (*ret)->keep_ms = append->keep_ms;
    return STORE_DONE;
}

/* The log that an append belongs to, begun anew where the epoch is another. */
static enum store_step room_for(struct store *store, const struct engine_append *append,
                                struct store_room **ret)
{
    enum store_step step = find_room(store, append->kind, append->name, ret);
    bool anew = step == STORE_DONE && *ret != NULL && (*ret)->epoch != append->epoch;
    if (step == STORE_DONE && ((*ret == NULL && store->room >= ENGINE_NO_NEW_LOGS) ||
                               (anew && store->room >= ENGINE_NO_LONGER_LOGS))) {
        return STORE_FULL;
    }
    if (anew) {
        step = end_room(store, *ret);
        *ret = NULL;
    }
    if (step == STORE_DONE && *ret == NULL) {
        step = begin_room(store, append, ret);
    }
    return step;
}

static enum store_step set_keep(struct store *store, struct store_room *room,
                                const struct engine_append *append)
{
    if (room->keep_count == append->keep_count && room->keep_ms == append->keep_ms) {
        return STORE_DONE;
    }
    room->keep_count = append->keep_count;
    room->keep_ms = append->keep_ms;
    room->trim_at = 0;
    sqlite3_stmt *keep = store_sql(store, SQL_ROOM_KEEP);
    sqlite3_bind_int64(keep, 1, room->id);
    sqlite3_bind_int64(keep, 2, append->keep_count);
    sqlite3_bind_int64(keep, 3, (int64_t)append->keep_ms);
    return store_run(store, keep);
}

/* What is at the offset already: DONE with *ret_same, CONFLICT, or DONE without = nothing. */
static enum store_step compare(struct store *store, const struct store_room *room,
                               const struct engine_append *append, bool *ret_same)
{
    enum store_step step = STORE_DONE;
    sqlite3_stmt *get = store_sql(store, SQL_LOG_GET);
    sqlite3_bind_int64(get, 1, room->id);
    sqlite3_bind_int64(get, 2, (int64_t)append->offset);
    int code = store_row(store, get);
    if (code == SQLITE_ROW) {
        *ret_same = bytes_equal(store_column(get, 0), append->user) &&
                    bytes_equal(store_column(get, 1), append->server_id) &&
                    bytes_equal(store_column(get, 2), append->payload) &&
                    bytes_equal(store_column(get, 3), append->key);
        step = *ret_same ? STORE_DONE : STORE_CONFLICT;
    } else if (code != SQLITE_DONE) {
        step = STORE_BROKEN;
    }
    sqlite3_reset(get);
    return step;
}

static enum store_step add_message(struct store *store, const struct store_room *room,
                                   const struct engine_append *append)
{
    sqlite3_stmt *add = store_sql(store, SQL_LOG_ADD);
    sqlite3_bind_int64(add, 1, room->id);
    sqlite3_bind_int64(add, 2, (int64_t)append->offset);
    sqlite3_bind_int64(add, 3, (int64_t)append->timestamp_ms);
    store_bind(add, 4, append->user);
    store_bind(add, 5, append->server_id);
    store_bind(add, 6, append->payload);
    store_bind(add, 7, append->key);
    return store_run(store, add);
}

/* Not at every append: what is a few too many stays until it is worth a step. */
static enum store_step trim_beside(struct store *store, struct store_room *room)
{
    uint32_t budget = TRIM_STEP;
    if (room->top < room->trim_at) {
        return STORE_DONE;
    }
    enum store_step step = store_trim(store, room, &budget);
    uint32_t slack = room->keep_count / 8;
    slack = slack < SLACK_MIN ? SLACK_MIN : slack > SLACK_MAX ? SLACK_MAX : slack;
    room->trim_at = room->top + (budget == 0 ? 1 : slack);
    return step;
}

/* What it removes makes room for what comes: holes count as messages, as they do for retention. */
static bool has_room(const struct store *store, const struct store_room *room,
                     const struct engine_append *append)
{
    bool replaces = append->keep_count > 0 && room->top >= append->keep_count &&
                    append->keep_count <= room->keep_count;
    return store->room < ENGINE_NO_LONGER_LOGS ||
           (replaces && store->room == ENGINE_NO_LONGER_LOGS);
}

enum store_step store_append(struct store *store, const struct engine_append *append)
{
    struct store_room *room = NULL;
    bool same = false;
    /* SQLite's integers have a sign. */
    if (append->offset == 0 || append->offset > INT64_MAX || append->timestamp_ms > INT64_MAX ||
        append->keep_ms > INT64_MAX || append->slot >= STORE_SLOTS) {
        return STORE_CONFLICT;
    }
    enum store_step step = room_for(store, append, &room);
    if (step == STORE_DONE && append->offset <= room->top) {
        step = compare(store, room, append, &same);
    }
    if (step != STORE_DONE || same) {
        return step;
    }
    if (!has_room(store, room, append)) {
        return STORE_FULL;
    }
    step = set_keep(store, room, append);
    if (step == STORE_DONE) {
        step = add_message(store, room, append);
    }
    if (step != STORE_DONE) {
        return step;
    }
    room->top = append->offset > room->top ? append->offset : room->top;
    return trim_beside(store, room);
}

enum store_step store_put(struct store *store, const struct engine_value *value)
{
    bool removal = value->value.data == NULL;
    sqlite3_stmt *put = store_sql(store, removal ? SQL_VALUE_REMOVE : SQL_VALUE_PUT);
    store_bind(put, 1, value->table);
    store_bind(put, 2, value->key);
    if (!removal) {
        store_bind(put, 3, value->value);
    }
    return store_run(store, put);
}

enum store_step store_values(struct store *store, struct bytes table,
                             void (*each)(void *owner, const struct engine_value *value),
                             void *owner)
{
    sqlite3_stmt *values = store_sql(store, SQL_VALUES);
    store_bind(values, 1, table);
    int code;
    while ((code = store_row(store, values)) == SQLITE_ROW) {
        each(owner,
             &(struct engine_value){table, store_column(values, 0), store_column(values, 1)});
    }
    sqlite3_reset(values);
    return code == SQLITE_DONE ? STORE_DONE : STORE_BROKEN;
}
