/* Who is who: a run's connections, users, rooms and publishers, all computed from numbers, so that
 * processes agree without talking. Pure. */
#ifndef BENCH_LOAD_PLAN_H
#define BENCH_LOAD_PLAN_H

#include "tests/bench/load/account.h"

#include <stdbool.h>
#include <stdint.h>

struct plan {
    uint32_t connections;
    uint32_t processes;
    uint32_t users;
    uint32_t rooms;
    uint32_t rooms_min;
    uint32_t rooms_max;
    uint32_t publishers;
    bool direct; /* publishers write to each other in pairs, not to rooms */
};

#define PLAN_NOBODY UINT32_MAX

/* The first connection of a process; that of the one after the last is `connections`. */
uint32_t plan_first(const struct plan *plan, uint32_t process);

uint32_t plan_user(const struct plan *plan, uint32_t conn);

uint32_t plan_room_count(const struct plan *plan, uint32_t conn);

/* Its i-th room; all are different while there are enough. */
uint32_t plan_room(const struct plan *plan, uint32_t conn, uint32_t i);

/* The publisher that a connection is, or PLAN_NOBODY; and back. Publishers are spread evenly. */
uint32_t plan_publisher(const struct plan *plan, uint32_t conn);
uint32_t plan_publisher_conn(const struct plan *plan, uint32_t publisher);

/* Whom a publisher writes to when `direct`: the other one of its pair, as connection. */
uint32_t plan_peer_conn(const struct plan *plan, uint32_t conn);

/* True when a connection that hears this publisher has one message less in flight: its own message
 * came back, or its peer wrote. */
bool plan_answers(const struct plan *plan, uint32_t conn, uint32_t publisher);

/* How many deliveries follow when publisher p has sent sent[p] messages. */
uint64_t plan_deliveries(const struct plan *plan, const uint64_t *sent);

/* Publishers by the room they publish in, made once per process. */
struct plan_index;
struct plan_index *plan_index_new(const struct plan *plan);
void plan_index_free(struct plan_index **index);

/* What a connection is to hear: one stream for each publisher of its rooms, or for its peer,
 * sorted; the caller frees with mem_free. */
struct account_stream *plan_streams(const struct plan *plan, const struct plan_index *index,
                                    uint32_t conn, uint32_t *ret_count);

#endif
