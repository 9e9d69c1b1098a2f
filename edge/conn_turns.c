/* Openings take turns. What a connection costs before it is open (accepting TLS above all, 0.2 to 1
 * ms each) is bounded per turn of the loop by time, at least one step: who is open is served
 * between any two portions. The rest waits in a queue, first come, first served, and is not watched
 * meanwhile. It holds only unfinished openings, so --max-handshakes bounds it; and while it is long
 * the listener accepts nobody, so that nobody is pushed out of it by those behind. */
#include "common/clock.h"
#include "common/mem.h"
#include "edge/conn.h"
#include "edge/edge_state.h"

enum { OPENINGS_US = 250, CAPACITY_MIN = 64 };

/* The capacity is a power of two, or 0. */
static slot_id *place(struct conn_turns *turns, size_t index)
{
    return &turns->ids[(turns->head + index) & (turns->capacity - 1)];
}

static void make_room(struct conn_turns *turns)
{
    struct conn_turns larger = {.count = turns->count};
    larger.capacity = turns->capacity == 0 ? CAPACITY_MIN : turns->capacity * 2;
    larger.ids = mem_new(larger.capacity, sizeof(larger.ids[0]));
    for (size_t i = 0; i < turns->count; i++) {
        larger.ids[i] = *place(turns, i);
    }
    mem_free(turns->ids);
    turns->ids = larger.ids;
    turns->head = 0;
    turns->capacity = larger.capacity;
}

static void wait_for_turn(struct conn *conn)
{
    struct conn_turns *turns = &conn->edge->turns;
    if (turns->count == turns->capacity) {
        make_room(turns);
    }
    *place(turns, turns->count++) = conn_id(conn);
    conn_pause(conn, CONN_PAUSE_TURN);
}

static void serve(struct conn *conn)
{
    struct conn_turns *turns = &conn->edge->turns;
    uint64_t from_us = clock_mono_us();
    conn_read(conn);
    turns->spent_us += clock_mono_us() - from_us;
}

void conn_turns_take(struct conn *conn)
{
    const struct conn_turns *turns = &conn->edge->turns;
    if (turns->count != 0 || turns->spent_us >= OPENINGS_US) {
        wait_for_turn(conn);
    } else {
        serve(conn);
    }
}

/* Who is paused for another reason too has ended or is being given up: nothing to read. */
static void serve_next(struct edge *edge)
{
    struct conn_turns *turns = &edge->turns;
    struct conn *conn = slotmap_get(&edge->conns, *place(turns, 0));
    turns->head = (turns->head + 1) & (turns->capacity - 1);
    turns->count--;
    if (conn == NULL || conn->state == CONN_DEAD) {
        return;
    }
    conn->paused &= (uint8_t)~CONN_PAUSE_TURN;
    if (conn->paused == 0) {
        serve(conn);
    }
}

bool conn_turns_run(struct edge *edge)
{
    struct conn_turns *turns = &edge->turns;
    bool some = turns->count != 0;
    if (some) {
        (void)edge_now(edge); /* the turn begins here */
    }
    while (turns->count != 0 && turns->spent_us < OPENINGS_US) {
        serve_next(edge);
    }
    turns->spent_us = 0;
    return some;
}

size_t conn_turns_waiting(const struct edge *edge)
{
    return edge->turns.count;
}
