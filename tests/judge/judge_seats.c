/* See judge_seats.h. */
#include "tests/judge/judge_seats.h"

#include "common/mem.h"

#include <assert.h>

struct seat {
    uint64_t away_us; /* since when, while nobody stands */
    uint32_t standing;
    uint32_t absences; /* those that are over */
    bool goodbye;      /* how the last one went */
    bool ever;
};

struct judge_seats {
    size_t count;
    uint32_t rooms;
    uint64_t grace_us;
    struct seat *seats;
};

struct judge_seats *judge_seats_new(uint32_t users, uint32_t rooms, uint64_t grace_us)
{
    struct judge_seats *seats = mem_new(1, sizeof(*seats));
    seats->count = (size_t)users * rooms;
    seats->rooms = rooms;
    seats->grace_us = grace_us;
    seats->seats = mem_new(seats->count + 1, sizeof(*seats->seats));
    return seats;
}

void judge_seats_free(struct judge_seats **seats)
{
    if (*seats != NULL) {
        mem_free((*seats)->seats);
        mem_free(*seats);
        *seats = NULL;
    }
}

static struct seat *seat_of(const struct judge_seats *seats, struct judge_seat seat)
{
    return &seats->seats[(size_t)seat.user * seats->rooms + seat.room];
}

static bool is_told(const struct judge_seats *seats, const struct seat *seat, uint64_t now_us)
{
    return seat->ever && seat->standing == 0 &&
           (seat->goodbye || now_us >= seat->away_us + seats->grace_us);
}

void judge_seats_enter(struct judge_seats *seats, struct judge_seat where, uint64_t now_us)
{
    struct seat *seat = seat_of(seats, where);
    seat->absences += is_told(seats, seat, now_us);
    seat->ever = true;
    seat->standing++;
}

void judge_seats_exit(struct judge_seats *seats, struct judge_seat where, uint64_t now_us,
                      bool goodbye)
{
    struct seat *seat = seat_of(seats, where);
    assert(seat->standing > 0);
    seat->standing--;
    seat->away_us = now_us;
    seat->goodbye = goodbye;
}

void judge_seats_router_died(struct judge_seats *seats)
{
    for (size_t i = 0; i < seats->count; i++) {
        struct seat *seat = &seats->seats[i];
        seat->goodbye = seat->goodbye || (seat->ever && seat->standing == 0);
    }
}

bool judge_seats_taken(const struct judge_seats *seats, struct judge_seat seat)
{
    return seat_of(seats, seat)->standing != 0;
}

uint32_t judge_seats_absences(const struct judge_seats *seats, struct judge_seat where,
                              uint64_t now_us)
{
    const struct seat *seat = seat_of(seats, where);
    return seat->absences + is_told(seats, seat, now_us);
}
