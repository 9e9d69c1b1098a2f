/* Judges the trace of a run with real programs and real clients: one line per thing that was
 * observed, in the order of time. Pure: lines come in, complaints and counts go out.
 *
 * A line is `TIME WORD NUMBER…`, all of them decimal numbers but the word, with single spaces
 * between; TIME is in microseconds. Clients, users, rooms and edges count from 0. A message is one
 * number above 0: its publisher's number for it × publishers + publisher + 1. tests/judge/README.md
 * lists the words. */
#ifndef TESTS_JUDGE_TRACE_H
#define TESTS_JUDGE_TRACE_H

#include "common/bytes.h"
#include "tests/judge/judge_rule.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct judge;

enum { JUDGE_COMPLAINTS_MAX = 32 };

/* What was wrong, and where. `detail` has what else the rule is about: a user, an offset. */
struct judge_complaint {
    enum judge_rule rule;
    uint64_t time_us;
    uint64_t line;
    uint64_t client; /* UINT64_MAX: none */
    uint64_t room;   /* the same */
    uint64_t detail;
};

/* Times in microseconds. */
struct judge_times {
    size_t count;
    uint64_t median;
    uint64_t p99;
    uint64_t worst;
};

struct judge_counts {
    uint64_t opened;    /* sockets */
    uint64_t closed;    /* by the server, or broken */
    uint64_t sent;      /* messages, each once */
    uint64_t repeated;  /* sent again */
    uint64_t ok;        /* messages answered so */
    uint64_t known;     /* of these with `duplicate` */
    uint64_t errors;    /* answers that said no */
    uint64_t abandoned; /* their sender does not know, and does not send them again */
    uint64_t delivered;
    uint64_t gaps; /* told */
    uint64_t left_out;
    uint64_t filled; /* asked for afterwards */
    uint64_t joined; /* pushes */
    uint64_t left;
    uint64_t faults;
    uint64_t logged;              /* messages in the logs */
    struct judge_times control;   /* silence of members and rooms while nothing was broken */
    struct judge_times pause;     /* silence around a fault, per member, room and fault */
    struct judge_times latency;   /* from sent to heard, without a fault */
    struct judge_times in_fault;  /* the same of messages sent in a fault's window */
    uint64_t broken[JUDGE_RULES]; /* complaints by rule */
    uint64_t complaints;          /* in all */
};

struct judge *judge_new(void);
void judge_free(struct judge **judge);

/* One line, without its end. What is no such line is a complaint, too. */
void judge_line(struct judge *judge, struct bytes line);

/* After the last line. `ret_counts` is filled. */
void judge_finish(struct judge *judge, struct judge_counts *ret_counts);

/* The first complaints, at most JUDGE_COMPLAINTS_MAX; NULL behind the last one. */
const struct judge_complaint *judge_complaint_at(const struct judge *judge, size_t index);

#endif
