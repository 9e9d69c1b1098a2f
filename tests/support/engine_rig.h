/* Speaks with an engine and waits for what it says, by its descriptor. */
#ifndef TESTS_SUPPORT_ENGINE_RIG_H
#define TESTS_SUPPORT_ENGINE_RIG_H

#include "common/buf.h"
#include "router/engine/embedded.h"
#include "router/engine/engine.h"

#include <check.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { RIG_WAIT_MS = 30000 };

/* A new directory, in memory where the system has such a place: syncs cost nothing there. */
static inline void rig_dir(char path[64])
{
    bool shm = access("/dev/shm", W_OK) == 0;
    (void)snprintf(path, 64, "%s/splitrail-test-XXXXXX", shm ? "/dev/shm" : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(path));
}

static inline int rig_unlink(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
    (void)info;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline void rig_remove(const char *path)
{
    (void)nftw(path, rig_unlink, 8, FTW_DEPTH | FTW_PHYS);
}

static inline struct engine *rig_open(const struct engine_embedded_config *config)
{
    struct engine *engine = NULL;
    struct buf error;
    buf_init(&error, 0);
    enum status status = engine_embedded_open(config, &engine, &error);
    ck_assert_msg(status == STATUS_OK, "open: %.*s", (int)error.len, (const char *)error.data);
    buf_fini(&error);
    return engine;
}

/* The next completion; fails the test when none comes. */
static inline struct engine_completion rig_next(struct engine *engine)
{
    struct engine_completion done;
    while (!engine->ops->poll(engine, &done)) {
        struct pollfd fd = {.fd = engine->ops->fd(engine), .events = POLLIN};
        ck_assert_int_ge(fd.fd, 0);
        ck_assert_int_eq(poll(&fd, 1, RIG_WAIT_MS), 1);
    }
    return done;
}

/* Message `offset` of a room, with a payload that follows from both. */
static inline struct engine_append rig_message(const char *room, uint64_t offset, char text[64])
{
    (void)snprintf(text, 64, "{\"room\":\"%s\",\"n\":%llu}", room, (unsigned long long)offset);
    return (struct engine_append){
        .id = offset,
        .kind = ENGINE_ROOM,
        .slot = 7,
        .name = bytes_of_str(room),
        .epoch = 42,
        .offset = offset,
        .timestamp_ms = 1000 + offset,
        .user = BYTES_LIT("alice"),
        .server_id = BYTES_LIT("id"),
        .payload = bytes_of_str(text),
        .keep_count = 1000000,
    };
}

static inline void rig_send(struct engine *engine, const char *room, uint64_t offset)
{
    char text[64];
    struct engine_append append = rig_message(room, offset, text);
    engine->ops->append(engine, &append);
}

static inline enum engine_result rig_append(struct engine *engine, const char *room,
                                            uint64_t offset)
{
    rig_send(engine, room, offset);
    struct engine_completion done = rig_next(engine);
    ck_assert_int_eq(done.what, ENGINE_APPENDED);
    ck_assert_uint_eq(done.id, offset);
    return done.result;
}

/* The log of a room, views valid until the next call. */
static inline struct engine_log rig_load(struct engine *engine, const char *room)
{
    engine->ops->load(engine, &(struct engine_load){.id = 99,
                                                    .kind = ENGINE_ROOM,
                                                    .name = bytes_of_str(room),
                                                    .count_max = 1000000,
                                                    .bytes_max = UINT64_MAX});
    struct engine_completion done = rig_next(engine);
    ck_assert_int_eq(done.what, ENGINE_LOADED);
    ck_assert_uint_eq(done.id, 99);
    ck_assert_int_eq(done.result, ENGINE_OK);
    return done.log;
}

/* Every record is what rig_message() made. */
static inline void rig_check(const char *room, const struct engine_log *log)
{
    char text[64];
    for (size_t i = 0; i < log->record_count; i++) {
        const struct engine_record *record = &log->records[i];
        struct engine_append want = rig_message(room, record->offset, text);
        ck_assert(i == 0 || record->offset > log->records[i - 1].offset);
        ck_assert(bytes_equal(record->payload, want.payload));
        ck_assert(bytes_equal(record->user, want.user));
        ck_assert(bytes_equal(record->server_id, want.server_id));
    }
}

#endif
