/* Who is in which room, as the connections tell, and how often a user was away so that others may
 * have been told: at once with a goodbye, else for the grace. A flap is a push more than that.
 * Lenient where only the router knows the moment: an absence counts from when the client could see
 * it, which is before the router's. Pure. */
#ifndef TESTS_JUDGE_SEATS_H
#define TESTS_JUDGE_SEATS_H

#include <stdbool.h>
#include <stdint.h>

struct judge_seats;

struct judge_seat {
    uint32_t user;
    uint32_t room;
};

struct judge_seats *judge_seats_new(uint32_t users, uint32_t rooms, uint64_t grace_us);
void judge_seats_free(struct judge_seats **seats);

/* A connection of the user is in: its join was answered. Until then the router may not have heard
 * of it. */
void judge_seats_enter(struct judge_seats *seats, struct judge_seat seat, uint64_t now_us);
/* One of them is gone, with a goodbye or without. The router may know as early as `now_us`. */
void judge_seats_exit(struct judge_seats *seats, struct judge_seat seat, uint64_t now_us,
                      bool goodbye);

/* The next router knows nobody who is away now: neither their leaving nor their coming back within
 * the grace is told as usual. */
void judge_seats_router_died(struct judge_seats *seats);

bool judge_seats_taken(const struct judge_seats *seats, struct judge_seat seat);
/* Absences that may have been told by now. */
uint32_t judge_seats_absences(const struct judge_seats *seats, struct judge_seat seat,
                              uint64_t now_us);

#endif
