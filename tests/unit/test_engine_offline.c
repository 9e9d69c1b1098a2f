/* Check, export and import of a data directory. */
#include "router/engine/embedded_line.h"
#include "router/engine/embedded_offline.h"
#include "tests/support/check_main.h"
#include "tests/support/engine_rig.h"

#include <sqlite3.h>
#include <string.h>

static char dir[64];
static char other[64];
static struct buf text;
static struct buf error;

static void set_up(void)
{
    rig_dir(dir);
    rig_dir(other);
    buf_init(&text, 0);
    buf_init(&error, 0);
}

static void tear_down(void)
{
    rig_remove(dir);
    rig_remove(other);
    buf_fini(&text);
    buf_fini(&error);
}

/* Rooms, an inbox, every byte in a name and a payload, nothing at all, holes, values. */
static uint64_t fill(void)
{
    struct engine *engine = rig_open(&(struct engine_embedded_config){.dir = dir});
    uint64_t incarnation = engine->ops->incarnation(engine);
    uint8_t all[256];
    char room_text[64];
    for (size_t i = 0; i < sizeof(all); i++) {
        all[i] = (uint8_t)i;
    }
    for (uint64_t offset = 1; offset <= 5; offset += offset == 2 ? 2 : 1) {
        ck_assert_int_eq(rig_append(engine, "plain", offset), ENGINE_OK);
    }
    struct engine_append append = rig_message("x", 7, room_text);
    append.kind = ENGINE_INBOX;
    append.epoch = UINT64_MAX;
    append.name = bytes_of(all, sizeof(all));
    append.payload = bytes_of(all, sizeof(all));
    append.user = BYTES_EMPTY;
    append.key = BYTES_LIT("-");
    engine->ops->append(engine, &append);
    ck_assert_int_eq(rig_next(engine).result, ENGINE_OK);
    engine->ops->put(engine,
                     &(struct engine_value){BYTES_LIT("t"), BYTES_LIT("k"), BYTES_LIT("a b")});
    engine->ops->close(&engine);
    return incarnation;
}

static bool keep(void *owner, struct bytes bytes)
{
    buf_append(owner, bytes);
    return true;
}

static void export_to(const char *from, struct buf *to)
{
    struct engine_sink sink = {.write = keep, .owner = to};
    ck_assert_int_eq(engine_export(from, &sink, &error), STATUS_OK);
}

struct pieces {
    struct bytes rest;
    size_t piece;
};

static bool give(void *owner, uint8_t *data, size_t len, size_t *ret_len)
{
    struct pieces *pieces = owner;
    struct bytes piece = bytes_slice(pieces->rest, 0, len < pieces->piece ? len : pieces->piece);
    if (piece.len > 0) {
        memcpy(data, piece.data, piece.len);
    }
    pieces->rest = bytes_slice(pieces->rest, piece.len, pieces->rest.len);
    *ret_len = piece.len;
    return true;
}

static enum status import(struct bytes from, size_t piece)
{
    struct pieces pieces = {from, piece};
    struct engine_source source = {.read = give, .owner = &pieces};
    buf_clear(&error);
    return engine_import(other, &source, &error);
}

START_TEST(what_is_imported_is_what_was_exported)
{
    struct buf again;
    buf_init(&again, 0);
    uint64_t incarnation = fill();
    export_to(dir, &text);
    ck_assert_int_eq(import(buf_bytes(&text), 7), STATUS_OK);
    export_to(other, &again);
    ck_assert(bytes_equal(buf_bytes(&text), buf_bytes(&again)));
    buf_fini(&again);
    ck_assert_int_eq(import(buf_bytes(&text), 7), STATUS_EXISTS);
    struct engine *engine = rig_open(&(struct engine_embedded_config){.dir = other});
    ck_assert_uint_gt(engine->ops->incarnation(engine), incarnation);
    struct engine_log log = rig_load(engine, "plain");
    ck_assert_uint_eq(log.epoch, 42);
    ck_assert_uint_eq(log.top, 5);
    ck_assert_uint_eq(log.record_count, 4);
    rig_check("plain", &log);
    engine->ops->close(&engine);
}
END_TEST

START_TEST(an_export_that_ends_early_or_is_wrong_leaves_nothing_behind)
{
    fill();
    export_to(dir, &text);
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/splitrail.db", other);
    for (size_t len = 0; len < text.len; len += 1 + len / 10) {
        ck_assert_int_eq(import(bytes_of(text.data, len), 64), STATUS_MALFORMED);
        ck_assert_int_ne(access(path, F_OK), 0);
    }
    uint8_t *wrong = memmem(text.data, text.len, "message ", 8);
    memcpy(wrong, "massage ", 8);
    ck_assert_int_eq(import(buf_bytes(&text), 64), STATUS_MALFORMED);
    ck_assert_ptr_nonnull(memmem(error.data, error.len, "line 5", 6));
    ck_assert_int_eq(import(buf_bytes(&text), 64), STATUS_MALFORMED);
}
END_TEST

