/* The thinking half of the log: how a line looks and when a line is left out. Time is an argument.
 */
#ifndef COMMON_LOG_FORMAT_H
#define COMMON_LOG_FORMAT_H

#include "common/buf.h"
#include "common/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LOG_VALUE_LEN_MAX = 512, /* longer values are cut and say so */
    LOG_LIMIT_LINES = 20,    /* per window and event */
    LOG_LIMIT_WINDOW_MS = 10 * 1000
};

/* Counts the lines of one LIMITED event. Zero-initialise. */
struct log_limit {
    uint64_t window_end_ms; /* monotonic; 0 = no window is open */
    uint32_t printed;
    uint64_t suppressed;
};

/* Appends one line with its newline. `wall_ms` is the time stamp. fields[0] is ignored, as in
 * log_emit. Whatever the values hold, the result is one line of valid UTF-8 without control
 * characters. */
void log_format(struct buf *out, bool json, uint64_t wall_ms, enum log_event_id id,
                const struct log_field *fields, size_t count);

/* Level of an event, and whether it is LIMITED. */
enum log_level log_event_level(enum log_event_id id);
bool log_event_limited(enum log_event_id id);

/* "conn.close" */
const char *log_event_name(enum log_event_id id);

/* True when one more line may be printed now; a false answer counts it as suppressed. Take the
 * number of an ended window first. */
bool log_limit_admit(struct log_limit *limit, uint64_t now_ms);

/* Lines left out in a window that has ended at `now_ms`, once; 0 when there is nothing to tell. */
uint64_t log_limit_take_suppressed(struct log_limit *limit, uint64_t now_ms);

#endif
