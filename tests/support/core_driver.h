/* Drives a router core with short calls and renders what it answers as one line per effect, so that
 * a test reads as a dialogue:
 *
 *     core_driver_join(&d, 0, 1, "r");
 *     core_driver_expect(&d, "send 0/1 ok 1 join r @0 first 1\n"
 *                            "add 0/1 room:r info @0\n");
 */
#ifndef TESTS_SUPPORT_CORE_DRIVER_H
#define TESTS_SUPPORT_CORE_DRIVER_H

#include "common/buf.h"
#include "router/core.h"
#include "router/registry.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CORE_DRIVER_WALL_MS = 1000000, /* wall clock at monotonic time 0 */
    CORE_DRIVER_LOADS = 64,
    CORE_DRIVER_INCARNATION = 10 /* of e0; e1 has the next, and so on */
};

struct core_driver {
    struct router_core *core;
    struct core_config config;
    uint64_t now_ms;
    struct buf log;              /* what was not yet expected */
    struct core_effects effects; /* of the last step */
    uint64_t append_ids[64];     /* of APPEND effects, in order */
    size_t append_count;
    bool tells_unsure;                 /* with a line for GROUP_UNSURE */
    bool tells_rosters;                /* with a line for GROUP_ROSTER */
    bool loads_by_hand;                /* else logs are empty, at once and without a line */
    uint64_t loads[CORE_DRIVER_LOADS]; /* channels of LOAD effects, a ring */
    uint32_t load_count;
    struct bytes rights; /* of the tokens of those who open from now on */
    bool more;           /* the core wants CORE_GO_ON: given at once */
    uint64_t others;     /* that edges announce with: number of the edges that there were */
    uint64_t next_id;    /* of commands: 1, 2, … ; 0 = commands without ids */
};

/* Generous limits, memory rooms, grace 5 s, no rebuild time. Change before core_driver_start. */
struct core_config core_driver_config(void);

/* A core at time 1000 ms with `edge_count` edges e0, e1, … that have announced nothing. */
void core_driver_start(struct core_driver *driver, const struct core_config *config,
                       uint32_t edge_count);
void core_driver_stop(struct core_driver *driver);

/* One event; wall_ms is filled. The log grows. */
void core_driver_step(struct core_driver *driver, struct core_event *event);

/* Asserts the log (of several steps) and clears it. */
void core_driver_expect(struct core_driver *driver, const char *lines);
/* Asserts that the log holds `line` (or does not), without clearing. */
void core_driver_expect_line(struct core_driver *driver, const char *part);
void core_driver_expect_none(struct core_driver *driver, const char *part);
void core_driver_forget(struct core_driver *driver);

/* Lets time pass, with a TICK at each deadline. */
void core_driver_wait(struct core_driver *driver, uint64_t ms);

/* The last effect of a kind in the last step; asserts that there is one. */
const struct core_effect *core_driver_last(const struct core_driver *driver,
                                           enum core_effect_kind kind);

void core_driver_edge_up(struct core_driver *driver, uint32_t edge, const char *id);
void core_driver_edge_down(struct core_driver *driver, uint32_t edge);
void core_driver_announce_group(struct core_driver *driver, uint32_t edge, uint32_t local,
                                enum channel_kind kind, const char *name, uint64_t epoch,
                                uint64_t last_offset);
void core_driver_announce_conn(struct core_driver *driver, uint32_t edge, uint32_t slot,
                               const char *user, const uint32_t *locals, size_t local_count);
void core_driver_announce_end(struct core_driver *driver, uint32_t edge);

/* Connections have generation 1 unless they were opened with another. */
void core_driver_open(struct core_driver *driver, uint32_t edge, uint32_t slot, const char *user);
void core_driver_open_gen(struct core_driver *driver, uint32_t edge, uint32_t slot, uint32_t gen,
                          const char *user);
void core_driver_close(struct core_driver *driver, uint32_t edge, uint32_t slot, bool clean);

/* Commands; each gets the next id. */
void core_driver_command(struct core_driver *driver, uint32_t edge, uint32_t slot,
                         struct command *command);
void core_driver_join(struct core_driver *driver, uint32_t edge, uint32_t slot, const char *room);
void core_driver_leave(struct core_driver *driver, uint32_t edge, uint32_t slot, const char *room);
void core_driver_say(struct core_driver *driver, uint32_t edge, uint32_t slot, const char *room,
                     const char *payload);
void core_driver_direct(struct core_driver *driver, uint32_t edge, uint32_t slot,
                        const char *target, const char *payload);
void core_driver_users(struct core_driver *driver, uint32_t edge, uint32_t slot,
                       enum command_kind kind, const char *user);

void core_driver_appended(struct core_driver *driver, size_t index, enum append_result result);
/* The newest load is answered; NULL: nothing was ever appended. */
void core_driver_loaded(struct core_driver *driver, const struct core_log *log);
/* That load failed. */
void core_driver_load_failed(struct core_driver *driver);
/* `room` NULL: off the server. */
void core_driver_kick_user(struct core_driver *driver, const char *user, const char *room);

/* Epoch of a room, which must exist. */
uint64_t core_driver_epoch(const struct core_driver *driver, const char *room);

#endif