static void change(const char *sql)
{
    char path[128];
    sqlite3 *db = NULL;
    (void)snprintf(path, sizeof(path), "%s/splitrail.db", dir);
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static const struct {
    const char *sql;
    const char *said;
} damages[] = {
    {"DELETE FROM slot WHERE slot = 9", "4096 slots"},
    {"DELETE FROM room WHERE kind = 1", "belong to no channel"},
    {"UPDATE log SET seq = 0 WHERE seq = 7", "wrong offset"},
    {"INSERT INTO dead SELECT id FROM room", "to be removed and in use"},
    {"UPDATE value SET tab = zeroblob(40)", "outside of their limits"},
    {"DELETE FROM router", "row of the router"},
};

START_TEST(damage_is_found)
{
    fill();
    ck_assert_int_eq(engine_check(dir, &text), STATUS_OK);
    buf_append_byte(&text, 0);
    ck_assert_ptr_nonnull(strstr((const char *)text.data, "messages: 5\n"));
    buf_clear(&text);
    change(damages[_i].sql);
    ck_assert_int_eq(engine_check(dir, &text), STATUS_MALFORMED);
    buf_append_byte(&text, 0);
    ck_assert_ptr_nonnull(strstr((const char *)text.data, damages[_i].said));
}
END_TEST

static const struct {
    const char *sql;
    const char *said;
} refusals[] = {
    {"PRAGMA user_version = 99", "newer version"},
    {"PRAGMA application_id = 1", "no data file of splitrail"},
    {"UPDATE meta SET value = 1 WHERE name = 'import'", "not finished"},
};

START_TEST(a_file_that_is_not_for_us_is_refused_with_a_reason)
{
    struct engine *engine = NULL;
    fill();
    change(refusals[_i].sql);
    ck_assert_int_eq(
        engine_embedded_open(&(struct engine_embedded_config){.dir = dir}, &engine, &error),
        STATUS_MALFORMED);
    buf_append_byte(&error, 0);
    ck_assert_ptr_nonnull(strstr((const char *)error.data, refusals[_i].said));
    ck_assert_int_eq(engine_check(dir, &text), STATUS_MALFORMED);
}
END_TEST

START_TEST(a_directory_in_use_or_without_data_is_left_alone)
{
    struct engine_sink sink = {.write = keep, .owner = &text};
    ck_assert_int_eq(engine_export(dir, &sink, &error), STATUS_NOT_FOUND);
    ck_assert_int_eq(engine_check("/nonexistent", &text), STATUS_NOT_FOUND);
    struct engine *engine = rig_open(&(struct engine_embedded_config){.dir = dir});
    ck_assert_int_eq(engine_export(dir, &sink, &error), STATUS_LIMIT);
    ck_assert_int_eq(engine_check(dir, &text), STATUS_LIMIT);
    engine->ops->close(&engine);
}
END_TEST

static const char *const unusable[] = {
    "UPDATE log SET seq = 0 WHERE seq = 1",   "UPDATE log SET seq = 9007199254740992 WHERE seq = 5",
    "UPDATE log SET sender = zeroblob(129)",  "UPDATE log SET key = zeroblob(90)",
    "UPDATE room SET top = 9007199254740992", "UPDATE router SET inc = 9223372036854775807",
};

START_TEST(what_no_router_could_use_is_not_imported)
{
    fill();
    change(unusable[_i]);
    export_to(dir, &text);
    ck_assert_int_eq(import(buf_bytes(&text), 64), STATUS_MALFORMED);
}
END_TEST

static const char *const bad_lines[] = {"",    " ",    "a ",   " a",   "a  b", "a%",
                                        "a%4", "a%4g", "a%4a", "a\tb", "\x7f", "1 2 3 4 5 6 7 8 9"};

START_TEST(a_line_that_no_export_writes_is_refused)
{
    struct line line;
    uint8_t copy[64];
    size_t len = strlen(bad_lines[_i]);
    memcpy(copy, bad_lines[_i], len);
    ck_assert(!line_parse(copy, len, &line));
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

int main(void)
{
    Suite *suite = suite_create("engine_offline");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, what_is_imported_is_what_was_exported);
    tcase_add_test(tcase, an_export_that_ends_early_or_is_wrong_leaves_nothing_behind);
    tcase_add_loop_test(tcase, damage_is_found, 0, ROWS(damages));
    tcase_add_loop_test(tcase, a_file_that_is_not_for_us_is_refused_with_a_reason, 0,
                        ROWS(refusals));
    tcase_add_test(tcase, a_directory_in_use_or_without_data_is_left_alone);
    tcase_add_loop_test(tcase, what_no_router_could_use_is_not_imported, 0, ROWS(unusable));
    tcase_add_loop_test(tcase, a_line_that_no_export_writes_is_refused, 0, ROWS(bad_lines));
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
