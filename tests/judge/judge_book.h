/* Which message stood where, over all readers: one offset is one message for everybody, and one
 * message has one offset. Messages are numbers above 0. Pure. */
#ifndef TESTS_JUDGE_BOOK_H
#define TESTS_JUDGE_BOOK_H

#include "tests/judge/judge_rule.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JUDGE_OFFSET_MAX = 1 << 24, JUDGE_MESSAGE_MAX = 1 << 26 };

struct judge_book;

struct judge_place {
    uint32_t log;  /* a room or an inbox */
    uint64_t life; /* of the router that told it */
    uint64_t epoch;
    uint64_t offset;
};

/* `kept`: the log outlives routers, so one may tell again what another accepted. */
struct judge_book *judge_book_new(bool kept);
void judge_book_free(struct judge_book **book);

/* `message` was seen there. BAD_LINE when a number is above its maximum. */
enum judge_rule judge_book_seen(struct judge_book *book, const struct judge_place *place,
                                uint64_t message);

/* Its sender was told ok, and will not send it again. */
enum judge_rule judge_book_accepted(struct judge_book *book, uint64_t life, uint64_t message);
bool judge_book_is_accepted(const struct judge_book *book, uint64_t message);

/* What was seen at a place; 0 for nothing. */
uint64_t judge_book_at(const struct judge_book *book, uint32_t log, uint64_t epoch,
                       uint64_t offset);

/* The logs seen, in the order of their first message: start with *cursor = 0; false at the end.
 * `ret_last` has the log's highest offset. */
bool judge_book_next(const struct judge_book *book, size_t *cursor, struct judge_place *ret_last);

#endif
