/* Retention: a few hundred rows at a time, inside transactions that commit anyway. An offset at or
 * below top - keep_count is too many, so holes count as messages: finding the n-th newest row would
 * mean reading n rows. */
#include "router/engine/embedded_sql.h"

#include <string.h>

enum { SWEEP_ROOMS = 64, SWEEP_MESSAGES = 256 };

/* The newest offset, within `budget`, up to which everything is to go; 0 = nothing is. */
static enum store_step find_cut(struct store *store, const struct store_room *room,
                                uint32_t *budget, uint64_t *ret_cut)
{
    bool counts = room->keep_count > 0 && room->top > room->keep_count;
    uint64_t count_cut = counts ? room->top - room->keep_count : 0;
    bool ages = room->keep_ms > 0 && store->now_ms > room->keep_ms;
    uint64_t age_cut = ages ? store->now_ms - room->keep_ms : 0;
    sqlite3_stmt *oldest = store_sql(store, SQL_LOG_OLDEST);
    sqlite3_bind_int64(oldest, 1, room->id);
    sqlite3_bind_int64(oldest, 2, *budget);
    int code;
    while ((code = store_row(store, oldest)) == SQLITE_ROW) {
        uint64_t seq = (uint64_t)sqlite3_column_int64(oldest, 0);
        if (seq > count_cut && (uint64_t)sqlite3_column_int64(oldest, 1) >= age_cut) {
            code = SQLITE_DONE;
            break;
        }
        *ret_cut = seq;
        (*budget)--;
    }
    sqlite3_reset(oldest);
    return code == SQLITE_DONE ? STORE_DONE : STORE_BROKEN;
}

static enum store_step remove_to(struct store *store, int64_t room, uint64_t cut)
{
    sqlite3_stmt *removal = store_sql(store, SQL_LOG_REMOVE);
    sqlite3_bind_int64(removal, 1, room);
    sqlite3_bind_int64(removal, 2, (int64_t)cut);
    return store_run(store, removal);
}

enum store_step store_trim(struct store *store, const struct store_room *room, uint32_t *budget)
{
    uint64_t cut = 0;
    enum store_step step = find_cut(store, room, budget, &cut);
    if (step != STORE_DONE || cut == 0) {
        return step;
    }
    if (cut >= room->top) { /* the log will not know its top any more */
        sqlite3_stmt *top = store_sql(store, SQL_ROOM_TOP);
        sqlite3_bind_int64(top, 1, room->id);
        sqlite3_bind_int64(top, 2, (int64_t)room->top);
        step = store_run(store, top);
    }
    return step == STORE_DONE ? remove_to(store, room->id, cut) : step;
}

/* Messages of logs that were begun anew. `ret_more` = there are such logs still. */
static enum store_step bury(struct store *store, uint32_t *budget, bool *ret_more)
{
    sqlite3_stmt *find = store_sql(store, SQL_DEAD_FIND);
    int code = store_row(store, find);
    bool some = code == SQLITE_ROW && sqlite3_column_type(find, 0) != SQLITE_NULL;
    struct store_room dead = {.id = some ? sqlite3_column_int64(find, 0) : 0,
                              .top = INT64_MAX,
                              .keep_count = 1}; /* everything is too many */
    uint64_t cut = 0;
    sqlite3_reset(find);
    *ret_more = some;
    if (code != SQLITE_ROW) {
        return STORE_BROKEN;
    }
    enum store_step step = some ? find_cut(store, &dead, budget, &cut) : STORE_DONE;
    if (step == STORE_DONE && cut > 0) {
        step = remove_to(store, dead.id, cut);
    }
    if (step == STORE_DONE && some && *budget > 0) {
        sqlite3_stmt *removal = store_sql(store, SQL_DEAD_REMOVE);
        sqlite3_bind_int64(removal, 1, dead.id);
        step = store_run(store, removal);
    }
    return step;
}

/* What is left of a log that holds nothing stays as long again as its messages did, so that who
 * comes back by then finds the same epoch. */
static enum store_step forget_if_empty(struct store *store, const struct store_room *room)
{
    sqlite3_stmt *oldest = store_sql(store, SQL_LOG_OLDEST);
    sqlite3_bind_int64(oldest, 1, room->id);
    sqlite3_bind_int64(oldest, 2, 1);
    int code = store_row(store, oldest);
    sqlite3_reset(oldest);
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        return STORE_BROKEN;
    }
    bool empty = code == SQLITE_DONE && room->keep_ms > 0;
    if (empty && room->empty_at != 0 && store->now_ms >= room->empty_at + room->keep_ms) {
        return store_forget_log(store, room->id);
    }
    if (empty == (room->empty_at != 0)) {
        return STORE_DONE;
    }
    sqlite3_stmt *mark = store_sql(store, SQL_ROOM_EMPTY);
    sqlite3_bind_int64(mark, 1, room->id);
    sqlite3_bind_int64(mark, 2, empty ? (int64_t)store->now_ms : 0);
    return store_run(store, mark);
}

/* The channel after the last one; DONE with id 0 = there is none. */
static enum store_step next_room(struct store *store, struct store_room *ret)
{
    sqlite3_stmt *sweep = store_sql(store, SQL_SWEEP);
    sqlite3_bind_int64(sweep, 1, store->sweep_after);
    int code = store_row(store, sweep);
    memset(ret, 0, sizeof(*ret));
    if (code == SQLITE_ROW) {
        ret->id = sqlite3_column_int64(sweep, 0);
        ret->top = (uint64_t)sqlite3_column_int64(sweep, 1);
        ret->keep_count = (uint32_t)sqlite3_column_int64(sweep, 2);
        ret->keep_ms = (uint64_t)sqlite3_column_int64(sweep, 3);
        ret->empty_at = (uint64_t)sqlite3_column_int64(sweep, 4);
    }
    sqlite3_reset(sweep);
    return code == SQLITE_ROW || code == SQLITE_DONE ? STORE_DONE : STORE_BROKEN;
}

enum store_step store_sweep(struct store *store, bool *ret_end)
{
    struct store_room room;
    uint32_t budget = SWEEP_MESSAGES;
    bool more = false;
    *ret_end = false;
    enum store_step step = bury(store, &budget, &more);
    for (int i = 0; step == STORE_DONE && i < SWEEP_ROOMS && budget > 0; i++) {
        step = next_room(store, &room);
        if (step == STORE_DONE && room.id == 0) {
            store->sweep_after = 0;
            *ret_end = !more;
            break;
        }
        if (step == STORE_DONE) {
            step = store_trim(store, &room, &budget);
        }
        if (step == STORE_DONE) {
            step = forget_if_empty(store, &room);
        }
        if (budget > 0) { /* else there may be more to remove here */
            store->sweep_after = room.id;
        }
    }
    return step;
}
