#include "tests/bench/load/plan.h"

#include "common/mem.h"

#include <stdlib.h>

struct plan_index {
    uint32_t *start;      /* of each room in `publishers`; one more at the end */
    uint32_t *publishers; /* ascending within a room */
};

uint32_t plan_first(const struct plan *plan, uint32_t process)
{
    return (uint32_t)((uint64_t)plan->connections * process / plan->processes);
}

uint32_t plan_user(const struct plan *plan, uint32_t conn)
{
    return plan->users == 0 ? conn : conn % plan->users;
}

uint32_t plan_room_count(const struct plan *plan, uint32_t conn)
{
    uint32_t count = plan->rooms_min;
    if (plan->rooms_max > plan->rooms_min) {
        count += conn % (plan->rooms_max - plan->rooms_min + 1);
    }
    return count < plan->rooms ? count : plan->rooms;
}

uint32_t plan_room(const struct plan *plan, uint32_t conn, uint32_t i)
{
    uint32_t step = plan->rooms_max == 0 ? 1 : plan->rooms / plan->rooms_max;
    return (uint32_t)((conn + (uint64_t)i * (step == 0 ? 1 : step)) % plan->rooms);
}

static uint32_t spacing(const struct plan *plan)
{
    return plan->connections / plan->publishers;
}

uint32_t plan_publisher(const struct plan *plan, uint32_t conn)
{
    if (plan->publishers == 0 || conn % spacing(plan) != 0) {
        return PLAN_NOBODY;
    }
    uint32_t publisher = conn / spacing(plan);
    return publisher < plan->publishers ? publisher : PLAN_NOBODY;
}

uint32_t plan_publisher_conn(const struct plan *plan, uint32_t publisher)
{
    return publisher * spacing(plan);
}

uint32_t plan_peer_conn(const struct plan *plan, uint32_t conn)
{
    uint32_t publisher = plan_publisher(plan, conn);
    return publisher == PLAN_NOBODY ? conn : plan_publisher_conn(plan, publisher ^ 1U);
}

bool plan_answers(const struct plan *plan, uint32_t conn, uint32_t publisher)
{
    return plan_publisher(plan, conn) == (plan->direct ? publisher ^ 1U : publisher);
}

static uint32_t room_of_publisher(const struct plan *plan, uint32_t publisher)
{
    return plan_room(plan, plan_publisher_conn(plan, publisher), 0);
}

uint64_t plan_deliveries(const struct plan *plan, const uint64_t *sent)
{
    uint64_t deliveries = 0;
    uint32_t *members = mem_new(plan->rooms, sizeof(*members));
    for (uint32_t conn = 0; conn < plan->connections; conn++) {
        uint32_t rooms = plan_room_count(plan, conn);
        for (uint32_t i = 0; i < rooms; i++) {
            members[plan_room(plan, conn, i)]++;
        }
    }
    for (uint32_t p = 0; p < plan->publishers; p++) {
        deliveries += sent[p] * (plan->direct ? 1 : members[room_of_publisher(plan, p)]);
    }
    mem_free(members);
    return deliveries;
}

struct plan_index *plan_index_new(const struct plan *plan)
{
    struct plan_index *index = mem_new(1, sizeof(*index));
    index->start = mem_new(plan->rooms + 2, sizeof(*index->start));
    index->publishers = mem_new(plan->publishers + 1, sizeof(*index->publishers));
    for (uint32_t p = 0; p < plan->publishers; p++) {
        index->start[room_of_publisher(plan, p) + 2]++;
    }
    for (uint32_t room = 0; room < plan->rooms; room++) {
        index->start[room + 2] += index->start[room + 1];
    }
    for (uint32_t p = 0; p < plan->publishers; p++) { /* makes start[room + 1] the room's end */
        index->publishers[index->start[room_of_publisher(plan, p) + 1]++] = p;
    }
    return index;
}

void plan_index_free(struct plan_index **index)
{
    if (*index != NULL) {
        mem_free((*index)->start);
        mem_free((*index)->publishers);
        mem_free(*index);
        *index = NULL;
    }
}

static int by_publisher(const void *a, const void *b)
{
    const struct account_stream *left = a;
    const struct account_stream *right = b;
    return (left->publisher > right->publisher) - (left->publisher < right->publisher);
}

static struct account_stream *direct_streams(const struct plan *plan, uint32_t conn,
                                             uint32_t *ret_count)
{
    uint32_t publisher = plan_publisher(plan, conn);
    *ret_count = publisher == PLAN_NOBODY ? 0 : 1;
    if (publisher == PLAN_NOBODY) {
        return NULL;
    }
    struct account_stream *stream = mem_new(1, sizeof(*stream));
    stream->publisher = publisher ^ 1U;
    return stream;
}

struct account_stream *plan_streams(const struct plan *plan, const struct plan_index *index,
                                    uint32_t conn, uint32_t *ret_count)
{
    uint32_t count = 0;
    uint32_t rooms = plan_room_count(plan, conn);
    if (plan->direct) {
        return direct_streams(plan, conn, ret_count);
    }
    for (uint32_t i = 0; i < rooms; i++) {
        uint32_t room = plan_room(plan, conn, i);
        count += index->start[room + 1] - index->start[room];
    }
    *ret_count = count;
    if (count == 0) {
        return NULL;
    }
    struct account_stream *streams = mem_new(count, sizeof(*streams));
    uint32_t at = 0;
    for (uint32_t i = 0; i < rooms; i++) {
        uint32_t room = plan_room(plan, conn, i);
        for (uint32_t p = index->start[room]; p < index->start[room + 1]; p++) {
            streams[at++].publisher = index->publishers[p];
        }
    }
    qsort(streams, count, sizeof(*streams), by_publisher);
    return streams;
}
