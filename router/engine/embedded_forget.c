/* Rows of logs that hold nothing. An epoch with its offsets must never come back with other
 * content, and the epoch of a log without a row follows from its name; so it follows from a number
 * too, which grows in the transaction that removes the row. Channels share these numbers: one each
 * would be the row again. A channel that shares one and has no row gets another epoch at its next
 * load; it has nothing to lose by that. */
#include "router/engine/embedded_sql.h"

enum { NUMBERS = 4096, NUMBER_BYTES = 8 };

struct bytes store_forgotten_key(enum engine_kind kind, struct bytes name,
                                 uint8_t out[STORE_FORGOTTEN_KEY])
{
    uint64_t hash = 0xcbf29ce484222325 ^ (uint64_t)kind; /* FNV-1a: stored, so the same for ever */
    for (size_t i = 0; i < name.len; i++) {
        hash = (hash ^ name.data[i]) * 0x100000001b3;
    }
    hash = (hash ^ hash >> 32) % NUMBERS;
    out[0] = (uint8_t)(hash >> 8);
    out[1] = (uint8_t)hash;
    return bytes_of(out, STORE_FORGOTTEN_KEY);
}

uint64_t store_forgotten_count(struct bytes value)
{
    uint64_t count = 0;
    for (size_t i = 0; i < value.len && i < NUMBER_BYTES; i++) {
        count |= (uint64_t)value.data[i] << (8 * i);
    }
    return count;
}

static enum store_step count_up(struct store *store, enum engine_kind kind, struct bytes name)
{
    uint8_t key_bytes[STORE_FORGOTTEN_KEY];
    uint8_t number[NUMBER_BYTES];
    struct bytes key = store_forgotten_key(kind, name, key_bytes);
    sqlite3_stmt *get = store_sql(store, SQL_VALUE_GET);
    store_bind(get, 1, STORE_FORGOTTEN);
    store_bind(get, 2, key);
    int code = store_row(store, get);
    uint64_t count = 1 + (code == SQLITE_ROW ? store_forgotten_count(store_column(get, 0)) : 0);
    sqlite3_reset(get);
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        return STORE_BROKEN;
    }
    for (size_t i = 0; i < NUMBER_BYTES; i++) {
        number[i] = (uint8_t)(count >> (8 * i));
    }
    return store_put(store, &(struct engine_value){.table = STORE_FORGOTTEN,
                                                   .key = key,
                                                   .value = bytes_of(number, sizeof(number))});
}

enum store_step store_forget_log(struct store *store, int64_t id)
{
    struct buf key;
    sqlite3_stmt *name = store_sql(store, SQL_ROOM_NAME);
    sqlite3_bind_int64(name, 1, id);
    if (store_row(store, name) != SQLITE_ROW) {
        sqlite3_reset(name);
        return STORE_BROKEN;
    }
    enum engine_kind kind = (enum engine_kind)sqlite3_column_int(name, 0);
    store_room_key(&key, kind, store_column(name, 1));
    enum store_step step = count_up(store, kind, store_column(name, 1));
    sqlite3_reset(name);
    store_forget_room(store, buf_bytes(&key));
    buf_fini(&key);
    sqlite3_stmt *removal = store_sql(store, SQL_ROOM_REMOVE);
    sqlite3_bind_int64(removal, 1, id);
    return step == STORE_DONE ? store_run(store, removal) : step;
}
