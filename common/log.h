/* Log lines of the shells: one event, some fields, one line. Text (`event key=value`, values quoted
 * when needed) or JSON (one object a line with ts, level, event). Events are rows of
 * log_events.def; rows marked LIMITED, which a peer can trigger, print at most 20 lines per 10
 * seconds and then say how many were left out. The sink is stderr: the one piece of global state
 * (house style 11). */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include "common/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

enum log_event_id {
#define LOG_EVENT(id, name, level, limited, help) LOG_##id,
#include "common/log_events.def"
#undef LOG_EVENT
    LOG_EVENT_COUNT
};

enum log_field_kind { LOG_FIELD_INT, LOG_FIELD_UINT, LOG_FIELD_BYTES };

struct log_field {
    const char *key;
    enum log_field_kind kind;
    int64_t number; /* INT, and UINT by cast */
    struct bytes text;
};

#define LOG_I(key, value) ((struct log_field){(key), LOG_FIELD_INT, (int64_t)(value), BYTES_EMPTY})
#define LOG_U(key, value) ((struct log_field){(key), LOG_FIELD_UINT, (int64_t)(value), BYTES_EMPTY})
#define LOG_B(key, value) ((struct log_field){(key), LOG_FIELD_BYTES, 0, (value)})
#define LOG_S(key, value) LOG_B(key, bytes_of_str(value))

/* Writes one line if the event's level is enabled: log_event(LOG_CONN_CLOSE, LOG_S("reason", r)).
 */
#define log_event(id, ...)                                                                         \
    log_emit(                                                                                      \
        (id), (const struct log_field[]){{NULL, LOG_FIELD_INT, 0, BYTES_EMPTY}, ##__VA_ARGS__},    \
        sizeof((const struct log_field[]){{NULL, LOG_FIELD_INT, 0, BYTES_EMPTY}, ##__VA_ARGS__}) / \
            sizeof(struct log_field))

/* Use log_event(). fields[0] only lets the list be empty: it is ignored. */
void log_emit(enum log_event_id id, const struct log_field *fields, size_t count);

/* Format and threshold; text and info before the first call. */
void log_configure(bool json, enum log_level level_min);

/* True when lines of this level are printed: guards expensive field making. */
bool log_enabled(enum log_level level);

#endif
